"""The student's graph in mixed precision: its wide matrix products in half, everything else in single.

Nothing of this file needs a card. Half precision saves most where the weights are, and Turing (SM75) has no other matrix
product. But ages, geometry and kinematics must stay single: half a float has 11 bits, which is 2 mm at 4 m, and each bone
would add to it. Their small products (a rotation times a vector) are therefore written out as multiply and sum, which every
card computes in single precision, Turing too.

We convert by hand: `onnxconverter_common.float16` turns an output into half when a node it was told to leave alone feeds it
(`keep_io_types` or not), and it cannot tell a layer's product from a rotation's.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..body.errors import ModelError

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PRECISIONS = ("mixed", "fp32")

#: A product that sums over at least so many numbers is a layer or attention (32 and more), over fewer geometry or ages (3 to 24).
WIDE = 32


def to_mixed(name: str, model: "ModelProto") -> "ModelProto":
    """A copy of `model` with wide products in half precision; inputs, outputs and metadata are as before.

    Raises:
        ModelError: shapes that cannot be inferred, or weights beyond the range of half precision.
    """
    import onnx

    mixed = onnx.ModelProto()
    mixed.CopyFrom(model)
    shapes = _shapes(mixed)
    weights = {w.name: w for w in mixed.graph.initializer}
    halves = _stored_in_half(mixed, weights)  # single tensor -> its copy in half
    nodes: list[NodeProto] = []
    for node in mixed.graph.node:
        if node.op_type not in ("Gemm", "MatMul"):
            nodes.append(node)
            continue
        a, b = (shapes.get(i) for i in node.input[:2])
        if not a or not b:
            raise ModelError(
                f"{name}: the shapes at {node.name} ({node.op_type}) cannot be inferred; export it with fixed shapes"
            )
        if a[-1] >= WIDE:
            nodes += _in_half(name, node, weights, halves, mixed)
        elif node.op_type == "MatMul":
            nodes += _written_out(node, mixed)
        else:
            nodes.append(node)  # no student has a narrow layer; single is right, and Turing would refuse it by name
    del mixed.graph.node[:], mixed.graph.value_info[:]
    mixed.graph.node.extend(nodes)
    _drop_unused(mixed)
    return mixed


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
    """The product between casts; weights are cast here, once."""
    from onnx import TensorProto, helper, numpy_helper

    nodes = []
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
    nodes.append(helper.make_node("Cast", [node.output[0]], [result], name=f"{result}/single", to=TensorProto.FLOAT))
    return nodes


def _written_out(node: "NodeProto", model: "ModelProto") -> list["NodeProto"]:
    """a (..., M, K) @ b (..., K, N) as the sum over K of a (..., M, K, 1) * b (..., 1, K, N)."""
    from onnx import helper, numpy_helper

    a, b = node.input
    out = node.output[0]
    names = [f"{out}/{part}" for part in ("a", "b", "terms")]
    for part, axis in (("a", -1), ("b", -3), ("sum", -2)):
        model.graph.initializer.append(numpy_helper.from_array(np.array([axis]), f"{out}/{part}_axis"))
    return [
        helper.make_node("Unsqueeze", [a, f"{out}/a_axis"], [names[0]], name=names[0]),
        helper.make_node("Unsqueeze", [b, f"{out}/b_axis"], [names[1]], name=names[1]),
        helper.make_node("Mul", names[:2], [names[2]], name=names[2]),
        helper.make_node("ReduceSum", [names[2], f"{out}/sum_axis"], [out], name=f"{out}/sum", keepdims=0),
    ]


def _drop_unused(model: "ModelProto") -> None:
    """The single copies of weights that are now used in half only, and the casts that made them."""
    graph = model.graph
    used = {i for node in graph.node for i in node.input} | {o.name for o in graph.output}
    for node in [n for n in graph.node if n.op_type == "Cast" and n.output[0] not in used]:
        graph.node.remove(node)
    used = {i for node in graph.node for i in node.input}
    for weight in [w for w in graph.initializer if w.name not in used]:
        graph.initializer.remove(weight)
