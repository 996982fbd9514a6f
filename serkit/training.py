"""Training as the papers did it: seeds, schedules, framework defaults, and a stop at the first NaN."""

import os
import warnings
from typing import Any

import keras
import numpy as np

from serkit import checkpoints, devices, inspection, metrics, planning, progress
from serkit.errors import SerkitError, one_of


def limit_threads() -> int:
    """Compute on the same number of threads everywhere, and return it: 2 (PyTorch: 1), or ``$SERKIT_THREADS``.

    Called before anything is computed; so the memory of a GPU is shared from here on, too (`devices.share_memory`).

    TensorFlow's and BLAS' threads share out the terms of a sum, so that another number of threads gives other last
    digits, which training makes grow. With a fixed number a run gives the same numbers whatever runs beside it, and on
    machines with more or fewer cores. Many runs side by side use many cores; see ``--workers`` and ``--jobs``.

    NumPy's and SciPy's BLAS get one thread: theirs wait for one another without giving up their cores, and two took
    far longer than one as soon as another process had work. So do PyTorch's, where one thread is the default.

    Raises:
        SerkitError: ``$SERKIT_THREADS`` is no whole number of at least 1.
    """
    import threadpoolctl

    threads = devices.threads()
    devices.share_memory()
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # of those that are loaded later
    threadpoolctl.threadpool_limits({"blas": 1, "openmp": threads})
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            try:
                tf.config.threading.set_intra_op_parallelism_threads(threads)
            except RuntimeError:
                warnings.warn(
                    f"TensorFlow computed before serkit could fix its threads at {threads}: the last digits may differ "
                    "from those of other runs. Restart, and begin with serkit",
                    stacklevel=2,
                )
    elif backend == "torch":
        import torch

        torch.set_num_threads(threads)
    return threads


def seed_everything(seed: int) -> None:
    """Fix initialisation, order and dropout: on a processor the same seed on the same machine gives the same numbers.

    On a GPU the order of some sums is left to chance, and last digits differ, unless ``$SERKIT_DETERMINISTIC`` is 1:
    then TensorFlow and PyTorch use slower operations that always give the same. JAX asks for
    ``XLA_FLAGS=--xla_gpu_deterministic_ops=true`` in the environment instead.

    Args:
        seed: of Python, NumPy and the Keras backend.
    """
    keras.utils.set_random_seed(seed)
    backend = keras.backend.backend()
    wanted = not devices.accelerators() or os.environ.get("SERKIT_DETERMINISTIC") == "1"
    if backend == "tensorflow":
        import tensorflow as tf

        if wanted:
            tf.config.experimental.enable_op_determinism()
        # Each run compiles its own model; TensorFlow takes that for an accident and says so every time.
        tf.get_logger().setLevel("ERROR")
    elif backend == "torch" and wanted:
        import torch

        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # PyTorch asks for it
        torch.use_deterministic_algorithms(True)


def step_schedule(initial: float, epochs: int, after: list[float], factor: float = 0.1) -> list[float]:
    """Learning rate of each epoch: `initial`, times `factor` after each of the given shares of training.

    Shares rather than epochs keep the schedule's shape when somebody trains for fewer epochs.

    Args:
        initial: learning rate of the first epoch.
        epochs: how many there are.
        after: shares of the epochs; li2018's "reducing at the 21, 31 and 41 epochs" of 50 is 0.4, 0.6, 0.8.
        factor: what each drop multiplies by.

    Returns:
        One rate an epoch.

    >>> rates = step_schedule(0.05, 50, [0.4, 0.6, 0.8])
    >>> [round(rates[epoch], 7) for epoch in (19, 20, 29, 30, 39, 40)]
    [0.05, 0.005, 0.005, 0.0005, 0.0005, 5e-05]
    """
    drops = [round(share * epochs) for share in after]
    return [initial * factor ** sum(epoch >= drop for drop in drops) for epoch in range(epochs)]


