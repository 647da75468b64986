"""The student's graph in mixed precision: wide matrix products in half, but those that geometry is read off; all else in single.

Nothing of this file needs a card. Half precision saves most where the weights are, and Turing (SM75) has no other matrix
product. But ages, geometry and kinematics must stay single: half a float has 11 bits, which is 2 mm at 4 m, and each bone
would add to it; so must the layers that geometry is read off. Their products (a rotation times a vector) are therefore written
out as multiply and sum, which every card computes in single precision, Turing too.

We convert by hand: `onnxconverter_common.float16` turns an output into half when a node it was told to leave alone feeds it
(`keep_io_types` or not), and it cannot tell a layer's product from a rotation's.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..body.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PRECISIONS = ("mixed", "fp32")

#: A product that sums over at least so many numbers is a layer, over fewer geometry or ages (3 to 24); those of attention (queries
#: times keys, shares times values) may have any width and are told by the softmax.
WIDE = 32

#: What may lie between queries times keys and the softmax.
_ELEMENTWISE = ("Add", "Sub", "Mul", "Div", "Where")

#: Attributes of a Gemm that is x @ W^T + bias; ONNX's defaults but for transB.
_LAYER = {"alpha": 1.0, "beta": 1.0, "transA": 0, "transB": 1}

#: So many written-out products in a row, then a cut. The library fuses a chain into one kernel that computes each product again for
#: each of its uses: without cuts the student takes 320 s and 590 MB for one card, with one after every second product 4 s and 20 MB.
CHAIN = 2


def to_mixed(name: str, model: "ModelProto") -> "ModelProto":
    """A copy of `model` with wide products in half precision, save for the layers that geometry is read off: these are written out
    in single. Inputs, outputs and metadata are as before.

    Raises:
        ModelError: shapes that cannot be inferred, a layer that is not x @ W^T + bias, or weights beyond the range of half precision.
    """
    import onnx

    mixed = onnx.ModelProto()
    mixed.CopyFrom(model)
    shapes = _shapes(mixed)
    weights = {w.name: w for w in mixed.graph.initializer}
    halves = _stored_in_half(mixed, weights)  # single tensor -> its copy in half
    wide = _wide_products(name, mixed, shapes, {*weights, *halves})
    laying = _layers_into_geometry(mixed, wide)
    nodes: list[NodeProto] = []
    chained: dict[str, int] = {}  # tensor -> written-out products in a row that it comes from
    for node in mixed.graph.node:
        length = max((chained.get(i, 0) for i in node.input), default=0)
        if node.op_type not in ("Gemm", "MatMul"):
            chained.update(dict.fromkeys(node.output, length))
            nodes.append(node)
            continue
        if node.output[0] in laying:
            nodes += _layer_written_out(node, mixed)
        elif node.output[0] in wide:
            nodes += _in_half(name, node, weights, halves, mixed)
        elif node.op_type == "MatMul":
            length += 1
            is_cut = length >= CHAIN and shapes.get(node.output[0], [0])[0] == 1
            chained[node.output[0]] = 0 if is_cut else length
            nodes += _written_out(node, mixed, is_cut)
        else:
            nodes.append(node)  # no student has a narrow layer; single is right, and Turing would refuse it by name
    del mixed.graph.node[:], mixed.graph.value_info[:]
    mixed.graph.node.extend(nodes)
    _drop_unused(mixed)
    return mixed


def _wide_products(name: str, model: "ModelProto", shapes: dict[str, list[int]], weights: set[str]) -> set[str]:
    """Results of layers and attention."""
    scores = _attention_scores(model, weights)
    attention = {o for node in model.graph.node if node.op_type == "Softmax" for o in node.output}
    wide = set()
    for node in model.graph.node:
        if node.op_type in ("Gemm", "MatMul"):
            a, b = (shapes.get(i) for i in node.input[:2])
            if not a or not b:
                raise ModelError(
                    f"{name}: the shapes at {node.name} ({node.op_type}) cannot be inferred; export it with fixed shapes"
                )
            if a[-1] >= WIDE or node.input[0] in attention or node.output[0] in scores:
                _check_layer(name, node)
                wide.add(node.output[0])
    return wide


def _attention_scores(model: "ModelProto", weights: set[str]) -> set[str]:
    """Results of queries times keys, however narrow: what a softmax is taken of, also with a mask or ages added.

    Ages go into the same softmax, but they are multiplied by a weight.
    """
    made_by = {o: node for node in model.graph.node for o in node.output}
    to_do = [i for node in model.graph.node if node.op_type == "Softmax" for i in node.input]
    scores = set()
    while to_do:
        tensor = to_do.pop()
        node = made_by.get(tensor)
        if node is None:
            continue
        if node.op_type == "MatMul" and weights.isdisjoint(node.input):
            scores.add(tensor)
        elif node.op_type in _ELEMENTWISE:
            to_do += node.input
    return scores


def _check_layer(name: str, node: "NodeProto") -> None:
    """Raises ModelError for a Gemm that is not x @ W^T + bias."""
    from onnx import helper

    does = _LAYER | {"transB": 0} | {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type == "Gemm" and (other := [f"{key}={does[key]:g}" for key in _LAYER if does[key] != _LAYER[key]]):
        raise ModelError(
            f"{name}: {node.name} (Gemm) should be x @ W^T + bias (transB=1, all else as by default), got {', '.join(other)}; "
            "export it so, or compile with --precision fp32"
        )


def _layers_into_geometry(model: "ModelProto", wide: set[str]) -> set[str]:
    """Results of layers from which geometry is computed, with no other layer between: rotations, bones and distances."""
    made_by = {o: node for node in model.graph.node for o in node.output}
    to_do = [i for n in model.graph.node if n.op_type == "MatMul" and n.output[0] not in wide for i in n.input]
    laying, seen = set(), set()
    while to_do:
        tensor = to_do.pop()
        if tensor in seen or tensor not in made_by:
            continue
        seen.add(tensor)
        node = made_by[tensor]
        if tensor not in wide:
            to_do += node.input
        elif node.op_type == "Gemm":
            laying.add(tensor)
    return laying


def _shapes(model: "ModelProto") -> dict[str, list[int]]:
    """Shape of every tensor that inference knows wholly."""
    from onnx import shape_inference

    graph = shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {w.name: list(w.dims) for w in graph.initializer}
    for value in (*graph.input, *graph.output, *graph.value_info):
        dims = value.type.tensor_type.shape.dim
        if all(d.HasField("dim_value") for d in dims):
            shapes[value.name] = [d.dim_value for d in dims]
    return shapes


def _stored_in_half(model: "ModelProto", weights: dict) -> dict[str, str]:
    """Weights that the file keeps in half already, by the name under which a cast makes them single."""
    from onnx import TensorProto

    def is_half(name: str) -> bool:
        return name in weights and weights[name].data_type == TensorProto.FLOAT16

    return {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Cast" and is_half(n.input[0])}


def _in_half(name: str, node: "NodeProto", weights: dict, halves: dict[str, str], model: "ModelProto") -> list["NodeProto"]:
    """The product between casts; weights are cast here, once. A bias is added in single: half would round it and the sum."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = []
    bias = _bias_of(node)
    del node.input[2:]
    for i, single in enumerate(node.input):
        if single not in halves:
            halves[single] = half = f"{single}/half"
            if single in weights:
                with np.errstate(over="ignore"):
                    values = numpy_helper.to_array(weights[single]).astype(np.float16)
                if not np.isfinite(values).all():
                    raise ModelError(f"{name}: weights {single} go beyond half precision; compile with --precision fp32")
                model.graph.initializer.append(numpy_helper.from_array(values, half))
            else:
                nodes.append(helper.make_node("Cast", [single], [half], name=half, to=TensorProto.FLOAT16))
        node.input[i] = halves[single]
    result = node.output[0]
    node.output[0] = f"{result}/half_product"
    nodes.append(node)
    product = f"{result}/product" if bias else result
    nodes.append(helper.make_node("Cast", [node.output[0]], [product], name=f"{result}/single", to=TensorProto.FLOAT))
    if bias:
        nodes.append(helper.make_node("Add", [product, bias], [result], name=f"{result}/bias"))
    return nodes


