"""The miniature of RAVDESS: 144 recordings of twelve actors, two in each of the published folds, in eight emotions.

An actor says a sentence in every emotion, and another one neutrally and, with strong intensity, happy, sad and angry
(which sounds no stronger here). The recordings are at 16 kHz, as in copies that the loader takes too.
"""

from pathlib import Path

from serkit.corpora.loaders import ravdess
from serkit.corpora.miniatures import acted

VERSION = acted.VERSION
ACTORS = (1, 20, 4, 10, 8, 9, 3, 24, 2, 15, 6, 13)  # two of each fold
# Emotion, intensity, statement, repetition of an actor's recordings.
TAKES = [(emotion, "01", "01", "01") for emotion in ravdess.EMOTIONS]
TAKES += [("01", "01", "02", "01"), ("03", "02", "02", "01"), ("04", "02", "02", "01"), ("05", "02", "02", "01")]


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    lines = [
        acted.Line(
            path=f"Actor_{actor:02d}/03-01-{'-'.join(take)}-{actor:02d}.wav",
            speaker=f"Actor_{actor:02d}",
            gender="m" if actor % 2 else "f",
            label=ravdess.EMOTIONS[take[0]],
            sentence=int(take[2]),
        )
        for actor in ACTORS
        for take in TAKES
    ]
    return acted.record(root, lines, seed, ravdess.SAMPLE_RATES[1])
