"""Errors that a user can do something about: each names the value, the file and the remedy."""

import difflib
from collections.abc import Iterable


class SerkitError(ValueError):
    """Bad input. The message says what is wrong, where, and what to do."""

    record: dict  # of a run that failed on a worker (`serkit.attempts`); otherwise there is none


def one_of(value: str, valid: Iterable[str], what: str) -> str:
    """Return `value` if it is one of `valid`.

    Raises:
        SerkitError: otherwise; the message lists the valid names and the nearest one.

    >>> one_of("sumer", ["winter", "summer"], "season")
    Traceback (most recent call last):
    ...
    serkit.errors.SerkitError: unknown season 'sumer' (did you mean 'summer'?); valid: summer, winter
    """
    names = sorted(valid)
    if value in names:
        return value
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(str(value).lower(), lower, n=1)
    hint = f" (did you mean {lower[near[0]]!r}?)" if near else ""
    raise SerkitError(f"unknown {what} {value!r}{hint}; valid: {', '.join(names)}")
