"""Does a model file keep the contract of `body.student_io`? The answer is a ModelError that says what differs."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..body.errors import ModelError
from ..body.muscles import muscle_names
from ..body.skeleton import JOINTS
from ..body.student_io import INPUTS, OUTPUTS, STATE_OUTPUT, STUDENT_SCHEMA, Tensor

#: Keys of the file's metadata whose values are JSON; the rest (`schema`, `model_id`, ...) is text.
JSON_KEYS = ("inputs", "outputs", "state", "window", "muscles", "joints", "training", "metrics")
TEXT_KEYS = ("schema", "model_id")


class Port(NamedTuple):
    """One tensor of the graph as the file declares it."""

    shape: tuple[int | str | None, ...]
    dtype: str  # ONNX Runtime's name, such as tensor(float)


class StateShape(NamedTuple):
    """Shape of the ring: kv (layers, 2, heads, slots, head width), age_s (1, slots)."""

    kv: tuple[int, int, int, int, int]

    @property
    def slots(self) -> int:
        return self.kv[3]

    @property
    def column(self) -> tuple[int, ...]:
        """Shape of one frame's contribution, `kv_new`."""
        return (*self.kv[:3], 1, self.kv[4])


def read_metadata(name: str, raw: Mapping[str, str]) -> dict[str, Any]:
    """The metadata with its JSON values decoded, once schema, muscles and joints are known to be ours.

    Args:
        name: the file, for messages.
        raw: ONNX `custom_metadata_map`.

    Raises:
        ModelError: another kind of model, another version, another muscle table or skeleton.
    """
    schema = raw.get("schema")
    if schema is None:
        raise ModelError(f"{name} is an ONNX file but not a BioHuman model: its metadata has no 'schema' ({STUDENT_SCHEMA})")
    if schema != STUDENT_SCHEMA:
        raise ModelError(f"{name} has schema {schema!r}, this program reads {STUDENT_SCHEMA!r}: update one of the two")
    missing = [key for key in (*TEXT_KEYS, *JSON_KEYS) if key not in raw]
    if missing:
        raise ModelError(f"{name} is incomplete: its metadata lacks {', '.join(missing)}; export it again")
    metadata: dict[str, Any] = dict(raw)
    for key in JSON_KEYS:
        try:
            metadata[key] = json.loads(raw[key])
        except ValueError as error:
            raise ModelError(f"{name} is damaged: metadata {key!r} is not JSON ({error}); export it again") from None
    _check_table(name, "muscles", metadata["muscles"], muscle_names())
    _check_table(name, "joints", metadata["joints"], JOINTS)
    for key, table in (("inputs", INPUTS), ("outputs", OUTPUTS)):
        _check_described(name, key, metadata[key], table)
    return metadata


def check_ports(name: str, metadata: Mapping[str, Any], inputs: Mapping[str, Port], outputs: Mapping[str, Port]) -> StateShape:
    """The ring's shape, once the graph's own inputs and outputs are known to be the contract's.

    Outputs that we do not know are allowed (a newer model may say more), inputs that we do not know are not.

    Raises:
        ModelError: a missing, foreign, wrongly shaped or wrongly typed tensor; a ring that contradicts itself.
    """
    state = _state_shape(name, metadata, inputs)
    wanted_in = {key: t.shape for key, t in INPUTS.items()} | {"kv": state.kv, "age_s": (1, state.slots)}
    wanted_out = {key: t.shape for key, t in OUTPUTS.items()} | {STATE_OUTPUT: state.column}
    _check_shapes(name, "input", inputs, wanted_in)
    _check_shapes(name, "output", outputs, wanted_out)
    foreign = sorted(set(inputs) - set(wanted_in))
    if foreign:
        raise ModelError(f"{name} asks for inputs that this program does not have: {', '.join(foreign)}; update the program")
    return state


def _state_shape(name: str, metadata: Mapping[str, Any], inputs: Mapping[str, Port]) -> StateShape:
    stated = metadata["state"]
    kv = stated.get("kv") if isinstance(stated, dict) else None
    if not (isinstance(kv, list) and len(kv) == 5 and all(isinstance(n, int) and n > 0 for n in kv) and kv[1] == 2):
        raise ModelError(f"{name} has a ring kv of shape {kv}, expected [layers, 2, heads, window - 1, width]; export it again")
    state = StateShape((kv[0], kv[1], kv[2], kv[3], kv[4]))
    if stated.get("age_s") != [1, state.slots] or metadata["window"] != state.slots + 1:
        raise ModelError(
            f"{name} contradicts itself: kv has {state.slots} slots, age_s is {stated.get('age_s')}, "
            f"window is {metadata['window']}; export it again"
        )
    if "kv" in inputs and inputs["kv"].shape != state.kv:
        raise ModelError(f"{name} states kv {list(state.kv)} but takes {list(inputs['kv'].shape)}; export it again")
    return state


def _check_shapes(name: str, kind: str, got: Mapping[str, Port], wanted: Mapping[str, tuple[int, ...]]) -> None:
    missing = sorted(set(wanted) - set(got))
    if missing:
        raise ModelError(f"{name} has no {kind} called {', '.join(missing)}; it has: {', '.join(sorted(got))}")
    for key, shape in wanted.items():
        if got[key].shape != shape:
            raise ModelError(f"{name}: {kind} {key} is {list(got[key].shape)}, this program uses {list(shape)}")
        if got[key].dtype != "tensor(float)":
            raise ModelError(f"{name}: {kind} {key} is {got[key].dtype}, this program uses tensor(float)")


def _check_table(name: str, key: str, got: Any, ours: tuple[str, ...]) -> None:
    if not isinstance(got, list) or tuple(got) == ours:
        if isinstance(got, list):
            return
        raise ModelError(f"{name} is damaged: metadata {key!r} is not a list; export it again")
    if len(got) != len(ours):
        raise ModelError(f"{name} was trained on {len(got)} {key}, this program has {len(ours)}: use a model of this version")
    i = next(i for i, (a, b) in enumerate(zip(got, ours, strict=True)) if a != b)
    raise ModelError(
        f"{name} was trained on another table of {key}: number {i} is {got[i]!r} there, {ours[i]!r} here: "
        "use a model of this version"
    )


def _check_described(name: str, key: str, got: Any, ours: Mapping[str, Tensor]) -> None:
    """The file's own description must give the shapes and units we use; a graph alone cannot tell radians from degrees."""
    for tensor, want in ours.items():
        said = got.get(tensor) if isinstance(got, dict) else None
        if not isinstance(said, dict):
            raise ModelError(f"{name} does not describe {tensor!r} in its metadata {key!r}; export it again")
        if said.get("shape") != list(want.shape):
            raise ModelError(f"{name}: {tensor} has shape {said.get('shape')}, this program uses {list(want.shape)}")
        if said.get("unit") != want.unit:
            raise ModelError(f"{name}: {tensor} is in {said.get('unit')!r}, this program uses {want.unit!r}")
