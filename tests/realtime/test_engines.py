"""Engines: the ring as a law, and every way in which a model file can be wrong."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from realtime.body.errors import ModelError, ShapeError, UnknownName
from realtime.body.student_io import INPUTS, OUTPUTS
from realtime.engines import open_engine
from realtime.engines.onnx_cpu import OnnxCpuEngine

from . import tiny_model


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")


def inputs_with(nose_x: float, dt_s: float) -> dict[str, np.ndarray]:
    inputs = {name: np.zeros(t.shape, np.float32) for name, t in INPUTS.items()}
    inputs["xy_norm"][0, 0, 0] = nose_x
    inputs["dt_s"][...] = dt_s
    return inputs


def test_outputs_are_those_of_the_contract(tiny):
    outputs = open_engine(tiny).step(inputs_with(0.25, 0.03))
    assert {name: a.shape for name, a in outputs.items()} == {name: t.shape for name, t in OUTPUTS.items()}
    np.testing.assert_allclose(outputs["pelvis_m"], [[0.25, 1, -3]])


def test_the_ring_holds_the_last_frames_and_no_older_ones(tiny):
    engine = open_engine(tiny)
    noses = np.random.default_rng(0).random(3 * tiny_model.SLOTS)
    for i, x in enumerate(noses):
        outputs = engine.step(inputs_with(x, 0.03))
        past = noses[max(0, i - tiny_model.SLOTS) : i]
        np.testing.assert_allclose(outputs["joint_sigma_m"], len(past) / tiny_model.SLOTS, rtol=1e-6)
        np.testing.assert_allclose(outputs["activation"], past.sum() / tiny_model.SLOTS, rtol=1e-5, atol=1e-7)


def test_slots_age_by_the_time_between_frames(tiny):
    engine = OnnxCpuEngine(tiny)
    for dt_s in (0.0, 0.5, 0.25):
        engine.step(inputs_with(0.1, dt_s))
    ages = np.sort(engine._ring.age_s[0])[:3]
    np.testing.assert_allclose(ages, [0, 0.25, 0.75])


def test_reset_forgets_everything(tiny):
    fresh, used = open_engine(tiny), open_engine(tiny)
    for x in (0.3, 0.9, 0.7):
        used.step(inputs_with(x, 0.03))
    used.reset()
    for x in (0.2, 0.4):
        a = {k: v.copy() for k, v in fresh.step(inputs_with(x, 0.03)).items()}
        b = used.step(inputs_with(x, 0.03))
        for name in OUTPUTS:
            np.testing.assert_array_equal(a[name], b[name])


def test_two_engines_share_no_state(tiny):
    a, b = open_engine(tiny), open_engine(tiny)
    a.step(inputs_with(0.9, 0.03))
    assert b.step(inputs_with(0.1, 0.03))["activation"][0, 0] == 0


def test_info_names_the_model_and_its_bytes(tiny):
    import hashlib

    info = open_engine(tiny).info
    assert (info.model_id, info.engine) == ("tiny-1", "onnx-cpu")
    assert info.sha256 == hashlib.sha256(tiny.read_bytes()).hexdigest()
    assert info.metadata["window"] == tiny_model.SLOTS + 1


def test_a_missing_or_misshapen_input_is_refused(tiny):
    inputs = inputs_with(0.1, 0.0)
    inputs["xy_norm"] = inputs["xy_norm"][0]
    with pytest.raises(ShapeError, match=r"xy_norm is \(1, 33, 2\), got \(33, 2\)"):
        open_engine(tiny).step(inputs)


def test_unknown_engines_are_named_with_the_choices(tiny):
    with pytest.raises(UnknownName, match="no engine is called 'onnx-gpu'; nearest: onnx-cpu"):
        open_engine(tiny, "onnx-gpu")


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"no model file .*nothing\.onnx"):
        open_engine(tmp_path / "nothing.onnx")


def test_no_built_in_model_is_said_in_one_line(monkeypatch, tmp_path):
    import realtime.engines.open as module

    monkeypatch.setattr(module, "DEFAULT_MODEL", tmp_path / "student.onnx")
    with pytest.raises(ModelError, match=r"no trained model.*--model"):
        open_engine()


@pytest.mark.parametrize("damage", [b"", b"not a model at all", "half", "tail"])
def test_foreign_and_truncated_files(tiny, tmp_path, damage):
    whole = tiny.read_bytes()
    data = {"half": whole[: len(whole) // 2], "tail": whole[:-1]}.get(damage, damage) if isinstance(damage, str) else damage
    path = tmp_path / "bad.onnx"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"bad\.onnx .*(cut short|incomplete)") as caught:
        open_engine(path)
    assert "\n" not in str(caught.value)


def test_other_onnx_files_are_refused(tmp_path):
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Neg", ["x"], ["y"])], "other", [x], [y])
    path = tmp_path / "other.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    with pytest.raises(ModelError, match="not a BioHuman model"):
        open_engine(path)


def misfit(tmp_path, **changes: object):
    model = tiny_model.build()
    props = tiny_model.metadata()
    for key, value in changes.items():
        props[key] = value if isinstance(value, str) else json.dumps(value)
    helper.set_model_props(model, props)
    path = tmp_path / "misfit.onnx"
    onnx.save(model, path)
    return path


def described(name: str, **changes: object) -> dict:
    table = json.loads(tiny_model.metadata()["inputs"])
    table[name] |= changes
    return table


MUSCLES = json.loads(tiny_model.metadata()["muscles"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"schema": "biohuman.student/2"}, r"has schema 'biohuman.student/2', this program reads 'biohuman.student/1'"),
        ({"muscles": MUSCLES[1:] + MUSCLES[:1]}, "another table of muscles: number 0 is"),
        ({"muscles": MUSCLES[:350]}, "350 muscles, this program has 354"),
        ({"joints": ["pelvis"]}, "1 joints, this program has 24"),
        ({"muscles": "{"}, "metadata 'muscles' is not JSON"),
        ({"muscles": {}}, "is not a list"),
        ({"inputs": described("dt_s", unit="ms")}, "dt_s is in 'ms', this program uses 's'"),
        ({"inputs": described("focal_px", shape=[1, 2])}, r"focal_px has shape \[1, 2\]"),
        ({"inputs": {}}, "does not describe 'xy_norm'"),
        ({"window": 9}, "contradicts itself"),
        ({"state": {"kv": [1, 2, 1, 8, 4], "age_s": [1, 8]}, "window": 9}, r"states kv \[1, 2, 1, 8, 4\] but takes"),
        ({"state": []}, "ring kv of shape None"),
    ],
)
def test_metadata_that_does_not_fit(tmp_path, changes, says):
    with pytest.raises(ModelError, match=says) as caught:
        open_engine(misfit(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_missing_metadata_keys_are_listed(tmp_path):
    model = tiny_model.build()
    helper.set_model_props(model, {k: v for k, v in tiny_model.metadata().items() if k not in ("metrics", "window")})
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="lacks window, metrics"):
        open_engine(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rename": {"height_m": "stature"}}, "has no input called height_m"),
        ({"rename": {"R_grav_cam": "R"}}, "has no output called R_grav_cam"),
        ({"shapes": {"landmarks_m": (1, 17, 3)}}, r"input landmarks_m is \[1, 17, 3\], this program uses \[1, 33, 3\]"),
        ({"shapes": {"mood": (1, 1)}}, "asks for inputs that this program does not have: mood"),
    ],
)
def test_graphs_that_do_not_fit(tmp_path, change, says):
    with pytest.raises(ModelError, match=says):
        open_engine(tiny_model.write(tmp_path / "m.onnx", **change))
