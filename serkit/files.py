"""Files that are either complete or absent: write under a temporary name, then rename.

A folder's files are also listed with their sizes and digests (`contents`), so that what a disk, a copy or a hand
has changed since is noticed (`damaged`). What several processes would make at the same time is made by one (`locked`).
"""

import errno
import functools
import hashlib
import json
import os
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from serkit.errors import SerkitError

FORGOTTEN = 7 * 24 * 3600  # seconds after which a half-written file is nobody's
UNLOCKED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)
FULL, FORBIDDEN = (errno.ENOSPC, errno.EDQUOT), (errno.EROFS, errno.EACCES, errno.EPERM)
PATIENCE = 5.0  # seconds to wait for another process before it is said
LARGE = 2**24  # bytes above which a file is read again only if its time says that it changed


def cache_dir() -> Path:
    """Where miniatures and features are kept: ``$SERKIT_CACHE``, or the user's cache folder."""
    given = os.environ.get("SERKIT_CACHE")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "serkit"


def nbformat() -> ModuleType:
    """The library nbformat, for notebooks' files: loaded without two seconds of work that nobody asks for.

    It checks notebooks with jsonschema, which would build grammars of IRIs wherever rfc3987_syntax is installed, as it
    is beside JupyterLab; no notebook's schema has an IRI.
    """
    modules: dict = sys.modules
    before = modules.setdefault("rfc3987_syntax")  # None stands for a module that cannot be loaded
    try:
        import nbformat
    finally:
        if before is None:
            del modules["rfc3987_syntax"]
    return nbformat


@contextmanager
def atomic(path: Path | str, stands: Callable[[Path], bool] = lambda _: False) -> Iterator[Path]:
    """Yield a temporary path beside `path` that becomes `path` when the block ends well.

    Works for a file or a folder. When the block fails, what it wrote is removed and what stood at
    `path` before is untouched. Several processes may write the same path: the last one wins.
    What dead processes left half-written beside it is removed.

    Args:
        path: what is written.
        stands: whether a folder that another process has put there meanwhile is good; it is then kept, and ours
            is not needed.

    Raises:
        SerkitError: the disk is full, or nothing may be written there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{_machine()}-{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with _plainly(path):
            _make(path.parent)
            _sweep(path.parent)
            yield temporary
            _put(temporary, path, stands)
    finally:
        _discard(temporary)


@contextmanager
def locked(path: Path | str, wait: bool = True) -> Iterator[bool]:
    """Hold the right to make `path` for the block: one process at a time, on all machines that share the folder.

    The operating system keeps the lock (``flock``) and frees it when its holder is gone, also by SIGKILL or with its
    machine; no clock is read. It stands in a file beside `path`, which goes with it. Look whether `path` is there after
    the lock was got: another may have made it meanwhile.

    Args:
        path: a file or folder.
        wait: until it is free.

    Yields:
        Whether this process has it; always, where it waits.

    Raises:
        SerkitError: the disk is full, nothing may be written there, or its file system keeps no locks.
    """
    from filelock import FileLock, Timeout

    path = Path(path)
    # Where the file system has no such locks, one of another kind would outlive its holder.
    lock = FileLock(path.with_name(f".{path.name}.lock"), fallback_to_soft=False)
    with _plainly(path):
        _make(path.parent)
        try:
            lock.acquire(timeout=PATIENCE if wait else 0)
        except Timeout:
            if wait:
                print(f"waiting for another process that makes {path}", file=sys.stderr, flush=True)
                lock.acquire(poll_interval=0.5)
        except OSError as error:
            if error.errno not in UNLOCKED:
                raise
            raise SerkitError(
                f"the file system of {path} keeps no locks ({error.strerror}), by which processes leave work to one "
                "another: mount it with flock, or name a folder elsewhere"
            ) from error
    try:
        yield lock.is_locked
    finally:
        if lock.is_locked:
            with suppress(OSError):  # who waits for this file looks for it again
                Path(lock.lock_file).unlink()
            lock.release()


def make_folder(path: Path | str) -> None:
    """Make a folder, with those above it, where there is none.

    Raises:
        SerkitError: the disk is full, nothing may be written there, or there is a file where a folder would be.
    """
    with _plainly(Path(path)):
        _make(Path(path))


def _make(folder: Path) -> None:
    """Make a folder with those above it.

    Raises:
        SerkitError: there is a file where a folder would be.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        there = next((one for one in (folder, *folder.parents) if one.exists() and not one.is_dir()), folder)
        raise SerkitError(f"{folder} cannot be made: {there} is no folder; name another place") from error


