"""The report on a front end's errors finds what was put in: biases, autocorrelation, swaps, rotations, sizes, views."""

import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from realtime.body.errors import InputError, ShapeError
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import JOINT_COUNT
from simlabels import cli
from simlabels.inspect import error_course
from simlabels.inspect.command import inspect
from simlabels.inspect.contact_sheet import CAPTION_PX, TILE_PX, contact_sheet
from simlabels.inspect.landmark_errors import ARMS, LEGS, LIMBS, procrustes, run_lengths
from simlabels.video.place import INDOOR_OCCLUDERS, OUTDOOR_OCCLUDERS

from .paired import FPS, JOINTS, NO_ERROR, T, a_take, rest_m, write

NASTY = '<script>alert("x")</script> & take'


def ar1(rng, rho, frames, channels):
    """First-order autoregression of unit variance (frames, channels)."""
    from scipy.signal import lfilter

    noise = rng.normal(0, np.sqrt(1 - rho**2), (frames + 200, channels))
    return np.asarray(lfilter([1], [1, -rho], noise, axis=0))[200:]


# ---- 2D
def test_bias_and_spread_are_those_put_in(tmp_path, rng):
    bias = np.zeros((12, 2))
    bias[LIMBS.index("left_shoulder")] = [1.0, -2.0]
    bias[LIMBS.index("right_shoulder")] = [0.5, -1.0]
    takes = [a_take(f"t{i}", bias + rng.normal(0, 0.5, (T, 12, 2))) for i in range(10)]
    found = inspect(write(tmp_path / "pairs", takes), None)["plain"]
    left = found["by_joint"]["left_shoulder"]
    assert left["within_pieces"]["offset_pct"] == pytest.approx([1.0, -2.0], abs=0.05)
    assert left["within_pieces"]["robust_sd_pct"] == pytest.approx(0.5, abs=0.03)
    assert left["within_pieces"]["rms_pct"] == pytest.approx(0.5, abs=0.02)
    assert left["within_pieces"]["offset_sd_pct"] < 0.1
    assert found["by_limb"]["shoulders"]["within_pieces"]["offset_pct"] == pytest.approx([0.75, -1.5], abs=0.05)
    assert found["by_limb"]["knees"]["within_pieces"]["offset_pct"] == pytest.approx([0, 0], abs=0.05)
    # a Rayleigh distribution's median and 95th percentile
    assert found["by_joint"]["left_knee"]["p50"] == pytest.approx(0.5 * np.sqrt(2 * np.log(2)), rel=0.05)
    assert found["by_joint"]["left_knee"]["p95"] == pytest.approx(0.5 * np.sqrt(2 * np.log(20)), rel=0.05)
    assert found["frames"]["all"]["gross_share"] == 0


def test_the_unit_is_the_stature_at_the_pelvis(tmp_path):
    error_pct = np.broadcast_to([3.0, 4.0], (T, 12, 2))
    takes = [a_take(f"t{d}", error_pct, distance_m=d) for d in (3.0, 4.0, 9.0)]
    found = inspect(write(tmp_path / "pairs", takes), None)["all"]
    assert found["frames"]["all"]["error_pct"]["p50"] == pytest.approx(5.0, rel=0.005)
    assert found["frames"]["all"]["error_pct"]["p99"] == pytest.approx(5.0, rel=0.005)
    sizes = {name: g["frames"] for name, g in found["by_size_px_of_480"].items() if g["frames"]}
    assert sizes == {"310-430": T, "230-310": T, "100-130": T}  # 600 x 1.7 / distance = 340, 255, 113


@pytest.mark.parametrize("rho", [0.3, 0.86])
def test_autocorrelation_is_that_of_the_process(rng, rho):
    x = ar1(rng, rho, 40_000, 3)
    expected = rho ** np.arange(1, 6)
    np.testing.assert_allclose(error_course.autocorrelation(x + 7, 5).mean(1), expected, rtol=0, atol=0.02)
    x[rng.random(len(x)) < 0.3] = np.nan
    np.testing.assert_allclose(error_course.autocorrelation(x, 5).mean(1), expected, rtol=0, atol=0.02)


