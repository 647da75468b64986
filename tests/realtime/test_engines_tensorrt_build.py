"""Real builds with tensorrt-rtx, which needs no card for it, of the student that comes with the program."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime import cli
from realtime.body.errors import ModelError
from realtime.engines import DEFAULT_MODEL, EngineUnavailable, open_engine
from realtime.engines.build import TARGETS, _build, build_plan, check_student, parse_student
from realtime.engines.libraries import load_driver, load_tensorrt
from realtime.engines.plans import save_plan
from realtime.engines.precision import _shapes, to_mixed

from . import fake_card, tiny_model

try:
    TRT = load_tensorrt("tensorrt-rtx")
except EngineUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_student_builds_for_every_rtx_card(capsys, cache):
    assert TARGETS == ("SM75", "SM80", "SM86", "SM89", "SM120")
    assert cli.main(["compile", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["targets"], said["precision"], said["version"]) == (list(TARGETS), "mixed", TRT.__version__)
    (plan,) = cache.rglob("*.plan")
    assert (said["path"], said["bytes"]) == (str(plan), plan.stat().st_size)
    assert DEFAULT_MODEL.stat().st_size < plan.stat().st_size < 50e6  # 590 MB where chains of small products are not cut


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_the_student_builds_for_one_card(target):
    _, info = build_plan(DEFAULT_MODEL, targets=[target])
    assert info.targets == [target]


def test_single_precision_builds_for_all_but_turing():
    _, info = build_plan(DEFAULT_MODEL, precision="fp32")
    assert info.targets == ["SM80", "SM86", "SM89", "SM120"]


def test_turing_refuses_single_precision_products():
    """Why `build_plan` refuses SM75 with fp32, and why geometry is written out as sums: the library itself does not take it."""
    with pytest.raises(ModelError, match="no fp32 matrix product"):
        build_plan(DEFAULT_MODEL, precision="fp32", targets=["SM75"])
    with pytest.raises(ModelError, match=r"cannot be compiled for SM75: .*FP32 GEMM is not supported"):
        _build(TRT, "student.onnx", DEFAULT_MODEL.read_bytes(), ["SM75"])


def test_a_graph_that_the_library_cannot_read_is_told_in_its_words(tmp_path):
    model = tiny_model.build()
    model.graph.node.append(helper.make_node("Det", ["R_grav_cam"], ["spare"]))  # in ONNX, but not in TensorRT
    path = tmp_path / "odd.onnx"
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"odd\.onnx cannot be compiled: .+") as caught:
        build_plan(path, targets=["SM86"], precision="fp32")
    assert "\n" not in str(caught.value)


def test_a_plan_does_not_load_without_a_driver(monkeypatch, tmp_path):
    """The real library with a card that is not there: it does not raise, it returns nothing; its log says why."""
    try:
        load_driver("tensorrt-rtx")
    except EngineUnavailable:
        pass
    else:
        pytest.skip("this machine has a driver")
    model = tiny_model.write(tmp_path / "tiny.onnx")
    save_plan(*build_plan(model))
    fake_card.install_driver(monkeypatch)
    with pytest.raises(ModelError, match=r"tensorrt-rtx cannot load its engine: .*(driver|CUDA)"):
        open_engine(model, "tensorrt-rtx")


def test_mixed_precision_keeps_the_contract_and_its_reasons():
    """Inputs and outputs single; only wide products in half; nothing that ages or turns bones among them."""
    student = parse_student("student.onnx", DEFAULT_MODEL.read_bytes())
    mixed = to_mixed("student.onnx", student)
    check_student("student.onnx", mixed)
    made_half = {n.output[0] for n in mixed.graph.node if n.name.endswith("/half")}
    products = [n for n in mixed.graph.node if n.op_type in ("MatMul", "Gemm")]
    assert len(products) == 29  # 21 of 23 layers, geometry is read off the others; 2 products of attention in each of 4 blocks
    stored = {w.name for w in mixed.graph.initializer if w.data_type == 10}
    assert all(made_half | stored >= set(n.input) for n in products)
    assert not any(half.startswith("age_s") for half in made_half)
    cuts = [n for n in mixed.graph.node if n.op_type == "CumSum"]
    assert cuts
    shapes = _shapes(mixed)
    assert {shapes[n.output[0]][0] for n in cuts} == {1}, "a cut changes what it cuts"
    assert sum(n.op_type == "ReduceSum" for n in mixed.graph.node) > sum(n.op_type == "ReduceSum" for n in student.graph.node)


def test_weights_beyond_half_precision_are_refused():
    weights = numpy_helper.from_array(np.full((64, 4), 1e5, np.float32), "w")
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 64]), ("y", [1, 4]))]
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "wide", ends[:1], ends[1:], [weights])
    with pytest.raises(ModelError, match=r"weights w go beyond half precision; compile with --precision fp32"):
        to_mixed("wide.onnx", helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]))
