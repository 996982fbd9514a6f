"""LibriSpeech: read English audiobooks, or any other folder of FLAC files, as speech without emotion labels.

Facts: the corpus has 982 hours of 2484 readers, 16 kHz mono FLAC, in subsets such as train-clean-100; any part of it
will do, and so does any other folder of 16 kHz FLAC files. They are found in all folders below the root.

A recording of the corpus is named <speaker>-<chapter>-<utterance>.flac: id is that name, session the chapter. Its text
is in <speaker>-<chapter>.trans.txt, its reader's gender in SPEAKERS.TXT in the root or in the folder above, where
these are there. A file of any other name is loaded without a speaker, and its path below the root is its id; a note
says how many there are. Label is empty throughout, style is "scripted".

Extra columns: none. Source: Panayotov et al. 2015; counts of SPEAKERS.TXT.
"""

import re
from pathlib import Path

import pandas as pd

from serkit.corpora.checks import Problem, listing, require_folder
from serkit.corpora.table import utterance_table
from serkit.errors import SerkitError

TITLE = "LibriSpeech ASR corpus"
CITATION = """\
@inproceedings{panayotov2015librispeech,
  author    = {Panayotov, Vassil and Chen, Guoguo and Povey, Daniel and Khudanpur, Sanjeev},
  title     = {{LibriSpeech}: An {ASR} corpus based on public domain audio books},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  pages     = {5206--5210},
  year      = {2015},
  doi       = {10.1109/ICASSP.2015.7178964}
}"""
LICENCE = "CC BY 4.0 (name the authors)"
REDISTRIBUTABLE = True
HOW_TO_GET = """\
LibriSpeech is open (CC BY 4.0): unpack one or more of the archives of https://www.openslr.org/12 (dev-clean.tar.gz has
5 hours, train-clean-100.tar.gz has 100), and give the folder LibriSpeech, or any folder of 16 kHz FLAC files:
  LibriSpeech/
    SPEAKERS.TXT
    dev-clean/84/121123/84-121123-0000.flac ... 84-121123.trans.txt"""
DOWNLOADS = {
    part: (
        {
            "address": f"https://www.openslr.org/resources/12/{part}.tar.gz",
            "size": size,
            "checksum": f"md5:{checksum}",
            "whose": "OpenSLR (md5sum.txt)",
            "unpack": True,
            "strip": "LibriSpeech",
        },
    )
    for part, size, checksum in (
        ("dev-clean", 337926286, "42e2234ba48799c1f50f24a7926300a1"),
        ("test-clean", 346663984, "32fa31d27d2e1cad72775fee3f4849a9"),
        ("train-clean-100", 6387309499, "2a93770f6d5c6c964bc36631d331a522"),
    )
}
SAMPLE_RATES = (16000,)
STEREO = "note"  # of other sources: the corpus itself has one channel

OTHER_AUDIO = (".wav", ".mp3", ".ogg", ".opus", ".m4a", ".sph", ".aiff")
_NAME = re.compile(r"(\d+)-(\d+)-\d{4}")
_READER = re.compile(r"\s*(\d+)\s*\|\s*([FM])\s*\|.*")
_TEXT = re.compile(r"(\d+-\d+-\d{4})\s+(\S.*)")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List all FLAC files below a folder.

    Args:
        root: LibriSpeech, one of its subsets, or any other folder.

    Returns:
        The folder, one row a file (columns of `serkit.corpora`), and what was found wrong: two files of one id, names
        of another grammar, other audio files, lines that cannot be read, transcripts without audio.

    Raises:
        SerkitError: there is no such folder, or no FLAC file in it.
    """
    require_folder(root, HOW_TO_GET)
    found = listing(root, "**/*")
    paths = [path for path in found if path.suffix.lower() == ".flac"]
    if not paths:
        raise SerkitError(f"no FLAC file in {root}\n{HOW_TO_GET}")
    problems: list[Problem] = []
    texts = _texts(
        [path for path in found if path.name.endswith(".trans.txt")], {path.stem for path in paths}, problems
    )
    genders = _genders(root, problems)
    rows: dict[str, dict] = {}
    for path in paths:
        row = _row(path, root, texts, genders)
        if row["id"] in rows:
            what = f"duplicate utterance {row['id']}, first at {rows[row['id']]['path']}; the second is left out"
            problems.append(Problem("error", what, str(path), "remove one of the two"))
        else:
            rows[row["id"]] = row
    _note_other_names(found, rows, problems)
    return root, utterance_table(rows.values()), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Compare with nothing: any number of recordings will do, and `read` has named what is odd."""
    del root, utterances, expected, deep
    return []


def whole(root: Path, utterances: pd.DataFrame) -> bool:
    """Never known: any part of the corpus will do, so nothing counts it."""
    del root, utterances
    return False


def _row(path: Path, root: Path, texts: dict[str, str], genders: dict[str, str]) -> dict:
    name = _NAME.fullmatch(path.stem)
    speaker, chapter = name.groups() if name else (None, None)
    return {
        "id": path.stem if name else path.relative_to(root).with_suffix("").as_posix(),
        "path": str(path),
        "speaker": speaker,
        "gender": genders.get(speaker),
        "session": chapter,
        "style": "scripted",
        "text": texts.get(path.stem),
    }


def _texts(paths: list[Path], recorded: set[str], problems: list[Problem]) -> dict[str, str]:
    """Read the transcripts: text by utterance; name those without a recording."""
    texts: dict[str, str] = {}
    for path in paths:
        missing = []
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            match = _TEXT.fullmatch(line.strip())
            if match:
                texts[match[1]] = match[2]
                missing += [match[1]] if match[1] not in recorded else []
            elif line.strip():
                what = f"no line of id and text: {line.strip()[:80]!r}"
                problems.append(Problem("warning", what, f"{path}:{number}", "copy it again from the original"))
        if missing:
            what = f"{len(missing)} transcripts without a recording, first {missing[0]}"
            problems.append(Problem("warning", what, str(path), "unpack the archive again, or use what is there"))
    return texts


def _genders(root: Path, problems: list[Problem]) -> dict[str, str]:
    """Read SPEAKERS.TXT: "f" or "m" by reader."""
    path = next(
        (folder / "SPEAKERS.TXT" for folder in (root, root.parent) if (folder / "SPEAKERS.TXT").is_file()), None
    )
    genders: dict[str, str] = {}
    if path is None:
        return genders
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
        if match := _READER.fullmatch(line):
            genders[match[1]] = match[2].lower()
        elif line.strip() and not line.startswith(";"):
            what = f"no line of reader | F or M | ...: {line.strip()[:80]!r}"
            problems.append(Problem("warning", what, f"{path}:{number}", "copy it again from the original"))
    return genders


def _note_other_names(found: list[Path], rows: dict[str, dict], problems: list[Problem]) -> None:
    unnamed = [row["path"] for row in rows.values() if row["speaker"] is None]
    if unnamed:
        what = f"{len(unnamed)} of {len(rows)} files are not named <speaker>-<chapter>-<utterance>: no speaker is known"
        problems.append(Problem("note", what, unnamed[0], "nothing to do: speech without labels needs no speaker"))
    others = [path for path in found if path.suffix.lower() in OTHER_AUDIO]
    if others:
        what = f"{len(others)} audio files are no FLAC; left aside"
        problems.append(
            Problem("note", what, str(others[0]), "nothing to do; to use them, convert them to 16 kHz FLAC")
        )
