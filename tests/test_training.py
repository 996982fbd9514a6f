"""Seeds, schedules, PyTorch's defaults and the stop at NaN."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

from serkit import inspection, metrics, training
from serkit.batches import Recordings, Sequences
from serkit.errors import SerkitError
from serkit.features import Features
from serkit.layers import WeightedPooling


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


def test_threads_are_fixed_before_anything_is_computed():
    """In a process of its own: TensorFlow takes the number once."""
    code = (
        "import numpy as np, hashlib; from serkit import training; threads = training.limit_threads(); import keras;"
        "training.seed_everything(0);"
        "net = keras.Sequential([keras.Input((64, 64, 1)), keras.layers.Conv2D(8, 3), keras.layers.Flatten(),"
        "keras.layers.Dense(1)]); net.compile('sgd', 'mse'); x = np.random.default_rng(0).random((16, 64, 64, 1));"
        "net.fit(x, x[:, 0, 0], verbose=0); w = b''.join(one.tobytes() for one in net.get_weights());"
        "print(threads, hashlib.sha256(w).hexdigest())"
    )

    def outcome(**variables):
        command = [sys.executable, "-c", code]
        return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True).stdout

    plain = outcome(SERKIT_THREADS="3")
    assert plain.startswith("3 ")
    assert outcome(SERKIT_THREADS="3", TF_NUM_INTRAOP_THREADS="4", OMP_NUM_THREADS="4") == plain


def test_linear_algebra_gets_one_thread():
    import scipy.linalg  # noqa: F401  (it has a BLAS of its own)
    import threadpoolctl

    training.limit_threads()
    pools = [pool for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"]
    assert pools
    assert {pool["num_threads"] for pool in pools} == {1}
    assert os.environ["OPENBLAS_NUM_THREADS"] == "1"  # of those that are loaded later


def test_a_number_of_threads_that_is_none(monkeypatch):
    monkeypatch.setenv("SERKIT_THREADS", "all")
    with pytest.raises(SerkitError, match="SERKIT_THREADS is 'all'"):
        training.limit_threads()


def test_memory_of_a_gpu_is_shared_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.delenv("TF_FORCE_GPU_ALLOW_GROWTH", raising=False)
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "true")
    training.limit_threads()
    assert os.environ["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "true"


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's setting")
@pytest.mark.parametrize(("gpus", "asked", "due"), [([], "", True), (["H200"], "", False), (["H200"], "1", True)])
def test_slower_operations_on_a_gpu_only_where_asked_for(gpus, asked, due, monkeypatch):
    import tensorflow as tf

    calls = []
    monkeypatch.setattr(training.devices, "accelerators", lambda: gpus)
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: calls.append(True))
    monkeypatch.setenv("SERKIT_DETERMINISTIC", asked)
    training.seed_everything(0)
    assert bool(calls) == due


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
    names, means = inspection.average_scores(["b", "a", "b"], np.array([[1.0, 0.0], [0.2, 0.8], [0.0, 1.0]]))
    assert names.tolist() == ["a", "b"]
    np.testing.assert_allclose(means, [[0.2, 0.8], [0.5, 0.5]])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="counts TensorFlow's traces")
def test_a_step_is_traced_once(data):
    traced = []

    class Watched(keras.layers.Layer):
        def call(self, inputs):
            traced.append(inputs.shape)
            return inputs

    inputs = keras.Input((3,))
    hidden = Watched()(inputs)
    model = keras.Model(
        inputs, {"a": keras.layers.Dense(1, name="a")(hidden), "b": keras.layers.Dense(2, name="b")(hidden)}
    )
    model.compile("adam", {"a": "mse", "b": "mse"}, metrics={"a": ["mae"]})
    traced.clear()
    history = training.fit(model, data[0], 2, y={"a": data[1], "b": np.zeros((40, 2))}, batch_size=8)
    assert len(traced) == 1
    assert history["loss"].iloc[0] > 0
    assert {"a_mae", "a_loss", "b_loss"} <= set(history.columns)


def stopped_after(values, data, **settings):
    """How many epochs are run when validation gives `values`, and in which epoch the weights kept were learnt."""
    model, seen = small_model(), []

    class Told(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["val_accuracy"] = values[epoch]
            seen.append(self.model.get_weights()[0])

    rule = training.StopBelowBest("val_accuracy", **settings)
    history = training.fit(model, data[0], len(values), callbacks=[Told(), rule], y=data[1])
    same = [number for number, weights in enumerate(seen, 1) if np.array_equal(weights, model.get_weights()[0])]
    if settings.get("restore", True):
        assert rule.best_epoch == same[-1]
    return len(history), same[0]


@pytest.mark.parametrize(
    ("values", "epochs", "kept"),
    [
        ([0.5, 0.4, 0.4, 0.4, 0.9], 4, 1),  # three in a row below the highest
        ([0.5, 0.4, 0.4, 0.5, 0.4, 0.4, 0.4, 0.9], 7, 4),  # as high is not lower: the count begins anew
        ([0.5, 0.6, 0.5, 0.55, 0.7, 0.6], 6, 5),  # below, but never three times
        ([0.5, 0.5, 0.5, 0.5, 0.5], 5, 5),  # never below
    ],
)
def test_training_stops_as_tao2018_words_it(values, epochs, kept, data):
    assert stopped_after(values, data) == (epochs, kept)


def test_the_last_weights_may_be_kept_and_the_measure_must_exist(data):
    assert stopped_after([0.5, 0.4, 0.4, 0.9], data, patience=2, restore=False) == (3, 3)
    with pytest.raises(SerkitError, match=r"unknown measure to stop by 'val_acuracy'; valid: loss"):
        training.fit(small_model(), data[0], 1, callbacks=[training.StopBelowBest("val_acuracy")], y=data[1])


def test_training_stops_by_the_development_ccc(random):
    values = {name: random.normal(size=(length, 2)).astype("float32") for name, length in (("a", 30), ("b", 20))}
    truth = {name: one[:, 0] for name, one in values.items()}
    given = keras.Input((None, 2))
    model = keras.Model(given, keras.layers.Dense(1)(given))
    model.compile(keras.optimizers.SGD(0.3), "mse")
    dev = Recordings(values.get, ["b", "a"], truth)
    stops = [training.DevelopmentCCC(dev), training.StopBelowBest("dev_ccc", 2)]
    history = training.fit(model, Recordings(values.get, ["a"], truth), 5, callbacks=stops)
    predicted = inspection.predict_recordings(model, dev)
    assert {name: one.shape for name, one in predicted.items()} == {"b": (20,), "a": (30,)}
    found = metrics.ccc(np.concatenate([truth["b"], truth["a"]]), np.concatenate([predicted["b"], predicted["a"]]))
    assert history["dev_ccc"].max() == pytest.approx(found, abs=1e-6)
    assert history["dev_ccc"].iloc[-1] > history["dev_ccc"].iloc[0]


@pytest.fixture
def sequences(tmp_path, random):
    """Utterances of 1 to 40 frames, with 3 features."""
    lengths = {"short": 1, "a": 7, "b": 20, "c": 33, "d": 40}
    np.save(tmp_path / "features.npy", random.normal(size=(sum(lengths.values()), 3)).astype(np.float32))
    index = {"id": list(lengths), "offset": np.cumsum([0, *lengths.values()])[:-1], "frames": list(lengths.values())}
    pd.DataFrame(index).to_csv(tmp_path / "index.csv", index=False)
    return Features(tmp_path), list(lengths)


def attentive(below, pooling):
    frames, valid = keras.Input((None, 3), name="frames"), keras.Input((None,), dtype="bool", name="valid")
    hidden = keras.layers.Bidirectional(keras.layers.LSTM(4, return_sequences=True), name=below)(frames, mask=valid)
    pooled = WeightedPooling(kernel_initializer="random_normal", name=pooling)(hidden, mask=valid)
    return keras.Model({"frames": frames, "valid": valid}, {"emotion": keras.layers.Dense(2, name="emotion")(pooled)})


def test_attention_is_the_softmax_of_what_is_pooled(sequences):
    """The weights that the model's own layer gives its own frames, worked out by hand; and they pool to its output."""
    stored, ids = sequences
    training.seed_everything(1)
    model = attentive("below", "attention")
    kernel = 5 * model.get_layer("attention").get_weights()[0]
    model.get_layer("attention").set_weights([kernel])
    before = [weights.copy() for weights in model.get_weights()]
    plain = inspection.attention_of(model, Sequences(stored, ids, batch_size=2), "below", "attention")
    assert sorted(plain) == sorted(ids)
    states = keras.Model(model.input, model.get_layer("below").output)
    pooled = keras.Model(model.input, model.get_layer("attention").output)
    for name, (hidden, weights) in plain.items():
        frames = len(stored[name])
        alone = {"frames": np.zeros((1, frames + 2, 3)), "valid": np.arange(frames + 2)[None] < frames}
        alone["frames"][0, :frames] = stored[name]
        assert hidden.shape == (frames, 8)
        np.testing.assert_allclose(hidden, states.predict_on_batch(alone)[0, :frames], atol=1e-6)
        scores = np.exp(hidden @ kernel[:, 0])
        np.testing.assert_allclose(weights, scores / scores.sum(), atol=1e-6)
        np.testing.assert_allclose(weights @ hidden, pooled.predict_on_batch(alone)[0], atol=1e-6)
    assert np.ptp(plain["d"][1]) > 0.01, "frames differ in weight"
    for then, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)
    shuffled = Sequences(stored, ids, {"emotion": np.zeros(5)}, batch_size=2, seed=3)
    for name, (_, weights) in inspection.attention_of(model, shuffled, "below", "attention").items():
        np.testing.assert_allclose(weights, plain[name][1], atol=1e-6)


