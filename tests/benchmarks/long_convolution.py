"""One filter of many frames over whole recordings: `LongConv1D` against ``keras.layers.Conv1D``, a training step each.

    python tests/benchmarks/long_convolution.py

Prints milliseconds a step and how many times as fast ours is, for filters of 16, 256 and 1024 frames.
"""

import keras
import numpy as np

from serkit import training
from serkit.layers import LongConv1D

FRAMES, DIMS = 1500, 40


def step(layer, length: int) -> float:
    """Seconds a step of one filter over one recording."""
    inputs = keras.Input((FRAMES, DIMS))
    network = keras.Model(inputs, layer(1, length, padding="same")(inputs))
    network.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    batch = rng.normal(size=(1, FRAMES, DIMS)).astype("float32"), rng.normal(size=(1, FRAMES, 1)).astype("float32")
    return float(np.median(training.step_seconds([network], *batch)))


for length in (16, 256, 1024):
    ours, theirs = step(LongConv1D, length), step(keras.layers.Conv1D, length)
    print(
        f"{length:5d} frames: LongConv1D {1000 * ours:7.1f} ms, Conv1D {1000 * theirs:7.1f} ms, {theirs / ours:.1f} x"
    )
