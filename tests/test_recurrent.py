"""Runs on every Keras backend: nothing here is particular to one."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_checks import check_layer

from serkit.errors import SerkitError
from serkit.layers import LSTM, AdvancedGRU, AdvancedLSTM, WeightedPooling, recurrent

BATCH, LENGTH, FEATURES, UNITS = 4, 13, 3, 6
STEPS = (5, 3, 1)
LSTM_WEIGHTS = 4 * UNITS * (FEATURES + UNITS + 1)
GRU_WEIGHTS = 3 * UNITS * (FEATURES + UNITS + 2)
LENGTHS = (13, 8, 2, 0)  # more than two blocks, with part of a third; one and a part; part of one; nothing


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def combine(states, steps, W):
    """Equations 8 and 9 (11 and 12) for one utterance: states[-1] is one step back from the next frame."""
    selected = np.array([states[-T] for T in steps])
    scores = np.zeros(len(steps)) if W is None else selected @ W
    weights = np.exp(scores) / np.exp(scores).sum()
    return weights @ selected


def numpy_lstm(x, weights, steps):
    """Equations 6 to 12 for one utterance (frames, features): the hidden values (frames, units)."""
    kernel, recurrent_kernel, bias, *W = weights
    W = W[0][:, 0] if W else None
    h = c = np.zeros(len(recurrent_kernel))  # h' and C' of the frame before
    hiddens, cells = [], []
    for t, frame in enumerate(x):
        i, f, candidate, o = np.split(frame @ kernel + h @ recurrent_kernel + bias, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(candidate)
        cells.append(c)
        end_of_block = (t + 1) % max(steps) == 0
        if end_of_block:
            c = combine(cells, steps, W)
        h = sigmoid(o) * np.tanh(c)
        hiddens.append(h)
        if end_of_block:
            h = combine(hiddens, steps, W)
    return np.array(hiddens).reshape(-1, len(recurrent_kernel))


def numpy_gru(x, weights, steps):
    kernel, recurrent_kernel, bias, *W = weights
    W = W[0][:, 0] if W else None
    h = np.zeros(len(recurrent_kernel))
    hiddens = []
    for t, frame in enumerate(x):
        z, r, candidate = np.split(frame @ kernel + bias[0], 3)
        z_recurrent, r_recurrent, candidate_recurrent = np.split(h @ recurrent_kernel + bias[1], 3)
        z, r = sigmoid(z + z_recurrent), sigmoid(r + r_recurrent)
        h = z * h + (1 - z) * np.tanh(candidate + r * candidate_recurrent)
        hiddens.append(h)
        if (t + 1) % max(steps) == 0:
            h = combine(hiddens, steps, W)
    return np.array(hiddens).reshape(-1, len(recurrent_kernel))


REFERENCES = {AdvancedLSTM: numpy_lstm, AdvancedGRU: numpy_gru}
PLAIN = {AdvancedLSTM: keras.layers.LSTM, AdvancedGRU: keras.layers.GRU}


@pytest.fixture
def inputs():
    return np.random.default_rng(0).standard_normal((BATCH, LENGTH, FEATURES)).astype("float32")


@pytest.fixture
def mask():
    return right_padded(LENGTHS, LENGTH)


def right_padded(lengths, length):
    return np.arange(length) < np.array(lengths)[:, None]


def with_large_weights(layer, features=FEATURES):
    """Build the layer with weights so large that no gate and no combination is near its middle."""
    layer.build((None, None, features))
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(0, 1.2, weight.shape) for weight in layer.get_weights()])
    return layer


def run(layer, inputs, **given):
    return ops.convert_to_numpy(layer(ops.convert_to_tensor(inputs), **given))


@pytest.mark.parametrize("layer", [AdvancedLSTM, AdvancedGRU])
@pytest.mark.parametrize("combination", ["learned", "mean"])
@pytest.mark.parametrize("steps", [STEPS, (4, 2)])
def test_equals_the_equations(layer, combination, steps, inputs):
    recurrent = with_large_weights(layer(UNITS, steps, combination, return_sequences=True))
    reference = [REFERENCES[layer](x, recurrent.get_weights(), steps) for x in inputs]
    np.testing.assert_allclose(run(recurrent, inputs), reference, rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [2, 5, 11])
def test_any_length_gives_the_last_output(length, inputs):
    recurrent = with_large_weights(AdvancedLSTM(UNITS))
    reference = [numpy_lstm(x[:length], recurrent.get_weights(), STEPS)[-1] for x in inputs]
    np.testing.assert_allclose(run(recurrent, inputs[:, :length]), reference, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer", [AdvancedLSTM, AdvancedGRU])
@pytest.mark.parametrize("go_backwards", [False, True])
@pytest.mark.parametrize("return_sequences", [False, True])
def test_equals_the_equations_through_the_mask(layer, go_backwards, return_sequences, inputs, mask):
    recurrent = with_large_weights(layer(UNITS, return_sequences=return_sequences, go_backwards=go_backwards))
    reference = np.zeros((BATCH, LENGTH, UNITS))
    for row, n in enumerate(LENGTHS):
        x = inputs[row, :n]
        hidden = REFERENCES[layer](x[::-1] if go_backwards else x, recurrent.get_weights(), STEPS)
        reference[row, LENGTH - n if go_backwards else 0 :][:n] = hidden
    if not return_sequences:
        last = LENGTH - 1 if go_backwards else np.array(LENGTHS) - 1
        reference = reference[np.arange(BATCH), last] * (np.array(LENGTHS) > 0)[:, None]
    np.testing.assert_allclose(run(recurrent, inputs, mask=mask), reference, rtol=0, atol=1e-5)


@pytest.mark.parametrize("layer", [AdvancedLSTM, AdvancedGRU])
def test_frames_may_be_masked_anywhere(layer, inputs):
    mask = np.random.default_rng(2).random((BATCH, LENGTH)) < 0.6
    recurrent = with_large_weights(layer(UNITS, return_sequences=True))
    outputs = run(recurrent, inputs, mask=mask)
    for row in range(BATCH):
        reference = REFERENCES[layer](inputs[row, mask[row]], recurrent.get_weights(), STEPS)
        np.testing.assert_allclose(outputs[row, mask[row]], reference, rtol=0, atol=1e-5)
    assert not outputs[~mask].any()


@pytest.mark.parametrize("layer", [AdvancedLSTM, AdvancedGRU])
def test_one_step_back_is_the_plain_layer(layer, inputs, mask):
    ours = keras.layers.Bidirectional(layer(UNITS, (1,), return_sequences=True))
    plain = keras.layers.Bidirectional(PLAIN[layer](UNITS, return_sequences=True))
    ours.build(inputs.shape)
    plain.build(inputs.shape)
    ours.set_weights(plain.get_weights())
    for given in {}, {"mask": mask}:
        np.testing.assert_allclose(run(ours, inputs, **given), run(plain, inputs, **given), rtol=0, atol=1e-5)


def test_an_utterance_does_not_depend_on_its_batch(inputs, mask):
    layer = with_large_weights(keras.layers.Bidirectional(AdvancedLSTM(UNITS, (3, 1), return_sequences=True)))
    together = run(layer, inputs, mask=mask)
    n = LENGTHS[1]
    alone = run(layer, inputs[1:2, :n])
    np.testing.assert_allclose(together[1, :n], alone[0], rtol=0, atol=1e-5)
    longer = np.pad(inputs[1:2, :n], ((0, 0), (0, 9), (0, 0)), constant_values=7)
    padded = run(layer, longer, mask=right_padded([n], n + 9))
    np.testing.assert_allclose(padded[0, :n], alone[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "weights", "masked"),
    [
        (lambda: AdvancedLSTM(UNITS, (2, 1), dropout=0.5, seed=3, unit_forget_bias=False), LSTM_WEIGHTS + UNITS, True),
        (lambda: AdvancedGRU(UNITS, (2, 1), go_backwards=True, return_sequences=True), GRU_WEIGHTS + UNITS, True),
        (
            lambda: keras.layers.Bidirectional(AdvancedLSTM(UNITS, (2, 1), "mean", return_sequences=True)),
            2 * LSTM_WEIGHTS,
            False,
        ),
    ],
    ids=["lstm", "gru", "both directions"],
)
def test_behaves_as_a_layer(layer, weights, masked, inputs, mask):
    check_layer(layer, inputs, weights=weights, mask=mask if masked else None)


def test_adds_256_weights_to_the_papers_network():
    plain = keras.layers.Bidirectional(keras.layers.LSTM(128))
    advanced = keras.layers.Bidirectional(AdvancedLSTM(128))
    for layer in plain, advanced:
        layer.build((None, None, 256))
    assert advanced.count_params() - plain.count_params() == 256


def test_weights_have_keras_names():
    layer = AdvancedLSTM(UNITS)
    layer.build((None, None, FEATURES))
    names = [weight.name for weight in layer.weights]
    assert names == ["kernel", "recurrent_kernel", "bias", "combination_kernel"]
    forget_bias = layer.get_weights()[2].reshape(4, UNITS).mean(axis=1)
    assert forget_bias.tolist() == [0, 1, 0, 0]


def test_length_may_be_unknown(inputs):
    layer = keras.layers.Bidirectional(AdvancedLSTM(UNITS, (2, 1), return_sequences=True))
    given = keras.Input((None, FEATURES))
    hidden = layer(keras.layers.Masking(0.0)(given))
    assert hidden.shape == (None, None, 2 * UNITS)
    model = keras.Model(given, WeightedPooling()(hidden))
    alone = model.predict_on_batch(inputs[:1, :5])
    padded = model.predict_on_batch(np.pad(inputs[:1, :5], ((0, 0), (0, 4), (0, 0))))
    np.testing.assert_allclose(padded, alone, rtol=0, atol=1e-5)


def test_training_moves_every_weight(inputs, mask):
    layer = AdvancedLSTM(UNITS, (3, 1))
    given, given_mask = keras.Input((None, FEATURES)), keras.Input((None,), dtype="bool")
    model = keras.Model([given, given_mask], layer(given, mask=given_mask))
    before = layer.get_weights()
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    model.fit([inputs, mask], np.ones((BATCH, UNITS)), verbose=0)
    for old, new in zip(before, layer.get_weights(), strict=True):
        assert np.isfinite(new).all()  # one utterance is all padding
        assert (old != new).mean() > 0.9


def test_dropout_drops_whole_features_in_training_only(inputs):
    layer = with_large_weights(AdvancedLSTM(UNITS, (2, 1), dropout=0.5, seed=4))
    np.testing.assert_array_equal(run(layer, inputs), run(layer, inputs, training=False))
    drawn = run(layer, np.repeat(inputs[:1], 50, axis=0), training=True)
    # A feature is dropped at all frames or at none, the kept ones doubled: 2 ^ FEATURES outcomes.
    patterns = np.array(np.meshgrid(*[[0, 2]] * FEATURES)).reshape(FEATURES, -1).T.astype("float32")
    outcomes = run(layer, inputs[:1] * patterns[:, None])
    nearest = np.abs(drawn[:, None] - outcomes).max(axis=-1)
    assert nearest.min(axis=1).max() < 1e-5
    assert len(set(nearest.argmin(axis=1))) > 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": 0}, "units must be a whole number of at least 1, not 0"),
        ({"steps": ()}, r"steps must be different whole numbers .* not \(\)"),
        ({"steps": (3, 0)}, r"steps must be .* not \(3, 0\)"),
        ({"steps": (3, 3)}, r"steps must be different"),
        ({"combination": "average"}, "unknown combination 'average'; valid: learned, mean"),
        ({"dropout": 1.0}, "dropout is a fraction, at least 0 and below 1, not 1.0"),
    ],
)
def test_settings_out_of_range_are_errors(settings, message):
    with pytest.raises(SerkitError, match=message):
        AdvancedLSTM(**{"units": UNITS, **settings})


def test_initial_state_is_an_error(inputs):
    with pytest.raises(SerkitError, match="AdvancedGRU begins each sequence at zero: it takes no initial_state"):
        AdvancedGRU(UNITS)(inputs, initial_state=np.zeros((BATCH, UNITS), "float32"))


def test_pooling_equals_the_equations(inputs, mask):
    layer = with_large_weights(WeightedPooling(return_weights=True))
    pooled, weights = (ops.convert_to_numpy(output) for output in layer(inputs, mask=mask))
    for row, n in enumerate(LENGTHS):
        energy = np.exp(inputs[row, :n] @ layer.get_weights()[0][:, 0])
        A = energy / energy.sum()
        np.testing.assert_allclose(weights[row, :n], A, rtol=0, atol=1e-6)
        np.testing.assert_allclose(pooled[row], A @ inputs[row, :n], rtol=0, atol=1e-5)
    assert not weights[~mask].any()
    assert not pooled[3].any()


def test_pooling_with_equal_weights_is_the_mean(inputs):
    pooled = run(WeightedPooling(kernel_initializer="zeros"), inputs)
    np.testing.assert_allclose(pooled, inputs.mean(axis=1), rtol=0, atol=1e-6)


@pytest.mark.parametrize("return_weights", [False, True])
def test_pooling_behaves_as_a_layer(return_weights, inputs, mask):
    check_layer(
        lambda: WeightedPooling(return_weights), inputs, weights=FEATURES, mask=mask if return_weights else None
    )


def test_pooling_survives_half_precision_and_large_scores(inputs, mask):
    layer = with_large_weights(WeightedPooling(dtype="mixed_float16"))
    pooled = run(layer, 100 * inputs, mask=mask)
    assert pooled.dtype == np.float16
    assert np.isfinite(pooled).all()


def gradients_of(layer, x, mask):
    """Outputs, and gradients of a function of them with regard to inputs and weights, on any backend."""
    factors = np.random.default_rng(1).standard_normal(layer(x).shape).astype("float32")
    model_input = keras.Input(x.shape[1:])
    masked = keras.Input(x.shape[1:2], dtype="bool")
    scale = keras.layers.Dense(x.shape[-1], use_bias=False, kernel_initializer="identity")
    model = keras.Model([model_input, masked], layer(scale(model_input), mask=masked))
    # A step of plain gradient descent moves each weight by its gradient.
    model.compile(keras.optimizers.SGD(1.0), loss=lambda true, predicted: ops.sum(true * predicted**2))
    before = model.get_weights()
    outputs = model.predict([x, mask], verbose=0)
    model.train_on_batch([x, mask], factors)
    return outputs, [old - new for old, new in zip(before, model.get_weights(), strict=True)]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere there is one way")
@pytest.mark.parametrize(("combination", "steps"), [("learned", (5, 3, 1)), ("mean", (5, 3, 1)), ("learned", (4, 2))])
def test_blocks_in_one_operation_have_the_gradients_of_those_written_out(combination, steps, inputs, mask, monkeypatch):
    def result():
        layer = with_large_weights(AdvancedLSTM(UNITS, steps, combination, return_sequences=True))
        return gradients_of(layer, inputs, mask)

    outputs, slopes = result()
    monkeypatch.setattr(recurrent, "_in_one_operation", lambda *_: False)
    due, due_slopes = result()
    np.testing.assert_allclose(outputs, due, atol=1e-6)
    for slope, due_slope in zip(slopes, due_slopes, strict=True):
        assert np.abs(due_slope).max() > 1e-3
        np.testing.assert_allclose(slope, due_slope, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere it is the layer of Keras itself")
@pytest.mark.parametrize(
    ("holes", "backwards", "sequences", "zeros"),
    [
        (False, False, True, False),
        (False, True, False, False),
        (False, True, True, True),
        (True, False, False, True),
        (True, True, True, False),
        (True, True, False, False),
    ],
)
def test_lstm_is_that_of_keras(inputs, mask, holes, backwards, sequences, zeros):
    if holes:
        mask = np.random.default_rng(3).random(mask.shape) < 0.5
        mask[-1] = False
    settings = {"go_backwards": backwards, "return_sequences": sequences, "zero_output_for_mask": zeros}
    layers = [kind(UNITS, bias_initializer="normal", **settings) for kind in (LSTM, keras.layers.LSTM)]
    for layer in layers:
        layer.build(inputs.shape)
        layer.set_weights(keras.tree.map_structure(lambda weight: weight, layers[0].get_weights()))
    (outputs, slopes), (due, due_slopes) = (gradients_of(layer, inputs, mask) for layer in layers)
    np.testing.assert_allclose(outputs, due, atol=1e-6)
    for slope, due_slope in zip(slopes, due_slopes, strict=True):
        assert np.abs(due_slope).max() > 1e-3
        np.testing.assert_allclose(slope, due_slope, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere it is the layer of Keras itself")
def test_lstm_as_a_layer(inputs, mask):
    for wrapped in (LSTM, lambda units, **options: keras.layers.Bidirectional(LSTM(units, **options))):
        directions = 1 if wrapped is LSTM else 2
        check_layer(
            lambda wrapped=wrapped: wrapped(UNITS, return_sequences=True),
            inputs,
            weights=directions * LSTM_WEIGHTS,
        )
        check_layer(lambda wrapped=wrapped: wrapped(UNITS), inputs, weights=directions * LSTM_WEIGHTS)


@pytest.mark.parametrize(
    "settings",
    [
        {"recurrent_dropout": 0.5},
        {"activation": "relu"},
        {"use_bias": False},
        {"return_state": True},
        {"stateful": True},
    ],
)
def test_lstm_with_other_settings_is_the_layer_of_keras(inputs, settings):
    """They are no part of the operation."""
    ours, plain = (kind(UNITS, **settings) for kind in (LSTM, keras.layers.LSTM))
    due, outputs = plain(inputs), None
    ours.build(inputs.shape)
    ours.set_weights(plain.get_weights())
    outputs = ours(inputs)
    for one, other in zip(keras.tree.flatten(outputs), keras.tree.flatten(due), strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(one), ops.convert_to_numpy(other), atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="elsewhere it is the layer of Keras itself")
def test_lstm_takes_a_first_state(inputs):
    ours, plain = LSTM(UNITS), keras.layers.LSTM(UNITS)
    state = [np.full((BATCH, UNITS), value, "float32") for value in (0.5, -1)]
    due = ops.convert_to_numpy(plain(inputs, initial_state=state))
    ours.build(inputs.shape)
    ours.set_weights(plain.get_weights())
    np.testing.assert_allclose(ops.convert_to_numpy(ours(inputs, initial_state=state)), due, atol=1e-6)


def test_lstm_drops_what_that_of_keras_drops(inputs):
    outputs = []
    for kind in (LSTM, keras.layers.LSTM):
        layer = kind(
            UNITS, dropout=0.5, seed=7, return_sequences=True, kernel_initializer="ones", recurrent_initializer="zeros"
        )
        outputs.append(ops.convert_to_numpy(layer(inputs, training=True)))
    np.testing.assert_allclose(*outputs, atol=1e-6)
    assert not np.allclose(outputs[0], ops.convert_to_numpy(layer(inputs)), atol=1e-3)
