"""MediaPipe's Pose Landmarker as a front end: one person, VIDEO mode, on one core.

VIDEO mode called from our own loop: LIVE_STREAM drops frames in silence and adds 5 to 20 ms. Pictures are not made smaller
first: the network always gets 256x256, so the cost does not depend on the size, and resizing takes 3 ms.
"""

import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np

from ..body.errors import AssetError, BioHumanError, ShapeError
from ..body.frames import LandmarkFrame
from ..capture.opencv import load_cv2
from ..capture.picture import ClosesItself
from .native_log import without_chatter
from .region import Region, follow, region_of_person, search_regions
from .same_person import SamePerson

FORGET_MS = 100_000
#: Mean presence of the landmarks inside the picture below which nobody is there: people have 0.77 and more, the sun between
#: branches, taken for a person, 0.05 to 0.4.
SOMEBODY = 0.5
NOBODY_BGR = np.full((240, 320, 3), 128, np.uint8)
BUNDLE_MEMBERS = {"pose_detector.tflite", "pose_landmarks_detector.tflite"}


class MediapipeFrontEnd(ClosesItself):
    """Pose Landmarker, followed by a window of our own for people who are small in the picture (see region.py).

    While nobody is followed each picture costs two looks: all of it, then one window of the search. Not thread-safe.
    Who was just lost is looked for nearby first, in a window that grows as fast as people move, and a stranger in other colours
    is not taken for them (see same_person.py).

    Args:
        landmarker: model bundle (.task).

    Raises:
        AssetError: the bundle is missing, damaged, or something else.
        BioHumanError: mediapipe is not installed.
    """

    def __init__(self, landmarker: Path):
        check_bundle(landmarker)
        self._cv2 = load_cv2()
        self._mp = _load_mediapipe()
        size = landmarker.stem.removeprefix("pose_landmarker_")
        self.name = f"mediapipe {metadata.version('mediapipe')} {size} VIDEO"
        self.warnings: list[str] = []
        self.not_finite_count = 0  # pictures whose landmarks were NaN or infinite: taken as nobody
        self._clock_ms = StrictClock()
        self._region: Region | None = None  # where a person is being followed; None: nobody is
        self._image_size_px = (0, 0)
        self._last_seen: tuple[np.ndarray, int] | None = None  # landmarks (33, 2), 0..1 of the picture; when, ms
        self._search_count = 0
        self._person = SamePerson()
        self._is_noisy = True  # until the landmark network has run once
        with without_chatter():
            self._landmarker = self._open(landmarker)
            self._look(NOBODY_BGR, 0)  # the first run takes 50 ms more
        self._is_closed = False

    def _open(self, landmarker: Path):
        tasks = self._mp.tasks
        options = tasks.vision.PoseLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(landmarker)),
            running_mode=tasks.vision.RunningMode.VIDEO,
            num_poses=1,  # with 2 the order of the list is no identity, and the detector never rests
        )
        try:
            return tasks.vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError, OSError) as error:
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise AssetError(f"{landmarker} is refused by mediapipe ({reason[:200]}); {_other_bundle(landmarker)}") from error

    def detect(self, picture_bgr: np.ndarray, t_ns: int) -> LandmarkFrame:
        """The person in one upright picture; see `FrontEnd.detect`.

        Raises:
            ShapeError: not (H, W, 3) uint8. MediaPipe itself would read any memory without complaint.
        """
        if picture_bgr.dtype != np.uint8 or picture_bgr.ndim != 3 or picture_bgr.shape[2] != 3 or 0 in picture_bgr.shape:
            raise ShapeError(f"a picture is (H, W, 3) uint8 BGR, got {picture_bgr.shape} {picture_bgr.dtype}")
        image_size_px = (picture_bgr.shape[1], picture_bgr.shape[0])
        t_ms = self._clock_ms(t_ns)
        if image_size_px != self._image_size_px:
            t_ms = self._start_anew(image_size_px, t_ms)
        if self._is_noisy:
            with without_chatter():
                return self._find(picture_bgr, t_ms)
        return self._find(picture_bgr, t_ms)

    def _start_anew(self, image_size_px: tuple[int, int], t_ms: int) -> int:
        """Another picture size is another scene: forget the person. Returns a time that is still free."""
        if self._region is not None:
            # The model smooths in pixels: without a picture of nobody in between, a man of half the size drags for frames.
            # That does not clear its filter of the metric points, but a pause makes it forget.
            self._look(NOBODY_BGR, t_ms)
            t_ms = self._clock_ms.again(after_ms=FORGET_MS)
        self._image_size_px, self._region, self._last_seen = image_size_px, None, None
        self._person.forget()
        return t_ms

    def _find(self, picture_bgr: np.ndarray, t_ms: int) -> LandmarkFrame:
        size = self._image_size_px
        for count, region in enumerate(self._looks(t_ms)):
            seen = self._look(region.cut(picture_bgr), self._clock_ms.again() if count else t_ms)
            if seen is None:
                continue
            xy_norm = region.to_image_norm(seen[:, :2], size)
            if not is_somebody(xy_norm, seen[:, 4]):
                self._look_away()
                continue
            if not self._person.accepts(picture_bgr, xy_norm * size, seen[:, 5:], t_ms):
                self._look_away()
                break  # the stranger would be found again
            zoom = region.width / size[0]
            self._remember(region, xy_norm, t_ms)
            return LandmarkFrame(
                detected=True,
                xy_norm=xy_norm.astype(np.float32),
                z_norm=(seen[:, 2] * zoom).astype(np.float32),
                visibility=seen[:, 3].copy(),
                presence=seen[:, 4].copy(),
                landmarks_m=seen[:, 5:].copy(),
                image_size_px=size,
            )
        self._region = None
        return LandmarkFrame.nobody(size)

    def _looks(self, t_ms: int) -> Iterator[Region]:
        """Where to look in this picture: where the person is, where they can have got to, everywhere, one search window."""
        size = self._image_size_px
        whole = Region.whole(size)
        if self._region is not None:
            yield self._region
        if self._last_seen is not None:
            xy_norm, seen_ms = self._last_seen
            near = region_of_person(xy_norm, size, lost_s=(t_ms - seen_ms) / 1000)
            # As long as that is not everywhere, nowhere else: a stranger elsewhere must not become the person.
            if near != whole:
                yield near
                return
        if self._region != whole:
            yield whole
        if windows := search_regions(size):
            yield windows[self._search_count % len(windows)]
            self._search_count += 1

    def _remember(self, region: Region, xy_norm: np.ndarray, t_ms: int) -> None:
        self._region = region
        if region != Region.whole(self._image_size_px):
            self._region = follow(region, xy_norm, self._image_size_px)
        self._last_seen = (xy_norm, t_ms)
        self._search_count = 0

    def _look_away(self) -> None:
        """Make the model forget what it follows."""
        self._look(NOBODY_BGR, self._clock_ms.again())

    def _look(self, shown_bgr: np.ndarray, t_ms: int) -> np.ndarray | None:
        """One call of the landmarker: (33, 8) x, y, z, visibility, presence, then metres; None for nobody."""
        rgb = self._cv2.cvtColor(shown_bgr, self._cv2.COLOR_BGR2RGB)  # contiguous: a view would be misread in silence
        image = self._mp.Image(image_format=self._mp.ImageFormat.SRGB, data=rgb)
        result = self._landmarker.detect_for_video(image, t_ms)
        if not result.pose_landmarks or not result.pose_world_landmarks:
            return None
        self._is_noisy = False
        pairs = zip(result.pose_landmarks[0], result.pose_world_landmarks[0], strict=True)
        seen = np.array([(p.x, p.y, p.z, p.visibility, p.presence, w.x, w.y, w.z) for p, w in pairs], np.float32)
        if not np.isfinite(seen).all():
            self.not_finite_count += 1
            if self.not_finite_count == 1:
                self.warnings.append(f"{self.name}: landmarks that are not numbers, first at {t_ms} ms; taken as nobody")
            return None
        return seen

    def close(self) -> None:
        """Let go of the model. Without it mediapipe's own `__del__` complains at exit: its threads are gone by then."""
        if not self._is_closed:
            self._is_closed = True
            self._landmarker.close()


