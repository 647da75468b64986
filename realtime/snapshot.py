"""`biohuman snapshot`: one picture of a tracked video, the skeleton over the frame, muscle groups beside it."""

from pathlib import Path

from .body.errors import InputError, OutputError
from .body.files import write_whole
from .body.frames import State
from .capture import open_source
from .capture.opencv import load_cv2
from .engines import open_engine
from .landmarks import open_front_end
from .tracker import Tracker
from .view import crop_to_body, draw_body, draw_muscles, side_by_side
from .world import focal_px

SUFFIXES = (".png", ".jpg")
LEAST_PX = 64  # below which nobody can be made out


def run(args) -> int:
    """Tracks the source up to the moment wanted and writes the picture.

    Raises:
        OutputError: a suffix we do not know, or a folder that cannot be written.
        InputError: the source ends before that moment, or a moment or size that cannot be.
    """
    out: Path = args.out
    if out.suffix not in SUFFIXES:
        raise OutputError(f"{out.name}: pictures are written as {' or '.join(SUFFIXES)}")
    if args.at < 0:
        raise InputError(f"--at is a moment of the video, 0 s or later, got {args.at:g}")
    if args.size < LEAST_PX:
        raise InputError(f"--size is {LEAST_PX} px or more, got {args.size:g}")
    engine = open_engine(args.model)
    with open_source(args.source) as source, open_front_end(landmarker=args.landmarker) as front_end:
        tracker = Tracker(front_end, engine, fov_deg=args.fov, pitch_deg=args.pitch, roll_deg=args.roll, height_m=args.height)
        while (picture := source.read()) is not None:
            frame = tracker.step(picture)
            if (picture.pts_s or 0.0) >= args.at:
                break
        else:
            raise InputError(f"{source.name} ends before second {args.at:g}: give a smaller --at")
    image = picture.image_bgr
    height, width = image.shape[:2]
    if frame.state is not State.LOST:
        focal = focal_px((width, height), args.fov)
        image = draw_body(image, frame, tracker.R_world_cam, tracker.camera_world_m, focal)
        if args.zoom:
            image = crop_to_body(image, frame, tracker.R_world_cam, tracker.camera_world_m, focal)
            height, width = image.shape[:2]
    cv2 = load_cv2()
    scale = args.size / height
    image = cv2.resize(
        image, (round(width * scale), args.size), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    panel = draw_muscles(frame, (round(args.size * 0.75), args.size))
    write_picture(out, side_by_side(image, panel))
    print(
        f"wrote {out}: {source.name} at {picture.pts_s or 0:.2f} s, {'nobody is seen' if frame.state is State.LOST else frame.state.value}"
    )
    return 0


def write_picture(out: Path, image_bgr) -> None:
    """Whole or not at all."""
    ok, data = load_cv2().imencode(out.suffix, image_bgr)
    assert ok
    write_whole(out, lambda part: part.write_bytes(data.tobytes()))