def test_autocorrelation_of_a_dataset(tmp_path, rng):
    """About the mean of 4 s an AR(1) loses (1 + 4 rho) / n of its lag-1 (Kendall 1954)."""
    takes = [a_take(f"t{i}", ar1(rng, 0.9, 2 * T, 24).reshape(-1, 12, 2)) for i in range(12)]
    takes.append(a_take("twice as fast", rng.normal(0, 1, (2 * T, 12, 2)), fps=60))  # its lags are others
    found = inspect(write(tmp_path / "pairs", takes), None)
    assert found["all"]["time"]["lags_2d"] == found["plain"]["time"]["lags_2d"]
    assert found["plain"]["time"]["lags_2d"][0] == pytest.approx(0.9 - 4.6 / T, abs=0.02)
    assert (found["all"]["time"]["pieces"], found["all"]["time"]["pieces_with_lags"]) == (25, 24)


def test_parts_of_an_error(rng):
    t = np.arange(T) / FPS
    constant = np.full((T, 2), 3.0)
    slow = np.sqrt(2) * np.sin(2 * np.pi * t / 4)[:, None] * [1, 1]
    noise = rng.normal(0, 1, (20_000, 2))
    only = error_course.parts(constant, FPS)
    assert only.constant / only.total == pytest.approx(1)
    moving = error_course.parts(slow, FPS)
    assert moving.constant == pytest.approx(0, abs=1e-9)
    assert moving.slow / moving.total > 0.9
    white = error_course.parts(noise, FPS)
    assert white.slow / white.total == pytest.approx(1 / 15, abs=0.01)
    assert white.fast / white.total == pytest.approx(1 - 1 / 15, abs=0.01)
    both = error_course.parts(constant + slow, FPS)
    assert both.constant / both.total == pytest.approx(0.9, abs=1e-6)
    holed = constant + slow
    holed[40:60] = np.nan
    assert error_course.parts(holed, FPS).total == pytest.approx((holed[np.isfinite(holed)] ** 2).sum())


def test_correlation_between_joints(tmp_path, rng):
    error = rng.normal(0, 1, (10 * T, 12, 2))
    elbow, wrist = LIMBS.index("left_elbow"), LIMBS.index("left_wrist")
    error[:, wrist, 0] = 0.8 * error[:, elbow, 0] + 0.6 * error[:, wrist, 0]
    error[:, wrist, 1] = -error[:, elbow, 1]
    found = inspect(write(tmp_path / "pairs", [a_take("t", error)]), None)["plain"]["correlation"]
    assert found["right"][elbow][wrist] == found["right"][wrist][elbow] == pytest.approx(0.8, abs=0.05)
    assert found["down"][elbow][wrist] == pytest.approx(-1)
    assert found["right"][elbow][elbow] == pytest.approx(1)
    assert found["pairs"]["knee-ankle"] == pytest.approx([0, 0], abs=0.1)
    assert found["pairs"]["elbow-wrist"] == pytest.approx([0.4, -0.5], abs=0.1)  # one side of two


def test_joints_outside_the_picture_are_left_out(tmp_path):
    error_pct = np.broadcast_to([2.0, 0.0], (T, 12, 2)).copy()
    error_pct[:, [LIMBS.index("left_ankle"), LIMBS.index("right_ankle")]] = 50
    found = inspect(write(tmp_path / "pairs", [a_take("t", error_pct, distance_m=2.0, up_m=0.5)]), None)["plain"]
    assert found["frames"]["all_joints_inside"]["frames"] == 0
    assert found["frames"]["cut_off"]["frames"] == T
    assert found["frames"]["all"]["error_pct"]["p99"] == pytest.approx(2.0, rel=0.005)
    assert found["by_joint"]["left_ankle"]["count"] == 0
    assert found["by_joint"]["left_ankle"]["p50"] is None
    assert found["world"]["pa_mm"]["p50"] is None