def test_attention_is_found_under_the_usual_names(sequences):
    stored, ids = sequences
    found = inspection.attention_of(attentive("recurrent", "pooling"), Sequences(stored, ids))
    assert [len(weights) for _, weights in found.values()] == [1, 7, 20, 33, 40]
    assert all(weights.sum() == pytest.approx(1, abs=1e-5) for _, weights in found.values())
    with pytest.raises(ValueError, match="No such layer: pooling"):
        inspection.attention_of(attentive("recurrent", "attention"), Sequences(stored, ids))


def test_pytorch_of_2018_drew_gamma_and_biases():
    kernel, normalisation = training.pytorch_defaults(fan_in=100, gamma="uniform")
    bias = np.asarray(kernel["bias_initializer"]((10000,)))
    gamma = np.asarray(normalisation["gamma_initializer"]((10000,)))
    assert np.abs(bias).max() <= 0.1
    assert bias.std() == pytest.approx(0.1 / np.sqrt(3), rel=0.05)
    assert (gamma.min() >= 0, gamma.max() <= 1) == (True, True)
    assert gamma.mean() == pytest.approx(0.5, abs=0.02)
    assert "bias_initializer" not in training.pytorch_defaults()[0]
    with pytest.raises(SerkitError, match="initial gamma"):
        training.pytorch_defaults(gamma="random")


