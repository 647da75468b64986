"""Nothing leaves the machine while a real clip is tracked by the real front end.

Three witnesses, since none sees everything:
- strace (Linux, where installed) sees every connect, sendto, sendmsg and sendmmsg of every thread, native code included.
- the table of open sockets, polled 50 times a second, sees native code too but may miss a socket that lives for less than 20 ms.
- an audit hook sees each attempt, however short, look-ups of names included, but only those made by Python code.
And in a network namespace without any network the same run still works: it needs none.
"""

import ipaddress
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from realtime.assets import fetch
from realtime.body.errors import AssetError
from realtime.sample import FILM

from . import tiny_model

ROOT = Path(__file__).parents[2]
FRAMES = 40
HOOKED = """
import sys
def witness(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname"):
        print("AUDIT", event, args[1:] if event in ("socket.connect", "socket.sendto") else args, file=sys.stderr, flush=True)
sys.addaudithook(witness)
from realtime.cli import main
sys.exit(main())
"""
#: A run that does what must not be done, in native code as far as the witnesses can tell. 192.0.2.0/24 reaches nobody.
GUILTY = "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('192.0.2.7', 9)); time.sleep(0.5)"


@pytest.fixture(scope="module")
def track(tmp_path_factory):
    """The arguments of a short run on the film that ships."""
    try:
        fetch("landmarker_full")
    except AssetError as error:
        pytest.skip(f"needs the landmark model: {error}")
    model = tiny_model.write(tmp_path_factory.mktemp("model") / "tiny.onnx")
    return ["track", str(FILM), "--model", str(model), "--frames", str(FRAMES), "--json"]


def is_far(host: str) -> bool:
    return not ipaddress.ip_address(host).is_loopback


def far_calls(trace: str) -> list[str]:
    """Lines of an strace that address another machine."""
    found = []
    for line in trace.splitlines():
        hosts = re.findall(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"', line)
        if any(is_far(v4 or v6) for v4, v6 in hosts):
            found.append(line)
    return found


def strace(path: Path, command: list[str]) -> str:
    calls = "trace=connect,sendto,sendmsg,sendmmsg"
    # -y -s 0: no payloads. Exit code is the command's.
    subprocess.run(["strace", "-f", "-s", "0", "-e", calls, "-o", path, *command], cwd=ROOT, check=True, capture_output=True)
    return path.read_text()


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_strace_sees_no_call_to_another_machine(track, tmp_path):
    probe = subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, text=True)
    if probe.returncode != 0:
        pytest.skip(f"strace may not trace here: {probe.stderr.strip()}")
    assert len(far_calls(strace(tmp_path / "guilty", [sys.executable, "-c", GUILTY]))) == 1
    trace = strace(tmp_path / "trace", [sys.executable, "-m", "realtime.cli", *track, "--bind", "tcp://127.0.0.1:*"])
    assert far_calls(trace) == []


def watched(command: list[str]) -> tuple[str, str, set[tuple]]:
    """stdout, stderr and the far ends of all internet sockets that a run had open when we looked."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen, looked, witness = set(), 0, psutil.Process(process.pid)
    while process.poll() is None:
        try:
            seen |= {tuple(c.raddr) for c in witness.net_connections("inet") if c.raddr}
            looked += 1
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            break
        time.sleep(0.02)
    out, err = process.communicate(timeout=60)
    assert looked > 5, "the run was over before anybody looked"
    return out, err, seen


def test_no_socket_to_another_machine_is_open_and_python_asks_for_none(track):
    out, err, _ = watched([sys.executable, "-c", HOOKED.replace("from realtime.cli import main\nsys.exit(main())", GUILTY)])
    assert "192.0.2.7" in err
    assert ("192.0.2.7", 9) in watched([sys.executable, "-c", GUILTY])[2]

    out, err, seen = watched([sys.executable, "-c", HOOKED, *track, "--bind", "tcp://127.0.0.1:*"])
    assert f'"frames_read": {FRAMES}' in out
    assert [line for line in err.splitlines() if line.startswith("AUDIT")] == []
    assert [host for host, _ in seen if is_far(host)] == []


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare is not installed")
def test_tracking_works_without_any_network(track, tmp_path):
    alone = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--net", "--map-root-user"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode != 0:
        pytest.skip("this system does not allow a network namespace of one's own")
    command = [*alone, sys.executable, "-m", "realtime.cli", *track, "--bind", f"ipc://{tmp_path}/s"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert f'"frames_published": {FRAMES}' in done.stdout
