"""One progress display: a bar on a terminal and in Jupyter, quiet lines when headless.

A notebook executed by ``serkit reproduce`` has no terminal of its own. The command therefore names a
file in ``$SERKIT_PROGRESS``; `track` writes its state there and the command shows it. In a notebook that is run by
hand a cell has one bar, written over in place and gone when the work is done; what is saved has none.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, TypeVar

Item = TypeVar("Item")
QUIET_SECONDS = 30.0
POLL_SECONDS = 0.3
CELL_SECONDS = 0.5  # between two states of a bar in a cell; what takes less has none
CELL_BAR = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"  # tqdm, no rate
CELL_WIDTH = 80  # characters of it, which no window breaks
_running: list = []  # the displays of this process, the innermost last
_places: dict[int, Any] = {}  # where a cell has its bar, by the number of its execution


def track(items: Iterable[Item], what: str, total: int | None = None) -> Iterator[Item]:
    """Yield `items`, showing how many of `total` are done."""
    if total is None:
        assert isinstance(items, Sized), "what has no length needs a total"
        total = len(items)
    relayed = os.environ.get("SERKIT_PROGRESS")
    with _into_file(what, total, Path(relayed)) if relayed else _display(what, total, sys.stderr) as update:
        state = {"done": 0, "update": update}
        _running.append(state)
        try:
            update(0, "")
            for item in items:
                yield item
                state["done"] += 1
                update(state["done"], "")
        finally:
            with suppress(ValueError):  # its cell has ended with an error
                _running.remove(state)


def detail(text: str) -> None:
    """Show where inside the present item the work is, for example "epoch 3/50"."""
    if _running:
        _running[-1]["update"](_running[-1]["done"], text)


def in_kernel() -> bool:
    """Whether this process is a notebook's."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None


def _display(what: str, total: int, stream: TextIO, line: int = 0):
    if stream.isatty():
        return _bar(what, total, stream, line)
    return _in_cell(what, total) if in_kernel() else _lines(what, total, stream)


@contextmanager
def _bar(what: str, total: int, stream: TextIO, line: int) -> Iterator:
    from tqdm import tqdm

    with tqdm(total=total, desc=what, leave=False, file=stream, dynamic_ncols=True, position=line) as bar:

        def update(done: int, text: str) -> None:
            bar.set_postfix_str(text, refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield update


@contextmanager
def _in_cell(what: str, total: int) -> Iterator:
    """A bar among the outputs of the cell that is running.

    It is plain text: a widget would need another package, and a page made of the notebook would show nothing.
    """
    from tqdm import tqdm

    began = shown = time.monotonic()

    def update(done: int, text: str) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown > CELL_SECONDS:
            shown = now
            named = {"prefix": what, "postfix": text or None, "ncols": CELL_WIDTH, "bar_format": CELL_BAR}
            _write_in_cell(tqdm.format_meter(done, total, now - began, **named))

    try:
        yield update
    finally:
        if shown > began:
            _write_in_cell("")


def _write_in_cell(text: str) -> None:
    """Show a line in the cell that is running, in place of the one before; the empty one leaves nothing to see."""
    from IPython import get_ipython
    from IPython.display import display

    shell, data = get_ipython(), {"text/plain": text} if text else {}
    if place := _places.get(shell.execution_count):
        place.update(data, raw=True)
        return
    _places.clear()
    _places[shell.execution_count] = display(data, raw=True, display_id=True)
    shell.events.register("post_run_cell", _end_of_cell)  # once: it is known afterwards


def _end_of_cell(*_) -> None:
    """Take away the bar of a cell that was interrupted or has failed."""
    _running.clear()
    for place in _places.values():
        place.update({}, raw=True)
    _places.clear()


@contextmanager
def _lines(what: str, total: int, stream: TextIO) -> Iterator:
    began = shown = time.monotonic()

    def update(done: int, text: str) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown > QUIET_SECONDS or (done == total and now - began > QUIET_SECONDS):
            shown = now
            print(f"{what}: {done}/{total} {text}".rstrip(), file=stream, flush=True)

    yield update


@contextmanager
def _into_file(what: str, total: int, path: Path) -> Iterator:
    def update(done: int, text: str) -> None:
        state = {"what": what, "done": done, "total": total, "detail": text}
        path.write_text(json.dumps(state), encoding="utf-8")

    yield update


@contextmanager
def relay(path: Path, stream: TextIO, whose: str = "", line: int = 0) -> Iterator[None]:
    """Show on `stream` what another process writes to `path` through `track`, until the block ends.

    Args:
        path: the file.
        stream: a terminal, or a log.
        whose: stands before what is shown.
        line: of the terminal; several displays at a time have a line each.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_relay_loop, args=(path, stream, stop, whose, line), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _relay_loop(path: Path, stream: TextIO, stop: threading.Event, whose: str, line: int) -> None:
    while not stop.is_set():
        state = _state(path)
        if state is None or state["done"] >= state["total"]:
            stop.wait(POLL_SECONDS)
            continue
        what = state["what"]
        with _display(whose + what, state["total"], stream, line) as update:
            while state["what"] == what and not stop.is_set():
                update(state["done"], state["detail"])
                if state["done"] >= state["total"]:
                    break
                stop.wait(POLL_SECONDS)
                state = _state(path) or state


def _state(path: Path) -> dict | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):  # not begun, or caught in the middle of a write
        return None
