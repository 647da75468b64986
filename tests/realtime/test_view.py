"""The picture shows the body where the camera saw it, and bars as long as the activations."""

from dataclasses import replace

import numpy as np
import pytest

from realtime.body.frames import State
from realtime.body.skeleton import forward_kinematics, rest_offsets_m
from realtime.cli import main
from realtime.view import crop_to_body, draw_body, draw_muscles
from realtime.view.picture import BACKGROUND, activation_colour, project_px

from .bodies import body


def test_points_project_where_a_pinhole_puts_them():
    R_world_cam = np.diag([1.0, -1.0, -1.0])  # camera axes into a Y-up world
    camera = np.array([0.0, 1.0, 4.0])
    world = np.array([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 1.0, 5.0]])
    px = project_px(world, R_world_cam, camera, 400.0, (640, 480))
    np.testing.assert_allclose(px[:3], [[320, 240], [420, 240], [320, 140]])
    assert np.isnan(px[3]).all()  # behind the camera


def test_body_is_drawn_and_the_picture_is_left_alone():
    picture = np.zeros((480, 640, 3), np.uint8)
    frame = body()
    drawn = draw_body(picture, frame, np.diag([1.0, -1.0, -1.0]), np.array([0.0, 1.0, 4.0]), 400.0)
    assert drawn.any()
    assert not picture.any()
    assert not draw_body(picture, body(state=State.LOST), np.eye(3), np.zeros(3), 400.0).any()


def test_more_activation_makes_longer_bars():
    def coloured(level: float) -> int:
        frame = replace(body(), activation=np.full(354, level, np.float32))
        panel = draw_muscles(frame, (480, 640))
        return int((panel == activation_colour(level)).all(-1).sum())

    assert 0 < coloured(0.1) < coloured(0.3) < coloured(0.55)


def test_nobody_has_no_muscles():
    panel = draw_muscles(body(state=State.LOST), (480, 640))
    assert (panel == BACKGROUND).all(-1).mean() > 0.9


@pytest.mark.parametrize(("out", "says"), [("x.gif", ".png or .jpg"), ("x.png", "no such")])
def test_snapshot_says_what_is_wrong(tmp_path, capsys, out, says):
    assert main(["snapshot", str(tmp_path / "none.mp4"), "--out", str(tmp_path / out)]) == 2
    said = capsys.readouterr().err
    assert says in said.lower() or "student" in said  # the model comes first where none is shipped
    assert not (tmp_path / out).exists()


@pytest.mark.parametrize(("option", "says"), [("--at=-1", "0 s or later, got -1"), ("--size=5", "64 px or more, got 5")])
def test_snapshot_of_what_cannot_be(tmp_path, capsys, option, says):
    assert main(["snapshot", str(tmp_path / "none.mp4"), "--out", str(tmp_path / "x.png"), option]) == 2
    assert says in capsys.readouterr().err


def test_the_crop_holds_the_body_and_stays_inside_the_picture():
    rows, columns = np.mgrid[0:480, 0:640]
    picture = np.stack([rows // 2, columns // 3, rows * 0], -1).astype(np.uint8)  # pixels that know their place
    joints_m, _ = forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), rest_offsets_m(), np.array([0.8, 0.9, 0.0]))
    frame = replace(body(), joints_m=joints_m)
    R_world_cam, camera, focal = np.diag([1.0, -1.0, -1.0]), np.array([0.0, 1.0, 4.0]), 400.0
    crop = crop_to_body(picture, frame, R_world_cam, camera, focal)
    xy = project_px(frame.joints_m, R_world_cam, camera, focal, (640, 480))
    inside = xy[(xy >= 0).all(1) & (xy < [640, 480]).all(1)]
    assert len(inside) > 0
    assert int(crop[..., 1].min()) * 3 <= inside[:, 0].min() + 3
    assert int(crop[..., 1].max()) * 3 >= inside[:, 0].max() - 3