def pytorch_defaults(weight_decay: float = 0.0, fan_in: int | None = None, gamma: str = "ones") -> tuple[dict, dict]:
    """What PyTorch does unasked, as Keras arguments, for papers that were run on it.

    * Kernels are drawn uniformly with variance 1 / (3 fan-in) (``reset_parameters``: Kaiming uniform, a = sqrt 5).
    * Biases are drawn uniformly within 1 / sqrt(fan-in). Keras tells an initialiser the bias' own shape only, so this
      needs `fan_in`.
    * Batch normalisation keeps 0.9 of its moving statistics a step (PyTorch's momentum 0.1) with epsilon
      1e-5. Keras' own 0.99 and 1e-3 need hundreds of steps before testing means anything.
    * Weight decay is added to the gradient, before momentum, for every weight, biases and batch
      normalisation included: an L2 penalty of half the value. Keras' ``weight_decay`` is another thing.

    * Until October 2018 (before 1.0; PyTorch issue 12259, mended by its pull request 12325) batch normalisation drew
      its gamma from U(0, 1): the papers of that year were trained so.

    Args:
        weight_decay: PyTorch's ``weight_decay``.
        fan_in: values that each unit of the layer sees (kernel height x width x channels); None leaves biases at 0.
        gamma: "ones", or "uniform" as before version 1.0.

    Raises:
        SerkitError: `gamma` is neither.

    Returns:
        Arguments for a layer with a kernel, and arguments for ``BatchNormalization``.
    """
    penalty = keras.regularizers.L2(weight_decay / 2) if weight_decay else None
    kernel = {
        "kernel_initializer": keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform"),
        "kernel_regularizer": penalty,
        "bias_regularizer": penalty,
    }
    if fan_in:
        kernel["bias_initializer"] = keras.initializers.RandomUniform(-(fan_in**-0.5), fan_in**-0.5)
    normalisation = {
        "momentum": 0.9,
        "epsilon": 1e-5,
        "beta_regularizer": penalty,
        "gamma_regularizer": penalty,
    }
    if one_of(gamma, ("ones", "uniform"), "initial gamma") == "uniform":
        normalisation["gamma_initializer"] = keras.initializers.RandomUniform(0, 1)
    return kernel, normalisation


class _StopOnNaN(keras.callbacks.Callback):
    """Stop with an error, naming epoch and step, as soon as the loss is not a finite number."""

    def on_train_begin(self, logs=None):  # noqa: ARG002
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs: Any = None):
        if not np.isfinite(logs["loss"]):
            raise SerkitError(
                f"the loss is {logs['loss']} in epoch {self.epoch + 1}, step {batch + 1}: look for extreme feature "
                "values, or lower the learning rate"
            )


class StopBelowBest(keras.callbacks.Callback):
    """Stop when a measure has been lower than its highest value for some epochs in a row (tao2018, 5).

    An epoch that equals the highest value is not lower: it begins the count anew. (``keras.callbacks.EarlyStopping``
    counts such an epoch.)

    Args:
        monitor: a measure where more is better, such as "val_accuracy".
        patience: how many epochs in a row.
        restore: end with the weights of the last epoch that had the highest value; False keeps the very last ones.

    Attributes:
        best_epoch: the last epoch, from 1, that had the highest value; the network ends with it if `restore` is set.

    Raises:
        SerkitError: there is no such measure.
    """

    def __init__(self, monitor: str, patience: int = 3, restore: bool = True):
        super().__init__()
        self.monitor, self.patience, self.restore = monitor, patience, restore
        self.best_epoch = 0

    def on_train_begin(self, logs=None):  # noqa: ARG002, D102
        self.highest, self.below, self.weights = -np.inf, 0, None

    def on_epoch_end(self, epoch, logs: Any = None):  # noqa: D102
        value = logs[one_of(self.monitor, logs, "measure to stop by")]
        self.below = self.below + 1 if value < self.highest else 0
        if value >= self.highest:
            self.highest, self.best_epoch = value, epoch + 1
            self.weights = self.model.get_weights() if self.restore else None
        if self.below == self.patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):  # noqa: ARG002, D102
        if self.weights is not None:
            self.model.set_weights(self.weights)


class DevelopmentCCC(keras.callbacks.Callback):
    """Add the CCC of the development recordings to each epoch's measures, as "dev_ccc" (khorram2017, 6.1).

    It is pooled: taken once over all recordings, one after the other. A callback that stops by it, such as
    `StopBelowBest`, comes after this one.

    Args:
        recordings: `serkit.batches.Recordings` with targets.
    """

    def __init__(self, recordings):
        super().__init__()
        self.recordings = recordings

    def on_epoch_end(self, epoch, logs: Any = None):  # noqa: ARG002, D102
        predicted = inspection.predict_recordings(self.model, self.recordings)
        true = [self.recordings.targets[name] for name in predicted]
        logs["dev_ccc"] = metrics.ccc(np.concatenate(true), np.concatenate(list(predicted.values())))


class _ShowEpochs(keras.callbacks.Callback):
    """Tell the progress display which epoch is running."""

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        progress.detail(f"epoch {epoch + 1}/{self.params['epochs']}")


