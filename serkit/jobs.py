"""Executions of notebooks side by side: a process for each, one display for all, nothing left behind when it ends."""

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from serkit import devices, notebooks, progress
from serkit.corpora import miniatures
from serkit.errors import SerkitError

MEMORY = 3 * 2**30  # bytes that one execution may need
PATIENCE = 30.0  # seconds that an interrupted execution gets to end in order
# As `notebooks.execute` takes it: paper, corpus, root, profile, out, further parameters.
Execution = tuple[str, str, str, str, str, dict]


@dataclass
class _Running:
    execution: Execution
    process: SpawnProcess
    display: ExitStack


def execute_all(
    executions: Sequence[Execution], jobs: int | None = None, again: bool = True
) -> Iterator[tuple[Execution, Path | SerkitError | None]]:
    """Execute notebooks, `jobs` at a time, and yield each when it begins and as soon as it is done.

    With one job they are executed in this process. What they compute does not depend on `jobs`: each has the same
    number of threads (`serkit.training.limit_threads`).

    Args:
        executions: each the key of a paper, a corpus and its folder (empty takes the miniature), a profile, the folder
            of all results, and further parameters; in the order in which they begin.
        jobs: at most so many processes; None takes one a core, as far as memory goes.
        again: see `notebooks.execute`.

    Yields:
        An execution, and None as it begins; then the folder of its results or why it failed. The others go on.

    Raises:
        KeyboardInterrupt: interrupted; all processes have ended, and finished runs are kept.
    """
    for corpus in dict.fromkeys(corpus for _, corpus, root, *_ in executions if corpus and not root):
        miniatures.ensure(corpus)  # or several would write the same one
    jobs = min(jobs or usual_number(), len(executions))
    if jobs <= 1:
        for one in executions:
            yield one, None
            yield one, _outcome(one, again)
        return
    waiting: deque[Execution] = deque(executions)
    running: dict[Any, _Running] = {}  # by our end of the pipe
    free = set(range(jobs))  # lines of the display
    with tempfile.TemporaryDirectory() as folder:
        try:
            while waiting or running:
                while waiting and len(running) < jobs:
                    line = min(free)
                    free.remove(line)
                    yield waiting[0], None
                    end, started = _start(waiting.popleft(), again, Path(folder), line)
                    started.display.callback(free.add, line)
                    running[end] = started
                ends: list[Any] = connection.wait(list(running))
                for end in ends:
                    done = running.pop(end)
                    try:
                        outcome = end.recv()
                    except EOFError:
                        done.process.join()
                        outcome = SerkitError(
                            f"{done.execution[0]}: its process ended with code {done.process.exitcode} (out of "
                            "memory?); start the same command again to go on, or take fewer --jobs"
                        )
                    done.display.close()
                    done.process.join()
                    end.close()
                    yield done.execution, outcome
        finally:
            _end(running)


def usual_number(each: int = 1) -> int:
    """How many executions this machine can do side by side: one to so many cores each, as far as memory goes."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return max(cores // each, 1)
    return max(min(cores // each, int(min(memory, _allowed())) // MEMORY), 1)


def _allowed() -> float:
    """Bytes that this process' group may have, such as a job's of a cluster."""
    try:
        group = Path("/proc/self/cgroup").read_text(encoding="utf-8").rpartition("::")[2].strip()
        limits = [Path("/sys/fs/cgroup", *parts, "memory.max") for parts in _ways(group)]
        found = [path.read_text(encoding="utf-8").strip() for path in limits if path.is_file()]
    except OSError:
        return float("inf")
    return min((float(one) for one in found if one.isdigit()), default=float("inf"))


def _ways(group: str) -> list[tuple[str, ...]]:
    """A group's path and those of the groups that it is in."""
    parts = tuple(part for part in group.split("/") if part)
    return [parts[:count] for count in range(len(parts) + 1)]


def usual_workers() -> int:
    """How many local workers suit this machine: one a GPU; without any, one to two cores, as far as memory goes."""
    return len(devices.gpus()) or usual_number(2)


def _outcome(one: Execution, again: bool, shown_by: Path | None = None) -> Path | SerkitError:
    *places, given = one
    try:
        return notebooks.execute(*places, shown_by=shown_by, again=again, **given)
    except SerkitError as error:
        return error


def _start(one: Execution, again: bool, folder: Path, line: int) -> tuple[connection.Connection, _Running]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    title = f"{one[0]} on {one[1]}" if one[1] else one[0]
    state = folder / f"{title}.json"
    process = context.Process(target=_work, args=(theirs, one, again, state), name=f"serkit {title}")
    process.start()
    theirs.close()
    display = ExitStack()
    display.enter_context(progress.relay(state, sys.stderr, f"{title}: ", line))
    return ours, _Running(one, process, display)


def _work(end: connection.Connection, one: Execution, again: bool, state: Path) -> None:
    """Execute in this process, which is a worker."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a command in the background may ignore it
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C reaches the command alone, which passes it on once
    threading.Thread(target=_end_with_the_command, args=(end,), daemon=True).start()
    try:
        end.send(_outcome(one, again, state))
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(130)


def _end_with_the_command(end: connection.Connection) -> None:
    """Interrupt this process when the command is gone, even by SIGKILL: its end of the pipe closes."""
    try:
        end.recv()
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGINT)


def _end(running: dict) -> None:
    """Interrupt what still runs, as Ctrl-C does, and wait for it."""
    for one in running.values():
        if one.process.is_alive():
            os.kill(one.process.pid, signal.SIGINT)
    for end, one in running.items():
        one.process.join(PATIENCE)
        if one.process.is_alive():
            one.process.kill()
        one.display.close()
        end.close()
