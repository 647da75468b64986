"""The ASF/AMC reader: the same take as BVH, bones turned by hand, and every way in which the files can be wrong."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from realtime.body.errors import InputError
from simlabels.readers.amc import cmu_fps, read_amc, read_asf_amc
from simlabels.readers.asf import JOINT_OF_BONE
from simlabels.readers.bvh import Bvh, read_bvh
from simlabels.readers.retarget import retarget

BONE_OF_JOINT = {joint: bone for bone, joint in JOINT_OF_BONE.items()}
#: CMU's own axes (XYZ, degrees): the same in all its skeletons.
AXES = {
    **{f"{s}{bone}": (0, 0, z) for s, z in (("l", 20), ("r", -20)) for bone in ("femur", "tibia")},
    **{f"{s}{bone}": (-90, 0, z) for s, z in (("l", 20), ("r", -20)) for bone in ("foot", "toes")},
    **{f"{s}{bone}": (180, y, z) for s, y, z in (("l", 30, 90), ("r", -30, -90)) for bone in ("humerus", "radius")},
    **{f"{s}{bone}": (0, z, z) for s, z in (("l", 90), ("r", -90)) for bone in ("wrist", "hand")},
}


def write_asf_amc(bvh: Bvh, folder, name="02_03", keep_dofs=()):
    """The BVH's motion as Acclaim files with CMU's axes; bones that never turn have no dof, as in CMU's."""
    unit, T = bvh.unit_m, len(bvh.root_m)
    joints = [i for i, joint in enumerate(bvh.names) if not joint.endswith("_end")]
    asf = [":version 1.10", ":name person", ":units", "  mass 1.0", f"  length {0.0254 / unit:.9f}", "  angle deg"]
    asf += [":root", "  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 0 0", "  orientation 0 0 0", ":bonedata"]
    rows, children = {"root": _columns(bvh.R_local[:, 0], np.eye(3))}, {}
    for number, j in enumerate(joints[1:], start=1):
        bone = BONE_OF_JOINT[bvh.names[j]]
        after = [c for c in range(len(bvh.names)) if bvh.parents[c] == j]
        end = bvh.offsets_m[after[0]] / unit if after else np.zeros(3)
        length = np.linalg.norm(end)
        axis = AXES.get(bone, (0, 0, 0))
        C = Rotation.from_euler("xyz", axis, degrees=True).as_matrix()
        turns = np.abs(bvh.R_local[:, j] - np.eye(3)).max() > 1e-9 or bone in keep_dofs
        asf += ["  begin", f"    id {number}", f"    name {bone}"]
        asf += ["    direction " + " ".join(f"{v:.12f}" for v in end / max(length, 1e-12)), f"    length {length:.12f}"]
        asf += ["    axis " + " ".join(map(str, axis)) + " XYZ", *(["    dof rx ry rz"] if turns else []), "  end"]
        if turns:
            rows[bone] = _columns(bvh.R_local[:, j], C)
        children.setdefault(BONE_OF_JOINT[bvh.names[bvh.parents[j]]], []).append(bone)
    asf += [":hierarchy", "  begin", *(f"    {parent} {' '.join(names)}" for parent, names in children.items()), "  end"]
    amc = ["#!OML:ASF person.asf", ":FULLY-SPECIFIED", ":DEGREES"]
    for t in range(T):
        amc.append(str(t + 1))
        for bone, values in rows.items():
            place = [*(bvh.root_m[t] / unit), *values[t]] if bone == "root" else values[t]
            amc.append(f"{bone} " + " ".join(f"{v:.12g}" for v in place))
    paths = folder / f"{name.split('_')[0]}.asf", folder / f"{name}.amc"
    for path, lines in zip(paths, (asf, amc), strict=True):
        path.write_text("\n".join(lines) + "\n")
    return paths


def _columns(R, C):
    return Rotation.from_matrix(C.T @ R @ C).as_euler("xyz", degrees=True)


@pytest.fixture(scope="module")
def bvh(bvh_file):
    return read_bvh(bvh_file)


@pytest.fixture
def files(bvh, tmp_path):
    return write_asf_amc(bvh, tmp_path)


def test_the_same_take_as_bvh(bvh, files):
    ours, theirs = read_asf_amc(*files, fps=bvh.fps), bvh
    assert ours.unit_m == pytest.approx(theirs.unit_m)
    position, R = ours.forward()
    want_position, want_R = theirs.forward()
    assert {n for n in ours.names if "_end" not in n} == {n for n in theirs.names if "_end" not in n}
    for joint in ours.names:
        if joint in theirs.names:
            j, k = ours.names.index(joint), theirs.names.index(joint)
            np.testing.assert_allclose(position[:, j], want_position[:, k], atol=1e-6, err_msg=joint)
            np.testing.assert_allclose(R[:, j], want_R[:, k], atol=1e-8, err_msg=joint)


def test_on_smpl_as_the_bvh(bvh, files):
    ours, theirs = read_amc(*files), retarget(bvh)
    assert ours.fps == 120
    np.testing.assert_allclose(ours.forward()[0], theirs.forward()[0], atol=1e-6)
    np.testing.assert_allclose(ours.R_local, theirs.R_local, atol=1e-8)
    np.testing.assert_allclose(ours.rest_m, theirs.rest_m, atol=1e-8)
    assert ours.stature_m == pytest.approx(theirs.stature_m)


