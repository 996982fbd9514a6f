"""Alternating training: who changes what, what is stopped and restored, and that the backends agree.

``python tests/test_adversarial.py FOLDER`` makes the step that `test_backends_agree` compares.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from serkit import planning, study, training
from serkit.adversarial import (
    AlternatingTraining,
    _generated_loss,
    _real_loss,
    _uniform_noise,
    diversity,
    spectrum_correlation,
)
from serkit.errors import SerkitError

HEIGHT, WIDTH, NOISE, CLASSES, BATCH = 16, 8, 6, 5, 8


def parts(classes=CLASSES, dropout=0.3, filters=4):
    """Trunk, heads, real and generator, all with batch normalisation where they have hidden layers."""

    def normalised(x):
        return layers.LeakyReLU(0.2)(layers.BatchNormalization(momentum=0.9)(x))

    images = keras.Input((HEIGHT, WIDTH, 1))
    x = layers.LeakyReLU(0.2)(layers.Conv2D(filters, 3, strides=2, padding="same")(images))
    x = normalised(layers.Conv2D(2 * filters, 3, strides=2, padding="same", use_bias=False)(x))
    trunk = keras.Model(images, layers.Dropout(dropout)(layers.Flatten()(x)))

    features = keras.Input(trunk.output_shape[1:])
    real = keras.Model(features, layers.Dense(1)(features))
    hidden = normalised(layers.Dense(8, use_bias=False)(features))  # shared by the heads
    heads = {task: keras.Model(features, layers.Dense(classes)(hidden)) for task in ("valence", "activation")}

    noise = keras.Input((NOISE,))
    x = normalised(layers.Dense(HEIGHT // 4 * WIDTH // 4 * 2 * filters, use_bias=False)(noise))
    x = layers.Reshape((HEIGHT // 4, WIDTH // 4, 2 * filters))(layers.Dropout(dropout)(x))
    x = normalised(layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(x))
    x = layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh")(x)
    return {"trunk": trunk, "heads": heads, "real": real, "generator": keras.Model(noise, x)}


def batch(random, classes=CLASSES, count=BATCH):
    """Labelled images, targets (some of them shared by two classes), unlabelled images, noise."""
    labelled, unlabelled = random.normal(scale=0.5, size=(2, count, HEIGHT, WIDTH, 1)).astype("float32")
    one, other = np.eye(classes, dtype="float32")[random.integers(0, classes, (2, count))]
    return labelled, {"valence": one, "activation": (one + other) / 2}, unlabelled, _uniform_noise(random, count, NOISE)


def models(rounds):
    return {"trunk": rounds.trunk, "real": rounds.real, "generator": rounds.generator, **rounds.heads}


def weights(rounds):
    """(model, place) -> weights and moving statistics; without seeds and optimisers."""
    return {(name, n): value for name, one in models(rounds).items() for n, value in enumerate(one.get_weights())}


def values(optimizer):
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in optimizer.variables]


@pytest.fixture
def rounds():
    keras.utils.set_random_seed(1)
    return AlternatingTraining(**parts(), learning_rate=1e-2)


def test_losses_are_those_of_the_paper(random):
    logits = random.normal(scale=3, size=(20, 1))
    y = 1 / (1 + np.exp(-logits))
    for function, expected in (
        (_real_loss, -np.log(y).mean()),
        (_generated_loss, -np.log(1 - y).mean()),
    ):
        assert float(function(keras.ops.convert_to_tensor(logits, "float32"))) == pytest.approx(expected, rel=1e-5)
    extreme = keras.ops.convert_to_tensor(np.array([[-1000.0], [1000.0]]), "float32")
    assert float(_real_loss(extreme)) == float(_generated_loss(extreme)) == 500

    loss = classifier().loss
    logits, targets = random.normal(size=(20, 5)), random.dirichlet(np.ones(5), 20)
    expected = -(targets * np.log(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))).sum(axis=1).mean()
    given = [keras.ops.convert_to_tensor(one, "float32") for one in (targets, logits)]
    assert float(loss(*given)) == pytest.approx(expected, rel=1e-5)
    halves = keras.ops.convert_to_tensor([[0, 0, 0, 0.5, 0.5]], "float32")
    assert float(loss(halves, 30 * halves)) == pytest.approx(np.log(2), abs=1e-4)


@pytest.mark.parametrize(
    ("player", "changes"),
    [
        ("generator", {"generator"}),
        ("discriminator", {"trunk", "real"}),
        ("valence", {"trunk", "valence"}),
        ("activation", {"trunk", "activation"}),
    ],
)
def test_an_update_changes_its_own_weights_and_statistics_alone(player, changes, rounds, random):
    rounds.players = [player]
    before = weights(rounds)
    others = {name: values(optimizer) for name, optimizer in rounds.optimizers.items()}
    rounds.step(*batch(random))
    changed = {key for key, value in weights(rounds).items() if not np.array_equal(value, before[key])}
    statistics = {("trunk", place) for place in range(len(rounds.trunk.weights))[-2:]}  # its moving mean and variance
    assert statistics.isdisjoint(changed) == (player in ("generator", "discriminator")), "of labelled images alone"
    if player == "discriminator":
        changed |= statistics
    shared = len(rounds.heads["valence"].layers[1].weights) + 4  # the dense layer and its normalisation
    assert shared == 5
    for key in before:
        in_both = key[0] in rounds.heads and key[1] < shared and player in rounds.heads
        assert (key in changed) == (key[0] in changes or in_both), key
    for name, optimizer in rounds.optimizers.items():
        same = all(map(np.array_equal, values(optimizer), others[name]))
        assert same == (name != player)


def test_moving_statistics_learn_from_labelled_images_alone(rounds, random):
    """So that models with a generator classify by statistics of the same speech as models without one."""
    labelled, targets, unlabelled, noise = batch(random)
    rounds.players = ["discriminator", "valence"]
    state, after = rounds.get_state(), []
    for one, other in ((unlabelled, noise), (-unlabelled, noise), (unlabelled, -noise)):
        rounds.set_state(state)
        for optimizer in rounds.optimizers.values():
            optimizer.learning_rate = 0.0
        rounds.step(labelled, targets, one, other)
        after.append(rounds.trunk.get_weights()[-2:])  # moving mean and variance
    for moved in after[1:]:
        for one, other in zip(after[0], moved, strict=True):
            np.testing.assert_array_equal(one, other)

    normalisation = next(layer for layer in rounds.trunk.layers if isinstance(layer, layers.BatchNormalization))
    inputs = keras.Model(rounds.trunk.input, normalisation.input).predict(labelled, verbose=0)
    np.testing.assert_allclose(after[0][0], inputs.mean(axis=(0, 1, 2)) * 0.1, atol=1e-6)  # from 0, momentum 0.9


def test_the_discriminator_learns_from_unlabelled_and_generated_images(rounds, random):
    labelled, targets, unlabelled, noise = batch(random)
    rounds.players = ["discriminator"]
    state, kernels = rounds.get_state(), []
    for one, other in ((unlabelled, noise), (-unlabelled, noise), (unlabelled, -noise)):
        rounds.set_state(state)
        rounds.step(labelled, targets, one, other)
        kernels.append(rounds.trunk.get_weights()[0])
    assert not np.array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])


def test_another_loss(random):
    """Regression, for instance: the mean squared error of one number."""
    whole = parts(classes=1)
    rounds = AlternatingTraining(
        whole["trunk"],
        {"valence": whole["heads"]["valence"]},
        learning_rate=1e-2,
        loss=keras.losses.MeanSquaredError(),
    )
    labelled, ratings = batch(random)[0], random.uniform(1, 5, (BATCH, 1)).astype("float32")
    first = rounds.step(labelled, {"valence": ratings})["valence"]
    assert first > 3, "about the mean square of ratings"
    for _ in range(60):
        last = rounds.step(labelled, {"valence": ratings})["valence"]
    assert last < first / 3


def test_a_warm_up_changes_generator_and_discriminator_alone(rounds, random):
    before, whole = weights(rounds), {}
    batches = labelled_batches(random, 2)
    unlabelled = itertools.repeat(batch(random)[2])

    def validate():
        whole.update(weights(rounds))
        return 0.5

    history = rounds.fit(batches, validate, 2, unlabelled, warmup=7)
    assert history["rounds"].tolist() == [7 + 2, 7 + 4]
    assert history["epoch"].tolist() == [1, 2]
    assert int(rounds.optimizers["generator"].iterations.numpy()) == 7 + 2, "of the best epoch"
    assert int(rounds.optimizers["valence"].iterations.numpy()) == 2
    assert any(not np.array_equal(value, before[key]) for key, value in whole.items())
    with pytest.raises(SerkitError, match=r"^warmup 3: only a generator and its discriminator can learn without lab"):
        classifier().fit(batches, lambda: 0.5, 1, warmup=3)


def test_a_plan_trains_a_part_and_reckons_the_whole(random, tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_PLAN", str(tmp_path / "plan.jsonl"))
    unlabelled = itertools.repeat(batch(random)[2])
    with planning.trials() as made:
        history = AlternatingTraining(**parts()).fit(
            labelled_batches(random, 9), lambda: 0.5, 50, unlabelled, warmup=700
        )
    (one,) = made
    assert history["rounds"].tolist() == [planning.STEPS * epoch for epoch in range(1, planning.EPOCHS + 1)]
    assert (one.steps, one.epochs) == (50 * 9 + 700, 50)
    assert one.whole > one.more > 0
    assert one.whole / one._timed[0] > (50 * 9 + 700) / planning.STEPS


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch traces nothing")
def test_a_round_is_traced_once(random):
    traced = []

    class Watched(layers.Layer):
        def call(self, inputs):
            traced.append(inputs.shape)
            return inputs

    whole = parts()
    images = keras.Input((HEIGHT, WIDTH, 1))
    whole["trunk"] = keras.Model(images, whole["trunk"](Watched()(images)))
    rounds = AlternatingTraining(**whole)
    traced.clear()
    losses = [rounds.step(*batch(random)) for _ in range(3)]
    assert len(traced) == 5  # generator 1, discriminator 2, classifiers 1 each
    assert all(list(one) == ["generator", "discriminator", "valence", "activation"] for one in losses)
    assert all(isinstance(loss, float) and 0 < loss < 10 for one in losses for loss in one.values())


def test_dropout_is_drawn_anew_in_every_step(random):
    rounds = AlternatingTraining(**parts(), learning_rate=0.0)
    given = batch(random)
    losses = [rounds.step(*given)["valence"] for _ in range(3)]
    assert len(set(losses)) == 3
    if keras.backend.backend() == "torch":  # its dropout without a seed of its own draws from PyTorch's generator
        return
    for model, calls in ((rounds.trunk, 5), (rounds.generator, 2)):  # of a round: each has a mask of its own
        (dropout,) = [layer for layer in model.layers if isinstance(layer, layers.Dropout)]
        assert np.asarray(dropout.seed_generator.state.value)[1] == 3 * calls
    state = rounds.get_state()
    assert rounds.step(*given) != (again := rounds.step(*given))
    rounds.set_state(state)
    rounds.step(*given)
    assert rounds.step(*given) == pytest.approx(again, rel=1e-6)


class Batches:
    """Labelled batches in memory that count the epochs."""

    def __init__(self, items):
        self.items, self.epochs = items, 0

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        return self.items[number]

    def on_epoch_end(self):
        self.epochs += 1


def labelled_batches(random, count, **options):
    return Batches([batch(random, **options)[:2] for _ in range(count)])


def classifier(learning_rate=1e-2, **options):
    """chang2017's BasicCNN: no generator, one task."""
    whole = parts(**options)
    return AlternatingTraining(whole["trunk"], {"valence": whole["heads"]["valence"]}, learning_rate=learning_rate)


