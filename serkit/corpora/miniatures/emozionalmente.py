"""The miniature of Emozionalmente: 98 recordings of 14 people in seven emotions, with its three tables.

Everybody says one sentence in all emotions. As in the corpus, somebody gives neither gender, somebody only voted, and
somebody voted twice on a recording.
"""

import csv
import hashlib
from pathlib import Path

import numpy as np

from serkit.corpora.loaders import emozionalmente as loader
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
PEOPLE = 14
NEITHER = 13  # who gives neither gender
SENTENCES = ("Vado in biblioteca", "Tornerà a casa presto")
RIGHT = 0.66  # share of the votes on the emotion that was asked for
VOTES = 5  # a recording


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    random, codes = np.random.default_rng([seed, PEOPLE]), list(loader.EMOTIONS)
    genders = ["other" if person == NEITHER else ("female", "male")[person % 2] for person in range(PEOPLE)]
    users = [(_code(person), genders[person], 20 + person, "italian") for person in range(PEOPLE)]
    users.append((_code(PEOPLE), "female", 40, "italian"))  # who voted only
    lines, samples, votes = [], [], []
    for person in range(PEOPLE):
        for code in codes:
            name = f"{1612877880295 + 1000 * len(samples)}.wav"
            sentence = person % 2
            voice = "f" if genders[person] == "female" else "m"
            lines.append(acted.Line(f"audio/{name}", _code(person), voice, loader.EMOTIONS[code], sentence))
            samples.append((name, SENTENCES[sentence], "italian", _code(person), code))
            for vote in range(VOTES):
                heard = code if random.uniform() < RIGHT else codes[random.integers(len(codes))]
                votes.append((name, _code(PEOPLE - vote), "good", heard))
    votes[1] = (*votes[0][:3], votes[1][3])  # twice by one person
    _write_table(root, "samples", ("file_name", "sentence", "sentence_language", "actor", "emotion_expressed"), samples)
    _write_table(root, "users", ("username", "gender", "age", "mother_tongue"), users)
    _write_table(root, "evaluations", ("file_name", "evaluator", "audio_quality", "emotion_recognized"), votes)
    found = acted.record(root, lines, seed, loader.SAMPLE_RATES[0])
    return found | {"women": genders.count("female"), "men": genders.count("male")}


def _code(person: int) -> str:
    return hashlib.sha256(f"person {person}".encode()).hexdigest()


def _write_table(root: Path, name: str, header: tuple, rows: list[tuple]) -> None:
    path = root / "metadata" / f"{name}.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])
