"""How long one round of `AlternatingTraining` takes beside the same four updates made by Keras, one model each.

Run as ``python tests/benchmarks/adversarial_step.py [filters kernel height width batch]``, for instance
``OMP_NUM_THREADS=1 python tests/benchmarks/adversarial_step.py 16 6 128 64 64``. Keras' models have the same sizes and
do the same work, but share no weights: noise -> generator -> trunk -> logit with the generator trainable; real images
and noise -> two logits with trunk and `real` trainable; images -> valence; images -> activation. Rounds alternate, so
that other work on the machine falls on both alike; of each pair the ratio is taken, and of the ratios the median.
Operations are deterministic, as `training.seed_everything` makes them for every run of a notebook.
"""

import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

from serkit import training
from serkit.adversarial import AlternatingTraining, _uniform_noise

ROUNDS, NOISE, CLASSES, WANTED = 7, 100, 5, 1.1
TASKS = ("valence", "activation")


def trunk(filters, kernel, shape):
    """Four convolutions of stride 2."""
    x = inputs = keras.Input(shape)
    for number in range(4):
        x = layers.Conv2D(filters * 2**number, kernel, strides=2, padding="same")(x)
        x = layers.BatchNormalization(momentum=0.9)(x) if number else x
        x = layers.LeakyReLU(0.2)(x)
    return keras.Model(inputs, layers.Flatten()(x))


def generator(filters, kernel, shape):
    """The trunk mirrored, from noise."""
    inputs = keras.Input((NOISE,))
    small = (shape[0] // 16, shape[1] // 16, filters * 8)
    x = layers.Reshape(small)(layers.Dense(int(np.prod(small)))(inputs))
    for number in (2, 1, 0):
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2DTranspose(filters * 2**number, kernel, strides=2, padding="same")(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(inputs, layers.Conv2DTranspose(1, kernel, strides=2, padding="same", activation="tanh")(x))


def ends(features, shared=512):
    """`real` and the two heads."""
    inputs = keras.Input((features,))
    real = keras.Model(inputs, layers.Dense(1)(inputs))
    hidden = layers.Dense(shared, activation="relu")(inputs)
    return real, {task: keras.Model(inputs, layers.Dense(CLASSES)(hidden)) for task in TASKS}


def parts(*sizes):
    """New models: trunk, generator, real, heads."""
    convolutions = trunk(*sizes)
    return convolutions, generator(*sizes), *ends(convolutions.output_shape[-1])


def bare(sizes, labelled, targets, unlabelled, noise):
    """The four updates of Keras: functions without arguments."""
    ones, zeros = np.ones((len(noise), 1), np.float32), np.zeros((len(noise), 1), np.float32)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    compiled = []

    def add(model, loss, *data):
        model.compile(keras.optimizers.Adam(1e-4, 0.5), loss)
        data = keras.tree.map_structure(keras.ops.convert_to_tensor, data)
        compiled.append(lambda: model.train_on_batch(*data))

    convolutions, images, real, _ = parts(*sizes)
    convolutions.trainable = real.trainable = False
    add(keras.Model(images.input, real(convolutions(images.output))), entropy, noise, ones)
    convolutions, images, real, _ = parts(*sizes)
    images.trainable = False
    outputs = [real(convolutions(convolutions.input)), real(convolutions(images.output))]
    add(
        keras.Model([convolutions.input, images.input], outputs),
        [entropy, entropy],
        [unlabelled, noise],
        [ones, zeros],
    )
    for task in TASKS:
        convolutions, _, _, heads = parts(*sizes)
        model = keras.Model(convolutions.input, heads[task](convolutions.output))
        add(model, keras.losses.CategoricalCrossentropy(from_logits=True), labelled, targets[task])
    return compiled


def main(filters=8, kernel=4, height=64, width=32, batch=32):
    """Print seconds of a round of both, and their ratio."""
    training.seed_everything(0)
    random, sizes = np.random.default_rng(0), (filters, kernel, (height, width, 1))
    labelled, unlabelled = random.uniform(-1, 1, (2, batch, height, width, 1)).astype(np.float32)
    targets = {task: np.eye(CLASSES, dtype=np.float32)[random.integers(0, CLASSES, batch)] for task in TASKS}
    noise = _uniform_noise(random, batch, NOISE)
    convolutions, images, real, heads = parts(*sizes)
    rounds = AlternatingTraining(convolutions, heads, real, images)
    given = (labelled, targets, unlabelled, noise)
    given = keras.tree.map_structure(keras.ops.convert_to_tensor, given)
    updates = bare(sizes, labelled, targets, unlabelled, noise)
    steps = [lambda: rounds.step(*given), *updates]
    times = np.array([[_seconds(step) for step in steps] for _ in range(ROUNDS + 2)])[2:]  # (rounds, steps, clocks)
    passed, processors = np.median(times[:, 0] / times[:, 1:].sum(axis=1), axis=0)
    each = np.median(times[:, 1:, 0], axis=0)
    each = ", ".join(f"{name} {seconds:.3f}" for name, seconds in zip(rounds.players, each, strict=True))
    print(f"{keras.backend.backend()}, {filters} filters, kernel {kernel}, {height} x {width}, batch {batch}")
    print(f"AlternatingTraining  {np.median(times[:, 0, 0]):.3f} s a round")
    print(f"Keras                {np.median(times[:, 1:, 0].sum(axis=1)):.3f} s ({each})")
    print(f"ratio                {passed:.3f}; of processor time {processors:.3f}  (required: at most {WANTED})")


def _seconds(work):
    """Seconds that passed, and seconds of all processors."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