@pytest.mark.parametrize(
    ("scores", "epochs", "kept"),
    [
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.9], 6, 1),  # five in a row that are lower
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9], 6, 1),  # equal is not higher
        ([0.5, 0.4, 0.4, 0.4, 0.4, 0.6, 0.5], 7, 6),  # a higher one begins the search anew; the last epoch ends it
    ],
)
def test_training_stops_as_the_paper_words_it(scores, epochs, kept, random):
    rounds, seen, told = classifier(), [], []

    def validate():
        seen.append(rounds.get_state())
        return scores[len(seen) - 1]

    batches = labelled_batches(random, 2)
    history = rounds.fit(batches, validate, len(scores), on_epoch=told.append)
    assert history["epoch"].tolist() == told == list(range(1, epochs + 1))
    assert history["validation"].tolist() == scores[:epochs]
    assert history.columns.tolist() == ["epoch", "rounds", "valence", "validation", "seconds"]
    assert history["rounds"].tolist() == [2 * epoch for epoch in history["epoch"]]
    assert batches.epochs == epochs
    same = [all(map(np.array_equal, state, rounds.get_state())) for state in seen]
    assert same == [number == kept for number in range(1, epochs + 1)]


def test_a_nan_is_named_and_the_last_good_state_restored(random):
    rounds, seen = AlternatingTraining(**parts(), learning_rate=1e-3), []
    batches = labelled_batches(random, 3)

    def validate():
        seen.append(rounds.get_state())
        batches.items[1][0][0] = np.nan  # from the second epoch on
        return 0.5

    unlabelled = itertools.repeat(batch(random)[2])
    with pytest.raises(
        SerkitError, match=r"loss of valence is nan in epoch 2, step 2: lower the learning rate.* after epoch 1$"
    ):
        rounds.fit(batches, validate, 5, unlabelled)
    assert len(seen) == 1
    assert all(map(np.array_equal, seen[0], rounds.get_state()))
    batches = labelled_batches(random, 3)
    history = rounds.fit(batches, lambda: 0.5, 1, unlabelled)  # goes on
    assert np.isfinite(history.to_numpy()).all()


