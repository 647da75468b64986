"""Compiled code belongs to one state of the source."""

import subprocess
import sys

from simlabels.compiled import keep_apart


def package(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "a.py").write_text(text)
    return folder


def test_another_source_is_another_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))
    folders = []
    for text in ("njit = 1", "njit = 2", "njit = 1"):
        monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
        folders.append(keep_apart(package(tmp_path / "p", text)))
    assert folders[0] == folders[2] != folders[1]
    assert folders[0].parent == tmp_path / "cache" / "compiled"


def test_who_chose_a_folder_keeps_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/mine")
    assert keep_apart(package(tmp_path / "p", "njit = 1")) is None


def test_a_changed_callee_is_compiled_again(tmp_path):
    """The fault this is for: one file's compiled function, built into another file's, changes."""
    folder = package(tmp_path / "p", "")
    (folder / "__init__.py").write_text(
        "import os\nfrom pathlib import Path\nfrom simlabels.compiled import keep_apart\n"
        "del os.environ['NUMBA_CACHE_DIR']  # simlabels has set its own\nkeep_apart(Path(__file__).parent)\n"
    )
    (folder / "caller.py").write_text(
        "from numba import njit\nfrom .a import f\n\n@njit(cache=True)\ndef g():\n    return f() + 1\n"
    )
    run = "from p.caller import g; print(g())"
    said = []
    for value in (1, 41):
        (folder / "a.py").write_text(f"from numba import njit\n\n@njit(cache=True)\ndef f():\n    return {value}\n")
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {run}"],
            capture_output=True,
            text=True,
            env={"PATH": "/usr/bin:/bin", "BIOHUMAN_CACHE": str(tmp_path / "cache"), "HOME": str(tmp_path)},
            check=True,
        )
        said.append(done.stdout.strip())
    assert said == ["2", "42"]
