"""Emozionalmente: 431 amateurs say eighteen Italian sentences in seven emotions, at home; others said what they heard.

Facts: 6902 recordings, 986 an emotion (angry, disgusted, fearful, happy, neutral, sad, surprised), of 299 women, 131
men and one actor who gave neither, 1 to 105 each, half of them at most 8; one channel. Five people each (829 in all)
said which emotion they hear, and are right in 66 % of 34,510 votes. Label is the emotion that was asked for.

A file's name is a number, 1612877880295.wav; who speaks and how is in metadata/samples.csv (file_name, sentence,
actor, emotion_expressed, ...), gender and age in users.csv, votes in evaluations.csv: see `ratings`. Speaker is the
first eight characters of the actor's code, which are enough to tell all apart. Gender is empty for the one actor
of neither. Extra columns: age, in years, as given (an actor says 10).

Sources: Catania et al. 2025; README and the three tables of version 1.0. **Never tried on the real recordings**; the
tables were read, and their counts are these. Documentations contradict each other: all is at 16 kHz and 3.81 s on
average in the description, but 150 files are at 44.1 kHz and the mean is 3.29 s in the list of EmoBox. In 42 cases
somebody voted twice on a recording, and `ratings` has both. Version 1.1 has a division of its own into training,
development and test whose form is not described: it is not read. The division of EmoBox shares speakers.
"""

import re
from pathlib import Path

import pandas as pd

from serkit.corpora import named_files
from serkit.corpora.checks import Problem
from serkit.corpora.table import RATING_COLUMNS, utterance_table
from serkit.errors import SerkitError

TITLE = "Emozionalmente: a crowdsourced corpus of simulated emotional speech in Italian"
CITATION = """\
@article{catania2025emozionalmente,
  author  = {Catania, Fabio and Wilke, J. W. and Garzotto, Franca},
  title   = {{Emozionalmente}: A Crowdsourced Corpus of Simulated Emotional Speech in {Italian}},
  journal = {IEEE Transactions on Audio, Speech and Language Processing},
  volume  = {33},
  pages   = {1142--1155},
  year    = {2025},
  doi     = {10.1109/TASLPRO.2025.3540662}
}"""
LICENCE = "CC BY 4.0 (name the authors)"
REDISTRIBUTABLE = True
HOW_TO_GET = """\
Emozionalmente is open (CC BY 4.0): unpack emozionalmente.zip of https://zenodo.org/records/12616095 and give the folder
that holds audio:
  emozionalmente/
    audio/1612877880295.wav ...
    metadata/samples.csv  users.csv  evaluations.csv"""
DOWNLOADS = {
    "1.1": (
        {
            "address": "https://zenodo.org/records/12616095/files/emozionalmente.zip?download=1",
            "checksum": "md5:398c6502dd2b0e1e810f927c12897547",
            "whose": "Zenodo",
            "unpack": True,
            "strip": "emozionalmente",
            "drop": ("__MACOSX",),
        },
    )
}
SAMPLE_RATES = (16000, 44100)
MEAN_SECONDS = 3.29  # of an utterance
STEREO = "error"

EMOTIONS = {
    "anger": "angry", "disgust": "disgusted", "fear": "fearful", "joy": "happy", "neutrality": "neutral",
    "sadness": "sad", "surprise": "surprised",
}  # fmt: skip
GENDERS = {"female": "f", "male": "m", "other": None}
PUBLISHED = {"utterances": 6902, "speakers": 431, "women": 299, "men": 131} | dict.fromkeys(EMOTIONS.values(), 986)
SPEAKER_CHARACTERS = 8  # of the actor's code
_NAME = re.compile(r"\d{10,}")


def read(root: Path) -> tuple[Path, pd.DataFrame, list[Problem]]:
    """List the recordings and look them up in the tables.

    Args:
        root: the folder that holds audio and metadata, or the one above it.

    Returns:
        The folder with the recordings, the utterances (columns of `serkit.corpora` and age), and what was found wrong:
        also a recording that is not in samples.csv, or one there that is missing.

    Raises:
        SerkitError: there is no such folder, no recording in it, or a table is missing or has another grammar.
    """
    inside = ["audio", "emozionalmente/audio", "emozionalmente_dataset/audio"]
    root, paths = named_files.find(root, inside, _NAME, HOW_TO_GET)
    rows, problems = named_files.rows_of(paths, lambda name: {"id": name} if _NAME.fullmatch(name) else None)
    table = _table(root, "samples")
    samples = {
        Path(line["file_name"]).stem: line
        for line in named_files.table_of(table, ("file_name", "sentence", "actor", "emotion_expressed"), HOW_TO_GET)
    }
    people = {
        line["username"]: line
        for line in named_files.table_of(_table(root, "users"), ("username", "gender", "age"), HOW_TO_GET)
    }
    rows, found = named_files.unlisted(rows, samples, table)
    short: dict[str, str] = {}
    for row in rows:
        row.update(_facts(samples[row["id"]], people, table))
        if short.setdefault(row["speaker"], samples[row["id"]]["actor"]) != samples[row["id"]]["actor"]:
            raise SerkitError(
                f"{table}: two actors' codes begin with {row['speaker']}; copy it again from the original"
            )
    return root, utterance_table(rows, extra=["age"]), problems + found


def check(root: Path, utterances: pd.DataFrame, expected: dict[str, int] | None, deep: bool = False) -> list[Problem]:
    """Compare the counts with the published ones, or with a miniature's."""
    del deep  # the tables say all
    return named_files.compare(root, utterances, count(root, utterances), expected or PUBLISHED)


def count(root: Path, utterances: pd.DataFrame) -> dict[str, int]:
    """Count what `PUBLISHED` has figures of."""
    del root  # everything is in the table
    return named_files.counted(utterances, EMOTIONS)


def ratings(root: Path) -> pd.DataFrame:
    """Read the votes of those who listened; columns as `serkit.corpora.Corpus.ratings` has them.

    Raises:
        SerkitError: there is no metadata/evaluations.csv, or it has another grammar.
    """
    path = _table(root, "evaluations")
    rows = [
        {
            "id": Path(line["file_name"]).stem,
            "rater": line["evaluator"][:SPEAKER_CHARACTERS],
            "label": _known(line["emotion_recognized"], EMOTIONS, path),
        }
        for line in named_files.table_of(path, ("file_name", "evaluator", "emotion_recognized"), HOW_TO_GET)
    ]
    table = pd.DataFrame(rows, columns=RATING_COLUMNS).assign(self_report=False)
    return table.astype(dict.fromkeys(["valence", "activation", "dominance"], "float64"))


def _table(root: Path, name: str) -> Path:
    return root.parent / "metadata" / f"{name}.csv"


def _known(given: str, meanings: dict, path: Path) -> str | None:
    if given not in meanings:
        raise SerkitError(f"{path}: {given!r} is none of {', '.join(meanings)}; copy it again from the original")
    return meanings[given]


def _facts(sample: dict[str, str], people: dict[str, dict[str, str]], table: Path) -> dict:
    """What the tables say of a recording."""
    actor = sample["actor"]
    if actor not in people:
        raise SerkitError(f"{table.with_name('users.csv')} has no actor {actor}; copy it again from the original")
    return {
        "speaker": actor[:SPEAKER_CHARACTERS],
        "gender": _known(people[actor]["gender"], GENDERS, table.with_name("users.csv")),
        "label": _known(sample["emotion_expressed"], EMOTIONS, table),
        "code": sample["emotion_expressed"],
        "text": sample["sentence"],
        "age": float(people[actor]["age"]),
    }