def test_divergence_is_an_error(random):
    rounds = classifier()
    before = rounds.get_state()
    with pytest.raises(SerkitError, match=r"loss of valence is .* in epoch 1, step 1: .* before training"):
        rounds.fit(labelled_batches(random, 2), lambda: 0.5, 2, limit=0.01)
    rounds = classifier(learning_rate=float("inf"))  # spoils the weights with the very last update
    before = rounds.get_state()
    with pytest.raises(SerkitError, match="weights of valence are not finite in epoch 1, step 1"):
        rounds.fit(labelled_batches(random, 1), lambda: 0.5, 2)
    assert all(map(np.array_equal, before, rounds.get_state()))


def test_checks_between_do_not_shift_the_step(random, monkeypatch):
    monkeypatch.setattr("serkit.adversarial.CHECK_EVERY", 2)
    batches = labelled_batches(random, 7)
    batches.items[4][0][0] = np.nan
    with pytest.raises(SerkitError, match="epoch 1, step 5"):
        classifier().fit(batches, lambda: 0.5, 1)


def test_one_seed_fixes_everything():
    found = []
    for seeds in ((1,), (1, 2)):
        training.seed_everything(1)
        rounds = AlternatingTraining(**parts())
        state = rounds.get_state()
        for seed in seeds:
            rounds.set_state(state)
            random = np.random.default_rng(3)
            rounds.fit(labelled_batches(random, 3), lambda: 0.5, 2, itertools.repeat(batch(random)[2]), seed=seed)
            found.append(np.concatenate([value.ravel() for value in weights(rounds).values()]))
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.allclose(found[0], found[2])