# ---- swaps
def test_swaps_and_flips_are_counted_with_their_runs(tmp_path):
    flips, arms = np.zeros((T, 12), bool), np.zeros((T, 12), bool)
    flips[10:13] = flips[50] = flips[119] = True
    arms[np.ix_(range(20, 27), ARMS)] = True
    legs = np.zeros((T, 12), bool)
    legs[np.ix_([5, 6], LEGS)] = True
    takes = [
        a_take("whole", exchanged=flips),
        a_take("arms", exchanged=arms),
        a_take("legs", exchanged=legs),
        a_take("far off, not exchanged", NO_ERROR + 6.0),
    ]
    found = inspect(write(tmp_path / "pairs", takes), tmp_path / "page.html")["plain"]["swaps"]
    # of a T-pose's error the arms are the most: by the rule a whole body
    assert found["whole_body"]["share"] == pytest.approx(12 / (4 * T))
    assert found["whole_body"]["frames_best_explained_by"] == {"whole_body": 5, "arms": 7, "legs": 0}
    assert found["whole_body"]["run_lengths"] == {"1": 2, "3": 1, "7": 1}
    assert found["whole_body"]["runs"] == {"count": 4, "p50": 2, "p90": pytest.approx(5.8), "max": 7}
    assert found["arms"]["frames"] == 0
    assert found["legs"]["run_lengths"] == {"2": 1}
    assert found["legs"]["frames_best_explained_by"]["legs"] == 2


def test_arms_alone_are_named_where_the_legs_are_wide(tmp_path):
    """The arms exchanged, the legs so far off that exchanging everything leaves most of the error."""
    arms = np.zeros((T, 12), bool)
    arms[np.ix_([30, 31], ARMS)] = True
    error_pct = NO_ERROR.copy()
    error_pct[:, LEGS, 1] = 120.0
    found = inspect(write(tmp_path / "pairs", [a_take("t", error_pct, exchanged=arms, distance_m=6)]), None)["plain"]["swaps"]
    assert found["arms"]["run_lengths"] == {"2": 1}
    assert found["whole_body"]["frames"] == 0


def test_run_lengths():
    assert run_lengths(np.array([1, 1, 0, 1, 0, 0, 1, 1, 1], bool)).tolist() == [2, 1, 3]
    assert run_lengths(np.zeros(3, bool)).tolist() == []


# ---- world landmarks
def test_procrustes_is_scipys(rng):
    from scipy.spatial import procrustes as one_pair

    x, y = rng.normal(0, 1, (2, 5, 12, 3))
    x = y + 0.3 * x
    x[3, 2, 1] = np.nan
    ours = procrustes(x, y)
    assert np.isnan(ours[3]).all()
    for i in (0, 1, 2, 4):
        centred = y[i] - y[i].mean(0)
        assert ((ours[i] - y[i]) ** 2).sum() / (centred**2).sum() == pytest.approx(one_pair(y[i], x[i])[2])
    mirrored = procrustes(y * [-1, 1, 1], y)
    assert (np.linalg.norm(mirrored - y, axis=-1).mean(-1) > 0.3).all()  # a reflection is no rotation


