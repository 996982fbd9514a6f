"""The miniature of TESS: 84 recordings of both actresses, six words in seven emotions, in one folder each emotion."""

import itertools
from pathlib import Path

from serkit.corpora.loaders import tess
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
WORDS = tess.WORDS[:: len(tess.WORDS) // 6][:6]


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    lines = [
        acted.Line(f"{actress}_{code}/{actress}_{word}_{code}.wav", actress, "f", label, number)
        for actress, (number, word), (code, label) in itertools.product(
            tess.ACTRESSES, enumerate(WORDS), tess.EMOTIONS.items()
        )
    ]
    return acted.record(root, lines, seed, tess.SAMPLE_RATES[0])
