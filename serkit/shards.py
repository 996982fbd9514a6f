"""A share of a study's runs: n commands on shared storage do a part each, without a scheduler; any finishes the tables.

``$SERKIT_SHARD`` is ``i/n``: this process does every n-th of the runs, beginning with the i-th, as far as they are
missing. What it did and what is still missing is noted in the file that ``$SERKIT_SHARD_NOTES`` names. With
``$SERKIT_SHARD_END`` all shares have been done: runs that failed there are not tried again, and tables do without them.
"""

import json
import os
from pathlib import Path
from typing import Any

from serkit.errors import SerkitError


def active() -> bool:
    """Whether this process does a share only."""
    return bool(os.environ.get("SERKIT_SHARD"))


def end() -> bool:
    """Whether all shares have been done."""
    return bool(os.environ.get("SERKIT_SHARD_END"))


def parsed(text: str) -> tuple[int, int]:
    """Number and count of a share ``i/n``.

    Raises:
        SerkitError: it is no such thing.

    >>> parsed("2/3")
    (2, 3)
    """
    number, _, count = text.partition("/")
    if not (number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count)):
        raise SerkitError(f"a share is i/n with i from 1 to n, such as 2/3; got {text!r}")
    return int(number), int(count)


def share(items: list) -> list:
    """The items that are this process'; all where it does no share.

    Raises:
        SerkitError: ``$SERKIT_SHARD`` is no share.
    """
    if not active():
        return items
    number, count = parsed(os.environ["SERKIT_SHARD"])
    return items[number - 1 :: count]


def note(**record: Any) -> None:
    """Add a study to the notes: what, how many runs were done here, keys of the missing, what ended it."""
    with Path(os.environ["SERKIT_SHARD_NOTES"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(record, ensure_ascii=False) + "\n")


def read(path: Path) -> list[dict]:
    """The notes; none where no study was reached."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def open_ends(path: Path) -> bool:
    """Whether runs of a study that was reached are missing, so that later studies may have to wait for them."""
    return any(one["missing"] for one in read(path))
