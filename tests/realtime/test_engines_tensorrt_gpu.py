"""On a real card, with the real libraries: agreement with the CPU, and what a step takes. Skipped where there is none."""

from time import perf_counter_ns

import numpy as np
import pytest

from realtime.engines import DEFAULT_MODEL, EngineUnavailable, open_engine
from realtime.engines.build import build_plan, known_targets, present_card
from realtime.engines.libraries import load_driver, load_tensorrt
from realtime.engines.plans import save_plan

from . import walker


@pytest.mark.parametrize(("precision", "largest"), [("mixed", 5e-3), ("fp32", 1e-3)])
@pytest.mark.parametrize("name", ["tensorrt-rtx", "tensorrt"])
def test_a_card_agrees_with_the_cpu(monkeypatch, tmp_path, capsys, name, precision, largest):
    try:
        trt, cuda = load_tensorrt(name), load_driver(name)
    except EngineUnavailable as error:
        pytest.skip(str(error))
    card = present_card(name, cuda)
    if name == "tensorrt-rtx" and (card.sm not in known_targets(trt) or (card.sm, precision) == ("SM75", "fp32")):
        pytest.skip(f"{name} has no {precision} engines for {card.name} ({card.sm})")
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path))
    save_plan(*build_plan(DEFAULT_MODEL, name, targets=[card.sm], precision=precision))
    frames = walker.walk(600)
    engine = open_engine(DEFAULT_MODEL, name)
    try:
        errors = walker.largest_errors(engine, open_engine(), frames)
        step_ms = np.array([_step_ms(engine, inputs) for inputs in frames])
    finally:
        engine.close()
    with capsys.disabled():
        print(f"\n{engine.info.engine}: step p50 {np.median(step_ms):.3f} ms, p99 {np.percentile(step_ms, 99):.3f} ms")
        print(walker.table(errors))
    assert {key: e.max() for key, e in errors.items() if e.max() > largest} == {}


def _step_ms(engine, inputs) -> float:
    start_ns = perf_counter_ns()
    engine.step(inputs)
    return (perf_counter_ns() - start_ns) * 1e-6
