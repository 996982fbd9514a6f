"""What the checks of all corpora share: problems, counts, folders, and the audio files.

Every problem carries what is wrong, where, and what to do about it.
"""

import functools
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from serkit import audio, progress
from serkit.errors import SerkitError

LEVELS = ("error", "warning", "note")
Level = Literal["error", "warning", "note"]
CLIPPED_SHARE = 0.001  # of a file's samples; above it, a deep check warns


class Problem(NamedTuple):
    """One finding: what is wrong, where, and what to do.

    Attributes:
        level: "error" (the copy must not be used as it is), "warning" (look at it) or "note" (for information).
        what: what is wrong, with the value.
        where: the file, with its line number where there is one.
        remedy: what to do about it.
    """

    level: Level
    what: str
    where: str
    remedy: str


def listing(folder: Path, pattern: str = "*") -> list[Path]:
    """List what is in a folder and matches, sorted by name, without dot-files; empty when there is no folder."""
    return sorted(path for path in folder.glob(pattern) if not path.name.startswith("."))


def require_folder(root: Path, how_to_get: str) -> None:
    """Raise unless `root` is a folder; the message says how to get the corpus."""
    if not root.is_dir():
        what = f"{root} is a file: unpack it if it is an archive" if root.is_file() else f"there is no folder {root}"
        raise SerkitError(f"{what}\n{how_to_get}")


def require_own_folder(directory: Path, marker: str, what: str) -> None:
    """Raise where something other than `what` would be written over; `marker` is the file that makes it one."""
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir()) and not (directory / marker).is_file()):
        raise SerkitError(f"{directory} is not empty and no {what}; name another folder")


def count_problems(found: dict[str, int], expected: dict[str, int], where: Path, remedy: str) -> list[Problem]:
    """Name every figure of `expected` that differs from the one found (0 where absent).

    A missing word alignment is a warning only: most uses of a corpus need none.
    """
    return [
        Problem(
            "warning" if "alignments" in figure else "error",
            f"{figure}: {found.get(figure, 0)} instead of {count}",
            str(where),
            remedy,
        )
        for figure, count in expected.items()
        if found.get(figure, 0) != count
    ]


def partition_problems(utterances: pd.DataFrame, where: Path, remedy: str) -> list[Problem]:
    """Name each speaker who is in two partitions.

    Args:
        utterances: with columns speaker and partition; a row without one of the two is left aside.
        where: the file that says so.
        remedy: what to do about it.
    """
    problems = []
    for speaker, group in utterances.groupby("speaker"):
        if len(found := sorted(group["partition"].dropna().unique())) > 1:
            what = f"speaker {speaker!r} is in the partitions {', '.join(found)}"
            problems.append(Problem("error", what, str(where), remedy))
    return problems


def left_out(row: dict, where: Path | str, found: list[Problem]) -> list[Problem]:
    """Take a recording with an unusable annotation out of its partition; returns what was found, and says so.

    Args:
        row: of the table, with id and partition.
        where: the annotation.
        found: what is wrong with the annotation; a warning leaves it usable.
    """
    if row["partition"] is None or not any(problem.level == "error" for problem in found):
        return found
    what = f"{row['id']} is left out of the partition {row['partition']!r}: its annotation cannot be used"
    row["partition"] = None
    return [*found, Problem("note", what, str(where), "correct the error that is named")]


def in_threads(function, items: list, what: str) -> Iterator:
    """Yield ``function(item)`` of each item in order, computed by several threads, with progress."""
    with ThreadPoolExecutor(max_workers=min(16, (os.cpu_count() or 1) + 4)) as pool:
        yield from progress.track(pool.map(function, items), what, total=len(items))


def header(path: Path | str) -> audio.AudioInfo:
    """Read a file's header; one that has not changed since is not read again.

    Raises:
        SerkitError: as `audio.info`.
    """
    try:
        found = os.stat(path)  # noqa: PTH116 (ten thousand calls)
    except OSError:
        return audio.info(path)  # which says what is wrong
    return _header(str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@functools.lru_cache(maxsize=100_000)
def _header(path: str, *state: int) -> audio.AudioInfo:
    del state  # another state, another entry
    return audio.info(path)


def audio_problems(
    paths: Iterable[str],
    sample_rates: tuple[int, ...] | None,
    stereo: Level | None,
    deep: bool = False,
    durations: Iterable[float] | None = None,
) -> list[Problem]:
    """Check the audio files that exist: their headers, or, when `deep`, all of their samples.

    Args:
        paths: the files; one that does not exist is left to the caller.
        sample_rates: the rates in Hz to be expected; None accepts any.
        stereo: level of a file of several channels; None accepts them.
        deep: decode every file: values that are not numbers, silence, clipping, a truncated FLAC.
        durations: the lengths in seconds that the labels promise, NaN where they do not; a file that
            differs by more than half a second gets a warning.
    """
    paths = [str(path) for path in paths]
    durations = [np.nan] * len(paths) if durations is None else list(durations)

    def examine(item: tuple[str, float]) -> list[Problem]:
        path, duration = item
        if not os.path.exists(path):  # noqa: PTH110 (ten thousand calls)
            return []
        try:
            found = _header_problems(path, header(path), sample_rates, stereo, duration)
            return found + (_sample_problems(path) if deep else [])
        except SerkitError as error:
            return [Problem("error", str(error), path, "copy the file again from the original")]

    what = "decoding audio" if deep else "reading audio headers"
    return [
        problem for found in in_threads(examine, list(zip(paths, durations, strict=True)), what) for problem in found
    ]


def _header_problems(
    path: str, info: audio.AudioInfo, sample_rates: tuple[int, ...] | None, stereo: Level | None, duration: float
) -> list[Problem]:
    found = []
    if sample_rates and info.sample_rate not in sample_rates:
        rates = " or ".join(str(rate) for rate in sample_rates)
        found.append(
            Problem(
                "error",
                f"sample rate {info.sample_rate} Hz instead of {rates} Hz",
                path,
                "copy the original file; do not resample the corpus",
            )
        )
    if stereo and info.channels > 1:
        remedy = (
            "nothing to do: channels are averaged on reading"
            if stereo == "note"
            else "copy the original one-channel file; do not cut sentences out of the stereo dialogue"
        )
        found.append(Problem(stereo, f"{info.channels} channels instead of one", path, remedy))
    if abs(info.duration - duration) > 0.5:
        found.append(
            Problem(
                "warning",
                f"lasts {info.duration:.2f} s, but its label line says {duration:.2f} s",
                path,
                "listen to it; copy the file again from the original",
            )
        )
    return found


def _sample_problems(path: str) -> list[Problem]:
    signal, _ = audio.read(path)
    peak = np.abs(signal).max()
    if peak == 0:
        return [Problem("error", "every sample is zero", path, "copy the file again from the original")]
    clipped = np.mean(np.abs(signal) >= 1 - 2**-15)
    if clipped > CLIPPED_SHARE:
        what = f"{clipped:.1%} of its samples are clipped"
        return [Problem("warning", what, path, "listen to it; leave it out if the recording is distorted")]
    return []
