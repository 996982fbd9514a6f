"""Looking at trained networks: predictions of whole recordings, averages over pieces, attention."""

import keras
import numpy as np
import pandas as pd


def average_scores(ids, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Average the scores of an utterance's pieces (li2018, 2.1).

    Args:
        ids: the utterance of each piece, length P.
        scores: shape (P, classes).

    Returns:
        Utterance ids, sorted, length U; their mean scores, shape (U, classes).
    """
    names, numbers = np.unique(np.asarray(ids), return_inverse=True)
    sums = np.zeros((len(names), scores.shape[1]), np.float64)
    np.add.at(sums, numbers, scores)
    return names, sums / np.bincount(numbers)[:, None]


def predict_recordings(model: keras.Model, recordings) -> dict[str, np.ndarray]:
    """Predict each recording whole: id -> (T,).

    Args:
        model: (1, T, dims) -> (1, T, 1).
        recordings: `serkit.batches.Recordings`; targets are not looked at.
    """
    return {name: model.predict_on_batch(recordings.read(name)[None])[0, :, 0] for name in recordings.ids}


def attention_of(model: keras.Model, sequences, below: str = "recurrent", pooling: str = "pooling") -> dict:
    """Look into a `serkit.layers.WeightedPooling`: what it pools, and with which weights.

    Args:
        model: functional, with inputs "frames" and "valid".
        sequences: `serkit.batches.Sequences`; targets are not looked at.
        below: name of the layer whose output is pooled.
        pooling: name of the pooling layer.

    Returns:
        id -> ((T, dims), (T,)), T the utterance's frames.
    """
    from serkit.layers import WeightedPooling

    hidden, looking = model.get_layer(below).output, WeightedPooling(return_weights=True)
    inside = keras.Model(model.input, [hidden, looking(hidden, mask=model.input["valid"])[1]])
    looking.set_weights(model.get_layer(pooling).get_weights())
    attended = {}
    for number, chosen in enumerate(sequences.batches):
        batch = sequences[number]
        states, weights = inside.predict_on_batch(batch if sequences.targets is None else batch[0])
        for row, place in enumerate(chosen):
            frames = sequences.frames[place]
            attended[sequences.ids[place]] = states[row, :frames], weights[row, :frames]
    return attended


def quiet_frames(power: np.ndarray, below: float = 30.0) -> np.ndarray:
    """Frames that count as pauses: those at least `below` dB under the loudest frame of their utterance.

    Args:
        power: mean square of each frame's samples, shape (frames,).
        below: in dB.

    Returns:
        Booleans, shape (frames,).
    """
    power = np.asarray(power)
    return power <= power.max() * 10 ** (-below / 10)


def attention_in_pauses(attended: dict, quiet: dict, utterances: pd.DataFrame, hop: float) -> pd.DataFrame:
    """How much of the attention falls on pauses, an utterance at a time.

    Args:
        attended: id -> (what is pooled, weights (frames,)), as `attention_of` gives it.
        quiet: id -> booleans (frames,), as `quiet_frames` gives them.
        utterances: a corpus table with columns id and label.
        hop: seconds between frames.

    Returns:
        Indexed by id: label, seconds, pauses (share of the frames) and attention_in_pauses (share of the weight); then
        the same for ends, the pauses before the first and after the last frame that is not quiet. What is left of the
        pauses lies inside the sentence.
    """
    label = utterances.set_index("id")["label"]
    rows = {}
    for name, (_, weights) in attended.items():
        loud = np.flatnonzero(~quiet[name])
        ends = np.ones(len(weights), bool)
        ends[loud[0] : loud[-1] + 1] = False
        rows[name] = {
            "label": label[name],
            "seconds": len(weights) * hop,
            "pauses": quiet[name].mean(),
            "attention_in_pauses": weights[quiet[name]].sum(),
            "ends": ends.mean(),
            "attention_in_ends": weights[ends].sum(),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("id")