def small_players(rate):
    return AlternatingTraining(**parts(), learning_rate=rate)


def playing(seed, rate, players_of=study.compiled):
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    players = players_of(small_players, rate)
    unlabelled = iter(rng.normal(size=(20, BATCH, HEIGHT, WIDTH, 1)).astype("float32"))
    history = players.fit(labelled_batches(rng, 2), lambda: 0.5, 2, unlabelled, seed)
    found = np.concatenate([one.ravel() for one in players.get_state()]).astype(float)
    return study.Outcome(pd.DataFrame({"p": found}), history.drop(columns="seconds"))


def playing_anew(seed, rate):
    return playing(seed, rate, lambda build, *arguments: build(*arguments))


def test_runs_alike_compile_once_and_give_the_numbers_of_new_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "_networks", study._Networks())
    specs, tables = study.grid(seed=[0, 1], rate=[0.01]) + study.grid(seed=[0], rate=[0.1]), []
    for function in (playing, playing_anew):
        one = study.Study(tmp_path / function.__name__, function)
        runs = one.complete(specs)
        tables.append((one.predictions(runs), one.histories(runs)))
    assert len(study._networks.idle) == 2, "three runs, one set of players for each learning rate"
    for first, second in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def bands(random, count):
    """Noisy images with a bright band low (class 0) or high (class 1), and their classes."""
    classes = random.integers(0, 2, count)
    rows = np.arange(HEIGHT)[None] - np.where(classes, 11, 4)[:, None]
    images = 1.6 * np.exp(-0.5 * rows[..., None, None] ** 2) - 0.8 + random.normal(size=(count, HEIGHT, WIDTH, 1)) / 10
    return images.clip(-1, 1).astype("float32"), classes


