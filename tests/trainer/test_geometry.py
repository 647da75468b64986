"""Laws of the graph's kinematics, against the numpy vocabulary."""

import numpy as np
import torch

from realtime.body import rotations, skeleton
from trainer.nets import geometry as g

RNG = np.random.default_rng(0)


def random_R(*shape: int) -> np.ndarray:
    return rotations.from_axis_angle(RNG.normal(size=(*shape, 3)))


def test_joints_equal_the_vocabulary_s_forward_kinematics():
    R = random_R(50, 24)
    offsets = skeleton.rest_offsets_m()
    joints, G = skeleton.forward_kinematics(R, offsets, np.zeros(3))
    G_t = g.global_from_local(torch.from_numpy(R))
    np.testing.assert_allclose(G_t.numpy(), G, atol=1e-12)
    np.testing.assert_allclose(g.joints_from_global(G_t, torch.from_numpy(offsets.copy())).numpy(), joints, atol=1e-7)


def test_local_and_global_rotations_undo_each_other():
    R = torch.from_numpy(random_R(20, 24))
    torch.testing.assert_close(g.local_from_global(g.global_from_local(R)), R)


def test_rot6d_round_trip_and_any_six_numbers_give_a_rotation():
    R = torch.from_numpy(random_R(100))
    torch.testing.assert_close(g.from_rot6d_cols(g.to_rot6d_cols(R)), R)
    any_R = g.from_rot6d_cols(torch.randn(100, 6, dtype=torch.float64))
    torch.testing.assert_close(any_R @ any_R.transpose(-1, -2), torch.eye(3, dtype=torch.float64).expand(100, 3, 3))
    torch.testing.assert_close(torch.linalg.det(any_R), torch.ones(100, dtype=torch.float64))


def test_closed_form_finds_the_directions_of_a_posed_body():
    R = torch.from_numpy(rotations.from_axis_angle(RNG.normal(0, 0.4, (200, 24, 3)))).float()
    offsets = torch.tensor(skeleton.rest_offsets_m()).float()
    G = g.global_from_local(R)
    joints = g.joints_from_global(G, offsets.expand(200, 24, 3))
    points = joints[:, g.LANDMARK_POSITION]
    bone = lambda G: (G[:, [1, 4, 16, 18]] @ offsets[[4, 7, 18, 20], :, None])[..., 0]  # noqa: E731
    angle = torch.rad2deg(
        torch.acos(torch.cosine_similarity(bone(g.closed_form_pose(points, offsets)), bone(G), dim=-1).clamp(-1, 1))
    )
    # shoulders carry the left upper arm's start exactly, so directions agree but for float error
    assert angle.max() < 0.2


def test_points_are_placed_where_they_stood():
    points = torch.randn(40, 33, 3, dtype=torch.float64) * 0.4
    t = torch.randn(40, 3, dtype=torch.float64) * 0.3 + torch.tensor([0.0, 0.0, 3.0])
    moved = points + t[:, None]
    ray = moved[..., :2] / moved[..., 2:]
    got = g.place_on_rays(points, ray, torch.rand(40, 33, dtype=torch.float64) + 0.1)
    torch.testing.assert_close(got, t, atol=1e-3, rtol=0)  # the faint prior of 3 m moves it by less than a millimetre


def test_without_rays_the_prior_decides():
    got = g.place_on_rays(torch.zeros(1, 33, 3), torch.zeros(1, 33, 2), torch.full((1, 33), 1e-3))
    torch.testing.assert_close(got, torch.tensor([[0.0, 0.0, 3.0]]))


def test_gravity_frame_has_y_up_and_faces_the_viewer():
    down = torch.nn.functional.normalize(torch.tensor([[0.1, 0.9, 0.3], [0.0, 1.0, 0.0], [-0.3, 0.8, -0.2]]), dim=-1)
    R = g.gravity_frame(down)
    torch.testing.assert_close((R @ down[..., None])[..., 0], torch.tensor([0.0, -1.0, 0.0]).expand(3, 3), atol=1e-6, rtol=0)
    assert (R[:, 2] @ torch.tensor([0.0, 0.0, 1.0]) < 0).all()  # what is far from the camera has negative z
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(3))


def test_least_rotation_carries_a_onto_b_by_the_angle_between_them():
    a, b = torch.randn(100, 3, dtype=torch.float64), torch.randn(100, 3, dtype=torch.float64)
    keep = torch.cosine_similarity(a, b, dim=-1) > -0.95
    a, b = a[keep], b[keep]
    R = g.least_rotation(a, b)
    torch.testing.assert_close((R @ g.unit(a)[..., None])[..., 0], g.unit(b))
    np.testing.assert_allclose(
        rotations.angle_between(np.broadcast_to(np.eye(3), R.shape), R.numpy()),
        torch.acos(torch.cosine_similarity(a, b, dim=-1)).numpy(),
        atol=1e-6,
    )
