"""Who does the work: processes of this machine here, a cluster in `cluster`. Jobs go in, results come out in the jobs' order.

A worker can be killed at any moment (out of memory, a machine that is switched off). Its job is given to another worker; a job
whose worker was killed three times is given up, because it may be the reason.
"""

import os
import signal
from abc import ABC, abstractmethod
from bisect import insort
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any, NamedTuple

ATTEMPTS = 3
#: Jobs handed to each worker: one in hand, one waiting, so that it need not wait while results are written.
PER_WORKER = 2
#: Jobs ahead of the next one to come out, for each worker: how many finished results may wait for a slow one.
AHEAD = 8


class WorkerLost(Exception):
    """A job's worker is no more; `in_hand`: this is the job that it was doing."""

    def __init__(self, in_hand: bool = True):
        super().__init__(in_hand)
        self.in_hand = in_hand


class _Raised(NamedTuple):
    """In place of a result."""

    error: Exception


class Workers(ABC):
    """A context manager; subclasses say how a job is started, awaited and collected.

    Args:
        given_up: makes the result of a job whose worker was killed `ATTEMPTS` times.
    """

    def __init__(self, given_up: Callable[[Any], Any]):
        self._given_up = given_up

    @property
    @abstractmethod
    def count(self) -> int:
        """Jobs done at a time, now."""

    @abstractmethod
    def submit(self, job: Any) -> Any:
        """Starts a job; returns a handle."""

    @abstractmethod
    def finished(self, handles: list) -> list:
        """Those of `handles` whose job has ended, at least one, in order."""

    @abstractmethod
    def result(self, handle: Any) -> Any:
        """What the ended job gave, or the exception that it raised.

        Raises:
            WorkerLost: it ended with its worker.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends the workers."""

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, jobs: Sequence) -> Iterator:
        """Results of `jobs` in their order; one that ended with an exception raises it when its turn comes."""
        waiting, flying, lost, ready = deque(range(len(jobs))), {}, Counter(), {}
        for following in range(len(jobs)):
            while following not in ready:
                count = max(1, self.count)
                while waiting and len(flying) < PER_WORKER * count and waiting[0] < following + AHEAD * count:
                    number = waiting.popleft()
                    flying[self.submit(jobs[number])] = number
                for handle in self.finished(list(flying)):
                    number = flying.pop(handle)
                    try:
                        ready[number] = self.result(handle)
                    except WorkerLost as error:
                        lost[number] += error.in_hand
                        if lost[number] < ATTEMPTS:
                            insort(waiting, number)
                        else:
                            ready[number] = self._given_up(jobs[number])
                    except Exception as error:
                        ready[number] = _Raised(error)
            result = ready.pop(following)
            if isinstance(result, _Raised):
                raise result.error
            yield result


class LocalWorkers(Workers):
    """Processes of this machine, one core each. They live as long as this object, and not longer than this process.

    Args:
        work: a module's function; what it needs once a process it keeps in its module.
    """

    def __init__(self, work: Callable[[Any], Any], given_up: Callable[[Any], Any], count: int):
        super().__init__(given_up)
        # Workers compute on one core each; without this every one of them starts a thread per core for algebra, and one for drawing.
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"):
            os.environ.setdefault(name, "1")
        self._work = work
        self._processes = [_Process() for _ in range(count)]
        self._of: dict[Future, _Process] = {}

    @property
    def count(self) -> int:
        return len(self._processes)

    def submit(self, job: Any) -> Future:
        process = min(self._processes, key=lambda p: len(p.queue))
        try:
            future = process.submit(self._work, job)
        except BrokenProcessPool:  # killed while it had nothing to do
            future = self._replace(process).submit(self._work, job)
        self._of[future] = next(p for p in self._processes if future in p.queue)
        return future

    def finished(self, handles: list[Future]) -> list[Future]:
        done = wait(handles, return_when=FIRST_COMPLETED).done
        return [handle for handle in handles if handle in done]

    def result(self, handle: Future) -> Any:
        process = self._of.pop(handle)
        try:
            result = handle.result()
        except BrokenProcessPool as error:
            in_hand = process.queue[0] is handle  # stays so: a dead process's queue is left as it was
            if process in self._processes:
                self._replace(process)
            raise WorkerLost(in_hand) from error
        process.queue.remove(handle)
        return result

    def _replace(self, process: "_Process") -> "_Process":
        new = _Process()
        self._processes[self._processes.index(process)] = new
        return new

    def close(self) -> None:
        for process in self._processes:
            process.end()


class _Process:
    """One process and its jobs, oldest first. A pool of its own, because a pool does not say whose process was killed."""

    def __init__(self) -> None:
        context = get_context("spawn")
        parent_is_gone, self._parent_is_there = context.Pipe(duplex=False)
        self.pool = ProcessPoolExecutor(1, context, _start_process, (parent_is_gone,))
        self.queue: deque[Future] = deque()

    def submit(self, work: Callable[[Any], Any], job: Any) -> Future:
        with _interrupts_for_parent():  # the first job starts the process
            future = self.pool.submit(work, job)
        self.queue.append(future)
        return future

    def end(self) -> None:
        """At once: nobody waits for its results any more, and a job may take a minute."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._parent_is_there.close()


@contextmanager
def _interrupts_for_parent() -> Iterator[None]:
    """Processes that begin meanwhile never see Ctrl-C; else each would end with a traceback until it gets to `_start_process`."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_process(parent_is_gone: Connection) -> None:
    """Ctrl-C is left to the parent; if the parent is killed or wants no more, this process ends too, whatever it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, args=(parent_is_gone,), daemon=True).start()


def _end_with_parent(parent_is_gone: Connection) -> None:
    parent_is_gone.poll(None)  # until the other end is closed, by the parent or by its death
    os._exit(1)
