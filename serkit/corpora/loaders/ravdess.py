"""RAVDESS, speech: 24 actors say two sentences in eight emotions, in English.

Facts: 1440 files of 24 actors (odd numbers are men), 60 files an actor; 192 an emotion, 96 neutral;
48 kHz WAV, or copies in FLAC or at 16 kHz; five files are stereo, and two files of Actor_07 are
byte-identical. Only audio-only speech is loaded: video and song are left aside, with a note.

Extra columns: intensity ("normal" or "strong"), statement (1 or 2), repetition (1 or 2), and fold ("1" to "6"): the
speaker folds of a published benchmark (`FOLDS`), which test each actor once.
Sources: Livingstone and Russo 2018; Ma et al. 2024 (EmoBox), whose folds are read off its published lists.

A file's name holds seven numbers: modality (03 audio only), channel (01 speech), emotion, intensity,
statement, repetition, actor: 03-01-06-01-02-01-12.
"""

import itertools
import re
from pathlib import Path

import pandas as pd

from serkit import files
from serkit.corpora import named_files
from serkit.corpora.checks import Problem, count_problems, in_threads, listing, require_folder
from serkit.corpora.table import utterance_table
from serkit.errors import SerkitError

TITLE = "Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS), speech"
CITATION = """\
@article{livingstone2018ravdess,
  author  = {Livingstone, Steven R. and Russo, Frank A.},
  title   = {The {Ryerson} Audio-Visual Database of Emotional Speech and Song ({RAVDESS}): A dynamic, multimodal set
             of facial and vocal expressions in {North American English}},
  journal = {PLoS ONE},
  volume  = {13},
  number  = {5},
  pages   = {e0196391},
  year    = {2018},
  doi     = {10.1371/journal.pone.0196391}
}"""
LICENCE = "CC BY-NC-SA 4.0"
REDISTRIBUTABLE = False  # not for every purpose: the licence forbids commercial use
HOW_TO_GET = """\
RAVDESS is open (CC BY-NC-SA 4.0): unpack Audio_Speech_Actors_01-24.zip of
https://zenodo.org/records/1188976, and give the folder that holds the actors:
  ravdess/
    Actor_01/03-01-01-01-01-01-01.wav ... Actor_24/
(or a folder that holds Audio_Speech_Actors_01-24/; .flac is read too)"""
DOWNLOADS = {
    "speech": (
        {
            "address": "https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip?download=1",
            "size": 208468073,
            "checksum": "md5:bc696df654c87fed845eb13823edef8a",
            "whose": "Zenodo",
            "unpack": True,
        },
    )
}
SAMPLE_RATES = (48000, 16000)
MEAN_SECONDS = 3.70  # of an utterance
STEREO = "note"

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgusted",
    "08": "surprised",
}  # fmt: skip
STATEMENTS = {"01": "Kids are talking by the door", "02": "Dogs are sitting by the door"}
INTENSITIES = {"01": "normal", "02": "strong"}
ACTORS = tuple(range(1, 25))
PUBLISHED = {"utterances": 1440, "speakers": 24, "women": 12, "men": 12}
PUBLISHED |= {label: 96 if label == "neutral" else 192 for label in EMOTIONS.values()}
FOLDS = {
    "1": (1, 11, 20, 21), "2": (4, 10, 12, 14), "3": (8, 9, 19, 23), "4": (3, 5, 7, 24), "5": (2, 15, 16, 18),
    "6": (6, 13, 17, 22),
}  # fmt: skip
# Labels of that benchmark's lists, and the classes that it makes of them.
EMOBOX = {
    "labels": {
        "neutral": ("Neutral", "Neutral"), "calm": ("Calm", "Calm"), "happy": ("Happy", "Happy"), "sad": ("Sad", "Sad"),
        "angry": ("Angry", "Angry"), "fearful": ("Fearful", "Fear"), "disgusted": ("Disgust", "Disgust"),
        "surprised": ("Surprised", "Surprise"),
    }
}  # fmt: skip
_FOLD_OF = {actor: fold for fold, actors in FOLDS.items() for actor in actors}
IDENTICAL = ("03-01-03-01-02-01-07", "03-01-03-01-02-02-07")  # in the release itself
_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")


