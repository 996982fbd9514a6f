"""A training that was stopped goes on where it was, and gives the same numbers as an undisturbed one."""

import os
import subprocess
import sys

import keras
import numpy as np
import pandas as pd
import pytest

from serkit import checkpoints, study, training
from serkit.adversarial import AlternatingTraining
from serkit.errors import SerkitError

EPOCHS = 6


class Batches(keras.utils.PyDataset):
    """Noise whose order follows from the epoch's number."""

    def __init__(self):
        super().__init__()
        self.epoch = 0
        rng = np.random.default_rng(0)
        self.x, self.y = rng.normal(size=(24, 5)).astype("float32"), rng.integers(0, 2, 24)

    def __len__(self):
        return 3

    def __getitem__(self, number):
        order = np.random.default_rng([7, self.epoch]).permutation(24)[8 * number : 8 * number + 8]
        return self.x[order], self.y[order]

    def on_epoch_end(self):
        self.epoch += 1


class HeldOut(Batches):
    """The same in every epoch."""

    def on_epoch_end(self):
        pass


class Ends(keras.callbacks.Callback):
    """The process, at an epoch and step."""

    ends_at = ()

    def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):  # noqa: ARG002
        if (self.epoch, batch) == self.ends_at:
            raise KeyboardInterrupt


def network():
    x = keras.Input((5,))
    hidden = keras.layers.Dropout(0.4)(keras.layers.BatchNormalization()(keras.layers.Dense(8, "tanh")(x)))
    model = keras.Model(x, keras.layers.Dense(2)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss, metrics=["accuracy"])
    return model


class Worse(keras.callbacks.Callback):
    """Validation is worse from an epoch on."""

    def __init__(self, epoch):
        super().__init__()
        self.since = epoch

    def on_epoch_end(self, epoch, logs=None):
        logs["val_accuracy"] -= epoch >= self.since


def train(batches, patience=2, ends_at=(), worse=EPOCHS):
    """A training with a rule that stops it, a rate that falls, and state in Python's and NumPy's generators."""
    training.seed_everything(3)
    Ends.ends_at = ends_at
    model = study.compiled(network)
    rules = [
        Worse(worse),
        training.StopBelowBest("val_accuracy", patience),
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=0.1),
        Ends(),
    ]
    history = training.fit(model, batches, EPOCHS, callbacks=rules, validation_data=HeldOut())
    state = [rules[1].best_epoch, int(model.optimizer.iterations), np.random.random()]  # noqa: NPY002
    weights = [*model.get_weights(), np.array(state)]
    return history.drop(columns="seconds"), weights


def undisturbed_and_resumed(folder, ends_at):
    """The same training, whole, and in two halves."""
    os.environ["SERKIT_CHECKPOINT"] = "0"
    whole_batches, batches = Batches(), Batches()
    with checkpoints.of_run(folder / "whole"):
        whole = train(whole_batches)
    with pytest.raises(KeyboardInterrupt), checkpoints.of_run(folder / "stopped"):
        train(Batches(), ends_at=ends_at)
    with checkpoints.of_run(folder / "stopped") as run:
        resumed = train(batches)
    assert run.before > 0
    assert batches.epoch == whole_batches.epoch
    return whole, resumed


def check(folder, ends_at):
    (history, weights), (history_resumed, weights_resumed) = undisturbed_and_resumed(folder, ends_at)
    pd.testing.assert_frame_equal(history, history_resumed, check_exact=True)
    assert len(history) == EPOCHS or len(history) > ends_at[0]
    for one, other in zip(weights, weights_resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert (folder / "stopped" / "training-1.npz").is_file()


@pytest.fixture(autouse=True)
def always(monkeypatch):
    monkeypatch.setenv("SERKIT_CHECKPOINT", "0")  # after every epoch


@pytest.mark.parametrize("ends_at", [(1, 0), (3, 2)])
def test_a_stopped_training_goes_on_with_the_same_numbers(ends_at, tmp_path):
    check(tmp_path, ends_at)


def test_on_jax(tmp_path):
    code = "import pathlib, sys, test_checkpoints as t; t.check(pathlib.Path(sys.argv[1]), (2, 1))"
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": os.pathsep.join(sys.path)}
    environment["XLA_FLAGS"] = "--xla_backend_optimization_level=0"  # compiled quickly; little is computed
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environment, check=True)


