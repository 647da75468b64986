"""Loads MuscleMimic's `myofullbody` from its wheel, takes the fingers away and mends what is wrong with it.

The XML stays in the wheel (Apache-2.0, arm muscles non-commercial); what we correct is data in `mending.json` (MIT, from
Rajagopal et al. 2016, Lai et al. 2017, Uhlrich et al. 2022). Every fault and its cure: docs/labels.md.
"""

# MuJoCo fills its module from binaries that have no stubs.
# pyright: reportAttributeAccessIssue=false

import hashlib
import json
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np

from realtime.body.errors import ModelError

WHEEL = "musclemimic-models"
WHEEL_VERSION = "1.0.6"

FINGER_JOINTS = {
    joint + side
    for side in ("_r", "_l")
    for joint in (
        *("cmc_flexion", "cmc_abduction", "mp_flexion", "ip_flexion"),
        *(
            f"{j}{i}_{axis}"
            for i in "2345"
            for j, axis in (("mcp", "flexion"), ("mcp", "abduction"), ("pm", "flexion"), ("md", "flexion"))
        ),
    )
}
FINGER_MUSCLES = {
    muscle + side
    for side in ("", "_left")
    for muscle in (
        *(f"{m}{i}" for m in ("FDS", "FDP", "EDC", "RI", "LU_RB", "UI_UB") for i in "2345"),
        *("EDM", "EIP", "EPL", "EPB", "FPL", "APL", "OP"),
    )
}
#: Bodies that only carry joints or attachments but ship with up to 1 kg m2.
PHANTOMS = {
    *("Full Body", "Abdomen", "head_attach", "bimanual_attachment", "root", "thorax", "cervical_spine"),
    *("clavphant", "scapphant", "humphant", "humphant1"),
}
#: Bones of the hand; the hand is one rigid body on the lunate.
HAND_BONES = {
    *("scaphoid", "pisiform", "triquetrum", "capitate", "trapezium", "firstmc", "proximal_thumb", "distal_thumb"),
    *("trapezoid", "hamate", "secondmc", "thirdmc", "fourthmc", "fifthmc"),
    *(f"{i}{part}" for i in "2345" for part in ("proxph", "midph", "distph")),
}
#: Muscles whose wrap geom and side site are in the file but not in the tendon: the moment arm flips in flexion.
LOST_WRAPS = {"glmax1": "Gmax1_at_pelvis", "glmax2": "Gmax2_at_pelvis", "psoas": "PS_at_brim"}
#: Cylinders in OpenSim, spheres of the same radius as shipped: up to 11 mm of moment arm in hip adduction.
BRIM_WRAPS, BRIM_LENGTH_M = ("PS_at_brim", "IL_at_brim"), 0.1

GENERIC_MASS_KG = 75.337  # Rajagopal 2016
HEAD_AND_NECK_SHARE = 0.0694  # of body mass, de Leva 1996
NECK_KG = 0.8
GIRDLE_KG = 2 * (0.156 + 0.70396)  # clavicles and scapulae, as shipped
#: Moves the trunk's centre of mass towards Rajagopal's: pitch residual in walking with plates -9 -> -1.8 N m.
TORSO_SHIFT_M = (-0.06, 0.05, 0.0)
#: The supinator jumps to the wrong side of its wrap beyond 63 degrees.
PRO_SUP_LIMIT_RAD = 1.05


@cache
def mending() -> dict:
    """The corrections, as in `mending.json`."""
    return json.loads((files("simlabels.musculo") / "mending.json").read_text())


def model_xml() -> Path:
    """Path of the shipped model.

    Raises:
        ModelError: another version of the wheel is installed.
    """
    found = version(WHEEL)
    if found != WHEEL_VERSION:
        raise ModelError(
            f"{WHEEL} {found} is installed, the mending is for {WHEEL_VERSION}: pip install {WHEEL}=={WHEEL_VERSION}"
        )
    import musclemimic_models

    return Path(str(musclemimic_models.get_xml_path("myofullbody")))


