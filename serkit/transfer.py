"""Bring a file here over HTTP, whole or not at all, however often the connection breaks.

What has arrived stays under a temporary name, ``<name>.part``, and the next attempt goes on behind it (a `Range`
request, RFC 9110, 14). A server that knows nothing of ranges, or whose file is another one by now (`If-Range`), starts
anew. Size and checksum are compared before the file gets its name; pooch does the latter.
"""

import errno
import os
import re
import shutil
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from serkit import __version__, files, progress
from serkit.errors import SerkitError

if TYPE_CHECKING:
    import requests

AGENT = f"serkit/{__version__} (speech-emotion research; python-requests)"
PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before an attempt that follows one without a new byte
LONGEST = 120.0  # seconds that a server may ask to wait
TIMEOUT = (20.0, 60.0)  # seconds to connect, and without a byte
PASSING = (408, 425, 429, 500, 502, 503, 504)  # answers that may be another one soon
HOPS = 10  # redirects that are followed
BLOCK = 2**20


class _Again(Exception):  # noqa: N818 (not the user's business)
    """An attempt that failed, and may not the next time."""

    def __init__(self, why: str, wait: float = 0.0):
        super().__init__(why)
        self.wait = wait


def fetch(address: str, path: Path | str, size: int | None = None, checksum: str = "", quiet: bool = False) -> Path:
    """Download a file, unless it is there and as its checksum says.

    Args:
        address: http or https. A redirect is followed to https only, or to http where the address is.
        path: where it goes; the folder is made.
        size: in bytes, where it is known.
        checksum: "md5:..." or "sha256:...", where one is known.
        quiet: show no progress.

    Returns:
        `path`.

    Raises:
        SerkitError: the file is not there (404 and such), the server fails time after time, the disk is too small, or
            size or checksum are others than given; what was received is then removed.
    """
    import pooch

    path = Path(path)
    files.make_folder(path.parent)
    pooch.get_logger().setLevel("WARNING")

    def download(url: str, output: str, _: pooch.Pooch | None) -> None:
        _receive(url, path, size, bool(checksum), quiet).replace(output)

    try:
        pooch.retrieve(address, checksum or None, path.name, path.parent, downloader=download)
    except SerkitError:
        raise
    except ValueError as error:  # pooch's, of the checksum
        raise SerkitError(
            f"{address}: what was received is not what its checksum {checksum} promises, and is removed. Start the "
            "same command again; if it fails again, the host has another file by now: see its page"
        ) from error
    return path


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise where a disk has less than so many bytes free.

    Args:
        folder: on the disk; it need not be there yet.
        needed: bytes.
        what: they are for.
    """
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise SerkitError(
            f"{what} needs {shown_size(needed)}, and the disk of {there} has {shown_size(free)} left: free some, or "
            "name a folder on another disk"
        ) from OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def shown_size(count: float) -> str:
    """Bytes as a person reads them.

    >>> shown_size(208468073), shown_size(999)
    ('208.5 MB', '999 bytes')
    """
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count:.0f} bytes"


def _receive(address: str, path: Path, size: int | None, checked: bool, quiet: bool) -> Path:
    """Receive what is missing of a file, in as many attempts as bring something; return the part that is now whole."""
    import requests
    import urllib3

    part, failures = path.with_name(f"{path.name}.part"), 0
    most = _bytes_of(part)
    while True:
        try:
            _attempt(address, part, size, checked, quiet)
            _mark_of(part).unlink(missing_ok=True)
            return part
        except (_Again, requests.RequestException, urllib3.exceptions.HTTPError) as error:
            arrived = _bytes_of(part)
            failures = failures + 1 if arrived <= most else 0
            most = max(most, arrived)
            if failures > len(PAUSES):
                raise SerkitError(
                    f"{address}: {failures} attempts in a row brought nothing ({_plain(error)}). What has arrived is "
                    "kept: start the same command again later to go on"
                ) from error
            pause = max(PAUSES[max(failures - 1, 0)], getattr(error, "wait", 0.0))
            if not quiet:
                print(f"{path.name}: {_plain(error)}; trying again in {pause:.0f} s", file=sys.stderr, flush=True)
            time.sleep(pause)


def _attempt(address: str, part: Path, size: int | None, checked: bool, quiet: bool) -> None:
    """Ask once for what is missing, and keep what comes."""
    import requests

    have, mark = _bytes_of(part), _mark_of(part)
    known = mark.read_text(encoding="utf-8") if mark.is_file() else ""
    headers = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
    if have and have == size:
        return  # whole, and stopped before it got its name
    if have and (known or checked):  # else nothing would tell that the two ends are of one file
        headers |= {"Range": f"bytes={have}-"} | ({"If-Range": known} if known else {})
    with requests.Session() as session, _open(session, address, headers) as answer:
        if answer.status_code == 416 and answer.headers.get("Content-Range") == f"bytes */{have}":
            return
        have, total = _extent(answer, part, have)
        if size is not None and total is not None and total != size:
            raise SerkitError(
                f"{address} has {total} bytes now, instead of the {size} that are published: the host has another file "
                "by now; see its page"
            )
        total = size if total is None else total
        if total is not None:
            require_space(part.parent, total - have, part.stem)
        mark.write_text(_validator(answer), encoding="utf-8")
        blocks = _shown(answer.raw.stream(BLOCK, decode_content=False), part.stem, have, total, quiet)
        _keep(blocks, part, have, total)
    arrived = _bytes_of(part)
    if total is not None and arrived < total:
        raise _Again(f"the connection ended after {arrived} of {total} bytes")


def _open(session: "requests.Session", address: str, headers: dict[str, str]) -> "requests.Response":
    """Ask for an address, following redirects as far as they are safe.

    Raises:
        SerkitError: a redirect to anything but https (or http, where the address is http), too many of them, or an
            answer that will stay the same.
        _Again: an answer that may be another one soon.
    """
    first = address
    for _ in range(HOPS):
        answer = session.get(address, headers=headers, stream=True, allow_redirects=False, timeout=TIMEOUT)
        if not answer.is_redirect:
            _judge(answer, first)
            return answer
        answer.close()
        address = urljoin(address, answer.headers["Location"])
        allowed = {"https", urlsplit(first).scheme}
        if urlsplit(address).scheme not in allowed:
            said = " and ".join(sorted(allowed))
            raise SerkitError(f"{first} leads to {address}, which is not followed: only {said} addresses are")
    raise SerkitError(f"{first} leads from one address to the next, {HOPS} times; see the host's page")


def _judge(answer: "requests.Response", address: str) -> None:
    code = answer.status_code
    if code in (200, 206, 416):
        return
    answer.close()
    said = f"the server answers {code} {answer.reason}"
    if code in PASSING:
        asked = answer.headers.get("Retry-After", "")
        raise _Again(said, min(float(asked), LONGEST) if asked.isdigit() else 0.0)
    raise SerkitError(f"{address}: {said}. Has the file moved? See the host's page (serkit corpora)")


def _extent(answer: "requests.Response", part: Path, have: int) -> tuple[int, int | None]:
    """Where what comes begins, and how long the whole file is, in bytes; None where the server does not say."""
    length = answer.headers.get("Content-Length", "")
    if answer.status_code == 200:  # all of it, whatever was asked for
        return 0, int(length) if length.isdigit() else None
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if answer.status_code == 416 or said is None or int(said[1]) != have:
        part.unlink(missing_ok=True)
        raise _Again("the server cannot go on where this file ends, which starts anew")
    return have, None if said[2] == "*" else int(said[2])


def _keep(blocks: Iterable[bytes], part: Path, have: int, total: int | None) -> None:
    """Write blocks behind the first `have` bytes of a file.

    Raises:
        SerkitError: the disk is full, or more comes than was promised.
    """
    with part.open("ab" if have else "wb") as stream:
        for block in blocks:
            have += len(block)
            if total is not None and have > total:
                break
            try:
                stream.write(block)
            except OSError as error:
                if error.errno not in files.FULL:
                    raise
                raise SerkitError(
                    f"no space left on the disk while writing {part}; free some and start the same command again: "
                    "what has arrived is kept"
                ) from error
    if total is not None and have > total:
        part.unlink()
        _mark_of(part).unlink(missing_ok=True)
        raise SerkitError(f"{part.stem}: more than the {total} bytes that were promised; what was received is removed")


def _shown(blocks: Iterable[bytes], name: str, have: int, total: int | None, quiet: bool) -> Iterator[bytes]:
    """Pass blocks on and show how many MiB have come: of how many, where that is known."""
    if quiet:
        yield from blocks
    elif total is not None:
        yield from progress.track(blocks, f"{name}, MiB", -(-(total - have) // BLOCK))
    else:
        for _ in progress.track([name], name):
            for block in blocks:
                have += len(block)
                progress.detail(f"{have // BLOCK} MiB")
                yield block


def _validator(answer: "requests.Response") -> str:
    """What tells this version of the file from another; a weak ETag does not (RFC 9110, 13.1.5)."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _mark_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.mark")


def _bytes_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _plain(error: Exception) -> str:
    """What went wrong in a line, without what the library wraps about it."""
    while error.args and isinstance(error.args[0], Exception):
        error = error.args[0]
    said = str(error.args[0]) if error.args else ""
    return said.splitlines()[0] if said else type(error).__name__
