"""A trained student -> one self-describing ONNX file, checked against PyTorch before it is written."""

import json
import logging
import os
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn as nn

from realtime.body.errors import InputError, ModelError, OutputError
from realtime.body.files import write_whole
from realtime.body.muscles import muscle_names
from realtime.body.skeleton import JOINTS, REST_STATURE_M
from realtime.body.student_io import AGE_EMPTY_S, INPUTS, OUTPUTS, STATE, STATE_OUTPUT, STUDENT_SCHEMA

from .evaluate import Told
from .loop import CHECKPOINT, file_hash
from .nets.attention import MAX_AGE_S, Ages, Block
from .nets.decoder import Body
from .nets.geometry import gravity_frame, local_from_global
from .nets.observation import Observation
from .nets.student import Student
from .runs import load_run
from .streaming import OnnxStudent

Tensor = torch.Tensor

OPSET = 20
TOLERANCE = 1e-4


class StudentStep(nn.Module):
    """One frame as the tracker runs it: raw landmarks and the ring in, a body and the ring's new column out."""

    student: Student

    def __init__(self, student: Student):
        super().__init__()
        self.student = student

    def forward(
        self,
        xy_norm: Tensor,
        visibility: Tensor,
        landmarks_m: Tensor,
        detected: Tensor,
        dt_s: Tensor,
        image_size_px: Tensor,
        focal_px: Tensor,
        gravity_cam: Tensor,
        height_m: Tensor,
        kv: Tensor,
        age_s: Tensor,
    ) -> tuple[Tensor, ...]:
        net = self.student
        ray = (xy_norm - 0.5) * image_size_px[:, None] / focal_px[:, None]
        size = height_m[:, 0] / REST_STATURE_M
        seen = net.observer(ray, visibility, landmarks_m, detected[:, 0], gravity_cam, size, dt_s[:, 0])
        ages = Ages.of(torch.cat([age_s + dt_s, torch.zeros_like(dt_s)], dim=1))
        h, columns = net.inlet(seen.features), []
        for layer, block in enumerate(net.blocks):
            assert isinstance(block, Block)
            h, column = block.step(h, kv[layer], ages)
            columns.append(column)
        body = net.decoder(net.norm(h), seen)
        return *gravity_aligned(body, seen), torch.stack(columns)


def gravity_aligned(body: Body, seen: Observation) -> tuple[Tensor, ...]:
    """The published quantities, in the order of `student_io.OUTPUTS`, of a body in camera axes."""
    R = gravity_frame(seen.gravity_cam)
    turn = lambda v: (R @ v[..., None])[..., 0]  # noqa: E731
    local = local_from_global(body.G_cam)
    local = torch.cat([(R @ local[..., 0, :, :])[..., None, :, :], local[..., 1:, :, :]], dim=-3)
    pelvis = turn(body.root_m)
    joints = (R[..., None, :, :] @ body.joints_m[..., None])[..., 0] + pelvis[..., None, :]
    out = {
        "R_local": local,
        "pelvis_m": pelvis,
        "offsets_m": body.offsets_m,
        "joints_m": joints,
        "joint_sigma_m": body.joint_sigma_m,
        "rotation_sigma_rad": body.rotation_sigma_rad,
        "root_velocity_m_s": turn(body.velocity_m_s),
        "root_velocity_sigma_m_s": body.velocity_sigma_m_s,
        "contact": body.contact_logit.sigmoid(),
        "grf_BW": (R[..., None, :, :] @ body.grf_BW[..., None])[..., 0],
        "grf_sigma_BW": body.grf_sigma_BW,
        "activation": body.activation,
        "activation_sigma": body.activation_sigma,
        "R_grav_cam": R,
    }
    return tuple(out[name] for name in OUTPUTS)


def blank_state(student: Student) -> dict[str, Tensor]:
    """An empty ring: all slots too old to count."""
    return {"kv": torch.zeros(student.kv_shape), "age_s": torch.full((1, student.config.window - 1), AGE_EMPTY_S)}


