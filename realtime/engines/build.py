"""From the student's ONNX file to a TensorRT plan. One code for tensorrt-rtx and tensorrt: the library is passed along as `trt`.

tensorrt-rtx builds without a card, for all cards at once; the kernels are compiled on the card at the first load.
tensorrt builds on the card it is for, and for no other.
"""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..body.errors import ModelError, UnknownName
from .contract import Port, check_ports, read_metadata
from .libraries import EngineUnavailable, load_driver, load_tensorrt, one_line
from .plans import Card, PlanInfo
from .precision import to_mixed

if TYPE_CHECKING:
    import tensorrt  # tensorrt-stubs: types only
    from onnx import ModelProto

#: What tensorrt-rtx builds for: RTX 20; A100; RTX 30; RTX 40; RTX 50.
TARGETS = ("SM75", "SM80", "SM86", "SM89", "SM120")
#: Turing has tensor cores for half precision only, and the library no other matrix product for it.
HALF_ONLY = "SM75"


def build_plan(
    model: Path, engine: str = "tensorrt-rtx", *, targets: Sequence[str] | None = None, precision: str = "mixed"
) -> tuple[bytes, PlanInfo]:
    """The plan of a student file and what is to be known of it; nothing is written.

    Args:
        targets: compute capabilities such as SM86; None = all that the precision allows (tensorrt: this machine's card).
        precision: "mixed" (see `precision.to_mixed`) or "fp32".

    Raises:
        ModelError: not a student's file, a library or card that is missing, a target without that precision, a failed build.
        UnknownName: no such target.
    """
    data = model.read_bytes()
    graph = parse_student(model.name, data)
    raw = {p.key: p.value for p in graph.metadata_props}
    trt = load_tensorrt(engine)
    card = None if engine == "tensorrt-rtx" else present_card(engine, load_driver(engine))
    chosen = _targets(trt, card, targets, precision)
    if precision == "mixed":
        graph = to_mixed(model.name, graph)
        check_student(model.name, graph)  # inputs and outputs are still single
    plan = _build(trt, model.name, graph.SerializeToString(), chosen if card is None else ())
    return plan, PlanInfo(
        engine=engine,
        version=trt.__version__,
        precision=precision,
        targets=list(chosen),
        card="" if card is None else card.name,
        model=model.name,
        model_sha256=hashlib.sha256(data).hexdigest(),
        plan_sha256=hashlib.sha256(plan).hexdigest(),
        compiled_ns=time.time_ns(),
        metadata=raw,
    )


def parse_student(name: str, data: bytes) -> "ModelProto":
    """The file's graph, known to keep the contract.

    Raises:
        ModelError: no ONNX file, damaged, or not a model of this program; onnx is not installed.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise ModelError(f"compiling needs onnx, which cannot be imported ({one_line(error)}): pip install onnx") from None
    try:
        graph = onnx.load_model_from_string(data)
        onnx.checker.check_model(graph)
    except (DecodeError, onnx.checker.ValidationError) as error:
        raise ModelError(f"{name} ({len(data)} bytes) is no ONNX file, or is cut short or damaged: {one_line(error)}") from None
    check_student(name, graph)
    return graph


def check_student(name: str, model: "ModelProto") -> None:
    """Metadata and graph are as `body.student_io` says.

    Raises:
        ModelError: what differs.
    """
    metadata = read_metadata(name, {p.key: p.value for p in model.metadata_props})
    check_ports(name, metadata, _ports(model.graph.input), _ports(model.graph.output))


def _ports(values: Any) -> dict[str, Port]:
    from onnx import TensorProto

    def port(tensor: Any) -> Port:
        shape = tuple(d.dim_value if d.HasField("dim_value") else (d.dim_param or None) for d in tensor.shape.dim)
        return Port(shape, f"tensor({TensorProto.DataType.Name(tensor.elem_type).lower()})")

    return {value.name: port(value.type.tensor_type) for value in values}


def present_card(engine: str, cuda: Any) -> Card:
    """The first card (CUDA_VISIBLE_DEVICES chooses another)."""
    try:
        device = cuda.Device(0)
        major, minor = device.compute_capability()
        return Card(device.name(), f"SM{major}{minor}", cuda.get_driver_version())
    except cuda.Error as error:
        raise EngineUnavailable(engine, f"needs an NVIDIA card, which does not answer ({one_line(error)})") from None


def known_targets(trt: Any) -> list[str]:
    """Compute capabilities that tensorrt-rtx can build for."""
    return [name for name in trt.ComputeCapability.__members__ if name.startswith("SM")]


def _targets(trt: Any, card: Card | None, targets: Sequence[str] | None, precision: str) -> tuple[str, ...]:
    if card is not None:
        if targets and list(targets) != [card.sm]:
            raise ModelError(f"tensorrt builds for this machine's card ({card.name}, {card.sm}) only: leave --target out")
        return (card.sm,)
    if targets is None:
        return tuple(t for t in TARGETS if precision == "mixed" or t != HALF_ONLY)
    for target in targets:
        if target not in known_targets(trt):
            raise UnknownName("target", target, known_targets(trt))
    if precision == "fp32" and HALF_ONLY in targets:
        raise ModelError(f"Turing ({HALF_ONLY}) has no fp32 matrix product: leave it out of --target, or use --precision mixed")
    return tuple(dict.fromkeys(targets))


def _build(trt: Any, name: str, onnx_bytes: bytes, targets: Sequence[str]) -> bytes:
    """The serialized engine; shapes are static, so no optimisation profile is needed."""
    log = message_log(trt)
    try:
        builder: tensorrt.Builder = trt.Builder(log)
    except (TypeError, RuntimeError) as error:  # pybind11 says so when the factory returns nothing, as without a driver
        raise ModelError(f"the builder does not start ({one_line(error)}); {log.told()}") from None
    # Strongly typed: precision is what the graph says, layer by layer. Newer libraries know no other way.
    network: tensorrt.INetworkDefinition = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser: tensorrt.OnnxParser = trt.OnnxParser(network, log)
    if not parser.parse(onnx_bytes):
        why = "; ".join(one_line(parser.get_error(i).desc()) for i in range(parser.num_errors))
        raise ModelError(f"{name} cannot be compiled: {why}")
    config: tensorrt.IBuilderConfig = builder.create_builder_config()
    config.clear_flag(trt.BuilderFlag.TF32)  # on by default; "single" would have half's 11 bits
    if targets:
        _set_targets(trt, config, targets)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise ModelError(f"{name} cannot be compiled for {', '.join(targets) or 'this card'}: {log.told()}")
    return bytes(plan)


def _set_targets(trt: Any, config: Any, targets: Sequence[str]) -> None:
    """tensorrt-rtx only."""
    config.num_compute_capabilities = len(targets)
    for i, target in enumerate(targets):
        config.set_compute_capability(trt.ComputeCapability.__members__[target], i)


def message_log(trt: Any) -> Any:
    """A logger of the library that keeps warnings and errors: they are the only explanation it gives."""

    class MessageLog(trt.ILogger):
        def __init__(self) -> None:
            trt.ILogger.__init__(self)  # the binding insists on this form
            self.messages: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.WARNING:
                self.messages.append(one_line(message))

        def told(self) -> str:
            return "; ".join(self.messages[-3:]) or "the library gives no reason"

    return MessageLog()