def model_sha256() -> str:
    """SHA-256 over the shipped XML files and our mending: changes when the body would."""
    digest = hashlib.sha256((files("simlabels.musculo") / "mending.json").read_bytes())
    root = model_xml().parent.parent
    for path in sorted(root.rglob("*.xml")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def load_model() -> mujoco.MjModel:
    """The mended model without fingers and meshes: 354 muscles, 88 degrees of freedom, 75.337 kg, MuJoCo axes (Z up)."""
    spec = _without_fingers(mujoco.MjSpec.from_file(str(model_xml())))
    with_meshes = spec.compile()
    model = mujoco.MjModel.from_xml_string(_with_lost_wraps(_with_brim_cylinders(_without_meshes(spec.to_xml()))))
    # Some bodies take their mass from mesh geoms: without them 2.56 kg are missing.
    for name in ("body_mass", "body_inertia", "body_ipos", "body_iquat"):
        getattr(model, name)[:] = getattr(with_meshes, name)
    # Compiled shortcuts for centres of mass at the body's origin: they would leave the neck's at the height of the hips.
    model.body_sameframe[:] = mujoco.mjtSameFrame.mjSAMEFRAME_NONE
    model.dof_armature[:] = 0
    model.dof_damping[:] = 0
    _mend_segments(model)
    _mend_trunk(model)
    _mend_knees(model)
    for side in ("r", "l"):
        model.jnt_range[model.joint(f"pro_sup_{side}").id, 1] = PRO_SUP_LIMIT_RAD
    return model


def load_shipped_model() -> mujoco.MjModel:
    """The wheel's model with nothing mended, for comparison: paths and muscle parameters only, its masses lack those of meshes."""
    spec = _without_fingers(mujoco.MjSpec.from_file(str(model_xml())))
    return mujoco.MjModel.from_xml_string(_without_meshes(spec.to_xml()))


def _without_fingers(spec: mujoco.MjSpec) -> mujoco.MjSpec:
    for joint in list(spec.joints):
        if joint.name in FINGER_JOINTS:
            spec.delete(joint)
    for actuator in list(spec.actuators):
        if actuator.name in FINGER_MUSCLES:
            tendon = spec.tendon(actuator.target)
            spec.delete(actuator)
            spec.delete(tendon)
    for tendon in list(spec.tendons):
        if "ligament" in tendon.name:
            spec.delete(tendon)
    return spec


def _without_meshes(xml: str) -> str:
    """Takes mesh geoms, mesh assets and key frames out of the text: deleting them from the spec takes 5 s."""
    root = ElementTree.fromstring(xml)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("mesh", "keyframe") or (child.tag == "geom" and "mesh" in child.attrib):
                parent.remove(child)
    return ElementTree.tostring(root, encoding="unicode")


def _with_lost_wraps(xml: str) -> str:
    for side in "rl":
        for muscle, geom in LOST_WRAPS.items():
            site = f'<site site="{muscle}_{side}-P2" />'
            if xml.count(site) != 1:
                raise ModelError(f"the model has {xml.count(site)} sites {muscle}_{side}-P2 where one was expected")
            wrap = f'<geom geom="{geom}_{side}_wrap" sidesite="{geom}_{side}_site_{muscle}_{side}_side"/>'
            xml = xml.replace(site, site + wrap)
    return xml


def _with_brim_cylinders(xml: str) -> str:
    root = ElementTree.fromstring(xml)
    geoms = {geom.get("name"): geom for geom in root.iter("geom")}
    for name in (f"{geom}_{side}_wrap" for geom in BRIM_WRAPS for side in "rl"):
        geom = geoms[name]
        geom.set("type", "cylinder")
        geom.set("size", f"{geom.attrib['size'].split()[0]} {BRIM_LENGTH_M / 2}")
    return ElementTree.tostring(root, encoding="unicode")


def _set_mass(model, name: str, mass_kg: float, com_m=None, inertia_kg_m2=None) -> None:
    b = model.body(name).id
    model.body_mass[b] = mass_kg
    if com_m is not None:
        model.body_ipos[b], model.body_iquat[b] = com_m, [1, 0, 0, 0]
    if inertia_kg_m2 is not None:
        model.body_inertia[b] = inertia_kg_m2


def _mend_segments(model: mujoco.MjModel) -> None:
    """Segment masses of Rajagopal 2016; phantoms, hand bones and the second pelvis made massless."""
    segments = mending()["segments"]
    for b in range(1, model.nbody):
        name = model.body(b).name
        base = name[:-2] if name.endswith(("_r", "_l")) else name
        mirror = np.array([1, 1, -1 if name.endswith("_l") else 1])
        if {name, base} & PHANTOMS or base in HAND_BONES:
            _set_mass(model, name, 1e-6, inertia_kg_m2=1e-9)
        elif base in ("ulna", "radius"):  # the shipped centre of mass is kept, the inertia in its principal order
            s = segments[base + "_r"]
            _set_mass(model, name, s["mass"], inertia_kg_m2=np.sort(s["inertia"])[::-1])
        elif base + "_r" in segments:
            s = segments[base + "_r"]
            _set_mass(model, name, s["mass"], s["com"] * mirror, s["inertia"])
    for side, sign in (("r", 1), ("l", -1)):
        s = segments["hand_r"]
        _set_mass(model, f"lunate_{side}", s["mass"], s["com"] * np.array([1, 1, sign]), s["inertia"])
    s = segments["pelvis"]
    _set_mass(model, "pelvis", s["mass"], s["com"], s["inertia"])
    _set_mass(model, "sacrum", 1e-6, [0, 0, 0], 1e-9)  # its 7.5 kg double the pelvis


def _mend_trunk(model: mujoco.MjModel) -> None:
    """Rajagopal's trunk with head (26.83 kg), shared by lumbar vertebrae, torso, neck and head."""
    head_kg = HEAD_AND_NECK_SHARE * GENERIC_MASS_KG
    lumbar_kg = sum(model.body_mass[model.body(f"lumbar{i}").id] for i in range(1, 6))
    _set_mass(model, "head", head_kg - NECK_KG)
    _set_mass(model, "neck", NECK_KG)
    model.body_inertia[model.body("head").id] *= 2.0  # head mass doubled by the line above
    torso = model.body("torso").id
    torso_kg = mending()["segments"]["torso"]["mass"] - head_kg - GIRDLE_KG - lumbar_kg
    model.body_inertia[torso] *= torso_kg / model.body_mass[torso]
    model.body_mass[torso] = torso_kg
    model.body_ipos[torso] += TORSO_SHIFT_M


def _mend_knees(model: mujoco.MjModel) -> None:
    """Tibia path of the Walker knee (10 mm drop in flexion) instead of the shipped 2 mm rise."""
    for e in range(model.neq):
        joint = int(model.eq_obj1id[e])
        for slide, quartic in mending()["knee_path"].items():
            if model.joint(joint).name[:-2] == f"knee_angle_{slide}":
                model.eq_data[e, :5] = quartic
                model.jnt_range[joint] = [-0.03, 0.03]
