"""The libraries that see the pictures carry no code that reports to its maker: whether it reports on a given run is chance."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

#: Hosts and classes by which the versions after our caps report: ONNX Runtime >= 1.29, MediaPipe >= 0.10.35.
REPORTERS = (b"events.data.microsoft.com", b"OneDsTelemetry", b"play.googleapis.com", b"clearcut")


@pytest.mark.parametrize("package", ["onnxruntime", "mediapipe"])
def test_no_reporter_is_built_in(package):
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    libraries = [
        p for p in Path(spec.origin).parent.rglob("*") if p.suffix in (".so", ".pyd", ".dll", ".dylib") or ".so." in p.name
    ]
    assert libraries
    found = [(p.name, word) for p in libraries for data in [p.read_bytes()] for word in REPORTERS if word in data]
    assert found == []


@pytest.mark.parametrize("asked", ["open_engine(Path(sys.argv[1]))", "available_engines() and open_engine(Path(sys.argv[1]))"])
def test_onnx_runtime_is_told_before_it_is_imported(tmp_path, asked):
    """For whoever brings a newer one: it decides at import."""
    (tmp_path / "bad.onnx").write_bytes(b"not a model")
    code = f"""
import os, sys
from pathlib import Path
class Watch:
    def find_spec(self, name, *_):
        if name == "onnxruntime":
            print("told" if os.environ.get("ORT_DISABLE_TELEMETRY") == "1" else "not told")
sys.meta_path.insert(0, Watch())
from realtime.engines import available_engines, open_engine
try:
    {asked}
except Exception as error:
    print(type(error).__name__)
"""
    command = [sys.executable, "-c", code, str(tmp_path / "bad.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split("\n")[:2] == ["told", "ModelError"]
