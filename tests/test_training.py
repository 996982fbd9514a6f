"""Seeds, schedules, PyTorch's defaults and the stop at NaN."""

import keras
import numpy as np
import pytest

from serkit import training
from serkit.errors import SerkitError


def small_model(decay=0.0):
    kernel, normalisation = training.pytorch_defaults(decay)
    inputs = keras.Input((3,))
    hidden = keras.layers.BatchNormalization(**normalisation)(keras.layers.Dense(4, **kernel)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1, **kernel)(keras.layers.Dropout(0.3)(hidden)))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "mse")
    return model


@pytest.fixture
def data(random):
    return random.normal(size=(40, 3)).astype("float32"), random.normal(size=(40, 1)).astype("float32")


def test_one_seed_fixes_everything(data):
    weights = []
    for seed in (1, 1, 2):
        training.seed_everything(seed)
        model = small_model()
        training.fit(model, data[0], 3, y=data[1], batch_size=8)
        weights.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.allclose(weights[0], weights[2])


def test_the_schedule_reaches_the_optimiser(data):
    seen = []
    watch = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: seen.append(float(model.optimizer.learning_rate)))
    model = small_model()
    history = training.fit(model, data[0], 4, [0.1, 0.01, 0.01, 0.001], [watch], y=data[1])
    np.testing.assert_allclose(seen, [0.1, 0.01, 0.01, 0.001], rtol=1e-6)
    assert history["epoch"].tolist() == [1, 2, 3, 4]
    assert {"loss", "seconds"} <= set(history.columns)
    assert history["seconds"].is_monotonic_increasing


def test_drops_keep_their_shape_in_shorter_trainings():
    assert np.round(training.step_schedule(1.0, 10, [0.4, 0.6, 0.8]), 6).tolist() == [
        *[1.0] * 4, *[0.1] * 2, *[0.01] * 2, *[0.001] * 2,
    ]  # fmt: skip


def test_weight_decay_is_added_to_the_gradient_before_momentum(data):
    """One SGD step of PyTorch on every weight: w - rate (gradient + decay w), with Nesterov's (1 + momentum)."""
    decay, rate, momentum = 0.5, 0.1, 0.9
    steps = []
    for used in (0.0, decay):
        training.seed_everything(3)
        kernel, normalisation = training.pytorch_defaults(used)
        model = keras.Sequential(
            [keras.Input((3,)), keras.layers.Dense(2, **kernel), keras.layers.BatchNormalization(**normalisation)]
        )
        before = model.get_weights()
        model.compile(keras.optimizers.SGD(rate, momentum=momentum, nesterov=True), "mse")
        model.fit(data[0], np.zeros((40, 2), "float32"), batch_size=40, epochs=1, verbose=0)
        steps.append([after - start for start, after in zip(before, model.get_weights(), strict=True)])
    for number in range(4):  # kernel, bias, gamma, beta
        expected = -rate * (1 + momentum) * decay * before[number]
        np.testing.assert_allclose(steps[1][number] - steps[0][number], expected, atol=1e-6)


def test_kernels_start_as_in_pytorch():
    kernel, _ = training.pytorch_defaults()
    values = keras.ops.convert_to_numpy(keras.initializers.get(kernel["kernel_initializer"])((3, 3, 50, 400)))
    assert values.var() == pytest.approx(1 / (3 * 450), rel=0.02)
    assert np.abs(values).max() <= 1 / np.sqrt(450)


def test_a_nan_stops_training_and_is_placed(data):
    x = data[0].copy()
    x[0, 0] = np.nan
    with pytest.raises(SerkitError, match=r"the loss is nan in epoch 1, step \d"):
        training.fit(small_model(), x, 2, y=data[1], batch_size=8)


def test_scores_are_averaged_by_utterance():
    names, means = training.average_scores(["b", "a", "b"], np.array([[1.0, 0.0], [0.2, 0.8], [0.0, 1.0]]))
    assert names.tolist() == ["a", "b"]
    np.testing.assert_allclose(means, [[0.2, 0.8], [0.5, 0.5]])