def export_run(run: Path, out: Path, metrics: Path | None = None, half: bool = True) -> dict:
    """Writes the student of a run as ONNX and returns its metadata.

    Args:
        metrics: what `evaluate --json` said of the run; its figures are carried in the file.
        half: store weights in half precision, cast to float32 when the file is loaded: half the size at full speed.

    Raises:
        InputError: `run` is no finished student, or `metrics` says nothing of it.
        OutputError: `out` cannot be written.
        ModelError: the file's answers differ from PyTorch's by more than 1e-4 on random streams (with `half`: from PyTorch's
            with the same rounded weights).
    """
    student, about = load_run(run, "student")
    assert isinstance(student, Student)
    _check_place(out)  # now, not after half a minute
    figures = figures_of(run, metrics) if metrics else {}
    if half:
        round_to_half(student)
    proto = to_onnx(student)
    metadata = describe(student, about, run, figures)
    if half:
        store_in_half(proto)
    onnx.helper.set_model_props(proto, metadata)
    onnx.checker.check_model(proto, full_check=True)
    worst = largest_difference(student, proto.SerializeToString())
    if not worst <= TOLERANCE:  # not a number is no answer either
        raise ModelError(f"the exported file differs from PyTorch by {worst:.1e}, more than {TOLERANCE:g}: nothing was written")
    write_whole(out, lambda part: part.write_bytes(proto.SerializeToString()))
    return metadata | {"largest_difference": worst, "bytes": out.stat().st_size}


def figures_of(run: Path, metrics: Path) -> dict:
    """The run's row in what `evaluate --json` printed: scores without those of single clips, and on what they were reached.

    Raises:
        InputError: not such a file, or of another run.
    """
    try:
        result = json.loads(metrics.read_text().splitlines()[-1])
        rows, judged = result["rows"].items(), result["models_sha256"].get(run.name)
        about = {key: result[key] for key in ("split", "takes", "frames_detected")} | {"told": str(Told())}
    except OSError as error:
        raise InputError(f"{metrics} cannot be read: {error.strerror}") from None
    except (ValueError, LookupError, TypeError, AttributeError):
        raise InputError(f"{metrics} is not what `biohuman-train evaluate {run} --json` prints last") from None
    if judged != file_hash(run / CHECKPOINT):
        raise InputError(f"{metrics} does not judge {run}: write it with `biohuman-train evaluate {run} --json`")
    for name, row in rows:
        if name.startswith(f"{run.name} (") and name.endswith(f"student): {Told()}"):
            return {key: value for key, value in row.items() if isinstance(value, float)} | about
    raise InputError(f"{metrics} has no row of {run.name}: write it with `biohuman-train evaluate {run} --json`")


def _check_place(out: Path) -> None:
    """Makes the folder; raises OutputError where no file can be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{out.parent} cannot be made: {error.strerror}; give --out another place") from None
    if out.is_dir():
        raise OutputError(f"{out} is a folder; give --out the name of a file, such as {out / 'student.onnx'}")
    if not os.access(out.parent, os.W_OK):
        raise OutputError(f"{out.parent} may not be written to; give --out another place")


def to_onnx(student: Student) -> onnx.ModelProto:
    """The step as a graph with static shapes."""
    inputs = {name: torch.zeros(t.shape) for name, t in INPUTS.items()} | blank_state(student)
    inputs["focal_px"] += 500
    inputs["image_size_px"] += 640
    # The exporter warns of its own internals, and of packages that it could serve if they were there.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        for category in (FutureWarning, DeprecationWarning, UserWarning):
            warnings.simplefilter("ignore", category)
        program = torch.onnx.export(
            StudentStep(student).eval(),
            tuple(inputs.values()),
            dynamo=True,
            opset_version=OPSET,
            external_data=False,
            verbose=False,
            input_names=list(inputs),
            output_names=[*OUTPUTS, STATE_OUTPUT],
        )
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:  # the exporter leaves source paths of this machine in every node
        del node.metadata_props[:]
    del proto.graph.value_info[:]  # its shapes of initialisers confuse later tools
    return proto


def round_to_half(net: nn.Module) -> None:
    """Rounds the large matrices to what half precision can hold."""
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim == 2 and p.numel() > 4096:
                p.copy_(p.half().float())


def store_in_half(proto: onnx.ModelProto) -> None:
    """Large float32 initialisers become float16 with a Cast behind them, which runtimes fold at load."""
    graph = proto.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT or np.prod(tensor.dims) <= 4096:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        name = tensor.name
        half = values.astype(np.float16)
        if np.abs(half.astype(np.float32) - values).max() > 0:
            continue  # not a rounded weight: keep all digits
        tensor.CopyFrom(onnx.numpy_helper.from_array(half, f"{name}_half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    for k, node in enumerate(casts):
        graph.node.insert(k, node)


def describe(student: Student, about: dict, run: Path, metrics: dict) -> dict[str, str]:
    """The file's metadata: everything a reader needs, as strings, JSON inside."""
    table = lambda tensors: json.dumps({n: t._asdict() for n, t in tensors.items()})  # noqa: E731
    state = {name: list(value.shape) for name, value in blank_state(student).items()}
    assert tuple(state) == STATE
    keep = (
        *("teacher_sha256", "start_sha256", "train", "net", "held_out", "labels_sha256", "pairs_sha256"),
        *("train_pair_frames", "train_clip_frames"),
    )
    return {
        "schema": STUDENT_SCHEMA,
        "model_id": f"student-{file_hash(run / CHECKPOINT)[:12]}",
        "inputs": table(INPUTS),
        "outputs": table(OUTPUTS),
        "state": json.dumps(state),
        "state_write": json.dumps({"kv": [STATE_OUTPUT, 3], "age_s": "age_s += dt_s; age_s[0, slot] = 0"}),
        "window": str(student.config.window),
        "max_age_s": str(MAX_AGE_S),
        "joints": json.dumps(JOINTS),
        "muscles": json.dumps(muscle_names()),
        "training": json.dumps({k: about.get(k) for k in keep}),
        "metrics": json.dumps(metrics),
        "licence": "Apache-2.0; trained on simulated labels and rendered video of motion from mocap.cs.cmu.edu",
    }


