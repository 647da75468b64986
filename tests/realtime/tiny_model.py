"""A tiny ONNX file that keeps the contract and computes something of every input, so that a test can see what went in.

nose x, y        -> pelvis_m = (x, 1 - y, -3), joints follow; the pelvis is turned about z by x rad; kv_new = x
the ring         -> activation = sum of x over the live slots / slots, joint_sigma_m = live slots / slots
dt_s, gravity_cam, height_m -> rotation_sigma_rad, root_velocity_m_s, root_velocity_sigma_m_s
visibility, focal_px, image_size_px, detected -> contact (landmarks 0-3), grf_BW / 1000, grf_sigma_BW / 1000, activation_sigma
"""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from realtime.body.muscles import muscle_names
from realtime.body.skeleton import JOINTS, forward_kinematics, rest_offsets_m
from realtime.body.student_io import AGE_EMPTY_S, INPUTS, OUTPUTS, STUDENT_SCHEMA

SLOTS, HEADS, LAYERS, WIDTH = 7, 1, 1, 4
KV = (LAYERS, 2, HEADS, SLOTS, WIDTH)
REST_JOINTS_M = forward_kinematics(np.tile(np.eye(3), (24, 1, 1)), rest_offsets_m(), np.zeros(3))[0]

NODES = """
Slice xy_norm x_from x_to xy_axes -> nose          # (1, 1, 2)
Reshape nose shape_12 -> nose2
Split:1 nose2 ones_split -> x y                      # (1, 1) each
Sub one y -> up
Concat:1 x up minus_three -> pelvis_m
Unsqueeze pelvis_m axis_1 -> pelvis_row
Add rest_joints pelvis_row -> joints_m
Cos x -> c
Sin x -> s
Neg s -> minus_s
Concat:1 c minus_s zero s c zero zero zero one -> rot9
Reshape rot9 shape_1133 -> rot
Concat:1 rot rest_R -> R_local
Identity offsets -> offsets_m
Add age_s dt_s -> age_now
Less age_now half_empty -> is_live
Cast is_live -> live                               # (1, SLOTS)
ReduceMean live axis_1 -> live_mean                # (1, 1)
Mul live_mean ones_24 -> joint_sigma_m
Slice kv kv_from kv_to kv_axes -> k5
Reshape k5 shape_1s -> k
Mul k live -> k_live
ReduceMean k_live axis_1 -> k_mean
Mul k_mean ones_354 -> activation
Mul dt_s ones_24 -> rotation_sigma_rad
Identity gravity_cam -> root_velocity_m_s
Identity height_m -> root_velocity_sigma_m_s
Slice visibility x_from four axis_1 -> contact
Mul focal_px milli -> focal
Reshape focal shape_111 -> focal3
Mul focal3 ones_123 -> grf_BW
Mul image_size_px milli -> grf_sigma_BW
Mul detected ones_354 -> activation_sigma
Identity eye -> R_grav_cam
ReduceSum landmarks_m all_axes -> landmarks_sum    # (1, 1, 1): read, but given no weight
Mul landmarks_sum zero_111 -> nothing3
Reshape nothing3 shape_11 -> nothing
Add x nothing -> x_again
Reshape x_again shape_11111 -> x5
Mul x5 ones_column -> kv_new
"""


def constants() -> dict[str, np.ndarray]:
    f, i = np.float32, np.int64
    return {
        "x_from": np.array([0], i),
        "x_to": np.array([1], i),
        "xy_axes": np.array([1], i),
        "four": np.array([4], i),
        "axis_1": np.array([1], i),
        "all_axes": np.array([1, 2], i),
        "kv_from": np.array([0, 0, 0, 0, 0], i),
        "kv_to": np.array([1, 1, 1, SLOTS, 1], i),
        "kv_axes": np.array([0, 1, 2, 3, 4], i),
        "ones_split": np.array([1, 1], i),
        **{f"shape_{name}": np.array(shape, i) for name, shape in SHAPES.items()},
        "one": np.ones((1, 1), f),
        "zero": np.zeros((1, 1), f),
        "zero_111": np.zeros((1, 1, 1), f),
        "minus_three": np.full((1, 1), -3, f),
        "rest_joints": REST_JOINTS_M[None].astype(f),
        "rest_R": np.tile(np.eye(3, dtype=f), (1, 23, 1, 1)),
        "offsets": rest_offsets_m()[None].astype(f),
        "half_empty": np.array([[AGE_EMPTY_S / 2]], f),
        "ones_24": np.ones((1, 24), f),
        "ones_354": np.ones((1, 354), f),
        "ones_123": np.ones((1, 2, 3), f),
        "ones_column": np.ones((*KV[:3], 1, WIDTH), f),
        "milli": np.array([[1e-3]], f),
        "eye": np.eye(3, dtype=f)[None],
    }


SHAPES = {"12": [1, 2], "1133": [1, 1, 3, 3], "1s": [1, SLOTS], "111": [1, 1, 1], "11": [1, 1], "11111": [1, 1, 1, 1, 1]}


def metadata() -> dict[str, str]:
    described = {
        key: {name: {"shape": list(t.shape), "unit": t.unit, "meaning": t.meaning} for name, t in table.items()}
        for key, table in (("inputs", INPUTS), ("outputs", OUTPUTS))
    }
    values = {
        **described,
        "state": {"kv": list(KV), "age_s": [1, SLOTS]},
        "window": SLOTS + 1,
        "muscles": list(muscle_names()),
        "joints": list(JOINTS),
        "training": {"data": "none: a test model"},
        "metrics": {},
    }
    return {"schema": STUDENT_SCHEMA, "model_id": "tiny-1"} | {key: json.dumps(value) for key, value in values.items()}


def build(*, rename: dict[str, str] | None = None, shapes: dict[str, tuple[int, ...]] | None = None) -> onnx.ModelProto:
    """The model; `rename` gives graph tensors other names and `shapes` other declared input shapes, to make misfits."""
    rename, shapes = rename or {}, shapes or {}
    nodes = []
    for line in NODES.strip().splitlines():
        left, right = line.split("#")[0].split("->")
        op, *inputs = left.split()
        op, _, axis = op.partition(":")
        attributes: dict = {"axis": int(axis)} if axis else {}
        if op == "Cast":
            attributes = {"to": TensorProto.FLOAT}
        taken, given = ([rename.get(n, n) for n in part] for part in (inputs, right.split()))
        nodes.append(helper.make_node(op, taken, given, **attributes))
    ins = {name: t.shape for name, t in INPUTS.items()} | {"kv": KV, "age_s": (1, SLOTS)} | shapes
    outs = {name: t.shape for name, t in OUTPUTS.items()} | {"kv_new": (*KV[:3], 1, WIDTH)}
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(rename.get(n, n), TensorProto.FLOAT, s) for n, s in ins.items()],
        [helper.make_tensor_value_info(rename.get(n, n), TensorProto.FLOAT, s) for n, s in outs.items()],
        [numpy_helper.from_array(a, n) for n, a in constants().items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, metadata())
    return model


def write(path: Path, **misfit) -> Path:
    onnx.save(build(**misfit), path)
    return path