def test_rotation_and_scale_are_taken_off_by_pa_only(tmp_path):
    R = from_axis_angle(np.array([0.3, 0, 0]))
    found = inspect(write(tmp_path / "pairs", [a_take("t", world=lambda m: 0.8 * m @ R.T)]), None)["plain"]["world"]
    limbs_m = rest_m()[JOINTS] * [1, -1, -1]
    limbs_m -= limbs_m[[6, 7]].mean(0)
    error = 1000 * (0.8 * limbs_m @ R.T - limbs_m)
    assert found["pa_mm"]["p99"] < 0.01
    assert found["mpjpe_mm"]["p50"] == pytest.approx(np.linalg.norm(error, axis=1).mean(), rel=0.005)
    shrunk = 200 * np.linalg.norm(limbs_m - limbs_m.mean(0), axis=1).mean()
    assert found["rigid_mm"]["p50"] == pytest.approx(shrunk, rel=0.005)
    assert found["axis_shares"] == pytest.approx((error**2).sum(0) / (error**2).sum(), rel=1e-3)
    assert found["bias_mm"]["left_wrist"] == pytest.approx(error[LIMBS.index("left_wrist")], abs=0.01)
    assert found["parts"]["constant"] == pytest.approx(1)


def test_the_constant_share_is_within_four_seconds(tmp_path, rng):
    """The left wrist is off by 100 mm, the other way after 4 s; on it noise of the same power in one axis."""
    wrist = LIMBS.index("left_wrist")

    def noise():
        out = np.zeros((2 * T, 12, 3))
        out[:, wrist, 2] = 0.1 * np.where(np.arange(2 * T) < T, 1, -1) + rng.normal(0, 0.1, 2 * T)
        return out

    takes = [a_take(f"t{i}", np.zeros((2 * T, 12, 2)), world=lambda m: m + noise()) for i in range(10)]
    found = inspect(write(tmp_path / "pairs", takes), None)["plain"]["world"]
    assert found["parts"]["constant"] == pytest.approx(0.5, abs=0.05)
    assert found["parts"]["fast"] == pytest.approx(0.5 * 14 / 15, abs=0.05)
    assert found["axis_shares"] == pytest.approx([0, 0, 1], abs=1e-6)
    assert found["constant_sd_mm"]["left_wrist"][2] == pytest.approx(100, abs=10)
    assert abs(found["bias_mm"]["left_wrist"][2]) < 20


# ---- groups
def test_views_and_detection(tmp_path):
    lost = np.arange(T) >= 90
    turns = {0: "front, < 45", 60: "45-75", -90: "side, 75-105", 120: "105-135", 180: "back, > 135"}
    takes = [a_take(f"t{turn}", turned_deg=turn, detected=~lost if turn == 180 else None) for turn in turns]
    found = inspect(write(tmp_path / "pairs", takes), None)["plain"]
    assert {name: g["frames"] for name, g in found["by_view"].items()} == dict.fromkeys(turns.values(), T)
    assert found["by_view"]["back, > 135"]["detected_share"] == 0.75
    assert found["by_view"]["back, > 135"]["error_pct"]["count"] == 90 * 12
    assert found["frames"]["all_joints_inside"]["detected_share"] == pytest.approx(0.95)


def test_visibility_and_what_the_picture_shows(tmp_path):
    error_pct, shown = np.zeros((T, 12, 2)), np.ones((T, JOINT_COUNT), bool)
    knee = LIMBS.index("left_knee")
    error_pct[..., 0], error_pct[:, knee, 0] = 1.0, 12.0
    visibility = np.full((T, 12), 0.98)
    visibility[:, knee] = 0.2
    shown[:, JOINTS[knee]] = False
    takes = [a_take("t", error_pct, visibility=visibility, shown=shown)]
    found = inspect(write(tmp_path / "pairs", takes), tmp_path / "page.html")["plain"]
    for low, high in (
        (found["by_visibility"]["< 0.3"], found["by_visibility"]["0.97-0.995"]),
        (found["by_depth_buffer"]["hidden"], found["by_depth_buffer"]["seen"]),
    ):
        assert (low["count"], high["count"]) == (T, 11 * T)
        assert (low["gross_share"], high["gross_share"]) == (1, 0)
        assert low["p50"] == pytest.approx(12, rel=0.005)
    assert found["by_depth_buffer"]["hidden"]["visibility_below_half_share"] == 1
    assert found["by_joint"]["left_knee"]["visibility_below_half_share"] == 1
    assert "by depth buffer" in (tmp_path / "page.html").read_text()


