"""The miniature of RECOLA in AVEC 2016's layout: 27 recordings of a minute, annotated 25 times a second.

An emotion, arousal and valence, moves smoothly: more than 95 % of its power lies below 1 Hz. It sets the manner of
each group of words that is spoken, and little of it can be heard in a single frame. Arousal is how unequally the words
are stressed: louder and quieter about a level (in dB) that hardly changes. Valence is how often the speaker pauses:
short groups of words with short pauses, or long ones with long pauses, and the same share of silence. What is linear in
the frames, averaged or not, does not see either; the range of loudness, or the rate of pauses, has to be learnt.

Six raters hear it and write it down some seconds later, each with an own lag, bias, scale and noise; the gold standard
is computed from them as AVEC 2016 computed its own. Who looks only at the frame that is labelled hears what was
annotated before: the delay has to be learnt, too. As in the corpus, the test recordings come
without labels.
"""

import zlib
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from serkit import audio
from serkit.corpora import trajectories
from serkit.corpora.loaders import recola
from serkit.corpora.miniatures.synthesis import (
    LEXICON,
    SAMPLE_RATE,
    SENTENCES,
    Manner,
    Voice,
    plan_words,
    speak,
    voice_of,
)

VERSION = 2  # of the sound and the texts
SECONDS = 60
STEP = trajectories.STEP
MEMORY = {"arousal": 1.1, "valence": 1.4}  # seconds; standard deviation of the bell that smooths each trajectory
DELAY = 3.0  # seconds, of the raters on average
RATERS = ("FM1", "FM2", "FM3", "FF1", "FF2", "FF3")
SCALE = 0.25  # of a rating, for an emotion of standard deviation 1
NOISE = {"arousal": 0.05, "valence": 0.1}  # standard deviation of a rater's own movement
STRESS = 6.0, 5.0  # dB: standard deviation of a speaker's loudness at arousal 0, and how much more at arousal 1
STRESSED = 0.2  # seconds from loud to quiet
GROUP = 2.5, -1.2  # words between two pauses at valence 0, and how many more at valence 1
PAUSE = 0.02, 0.04  # seconds of pause for each phone that is spoken
LONGEST = 15  # seconds that trajectories begin before the recording


def write(root: Path, seed: int) -> dict[str, int]:
    """Write the miniature; returns the counts that a copy of it must have."""
    for partition in recola.PARTITIONS:
        for number in range(1, 10):
            name = f"{partition}_{number}"
            random = np.random.default_rng([seed, zlib.crc32(name.encode())])
            emotion = {dimension: _trajectory(MEMORY[dimension], random) for dimension in recola.DIMENSIONS}
            voice = voice_of(random, female=number % 2 == 0)
            path = root / "recordings_audio" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write(path, _speech(emotion["arousal"], emotion["valence"], voice, random), SAMPLE_RATE)
            if partition != "test":
                for dimension in recola.DIMENSIONS:
                    _write_labels(root, dimension, name, _ratings(emotion[dimension], dimension, seed, random))
    utterances = recola.read(root)[1]
    return recola.count(root, utterances) | {"rows of an annotation": _rows()}


def _rows() -> int:
    return round(SECONDS / STEP) + 1


def _trajectory(memory: float, random: np.random.Generator) -> np.ndarray:
    """An emotion of about mean 0 and standard deviation 1, one value a step, from LONGEST seconds before the speech."""
    white = random.normal(size=_rows() + round(LONGEST / STEP))
    smooth = gaussian_filter1d(white, memory / STEP, mode="wrap")
    return smooth / smooth.std()


def _at(emotion: np.ndarray, seconds: np.ndarray | float) -> np.ndarray:
    """The emotion at times of the recording, interpolated."""
    return np.interp(seconds, STEP * np.arange(len(emotion)) - LONGEST, emotion)


