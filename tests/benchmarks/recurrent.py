"""How long a training step of serkit's recurrent layers takes beside the ways that Keras has for its LSTM.

Run as ``python tests/benchmarks/recurrent.py [quick|paper|long]``: the sizes of the quick profile (8 utterances of 200
frames of 36 values, 32 units), of tao2018 (32 of 450 of 256, 128 units), or of khorram2017's baseline (one recording of
7500 frames of 160, 64 units); all of them without an argument. Both directions, with a mask. Steps of the models
alternate, so that other work on the machine falls on all of them alike; of each round the ratio to the fastest stock
way is taken, and of the rounds the median. Seconds of the first step tell what tracing and compiling cost.

``KERAS_BACKEND=jax python tests/benchmarks/recurrent.py`` measures JAX.
"""

import sys
import time

import keras
import numpy as np

from serkit import training
from serkit.layers import LSTM, AdvancedLSTM

SIZES = {"quick": (8, 200, 36, 32), "paper": (32, 450, 256, 128), "long": (1, 7500, 160, 64)}
ROUNDS = 12
WANTED = 1.0


def network(layer: keras.layers.Layer, features: int, compiled: bool | str) -> keras.Model:
    """The layer in both directions, the mean over time, and four classes."""
    inputs, valid = keras.Input((None, features)), keras.Input((None,), dtype="bool")
    hidden = keras.layers.Bidirectional(layer)(inputs, mask=valid)
    pooled = keras.layers.GlobalAveragePooling1D()(hidden, mask=valid)
    model = keras.Model([inputs, valid], keras.layers.Dense(4)(pooled))
    model.compile("adam", loss="mse", jit_compile=compiled)
    return model


def compare(name: str) -> float:
    """Print seconds a step of each way at one size; return the advanced LSTMs' greater ratio to the best stock way."""
    batch, frames, features, units = SIZES[name]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, frames, features)).astype("float32")
    valid = np.arange(frames) < rng.integers(frames // 2, frames + 1, (batch, 1))
    data = [x, valid], rng.standard_normal((batch, 4)).astype("float32")
    settings = {"units": units, "return_sequences": True}
    on_tensorflow = keras.backend.backend() == "tensorflow"
    stock = {"Keras' LSTM": network(keras.layers.LSTM(**settings), features, not on_tensorflow)}
    if on_tensorflow and name != "long":  # XLA unrolls nothing, yet takes minutes for so many frames
        stock["Keras' LSTM, XLA"] = network(keras.layers.LSTM(**settings), features, True)
    ours = {
        "LSTM": network(LSTM(**settings), features, not on_tensorflow),
        "AdvancedLSTM, mean": network(AdvancedLSTM(**settings, combination="mean"), features, not on_tensorflow),
        "AdvancedLSTM": network(AdvancedLSTM(**settings), features, not on_tensorflow),
    }
    models = stock | ours
    first = [_seconds(model, data) for model in models.values()]
    times = np.array([[_seconds(model, data) for model in models.values()] for _ in range(ROUNDS)])[1:]
    best = np.median(times[:, : len(stock)], axis=0).argmin()
    ratios = dict(zip(models, np.median(times / times[:, [best]], axis=0), strict=True))
    for model, seconds, begun in zip(models, np.median(times, axis=0), first, strict=True):
        print(f"{name:6s} {model:20s} {1000 * seconds:7.0f} ms, ratio {ratios[model]:.2f}; first step {begun:5.1f} s")
    return max(ratios["AdvancedLSTM, mean"], ratios["AdvancedLSTM"])


def _seconds(model: keras.Model, data: tuple) -> float:
    began = time.perf_counter()
    model.train_on_batch(*data)
    return time.perf_counter() - began


if __name__ == "__main__":
    threads = training.limit_threads()
    keras.utils.set_random_seed(0)
    print(f"{keras.backend.backend()}, Keras {keras.__version__}, Python {sys.version.split()[0]}, {threads} threads")
    chosen = sys.argv[1:] or list(SIZES)
    slowest = {name: compare(name) for name in chosen}
    if keras.backend.backend() == "tensorflow" and max(slowest.values()) > WANTED:
        raise SystemExit(f"slower than {WANTED} x the best stock way: {slowest}")
