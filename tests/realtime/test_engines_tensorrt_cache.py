"""Which compiled engine is taken, which is refused, and what is said when one cannot run at all."""

import json
import os
import sys
import types

import pytest

from realtime import cli
from realtime.body.errors import BioHumanError, ModelError, OutputError
from realtime.engines import EngineUnavailable, available_engines, open_engine
from realtime.engines.build import build_plan
from realtime.engines.plans import save_plan

from . import fake_card, tiny_model


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def tiny(tmp_path):
    return tiny_model.write(tmp_path / "tiny.onnx")


@pytest.fixture
def plan(monkeypatch, tiny):
    """Path of the tiny model's plan, compiled by version 9.8.7 for all RTX cards."""
    fake_card.install(monkeypatch)
    return save_plan(*build_plan(tiny))


def refusal(model, engine: str = "tensorrt-rtx") -> str:
    with pytest.raises(BioHumanError) as caught:
        open_engine(model, engine)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_nothing_is_compiled_behind_the_users_back(monkeypatch, tiny, cache):
    fake_card.install(monkeypatch)
    assert refusal(tiny) == f"tiny.onnx is not compiled yet: run `biohuman compile {tiny} --engine tensorrt-rtx`"
    assert not cache.exists()


def test_another_model(plan, tiny):
    tiny.write_bytes(tiny.read_bytes() + b"\x7a\x00")  # an empty field of the file's format
    assert open_engine(tiny).info.model_id == "tiny-1", "it is still a model"
    assert "tiny.onnx has changed since it was compiled (sha256 " in refusal(tiny)


def test_another_version_of_the_library(plan, tiny, monkeypatch):
    fake_card.install(monkeypatch, version="9.9.0")
    assert "tiny.onnx was compiled by tensorrt-rtx 9.8.7, this is 9.9.0: run `biohuman compile" in refusal(tiny)


def test_another_card(tiny, monkeypatch):
    fake_card.install(monkeypatch)
    save_plan(*build_plan(tiny, targets=["SM75", "SM80"]))
    assert "was compiled for SM75, SM80, this card is NVIDIA GeForce RTX 3060 (SM86)" in refusal(tiny)


def test_a_card_that_the_library_cannot_serve(plan, tiny, monkeypatch):
    fake_card.install(monkeypatch, card="NVIDIA H100", capability=(9, 0))
    assert refusal(tiny) == "tensorrt-rtx 9.8.7 has no engines for NVIDIA H100 (SM90); use --engine onnx-cpu"


def test_classic_engines_are_for_one_card(tiny, monkeypatch):
    driver, _ = fake_card.install(monkeypatch, is_rtx=False)
    save_plan(*build_plan(tiny, "tensorrt"))
    open_engine(tiny, "tensorrt").close()
    driver.card = "NVIDIA GeForce RTX 3070"  # SM86 too
    assert "was compiled for NVIDIA GeForce RTX 3060, this card is NVIDIA GeForce RTX 3070 (SM86)" in refusal(tiny, "tensorrt")
    with pytest.raises(ModelError, match="leave --target out"):
        build_plan(tiny, "tensorrt", targets=["SM89"])


@pytest.mark.parametrize("damage", [b"", b"plan:something else"])
def test_a_plan_that_is_not_the_one_we_wrote(plan, tiny, damage):
    plan.write_bytes(damage)
    assert f"{plan} is damaged: its SHA-256 is " in refusal(tiny)


def test_a_plan_that_is_gone(plan, tiny):
    plan.unlink()
    assert f"{plan} cannot be read (No such file or directory): run `biohuman compile` again" in refusal(tiny)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": "biohuman.engine/2"}, "made by another version or for another place"),
        ({"precision": "fp32"}, "made by another version or for another place"),
        ({"targets": "SM86"}, "is damaged (Expected `array`, got `str` - at `$.targets`)"),
        ({"metadata": {}}, "its metadata has no 'schema'"),
    ],
)
def test_a_description_that_is_not_the_plans(plan, tiny, change, says):
    description = plan.with_suffix(".json")
    description.write_text(json.dumps(json.loads(description.read_text()) | change))
    assert says in refusal(tiny)


def test_a_description_that_is_cut_short(plan, tiny):
    description = plan.with_suffix(".json")
    description.write_bytes(description.read_bytes()[:100])
    assert "is damaged" in refusal(tiny)


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
@pytest.mark.parametrize("part", ["folder", "plan"])
def test_what_another_user_could_have_written_is_not_run(plan, tiny, part):
    (plan.parent if part == "folder" else plan).chmod(0o777)
    assert "can be written by, another user: engines are code, so it is not used" in refusal(tiny)


def test_engines_are_taken_from_the_cache_alone(plan, tiny, monkeypatch, tmp_path):
    beside = tiny.with_suffix(".plan")
    beside.write_bytes(plan.read_bytes())
    assert f"{beside} is a compiled engine: name the .onnx file" in refusal(beside)
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "other"))
    assert "tiny.onnx is not compiled yet" in refusal(tiny)