@contextmanager
def _plainly(path: Path) -> Iterator[None]:
    """Say what a disk or a folder refuses while `path` is written.

    Raises:
        SerkitError: the disk is full, or nothing may be written there.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise SerkitError(
                f"no space left on the disk while writing {path}; free some and start the same command again: "
                "what was finished before is kept"
            ) from error
        if error.errno in FORBIDDEN:
            remedy = "set SERKIT_CACHE to" if path.absolute().is_relative_to(cache_dir().absolute()) else "name"
            raise SerkitError(f"{path} cannot be written: {error.strerror}; {remedy} a folder of your own") from error
        raise


def nothing_can_be_kept(error: Exception) -> bool:
    """Whether an error of this module says that a disk is full, or that a folder may not be written."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL + FORBIDDEN + UNLOCKED


def _put(temporary: Path, path: Path, stands: Callable[[Path], bool]) -> None:
    """Rename; a folder with something in it has to be moved out of the way first, which others may do too."""
    while True:
        try:
            temporary.replace(path)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                raise
        if stands(path):
            return
        old = temporary.with_name(f"{temporary.name.removesuffix('.tmp')}-old.tmp")
        with suppress(FileNotFoundError):
            path.rename(old)
        _discard(old)


@functools.cache
def _machine() -> str:
    """Stands for where a process' number means something: this machine since it was started, this container."""
    known = [socket.gethostname()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("|".join(known).encode()).hexdigest()[:12]


def _sweep(directory: Path) -> None:
    """Remove what dead processes of this machine left half-written, and what nobody has touched for a week."""
    for path in directory.glob(".*.tmp"):
        machine, _, process = path.name.split(".")[-2].partition("-")
        dead = machine == _machine() and os.name == "posix" and not _runs(int(process.partition("-")[0]))
        with suppress(OSError):  # another process was faster
            # By the folder's own clock: that of this machine may be another, or jump.
            if dead or directory.stat().st_mtime - path.stat().st_mtime > FORGOTTEN:
                _discard(path)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _discard(path: Path) -> None:
    """Remove what nobody needs, as far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink()


def contents(folder: Path) -> dict[str, dict]:
    """What a folder's files hold, by name: bytes, time of the last change in ns and SHA-256; see `damaged`."""
    return {
        path.name: {"bytes": path.stat().st_size, "changed": path.stat().st_mtime_ns, "sha256": sha256(path)}
        for path in sorted(folder.iterdir())
    }


def damaged(folder: Path, listed: dict[str, dict], every_byte: bool = False) -> str:
    """The first file that is not as `contents` listed it; empty when all are.

    A large file whose size and time are those of the list is not read, unless `every_byte` is set.
    """
    for name, was in listed.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != was["bytes"]:
            return name
        untouched = not every_byte and was["bytes"] > LARGE and path.stat().st_mtime_ns == was["changed"]
        if not untouched and sha256(path) != was["sha256"]:
            return name
    return ""


def write_text(path: Path | str, text: str) -> None:
    """Write text atomically (UTF-8)."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, data: Any) -> None:
    """Write JSON atomically, indented."""
    write_text(path, json_text(data))


def write_csv(path: Path | str, table: pd.DataFrame) -> None:
    """Write a table as CSV atomically, without its index."""
    with atomic(path) as temporary:
        temporary.write_text(csv_text(table), encoding="utf-8")


def json_text(data: Any) -> str:
    """JSON as all files of ours hold it: indented, no NaN."""
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def csv_text(table: pd.DataFrame) -> str:
    """A table as all files of ours hold it: no index, the same line ends everywhere."""
    return table.to_csv(index=False, lineterminator="\n")


def digests(folder: Path, suffixes: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of every file under a folder whose name ends so, by its path in there."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix in suffixes)
    return {str(path.relative_to(folder)): sha256(path) for path in found}


def sha256(path: Path | str) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def content_key(data: Any) -> str:
    """Twenty hexadecimal digits that stand for a JSON value: equal content, equal key.

    >>> content_key({"a": 1, "b": [2, 3]}) == content_key({"b": [2, 3], "a": 1})
    True
    """
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
