"""How long a training step of `AdvancedLSTM` takes beside `keras.layers.LSTM`, at the sizes of tao2018.

Run as ``python tests/benchmarks/recurrent.py``. Both directions, 32 utterances of 450 frames of 256 values, 128 units.
Steps of the models alternate, so that other work on the machine falls on all of them alike; of each pair of steps the
ratio is taken, and of the ratios the median: of the time that passed, and of the processors' time.
"""

import sys
import time

import keras
import numpy as np

from serkit.layers import AdvancedLSTM

BATCH, FRAMES, FEATURES, UNITS = 32, 450, 256, 128
STEPS, WANTED = 15, 1.15


def network(layer: keras.layers.Layer, masked: bool) -> keras.Model:
    """The layer in both directions, the mean over time, and four classes."""
    inputs = keras.Input((FRAMES, FEATURES))
    hidden = keras.layers.Masking(0.0)(inputs) if masked else inputs
    hidden = keras.layers.Bidirectional(layer)(hidden)
    outputs = keras.layers.Dense(4)(keras.layers.GlobalAveragePooling1D()(hidden))
    model = keras.Model(inputs, outputs)
    model.compile("adam", loss="mse")
    return model


def compare(masked: bool) -> float:
    """Print the time of a training step of each layer beside the plain LSTM's; return the advanced LSTM's ratio."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, FRAMES, FEATURES)).astype("float32")
    if masked:
        lengths = rng.integers(FRAMES // 4, FRAMES, size=(BATCH, 1))
        x *= (np.arange(FRAMES) < lengths)[..., None]
    data = keras.ops.convert_to_tensor(x), keras.ops.convert_to_tensor(rng.standard_normal((BATCH, 4)))
    models = {
        "LSTM": network(keras.layers.LSTM(UNITS, return_sequences=True), masked),
        "AdvancedLSTM, mean": network(AdvancedLSTM(UNITS, combination="mean", return_sequences=True), masked),
        "AdvancedLSTM": network(AdvancedLSTM(UNITS, return_sequences=True), masked),
    }
    times = np.array([[_step(model, data) for model in models.values()] for _ in range(STEPS)])[2:]
    ratios = np.median(times / times[:, :1], axis=0)  # (models, 2)
    for name, seconds, ratio in zip(models, np.median(times[..., 0], axis=0), ratios, strict=True):
        padding = "with a mask" if masked else "without a mask"
        print(f"{name:20s} {padding:14s} {seconds:.3f} s, ratio {ratio[0]:.2f}; processor time, ratio {ratio[1]:.2f}")
    return ratios[-1, 0]


def _step(model: keras.Model, data: tuple) -> tuple[float, float]:
    """Seconds that passed, and seconds of all processors."""
    began = time.perf_counter(), time.process_time()
    model.train_on_batch(*data)
    return time.perf_counter() - began[0], time.process_time() - began[1]


if __name__ == "__main__":
    print(f"{keras.backend.backend()}, Keras {keras.__version__}, Python {sys.version.split()[0]}")
    slowest = max(compare(masked=False), compare(masked=True))
    if keras.backend.backend() == "tensorflow" and slowest > WANTED:
        raise SystemExit(f"slower than {WANTED} x the plain LSTM")
