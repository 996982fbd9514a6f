"""The miniature of CHEAVD: 211 utterances of one to three seconds, in eight emotions, of 20 speakers.

Partitions and classes are about as large, one to another, as in Table 1 of zhao2018. As in films, many people speak in
many rooms: each utterance has a noise of its own in the background, and all are about equally loud, so that the level
alone tells little. The emotions overlap: trained on train, a linear classifier of mean log-mel bands is far above
chance on dev and far from perfect. As in the challenge, the test labels are withheld.
"""

import csv
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.signal

from serkit import audio
from serkit.corpora.loaders import cheavd
from serkit.corpora.miniatures.synthesis import (
    LEXICON,
    MANNERS,
    SAMPLE_RATE,
    SENTENCES,
    Manner,
    Segment,
    Voice,
    plan_words,
    speak,
    voice_of,
)

VERSION = 1  # of the sound and the texts
SIZES = {"train": 140, "dev": 30, "test": 40}  # about; utterances
SPEAKERS = {"train": 12, "dev": 4, "test": 4}
LEAST = {"train": 3, "dev": 2, "test": 1}  # utterances of a class
SHORTEST, LONGEST = 1.0, 3.0  # seconds an utterance
OVERLAP = 0.35  # of the emotions
LEVEL = 0.05  # root mean square of an utterance
LOUDNESS = 1.0  # dB, standard deviation between utterances
NOISE = (25.0, 35.0)  # dB below the speech

# How each emotion sounds; further apart than in `miniature.MANNERS`, as the level tells nothing here.
EMOTIONS = {
    "neutral": MANNERS["neu"],
    "angry": replace(MANNERS["ang"], tilt=6.0),
    "happy": replace(MANNERS["hap"], tilt=2.5, smile=0.1),
    "sad": replace(MANNERS["sad"], tilt=-5.0),
    "worried": Manner(pitch=1.0, pitch_range=1.2, rate=0.9, tilt=-2.5, breath=0.0, smile=-0.08),
    "anxious": Manner(pitch=3.0, pitch_range=1.8, rate=1.25, tilt=0.0, breath=0.12, smile=0.0),
    "surprised": replace(MANNERS["sur"], pitch=7.0, tilt=-0.5),
    "disgusted": replace(MANNERS["dis"], pitch=-2.5, tilt=2.5, smile=-0.09),
}
HEADER = ("path", "label", "partition", "speaker", "gender", "text")
WRITTEN = {"train": "train", "dev": "val", "test": "test"}  # partitions in the CSV file


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    rows, before = [], 0  # speakers of the partitions before this one: nobody is in two
    for partition, sizes in _class_sizes().items():
        (root / "audio" / WRITTEN[partition]).mkdir(parents=True)
        random = np.random.default_rng([seed, zlib.crc32(partition.encode())])
        for number, label in enumerate(random.permutation(np.repeat(list(sizes), list(sizes.values())))):
            speaker = before + number % SPEAKERS[partition] + 1
            voice = voice_of(np.random.default_rng([seed, speaker]), female=speaker % 2 == 1)
            name = f"audio/{WRITTEN[partition]}/{number + 1:03d}.wav"
            text, signal = _utterance(EMOTIONS[label], voice, np.random.default_rng([seed, zlib.crc32(name.encode())]))
            audio.write(root / name, signal, SAMPLE_RATE)
            given = "" if partition == "test" else label.capitalize()
            rows.append((name, given, WRITTEN[partition], f"S{speaker:02d}", "mf"[speaker % 2], text))
        before += SPEAKERS[partition]
    with (root / cheavd.FILE).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([HEADER, *rows])
    return cheavd.count(root, cheavd.read(root)[1])


def _class_sizes() -> dict[str, dict[str, int]]:
    """Utterances of each class in each partition: Table 1 of zhao2018, scaled down."""
    return {
        partition: {
            label: max(
                round(cheavd.PUBLISHED[f"{partition} {label}"] * size / cheavd.PUBLISHED[f"{partition} utterances"]),
                LEAST[partition],
            )
            for label in cheavd.LABELS
        }
        for partition, size in SIZES.items()
    }


def _utterance(manner: Manner, voice: Voice, random: np.random.Generator) -> tuple[str, np.ndarray]:
    """A sentence of 1 to 3 s: what is said, and how it sounds in a noisy room."""
    manner = manner.vary(random, OVERLAP)
    text, segments = _sentence(manner.rate, random)
    speech = speak(segments, voice, manner, random)
    speech *= LEVEL * 10 ** (random.normal(scale=LOUDNESS) / 20) / np.sqrt(np.mean(speech**2))
    pole = random.uniform(0.5, 0.98)  # dull or bright noise
    noise = scipy.signal.lfilter([1.0], [1.0, -pole], random.normal(size=len(speech)))
    noise *= LEVEL * 10 ** (-random.uniform(*NOISE) / 20) / np.sqrt(np.mean(noise**2))
    return text, 0.99 * np.tanh((speech + noise) / 0.99)


def _sentence(rate: float, random: np.random.Generator) -> tuple[str, list[Segment]]:
    """Draw words of 1 to 3 s at the rate of speaking, and their phones; a short one is drawn again."""
    while True:
        words = SENTENCES[random.integers(len(SENTENCES))].split()
        pauses = [random.uniform(0.05, 0.2), *[0.0] * (len(words) - 1), random.uniform(0.05, 0.2)]
        segments, _ = plan_words([LEXICON[word] for word in words], rate, pauses)
        if SHORTEST <= sum(segment.seconds for segment in segments) <= LONGEST:
            return " ".join(words).capitalize() + ".", segments