def test_a_bone_turns_about_its_own_axes(files):
    """By hand: axes turned 90 degrees about Z, 90 degrees about the bone's x, which is the world's y: +x goes to -z."""
    asf, amc = files
    lines, at = asf.read_text().splitlines(), 0
    for i, line in enumerate(lines):
        at = i if line.strip() == "name lhumerus" else at
    block = slice(at, at + 5)
    changed = [
        "    direction 1 0 0"
        if "direction" in x
        else "    axis 0 0 90 XYZ"
        if "axis" in x
        else "    dof rx"
        if "dof" in x
        else x
        for x in lines[block]
    ]
    if not any("dof" in x for x in changed):
        changed.insert(4, "    dof rx")
    asf.write_text("\n".join([*lines[:at], *changed, *lines[block.stop :]]) + "\n")
    still = []
    for line in amc.read_text().splitlines():
        words = line.split()
        if words[0] == "root":
            line = "root 0 0 0 0 0 0"
        elif len(words) > 1 and not line.startswith("#"):
            line = " ".join([words[0], *["0"] * (len(words) - 1)])
        still += [line] if words[0] != "lhumerus" else []
        if words[0] == "root":
            still.append("lhumerus 90")
    amc.write_text("\n".join(still) + "\n")
    bvh = read_asf_amc(asf, amc)
    position, _ = bvh.forward()
    upper_arm = position[0, bvh.names.index("LeftForeArm")] - position[0, bvh.names.index("LeftArm")]
    length_m = float(np.linalg.norm(upper_arm))
    assert length_m > 0.2
    np.testing.assert_allclose(upper_arm, [0, 0, -length_m], atol=1e-9)


@pytest.mark.parametrize(("name", "fps"), [("02_03.amc", 120), ("14_20.amc.gz", 120), ("143_01.amc", 120)])
def test_cmus_frame_rate(tmp_path, name, fps):
    assert cmu_fps(tmp_path / name) == fps


@pytest.mark.parametrize(("name", "message"), [("61_05.amc", "60 and of 120"), ("walk.amc", "no name of CMU's")])
def test_a_frame_rate_that_must_be_given(tmp_path, bvh, name, message):
    asf, amc = write_asf_amc(bvh, tmp_path)
    amc = amc.rename(tmp_path / name)
    with pytest.raises(InputError, match=rf"{message}.*pass fps="):
        read_amc(asf, amc)
    assert read_amc(asf, amc, fps=60).fps == 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":tree", "has no :hierarchy"),
        ("  length 0.45", "  length 0", "no length, such as 0.45"),
        ("  length 0.45", "  length 4.5", "no human leg"),
        ("name lfemur", "name thigh", "names 'lfemur', which is no bone"),
        ("ltibia lfoot\n", "ltibia\n", "the hierarchy lacks lfoot;"),
        ("axis 0 0 20 XYZ", "axis 0 0 XYZ", "is no axis"),
        ("axis 0 0 20 XYZ", "axis 0 0 20 ABC", "is no axis"),
        ("direction", "way", "needs name, direction, length and axis"),
        ("dof rx ry rz", "dof rx ry tz", "only rx, ry and rz"),
        ("order TX TY TZ RX RY RZ", "order RX RY RZ TX TY TZ", "the root's order is RX"),
        ("position 0 0 0", "position 0 1 0", "only 0 0 0 is read"),
    ],
)
def test_damage_of_the_skeleton(files, old, new, message):
    asf, amc = files
    text = asf.read_text()
    assert old in text
    asf.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_amc(asf, amc)
    assert "02.asf" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n50\n", "\n51\n", "frame 51 follows frame 49"),
        ("\nroot ", "\nroot 1 ", "'root' with 7 numbers; it should have 6 numbers"),
        ("\nlfemur ", "\nlthigh ", "'lthigh' with 3 numbers; it should have no numbers"),
        ("\nlfemur ", "\nlfemur x", "could not convert"),
        ("\nroot ", "\nroot 0 0 0 0 0 0\nroot ", "frame 1 has root twice"),
        ("\nroot ", "\nroot nan 0 0 0 0 0\n#", "root is no number in frame 1"),
    ],
)
def test_damage_of_the_motion(files, old, new, message):
    asf, amc = files
    text = amc.read_text()
    assert old in text
    amc.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_amc(asf, amc)
    assert "02_03.amc" in str(error.value)


@pytest.mark.parametrize("share", [0.0005, 0.3, 0.703])
def test_truncated_files_are_refused(files, share):
    asf, amc = files
    text = amc.read_text()
    amc.write_text(text[: int(share * len(text))])
    with pytest.raises(InputError, match=r"02_03\.amc.*(cut short|should have|no frames)"):
        read_amc(asf, amc)
    whole = asf.read_text()
    asf.write_text(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match=r"02\.asf"):
        read_amc(asf, amc)


@pytest.mark.data
def test_a_real_take(data_folder, tmp_path):
    file = data_folder / "cmu_bvh" / "02_03.bvh"
    if not file.is_file():
        pytest.skip(f"no {file}")
    bvh = read_bvh(file)
    ours = read_amc(*write_asf_amc(bvh, tmp_path))
    np.testing.assert_allclose(ours.forward()[0], retarget(bvh).forward()[0], atol=1e-5)
