"""People who are drawn: their meshes, their skeleton, how they are skinned. Two bodies of tests/data/bodies.npz (NOTICE)."""

import json
from pathlib import Path

import numpy as np
import pytest

from realtime.body.errors import InputError
from realtime.body.rotations import from_axis_angle
from realtime.body.skeleton import PARENTS, forward_kinematics, offsets_of, rest_offsets_m
from simlabels.video.bodies import load_bodies, write_bodies
from simlabels.video.hands import with_bent_fingers
from simlabels.video.mesh import MATERIALS
from simlabels.video.person import draw_person, floor_m, head_lift_rad, skinned, with_head_lifted
from simlabels.video.thin import thinned

BODIES = Path(__file__).parents[1] / "data" / "bodies.npz"
UNBENT = np.tile(np.eye(3), (24, 1, 1))
SEEDS = range(12)


@pytest.fixture(scope="module")
def bodies():
    return load_bodies(BODIES)


@pytest.fixture(scope="module")
def rest_m():
    return rest_of(rest_offsets_m())


@pytest.fixture(scope="module")
def people(bodies, rest_m):
    return [draw_person(bodies, seed % len(bodies), rest_m, np.random.default_rng(seed)) for seed in SEEDS]


def rest_of(bones_m):
    rest_m = np.zeros((24, 3))
    for j in range(1, 24):
        rest_m[j] = rest_m[PARENTS[j]] + bones_m[j]
    return rest_m


def pose(person, R_local=UNBENT, pelvis_m=(0.0, 0.0, 0.0)):
    joints_m, R_global = forward_kinematics(R_local, offsets_of(person.rest_m), np.array(pelvis_m))
    return R_global, joints_m


def turned(joint, aa_rad):
    R_local = UNBENT.copy()
    R_local[joint] = from_axis_angle(np.array(aa_rad, float))
    return R_local


def mesh_of(person, material):
    return next(i for i, mesh in enumerate(person.meshes) if mesh.material == material)


def random_pose(rng):
    return from_axis_angle(rng.normal(0, 0.5, (24, 3)))


def test_centres_of_the_body_land_on_the_joints(people):
    """As moved by their own joint, and by the joint before: bones meet, whatever the pose."""
    for seed, person in enumerate(people):
        rng = np.random.default_rng(seed)
        R_global, joints_m = pose(person, random_pose(rng), rng.normal(0, 2, 3))
        maps, centre_m = R_global @ person.R_bind, person.centre_m
        for j in range(1, 24):
            p = PARENTS[j]
            if p:  # hips are as far apart as the skeleton has them, the pelvis is not widened
                moved_m = maps[p] @ (centre_m[j] - centre_m[p]) + joints_m[p]
                assert np.linalg.norm(moved_m - joints_m[j]) < 1e-9, (seed, p, j)
        assert np.linalg.norm(offsets_of(person.rest_m)[1:], axis=1).min() > 0


def test_what_hangs_on_one_joint_alone_keeps_its_distance_to_it(people):
    person = people[0]
    R_global, joints_m = pose(person, random_pose(np.random.default_rng(3)), np.array([1.0, 2.0, 3.0]))
    at_rest, posed = skinned(person, *pose(person)), skinned(person, R_global, joints_m)
    checked = 0
    for mesh, before, after in zip(person.meshes, at_rest, posed, strict=True):
        rows, joints = np.nonzero(mesh.weights > 0.9999)
        own_m = np.einsum("nba,nb->na", R_global[joints], after[rows, :3] - joints_m[joints])
        np.testing.assert_allclose(own_m, before[rows, :3] - person.rest_m[joints], atol=2e-5)
        checked += len(rows)
    assert checked > 300


def test_unposed_is_the_t_pose_where_textures_hang(people):
    person = people[1]
    skin = mesh_of(person, "skin")
    posed = skinned(person, *pose(person))[skin]
    np.testing.assert_allclose(posed[:, :3], person.meshes[skin].texture_m, atol=1e-5)


def test_left_is_left(people):
    for person in people[:2]:
        skin = mesh_of(person, "skin")
        mesh = person.meshes[skin]
        hand = mesh.weights[:, [20, 22]].sum(1) > 0.9
        assert mesh.texture_m[hand, 0].min() > 0.4
        before, after = (skinned(person, *pose(person, R))[skin][:, :3] for R in (UNBENT, turned(16, [0, 0, 1.2])))
        moved_m = after - before
        assert moved_m[hand, 1].min() > 0.3  # the raised left arm's hand is higher
        still = before[:, 0] < -0.03
        assert np.abs(moved_m[still]).max() < 1e-5  # nothing on the right moves


