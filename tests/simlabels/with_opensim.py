"""OpenSim for tests: quiet, and with its log file in a folder of the test."""

import os
from pathlib import Path

import pytest


def load_opensim(folder: Path):
    """The module `opensim`; skips the test where it is not installed."""
    before = Path.cwd()
    os.chdir(folder)  # the import itself opens opensim.log
    try:
        opensim = pytest.importorskip("opensim")
        opensim.Logger.setLevelString("error")
        opensim.Logger.removeFileSink()
    finally:
        os.chdir(before)
    return opensim
