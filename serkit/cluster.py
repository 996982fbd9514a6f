"""Where a study's runs are done besides this process: local worker processes, or the workers of a Dask cluster.

Dask carries a run to a worker and says how it ended; the worker itself stores what it computed. Dask's rules are made
for short tasks with their data in memory, and a training is neither: `client` and `each` set some of them aside.
"""

import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from serkit import devices, progress
from serkit.errors import SerkitError

POLL = 2.0  # seconds between two looks at who is there
FETCH = 20.0  # seconds within which what a work returned, which is little, has to arrive
PATIENCE = 300.0  # seconds without any local worker, while Dask starts it anew
# For local workers. A training may need more than an equal share of the memory, and Dask would kill it at 95 % of one;
# it may hold the interpreter for minutes while its network compiles, and Dask would take it for dead; and nobody reads
# the profile that Dask takes of it.
RULES = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.allowed-failures": 1,
    "distributed.comm.timeouts.connect": "10 minutes",
    "distributed.comm.timeouts.tcp": "10 minutes",
    "distributed.worker.profile.enabled": False,
}
GONE = (
    "the Dask scheduler is gone. What was finished is kept: start it and its workers anew, and then the same command "
    "again to go on"
)
NOBODY = (
    "no worker takes work, for none is there or all are paused, short of memory: waiting for one (Ctrl-C ends, and "
    "keeps what is finished)"
)
_CALLED_OFF = object()
_one_at_a_time = threading.Lock()


@contextmanager
def client(workers: int, scheduler: str):
    """A Dask client of the cluster at an address, or of local worker processes that end with the block.

    Each local worker has a GPU of its own, as far as there are (`devices.gpus`); more workers than GPUs share them. A
    local worker has no limit of memory, and none of time within which it must answer.

    Args:
        workers: how many local ones.
        scheduler: ``tcp://host:port``, which takes precedence; empty for local workers.

    Raises:
        SerkitError: no scheduler answers there, or a local worker does not start.
    """
    import dask
    from dask.distributed import Client, Nanny, Scheduler, SpecCluster

    if scheduler:
        try:
            found = Client(scheduler, timeout="20s")
        except (OSError, ValueError, TimeoutError) as error:
            raise SerkitError(f"no Dask scheduler answers at {scheduler!r}: start one, or use --workers") from error
        with found:
            yield found
        return
    here = {"host": "127.0.0.1", "dashboard": False, "dashboard_address": "127.0.0.1:0"}
    options = here | {"nthreads": 1, "memory_limit": None, "silence_logs": logging.CRITICAL}
    nannies = {
        number: {"cls": Nanny, "options": options | {"env": variables}}
        for number, variables in enumerate(_environments(workers))
    }
    with dask.config.set(RULES), ExitStack() as stack:
        try:
            local = SpecCluster(nannies, {"cls": Scheduler, "options": here | {"port": 0}}, silence_logs=logging.ERROR)
            found = stack.enter_context(Client(stack.enter_context(local)))
        except (RuntimeError, OSError) as error:
            raise SerkitError(
                "a local worker process did not start (killed, or out of memory?): start the same command again, with "
                "fewer --workers if it ends in the same way"
            ) from error
        yield found