def test_a_turn_of_the_world_turns_the_mesh_and_nothing_else(people):
    person = people[2]
    R_global, joints_m = pose(person, random_pose(np.random.default_rng(0)))
    R, t_m = from_axis_angle(np.array([0.3, -1.1, 0.6])), np.array([0.4, 1.0, -3.0])
    for a, b in zip(skinned(person, R_global, joints_m), skinned(person, R @ R_global, joints_m @ R.T + t_m), strict=True):
        np.testing.assert_allclose(b[:, :3], a[:, :3] @ R.T + t_m, atol=5e-6)
        np.testing.assert_allclose(b[:, 3:], a[:, 3:] @ R.T, atol=5e-6)


def test_meshes_are_whole(people):
    for person in people:
        assert [mesh.material for mesh in person.meshes[:3]] == ["skin", "cloth", "eyes"]
        for mesh in person.meshes:
            n = len(mesh.vertices_m)
            assert mesh.material in MATERIALS
            assert {len(getattr(mesh, name)) for name in ("normals", "weights", "texture_m", "region", "colour")} == {n}
            np.testing.assert_allclose(mesh.weights.sum(1), 1, atol=1e-6)
            assert mesh.weights.min() >= 0
            assert (mesh.weights > 0).sum(1).max() <= 4
            assert mesh.triangles.dtype == np.int32
            assert set(np.unique(mesh.triangles)) == set(range(n))  # in range, and no vertex in vain
            np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
            corners = mesh.vertices_m[mesh.triangles].astype(float)
            area_m2 = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
            assert area_m2.min() > 1e-9
            assert np.isfinite(mesh.texture_m).all()
        assert sum(len(mesh.triangles) for mesh in person.meshes) <= 9000


def test_triangles_face_outwards(people):
    for person in people[:2]:
        for mesh in person.meshes[:2]:
            corners = mesh.vertices_m[mesh.triangles].astype(float)
            n = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
            agree = (n * mesh.normals[mesh.triangles].sum(1)).sum(1) > 0
            assert agree.mean() > 0.97
        skin = person.meshes[0]
        away = skin.texture_m - person.rest_m[15]
        crown = skin.texture_m[:, 1] > skin.texture_m[:, 1].max() - 0.08
        assert ((skin.normals * away)[crown].sum(1) > 0).all()


def test_the_generator_decides_everything(bodies, rest_m, people):
    again = draw_person(bodies, 0, rest_m, np.random.default_rng(0))
    first = people[0]
    assert again.outfit == first.outfit
    np.testing.assert_array_equal(again.rest_m, first.rest_m)
    for a, b in zip(again.meshes, first.meshes, strict=True):
        np.testing.assert_array_equal(a.vertices_m, b.vertices_m)
        np.testing.assert_array_equal(a.normals, b.normals)
        assert a.uniforms == b.uniforms
    assert len({json.dumps(person.outfit) for person in people}) == len(people)
    assert len({person.stature_m for person in people}) == len(people)


def test_outfits_can_be_written_as_json(people):
    for person in people:
        assert json.loads(json.dumps({"phenotype": person.phenotype, "outfit": person.outfit}))["outfit"]["pattern"] in range(5)


def test_clothes_lie_outside_the_skin(bodies, people):
    """Of the cloth that is drawn, against the skin beneath it that is drawn too."""
    from scipy.spatial import KDTree

    for person in people:
        skin, suit = person.meshes[:2]
        limbs = suit.region[:, 1] < 1.88
        distance_m, nearest = KDTree(skin.vertices_m).query(suit.vertices_m)
        near = limbs & (distance_m < 0.02)
        above_m = ((suit.vertices_m - skin.vertices_m[nearest]) * skin.normals[nearest]).sum(1)
        assert (above_m[near] > 0).mean() > 0.97