def is_somebody(xy_norm: np.ndarray, presence: np.ndarray) -> bool:
    """Whether landmarks (33, 2), 0..1 of the picture, and their presence (33,) are a person in the picture."""
    inside = ((xy_norm >= 0) & (xy_norm <= 1)).all(axis=1)
    return bool(inside.any()) and float(presence[inside].mean()) > SOMEBODY


class StrictClock:
    """The frame's time in whole milliseconds, the first being 1, strictly increasing as MediaPipe demands.

    Where it would stand still or go back (two frames in one millisecond, a file that starts again), it moves on by 1 ms
    and keeps the distances from there.
    """

    def __init__(self) -> None:
        self._zero_ms: int | None = None
        self._last_ms = 0

    def __call__(self, t_ns: int) -> int:
        t_ms = int(t_ns) // 1_000_000
        if self._zero_ms is None:
            self._zero_ms = t_ms - 1
        if t_ms - self._zero_ms <= self._last_ms:
            self._zero_ms = t_ms - self._last_ms - 1
        self._last_ms = t_ms - self._zero_ms
        return self._last_ms

    def again(self, after_ms: int = 1) -> int:
        """A time for another look at the same frame; a long pause moves all that follows."""
        if after_ms > 1 and self._zero_ms is not None:
            self._zero_ms -= after_ms
        self._last_ms += after_ms
        return self._last_ms


def check_bundle(path: Path) -> None:
    """See to it that `path` is a whole pose landmarker bundle: MediaPipe's own message is "Unable to open zip archive".

    Raises:
        AssetError: it is missing, damaged, or something else.
    """
    if not path.is_file():
        raise AssetError(f"{path}: no such landmarker; {_other_bundle(path)}")
    try:
        with zipfile.ZipFile(path) as bundle:
            members, damaged = set(bundle.namelist()), bundle.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise AssetError(f"{path} is damaged or no landmarker ({error}); {_other_bundle(path)}") from error
    if damaged or not members >= BUNDLE_MEMBERS:
        fault = f"{damaged} inside is damaged" if damaged else f"holds {', '.join(sorted(members)[:4])}"
        raise AssetError(f"{path} is not a whole pose landmarker ({fault}); {_other_bundle(path)}")


def _other_bundle(path: Path) -> str:
    return f"give a pose_landmarker_*.task, or leave it out to use the pinned one (if that is {path}: delete it)"


def _load_mediapipe():
    try:
        import mediapipe
    except ImportError as error:
        raise BioHumanError(f"mediapipe does not load ({error}): pip install mediapipe==0.10.32") from error
    return mediapipe
