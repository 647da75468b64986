"""Workers that are killed lose no job, on processes of this machine and on Ray; whoever kills them again and again is given up."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from realtime.body.errors import InputError
from simlabels.cluster import ClusterError, RayWorkers
from simlabels.workers import ATTEMPTS, LocalWorkers

from .jobs import do, given_up

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=["local", "ray"])
def workers(request):
    if request.param == "local":
        with LocalWorkers(do, given_up, 2) as local:
            yield local
        return
    if find_spec("ray") is None:
        pytest.skip("ray is not installed (extra `cluster`)")
    with RayWorkers(do, given_up, cores=2, packages=("numpy",)) as ray:
        yield ray


def test_results_come_in_the_order_of_the_jobs(workers):
    jobs = [("wait", 0.2), *(("double", i) for i in range(40)), ("wait", 0.05), ("double", 40)]
    assert list(workers.run(jobs)) == [0.2, *range(0, 80, 2), 0.05, 80]
    assert list(workers.run([])) == []


def test_a_killed_worker_loses_no_job(workers, tmp_path):
    jobs = [("double", 1), ("die", str(tmp_path / "once"), 1), *(("double", i) for i in range(10))]
    jobs.append(("die", str(tmp_path / "twice"), 2))
    assert list(workers.run(jobs)) == [2, "alive", *range(0, 20, 2), "alive"]
    assert len((tmp_path / "twice").read_text()) == 3


def test_a_job_that_kills_again_and_again_is_given_up(workers, tmp_path):
    killer = ("die", str(tmp_path / "always"), 99)
    assert list(workers.run([("double", 1), killer, *(("double", i) for i in range(6))])) == [
        *(2, ("given up", *killer)),
        *range(0, 12, 2),
    ]
    assert len((tmp_path / "always").read_text()) == ATTEMPTS


def test_a_worker_killed_between_two_runs(workers):
    pids = set(workers.run([("pid",)] * 8))
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    again = set(workers.run([("pid",)] * 8))
    assert again
    assert not again & pids


def test_errors_come_back_as_they_are_and_in_their_turn(workers):
    results = workers.run([("wait", 0.5), ("complain", "clip a has no frames"), ("double", 2)])
    assert next(results) == 0.5
    with pytest.raises(InputError, match=r"^clip a has no frames$"):
        next(results)


def test_processes_end_with_a_killed_parent():
    """They would wait for jobs for ever."""
    program = (
        "from simlabels.workers import LocalWorkers\nfrom tests.simlabels.jobs import do, given_up\n"
        "if __name__ == '__main__':\n"
        "    with LocalWorkers(do, given_up, 2) as w:\n"
        "        print(*set(w.run([('pid',)] * 9)), flush=True)\n"
        "        list(w.run([('wait', 60)] * 2))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert pids
    assert all(psutil.pid_exists(pid) for pid in pids)
    parent.kill()
    parent.communicate()
    until = time.monotonic() + 10
    while any(map(psutil.pid_exists, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(psutil.pid_exists, pids))


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C as a terminal sends it: to all processes of a group")
@pytest.mark.parametrize("after_s", [0.02, 0.05, 0.1, 0.2, "they work"])
def test_an_interrupt_ends_processes_at_once_and_without_a_word(after_s):
    """Jobs may take a minute, and nobody waits for their results any more."""
    begun = "print(*w.run([('pid',)] * 9), flush=True)" if after_s == "they work" else "pass"
    program = (
        "import signal\nimport sys\nfrom simlabels.workers import LocalWorkers\nfrom tests.simlabels.jobs import do, given_up\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # whoever runs the tests in the background ignores it
        "    try:\n"
        "        with LocalWorkers(do, given_up, 2) as w:\n"
        f"            {begun}\n"
        "            list(w.run([('wait', 60)] * 4))\n"
        "    except KeyboardInterrupt:\n"
        "        sys.exit(130)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert parent.stdout is not None
    if after_s == "they work":
        parent.stdout.readline()
        after_s = 0.3
    until = time.monotonic() + 60
    while len(children := workers_of(parent.pid)) < 2:
        assert time.monotonic() < until, "no workers"
        time.sleep(0.005)
    time.sleep(after_s)  # they begin: Python's own modules, then ours
    since = time.monotonic()
    os.killpg(parent.pid, signal.SIGINT)
    try:
        _, said = parent.communicate(timeout=50)
    finally:
        parent.kill()
    assert (parent.returncode, said) == (130, "")
    assert time.monotonic() - since < 20
    assert not psutil.wait_procs(children, timeout=10)[1]


def workers_of(pid: int) -> list[psutil.Process]:
    """Its processes that work; Python has another that tidies up after them."""
    found = []
    for child in psutil.Process(pid).children():
        with suppress(psutil.Error):
            if "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", r"no Ray cluster answers at 127\.0\.0\.1:1: .*refused"),
        ("somewhere", r"HOST:PORT, such as .*, got 'somewhere'"),
        ("ray://127.0.0.1:10001", r"HOST:PORT, such as .*, got 'ray://127\.0\.0\.1:10001'"),
    ],
)
def test_a_wrong_address_is_told_at_once(address, message):
    since = time.monotonic()
    with pytest.raises(ClusterError, match=message):
        RayWorkers(do, given_up, address=address)
    assert time.monotonic() - since < 10


def test_a_missing_ray_is_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterError, match=r"ray is not installed; install it with `pip install -e '\.\[labels,cluster\]'`"):
        RayWorkers(do, given_up)


@pytest.mark.parametrize("workers", ["ray"], indirect=True)
def test_a_machine_with_other_software_is_named(workers, monkeypatch):
    work, packages, expected = workers._call
    monkeypatch.setattr(workers, "_call", (work, packages, expected | {"numpy": "1.0"}))
    with pytest.raises(ClusterError, match=r"has numpy 2\.\S+, the machine that started the run 1\.0"):
        list(workers.run([("double", 1)]))
