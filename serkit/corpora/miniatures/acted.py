"""What the miniatures of acted corpora share: people of their own voices say short sentences in some emotions.

Such a corpus is a table of `Line`, one a recording, which its module makes by the corpus' own grammar. All say the
same few synthetic sentences, whatever the corpus' own are. The emotions overlap, as those of the miniature of IEMOCAP.
"""

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from serkit import audio
from serkit.corpora.miniatures.synthesis import (
    LEXICON,
    MANNERS,
    SAMPLE_RATE,
    Manner,
    Voice,
    plan_words,
    speak,
    voice_of,
)

VERSION = 1  # of the sound
OVERLAP = 0.5  # of the emotions
SENTENCES = (  # of one to two seconds, so that a training set has frames enough to whiten
    "I REALLY NEED TO SEE THE FORM TODAY", "WE WAITED AN HOUR HERE", "LET US GO HOME NOW",
    "MAYBE SOMEONE LOST MY BAG THERE", "THERE IS NOTHING LEFT", "YOU SAID IT WAS HERE",
)  # fmt: skip
PAUSE = 0.06  # seconds before and after

# How each emotion sounds.
EMOTIONS = {
    "neutral": MANNERS["neu"], "happy": MANNERS["hap"], "sad": MANNERS["sad"], "angry": MANNERS["ang"],
    "fearful": MANNERS["fea"], "surprised": MANNERS["sur"], "disgusted": MANNERS["dis"],
    "calm": Manner(pitch=-0.8, pitch_range=1.2, rate=0.9, level=-2.0, tilt=-1.5),
    "bored": Manner(pitch=-1.5, pitch_range=0.6, rate=0.75, level=-2.5, tilt=-1.0),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A recording of the plan.

    Attributes:
        path: of the file, below the root.
        speaker: who speaks; the same word, the same voice.
        gender: "f" or "m".
        label: one of `EMOTIONS`.
        sentence: its number; the same number, the same words.
    """

    path: str
    speaker: str
    gender: str
    label: str
    sentence: int


def record(root: Path, lines: Iterable[Line], seed: int, sample_rate: int) -> dict[str, int]:
    """Write the recordings of a plan.

    Args:
        root: the miniature's folder.
        lines: the plan.
        seed: of voices and sound.
        sample_rate: in Hz; the corpus' own.

    Returns:
        The counts that a copy must have, as `serkit.corpora.named_files.counted` makes them.
    """
    lines = list(lines)
    for line in lines:
        path = root / line.path
        path.parent.mkdir(parents=True, exist_ok=True)
        audio.write(path, _sound(line, seed, sample_rate), sample_rate)
    genders = Counter({line.speaker: line.gender for line in lines}.values())
    found = {"utterances": len(lines), "speakers": genders.total(), "women": genders["f"], "men": genders["m"]}
    return found | dict(Counter(line.label for line in lines))


def _voice(speaker: str, gender: str, seed: int) -> Voice:
    """The voice of a speaker."""
    return voice_of(np.random.default_rng([seed, zlib.crc32(speaker.encode())]), female=gender == "f")


def _sound(line: Line, seed: int, sample_rate: int) -> np.ndarray:
    random = np.random.default_rng([seed, zlib.crc32(line.path.encode())])
    manner = EMOTIONS[line.label].vary(random, OVERLAP)
    words = SENTENCES[line.sentence % len(SENTENCES)].split()
    pauses = [PAUSE, *[0.0] * (len(words) - 1), PAUSE]
    segments, _ = plan_words([LEXICON[word] for word in words], manner.rate, pauses)
    signal = speak(segments, _voice(line.speaker, line.gender, seed), manner, random)
    if sample_rate == SAMPLE_RATE:
        return signal
    import soxr

    return soxr.resample(signal, SAMPLE_RATE, sample_rate, quality="VHQ")
