"""What does the input pipeline cost? Training steps of CNN_TF_GAP at batch 64 fed from stored features, against the
bare Keras model fed with an array that is already in memory; both in one run, in turns.

python tests/benchmarks/training_step.py [frames between bins: 1 is the paper's 400 x 200]
"""

import os
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pandas as pd

from serkit import audio, training
from serkit.batches import Pieces
from serkit.features import extract, linear_spectrogram
from serkit.features.normalisation import scale
from serkit.features.spectrogram import mulaw

RATE, BATCH, STEPS, ROUNDS = 16000, 64, 4, 5


def cnn_tf_gap(height, width):
    """li2018's baseline with pooling after the second and third convolution."""
    kernel, normalisation = training.pytorch_defaults(1e-4)
    inputs = keras.Input((height, width, 1))
    tall = keras.layers.Conv2D(8, (10, 2), padding="same", **kernel)(inputs)
    wide = keras.layers.Conv2D(8, (2, 8), padding="same", **kernel)(inputs)
    x = keras.layers.Concatenate()([tall, wide])
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(**normalisation)(x))
    for number, filters in ((2, 32), (3, 48), (4, 64), (5, 80)):
        x = keras.layers.Conv2D(filters, 3, padding="same", **kernel)(x)
        x = keras.layers.ReLU()(keras.layers.BatchNormalization(**normalisation)(x))
        if number in (2, 3):
            x = keras.layers.MaxPooling2D(2)(x)
    model = keras.Model(inputs, keras.layers.Dense(4, **kernel)(keras.layers.GlobalAveragePooling2D()(x)))
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def seconds_a_step(model, *data, **options):
    """Seconds a step of one epoch."""
    began = time.perf_counter()
    model.fit(*data, epochs=1, verbose=0, **options)
    return (time.perf_counter() - began) / STEPS


def main(coarse=1):
    """Print seconds a step of both, and their ratio."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "speech.wav")  # noqa: PTH118
        audio.write(path, random.uniform(-0.3, 0.3, RATE * 120), RATE)
        utterances = pd.DataFrame({"id": ["speech"], "path": [path]})
        settings = {"hop": 0.01 * coarse, "resolution": 10.0 * coarse}
        stored = extract(utterances, linear_spectrogram, settings, directory=folder, workers=1)
        width, height = 200 // coarse, 400 // coarse
        count = BATCH * STEPS
        starts = random.integers(0, len(stored["speech"]) - width, count)
        targets = random.integers(0, 4, count)
        pieces = pd.DataFrame({"id": "speech", "start": starts})

        def network_input(batch):
            return mulaw(scale(batch, axes=(1, 2))).swapaxes(1, 2)[..., None]

        batches = Pieces(stored, pieces, width, targets, network_input, BATCH, seed=0)
        inputs = np.concatenate([batches[number][0] for number in range(len(batches))])
        model = cnn_tf_gap(height, width)
        seconds_a_step(model, batches)  # compiles
        fed, bare = [], []
        for _ in range(ROUNDS):
            fed.append(seconds_a_step(model, batches))
            bare.append(seconds_a_step(model, inputs, targets, batch_size=BATCH))
    print(f"{keras.backend.backend()}, input {height} x {width}, batch {BATCH}, {ROUNDS} rounds of {STEPS} steps")
    print(f"from stored features  {np.median(fed):.3f} s a step")
    print(f"array in memory       {np.median(bare):.3f} s a step")
    print(f"ratio                 {np.median(fed) / np.median(bare):.3f}  (required: at most 1.1)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
