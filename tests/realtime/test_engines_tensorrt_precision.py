"""Which products go to half precision and which are written out, on graphs of a few nodes; needs neither library nor card."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from realtime.body.errors import ModelError
from realtime.engines.precision import _written_out, to_mixed

from .halves import with_true_halves

GEOMETRY = [
    helper.make_node("Reshape", ["layer", "shape_133"], ["rotation"]),
    helper.make_node("MatMul", ["rotation", "bone"], ["end"]),
]


def a_model(nodes, inputs: dict[str, list[int]], outputs: dict[str, list[int]], weights: dict[str, np.ndarray]):
    """A model of these nodes; numbers in single."""
    ins, outs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in ends.items()]
        for ends in (inputs, outputs)
    )
    graph = helper.make_graph(
        nodes, "few", ins, outs, [numpy_helper.from_array(value, name) for name, value in weights.items()]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def answer_of(model: onnx.ModelProto, **inputs: np.ndarray) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    session = ort.InferenceSession(with_true_halves(model.SerializeToString()), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, inputs)[0])


def products_of(model: onnx.ModelProto) -> set[str]:
    """What the products that are left compute; all of them are in half."""
    products = [node for node in model.graph.node if node.op_type in ("Gemm", "MatMul")]
    assert all(node.output[0].endswith("/half_product") for node in products)
    return {node.output[0].removesuffix("/half_product") for node in products}


@pytest.mark.parametrize("bias", [["bias"], [], [""]], ids=["a bias", "none", "an empty name"])
@pytest.mark.parametrize(("after", "in_half", "off"), [([], {"layer"}, 0.02), (GEOMETRY, set(), 1e-4)], ids=["half", "single"])
def test_a_layer_with_or_without_a_bias(bias, after, in_half, off):
    rng = np.random.default_rng(0)
    x, W, b = (rng.normal(size=shape).astype(np.float32) for shape in ((1, 64), (9, 64), (9,)))
    weights = {"W": W, "bias": 10 * b, "shape_133": np.array([1, 3, 3]), "bone": np.ones((1, 3, 1), np.float32)}
    layer = helper.make_node("Gemm", ["x", "W", *bias], ["layer"], transB=1)
    model = a_model([layer, *after], {"x": [1, 64]}, {"end": [1, 3, 1]} if after else {"layer": [1, 9]}, weights)
    mixed = to_mixed("few.onnx", model)
    assert products_of(mixed) == in_half
    expected = x @ W.T + 10 * b * (bias == ["bias"])
    np.testing.assert_allclose(answer_of(mixed, x=x).ravel(), expected.reshape(3, 3).sum(1) if after else expected[0], atol=off)


@pytest.mark.parametrize(("attribute", "value"), [("alpha", 2.0), ("beta", 0.5), ("transB", 0), ("transA", 1)])
def test_another_gemm_than_a_layer_is_refused(attribute, value):
    weights = {"W": np.eye(64, dtype=np.float32), "bias": np.ones(64, np.float32)}
    attributes: dict = {"transB": 1} | {attribute: value}
    layer = helper.make_node("Gemm", ["x", "W", "bias"], ["layer"], name="dense", **attributes)
    model = a_model([layer], {"x": [64, 64]}, {"layer": [64, 64]}, weights)
    with pytest.raises(ModelError, match=rf"few\.onnx: dense .*should be x @ W\^T \+ bias .*, got {attribute}={value:g};"):
        to_mixed("few.onnx", model)


@pytest.mark.parametrize("per_head", [4, 32])
@pytest.mark.parametrize("between", [[], ["Mul"], ["Mul", "Add", "Where"]], ids=["nothing", "scale", "scale, ages and mask"])
def test_attention_is_in_half_however_narrow_its_heads_are(per_head, between):
    """Not its ages; and the layer before it is none that geometry is read off."""
    rng = np.random.default_rng(0)
    weights = {
        "W": rng.normal(size=(6 * per_head, 64)).astype(np.float32) / 8,
        "bias": rng.normal(size=6 * per_head).astype(np.float32),
        "shape": np.array([3, 2, 1, per_head]),
        "of_ages": rng.normal(size=(13, 6)).astype(np.float32),
        "scale": np.float32(per_head**-0.5),
        "near": np.arange(6) > 1,
        "masked": np.float32(-1e4),
    }
    inputs = {"x": [1, 64], "past": [1, 2, 5, per_head], "ages": [1, 2, 1, 13]}
    chain = ["score", *(f"score_{op}" for op in between)]
    takes = {"Mul": "{} scale", "Add": "age_bias {}", "Where": "near {} masked"}
    model = a_model(
        [
            helper.make_node("Gemm", ["x", "W", "bias"], ["qkv"], transB=1),
            helper.make_node("Reshape", ["qkv", "shape"], ["heads"]),
            helper.make_node("Split", ["heads"], ["q", "k", "v"], axis=0, num_outputs=3),
            helper.make_node("Concat", ["past", "k"], ["keys"], axis=2),
            helper.make_node("Concat", ["past", "v"], ["values"], axis=2),
            helper.make_node("Transpose", ["keys"], ["keys_turned"], perm=[0, 1, 3, 2]),
            helper.make_node("MatMul", ["ages", "of_ages"], ["age_bias"]),
            helper.make_node("MatMul", ["q", "keys_turned"], ["score"]),
            *(helper.make_node(op, takes[op].format(chain[i]).split(), [chain[i + 1]]) for i, op in enumerate(between)),
            helper.make_node("Softmax", [chain[-1]], ["shares"], axis=-1),
            helper.make_node("MatMul", ["shares", "values"], ["mix"]),
        ],
        inputs,
        {"mix": [1, 2, 1, per_head]},
        weights,
    )
    mixed = to_mixed("few.onnx", model)
    assert products_of(mixed) == {"qkv", "score", "mix"}
    fed = {name: rng.normal(size=shape).astype(np.float32) for name, shape in inputs.items()}
    np.testing.assert_allclose(answer_of(mixed, **fed), answer_of(model, **fed), atol=0.02)


@pytest.mark.parametrize("is_cut", [False, True])
def test_what_a_cut_needs_is_there_for_a_cut_only(is_cut):
    model = onnx.ModelProto()
    nodes = _written_out(helper.make_node("MatMul", ["a", "b"], ["c"]), model, is_cut)
    assert {w.name for w in model.graph.initializer} == {i for n in nodes for i in n.input if i.endswith("_axis")}
    assert ("c/cut_axis" in {w.name for w in model.graph.initializer}) == is_cut
