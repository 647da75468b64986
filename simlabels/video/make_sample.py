"""Makes the film that ships with the product, and its truth, from a paired dataset whose films were kept.

biohuman-labels video LABELS --out VIDEO --clips 14_20 --views 1 --seconds 10 --plain --size 480x360 --seed 166 --keep-video
python -m simlabels.video.make_sample VIDEO LABELS 14_20-view0-00000 --out realtime/sample
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from realtime.body.dataset import JSON_NAME
from realtime.body.errors import BioHumanError, InputError
from realtime.body.files import write_whole
from realtime.body.rotations import from_quat_wxyz
from realtime.body.skeleton import JOINT_COUNT, forward_kinematics, offsets_of

from ..dataset import PAIRS, file_sha256, read_frames

_LABELS = {"valid": (), "contact": (4,), "grf_BW": (2, 3), "activation": (-1,)}
_TRUTH = {
    "quat_wxyz": (JOINT_COUNT, 4),
    "pelvis_m": (3,),
    "R_cam_world": (3, 3),
    "t_cam_m": (3,),
    "joint_visible": (JOINT_COUNT,),
}


def truth_of(video: Path, labels: Path, take: str) -> dict[str, np.ndarray]:
    """The arrays of `realtime.sample.Truth` for one take.

    Raises:
        InputError: `video` is no finished paired dataset, there is no such take, its labels are another dataset's, or no labels
            belong to it as they are.
    """
    from pyarrow import ArrowException, parquet

    try:
        labels_sha256 = json.loads((video / JSON_NAME).read_text())["settings"]["labels_sha256"]
        index = {row["take"]: row for row in parquet.read_table(video / PAIRS.index_name).to_pylist()}
    except (OSError, ValueError, TypeError, KeyError, ArrowException) as error:
        raise InputError(f"{video} is not a finished paired dataset; make one with `biohuman-labels video`") from error
    if not (labels / JSON_NAME).is_file() or file_sha256(labels / JSON_NAME) != labels_sha256:
        raise InputError(f"{labels} are not the labels that {video} films")
    if take not in index:
        raise InputError(f"{video} has no take {take}; it has {', '.join(index)}")
    row = index[take]
    if row["mirrored"] or row["upper_clip"]:
        raise InputError(f"{take} is mirrored or recombined; take one of the first pass, or of another split than train")
    columns = read_frames(video, ["take", "frame", *_TRUTH])
    rows = columns["take"] == take
    truth: dict[str, np.ndarray] = {name: columns[name][rows].reshape(-1, *shape) for name, shape in _TRUTH.items()}
    rest_m = np.array(row["rest_m"], float).reshape(JOINT_COUNT, 3)
    R_local, pelvis_m = from_quat_wxyz(truth["quat_wxyz"].astype(float)), truth.pop("pelvis_m").astype(float)
    truth["joints_world_m"] = forward_kinematics(R_local, offsets_of(rest_m), pelvis_m)[0].astype(np.float32)
    truth |= {"K_px": np.array(row["K_px"], np.float32).reshape(3, 3), "stature_m": np.array(row["stature_m"], np.float32)}

    of_labels = read_frames(labels, ["clip", *_LABELS])
    clip = np.flatnonzero(of_labels["clip"] == row["clip"])
    at = columns["frame"][rows]
    truth |= {name: of_labels[name][clip[at]].reshape(len(at), *shape) for name, shape in _LABELS.items()}
    return truth | {"activation": truth["activation"].astype(np.float16)}


def write_sample(video: Path, labels: Path, take: str, out: Path) -> None:
    """Writes film.mp4 and truth.npz of one take to the folder `out`. What lies there goes when both new files are whole.

    Raises:
        InputError: as `truth_of`; the film of the take was not kept.
        OutputError: a file cannot be written.
    """
    truth, kept = truth_of(video, labels, take), video / "video" / f"{take}.mp4"
    try:
        film = kept.read_bytes()
    except OSError as error:
        raise InputError(f"{kept} cannot be read: {error.strerror}; film the take with --keep-video") from error

    def save_film(part: Path) -> None:
        part.write_bytes(film)
        (out / "truth.npz").unlink(missing_ok=True)  # a film never lies beside another one's truth

    def save_both(part: Path) -> None:
        _save(part, truth)
        write_whole(out / "film.mp4", save_film)

    write_whole(out / "truth.npz", save_both)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, help="paired dataset with kept films")
    parser.add_argument("labels", type=Path, help="the label dataset that it films")
    parser.add_argument("take")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for film.mp4 and truth.npz")
    args = parser.parse_args(argv)
    try:
        write_sample(args.video, args.labels, args.take, args.out)
    except BioHumanError as error:
        print(f"make_sample: {error}", file=sys.stderr)
        return 2
    return 0


def _save(part: Path, truth: dict[str, np.ndarray]) -> None:
    with part.open("wb") as file:  # given a name, numpy would add .npz to it
        np.savez_compressed(file, allow_pickle=False, **truth)


if __name__ == "__main__":
    sys.exit(main())