def _speech(arousal: np.ndarray, valence: np.ndarray, voice: Voice, random: np.random.Generator) -> np.ndarray:
    """Groups of words between pauses, each in the manner of its own moment."""
    pieces, samples = [], 0
    while samples < SECONDS * SAMPLE_RATE:
        now = samples / SAMPLE_RATE + 0.5  # about the middle of a group
        aroused, pleased = float(_at(arousal, now)), float(_at(valence, now))
        manner = _manner(aroused, pleased).vary(random, 0.3)
        words = _words(pleased, random)
        pause = random.uniform(*PAUSE) * sum(map(len, words))
        segments, _ = plan_words(words, manner.rate, [pause / 2, *[0.0] * (len(words) - 1), pause / 2])
        pieces.append(_stressed(speak(segments, voice, manner, random), STRESS[0] + STRESS[1] * aroused, random))
        samples += len(pieces[-1])
    return np.concatenate(pieces)[: SECONDS * SAMPLE_RATE]


def _words(valence: float, random: np.random.Generator) -> list[str]:
    """The phones of some successive words: one to five, the fewer the higher the valence."""
    count = int(np.clip(round(GROUP[0] + GROUP[1] * valence + random.uniform(-0.5, 0.5)), 1, 5))
    sentence = SENTENCES[random.integers(len(SENTENCES))].split()
    first = random.integers(max(len(sentence) - count + 1, 1))
    return [LEXICON[word] for word in sentence[first : first + count]]


def _stressed(signal: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    """Make a signal louder and quieter by so many dB (standard deviation), with the same mean in dB."""
    knots = max(4, round(len(signal) / SAMPLE_RATE / STRESSED))
    gain = np.where(np.arange(knots) % 2, -1.0, 1.0) * random.uniform(0.7, 1.3, knots)
    gain = (gain - gain.mean()) * max(deviation, 0.5) / gain.std()
    gain = np.interp(np.linspace(0, knots - 1, len(signal)), np.arange(knots), gain)
    return 0.99 * np.tanh(signal * 10 ** (gain / 20) / 0.99)  # the limit that `speak` has


def _manner(arousal: float, valence: float) -> Manner:
    """What of an emotion can be heard in a single frame: a little of level, pitch, brightness and spread lips."""
    return Manner(
        pitch=1.0 * arousal + 0.5 * valence,
        pitch_range=max(0.5, 2.0 + 0.5 * arousal + 0.5 * valence),
        level=1.5 * arousal,
        tilt=0.6 * arousal,
        smile=0.02 * valence,
    )


def _ratings(emotion: np.ndarray, dimension: str, seed: int, random: np.random.Generator) -> np.ndarray:
    """What the six raters write down, (frames, 6), two decimals."""
    habits = np.random.default_rng([seed, zlib.crc32(dimension.encode())])  # a rater's own, in all recordings
    lag, bias = habits.uniform(-0.8, 0.8, len(RATERS)), habits.normal(0, 0.08, len(RATERS))
    scale = SCALE * habits.uniform(0.7, 1.3, len(RATERS))
    time = STEP * np.arange(_rows())
    noise = np.stack([_trajectory(0.25, random)[-len(time) :] for _ in RATERS], axis=1)
    heard = np.stack([_at(emotion, time - DELAY - late) for late in lag], axis=1)
    return np.round(np.clip(bias + scale * heard + NOISE[dimension] * noise, -1, 1), 2)


def _write_labels(root: Path, dimension: str, name: str, ratings: np.ndarray) -> None:
    rows: list[str] = [";".join(["time", *RATERS])]
    rows += [f"{STEP * row:.2f};" + ";".join(f"{value:.2f}" for value in values) for row, values in enumerate(ratings)]
    path = root / "ratings_individual" / dimension / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")
    path = root / "ratings_gold_standard" / dimension / f"{name}.arff"
    path.parent.mkdir(parents=True, exist_ok=True)
    trajectories.write_arff(path, trajectories.gold_standard(ratings))
