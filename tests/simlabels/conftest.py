"""One body for all tests (7 s to build), a motion made in code, and the real data where it is."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.synthetic_bvh import write_bvh
from simlabels.label import Labels, label_clip
from simlabels.musculo.body import Body
from simlabels.readers.bvh import read_bvh
from simlabels.readers.retarget import SmplMotion, estimated_floor_m, retarget

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def the_body() -> Body:
    return Body()


@pytest.fixture
def body(the_body: Body) -> Body:
    """The generic body: every test finds it unscaled."""
    from simlabels.musculo.scale import scale_body

    scale_body(the_body)
    return the_body


@pytest.fixture(scope="session")
def bvh_file(tmp_path_factory) -> Path:
    return write_bvh(tmp_path_factory.mktemp("bvh") / "bends.bvh", skew=10)


@pytest.fixture(scope="session")
def motion(bvh_file: Path) -> SmplMotion:
    bvh = read_bvh(bvh_file)
    smpl = retarget(bvh)
    return replace(smpl, pelvis_m=smpl.pelvis_m - [0, estimated_floor_m(bvh), 0])


@pytest.fixture(scope="session")
def labels(the_body: Body, motion: SmplMotion) -> Labels:
    return label_clip(the_body, motion)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    folder = Path(os.environ.get("BIOHUMAN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}; set BIOHUMAN_DATA")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)
