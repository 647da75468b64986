"""kill -9 at any moment, then the same command again: the dataset is the one that an undisturbed run makes, to the byte."""

import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil
import pytest

from benchmarks.synthetic_bvh import write_bvh
from simlabels.make import make_labels, ray_workers

from .test_video_make import BODIES, need_everything, write_labels

ROOT = Path(__file__).parents[2]
CLIPS, SHARD_ROWS = 7, 40
#: Compiling comes first if the code was changed, and the machine may be busy.
patient = pytest.mark.timeout(1200)
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="a body is handed to killed processes by fork")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for i in range(CLIPS):
        write_bvh(folder / f"clip_{i}.bvh", seconds=0.8 + 0.1 * i, skew=3.0 * i)
    return folder


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr("simlabels.dataset.DatasetWriter.__init__.__kwdefaults__", {"shard_rows": SHARD_ROWS}, raising=False)


@pytest.fixture
def whole(folder, tmp_path, the_body):
    """What an undisturbed run writes: {file name: bytes}; and the seconds it takes with its code compiled."""
    make_labels(folder, tmp_path / "compiled", body=the_body)
    since = time.monotonic()
    make_labels(folder, tmp_path / "whole", body=the_body)
    return contents(tmp_path / "whole"), time.monotonic() - since


def contents(out: Path) -> dict[str, bytes]:
    """Without the sheet of pictures, which shows the last run's."""
    files = [path for path in out.rglob("*") if path.is_file() and path.name != "contact.jpg"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def assert_whole_shards_only(out: Path, expected: dict[str, bytes]) -> int:
    """Every file in sight is the undisturbed run's, shards without a gap; returns their number."""
    seen = {name: data for name, data in contents(out).items() if not Path(name).name.startswith(".")}
    for name, data in seen.items():
        assert data == expected[name], name
    shards = sorted(name for name in seen if name.startswith("frames-"))
    assert shards == sorted(name for name in expected if name.startswith("frames-"))[: len(shards)]
    return len(shards)


def start(function) -> int:
    """A copy of this process that does `function`; its process number."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forks of processes with threads
        pid = os.fork()
    if pid == 0:
        try:
            function()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def was_killed(pid: int) -> bool:
    """Whether it was killed and not done already."""
    status = os.waitpid(pid, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the run itself failed"
    return os.WIFSIGNALED(status)


def killed_until_done(rounds: int, folder, tmp_path, body, whole) -> None:
    """Each round begins a dataset and kills it at random moments, until a run gets through."""
    expected, takes_s = whole
    rng, kills = np.random.default_rng(12), []
    for i in range(rounds):
        out = tmp_path / f"out_{i}"
        kills.append(0)
        while True:
            pid = start(lambda out=out: make_labels(folder, out, body=body))
            time.sleep(rng.uniform(0, 0.6 * takes_s))
            os.kill(pid, signal.SIGKILL)
            if not was_killed(pid):
                break
            kills[-1] += 1
            assert_whole_shards_only(out, expected)
            assert kills[-1] < 100, "no run gets anywhere"
        assert contents(out) == expected
    assert min(kills) >= 1
    assert sum(kills) >= 3 * rounds


@forks
def test_killed_at_random_moments(folder, tmp_path, the_body, whole):
    killed_until_done(3, folder, tmp_path, the_body, whole)


@forks
@pytest.mark.slow
@patient
def test_killed_at_more_random_moments(folder, tmp_path, the_body, whole):
    killed_until_done(40, folder, tmp_path, the_body, whole)


def die_in_the_first_write(out: Path, when: str) -> None:
    rename = os.replace

    def replace(part, path):
        if Path(path).parent == out:
            if when == "half written":
                os.truncate(part, os.path.getsize(part) // 2)
            if when == "renamed":
                rename(part, path)
            os.kill(os.getpid(), signal.SIGKILL)
        rename(part, path)

    os.replace = replace


@forks
def test_killed_while_writing(folder, tmp_path, the_body, whole):
    """Every file in turn: half written, written but not renamed, renamed."""
    expected, _ = whole
    out = tmp_path / "out"

    def run(when: str) -> None:
        die_in_the_first_write(out, when)
        make_labels(folder, out, body=the_body)

    shards = sum(name.startswith("frames-") for name in expected)
    assert shards >= 4
    for done in range(shards):
        for when in ("half written", "written", "renamed"):
            assert was_killed(start(lambda when=when: run(when)))
            assert assert_whole_shards_only(out, expected) == done + (when == "renamed")
            assert any(name.endswith(".part") for name in contents(out)) == (when != "renamed")
    assert was_killed(start(lambda: run("half written")))  # the index table
    make_labels(folder, out, body=the_body)
    assert contents(out) == expected


COMMAND = f"""
import signal, sys
from simlabels import cli, dataset
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
    dataset.DatasetWriter.__init__.__kwdefaults__["shard_rows"] = {SHARD_ROWS}
    sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.slow
@patient
@pytest.mark.parametrize("more", [["--jobs", "2"], ["--jobs", "2", "--cluster", "ray"]], ids=["processes", "ray"])
def test_the_command_killed_at_random_moments(folder, tmp_path, whole, more):
    """Its workers end with it, and the next run goes on."""
    if "ray" in more and find_spec("ray") is None:
        pytest.skip("ray is not installed (extra `cluster`)")
    out = tmp_path / "out"
    command_killed_until_done(["make", str(folder), "--out", str(out), *more], out, whole[0], rounds=6)


@pytest.mark.slow
@patient
@pytest.mark.parametrize("more", [["--jobs", "2"], ["--jobs", "2", "--cluster", "ray"]], ids=["processes", "ray"])
def test_video_killed_at_random_moments(filming, filmed, tmp_path, more):
    """As above; a film that is there is whole."""
    if "ray" in more and find_spec("ray") is None:
        pytest.skip("ray is not installed (extra `cluster`)")
    out = tmp_path / "out"
    command_killed_until_done([*filming, "--out", str(out), *more], out, filmed, rounds=4)


@pytest.fixture(scope="module")
def filming(labels, motion, tmp_path_factory) -> list[str]:
    """The command that films, but for where to."""
    need_everything()
    dataset = write_labels(tmp_path_factory.mktemp("labels"), labels, motion)
    sizes = ["--frames", "200", "--views", "1", "--seconds", "1", "--size", "160x120"]
    return ["video", str(dataset), "--bodies", str(BODIES), *sizes, "--keep-video"]


@pytest.fixture(scope="module")
def filmed(filming, tmp_path_factory) -> dict[str, bytes]:
    """What one undisturbed process films."""
    out = tmp_path_factory.mktemp("filmed")
    process = begin([*filming, "--out", str(out)])
    _, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    files = contents(out)
    assert sum(name.startswith("frames-") for name in files) >= 4
    assert sum(name.startswith("video/") for name in files) >= 8
    return files


@pytest.mark.slow
@patient
def test_video_interrupted(filming, filmed, tmp_path):
    """Ctrl-C, which a terminal sends to the workers too: one line, whole shards and films, nobody left; then it goes on."""
    out = tmp_path / "out"
    command = [*filming, "--out", str(out), "--jobs", "2"]
    process = begin(command, start_new_session=True)
    until = time.monotonic() + 400
    while not (out / "frames-00001.parquet").exists():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert errors.splitlines()[-1] == "biohuman-labels: stopped; whole shards are kept, the same command goes on from there"
    assert "Traceback" not in errors
    assert len(children) >= 2
    assert not psutil.wait_procs(children, timeout=10)[1]
    assert 2 <= assert_whole_shards_only(out, filmed) < sum(name.startswith("frames-") for name in filmed)
    last = begin(command)
    _, errors = last.communicate(timeout=400)
    assert last.returncode == 0, errors
    assert contents(out) == filmed


def begin(command: list[str], **more) -> subprocess.Popen:
    """`biohuman-labels` with small shards."""
    argv = [sys.executable, "-c", COMMAND, *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **more)


def command_killed_until_done(command: list[str], out: Path, expected: dict[str, bytes], *, rounds: int) -> None:
    """Once undisturbed, to see how long it takes; then begun and killed `rounds` times; then left to end."""
    rng = np.random.default_rng(3)
    since = time.monotonic()
    first = begin(command)
    _, errors = first.communicate(timeout=400)
    assert first.returncode == 0, errors
    takes_s = time.monotonic() - since
    assert contents(out) == expected
    shutil.rmtree(out)
    for _ in range(rounds):
        process = begin(command)
        time.sleep(rng.uniform(0.3, 1.0) * takes_s)
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.communicate()
        # Ray's own helpers first try to report to whoever was killed.
        assert not psutil.wait_procs(children, timeout=90)[1], "workers outlive their parent"
        assert_whole_shards_only(out, expected)
    last = begin(command)
    _, errors = last.communicate(timeout=400)
    assert last.returncode == 0, errors
    assert contents(out) == expected


@pytest.mark.slow
@patient
def test_ray_on_two_nodes_with_a_worker_and_a_node_killed(folder, tmp_path, whole):
    pytest.importorskip("ray", reason="the extra `cluster`")
    from ray.cluster_utils import Cluster

    expected, _ = whole
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    node = cluster.add_node(num_cpus=1)
    try:
        with ray_workers(cluster.address) as workers:
            assert workers.count == 2
            make_labels(folder, tmp_path / "calm", workers=workers)
            assert contents(tmp_path / "calm") == expected
            seen, killed = [], []

            def kill(done):
                seen.append(done.clip.clip)
                if len(seen) == 2:
                    killed.append(kill_a_busy_worker())
                if len(seen) == 4:
                    cluster.remove_node(node, allow_graceful=False)

            make_labels(folder, tmp_path / "stormy", workers=workers, on_clip=kill)
            assert killed
            assert seen == sorted(seen)
            assert len(seen) == CLIPS
            assert contents(tmp_path / "stormy") == expected
            until = time.monotonic() + 60
            while workers.count == 2 and time.monotonic() < until:
                time.sleep(0.2)
            assert workers.count == 1
    finally:
        cluster.shutdown()


def kill_a_busy_worker() -> int:
    """Ray writes what a worker does into its title. Only processes of this test's own cluster are looked at."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if (process.cmdline() or [""])[0].startswith("ray::_work_there"):
                    process.kill()
                    return process.pid
        time.sleep(0.001)
    raise AssertionError("no worker of Ray was at work")