def _environments(workers: int) -> list[dict[str, str]]:
    """The variables that each local worker has before it loads Keras."""
    import keras

    devices.share_memory()  # in this environment, which workers take over
    common = {"KERAS_BACKEND": keras.backend.backend(), "TF_CPP_MIN_LOG_LEVEL": "3"}
    gpus = devices.gpus()
    own = [{"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]} if gpus else {} for number in range(workers)]
    return [common | variables for variables in own]


def each(
    client, do: Callable[[bytes], Any], works: Iterable[tuple[str, bytes]], patience: float = PATIENCE
) -> Iterator[tuple[str, Any]]:
    """Do works on the workers of a cluster and yield what each of them gave.

    A worker has one at a time, so that its death is the death of that one only (Dask blames all that wait there). The
    work of a worker that dies is done anew, until more have died over it than Dask's setting
    ``distributed.scheduler.allowed-failures`` says: 3, on local workers 1. A worker that leaves in order, since its
    time is over, has not died. A work that raises is done once more, on another worker if there is one. Workers may
    come and go; while there is none, or all are paused, the progress display says so.

    Args:
        client: as `client` yields it.
        do: a function of a module that the workers have, too.
        works: a name, and what `do` is given.
        patience: seconds without any worker after which local ones are given up.

    Yields:
        A name, and what `do` returned or the exception that it raised, with the worker's trace.

    Raises:
        SerkitError: the scheduler is gone, or no local worker starts any more.
    """
    hands = _Hands(client, do, works)
    since = None  # when no worker took work any more
    try:
        while hands.busy():
            willing, has = hands.workers()
            yield from hands.from_lost_workers(willing, has)
            hands.give_out(willing, has)
            if since is None and not willing:
                since = time.monotonic()
                progress.detail(NOBODY)
            elif since is not None and willing:
                since = None
                progress.detail("")
            if since is not None and not has and client.cluster is not None and time.monotonic() > since + patience:
                raise SerkitError("no local worker process starts any more: try fewer --workers")
            yield from hands.finished()
    finally:
        with suppress(Exception):  # the cluster may be gone
            client.cancel(list(hands.given))


@dataclass
class _Work:
    name: str
    given: bytes
    failed_at: str = ""


class _Hands:
    """Works that wait, and those that workers have."""

    def __init__(self, client, do: Callable[[bytes], Any], works: Iterable[tuple[str, bytes]]):
        import dask

        self.client, self.do, self.works = client, do, iter(works)
        self.next = next(self.works, None)
        self.again: list[_Work] = []
        self.given: dict[Any, tuple[_Work, str]] = {}  # by future: a work, and the address of its worker
        self.deaths = Counter()
        self.allowed = int(dask.config.get("distributed.scheduler.allowed-failures"))

    def busy(self) -> bool:
        return bool(self.next or self.again or self.given)

    def workers(self) -> tuple[list[str], dict[str, list[str]]]:
        """Addresses of the workers that take work, and what each worker has."""
        self.check()
        try:
            known = self.client.sync(self.client.scheduler.identity)["workers"]
            has = {place: list(keys) for place, keys in self.client.processing().items()}
        except OSError as error:
            raise SerkitError(GONE) from error
        return [place for place in has if known.get(place, {}).get("status") == "running"], has

    def from_lost_workers(self, willing: list[str], has: dict[str, list[str]]) -> Iterator[tuple[str, Any]]:
        """Take back the works of workers that are not there any more; yield those that too many have died over."""
        for future, (work, place) in list(self.given.items()):
            if future.done() or place in willing or future.key in has.get(place, ()):
                continue
            del self.given[future]
            self.client.cancel([future])
            self.deaths[work.name] += not self.left_in_order(place)
            if self.deaths[work.name] > self.allowed:
                yield work.name, _DiedError(place, self.deaths[work.name])
            else:
                self.again.insert(0, work)

    def give_out(self, willing: list[str], has: dict[str, list[str]]) -> None:
        """One work to each worker that has none, nobody else's either."""
        taken = {place for _, place in self.given.values()}
        for place in willing:
            if has[place] or place in taken or not (work := self.take(place, len(willing) == 1)):
                continue
            key = f"serkit-{work.name}-{uuid.uuid4().hex}"
            future = self.client.submit(_do, self.do, work.given, key=key, pure=False, workers=[place])
            self.given[future] = work, place

    def take(self, place: str, only: bool) -> _Work | None:
        """The next work for a worker: none that it has failed at, unless it is the only one."""
        for number, work in enumerate(self.again):
            if only or work.failed_at != place:
                return self.again.pop(number)
        if self.next is None:
            return None
        work, self.next = _Work(*self.next), next(self.works, None)
        return work

    def finished(self) -> Iterator[tuple[str, Any]]:
        """Wait a little for works to end; yield what they gave, but for those that are done once more."""
        from distributed import CancelledError, wait

        if not self.given:
            time.sleep(POLL)
            return
        with suppress(TimeoutError, CancelledError):
            wait(list(self.given), timeout=POLL, return_when="FIRST_COMPLETED")
        for future in [future for future in self.given if future.done()]:
            work, place = self.given.pop(future)
            outcome = self.outcome(future, place)
            future.release()
            if outcome is _CALLED_OFF:
                self.again.append(work)
            elif isinstance(outcome, Exception) and not isinstance(outcome, _DiedError) and not work.failed_at:
                work.failed_at = place
                self.again.append(work)
            else:
                yield work.name, outcome

    def outcome(self, future, place: str) -> Any:
        """What a work returned or raised; `_CALLED_OFF` if its worker or somebody else has taken that away."""
        from distributed import CancelledError, KilledWorker

        try:
            return future.result(timeout=FETCH)
        except KilledWorker:
            return _DiedError(place, 1)
        except TimeoutError:  # the worker died after the work was done and before it could say what came of it
            self.client.cancel([future])
            return _CALLED_OFF
        except CancelledError as error:
            self.check(getattr(error, "reason", ""))
            return _CALLED_OFF
        except Exception as error:
            return error

    def left_in_order(self, place: str) -> bool:
        """Whether a worker said that it would leave, as at the end of its ``--lifetime``."""
        events = [event for _, event in self.client.get_events(place)]
        return any(event.get("expected") or event.get("action") == "retired" for event in events)

    def check(self, reason: str = "") -> None:
        """Raise if the scheduler is gone."""
        if self.client.status != "running" or reason == "scheduler-connection-lost":
            raise SerkitError(GONE)


class _DiedError(SerkitError):
    """Workers have died over a work, the last of them at `where`."""

    def __init__(self, where: str, count: int):
        self.where = where
        times = "once" if count == 1 else f"{count} times"
        super().__init__(f"its worker died {times} (killed, or out of memory?)")


def _do(do: Callable[[bytes], Any], given: bytes) -> Any:
    """On a worker. One at a time, whatever number of threads it was started with: Keras has one state a process."""
    import socket

    with _one_at_a_time:
        try:
            return do(given)
        except Exception as error:
            error.add_note(f"on a worker on {socket.gethostname()}")
            raise
