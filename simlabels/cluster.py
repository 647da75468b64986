"""Work on a Ray cluster: the same jobs as on this machine's processes, the same results in the same order.

Ray's tasks and object store are all that is used; Ray starts a lost job again only when told, so that jobs are counted here as for
local processes. Ray is imported only inside: it is the extra `cluster`.
"""

import hashlib
import os
import platform
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from realtime.body.errors import BioHumanError
from realtime.body.needs import how_to_install

from .workers import WorkerLost, Workers

_ANSWER_S = 5.0
_ROOT = Path(__file__).parents[1]
_COMPUTES = (_ROOT / "simlabels", _ROOT / "realtime" / "body", _ROOT / "realtime" / "landmarks")


class ClusterError(BioHumanError):
    """There is no such cluster, or one of its machines cannot do the work."""


class RayWorkers(Workers):
    """Cores of a Ray cluster.

    Args:
        work, given_up: as `LocalWorkers`; `work` must be there on every machine.
        address: of a running cluster, of which this machine is a part ("auto", HOST:PORT); None starts Ray on this machine alone.
        cores: of this machine, where no address is given.
        packages: every machine must have the same versions of them, and of this package's source.

    Raises:
        ClusterError: ray is not installed, or there is no cluster at `address`.
    """

    def __init__(
        self,
        work: Callable[[Any], Any],
        given_up: Callable[[Any], Any],
        *,
        address: str | None = None,
        cores: int = 1,
        packages: Sequence[str] = (),
    ):
        super().__init__(given_up)
        self._ray = _connect(address, cores)
        self._call = (work, tuple(packages), software(tuple(packages)))
        # No retries of Ray's own: it retries without end a job that takes all memory.
        self._task = self._ray.remote(num_cpus=1, max_retries=0)(_work_there)

    @property
    def count(self) -> int:
        return int(self._ray.cluster_resources().get("CPU", 0))

    def submit(self, job: Any) -> Any:
        return self._task.remote(*self._call, job)

    def finished(self, handles: list) -> list:
        self._ray.wait(handles, num_returns=1)
        return self._ray.wait(handles, num_returns=len(handles), timeout=0)[0]

    def result(self, handle: Any) -> Any:
        from ray import exceptions

        try:
            return self._ray.get(handle)
        except exceptions.RayTaskError as error:
            if isinstance(error.cause, BioHumanError):
                raise error.cause from None
            raise
        except (
            exceptions.WorkerCrashedError,
            exceptions.NodeDiedError,
            exceptions.OutOfMemoryError,
            exceptions.ObjectLostError,  # done, but its machine died before the result was fetched
        ) as error:
            raise WorkerLost from error

    def close(self) -> None:
        self._ray.shutdown()


@cache
def software(packages: tuple[str, ...]) -> dict[str, str]:
    """What labels and video are computed with on this machine: versions, and a hash of source and data: this package's, the
    vocabulary's and the front end's."""
    source = hashlib.sha256()
    for folder in _COMPUTES:
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".json", ".csv", ".glsl"):
                source.update(path.read_bytes())
    found = {"python": platform.python_version(), "simlabels": source.hexdigest()[:16]}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "absent"
    return found


def _work_there(work: Callable[[Any], Any], packages: tuple[str, ...], expected: dict[str, str], job: Any) -> Any:
    """A job on a machine of the cluster.

    Raises:
        ClusterError: this machine would compute something else.
    """
    for name, theirs in expected.items():
        ours = software(packages)[name]
        if ours != theirs:
            raise ClusterError(
                f"{platform.node()} has {name} {ours}, the machine that started the run {theirs}; install the same on all machines"
            )
    return work(job)


def _check(address: str) -> None:
    """Somebody listens at `address`; without this Ray tries for ten minutes and more."""
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or "/" in host or not port.isdigit():
        raise ClusterError(f'the address of a Ray cluster is "auto" or HOST:PORT, such as 10.0.0.1:6379, got {address!r}')
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_S).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(
            f"no Ray cluster answers at {address}: {error}; start one there with `ray start --head --port {port}`"
        ) from error


def _connect(address: str | None, cores: int):
    """The module `ray`, joined to the cluster, or to one that it starts for this process alone."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would send usage data
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # its coming default; without it it warns
    if address is None and "ray" not in sys.modules:  # it reads this once
        # Ray listens on all interfaces and runs what it is sent: nobody else may send.
        os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    if address is not None:
        _check(address)
    try:
        import ray
    except ImportError as error:
        raise ClusterError(how_to_install("ray", "labels,cluster")) from error
    quiet = {"log_to_driver": False, "logging_level": "error"}
    try:
        if address is None:
            ray.init("local", num_cpus=cores, include_dashboard=False, **quiet)
        else:
            ray.init(address, **quiet)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        where = "on this machine" if address is None else f"at {address}"
        raise ClusterError(
            f"no Ray cluster {where}: {reason}; start one with `ray start --head`, and run this on a machine of it"
        ) from error
    return ray