def random_stream(frames: int, seed: int) -> list[dict[str, Tensor]]:
    """Plausible raw inputs, with a person lost and found, a camera that stops for 1.5 s and changing frame times."""
    g = torch.Generator().manual_seed(seed)
    walk = torch.randn(frames, 33, 5, generator=g).cumsum(0) * 0.01
    start = torch.rand(33, 5, generator=g)
    stream = []
    for i in range(frames):
        found = 0.0 if 40 <= i < 45 else 1.0
        stream.append(
            {
                "xy_norm": (0.3 + 0.4 * start[:, :2] + walk[i, :, :2])[None] * found,
                "visibility": torch.rand(1, 33, generator=g) * found,
                "landmarks_m": ((start[:, 2:] - 0.5) + walk[i, :, 2:])[None] * found,
                "detected": torch.full((1, 1), found),
                "dt_s": torch.full((1, 1), 1.5 if i == 60 else 1 / 30) + 0.01 * torch.rand(1, 1, generator=g),
                "image_size_px": torch.tensor([[640.0, 480.0]]),
                "focal_px": torch.tensor([[554.0]]),
                "gravity_cam": torch.tensor([[0.0, 0.98, 0.199]]) if i < 80 else torch.zeros(1, 3),
                "height_m": torch.full((1, 1), 1.75 if i < 90 else 0.0),
            }
        )
    return stream


def largest_difference(student: Student, model: bytes, frames: int = 120) -> float:
    """Largest absolute difference of any output between ONNX Runtime's stream and PyTorch's full causal pass."""
    stream = random_stream(frames, seed=0)
    expected = full_pass(student, stream)
    got = OnnxStudent(model).run([{k: v.numpy() for k, v in frame.items()} for frame in stream])
    return max(float(np.abs(got[name] - expected[name].numpy()).max()) for name in OUTPUTS)


@torch.no_grad()
def full_pass(student: Student, stream: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """The published quantities of a whole stream from one causal pass, (T, ...) each."""
    raw = {k: torch.cat([frame[k] for frame in stream]) for k in stream[0]}
    ray = (raw["xy_norm"] - 0.5) * raw["image_size_px"][:, None] / raw["focal_px"][:, None]
    b = {
        "ray": ray,
        "visibility": raw["visibility"],
        "landmarks_m": raw["landmarks_m"],
        "detected": raw["detected"][:, 0],
        "gravity_told": raw["gravity_cam"],
        "size_told": raw["height_m"][:, 0] / REST_STATURE_M,
        "dt_s": raw["dt_s"][:, 0],
    }
    b = {k: v[None] for k, v in b.items()}
    order = ("ray", "visibility", "landmarks_m", "detected", "gravity_told", "size_told", "dt_s")
    seen = student.observer(*(b[k] for k in order))
    out = gravity_aligned(student(b), seen)
    return {name: value[0] for name, value in zip(OUTPUTS, out, strict=True)}
