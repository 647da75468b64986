"""A folder of motion capture to a label dataset: clips through the chain on several processes, shards in a fixed order, resumable."""

import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np

from realtime.body.dataset import REJECT_REASONS
from realtime.body.errors import BioHumanError, InputError
from realtime.body.interrupts import held_interrupts
from realtime.body.muscles import muscle_table

from . import anatomy, contact, ground_level, label, optimise
from .choices import DEFAULT, Choices
from .cluster import software
from .dataset import LABELS, LABELS_WITH_SPREAD, DatasetWriter, as_stored
from .folder import ClipFile, is_smpl, list_clips
from .inputs import check_kept, file_hashes, input_sha256, source_sha256
from .label import Labels, label_clip
from .musculo.body import Body
from .musculo.model import WHEEL, WHEEL_VERSION, model_sha256
from .person import person_settings, sized, with_sizes
from .readers.amass import RestBody, amass_motion, read_amass
from .readers.amc import read_asf_amc
from .readers.axes import check_falls, check_person_moves
from .readers.bvh import read_bvh
from .readers.resample import resample
from .readers.retarget import SmplMotion, estimated_floor_m, retarget
from .spread import spread_columns, spread_settings
from .workers import ATTEMPTS, LocalWorkers, Workers

FPS = 30.0
_PACKAGES = ("mujoco", WHEEL, "numpy", "scipy", "numba", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How files are to be read, beyond what they say themselves."""

    source_fps: float | None = None  # overrides their frame rate
    smpl_bodies: tuple[RestBody, ...] = ()  # where the joints of .npz motion come from; none = our own rest skeleton
    up: str | None = None  # up axis of .npz motion, y or z; None = tested


@dataclass(frozen=True)
class Done:
    """One clip's result: its index row and columns, or why it has none."""

    clip: ClipFile
    row: dict
    frames: dict[str, np.ndarray]
    error: str | None = None
    seconds: dict[str, float] | None = None  # CPU time by stage; not in the dataset: two runs write the same bytes


@dataclass(frozen=True)
class Summary:
    clips: int
    frames: int
    skipped: dict[str, str]
    info: dict


def make_labels(
    folder: Path,
    out: Path,
    *,
    fps: float = FPS,
    source_fps: float | None = None,
    smpl_bodies: Sequence[Path] = (),
    up: str | None = None,
    jobs: int = 1,
    strict: bool = False,
    choices: Choices = DEFAULT,
    body: Body | None = None,
    workers: Workers | None = None,
    on_clip: Callable[[Done], None] = lambda done: None,
    on_start: Callable[[list[ClipFile], set[str]], None] = lambda clips, kept: None,
) -> Summary:
    """Labels every clip of `folder` into `out`.

    Args:
        fps: frame rate of the labels; faster motion is resampled.
        source_fps: overrides the frame rate of the files.
        smpl_bodies: body files for .npz motion, at most one a kind and gender; none = our own rest skeleton.
        up: up axis of .npz motion, "y" or "z"; None = tested.
        jobs: processes; each builds its own body (7 s).
        strict: the first file that cannot be labelled ends the run, instead of being left out and named in `dataset.json`.
        choices: cost, muscle, filter, smoothing, limits and spread.
        body: used when jobs is 1, else built.
        workers: who labels (see `ray_workers`); None = this process, or `jobs` processes.
        on_start, on_clip: called with all clips and the names kept from an earlier run; with each finished clip.

    Raises:
        InputError: no file can be labelled, or one cannot and `strict` is on.
        OutputError: `out` holds something else, or labels of files that have changed since; or it cannot be written.
    """
    clips = with_sizes(list_clips(folder))
    reading = Reading(source_fps=source_fps, smpl_bodies=tuple(RestBody.read(path) for path in smpl_bodies), up=up)
    if (reading.smpl_bodies or up) and not any(is_smpl(clip) for clip in clips):
        raise InputError(f"{folder} holds no .npz motion, for which --smpl-body and --up are; leave them out")
    settings = run_settings(clips, fps, reading, choices)
    hashes = file_hashes(folder, clips)
    sources = {clip.clip: source_sha256(clip, hashes.get) for clip in clips}
    inputs = {clip.clip: input_sha256(clip, sources[clip.clip]) for clip in clips}
    writer = DatasetWriter(out, LABELS_WITH_SPREAD if choices.spread else LABELS, settings)
    check_kept(out, folder, writer.rows, inputs)
    kept = writer.done
    on_start(clips, kept)
    skipped: dict[str, str] = {}
    todo = [Job(clip, fps, reading, choices, sources[clip.clip]) for clip in clips if clip.clip not in kept]
    with _runner(workers, jobs if len(todo) > 1 else 1, body) as run:
        for done in run(todo):
            if done.error is None:
                done.row["more"]["input_sha256"] = inputs[done.clip.clip]
                writer.add(done.row, done.frames)
            elif strict:
                raise InputError(f"{done.error}; mend or remove the file, or leave --strict out to go on with the rest")
            else:
                skipped[done.clip.clip] = done.error
            on_clip(done)
    rows = writer.rows
    if not rows:
        raise InputError(
            f"none of the {len(clips)} files in {folder} could be labelled; the first: {next(iter(skipped.values()))}"
        )
    info = dataset_info(rows, clips, skipped) | {"inputs_sha256": {path.name: sha for path, sha in hashes.items()}}
    writer.finish(info)
    return Summary(len(rows), sum(row["frames"] for row in rows), skipped, info)


def run_settings(clips: list[ClipFile], fps: float, reading: Reading, choices: Choices = DEFAULT) -> dict:
    """Everything that all labels hang on: two runs with equal settings and files give the same dataset."""
    smpl = {}
    if any(map(is_smpl, clips)):
        smpl = {"smpl_bodies": [[b.kind, b.gender, b.source_sha256] for b in reading.smpl_bodies], "up": reading.up}
    return {
        "fps": fps,
        "source_fps": reading.source_fps,
        **smpl,
        "model": f"{WHEEL} {WHEEL_VERSION} myofullbody without fingers, mended",
        "model_sha256": model_sha256(),
        "choices": asdict(choices),
        "simulation": simulation_settings(),
        "person": person_settings(),
        **({"spread": spread_settings()} if choices.spread else {}),
        "software": software(_PACKAGES),
    }


def simulation_settings() -> dict:
    """The constants of the chain, as they stand in the code; what may be chosen stands under `choices`."""
    return {
        "friction": contact.FRICTION,
        "pivot_m": contact.PIVOT_M,
        "gate": [contact.GATE_HEIGHT_M, contact.GATE_HEIGHT_WIDTH_M, contact.GATE_SPEED_M_S, contact.GATE_SPEED_WIDTH_M_S],
        "sliding": [contact.SLIDING_FROM_BW, contact.SLIDING_SPEED_M_S, contact.SLIDING_GATE],
        "root_compliance_BW": list(contact.ROOT_COMPLIANCE_BW),
        "floor": [ground_level.FLOOR_WINDOW_S, ground_level.FLOOR_PERCENTILE, ground_level.STEP_M],
        "rest": [ground_level.REST_M_S, ground_level.REST_S],
        "belt_m_s": [ground_level.BELT_M_S, ground_level.BELT_SPREAD_M_S],
        "loaded_BW": contact.LOADED_BW,
        "lowest_activation": optimise.LOWEST_ACTIVATION,
        "reserve_scale_Nm": optimise.RESERVE_SCALE_NM,
        "solver_tolerance": optimise.TOLERANCE,
        "smoothing": ["Savitzky-Golay", label.SMOOTH_WINDOW, label.SMOOTH_ORDER, label.SMOOTH_FPS],
        "turned_over_deg": {"head": anatomy.HEAD_DEG, "ankle": anatomy.ANKLE_DEG, "wrist": anatomy.WRIST_DEG},
        "smeared_frames": label.SMEARED_FRAMES,
    }


def read_motion(clip: ClipFile, reading: Reading) -> tuple[SmplMotion, float, dict]:
    """A file's motion on SMPL-24, the height of its floor, m, and for .npz what was tested and taken.

    Raises:
        InputError: a file that cannot be read, or fails a test.
    """
    motion, floor_m, notes = _read(clip, reading)
    check_falls(str(clip.path), motion.forward()[0], motion.fps)
    return motion, floor_m if clip.floor_m is None else clip.floor_m, notes


def _read(clip: ClipFile, reading: Reading) -> tuple[SmplMotion, float, dict]:
    """As `read_motion`, with the floor estimated."""
    if is_smpl(clip):
        amass = read_amass(clip.path, reading.source_fps)
        read = amass_motion(amass, reading.smpl_bodies, up=reading.up, height_m=clip.person.height_m)
        return read.motion, read.floor_m, {"motion": read.notes}
    if clip.skeleton is not None:
        bvh = read_asf_amc(clip.skeleton, clip.path, reading.source_fps)
    else:
        bvh = read_bvh(clip.path, reading.source_fps)
    motion = retarget(bvh)
    check_person_moves(str(clip.path), motion.stature_m, motion.pelvis_m, motion.fps)
    return motion, estimated_floor_m(bvh), {}


def label_file(body: Body, clip: ClipFile, fps: float = FPS, reading: Reading = Reading(), choices: Choices = DEFAULT) -> Done:
    """One file through the chain; a file that cannot be used comes back with its error."""
    if clip.problem:
        return Done(clip, {}, {}, clip.problem)
    try:
        motion, floor_m, notes = read_motion(clip, reading)
        motion = resample(replace(motion, pelvis_m=motion.pelvis_m - [0, floor_m, 0]), fps)
        motion, straight = anatomy.straightened(motion)
        motion, person = sized(motion, clip)
        labels = label_clip(body, motion, contact_elsewhere=clip.contact_elsewhere, mass_kg=person.mass_kg, choices=choices)
        if choices.spread:
            ik_rms_m = labels.frames["ik_rms_m"]
            spread = spread_columns(body, motion, ik_rms_m, clip.clip, choices, person.mass_kg, weighed=person.weighed)
            labels = replace(labels, frames=labels.frames | spread)
    except BioHumanError as error:
        message = str(error)
        return Done(clip, {}, {}, message if str(clip.path) in message else f"{clip.path}: {message}")
    T = len(motion.pelvis_m)
    frames = {"clip": np.full(T, clip.clip, dtype=object), "frame": np.arange(T, dtype=np.int32), **labels.frames}
    row = index_row(clip, motion.rest_m, floor_m, fps, labels)
    row["more"] |= notes | person.notes | {"straightened": straight}
    return Done(clip, row, as_stored(LABELS_WITH_SPREAD.frames, frames), seconds=labels.seconds)


def index_row(clip: ClipFile, rest_m: np.ndarray, floor_m: float, fps: float, labels: Labels) -> dict:
    """The clip's row of clips.parquet, and under `more` what only dataset.json counts."""
    own, valid = labels.own_reject, labels.frames["valid"]
    reserves = np.abs(labels.frames["reserve_Nm"][own == 0])
    more = {
        "floor_m": floor_m,
        "props": clip.props,
        "contact_elsewhere": clip.contact_elsewhere,
        "flat_ground": clip.flat_ground,
        "carried_by": labels.carried_by,
        "own_rejected": int((own > 0).sum()),
        "own_by_reason": _by_reason(own),
        "by_reason": _by_reason(labels.frames["reject"]),
        "reserves": int(reserves.size),
        "reserves_above_2_Nm": int((reserves > 2).sum()),
    }
    return {
        "clip": clip.clip,
        "subject": clip.subject,
        "split": clip.split,
        "action": clip.action,
        "fps": fps,
        "frames": len(valid),
        "rest_m": rest_m.tolist(),
        "height_m": clip.person.height_m or labels.stature_m,
        "mass_kg": labels.mass_kg,
        "frames_rejected": int((~valid).sum()),
        "more": more,
    }


def _by_reason(bits: np.ndarray) -> dict[str, int]:
    return {reason: int((bits >> i & 1).sum()) for i, reason in enumerate(REJECT_REASONS)}


def dataset_info(rows: list[dict], clips: list[ClipFile], skipped: dict[str, str]) -> dict:
    """What `dataset.json` says beyond the settings: counts, muscles, joints, subjects."""
    feet_only = [row for row in rows if not row["more"]["contact_elsewhere"] and row["more"]["flat_ground"]]
    people = {clip.subject: clip.person for clip in clips}
    return {
        "counts": {
            "clips": len(rows),
            "frames": sum(row["frames"] for row in rows),
            "splits": {s: _count([r for r in rows if r["split"] == s]) for s in dict.fromkeys(row["split"] for row in rows)},
            "all": _count(rows),
            "feet_on_flat_ground_only": _count(feet_only),
        },
        "subjects": {name: asdict(person) for name, person in sorted(people.items())},
        "muscles": [[m.index, m.name, m.region, m.side, m.group] for m in muscle_table()],
        "muscle_columns": ["index", "name", "region", "side", "group"],
        "joints": list(joint_names()),
        "reject_reasons": list(REJECT_REASONS),
        "clip_details": {row["clip"]: row["more"] for row in rows},
        "skipped": skipped,
        "versions": {name: version(name) for name in _PACKAGES},
    }


def _count(rows: list[dict]) -> dict:
    """Rejected frames: by the frame's own criteria, and after spreading each over the frames it smears."""
    total = sum(row["frames"] for row in rows)
    more = [row["more"] for row in rows]
    reserves = sum(m["reserves"] for m in more)
    return {
        "clips": len(rows),
        "frames": total,
        "own_rejected": sum(m["own_rejected"] for m in more),
        "own_by_reason": {r: sum(m["own_by_reason"][r] for m in more) for r in REJECT_REASONS},
        "rejected": sum(row["frames_rejected"] for row in rows),
        "by_reason": {r: sum(m["by_reason"][r] for m in more) for r in REJECT_REASONS},
        "accepted_reserves_above_2_Nm_share": sum(m["reserves_above_2_Nm"] for m in more) / max(reserves, 1),
    }


def joint_names() -> tuple[str, ...]:
    """The 31 joints in the order of `tau_Nm` and `reserve_Nm`; a test holds them against the model."""
    trunk = ("flex_extension", "lat_bending", "axial_rotation")
    arm = ("elv_angle", "shoulder_elv", "shoulder_rot", "elbow_flex", "pro_sup", "deviation", "flexion")
    leg = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle", "subtalar_angle", "mtp_angle")
    return trunk + tuple(f"{joint}_{side}" for part in (arm, leg) for side in ("r", "l") for joint in part)


# ---- who does the work
class Job(NamedTuple):
    """One clip to label; everything that a process elsewhere must know."""

    clip: ClipFile
    fps: float
    reading: Reading
    choices: Choices
    sha256: str


def local_workers(count: int) -> Workers:
    """Processes of this machine."""
    return LocalWorkers(_work, _given_up, count)


def ray_workers(address: str | None = None, cores: int = 1) -> Workers:
    """Cores of a Ray cluster: of the running one at `address`, or of this machine.

    Raises:
        ClusterError: ray is not installed, or there is no cluster.
    """
    from .cluster import RayWorkers

    return RayWorkers(_work, _given_up, address=address, cores=cores, packages=_PACKAGES)


_worker_body: Body | None = None


def _work(job: Job) -> Done:
    """A job in a process that is there for nothing else; its first one builds the body."""
    global _worker_body
    if _worker_body is None:
        _worker_body = Body()
    return _label_job(_worker_body, job)


def _label_job(body: Body, job: Job) -> Done:
    """As `label_file`; a file that is not what it was when the run started, or not that on this machine, has an error too."""
    try:
        found = source_sha256(job.clip)
    except OSError as error:
        return Done(job.clip, {}, {}, f"{job.clip.path} cannot be read on {platform.node()}: {error.strerror}")
    if found != job.sha256:
        what = f"{job.clip.path} on {platform.node()} is not the file that the run was started with; start it again"
        return Done(job.clip, {}, {}, what)
    return label_file(body, job.clip, job.fps, job.reading, job.choices)


def _given_up(job: Job) -> Done:
    return Done(job.clip, {}, {}, f"{job.clip.path}: its worker was killed {ATTEMPTS} times; is there enough memory?")


@contextmanager
def _runner(workers: Workers | None, jobs: int, body: Body | None) -> Iterator[Callable[[list[Job]], Iterator[Done]]]:
    """A function that labels clips one after the other, in order."""
    if workers is not None:
        yield workers.run
    elif jobs > 1:
        with local_workers(jobs) as started:
            yield started.run
    else:

        def run_here(todo: list[Job]) -> Iterator[Done]:
            own = body or (Body() if todo else None)
            for job in todo:
                assert own is not None
                with held_interrupts():
                    done = _label_job(own, job)
                yield done

        yield run_here