def test_takes_that_are_not_plain_stand_apart(tmp_path):
    bad = np.full((T, 12, 2), 5.0)
    takes = [
        a_take("plain", look={"bystander": False, "occluder": None, "seed": 1}),
        a_take("bystander", bad, look={"plain": False, "bystander": True, "occluder": None, "seed": 2}),
        a_take("fast", bad, fps=60.0, look={"plain": False, "bystander": False, "occluder": None, "seed": 3}),
        *(
            a_take(kind, bad, look={"plain": False, "bystander": False, "occluder": kind, "seed": 4})
            for kind in (*INDOOR_OCCLUDERS, *OUTDOOR_OCCLUDERS)
        ),
    ]
    found = inspect(write(tmp_path / "pairs", takes), tmp_path / "page.html")
    assert (found["plain"]["takes"], found["all"]["takes"]) == (1, len(takes))
    assert found["headline"]["plain"]["error_pct_p95"] < 0.1 < 5 < found["headline"]["all"]["error_pct_p95"]
    assert found["frame_rates"]["takes_by_fps"] == {"30": len(takes) - 1, "60": 1}
    looks = found["all"]["by_look"]
    assert set(looks) == {"plain", "bystander", "occluder"}
    assert looks["bystander"]["yes"]["error_pct"]["p50"] == pytest.approx(5 * np.sqrt(2), rel=0.005)
    assert looks["occluder"].keys() == {"none", *INDOOR_OCCLUDERS, *OUTDOOR_OCCLUDERS}
    assert "Plain takes: 30 fps" in (tmp_path / "page.html").read_text()


def test_landmarks_of_somebody_else_are_counted_apart(tmp_path):
    follows, error_pct = np.ones(T, bool), np.zeros((T, 12, 2))
    follows[:40], error_pct[:40] = False, 60.0
    found = inspect(write(tmp_path / "pairs", [a_take("t", error_pct, follows=follows)]), None)
    assert found["splits"]["train"] == {"takes": 1, "frames": T, "detected": T - 40, "elsewhere": 40}
    assert found["headline"]["all"]["error_pct_p95"] < 0.1


def test_frame_rates(tmp_path):
    row, frames = a_take("t")
    frames["time_s"] = np.delete(np.arange(T + 1) / FPS, 60)  # a lost frame
    found = inspect(write(tmp_path / "pairs", [(row, frames)]), None)["frame_rates"]
    assert found["takes_by_fps"] == {"30": 1}
    assert found["long_interval_share"] == pytest.approx(1 / (T - 1))
    assert found["jitter_of_interval"]["p50"] < 1e-9


def test_shards_do_not_matter(tmp_path, rng):
    takes = [a_take(f"t{i}", rng.normal(0, 1, (T, 12, 2))) for i in range(3)]
    one, many = (inspect(write(tmp_path / name, takes, shard_rows=rows), None) for name, rows in (("one", 4096), ("many", 10)))
    assert len(list((tmp_path / "many").glob("frames-*.parquet"))) == 3
    assert one["all"] == many["all"]


