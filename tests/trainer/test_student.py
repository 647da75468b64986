"""The student streams what it computes over windows, never looks ahead, and survives export."""

import onnx
import pytest
import torch

from realtime.body.student_io import OUTPUTS
from trainer.export import (
    StudentStep,
    blank_state,
    describe,
    full_pass,
    largest_difference,
    random_stream,
    round_to_half,
    store_in_half,
    to_onnx,
)
from trainer.nets.student import Student, StudentConfig
from trainer.nets.teacher import Teacher, TeacherConfig
from trainer.streaming import OnnxStudent


@torch.no_grad()
def stream_through(student: Student, frames: list[dict]) -> dict[str, torch.Tensor]:
    step, state = StudentStep(student).eval(), blank_state(student)
    slots, out = state["age_s"].shape[1], []
    for i, frame in enumerate(frames):
        *values, column = step(*frame.values(), *state.values())
        state["kv"][:, :, :, i % slots] = column[:, :, :, 0]
        state["age_s"] += frame["dt_s"]
        state["age_s"][0, i % slots] = 0
        out.append(values)
    return {name: torch.cat([o[k] for o in out]) for k, name in enumerate(OUTPUTS)}


def test_stream_equals_full_pass(student):
    """With a person lost, a camera gap of 1.5 s, uneven frame times, gravity and height that become unknown."""
    frames = random_stream(100, seed=1)
    full, streamed = full_pass(student, frames), stream_through(student, frames)
    for name in OUTPUTS:
        torch.testing.assert_close(streamed[name], full[name], atol=1e-4, rtol=0, msg=lambda m, n=name: f"{n}: {m}")


def test_a_later_frame_never_changes_an_earlier_output(student):
    frames = random_stream(40, seed=2)
    other = frames[:25] + random_stream(40, seed=3)[25:]
    a, b = full_pass(student, frames), full_pass(student, other)
    for name in OUTPUTS:
        assert torch.equal(a[name][:25], b[name][:25]), name
    assert not torch.allclose(a["joints_m"][25:], b["joints_m"][25:])


def test_history_changes_the_answer(student):
    """Else streaming would equal the full pass for the wrong reason."""
    frames = random_stream(40, seed=4)
    alone = full_pass(student, frames[-1:])
    assert (full_pass(student, frames)["activation"][-1] - alone["activation"][0]).abs().max() > 1e-3


@pytest.mark.parametrize(
    "key", ["xy_norm", "visibility", "landmarks_m", "detected", "dt_s", "image_size_px", "focal_px", "gravity_cam", "height_m"]
)
def test_every_input_matters(student, key):
    frames = random_stream(3, seed=5)
    changed = [frame | {key: frame[key] * 0.8} for frame in frames]
    if key == "detected":
        changed = [frame | {key: frame[key] * 0} for frame in frames]
    assert any(not torch.equal(full_pass(student, frames)[n], full_pass(student, changed)[n]) for n in OUTPUTS)


def test_without_a_person_the_landmarks_do_not_matter(student):
    frame = random_stream(1, seed=6)[0] | {"detected": torch.zeros(1, 1)}
    other = frame | {
        "xy_norm": frame["xy_norm"] * 0,
        "landmarks_m": frame["landmarks_m"] * 2,
        "visibility": frame["visibility"] * 0,
    }
    for name in OUTPUTS:
        assert torch.equal(full_pass(student, [frame])[name], full_pass(student, [other])[name]), name


def test_onnx_equals_pytorch_also_after_reload_and_another_seed_does_not(student, tmp_path):
    round_to_half(student)
    proto = to_onnx(student)
    store_in_half(proto)
    onnx.helper.set_model_props(proto, {"schema": "biohuman.student/1"})
    onnx.save(proto, tmp_path / "student.onnx")
    assert largest_difference(student, (tmp_path / "student.onnx").read_bytes()) < 1e-4
    torch.manual_seed(1)
    other = Student(student.config, torch.full((354,), 0.05), torch.zeros(33, 3)).eval()
    assert largest_difference(other, (tmp_path / "student.onnx").read_bytes()) > 1e-2
    model = OnnxStudent(tmp_path / "student.onnx")
    frames = [{k: v.numpy() for k, v in f.items()} for f in random_stream(20, seed=7)]
    first, again = model.run(frames), model.run(frames)
    assert all((first[n] == again[n]).all() for n in OUTPUTS)  # a reset forgets everything
    assert {n: list(v.shape[1:]) for n, v in first.items()} == {n: list(t.shape[1:]) for n, t in OUTPUTS.items()}


def test_metadata_describes_the_file(student, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"x")
    described = describe(student, {}, tmp_path, {"mpjpe_mm": 1})
    assert all(isinstance(v, str) for v in described.values())
    assert described["schema"] == "biohuman.student/1"


def test_the_shipped_size_fits_the_budget():
    net = Student(StudentConfig(), torch.full((354,), 0.05), torch.zeros(33, 3))
    assert sum(p.numel() for p in net.parameters()) <= 3_000_000


def test_the_teacher_looks_ahead():
    torch.manual_seed(0)
    teacher = Teacher(TeacherConfig(width=32, heads=2, layers=1), torch.full((354,), 0.05), torch.zeros(33, 3)).eval()
    T = 12
    b = {
        "ray": torch.randn(1, T, 33, 2) * 0.1,
        "visibility": torch.ones(1, T, 33),
        "landmarks_m": torch.randn(1, T, 33, 3) * 0.3,
        "detected": torch.ones(1, T),
        "dt_s": torch.full((1, T), 1 / 30),
        "gravity_told": torch.zeros(1, T, 3),
        "size_told": torch.zeros(1, T),
    }
    changed = b | {"ray": b["ray"].clone()}
    changed["ray"][:, -1] += 0.1
    with torch.no_grad():
        a, c = teacher(b), teacher(changed)
    assert not torch.equal(a.body.activation[0, 0], c.body.activation[0, 0])
    assert a.delta_joints_m.shape == (1, T, 2, 24, 3)