def test_what_was_done_is_not_done_again(tmp_path, monkeypatch):
    """Stopped after the training: it is not trained at all; the rule's weights and epoch are as they were."""
    with checkpoints.of_run(tmp_path):
        history, weights = train(Batches())
    monkeypatch.setattr(keras.Model, "fit", None)
    with checkpoints.of_run(tmp_path):
        again, weights_again = train(Batches())
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    for one, other in zip(weights, weights_again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_training_that_had_just_stopped_is_not_prolonged(tmp_path, monkeypatch):
    """Killed between the epoch in which the rule spoke and the end."""
    with checkpoints.of_run(tmp_path / "whole"):
        history, weights = train(Batches(), patience=1, worse=3)
    assert len(history) == 4

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(training.StopBelowBest, "on_train_end", killed)
        with pytest.raises(KeyboardInterrupt), checkpoints.of_run(tmp_path / "stopped"):
            train(Batches(), patience=1, worse=3)
    with checkpoints.of_run(tmp_path / "stopped"):
        again, weights_again = train(Batches(), patience=1, worse=3)
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    np.testing.assert_array_equal(weights[-1], weights_again[-1])
    np.testing.assert_array_equal(weights[0], weights_again[0])


def test_a_damaged_checkpoint_is_not_used(tmp_path, capsys):
    path = tmp_path / "training-1.npz"
    with checkpoints.of_run(tmp_path):
        checkpoints.Training().keep({"rows": [1], "weights": [np.arange(2000.0)]})
        content = path.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    for harmed in (content[:middle], b"", content[:200] + b"x" * 99, flipped):
        path.write_bytes(harmed)
        with checkpoints.of_run(tmp_path):
            assert checkpoints.Training().state is None
        assert "training-1.npz is damaged" in capsys.readouterr().err
    path.write_bytes(content)
    with checkpoints.of_run(tmp_path):
        assert checkpoints.Training().state["rows"] == [1]


def test_a_full_disk_stops_no_training(tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with checkpoints.of_run(tmp_path):
        assert len(train(Batches())[0]) > 1
    assert "the training goes on without a checkpoint: no space left on the disk" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


class Remembers(keras.callbacks.Callback):
    """A user's own, with a state of many kinds."""

    def __init__(self):
        super().__init__()
        self._seen, self.last = {"epochs": 0, (1, "a"): []}, (0, None)

    def on_epoch_end(self, epoch, logs=None):
        self._seen["epochs"] += 1
        self._seen[1, "a"].append(np.float32(epoch))
        self.last = (epoch, logs)
        logs["count"] = self._seen["epochs"] + sum(self._seen[1, "a"])


def test_a_callback_may_remember_anything_plain(tmp_path):
    found = []
    for _ in range(2):
        one = Remembers()
        with checkpoints.of_run(tmp_path):
            found.append(training.fit(network(), Batches(), 2 + 2 * len(found), callbacks=[one]))
    assert found[1]["count"].tolist() == [1, 3]
    assert checkpoints._deep(checkpoints._flat(one._seen, arrays := []), {f"array{n}": a for n, a in enumerate(arrays)})


@pytest.mark.parametrize(
    ("batches", "callbacks"), [("arrays", []), ("batches", [keras.callbacks.LambdaCallback(on_epoch_end=print)])]
)
def test_what_cannot_be_continued_begins_anew(batches, callbacks, tmp_path):
    data = Batches()
    with checkpoints.of_run(tmp_path):
        model = network()
        if batches == "arrays":
            training.fit(model, data.x, 2, y=data.y)
        else:
            training.fit(model, data, 2, callbacks=callbacks)
    assert not list(tmp_path.iterdir())


def test_nothing_is_kept_outside_of_a_run_or_before_its_time(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(Batches())
    monkeypatch.setenv("SERKIT_CHECKPOINT", "5")
    with checkpoints.of_run(tmp_path):
        train(Batches())
    assert not list(tmp_path.iterdir())
    monkeypatch.setenv("SERKIT_CHECKPOINT", "often")
    with pytest.raises(SerkitError, match="SERKIT_CHECKPOINT is 'often': give minutes"), checkpoints.of_run(tmp_path):
        pass


def players():
    training.seed_everything(5)
    images, features = keras.Input((8, 8, 1)), keras.Input((6,))
    trunk = keras.Model(images, keras.layers.Dense(6, "tanh")(keras.layers.Flatten()(images)))
    head = keras.Model(features, keras.layers.Dense(2)(keras.layers.Dropout(0.3)(features)))
    noise, end = keras.Input((4,)), keras.Input((6,))
    generator = keras.Model(noise, keras.layers.Reshape((8, 8, 1))(keras.layers.Dense(64, "tanh")(noise)))
    real = keras.Model(end, keras.layers.Dense(1)(end))
    return AlternatingTraining(trunk, {"valence": head}, real, generator, 1e-2)


class Labelled:
    """Two batches whose order follows from the epoch's number."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return 2

    def __getitem__(self, number):
        rng = np.random.default_rng([self.epoch, number])
        images = rng.normal(size=(4, 8, 8, 1)).astype("float32")
        return images, {"valence": np.eye(2, dtype="float32")[rng.integers(0, 2, 4)]}

    def on_epoch_end(self):
        self.epoch += 1


def adversarial(ends_at=0):
    rounds, scores = players(), {1: 0.3, 2: 0.6, 3: 0.5, 4: 0.5, 5: 0.5, 6: 0.9}
    batches = Labelled()

    def validate():
        if batches.epoch + 1 == ends_at:
            raise KeyboardInterrupt
        return scores[batches.epoch + 1]

    def follow(epoch):
        return {"epoch": epoch, "image": np.asarray(rounds.generator(np.ones((1, 4), "float32")))}

    rng = np.random.default_rng(1)
    unlabelled = (rng.normal(size=(4, 8, 8, 1)).astype("float32") for _ in range(100))
    history = rounds.fit(batches, validate, 6, unlabelled, 2, patience=3, on_epoch=follow, warmup=3)
    return history.drop(columns="seconds"), rounds.get_state(), rounds.followed


@pytest.mark.parametrize("ends_at", [2, 5])
def test_alternating_training_goes_on_with_the_same_numbers(ends_at, tmp_path):
    with checkpoints.of_run(tmp_path / "whole"):
        history, state, followed = adversarial()
    with pytest.raises(KeyboardInterrupt), checkpoints.of_run(tmp_path / "stopped"):
        adversarial(ends_at)
    with checkpoints.of_run(tmp_path / "stopped") as run:
        again, state_again, followed_again = adversarial()
    assert run.before > 0
    assert len(history) == 5
    pd.testing.assert_frame_equal(history, again, check_exact=True)
    for one, other in zip(state, state_again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert [one["epoch"] for one in followed] == [one["epoch"] for one in followed_again] == [1, 2, 3, 4, 5]
    for one, other in zip(followed, followed_again, strict=True):
        np.testing.assert_array_equal(one["image"], other["image"])
