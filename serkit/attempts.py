"""Do runs, in this process or on workers. A run that fails costs itself: it is tried once more, and the others go on.

Runs that another process is doing are left to it and looked for at the end. What a failed run leaves is a record:
error, trace, what it printed last, where and when.
"""

import functools
import io
import os
import socket
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from typing import Any

from serkit import cluster
from serkit.errors import SerkitError

LINES = 50  # of what a run printed last that are kept when it fails
BUSY = "busy"  # another process is doing the run
# Does a run; its argument says whether to wait for another process that is doing it. False: it did not wait.
Work = Callable[[bool], bool]


def do_all(tasks: dict[str, Work], workers: int = 1, scheduler: str = "") -> Iterator[tuple[str, dict | None]]:
    """Do runs, and yield each as it ends.

    In this process an error that says what is wrong (`SerkitError`) is final: the same input gives it again. Whatever
    else fails is tried once more after the others, and on workers everything is, on another worker where there is one.

    Args:
        tasks: what to do, by the runs' keys.
        workers: see `serkit.study.Study.complete`.
        scheduler: likewise.

    Yields:
        A key, and None or the record of its failure: error, trace, log, where, when, tries.

    Raises:
        SerkitError: no scheduler answers, or it is lost; what is finished is kept.
    """
    return _elsewhere(tasks, workers, scheduler) if workers > 1 or scheduler else _here(tasks)


def _here(tasks: dict[str, Work]) -> Iterator[tuple[str, dict | None]]:
    waiting, held = deque((key, 1) for key in tasks), deque()
    while waiting or held:
        wait = not waiting
        key, tries = (waiting or held).popleft()
        found = attempt(tasks[key], wait)
        if found == BUSY:
            held.append((key, tries))
        elif found and tries == 1 and not found["final"]:
            waiting.append((key, 2))
        else:
            yield key, _told(found, tries)


def _elsewhere(tasks: dict[str, Work], workers: int, scheduler: str) -> Iterator[tuple[str, dict | None]]:
    import cloudpickle
    from dask.distributed import KilledWorker, as_completed

    pickled = {key: cloudpickle.dumps(work) for key, work in tasks.items()}
    with cluster.client(min(workers, len(tasks)), scheduler) as client:
        ended, in_hand = as_completed(), {}

        def submit(key: str, tries: int = 1, wait: bool = False, avoid: str = "") -> None:
            others = [one for one in client.scheduler_info(n_workers=-1)["workers"] if one != avoid] if avoid else []
            # Futures are named by the runs' keys, so that two studies on one cluster share a run in hand.
            name = f"serkit-{key}" + f"-{tries}" * (tries > 1) + "-wait" * wait
            where = {"workers": others or None, "allow_other_workers": bool(others)}
            future = client.submit(_attempt_pickled, pickled[key], wait, key=name, pure=False, **where)
            in_hand[future.key] = future, key, tries
            ended.add(future)

        for key in tasks:
            submit(key)
        try:
            for future in ended:
                _, key, tries = in_hand.pop(future.key)
                try:
                    found = future.result()
                except KilledWorker as error:
                    found = _record(f"its worker was killed, or out of memory: {error}", "", [], str(error.last_worker))
                    tries = error.allowed_failures + 1
                except Exception as error:
                    if client.status == "running":
                        raise
                    where = f"the Dask scheduler at {scheduler}" if scheduler else "the scheduler of the local workers"
                    raise SerkitError(
                        f"{where} is lost; finished runs are kept: start it, and the same command again"
                    ) from error
                if found == BUSY:
                    submit(key, tries, wait=True)
                elif found and tries == 1:
                    submit(key, 2, avoid=found["worker"])
                else:
                    yield key, _told(found, tries)
        except BaseException:
            if client.status == "running":
                client.cancel([future for future, *_ in in_hand.values()], force=True)
            raise


def attempt(work: Work, wait: bool) -> str | dict | None:
    """Try a run.

    Args:
        work: see `Work`.
        wait: passed on to it.

    Returns:
        None when it is done, `BUSY`, or the record of its failure; "final" says whether another try is in vain.
    """
    with _last_lines() as lines:
        try:
            return None if work(wait) else BUSY
        except SerkitError as error:
            return _record(str(error), traceback.format_exc(), lines) | {"final": True}
        except Exception as error:
            return _record(f"{type(error).__name__}: {error}", traceback.format_exc(), lines) | {"final": False}


def _attempt_pickled(work: bytes, wait: bool) -> str | dict | None:
    """`attempt` on a worker.

    Dask's scheduler may live in the notebook's process and unpickles what a task is given. A class of the notebook
    would thereby get its methods anew, with copies of the notebook's globals: bytes are left alone.
    """
    from dask.distributed import get_worker

    found = attempt(functools.partial(_unpickled, work), wait)
    return found | {"worker": get_worker().address} if isinstance(found, dict) else found


def _unpickled(work: bytes, wait: bool) -> bool:
    import cloudpickle

    return cloudpickle.loads(work)(wait)


def _record(error: str, trace: str, lines: Any, where: str = "") -> dict:
    where = where or f"{socket.gethostname()}, process {os.getpid()}"
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return {"error": error, "trace": trace, "log": list(lines), "where": where, "when": when}


def _told(found: dict | None, tries: int) -> dict | None:
    """What a failed run leaves; None of one that is done."""
    if found is None:
        return None
    return {name: value for name, value in found.items() if name not in ("final", "worker")} | {"tries": tries}


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