def _layer_written_out(node: "NodeProto", model: "ModelProto") -> list["NodeProto"]:
    """x (1, K) @ W (N, K)^T + bias, in single."""
    from onnx import helper

    x, W = node.input[:2]
    bias, out = _bias_of(node), node.output[0]
    turned, product = f"{out}/turned", f"{out}/product" if bias else out
    nodes = [
        helper.make_node("Transpose", [W], [turned], name=turned, perm=[1, 0]),
        *_written_out(helper.make_node("MatMul", [x, turned], [product]), model),
    ]
    if bias:
        nodes.append(helper.make_node("Add", [product, bias], [out], name=f"{out}/bias"))
    return nodes


def _bias_of(node: "NodeProto") -> str:
    """The bias of a layer; empty where there is none: the exporter leaves out one that is all zero."""
    return node.input[2] if len(node.input) > 2 else ""


def _written_out(node: "NodeProto", model: "ModelProto", is_cut: bool = False) -> list["NodeProto"]:
    """a (..., M, K) @ b (..., K, N) as the sum over K of a (..., M, K, 1) * b (..., 1, K, N).

    Args:
        is_cut: whether a running sum over the leading axis, of length 1, follows: it changes nothing and is never fused.
    """
    from onnx import helper, numpy_helper

    a, b = node.input
    out = node.output[0]
    names = [f"{out}/{part}" for part in ("a", "b", "terms")]
    for part, axis in (("a", -1), ("b", -3), ("sum", -2), *([("cut", 0)] if is_cut else [])):
        model.graph.initializer.append(numpy_helper.from_array(np.array([axis]), f"{out}/{part}_axis"))
    total = f"{out}/uncut" if is_cut else out
    nodes = [
        helper.make_node("Unsqueeze", [a, f"{out}/a_axis"], [names[0]], name=names[0]),
        helper.make_node("Unsqueeze", [b, f"{out}/b_axis"], [names[1]], name=names[1]),
        helper.make_node("Mul", names[:2], [names[2]], name=names[2]),
        helper.make_node("ReduceSum", [names[2], f"{out}/sum_axis"], [total], name=f"{out}/sum", keepdims=0),
    ]
    if is_cut:
        nodes.append(helper.make_node("CumSum", [total, f"{out}/cut_axis"], [out], name=f"{out}/cut"))
    return nodes


def _drop_unused(model: "ModelProto") -> None:
    """The single copies of weights that are now used in half only, and the casts that made them."""
    graph = model.graph
    used = {i for node in graph.node for i in node.input} | {o.name for o in graph.output}
    for node in [n for n in graph.node if n.op_type == "Cast" and n.output[0] not in used]:
        graph.node.remove(node)
    used = {i for node in graph.node for i in node.input}
    for weight in [w for w in graph.initializer if w.name not in used]:
        graph.initializer.remove(weight)