def test_stature_is_what_the_legs_suggest(bodies, people, rest_m):
    legs_m = np.linalg.norm(offsets_of(rest_m)[[4, 7]], axis=1).sum()
    for person in people:
        assert 1.45 < person.stature_m < 2.0
        own_legs_m = np.linalg.norm(offsets_of(person.rest_m)[[4, 7]], axis=1).sum()
        assert own_legs_m == pytest.approx(legs_m * person.path_scale)
        assert 0.9 < person.path_scale < 1.1
        assert 0.93 < person.stature_m * 0.491 / own_legs_m < 1.1  # Winter 2009: legs are 0.491 of the stature
    assert max(person.fit_m.max() for person in people) < 0.12


def test_bones_keep_the_clips_directions(people, rest_m):
    clip_m = offsets_of(rest_m)
    for person in people:
        own_m = offsets_of(person.rest_m)
        cosine = (own_m * clip_m).sum(1)[1:] / np.linalg.norm(own_m, axis=1)[1:] / np.linalg.norm(clip_m, axis=1)[1:]
        feet = np.isin(np.arange(1, 24), (10, 11))
        assert cosine[~feet].min() > 1 - 1e-9
        assert cosine[feet].min() > np.cos(np.radians(15))  # a clip's toes would lie above the shoes
        np.testing.assert_allclose(person.rest_m[0], 0)


def test_steps_of_the_clip_stay_steps(people, rest_m):
    """Pelvis path times path_scale: a foot that stands in the clip stands in the picture."""
    hip_rad = np.linspace(-0.4, 0.4, 9)
    R_local = np.tile(UNBENT, (9, 1, 1, 1))
    R_local[:, 1] = from_axis_angle(np.c_[hip_rad, np.zeros((9, 2))])
    R_local[:, 7] = np.swapaxes(R_local[:, 1], -1, -2)
    standing_m, _ = forward_kinematics(R_local, offsets_of(rest_m), np.zeros(3))
    pelvis_m = standing_m[:1, 7] - standing_m[:, 7]  # the left ankle stays
    for person in people:
        joints_m, R_global = forward_kinematics(R_local, offsets_of(person.rest_m), pelvis_m * person.path_scale)
        assert np.ptp(joints_m[:, 7], axis=0).max() < 1e-9
        assert np.ptp(skinned(person, R_global[0], joints_m[0])[1][:, 1]) > 1


def test_soles_stand_on_the_floor(people):
    for person in people:
        R_global, joints_m = pose(person)
        floor = floor_m(person, np.tile(R_global, (30, 1, 1, 1)), np.tile(joints_m, (30, 1, 1)))
        suit = skinned(person, R_global, joints_m)[mesh_of(person, "cloth")]
        assert floor == pytest.approx(suit[:, 1].min(), abs=1e-5)
        toes_m = person.rest_m[[10, 11], 1].min() - floor
        assert 0.02 < toes_m < 0.075
        foot = person.meshes[1].region[:, 1] > 2
        for left in (True, False):  # the sole is level: heel and toe are at the same height
            side = foot & ((suit[:, 0] > 0) == left)
            low = suit[side & (suit[:, 1] < suit[side, 1].min() + 0.02)]
            assert np.ptp(low[:, 2]) > 0.15


def test_a_jump_does_not_lift_the_floor(people):
    person = people[0]
    R_global, joints_m = pose(person)
    height_m = np.zeros(40)
    height_m[10:20] = 0.5
    joints_m = joints_m + height_m[:, None, None] * [0, 1, 0]
    assert floor_m(person, np.tile(R_global, (40, 1, 1, 1)), joints_m) == pytest.approx(
        floor_m(person, R_global[None], joints_m[:1]), abs=1e-9
    )


def test_fingers_bend_towards_the_palm(bodies):
    names = bodies.bone_names
    for index in range(len(bodies)):
        flat_m, heads_m = bodies.vertices_m[index].astype(float), bodies.heads_m[index].astype(float)
        bent_m = with_bent_fingers(bodies, flat_m, heads_m, np.random.default_rng(0))
        for side, sign in (("L", 1), ("R", -1)):
            tip = (bodies.weights * (bodies.bones == names.index(f"finger3-3.{side}"))).sum(1) > 0.9
            wrist, first, little, index_ = (
                heads_m[names.index(f"{bone}.{side}")] for bone in ("wrist", "finger3-1", "finger5-1", "finger2-1")
            )
            out_of_palm = np.cross(first - wrist, index_ - little) * sign
            out_of_palm /= np.linalg.norm(out_of_palm)
            thumb = heads_m[names.index(f"finger1-3.{side}")] - heads_m[names.index(f"finger1-1.{side}")]
            assert thumb @ out_of_palm > 0  # the thumb stands before the palm
            assert ((bent_m - flat_m)[tip] @ out_of_palm).min() > 0.005
        trunk = (bodies.weights * np.array(["finger" in name for name in names])[bodies.bones]).sum(1) == 0
        np.testing.assert_allclose(bent_m[trunk], flat_m[trunk], atol=1e-6)


