"""A half precision graph as a card computes it, for ONNX Runtime on a processor.

Its CPU provider has no half precision products: it computes them in single AND drops the casts around them, at every level of
optimisation, so that a "mixed" graph agrees with the single one far better than any card would. Here the rounding is spelled
out in arithmetic that it must keep: with c = (2**13 + 1) x, c - (c - x) is x to 24 - 13 = 11 bits (Veltkamp), which is half.
Sums are in single, as in tensor cores.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SPLITTER = np.array(2**13 + 1, np.float32)


def with_true_halves(onnx_bytes: bytes) -> bytes:
    """The same graph, all tensors single, rounded to half wherever it casts to or from half."""
    model = onnx.load_model_from_string(onnx_bytes)
    graph = model.graph
    stored = {w.name for w in graph.initializer if w.data_type == TensorProto.FLOAT16}
    for weight in [w for w in graph.initializer if w.name in stored]:
        weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.float32), weight.name))
    graph.initializer.append(numpy_helper.from_array(SPLITTER, "splitter"))
    halves = set(stored)
    nodes = []
    for node in graph.node:
        to = next((a.i for a in node.attribute if a.name == "to"), None)
        if to == TensorProto.FLOAT16:
            nodes += _rounded(node.input[0], node.output[0])
            halves.update(node.output)
        elif to == TensorProto.FLOAT and node.input[0] in stored:
            nodes.append(helper.make_node("Identity", node.input, node.output))
        elif to == TensorProto.FLOAT and node.input[0] in halves:
            nodes += _rounded(node.input[0], node.output[0])
        else:
            if halves.intersection(node.input):
                assert node.op_type in ("MatMul", "Gemm"), f"{node.op_type} in half precision"
                halves.update(node.output)
            nodes.append(node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    return model.SerializeToString()


def _rounded(x: str, y: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Mul", [x, "splitter"], [f"{y}/c"]),
        helper.make_node("Sub", [f"{y}/c", x], [f"{y}/rest"]),
        helper.make_node("Sub", [f"{y}/c", f"{y}/rest"], [y]),
    ]
