"""Do runs, in this process or on workers. A run that fails costs itself: it is tried once more, and the others go on.

Runs that another process is doing are left to it and looked for at the end. What a failed run leaves is a record:
error, trace, what it printed last, where and when.
"""

import functools
import io
import os
import re
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import Any

from serkit import cluster, files
from serkit.errors import SerkitError

LINES = 50  # of what a run printed last that are kept when it fails
# As TensorFlow, JAX and PyTorch say it, which have errors of their own.
NO_MEMORY = re.compile(r"ResourceExhausted|RESOURCE_EXHAUSTED|OutOfMemory|[Oo]ut of memory|can't allocate memory")
LESS_MEMORY = (
    "lower the batch size (--set batch_size=..., or as the parameters cell calls it), do less side by side (--jobs 1, "
    "fewer --workers), or end other programs on the same GPU"
)
BUSY = "busy"  # another process is doing the run
# Does a run; its argument says whether to wait for another process that is doing it. False: it did not wait.
Work = Callable[[bool], bool]


def do_all(
    tasks: Mapping[str, Work], fails: Callable[[str, dict], None], workers: int = 1, scheduler: str = ""
) -> Generator[tuple[str, bool], None, None]:
    """Do runs, and yield each as it ends.

    In this process an error that says what is wrong (`SerkitError`) is final: the same input gives it again. Whatever
    else fails is tried once more after the others, and on workers everything is, on another worker where there is one.

    Args:
        tasks: what to do, by the runs' keys.
        fails: called with a key and the record of its failure (error, trace, log, where, when, tries; and "nothing
            kept" where it could not be written, as none will be after it): at the first try too, where the second may
            come much later.
        workers: see `serkit.study.Study.complete`.
        scheduler: likewise.

    Yields:
        A key, and whether its run is done.

    Raises:
        SerkitError: no scheduler answers, or it is gone, or no worker starts; what is finished is kept.
    """
    if tasks and (workers > 1 or scheduler):
        yield from _elsewhere(tasks, fails, workers, scheduler)
    else:
        yield from _here(tasks, fails)


def _here(tasks: Mapping[str, Work], fails: Callable[[str, dict], None]) -> Iterator[tuple[str, bool]]:
    waiting, held = deque((key, 1) for key in tasks), deque()
    while waiting or held:
        wait = not waiting
        key, tries = (waiting or held).popleft()
        found = _attempt(functools.partial(tasks[key], wait))
        if isinstance(found, str):  # it is busy
            held.append((key, tries))
            continue
        if found:
            fails(key, _told(found, tries))
        if found and tries == 1 and not found["final"]:
            waiting.append((key, 2))
        else:
            yield key, not found


def _elsewhere(
    tasks: Mapping[str, Work], fails: Callable[[str, dict], None], workers: int, scheduler: str
) -> Iterator[tuple[str, bool]]:
    import cloudpickle

    with cluster.client(min(workers, len(tasks)), scheduler) as client:
        for wait in (False, True):
            held = {}
            given = ((key, cloudpickle.dumps(functools.partial(work, wait))) for key, work in tasks.items())
            for key, found in cluster.each(client, _attempt_pickled, given):
                if found == BUSY:
                    held[key] = tasks[key]
                    continue
                if isinstance(found, Exception):
                    where = f"worker {getattr(found, 'where', 'unknown')}"
                    fails(key, _told(getattr(found, "record", None) or _record(str(found), "", [], where), 2))
                yield key, not isinstance(found, Exception)
            tasks = held


def _attempt(work: Callable[[], bool]) -> str | dict | None:
    """Try a run: None when it is done, `BUSY`, or the record of its failure ("final": another try is in vain)."""
    with _last_lines() as lines:
        try:
            return None if work() else BUSY
        except SerkitError as error:
            more = {"final": True, "nothing kept": files.nothing_can_be_kept(error)}
            return _record(str(error), traceback.format_exc(), lines) | more
        except Exception as error:
            return _record(_in_words(error), traceback.format_exc(), lines) | {"final": False}


def _in_words(error: Exception) -> str:
    """What is said of an unforeseen error; of memory that is used up, what needs less of it."""
    said = f"{type(error).__name__}: {error}"
    if isinstance(error, MemoryError) or NO_MEMORY.search(said):
        return f"out of memory: {LESS_MEMORY} ({said.splitlines()[0]})"
    return said


def _attempt_pickled(work: bytes) -> str | None:
    """`_attempt` on a worker.

    Dask's scheduler may live in the notebook's process and unpickles what a task is given. A class of the notebook
    would thereby get its methods anew, with copies of the notebook's globals: bytes are left alone.

    Raises:
        SerkitError: the run failed; its attribute ``record`` says how.
    """
    import cloudpickle

    found = _attempt(lambda: cloudpickle.loads(work)())  # noqa: PLW0108  (what cannot be unpickled has failed too)
    if isinstance(found, dict):
        error = SerkitError(found["error"])
        error.record = found
        raise error
    return found


def _record(error: str, trace: str, lines: Any, where: str = "") -> dict:
    where = where or f"{socket.gethostname()}, process {os.getpid()}"
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return {"error": error, "trace": trace, "log": list(lines), "where": where, "when": when}


def _told(found: dict, tries: int) -> dict:
    """What a failed run leaves."""
    return {name: value for name, value in found.items() if name != "final"} | {"tries": tries}


class _Both(io.TextIOBase):
    """Writes on to a stream, and keeps the last lines."""

    def __init__(self, stream: Any, lines: deque):
        self.stream, self.lines, self.rest = stream, lines, ""

    def write(self, text: str) -> int:
        *whole, self.rest = (self.rest + text).split("\n")
        self.lines.extend(whole)
        return self.stream.write(text)

    def flush(self) -> None:
        self.stream.flush()

    def isatty(self) -> bool:
        return self.stream.isatty()

    def fileno(self) -> int:
        return self.stream.fileno()


@contextmanager
def _last_lines() -> Iterator[deque]:
    """Yield the list in which the last lines are that Python prints within the block."""
    lines: deque = deque(maxlen=LINES)
    both = functools.partial(_Both, lines=lines)
    with redirect_stdout(both(sys.stdout)), redirect_stderr(both(sys.stderr)):
        yield lines
