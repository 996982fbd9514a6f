"""Runs on every Keras backend: nothing here is particular to one."""

import keras
import numpy as np
import pytest

from serkit.errors import SerkitError
from serkit.losses import CCCLoss, ccc_loss


def ccc(y, p):
    """The definition, in double precision."""
    y, p = np.asarray(y, "float64"), np.asarray(p, "float64")
    covariance = np.mean((y - y.mean()) * (p - p.mean()))
    return 2 * covariance / (y.var() + p.var() + (y.mean() - p.mean()) ** 2)


def recordings(count=200, length=60, seed=0):
    """Labels and predictions of all degrees of agreement, scale and offset."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((count, length))
    p = rng.uniform(-1, 1, (count, 1)) * y + rng.uniform(0, 1, (count, 1)) * rng.standard_normal((count, length))
    scale = 10.0 ** rng.uniform(-1, 1, (count, 1))
    return (scale * y + rng.normal(size=(count, 1))).astype("float32"), (scale * p).astype("float32")


def numpy(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_equals_the_definition_for_each_recording():
    y, p = recordings()
    expected = [1 - ccc(*pair) for pair in zip(y, p, strict=True)]
    assert np.ptp(expected) > 1
    np.testing.assert_allclose(numpy(ccc_loss(y, p)), expected, rtol=0, atol=1e-5)
    assert float(CCCLoss()(y, p)) == pytest.approx(np.mean(expected), abs=1e-5)


def test_equals_the_definition_over_the_batch():
    for seed in range(20):
        y, p = recordings(count=3, seed=seed)
        assert float(ccc_loss(y, p, over="batch")) == pytest.approx(1 - ccc(y, p), abs=1e-5)
        assert float(CCCLoss("batch")(y, p)) == pytest.approx(1 - ccc(y, p), abs=1e-5)


def test_padding_is_left_out():
    y, p = recordings(count=4)
    lengths = [60, 31, 7, 0]
    valid = (np.arange(60) < np.array(lengths)[:, None]).astype("float32")
    y[valid == 0], p[valid == 0] = np.nan, 9
    each = [1 - ccc(y[row, :n], p[row, :n]) for row, n in enumerate(lengths[:3])]
    together = 1 - ccc(y[valid > 0], p[valid > 0])
    for weight in valid, valid[..., None]:
        np.testing.assert_allclose(numpy(ccc_loss(y, p, weight)), [*each, 1], rtol=0, atol=1e-5)
        assert float(CCCLoss()(y, p, sample_weight=weight)) == pytest.approx(np.mean(each), abs=1e-5)
        assert float(CCCLoss("batch")(y, p, sample_weight=weight)) == pytest.approx(together, abs=1e-5)


def test_weights_of_recordings():
    y, p = recordings(count=3)
    losses = numpy(ccc_loss(y, p))
    weighted = float(CCCLoss()(y, p, sample_weight=np.array([1.0, 3.0, 0.0])))
    assert weighted == pytest.approx((losses[0] + 3 * losses[1]) / 4, abs=1e-5)


def test_dimensions_are_averaged():
    y, p = (np.stack(np.split(values, 2), axis=-1) for values in recordings(count=6))
    assert y.shape == (3, 60, 2)
    expected = [1 - np.mean([ccc(y[row, :, d], p[row, :, d]) for d in range(2)]) for row in range(3)]
    np.testing.assert_allclose(numpy(ccc_loss(y, p)), expected, rtol=0, atol=1e-5)
    over_batch = 1 - np.mean([ccc(y[..., d], p[..., d]) for d in range(2)])
    assert float(ccc_loss(y, p, over="batch")) == pytest.approx(over_batch, abs=1e-5)


def test_a_last_axis_of_one_may_be_there_or_not():
    y, p = recordings(count=5)
    for a, b in (y[..., None], p), (y, p[..., None]), (y[..., None], p[..., None]):
        np.testing.assert_array_equal(numpy(ccc_loss(a, b)), numpy(ccc_loss(y, p)))


def test_extremes():
    y = recordings(count=5)[0]
    centred = y - y.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(numpy(ccc_loss(y, y)), 0, atol=1e-5)
    np.testing.assert_allclose(numpy(ccc_loss(centred, -centred)), 2, atol=1e-5)
    np.testing.assert_allclose(numpy(ccc_loss(y, np.full_like(y, 0.3))), 1, atol=1e-5)
    np.testing.assert_allclose(numpy(ccc_loss(np.full_like(y, 0.3), np.full_like(y, 0.3))), 1, atol=1e-5)


def regression():
    """Frame by frame, one value, beginning at a constant prediction."""
    return keras.Sequential([keras.Input((None, 2)), keras.layers.Dense(1, kernel_initializer="zeros")])


@pytest.mark.parametrize("over", ["recording", "batch"])
@pytest.mark.parametrize("label", [0.0, 0.3])
def test_constant_recordings_leave_the_weights_finite(over, label):
    x = np.random.default_rng(0).standard_normal((4, 9, 2)).astype("float32")
    model = regression()
    model.compile(keras.optimizers.SGD(0.1), loss=CCCLoss(over))
    weight = np.ones((4, 9))
    weight[1] = 0
    history = model.fit(x, np.full((4, 9), label), sample_weight=weight, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("loss", [ccc_loss, CCCLoss("batch")], ids=["function", "object"])
def test_training_from_a_constant_prediction_finds_the_labels(loss):
    x = np.random.default_rng(0).standard_normal((8, 30, 2)).astype("float32")
    y = 2 * x[..., 0] - x[..., 1] + 1
    model = regression()
    model.compile(keras.optimizers.Adam(0.2), loss=loss)
    model.fit(np.tile(x, (60, 1, 1)), np.tile(y, (60, 1)), batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(model.get_weights()[0][:, 0], [2, -1], atol=0.1)
    np.testing.assert_allclose(model.get_weights()[1], 1, atol=0.1)


def test_padding_is_left_out_of_training():
    x = np.random.default_rng(0).standard_normal((2, 9, 2)).astype("float32")
    y = x[..., 0]
    valid = np.array([[1] * 9, [1] * 5 + [0] * 4])
    weights = []
    for padding in 0, 5:
        x[valid == 0], y[valid == 0] = padding, -padding
        model = regression()
        model.compile(keras.optimizers.SGD(0.1), loss=CCCLoss())
        model.fit(x, y, sample_weight=valid, verbose=0)
        weights.append(model.get_weights()[0])
    np.testing.assert_allclose(weights[0], weights[1], rtol=0, atol=1e-6)
    assert np.abs(weights[0]).min() > 0


def test_a_compiled_model_can_be_saved(tmp_path):
    model = regression()
    model.compile("sgd", loss=CCCLoss("batch", epsilon=1e-6))
    model.save(tmp_path / "model.keras")
    loss = keras.saving.load_model(tmp_path / "model.keras").loss
    assert loss.get_config() == {"over": "batch", "epsilon": 1e-6, "name": "ccc_loss"}


def test_half_precision_predictions_are_compared_in_single():
    y, p = recordings(count=20)
    y, p = y.astype("float16"), p.astype("float16")
    expected = [1 - ccc(*pair) for pair in zip(y, p, strict=True)]
    np.testing.assert_allclose(numpy(ccc_loss(y, p)), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 9), (2, 8)), r"got labels \(2, 9\) and predictions \(2, 8\)"),
        (((2,), (2,)), r"two equal shapes, \(B, T\) or \(B, T, D\)"),
        (((2, 9), (2, 9), (2, 8)), r"weights of shape \(B,\), \(B, T\) or \(B, T, 1\); got \(2, 8, 1\)"),
        (((2, 9, 2), (2, 9, 2), (2, 9, 2)), "weights of shape"),
    ],
)
def test_shapes_that_do_not_fit_are_errors(shapes, message):
    with pytest.raises(SerkitError, match=message):
        ccc_loss(*[np.zeros(shape, "float32") for shape in shapes])


def test_unknown_over_is_an_error():
    with pytest.raises(SerkitError, match=r"unknown over 'batches'.*valid: batch, recording"):
        CCCLoss("batches")
