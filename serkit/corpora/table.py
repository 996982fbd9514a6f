"""The table of utterances: its columns, its label words, and what marks a miniature."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

COLUMNS = [
    "id", "path", "speaker", "gender", "session", "style", "label", "code",
    "valence", "activation", "dominance", "start", "end", "text",
]  # fmt: skip
NUMERIC = ["valence", "activation", "dominance", "start", "end"]
LABELS = (
    "neutral", "happy", "excited", "sad", "angry", "frustrated", "fearful", "surprised", "disgusted", "calm",
    "worried", "anxious", "bored", "other", "undecided",
)  # fmt: skip
WORD_COLUMNS = ["id", "word", "start", "end"]
RATING_COLUMNS = ["id", "rater", "label", "valence", "activation", "dominance", "self_report"]
PARTITIONS = ("train", "dev", "test")
MARKER = "SERKIT_MINIATURE.json"  # the file that makes a folder a miniature


def utterance_table(rows: Iterable[dict[str, Any]], extra: Iterable[str] = ()) -> pd.DataFrame:
    """Make the table of utterances: all of `COLUMNS`, then the corpus' `extra` ones, sorted by id."""
    table = pd.DataFrame(list(rows), columns=[*COLUMNS, *extra])
    table[NUMERIC] = table[NUMERIC].astype("float64")
    return table.sort_values("id", kind="stable", ignore_index=True)
