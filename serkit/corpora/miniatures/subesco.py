"""The miniature of SUBESCO: 140 recordings of ten speakers, two in each fold, one sentence in seven emotions, twice."""

import itertools
from pathlib import Path

from serkit.corpora.loaders import subesco
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
SPEAKERS = ("F_02", "F_03", "F_04", "F_06", "F_07", "M_01", "M_03", "M_04", "M_05", "M_07")
TAKES = (1, 2)


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    lines = [
        acted.Line(
            path=f"{speaker}_{subesco.SPEAKERS[speaker]}_S_{take}_{code}_{take}.wav",
            speaker=speaker,
            gender=speaker[0].lower(),
            label=label,
            sentence=take,
        )
        for speaker, take, (code, label) in itertools.product(SPEAKERS, TAKES, subesco.EMOTIONS.items())
    ]
    return acted.record(root, lines, seed, subesco.SAMPLE_RATES[0])