def _names_of(actor: int) -> list[str]:
    """Name the 60 files of an actor; neutral has no strong intensity.

    >>> len(_names_of(1)), _names_of(1)[0]
    (60, '03-01-01-01-01-01-01')
    """
    return [
        f"03-01-{emotion}-{intensity}-{statement}-{repetition}-{actor:02d}"
        for emotion, intensity, statement, repetition in itertools.product(
            EMOTIONS, INTENSITIES, STATEMENTS, ("01", "02")
        )
        if (emotion, intensity) != ("01", "02")
    ]


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the actors' folders and parse the files' names.

    Args:
        root: the folder that holds Actor_01 to Actor_24, or Audio_Speech_Actors_01-24 with them in it.

    Returns:
        The folder that holds the actors, the utterances (columns of `serkit.corpora`, intensity, statement,
        repetition and fold), and what was found wrong.

    Raises:
        SerkitError: there is no such folder, or no actor in it.
    """
    require_folder(root, HOW_TO_GET)
    inner = root / "Audio_Speech_Actors_01-24"
    if not listing(root, "Actor_*") and listing(inner, "Actor_*"):
        root = inner
    if not listing(root, "Actor_*"):
        raise SerkitError(f"no folder Actor_01 to Actor_24 in {root}\n{HOW_TO_GET}")
    rows: dict[str, dict] = {}
    problems: list[Problem] = []
    for folder in listing(root, "Actor_*"):
        for path in listing(folder):
            row = _parse(path, problems)
            if row and row["id"] in rows:
                what = f"duplicate utterance {row['id']}, first at {rows[row['id']]['path']}"
                problems.append(Problem("error", what, str(path), "remove one of the two"))
            elif row:
                rows[row["id"]] = row
    return root, utterance_table(rows.values(), extra=["intensity", "statement", "repetition", "fold"]), problems


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Name the actors and files that are missing, or compare with the counts of a miniature."""
    if expected is not None:
        return count_problems(count(root, utterances), expected, root, "write the miniature again")
    have = set(utterances["id"])
    problems = _partial_problems(root, have)
    for actor in sorted({int(name[-2:]) for name in have}):
        folder = f"Actor_{actor:02d}"
        problems += named_files.missing_problems({folder: _names_of(actor)}, have, root / folder)
    return problems + _identical_files(utterances, deep)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of."""
    del root  # everything is in the table
    return named_files.counted(utterances, EMOTIONS)


def _partial_problems(root: Path, names: set[str]) -> list[Problem]:
    present = {int(name[-2:]) for name in names}
    absent = [str(actor) for actor in ACTORS if actor not in present]
    if not absent:
        return []
    what = f"partial copy: {len(present)} of {len(ACTORS)} actors; missing: {', '.join(absent)}"
    return [Problem("error", what, str(root), "unpack the archive again, or load what is there with strict=False")]


def _parse(path: Path, problems: list[Problem]) -> dict | None:
    match = _NAME.fullmatch(path.stem)
    if path.suffix.lower() not in (".wav", ".flac") or not match:
        problems.append(Problem("note", "not a RAVDESS recording; left aside", str(path), "nothing to do"))
        return None
    modality, channel, emotion, intensity, statement, repetition, actor = match.groups()
    if (modality, channel) != ("03", "01"):
        problems.append(Problem("note", "video or song; only audio-only speech is loaded", str(path), "nothing to do"))
        return None
    if int(actor) not in ACTORS or path.stem not in _names_of(int(actor)):
        what = f"the corpus has no recording {path.stem}"
        problems.append(Problem("error", what, str(path), "restore its name, or remove it"))
        return None
    if path.parent.name != f"Actor_{actor}":
        what = f"a recording of actor {actor} in {path.parent.name}"
        problems.append(Problem("error", what, str(path), f"move it to Actor_{actor}"))
    return {
        "id": path.stem,
        "path": str(path),
        "speaker": f"Actor_{actor}",
        "gender": "m" if int(actor) % 2 else "f",
        "style": "scripted",
        "label": EMOTIONS[emotion],
        "code": emotion,
        "text": STATEMENTS[statement],
        "intensity": INTENSITIES[intensity],
        "statement": int(statement),
        "repetition": int(repetition),
        "fold": _FOLD_OF[int(actor)],
    }


def _identical_files(utterances: pd.DataFrame, deep: bool) -> list[Problem]:
    """Note the pair that is one recording under two names; name any other such pair when `deep`."""
    paths = [Path(path) for path in utterances["path"] if deep or Path(path).stem in IDENTICAL]
    found: dict[str, Path] = {}
    problems = []
    for path, content in zip(paths, in_threads(files.sha256, paths, "comparing files"), strict=True):
        first = found.setdefault(content, path)
        if first is path or not path.stat().st_size:
            continue
        known = (first.stem, path.stem) == IDENTICAL
        what = f"byte-identical with {first.name}" + (", as in the release itself" if known else "")
        remedy = "nothing to do" if known else "unpack the archive again"
        problems.append(Problem("note" if known else "error", what, str(path), remedy))
    return problems