class _Few(keras.utils.PyDataset):
    """Given batches, the same in every epoch."""

    def __init__(self, batches: list):
        super().__init__()
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int):
        return self.batches[number]


def _pieces(x, options: dict) -> list:
    """Batches of arrays, as ``model.fit`` makes them; what says how is taken out of its options."""
    y, size = options.pop("y"), options.pop("batch_size", None) or 32
    count = len(keras.tree.flatten(y)[0])
    return [
        keras.tree.map_structure(lambda values, first=first: values[first : first + size], (x, y))
        for first in range(0, count, size)
    ]


def fit(model: keras.Model, batches, epochs: int, rates: list[float] | None = None, callbacks=(), **options):
    """``model.fit``, quietly, with a learning-rate schedule, `_StopOnNaN` and `_ShowEpochs`.

    Args:
        model: compiled.
        batches: a ``keras.utils.PyDataset`` or another input of ``fit``.
        epochs: how many.
        rates: learning rate of each epoch; None leaves the optimiser's.
        callbacks: further ones, such as a paper's stopping rule.
        options: passed on to ``model.fit``.

    Returns:
        One row an epoch: epoch (from 1), the losses and metrics, and seconds since the beginning.

    While a plan is made (`serkit.planning`), training is cut short. In a run that was stopped, it goes on where it was
    (`serkit.checkpoints`).

    Raises:
        SerkitError: the loss is not finite.
    """
    import pandas as pd

    every = [_StopOnNaN(), _ShowEpochs(), *callbacks]
    if planning.active():
        trial = planning.trial(_pieces(batches, options) if "y" in options else batches, epochs)
        assert trial is not None  # a plan is made
        updated, validated = trial.updated, trial.validated
        batches, epochs = _Few(trial.batches), planning.EPOCHS
        rates = None if rates is None else rates[:1] * epochs
        every.append(
            keras.callbacks.LambdaCallback(
                on_train_batch_end=lambda *_, **__: updated(), on_epoch_end=lambda *_, **__: validated()
            )
        )
    if rates is not None:
        every.append(keras.callbacks.LearningRateScheduler(lambda epoch, _: rates[epoch]))
    y = options["y"] if "y" in options else batches[0][1] if isinstance(batches, keras.utils.PyDataset) else None
    if y is not None:
        _create_variables(model, y)
    kept = checkpoints.Epochs(model, batches, every)
    if not kept.finished:
        model.fit(batches, epochs=epochs, initial_epoch=kept.epoch, callbacks=[*every, kept], verbose=0, **options)
    table = pd.DataFrame(kept.rows)
    table.insert(0, "epoch", np.arange(1, len(table) + 1))
    return table


def _create_variables(model: keras.Model, y) -> None:
    """Create the variables of optimiser, losses and metrics before the first step; `fit` does so.

    TensorFlow traces a step that creates variables a second time, which with recurrent layers takes seconds.

    Args:
        model: compiled.
        y: targets as ``model.fit`` takes them, one or more.
    """
    true = keras.tree.map_structure(lambda values: keras.ops.convert_to_tensor(values[:1]), y)
    # A length that the network leaves open is that of the targets.
    predicted = [
        keras.ops.zeros([length or target.shape[axis] for axis, length in enumerate(tensor.shape)], tensor.dtype)
        for tensor, target in zip(keras.tree.flatten(model.output), keras.tree.flatten(true), strict=True)
    ]
    predicted = keras.tree.pack_sequence_as(model.output, predicted)
    model.optimizer.build(model.trainable_variables)
    model.compute_loss(y=true, y_pred=predicted)
    model.compute_metrics(None, true, predicted)
    model.reset_metrics()


def step_seconds(networks: list[keras.Model], inputs, targets, rounds: int = 5) -> np.ndarray:
    """Time training steps: a step of each network a round; a first round, which compiles, does not count.

    In turn, other work on the machine falls on all of them, so that the ratios within a round tell more than times do.
    A step changes weights: time networks that are not used afterwards.

    Args:
        networks: compiled.
        inputs: one batch, as ``train_on_batch`` takes it.
        targets: likewise.
        rounds: how many are timed.

    Returns:
        Seconds, (rounds, networks).
    """
    import time

    for network in networks:
        _create_variables(network, targets)
    taken = np.zeros((rounds + 1, len(networks)))
    for one in taken:
        for place, network in enumerate(networks):
            began = time.perf_counter()
            network.train_on_batch(inputs, targets)
            one[place] = time.perf_counter() - began
    return taken[1:]
