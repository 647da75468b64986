"""Compiled engines ("plans") in the user's own cache folder, and which of them fits.

A plan is code that runs on the card, and the library reads it without checks. So plans are loaded from this folder alone,
only if they belong to this user, and only if their bytes are those that we wrote: each has a JSON beside it with its SHA-256,
with what it was made from, by and for, and with the model's metadata, which a plan cannot carry.

    CACHE/engines/tensorrt-rtx-1.7.1.116/4f1d...-mixed-SM75-SM80.plan, .json, and .CARD.jit (kernels of that card and driver)
"""

import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec

from ..assets import cache_folder
from ..body.errors import ModelError, OutputError
from .libraries import one_line

PLAN_SCHEMA = "biohuman.engine/1"


class Card(NamedTuple):
    """The card in this machine."""

    name: str  # such as NVIDIA GeForce RTX 4070
    sm: str  # compute capability, such as SM89
    driver: int  # CUDA version of the driver, such as 13000


@dataclass(frozen=True, kw_only=True)
class PlanInfo:
    """What the JSON beside a plan says."""

    engine: str
    version: str  # of the library that wrote it; no other reads it
    precision: str
    targets: list[str]  # compute capabilities
    card: str  # the one card it was made for; "" = any of the targets
    model: str  # file name, for messages
    model_sha256: str
    plan_sha256: str
    compiled_ns: int  # since 1970; of several that fit the newest is taken
    metadata: dict[str, str]  # the model's own
    schema: str = PLAN_SCHEMA

    @property
    def path(self) -> Path:
        """Where the plan lies: all that tells one from another is in the name."""
        targets = "-".join((*self.targets, *re.findall(r"\w+", self.card)))
        return engines_folder() / f"{self.engine}-{self.version}" / f"{self.model_sha256[:16]}-{self.precision}-{targets}.plan"

    def jit_path(self, card: Card) -> Path:
        """Where kernels compiled for this card and driver are kept."""
        name = "-".join(re.findall(r"\w+", card.name))
        return self.path.with_suffix(f".{self.plan_sha256[:8]}-{name}-{card.driver}.jit")


def engines_folder() -> Path:
    return cache_folder() / "engines"


def save_plan(plan: bytes, info: PlanInfo) -> Path:
    """Keeps a plan. The JSON is written last: a plan without one does not exist.

    Raises:
        OutputError: the cache folder cannot be written.
    """
    folder = info.path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in folder.glob(f"{info.path.stem}.*.jit"):
            stale.unlink()
        write_whole(info.path, plan)
        write_whole(info.path.with_suffix(".json"), to_json(info))
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(
            f"the engine cannot be kept in {folder} ({reason}); name another folder with BIOHUMAN_CACHE"
        ) from None
    return info.path


def to_json(info: PlanInfo) -> bytes:
    return msgspec.json.format(msgspec.json.encode(info), indent=1)


def find_plan(model: Path, model_sha256: str, engine: str, version: str, card: Card, supported: bool) -> tuple[PlanInfo, bytes]:
    """The newest plan that fits model, library and card, with its bytes checked.

    Args:
        model: the ONNX file, for messages.
        supported: whether the library can compile for this card at all.

    Raises:
        ModelError: none fits; the message says what the nearest one lacks and what to do.
    """
    fitting: list[PlanInfo] = []
    nearest = (0, "is not compiled yet")
    for info in _plans(engine):
        rank, reason = _misfit(info, model.name, model_sha256, version, card)
        if not reason:
            fitting.append(info)
        nearest = max(nearest, (rank, reason))
    if not fitting:
        rank, reason = nearest
        if rank == CARD_DIFFERS and not supported:
            raise ModelError(f"{engine} {version} has no engines for {card.name} ({card.sm}); use --engine onnx-cpu")
        raise ModelError(f"{model.name} {reason}: run `biohuman compile {shlex.quote(str(model))} --engine {engine}`")
    return _read(max(fitting, key=lambda info: info.compiled_ns))


def read_jit(path: Path) -> bytes | None:
    """Kernels kept for this card and driver; None if there are none yet."""
    if not path.is_file():
        return None
    _refuse_foreign(path)
    return path.read_bytes()


MODEL_DIFFERS, VERSION_DIFFERS, CARD_DIFFERS, FITS = 1, 2, 3, 4


def _misfit(info: PlanInfo, name: str, model_sha256: str, version: str, card: Card) -> tuple[int, str]:
    """How far a plan fits, and in which the first thing differs ("" = in nothing)."""
    if info.model_sha256 != model_sha256:
        if info.model != name:
            return 0, "is not compiled yet"
        return MODEL_DIFFERS, f"has changed since it was compiled (sha256 {info.model_sha256[:8]} then, {model_sha256[:8]} now)"
    if info.version != version:
        return VERSION_DIFFERS, f"was compiled by {info.engine} {info.version}, this is {version}"
    if card.sm not in info.targets or (info.card and info.card != card.name):
        was = info.card or ", ".join(info.targets)
        return CARD_DIFFERS, f"was compiled for {was}, this card is {card.name} ({card.sm})"
    return FITS, ""


def _plans(engine: str) -> Iterator[PlanInfo]:
    for path in sorted(engines_folder().glob(f"{engine}-[0-9]*/*.json")):
        _refuse_foreign(path)
        yield _parse(path)


def _parse(path: Path) -> PlanInfo:
    """The JSON beside a plan; msgspec checks the type of every field."""
    try:
        info = msgspec.json.decode(path.read_bytes(), type=PlanInfo)
    except (msgspec.MsgspecError, ValueError, OSError) as error:
        raise ModelError(f"{path} is damaged ({one_line(error)}): delete it and run `biohuman compile` again") from None
    if info.schema != PLAN_SCHEMA or info.path.with_suffix(".json") != path:
        raise ModelError(f"{path} was made by another version or for another place: delete it and run `biohuman compile` again")
    return info


def _read(info: PlanInfo) -> tuple[PlanInfo, bytes]:
    _refuse_foreign(info.path)
    try:
        plan = info.path.read_bytes()
    except OSError as error:
        raise ModelError(f"{info.path} cannot be read ({error.strerror}): run `biohuman compile` again") from None
    got = hashlib.sha256(plan).hexdigest()
    if got != info.plan_sha256:
        raise ModelError(
            f"{info.path} is damaged: its SHA-256 is {got[:16]}, its JSON says {info.plan_sha256[:16]}: run `biohuman compile` again"
        )
    return info, plan


def _refuse_foreign(path: Path) -> None:
    """Code of another user of this machine is not run. (On Windows the cache lies in the user's profile.)"""
    if os.name != "posix":
        return
    for part in (path.parent, path):
        if not part.exists():
            continue
        stat = part.stat()
        if stat.st_uid not in (0, os.getuid()) or stat.st_mode & 0o002:
            raise ModelError(f"{part} belongs to, or can be written by, another user: engines are code, so it is not used")


def write_whole(path: Path, data: bytes) -> None:
    """The file as a whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
