"""Options that several commands have."""

import argparse
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from realtime.body.errors import InputError

from .workers import Workers


def add_workers(p: argparse.ArgumentParser) -> None:
    """Who does the work: --jobs, --cluster, --address."""
    p.add_argument("--jobs", type=int, default=1, metavar="N", help="processes (default: 1; each takes some seconds to start)")
    p.add_argument(
        "--cluster", choices=("ray",), help="work on a Ray cluster: --jobs cores of this machine, or the one at --address"
    )
    p.add_argument("--address", metavar="ADDR", help="running Ray cluster that this machine is a part of: HOST:PORT, or auto")


def cluster_of(args: argparse.Namespace, ray_workers: Callable[..., Workers]) -> AbstractContextManager[Workers | None]:
    """The cluster that was asked for; None where there is none.

    Raises:
        InputError: options that contradict each other.
    """
    if args.cluster is None:
        if args.address is not None:
            raise InputError("--address is that of a cluster; give --cluster ray too")
        return nullcontext()
    if args.address is not None and args.jobs > 1:
        raise InputError("--jobs is for this machine; the cluster at --address has its own cores: leave --jobs out")
    return ray_workers(args.address, cores=args.jobs)
