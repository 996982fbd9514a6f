"""How long an epoch of khorram2017's dilated network takes: 27 recordings of 300 s, 7500 frames of 160 values each.

Run as ``python tests/benchmarks/dilated.py [epochs]``. It is trained as the notebook trains it: ten layers of 32
filters of 3 frames, one recording a step, `batches.Recordings` and `training.fit`. Beside it stand the matrix products
that any way of computing it needs (forward, and backward for weights and inputs), bare on one thread, and 60 products
of 1500 x 1500, by which machines can be told apart: 1.0 s an epoch is asked of one that takes 3.4 s for these.

Keras' own convolution stays, since nothing did better: weights times shifted inputs, one product of inputs side by
side, one product whose results are shifted, and a dilation folded into the batch by hand took 1.0 to 2.8 times as long,
and XLA as long.
"""

import sys
import time

import keras
import numpy as np

from serkit import losses, training
from serkit.batches import Recordings

RECORDINGS, FRAMES, DIMS, WIDTH, KERNEL, DEPTH = 27, 7500, 160, 32, 3, 10
WANTED, REFERENCE = 1.0, 3.4  # seconds an epoch, on a machine of so many seconds for 60 products


def network() -> keras.Model:
    """As in the notebook, with the paper's values."""
    inputs = x = keras.Input((None, DIMS))
    for layer in range(DEPTH):
        x = keras.layers.Conv1D(WIDTH, KERNEL, padding="same", activation="relu", dilation_rate=2**layer)(x)
    model = keras.Model(inputs, keras.layers.Conv1D(1, 1)(x))
    model.compile(keras.optimizers.Adam(0.001), losses.CCCLoss(), metrics=[losses.ccc_loss])
    return model


def seconds_of_bare_products(rng: np.random.Generator) -> float:
    """Of all products of an epoch."""
    outputs = rng.standard_normal((FRAMES, WIDTH)).astype("float32")
    wide, narrow = (rng.standard_normal((FRAMES, KERNEL * dims)).astype("float32") for dims in (DIMS, WIDTH))
    first, other = (rng.standard_normal((KERNEL * dims, WIDTH)).astype("float32") for dims in (DIMS, WIDTH))
    began = time.perf_counter()
    wide @ first, wide.T @ outputs
    for _ in range(DEPTH - 1):
        narrow @ other, narrow.T @ outputs, outputs @ other.T
    return RECORDINGS * (time.perf_counter() - began)


def seconds_of_60_products(rng: np.random.Generator) -> float:
    """Of 1500 x 1500 float32, from six of them."""
    matrix = rng.standard_normal((1500, 1500)).astype("float32")
    began = time.perf_counter()
    for _ in range(6):
        matrix @ matrix
    return 10 * (time.perf_counter() - began)


def main(epochs: int = 8) -> None:
    """Print medians over epochs; exit with 1 where one takes longer than is asked of this machine."""
    training.limit_threads()
    training.seed_everything(0)
    rng = np.random.default_rng(0)
    names = [f"recording {number}" for number in range(RECORDINGS)]
    inputs = {name: rng.standard_normal((FRAMES, DIMS)).astype("float32") for name in names}
    targets = {name: rng.standard_normal(FRAMES).astype("float32") for name in names}
    batches = Recordings(inputs.__getitem__, names, targets, seed=0)
    bare, products = [], []

    class Between(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
            bare.append(seconds_of_bare_products(rng))
            products.append(seconds_of_60_products(rng))
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):  # noqa: ARG002
            taken.append(time.perf_counter() - self.began)

    taken = []
    training.fit(network(), batches, epochs + 1, callbacks=[Between()])
    taken, bare, products = np.array(taken[1:]), np.array(bare[1:]), np.array(products[1:])  # the first one compiles
    scaled = np.median(taken / products) * REFERENCE
    print(f"an epoch {np.median(taken):.2f} s (least {taken.min():.2f}); its products alone {np.median(bare):.2f} s")
    print(f"60 products {np.median(products):.1f} s; where they take {REFERENCE} s, an epoch takes {scaled:.2f} s")
    if scaled > WANTED:
        raise SystemExit(f"more than {WANTED} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
