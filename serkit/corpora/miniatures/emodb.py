"""The miniature of EmoDB: 84 recordings of six speakers, two sentences in seven emotions."""

import itertools
from pathlib import Path

from serkit.corpora.loaders import emodb
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
SPEAKERS = ("03", "08", "09", "10", "13", "15")  # three women, three men
SENTENCES = ("a01", "b02")


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    lines = [
        acted.Line(
            path=f"wav/{speaker}{sentence}{code}{'ab'[number]}.wav",
            speaker=speaker,
            gender="f" if speaker in emodb.WOMEN else "m",
            label=label,
            sentence=number,
        )
        for speaker, (number, sentence), (code, label) in itertools.product(
            SPEAKERS, enumerate(SENTENCES), emodb.EMOTIONS.items()
        )
    ]
    (root / "erkennung.txt").write_text("Satz\terkannt\n", encoding="utf-8", newline="\n")  # as beside the recordings
    by_speaker = itertools.product(SPEAKERS, emodb.EMOTIONS.values())
    return acted.record(root, lines, seed, 16000) | {f"{who} {label}": len(SENTENCES) for who, label in by_speaker}