def test_it_learns_to_classify_and_to_generate():
    training.seed_everything(0)
    random = np.random.default_rng(5)
    rounds = AlternatingTraining(**parts(classes=2, filters=8), learning_rate=2e-3)
    test_images, test_classes = bands(random, 200)
    noise = _uniform_noise(random, 200, NOISE)

    def labelled():
        images, classes = bands(random, 16)
        target = np.eye(2, dtype="float32")[classes]
        return images, {"valence": target, "activation": target[:, ::-1]}

    def accuracy(task="valence"):
        logits = rounds.heads[task].predict(rounds.trunk.predict(test_images, verbose=0), verbose=0)
        return float(np.mean(logits.argmax(axis=1) == test_classes))

    def likeness():
        return spectrum_correlation(test_images, rounds.generator.predict(noise, verbose=0))

    alike = [likeness()]
    unlabelled = (bands(random, 16)[0] for _ in itertools.count())
    batches = Batches([labelled() for _ in range(40)])
    history = rounds.fit(batches, accuracy, 4, unlabelled, on_epoch=lambda _: alike.append(likeness()))
    assert accuracy() == history["validation"].max() > 0.9
    assert accuracy("activation") < 0.1  # its targets are swapped
    assert alike[0] < 0.5
    assert alike[-1] > 0.8


def test_models_without_generator_or_second_task(random):
    assert classifier().players == ["valence"]
    whole = parts()
    heads = whole.pop("heads")
    one = AlternatingTraining(heads={"valence": heads["valence"]}, **whole)
    labelled, targets, unlabelled, noise = batch(random)
    assert list(one.step(labelled, targets, unlabelled, noise)) == ["generator", "discriminator", "valence"]
    both = AlternatingTraining(whole["trunk"], heads)
    assert list(both.step(labelled, targets)) == ["valence", "activation"]