@pytest.mark.parametrize(("tilt_deg", "lift_deg"), [(-50, 42), (-20.5, 12.5), (-15, 0), (10, 0), (30, -25), (-80, 45)])
def test_heads_are_levelled(rest_m, tilt_deg, lift_deg):
    R_local = np.tile(UNBENT, (40, 1, 1, 1))
    R_local[:, 15] = from_axis_angle(np.array([np.radians(-tilt_deg), 0, 0]))
    lift_rad = head_lift_rad(R_local, rest_m)
    levelled = with_head_lifted(R_local, lift_rad)
    assert np.degrees(lift_rad) == pytest.approx(lift_deg, abs=1e-6)
    _, R_global = forward_kinematics(levelled, offsets_of(rest_m), np.zeros(3))
    elevation_deg = np.degrees(np.arcsin(R_global[:, 15, 1, 2]))
    np.testing.assert_allclose(elevation_deg, tilt_deg + lift_deg, atol=1e-6)
    np.testing.assert_array_equal(np.delete(levelled, [12, 15], axis=1), np.delete(R_local, [12, 15], axis=1))


def test_heads_of_the_lying_are_left_alone(rest_m):
    R_local = np.tile(UNBENT, (40, 1, 1, 1))
    R_local[:, 0] = from_axis_angle(np.array([np.pi / 2, 0, 0]))
    assert head_lift_rad(R_local, rest_m) == 0


def test_thinning_keeps_the_shape():
    side = np.linspace(-1, 1, 15)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    points_m = np.c_[x, y, 0.3 * np.cos(2 * x)]
    cell = (np.arange(14)[:, None] * 15 + np.arange(14)).ravel()
    triangles = np.concatenate([np.c_[cell, cell + 1, cell + 15], np.c_[cell + 1, cell + 16, cell + 15]])
    fewer = thinned(points_m, np.ones((225, 1)), triangles, np.ones(225), 120)
    assert 100 < len(fewer) <= 120

    def area_m2(faces):
        corners = points_m[faces]
        n = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        assert (n[:, 2] > 0).all()  # nothing turned over
        return n[:, 2].sum() / 2

    assert area_m2(fewer) == pytest.approx(area_m2(triangles))  # the outline stays
    corner_heights = points_m[fewer, 2].mean(1) - 0.3 * np.cos(2 * points_m[fewer, 0].mean(1))
    assert np.abs(corner_heights).max() < 0.03


def test_thinning_keeps_apart_what_moves_apart():
    x = np.arange(21.0)
    points_m = np.concatenate([np.c_[x, np.zeros((21, 2))], np.c_[x, np.ones(21), np.zeros(21)]]) * 0.05
    cell = np.arange(20)
    triangles = np.concatenate([np.c_[cell, cell + 1, cell + 21], np.c_[cell + 1, cell + 22, cell + 21]])
    left = np.tile(x < 10, 2)
    fewer = thinned(points_m, np.c_[left, ~left].astype(float), triangles, np.ones(42), 8)
    assert len(fewer) <= 8
    assert {9, 10} & set(np.unique(fewer) % 21)


def test_a_file_of_something_else_is_told(tmp_path):
    np.savez(tmp_path / "bodies.npz", vertices_m=np.zeros((1, 3, 3)))
    with pytest.raises(InputError, match="no file of bodies"):
        load_bodies(tmp_path / "bodies.npz")
    with pytest.raises(InputError, match="no file of bodies"):
        load_bodies(tmp_path / "missing.npz")


def test_bodies_are_read_as_written(bodies, tmp_path):
    write_bodies(tmp_path / "again.npz", bodies)
    again = load_bodies(tmp_path / "again.npz")
    assert again.bone_names == bodies.bone_names
    assert again.phenotypes == bodies.phenotypes
    np.testing.assert_array_equal(again.vertices_m, bodies.vertices_m)
    for group, triangles in bodies.faces.items():
        np.testing.assert_array_equal(again.faces[group], triangles)
    assert [path.name for path in tmp_path.iterdir()] == ["again.npz"]