def test_of_two_that_fit_the_newer_is_taken(plan, tiny):
    save_plan(*build_plan(tiny, precision="fp32"))
    assert "(fp32, " in open_engine(tiny, "tensorrt-rtx").info.engine
    save_plan(*build_plan(tiny))
    assert "(mixed, " in open_engine(tiny, "tensorrt-rtx").info.engine


def test_a_cache_that_cannot_be_written(monkeypatch, tiny, tmp_path):
    fake_card.install(monkeypatch)
    (tmp_path / "file").touch()
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"cannot be kept in .*Not a directory.*BIOHUMAN_CACHE"):
        save_plan(*build_plan(tiny))


def test_a_full_disk_leaves_no_half_engine(monkeypatch, tiny, cache):
    fake_card.install(monkeypatch)

    def full(*_):
        raise OSError(28, "No space left on device")

    built = build_plan(tiny)
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        save_plan(*built)
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_no_pycuda(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    monkeypatch.delitem(sys.modules, "pycuda.driver")
    monkeypatch.setitem(sys.modules, "pycuda", None)
    assert refusal(tiny).startswith("tensorrt-rtx needs pycuda, which ")
    assert refusal(tiny).endswith("; what runs here: onnx-cpu")


def test_pycuda_without_a_driver(monkeypatch, tiny, tmp_path):
    fake_card.install(monkeypatch)
    monkeypatch.delitem(sys.modules, "pycuda.driver")
    monkeypatch.delitem(sys.modules, "pycuda")
    package = tmp_path / "site" / "pycuda"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    lines = ["import warnings", "warnings.warn('Failed to import the CUDA driver interface')"]
    lines.append("raise ImportError('libcuda.so.1: cannot open shared object file')")
    (package / "driver.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    assert refusal(tiny) == (
        "tensorrt-rtx needs pycuda, which does not import (libcuda.so.1: cannot open shared object file): "
        "install NVIDIA's driver; what runs here: onnx-cpu"
    )


def test_a_driver_that_does_not_start(monkeypatch, tiny):
    driver, _ = fake_card.install(monkeypatch)
    driver.fails_at = "init"
    assert "needs an NVIDIA card with its driver, which does not start (init failed: no luck at all)" in refusal(tiny)


def test_no_card(monkeypatch, tiny):
    fake_card.install(monkeypatch, cards=0)
    assert "needs an NVIDIA card; the driver finds none; what runs here: onnx-cpu" in refusal(tiny)


def test_type_stubs_are_no_library(monkeypatch, tiny):
    monkeypatch.setitem(sys.modules, "tensorrt", types.ModuleType("tensorrt"))
    with pytest.raises(EngineUnavailable, match=r"type stubs only.*pip install tensorrt"):
        open_engine(tiny, "tensorrt")


def test_a_library_that_is_not_installed(monkeypatch, tiny):
    fake_card.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(EngineUnavailable, match=r"tensorrt-rtx (is not installed|does not import)"):
        open_engine(tiny, "tensorrt-rtx")


def test_available_engines_agree_with_what_opens(monkeypatch):
    fake_card.install(monkeypatch)
    monkeypatch.setitem(sys.modules, "tensorrt", types.ModuleType("tensorrt"))
    found = available_engines()
    assert list(found) == ["onnx-cpu", "tensorrt-rtx", "tensorrt"]
    assert found["onnx-cpu"] == found["tensorrt-rtx"] == ""
    assert found["tensorrt"] == "is not installed (tensorrt holds type stubs only): pip install tensorrt"
    fake_card.install(monkeypatch, cards=0)
    assert available_engines()["tensorrt-rtx"] == "needs an NVIDIA card; the driver finds none"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--engine", "onnx-cpu"], "no engine to compile for is called 'onnx-cpu'"),
        (["--target", "SM12"], "no target is called 'SM12'; nearest: SM120"),
        (["--precision", "fp32", "--target", "SM75"], "Turing (SM75) has no fp32 matrix product"),
        (["--out", "/nowhere/at/all.plan"], "there is no folder /nowhere/at"),
        (["nothing.onnx"], "there is no model file nothing.onnx"),
    ],
)
def test_the_command_tells_mistakes_in_one_line(monkeypatch, capsys, arguments, says):
    fake_card.install(monkeypatch)
    assert cli.main(["compile", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("biohuman: ")
    assert says in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("damage", ["foreign", "truncated"])
def test_the_command_refuses_what_is_no_student(monkeypatch, capsys, tiny, damage):
    fake_card.install(monkeypatch)
    tiny.write_bytes(b"not a model" if damage == "foreign" else tiny.read_bytes()[:2000])
    assert cli.main(["compile", str(tiny)]) == 2
    assert "tiny.onnx" in capsys.readouterr().err
