"""Who may import whom. Read from the syntax trees, so an import inside a function counts too; then tried in fresh processes."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("realtime", "simlabels", "trainer")

#: Never imported in that folder or file, whatever the reason.
FORBIDDEN = {
    "realtime": {
        "torch",
        "torchvision",
        "mujoco",
        "smplx",
        "simlabels",
        "trainer",
        "benchmarks",
        "tests",
        "musclemimic_models",
    },
    "simlabels": {"trainer", "benchmarks", "tests"},
    "trainer": {"simlabels", "benchmarks", "tests", "mujoco"},
}

#: What `simlabels` and `trainer` may know of `realtime`; the front end only where the tracker's own one is run.
OF_REALTIME = {"realtime.body"}
#: ... with the cv2 that it runs with, and the cache folder its models lie in.
FRONT_END = {"realtime.landmarks", "realtime.capture.opencv", "realtime.assets"}
RUNS_THE_FRONT_END = ("simlabels/video", "trainer/evaluate", "trainer/video")  # rendered people; evaluation on real video

#: A heavy library has one home.
HOMES = {
    "mediapipe": ("realtime/landmarks/mediapipe.py",),
    "onnxruntime": ("realtime/engines/", "trainer/"),
    "tensorrt": ("realtime/engines/",),
    "tensorrt_rtx": ("realtime/engines/",),
    "pycuda": ("realtime/engines/",),
}

#: Imported only inside a function in `realtime`: a missing one is a sentence, and the program starts at once.
LATE_IN_REALTIME = {"cv2", "mediapipe", "onnxruntime", "tensorrt", "tensorrt_rtx", "pycuda", "matplotlib", "rich"}

NUMPY_ONLY = {"numpy", *sys.stdlib_module_names}


def source_files() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imports_of(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[str, bool]]:
    """(absolute name of what is imported, whether at the top level of the file) for each import in `source`."""
    tree = ast.parse(source)
    inside = {id(node) for f in ast.walk(tree) if isinstance(f, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(f)}
    for block in ast.walk(tree):  # what only a type checker sees is not loaded
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING":
            inside |= {id(node) for statement in block.body for node in ast.walk(statement)}
    for node in ast.walk(tree):
        is_top = id(node) not in inside
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, is_top
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".") if is_package else module.split(".")[:-1]
            base = above[: len(above) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            for alias in node.names:
                yield ".".join([*base, alias.name]), is_top
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if called in ("__import__", "import_module", "importlib.import_module"):
                yield str(node.args[0].value), is_top


def every_import() -> list[tuple[str, str, bool]]:
    """(file, imported name, at top level) over the three packages."""
    found = []
    for path in source_files():
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        module = ".".join(parts[:-1] if is_package else parts)
        for name, is_top in imports_of(path.read_text("utf-8"), module, is_package=is_package):
            found.append((path.relative_to(ROOT).as_posix(), name, is_top))
    return found


def is_within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_there_is_something_to_check():
    files = [path.relative_to(ROOT).as_posix() for path in source_files()]
    assert len(files) > 20
    assert {"realtime/body/frames.py", "realtime/capture/live.py"} <= set(files)
    assert ("realtime/landmarks/mediapipe.py", "mediapipe", False) in every_import()


def test_the_reader_of_imports_misses_none():
    source = """
import torch.nn as nn, json
from . import near
from ..body.errors import InputError
if TYPE_CHECKING:
    import tensorrt
else:
    import rich
def late():
    from importlib import import_module
    import mujoco
    import_module("smplx")
    class Inner:
        async def later(self):
            __import__("trainer.nets")
"""
    names = dict(imports_of(source, "realtime.wire.messages"))
    assert names == {
        "torch.nn": True,
        "json": True,
        "realtime.wire.near": True,
        "realtime.body.errors.InputError": True,
        "tensorrt": False,
        "rich": True,
        "importlib.import_module": False,
        "mujoco": False,
        "smplx": False,
        "trainer.nets": False,
    }
    assert dict(imports_of("from .live import LiveReader", "realtime.capture", is_package=True)) == {
        "realtime.capture.live.LiveReader": True
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_imports_what_is_forbidden(package):
    against = [
        f"{file} imports {name}"
        for file, name, _ in every_import()
        if file.startswith(f"{package}/") and name.split(".")[0] in FORBIDDEN[package]
    ]
    assert against == []


def test_the_others_know_only_the_vocabulary_of_realtime():
    against = []
    for file, name, _ in every_import():
        if file.startswith("realtime/") or not is_within(name, "realtime"):
            continue
        allowed = OF_REALTIME | (FRONT_END if file.startswith(RUNS_THE_FRONT_END) else set())
        if not any(is_within(name, package) for package in allowed):
            against.append(f"{file} imports {name}")
    assert against == []


def test_the_vocabulary_needs_numpy_alone():
    against = [
        f"{file} imports {name}"
        for file, name, _ in every_import()
        if file.startswith("realtime/body/") and name.split(".")[0] not in NUMPY_ONLY and not is_within(name, "realtime.body")
    ]
    assert against == []
    assert [name for file, name, _ in every_import() if file == "realtime/__init__.py"] == []


def test_heavy_libraries_stay_at_home_and_come_late():
    against = []
    for file, name, is_top in every_import():
        library = name.split(".")[0]
        if library in HOMES and not file.startswith(HOMES[library]):
            against.append(f"{file} imports {name}, whose home is {HOMES[library]}")
        if file.startswith("realtime/") and library in LATE_IN_REALTIME and is_top:
            against.append(f"{file} imports {name} at its top")
    assert against == []


def modules_after(statement: str) -> set[str]:
    """Top-level modules that are loaded in a fresh interpreter after `statement`."""
    program = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    # -S: what an editable install or a test tool loads at start-up is not ours; the paths are handed over instead.
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    program = f"import sys; sys.path[:0] = {paths!r}\n{program}"
    done = subprocess.run([sys.executable, "-S", "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stdout.split())


def test_the_vocabulary_loads_numpy_and_the_standard_library():
    body = [f"realtime.body.{path.stem}" for path in (ROOT / "realtime/body").glob("*.py") if path.stem != "__init__"]
    assert len(body) > 5
    loaded = modules_after(f"import realtime.body, {', '.join(body)}")
    assert "numpy" in loaded
    private = {"sitecustomize", "usercustomize"}
    assert {name for name in loaded - NUMPY_ONLY - {"realtime"} - private if not name.startswith("_")} == set()


@pytest.mark.parametrize(
    "module", ["realtime.capture", "realtime.landmarks", "realtime.landmarks.mediapipe", "realtime.assets"]
)
def test_nothing_heavy_is_loaded_before_it_is_needed(module):
    loaded = modules_after(f"import {module}")
    assert "realtime" in loaded
    assert loaded & {"torch", "matplotlib", "mediapipe", "cv2", "onnxruntime", "mujoco", "scipy", "rich"} == set()