def test_errors(random):
    whole = parts()
    labelled, targets, unlabelled, noise = batch(random)
    with pytest.raises(SerkitError, match=r"generator and `real`.*give both or neither"):
        AlternatingTraining(whole["trunk"], whole["heads"], whole["real"])
    with pytest.raises(SerkitError, match="at least one task"):
        AlternatingTraining(whole["trunk"], {})
    rounds = AlternatingTraining(**whole)
    with pytest.raises(SerkitError, match="give both"):
        rounds.step(labelled, targets, unlabelled)
    with pytest.raises(SerkitError, match=r"unknown task among the targets 'activation'.*valid: valence"):
        rounds.step(labelled, {"valence": targets["valence"]}, unlabelled, noise)
    with pytest.raises(SerkitError, match="no unlabelled images in epoch 1, step 2"):
        rounds.fit([(labelled, targets)] * 3, lambda: 0.5, 1, iter([unlabelled]))
    with pytest.raises(SerkitError, match="no labelled batches"):
        rounds.fit([], lambda: 0.5, 1)
    with pytest.raises(SerkitError, match="validation score of epoch 1 is nan"):
        classifier().fit([(labelled, targets)], lambda: float("nan"), 1)
    regularised = keras.Sequential([keras.Input((3,)), layers.Dense(1, kernel_regularizer="l2")])
    with pytest.raises(SerkitError, match=r"add losses \(regularisers\)"):
        AlternatingTraining(regularised, whole["heads"])


def test_spectra_are_averaged_and_correlated(random):
    real = random.normal(size=(3, 10, 4, 1))
    scaled = 2 * np.concatenate([real, real], axis=2) + 1
    assert spectrum_correlation(real, scaled) == pytest.approx(1)
    assert spectrum_correlation(real, -real) == pytest.approx(-1)
    assert spectrum_correlation(real, np.ones((2, 10, 4, 1))) == 0
    upside_down = spectrum_correlation(real, real[:, ::-1])
    expected = np.corrcoef(real.mean(axis=(0, 2, 3)), real[:, ::-1].mean(axis=(0, 2, 3)))[0, 1]
    assert upside_down == pytest.approx(expected)
    with pytest.raises(SerkitError, match="of one height"):
        spectrum_correlation(real, real[:, 1:])


def test_diversity_sees_a_collapse_that_mean_spectra_do_not(random):
    real = random.normal(size=(12, 10, 4, 1))
    pairs = [np.abs(one - other).mean() for one, other in itertools.combinations(real, 2)]
    assert diversity(real) == pytest.approx(np.mean(pairs))
    collapsed = np.repeat(real.mean(axis=0, keepdims=True), 12, axis=0)
    assert spectrum_correlation(real, collapsed) == pytest.approx(1)
    assert diversity(collapsed) == pytest.approx(0)
    with pytest.raises(SerkitError, match="two images or more; got 1"):
        diversity(real[:1])


def make_step(folder):
    """A step on this backend: weights and batch come from ``folder``, losses and weights go there."""
    given = np.load(folder / "before.npz")
    rounds = AlternatingTraining(**parts(dropout=0.0), learning_rate=1e-3)
    for name, model in models(rounds).items():
        model.set_weights([given[f"{name}{place}"] for place in range(len(model.weights))])
    targets = {task: given[task] for task in rounds.heads}
    losses = [list(rounds.step(given["labelled"], targets, given["unlabelled"], given["noise"]).values())]
    after = {f"{name}{place}": value for (name, place), value in weights(rounds).items()}
    np.savez(folder / f"{keras.backend.backend()}.npz", losses=losses, **after)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="starts the others from TensorFlow")
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_backends_agree(backend, rounds, random, tmp_path):
    pytest.importorskip(backend)
    labelled, targets, unlabelled, noise = batch(random)
    before = {f"{name}{place}": value for (name, place), value in weights(rounds).items()}
    np.savez(tmp_path / "before.npz", labelled=labelled, unlabelled=unlabelled, noise=noise, **targets, **before)
    make_step(tmp_path)
    environment = {**os.environ, "KERAS_BACKEND": backend, "XLA_FLAGS": "--xla_backend_optimization_level=0"}
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path)], check=False, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    one, other = (np.load(tmp_path / f"{name}.npz") for name in ("tensorflow", backend))
    for name in one.files:
        np.testing.assert_allclose(one[name], other[name], rtol=1e-4, atol=2e-5, err_msg=name)


if __name__ == "__main__":
    make_step(Path(sys.argv[1]))
