"""What every layer of serkit must do, whatever it computes."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np


def check_layer(
    layer_factory: Callable[[], keras.layers.Layer],
    inputs: np.ndarray,
    *,
    weights: int,
    mask: np.ndarray | None = None,
    tolerance: float = 1e-5,
) -> None:
    """Assert that a layer behaves as a Keras layer should, on the backend in use.

    Its symbolic shape is its eager shape; a compiled model gives what the eager call gives; it has as many weights
    as it should; its configuration and a saved model bring it back; what stands in masked frames does not matter; and
    a training step leaves everything finite.

    Args:
        layer_factory: makes a new, unbuilt layer.
        inputs: (batch, ...), float32, at least two rows.
        weights: the number of scalars that the layer should hold, trainable or not.
        mask: bool, the leading axes of `inputs`; false marks padding.
        tolerance: largest absolute difference between outputs that should be equal.
    """
    keras.utils.set_random_seed(0)
    layer = layer_factory()
    expected = _call(layer, inputs, mask)
    assert all(np.isfinite(output).all() for output in expected)
    assert layer.count_params() == weights, f"{layer.count_params()} weights, not {weights}"

    model, features = _model(layer, inputs, mask)
    shapes = [tuple(output.shape) for output in model.outputs]
    assert shapes == [(None, *output.shape[1:]) for output in expected]
    _assert_equal(keras.tree.flatten(model.predict(features, verbose=0)), expected, tolerance)

    _check_configuration(layer)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "layer.keras"
        model.save(path)
        _assert_equal(_arrays(keras.saving.load_model(path)(features)), expected, tolerance)

    if mask is not None:
        _check_mask(layer, inputs, mask, expected, tolerance)

    model.compile("sgd", loss=["mse"] * len(expected))
    targets = [np.zeros_like(output) for output in expected]
    history = model.fit(features, targets if len(targets) > 1 else targets[0], batch_size=len(inputs), verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert all(np.isfinite(weight).all() for weight in layer.get_weights())


def _check_configuration(layer: keras.layers.Layer) -> None:
    json.dumps(keras.saving.serialize_keras_object(layer))
    config = layer.get_config()
    assert type(layer).from_config(config).get_config() == config
    if type(layer).__module__.startswith("serkit"):
        assert keras.saving.get_registered_name(type(layer)) == f"serkit>{type(layer).__name__}"


def _check_mask(
    layer: keras.layers.Layer, inputs: np.ndarray, mask: np.ndarray, expected: list[np.ndarray], tolerance: float
) -> None:
    assert not mask.all(), "a mask that hides nothing shows nothing"
    changed = inputs.copy()
    changed[~mask] = 3.0 - changed[~mask]
    for output, reference in zip(_call(layer, changed, mask), expected, strict=True):
        framewise = output.shape[: mask.ndim] == mask.shape
        _assert_equal([output[mask] if framewise else output], [reference[mask] if framewise else reference], tolerance)


def _call(layer: keras.layers.Layer, inputs: np.ndarray, mask: np.ndarray | None) -> list[np.ndarray]:
    return _arrays(layer(inputs) if mask is None else layer(inputs, mask=mask))


def _arrays(outputs: Any) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(output) for output in keras.tree.flatten(outputs)]


def _model(
    layer: keras.layers.Layer, inputs: np.ndarray, mask: np.ndarray | None
) -> tuple[keras.Model, list[np.ndarray]]:
    given = keras.Input(inputs.shape[1:], dtype=inputs.dtype.name)
    if mask is None:
        return keras.Model([given], layer(given)), [inputs]
    given_mask = keras.Input(mask.shape[1:], dtype="bool")
    return keras.Model([given, given_mask], layer(given, mask=given_mask)), [inputs, mask]


def _assert_equal(outputs: list[np.ndarray], expected: list[np.ndarray], tolerance: float) -> None:
    assert len(outputs) == len(expected)
    for output, reference in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output, reference, rtol=0, atol=tolerance)
