"""The TensorRT engine class on a card that is not there: what it puts where, when, and what it gives back."""

import numpy as np
import pytest

from realtime import cli
from realtime.body.errors import ModelError, ShapeError
from realtime.body.student_io import OUTPUTS
from realtime.engines import DEFAULT_MODEL, open_engine
from realtime.engines.build import build_plan
from realtime.engines.plans import save_plan

from . import fake_card, tiny_model, walker

FRAMES = 200


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def frames():
    return walker.walk(FRAMES)


@pytest.fixture
def tiny(tmp_path):
    return tiny_model.write(tmp_path / "tiny.onnx")


def compiled(model, engine: str = "tensorrt-rtx", precision: str = "mixed"):
    """`model` compiled into the cache and opened."""
    save_plan(*build_plan(model, engine, precision=precision))
    return open_engine(model, engine)


@pytest.mark.parametrize("engine", ["tensorrt-rtx", "tensorrt"])
def test_mixed_precision_agrees_with_the_cpu_over_a_stream(monkeypatch, frames, engine):
    _, trt = fake_card.install(monkeypatch, is_rtx=engine == "tensorrt-rtx")
    ours = compiled(DEFAULT_MODEL, engine)
    errors = walker.largest_errors(ours, open_engine(), frames)
    print(walker.table(errors))
    assert {key: e.max() for key, e in errors.items() if e.max() > 5e-3} == {}
    assert errors["activation"].max() > 1e-4, "nothing was in half precision"
    # With geometry in half as well: rms 1.0 mm, largest 4.7 mm.
    joints_m = errors["joints_m"]
    assert np.sqrt((joints_m**2).mean()) < 3e-4
    assert joints_m.max() < 2.5e-3
    assert np.delete(joints_m, walker.LOST, axis=0).max() < 1e-3  # frames that are published
    assert trt.graphs == (FRAMES + 1 if engine == "tensorrt-rtx" else 0)


def test_in_single_precision_it_is_the_cpu_engine_to_the_bit(monkeypatch, frames):
    fake_card.install(monkeypatch)
    errors = walker.largest_errors(compiled(DEFAULT_MODEL, precision="fp32"), open_engine(), frames)
    assert {key: e.max() for key, e in errors.items() if e.any()} == {}