# ---- the page
class Checker(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_command_writes_one_page(tmp_path, capsys, rng):
    takes = [a_take("plain", rng.normal(0, 1.4, (T, 12, 2))), a_take(NASTY, look={"bystander": True, "room": NASTY})]
    folder = write(tmp_path / "pairs", takes)
    sheet = contact_sheet([np.zeros((48, 64, 3), np.uint8)], ["x"])
    (folder / "contact.jpg").write_bytes(sheet)
    assert cli.main(["inspect", str(folder)]) == 0
    assert f"2 takes, {2 * T} frames, front end made up" in capsys.readouterr().out
    page = (folder / "inspect.html").read_text()
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    assert "script" not in checker.tags
    assert page.count("data:image/jpeg;base64,") == 1
    text = " ".join(checker.text)
    assert "2D error, median" in text
    assert "1.50 to 2.20" in text.replace("1.5 to 2.2", "1.50 to 2.20")
    assert "78.0 / 93.0 / 78.0 / 84.0" in text
    assert cli.main(["inspect", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(json.dumps(inspect(folder, None)))


def test_nobody_is_ever_found(tmp_path):
    folder = write(tmp_path / "pairs", [a_take("t", detected=np.zeros(T, bool))])
    found = inspect(folder, tmp_path / "page.html")
    json.dumps(found, allow_nan=False)
    assert found["headline"]["all"]["detected_share"] == 0
    assert found["headline"]["all"]["error_pct_median"] is None
    assert "No frames were kept." in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: (f / "takes.parquet").unlink(), r"takes\.parquet is not readable Parquet"),
        (lambda f: (f / "frames-00000.parquet").unlink(), r"frames-00000\.parquet is missing"),
        (lambda f: (f / "frames-00001.parquet").unlink(), r"the shards end before take 'b'"),
        (lambda f: (f / "frames-00001.parquet").write_bytes(b"PAR1"), r"frames-00001\.parquet is not readable Parquet"),
        (
            lambda f: (f / "frames-00001.parquet").write_bytes((f / "frames-00000.parquet").read_bytes()),
            r"frames-00001\.parquet: the 120 frames of take 'a' are not what takes\.parquet lists",
        ),
    ],
)
def test_damage_is_named(tmp_path, spoil, message):
    folder = write(tmp_path / "pairs", [a_take("a"), a_take("b")], shard_rows=10)
    spoil(folder)
    with pytest.raises(InputError, match=message):
        inspect(folder, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_times_rise(tmp_path):
    row, frames = a_take("t")
    frames["time_s"] = np.zeros(T)
    with pytest.raises(InputError, match=r"frames-00000\.parquet: the times of take 't' do not rise"):
        inspect(write(tmp_path / "pairs", [(row, frames)]), None)


# ---- contact sheets
def test_contact_sheet_shows_all_pictures_in_their_colours():
    from PIL import Image

    blue_bgr = np.zeros((96, 128, 3), np.uint8)
    blue_bgr[..., 0] = 255
    with Image.open(io.BytesIO(contact_sheet([blue_bgr] * 7, ["a long caption " * 20] * 7))) as sheet:
        assert sheet.size == (6 * TILE_PX[0], 2 * (TILE_PX[1] + CAPTION_PX))
        r, g, b = np.asarray(sheet)[TILE_PX[1] + CAPTION_PX + 90, 120]
        right = np.asarray(sheet)[TILE_PX[1] + CAPTION_PX + 90, 300]
    assert b > 230 > 25 > max(r, g)
    assert right.min() > 230  # the second row has one picture


@pytest.mark.parametrize("pictures", [[], [np.zeros((8, 8), np.uint8)], [np.zeros((8, 8, 3))]])
def test_contact_sheet_refuses(pictures):
    with pytest.raises(ShapeError):
        contact_sheet(pictures, ["a"] * len(pictures))


def test_contact_sheet_of_kept_videos(tmp_path):
    import cv2

    folder = write(tmp_path / "pairs", [a_take("a"), a_take("b")])
    (folder / "video").mkdir()
    video = cv2.VideoWriter(str(folder / "video" / "a.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 30, (64, 48))
    for _ in range(5):
        video.write(np.full((48, 64, 3), 200, np.uint8))
    video.release()
    inspect(folder, tmp_path / "page.html")
    assert "data:image/jpeg;base64," in (tmp_path / "page.html").read_text()
    (folder / "video" / "b.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"b\.mp4 is not a readable video"):
        inspect(folder, tmp_path / "page.html")
