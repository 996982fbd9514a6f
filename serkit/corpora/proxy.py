"""A proxy of continuous emotion in real speech, made of RAVDESS: nothing in it was ever rated over time.

No corpus of natural speech with continuous labels can be had without an agreement. RAVDESS can, and its actors were
asked for an emotion, normal or strong. Here the utterances of each actor are joined to one recording, in an order in
which the emotion moves slowly, and that emotion is written down as arousal and valence, smoothed, and as late as raters
are.
So the speech is real, but acted and cut; the labels are the actor's task, not what anybody heard; the delay is exactly
known, because it was added. Say "proxy, delay added" wherever a result on it is shown.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from serkit import audio, corpora, files, progress, splits
from serkit.corpora.checks import require_own_folder

NOTE = "proxy, delay added"
MARKER = "SERKIT_PROXY.json"
MANIFEST = "recordings.csv"
SAMPLE_RATE = 16000  # Hz
STEP = 0.04  # seconds between two values, as in RECOLA
DELAY = 3.0  # seconds by which the labels follow the speech
SMOOTH = 1.0  # seconds, standard deviation of the bell that smooths the labels
QUIET = 40.0  # dB under the loudest moment: what is cut from both ends of an utterance
SLOW = 2.0  # utterances, standard deviation of the bell that smooths the walk
# Arousal and valence of a strongly acted emotion, in [-1, 1]: our reading of the circumplex (Russell 1980).
CIRCUMPLEX = {
    "neutral": (0.0, 0.0), "calm": (-0.6, 0.4), "happy": (0.6, 0.8), "sad": (-0.5, -0.7), "angry": (0.8, -0.6),
    "fearful": (0.6, -0.7), "disgusted": (0.2, -0.8), "surprised": (0.8, 0.3),
}  # fmt: skip
INTENSITY = {"normal": 0.5, "strong": 1.0}


def ravdess_trajectories(ravdess_root: Path | str, directory: Path | str, seed: int = 0, strict: bool = True) -> Path:
    """Write a `continuous` corpus made of RAVDESS: one recording an actor, 16 to train on, 4 and 4 to develop and test.

    Args:
        ravdess_root: the copy of RAVDESS.
        directory: the folder to write; one that was written so before is replaced.
        seed: of the walks and of who is in which partition; the same seed gives the same files.
        strict: refuse a copy of RAVDESS that fails its check; without it a sixth of the women and of the men, at least
            one each, develop, and as many test.

    Returns:
        The CSV file of recordings: ``corpora.load("continuous", ravdess_trajectories(...))``. Beside it, utterances.csv
        says which utterance is where.

    Raises:
        SerkitError: no or no whole copy of RAVDESS, fewer than three women or men, or `directory` holds something else.
    """
    directory = Path(directory).expanduser().resolve()
    require_own_folder(directory, MARKER, "proxy")
    ravdess = corpora.load("ravdess", ravdess_root, strict)
    table = splits.deal_partition(ravdess.utterances, seed=seed)
    rows, placed = [], []
    with files.atomic(directory) as temporary:
        for folder in ("audio", "labels"):
            (temporary / folder).mkdir(parents=True)
        for number, (actor, group) in enumerate(progress.track(list(table.groupby("speaker")), "joining utterances")):
            part = _ordered(group, np.random.default_rng([seed, number]))
            pieces = [_speech(path) for path in part["path"]]
            ends = np.cumsum([len(piece) for piece in pieces]) / SAMPLE_RATE
            emotion = part[["arousal", "valence"]].to_numpy()
            audio.write(temporary / "audio" / f"{actor}.wav", np.concatenate(pieces), SAMPLE_RATE)
            labels = pd.DataFrame(_labels_of(emotion, ends), columns=["arousal", "valence"])
            labels.insert(0, "time", [f"{STEP * row:.2f}" for row in range(len(labels))])
            labels.to_csv(temporary / "labels" / f"{actor}.csv", index=False, float_format="%.4f", lineterminator="\n")
            first = part.iloc[0]
            rows.append(
                (actor, f"audio/{actor}.wav", f"labels/{actor}.csv", first["partition"], actor, first["gender"], NOTE)
            )
            place = {"recording": actor, "start": np.r_[0, ends[:-1]].round(4), "end": ends.round(4)}
            placed.append(part[["id", "label", "intensity", "arousal", "valence"]].assign(**place))
        columns = ["id", "path", "annotation", "partition", "speaker", "gender", "note"]
        files.write_csv(temporary / MANIFEST, pd.DataFrame(rows, columns=columns))
        files.write_csv(temporary / "utterances.csv", pd.concat(placed))
        facts = {"note": NOTE, "source": ravdess.title, "licence": ravdess.licence, "seed": seed, "delay": DELAY}
        files.write_json(temporary / MARKER, facts)
    return directory / MANIFEST


def _ordered(utterances: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Order utterances along a smooth random walk through the plane of arousal and valence.

    Each place of the walk gets one utterance, so that the squares of all distances have the least sum.

    Args:
        utterances: with columns label and intensity.
        rng: of the walk, and of the order of utterances with the same emotion.

    Returns:
        The rows in their new order, with columns arousal and valence.
    """
    table = utterances.sample(frac=1, random_state=rng)
    scale = table["intensity"].map(INTENSITY).to_numpy()[:, None]
    emotion = scale * np.array([CIRCUMPLEX[label] for label in table["label"]])  # (utterances, 2)
    walk = gaussian_filter1d(rng.normal(size=emotion.shape), SLOW, axis=0)
    walk = (walk - walk.mean(axis=0)) / np.maximum(walk.std(axis=0), 1e-9)
    walk = emotion.mean(axis=0) + emotion.std(axis=0) * walk
    _, chosen = linear_sum_assignment(cdist(walk, emotion, "sqeuclidean"))
    return table.assign(arousal=emotion[:, 0], valence=emotion[:, 1]).iloc[chosen].reset_index(drop=True)


def _labels_of(emotion: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """One value a step: the emotion of the utterance that is heard, smoothed by a bell, and late by the delay.

    Args:
        emotion: of each utterance, shape (utterances, dimensions).
        ends: when each utterance ends, in seconds, shape (utterances,).

    Returns:
        Shape (frames, dimensions); before the first utterance was heard, its own emotion.
    """
    frames = int(ends[-1] / STEP + 1e-6) + 1
    heard = np.searchsorted(ends, STEP * np.arange(frames), side="right")
    smooth = gaussian_filter1d(emotion[np.minimum(heard, len(ends) - 1)], SMOOTH / STEP, axis=0, mode="nearest")
    return smooth[np.maximum(np.arange(frames) - round(DELAY / STEP), 0)]


def _speech(path: str) -> np.ndarray:
    return audio.trim(audio.read(path, SAMPLE_RATE)[0], SAMPLE_RATE, QUIET)