def test_the_ring_never_leaves_the_card(monkeypatch, tiny):
    driver, _ = fake_card.install(monkeypatch)
    engine = compiled(tiny)
    driver.log.clear()
    engine.step(walker.walk(1)[0])
    assert driver.log == ["memset", "htod", "execute", "copy2d", "dtoh"]
    kv_bytes = 4 * int(np.prod(tiny_model.KV))
    sizes = {len(data) for data in driver.memory.values()}
    assert kv_bytes in sizes
    assert all(a.nbytes not in (kv_bytes, kv_bytes // tiny_model.SLOTS) for a in driver.pagelocked)


def test_the_warm_up_leaves_no_trace(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    outputs = compiled(tiny).step(walker.walk(1)[0])
    assert outputs["joint_sigma_m"].max() == 0, "the ring of a fresh engine holds frames"


def test_a_number_that_is_not_finite_does_not_outlive_a_reset(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    engine = compiled(tiny)
    inputs = walker.walk(1)[0]
    engine.step({**inputs, "xy_norm": np.full_like(inputs["xy_norm"], np.nan)})
    assert np.isnan(engine.step(inputs)["activation"]).any()
    engine.reset()
    assert all(np.isfinite(a).all() for a in engine.step(inputs).values())


def test_close_gives_everything_back_the_context_last(monkeypatch, tiny):
    driver, _ = fake_card.install(monkeypatch)
    engine = compiled(tiny)
    assert driver.contexts == ["primary"]
    assert driver.memory
    engine.close()
    assert (driver.memory, driver.contexts) == ({}, [])
    assert driver.log[-2:] == ["runtime gone", "pop"]
    engine.close()
    with pytest.raises(RuntimeError, match="closed"):
        engine.step(walker.walk(1)[0])


def test_an_engine_that_nobody_closes_leaves_no_context(monkeypatch, tiny):
    driver, _ = fake_card.install(monkeypatch)
    engine = compiled(tiny)
    del engine
    assert (driver.memory, driver.contexts) == ({}, [])


@pytest.mark.parametrize("operation", ["mem_alloc", "pagelocked_zeros", "Stream", "execute", "copy2d", "memset"])
def test_a_card_that_fails_while_opening_is_told_and_left_clean(monkeypatch, tiny, operation):
    driver, _ = fake_card.install(monkeypatch)
    save_plan(*build_plan(tiny))
    driver.fails_at = operation
    with pytest.raises(ModelError, match=rf"tensorrt-rtx failed on the card \({operation} failed: no luck at all\)"):
        open_engine(tiny, "tensorrt-rtx")
    assert (driver.memory, driver.contexts) == ({}, [])


def test_a_card_that_fails_at_a_step_is_told(monkeypatch, tiny):
    driver, _ = fake_card.install(monkeypatch)
    engine = compiled(tiny)
    driver.fails_at = "execute"
    with pytest.raises(ModelError, match=r"failed on the card .*--engine onnx-cpu"):
        engine.step(walker.walk(1)[0])


def test_a_plan_that_the_library_refuses_is_told_in_its_words(monkeypatch, tiny):
    driver, trt = fake_card.install(monkeypatch)
    save_plan(*build_plan(tiny))
    trt.refuses = "cudaError 35:\n driver version is insufficient"
    with pytest.raises(ModelError, match="cannot load its engine: cudaError 35: driver version is insufficient"):
        open_engine(tiny, "tensorrt-rtx")
    assert driver.contexts == []


def test_kernels_are_kept_per_card_and_driver(monkeypatch, tiny, tmp_path):
    driver, trt = fake_card.install(monkeypatch)
    compiled(tiny).close()
    (kept,) = (tmp_path / "cache").rglob("*.jit")
    assert kept.read_bytes() == b"kernels of this card"
    assert "NVIDIA-GeForce-RTX-3060-13000" in kept.name
    assert trt.kept_jit == []
    open_engine(tiny, "tensorrt-rtx").close()
    assert trt.kept_jit == [b"kernels of this card"]
    driver.card = "NVIDIA RTX A2000"
    open_engine(tiny, "tensorrt-rtx").close()
    assert len(list((tmp_path / "cache").rglob("*.jit"))) == 2


def test_inputs_are_checked_as_on_the_cpu(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    inputs = walker.walk(1)[0]
    del inputs["dt_s"]
    with pytest.raises(ShapeError, match=r"dt_s is \(1, 1\), got nothing"):
        compiled(tiny).step(inputs)


def test_info_says_what_runs_and_where(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    info, on_cpu = compiled(tiny).info, open_engine(tiny).info
    assert info.engine == "tensorrt-rtx 9.8.7 (mixed, NVIDIA GeForce RTX 3060)"
    assert (info.model_id, info.sha256, info.metadata) == (on_cpu.model_id, on_cpu.sha256, on_cpu.metadata)


def test_outputs_are_the_contracts_and_stay_in_place(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    engine = compiled(tiny)
    first, second = (engine.step(x) for x in walker.walk(2))
    assert {key: a.shape for key, a in first.items()} == {key: t.shape for key, t in OUTPUTS.items()}
    assert all(first[key] is second[key] for key in OUTPUTS)
    assert all(a.dtype == np.float32 for a in first.values())


def test_the_command_compiles_and_track_finds_it(monkeypatch, tiny, capsys, tmp_path):
    fake_card.install(monkeypatch)
    out = tmp_path / "copy.plan"
    assert cli.main(["compile", str(tiny), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert "SM75 SM80 SM86 SM89 SM120" in said.out
    assert f"biohuman track 0 --engine tensorrt-rtx --model {tiny}" in said.err
    assert out.read_bytes().startswith(fake_card.PLAN_HEAD)
    assert (tmp_path / "copy.plan.json").is_file()
    assert open_engine(tiny, "tensorrt-rtx").info.model_id == "tiny-1"