def test_steps_are_timed_in_turn():
    steps = []
    networks = []
    for name in "ab":
        inputs = keras.Input((3,))
        network = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        network.compile("sgd", "mse")
        one = network.train_on_batch
        network.train_on_batch = lambda *batch, name=name, one=one: (steps.append(name), one(*batch))
        networks.append(network)
    seconds = training.step_seconds(networks, np.ones((4, 3)), np.ones((4, 1)), rounds=2)
    assert seconds.shape == (2, 2)
    assert (seconds > 0).all()
    assert seconds.max() < 10
    assert "".join(steps) == "ababab"  # the first round is not timed


def test_pauses_and_what_attention_makes_of_them():
    power = np.array([1.0, 0.5, 1e-3, 1e-4])
    quiet = inspection.quiet_frames(power)
    assert quiet.tolist() == [False, False, True, True]
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    table = pd.DataFrame({"id": ["a", "b"], "label": ["sad", "happy"]})
    shares = inspection.attention_in_pauses({"a": (None, weights)}, {"a": quiet}, table, 0.02)
    assert shares.loc["a", ["label", "pauses", "ends"]].tolist() == ["sad", 0.5, 0.5]
    assert shares.loc["a", ["seconds", "attention_in_pauses"]].tolist() == pytest.approx([0.08, 0.7])


def test_silence_at_the_ends_is_not_a_pause_inside():
    quiet = np.array([True, False, True, False, True, True])
    weights = np.array([0.1, 0.2, 0.3, 0.1, 0.1, 0.2])
    table = pd.DataFrame({"id": ["a"], "label": ["sad"]})
    shares = inspection.attention_in_pauses({"a": (None, weights)}, {"a": quiet}, table, 0.02).loc["a"]
    assert shares[["pauses", "attention_in_pauses"]].tolist() == pytest.approx([4 / 6, 0.7])
    assert shares[["ends", "attention_in_ends"]].tolist() == pytest.approx([3 / 6, 0.4])
