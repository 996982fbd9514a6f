"""Runs on every Keras backend: nothing here is particular to one."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_layer

from serkit.layers import AttentionPooling2D, BilinearPooling2D, CropToMatch, LongConv1D, PadToMultiple

B, H, W, C, K = 3, 4, 5, 6, 2


@pytest.fixture
def inputs(random):
    return random.normal(size=(B, H, W, C)).astype("float32")


def attention_by_hand(X, layer):
    """Equations 7 and 8, one position after the other."""
    a, c, b, d = (ops.convert_to_numpy(weight).astype(np.float64) for weight in layer.weights)
    scores = np.zeros((len(X), a.shape[1]))
    for n, image in enumerate(X.astype(np.float64)):
        bottom_up = np.array([[position @ b[:, 0] + d[0] for position in row] for row in image])
        if layer.softmax:
            bottom_up = np.exp(bottom_up) / np.exp(bottom_up).sum()
        for y in range(H):
            for x in range(W):
                for k in range(a.shape[1]):
                    scores[n, k] += (image[y, x] @ a[:, k] + c[k]) * bottom_up[y, x]
    return scores / (H * W) if layer.pool == "mean" else scores


@pytest.mark.parametrize("softmax", [True, False])
@pytest.mark.parametrize("pool", ["mean", "sum"])
def test_attention_pooling_equals_the_equations(inputs, softmax, pool):
    layer = AttentionPooling2D(K, softmax, pool, kernel_initializer="random_normal")
    found = ops.convert_to_numpy(layer(inputs))
    np.testing.assert_allclose(found, attention_by_hand(inputs, layer), atol=1e-5)


def test_attention_pooling_is_a_proper_layer(inputs):
    check_layer(lambda: AttentionPooling2D(K, kernel_regularizer="l2"), inputs, weights=(C + 1) * K + (C + 1))


def test_rank_one_second_order_pooling_is_attention(inputs):
    """Equation 6: Tr(X^T X b a^T) = (X a)^T (X b), the reason for the layer."""
    layer = AttentionPooling2D(K, softmax=False, pool="sum")
    found = ops.convert_to_numpy(layer(inputs))
    a, _, b, _ = (ops.convert_to_numpy(weight) for weight in layer.weights)
    for n in range(B):
        X = inputs[n].reshape(H * W, C)
        for k in range(K):
            assert found[n, k] == pytest.approx(np.trace(X.T @ X @ np.outer(b[:, 0], a[:, k])), abs=1e-4)


def test_both_maps_can_be_drawn(inputs):
    layer = AttentionPooling2D(K, pool="sum")
    scores = ops.convert_to_numpy(layer(inputs))
    top_down, bottom_up = (ops.convert_to_numpy(one) for one in layer.maps(inputs))
    assert top_down.shape == (B, H, W, K)
    assert bottom_up.shape == (B, H, W, 1)
    np.testing.assert_allclose(bottom_up.sum(axis=(1, 2, 3)), 1, atol=1e-6)
    np.testing.assert_allclose((top_down * bottom_up).sum(axis=(1, 2)), scores, atol=1e-5)


def test_large_activations_do_not_overflow(inputs):
    assert np.isfinite(ops.convert_to_numpy(AttentionPooling2D(K)(1e4 * inputs))).all()


def test_the_two_maps_start_differently(inputs):
    keras.utils.set_random_seed(0)
    layer = AttentionPooling2D(1)
    layer(inputs)
    assert not np.allclose(ops.convert_to_numpy(layer.weights[0]), ops.convert_to_numpy(layer.weights[2]))


@pytest.mark.parametrize(
    ("options", "message"), [({"pool": "max"}, "'mean' or 'sum'; got 'max'"), ({"classes": 0}, "got 0")]
)
def test_attention_pooling_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionPooling2D(**({"classes": K} | options))


def test_attention_pooling_wants_four_dimensions(inputs):
    with pytest.raises(ValueError, match="expected ndim=4, found ndim=3"):
        AttentionPooling2D(K)(inputs[0])


def test_bilinear_pooling_equals_the_definition(inputs):
    found = ops.convert_to_numpy(BilinearPooling2D()(inputs))
    for n in range(B):
        X = inputs[n].reshape(H * W, C).astype(np.float64)
        gram = np.zeros((C, C))
        for position in X:
            gram += np.outer(position, position)
        z = (np.sign(gram) * np.sqrt(np.abs(gram))).ravel()
        np.testing.assert_allclose(found[n], z / np.linalg.norm(z), atol=1e-5)


def test_bilinear_pooling_is_a_proper_layer(inputs):
    check_layer(BilinearPooling2D, inputs, weights=0)
    np.testing.assert_allclose(np.linalg.norm(ops.convert_to_numpy(BilinearPooling2D()(inputs)), axis=1), 1, atol=1e-5)


def test_bilinear_pooling_of_nothing_has_a_gradient():
    """After ReLU whole channels can be zero, where a bare square root has an infinite slope."""
    inputs = np.zeros((2, H, W, C), "float32")
    inputs[..., 0] = 1
    given = keras.Input((H, W, C))
    model = keras.Model(
        given, keras.layers.Dense(1)(BilinearPooling2D()(keras.layers.Dense(C, activation="relu")(given)))
    )
    model.compile("sgd", "mse")
    model.fit(inputs, np.ones((2, 1)), verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


@pytest.mark.parametrize("length", [1, 2, 7, 30])
def test_a_long_filter_is_a_convolution(length, random):
    inputs = random.normal(size=(2, 11, 5)).astype("float32")
    plain = keras.layers.Conv1D(3, length, padding="same", activation="tanh", bias_initializer="uniform")
    long = LongConv1D(3, length, activation="tanh")
    expected = plain(inputs)
    long(inputs)
    long.set_weights(plain.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(long(inputs)), ops.convert_to_numpy(expected), atol=1e-6)


def test_a_long_filter_is_a_proper_layer(random):
    inputs = random.normal(size=(2, 11, 5)).astype("float32")
    check_layer(lambda: LongConv1D(2, 4, kernel_regularizer="l2"), inputs, weights=4 * 5 * 2 + 2)
    with pytest.raises(ValueError, match="no strides, dilation or groups"):
        LongConv1D(2, 4, dilation_rate=2)


def test_sequences_are_filled_to_a_multiple_and_cut_back(random):
    for length, filled in ((1, 9), (9, 9), (10, 18)):
        inputs = random.normal(size=(2, length, 5)).astype("float32")
        long = ops.convert_to_numpy(PadToMultiple(9)(inputs))
        assert long.shape == (2, filled, 5)
        np.testing.assert_array_equal(long[:, :length], inputs)
        assert not long[:, length:].any()
        np.testing.assert_array_equal(ops.convert_to_numpy(CropToMatch()([long, inputs[..., :1]])), inputs)
    check_layer(lambda: PadToMultiple(9), inputs, weights=0)
    given = keras.Input((None, 5))
    assert CropToMatch()([PadToMultiple(9)(given), given]).shape == (None, None, 5)


def test_a_network_that_divides_the_length_takes_any_length(tmp_path):
    given = keras.Input((None, 5))
    hidden = keras.layers.MaxPooling1D(9)(PadToMultiple(9)(given))
    hidden = keras.layers.Conv1DTranspose(2, 9, strides=9, padding="same")(hidden)
    keras.Model(given, CropToMatch()([hidden, given])).save(tmp_path / "model.keras")
    model = keras.saving.load_model(tmp_path / "model.keras")
    for length in (1, 8, 9, 10, 100):
        assert model.predict_on_batch(np.ones((1, length, 5), "float32")).shape == (1, length, 2)
