"""Alternating training of a generative adversarial network whose discriminator also classifies (chang2017).

Players learn in turns: the generator, the discriminator, and one classifier a task. All but the generator share the
trunk, a stack of convolutions, so that images without labels shape what the classifiers see. `AlternatingTraining`
compiles one round of updates into one function, on TensorFlow and on JAX; on PyTorch it runs as it is written. Without
a generator it trains the classifiers alone, without a second task only one of them: chang2017's four models.

The losses are those of chang2017, section 2, with predictions y = sigmoid(logit). Means are over the N images:

    L_r = -mean(log y_r)          the discriminator's, over real images
    L_f = -mean(log(1 - y_g))     the discriminator's, over generated images
    L_d = L_r + L_f
    L_g = -mean(log y_g)          the generator's: L_r, of generated images

They are computed from logits: -log y = softplus(-logit) and -log(1 - y) = softplus(logit), which stay finite where a
sigmoid is rounded to 0 or 1. The classifiers' is the cross entropy of a softmax with the fuzzy target, unless another
is given.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import ops

from serkit import checkpoints, metrics, planning, progress
from serkit.errors import SerkitError, one_of

CHECK_EVERY = 100  # steps between looks at the losses; each look waits for the device


def _real_loss(logits: Any) -> Any:
    """Cross entropy of calling images real, from the discriminator's logits (B, 1): a scalar.

    Of real images it is L_r, a part of the discriminator's loss; of generated ones it is L_g, the generator's, which is
    low where they pass for real.
    """
    return ops.mean(ops.softplus(-logits))


def _generated_loss(logits: Any) -> Any:
    """L_f of the discriminator's logits for generated images, (B, 1): a scalar."""
    return ops.mean(ops.softplus(logits))


def _uniform_noise(rng: np.random.Generator, count: int, dimensions: int) -> np.ndarray:
    """What the generator makes images of: float32, (count, dimensions), between -1 and 1 (Radford 2015, section 4)."""
    return rng.uniform(-1, 1, (count, dimensions)).astype(np.float32)


def spectrum_correlation(real: np.ndarray, generated: np.ndarray) -> float:
    """Correlation of two mean spectra: near 1 where generated images have the energy of real ones at each frequency.

    It does not notice a generator that draws one image again and again: look at `diversity`, too.

    Args:
        real: spectrograms, (B, height, width, 1): frequency, then time.
        generated: (B', height, width', 1).

    Returns:
        Pearson's correlation over the rows of the images averaged over batch and time; 0 where a spectrum is flat.

    Raises:
        SerkitError: images of another shape, or of different heights.
    """
    real, generated = np.asarray(real), np.asarray(generated)
    if real.ndim != 4 or generated.ndim != 4 or real.shape[1] != generated.shape[1]:
        raise SerkitError(
            f"mean spectra are taken of images (B, height, width, 1) of one height; got {real.shape} and "
            f"{generated.shape}"
        )
    return metrics.pearson(real.mean(axis=(0, 2, 3)), generated.mean(axis=(0, 2, 3)))


def diversity(images: np.ndarray) -> float:
    """How different images are from one another: mean |a - b| over their pixels and all pairs of images.

    Compare generated images with as many real ones: a generator that has collapsed draws one image, whose diversity
    is 0, whatever its mean spectrum.

    Args:
        images: (B, ...), two or more.

    Raises:
        SerkitError: fewer than two images.

    >>> diversity(np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]))
    0.6666666666666666
    """
    images = np.asarray(images, np.float64)
    if len(images) < 2:
        raise SerkitError(f"diversity is that of two images or more; got {len(images)}")
    flat = np.sort(images.reshape(len(images), -1), axis=0)
    ranks = 2 * np.arange(len(images)) + 1 - len(images)  # of n sorted values, the sum of all gaps is ranks @ values
    return float((ranks @ flat).mean() / (len(images) * (len(images) - 1) / 2))


@dataclass
class _Course:
    """Where a training is: what it goes on with."""

    last_state: list[np.ndarray]  # after the last epoch without a loss that is not finite
    best_state: list[np.ndarray]
    rows: list[dict] = field(default_factory=list)  # one an epoch
    followed: list = field(default_factory=list)
    best: float = -np.inf
    waited: int = 0  # epochs since the best

    def add(self, row: dict) -> None:
        """An epoch with its validation score."""
        self.rows.append(row)
        self.waited += 1
        if row["validation"] > self.best:
            self.best, self.best_state, self.waited = row["validation"], self.last_state, 0


class AlternatingTraining:
    """Generator, discriminator and classifiers that learn in turns (chang2017, section 3).

    A round is one update of each player in this order, each by its own Adam:

    ==============  =======================  ======================================
    player          loss                     what it changes
    ==============  =======================  ======================================
    generator       L_g                      generator
    discriminator   L_d = L_r + L_f          trunk and `real`
    each task       `loss`                   trunk and the task's head
    ==============  =======================  ======================================

    Moving statistics learn less often: the generator's in its own update alone, the trunk's in the classifiers' updates
    alone. They are what the classifiers are tested with, on speech like the labelled; statistics of other speech would
    be part of the classifiers of the models with a generator, and of no others. Every update normalises by the
    statistics of its own batch; the discriminator sees real and generated images as two batches.

    Args:
        trunk: images (B, height, width, 1) -> features (B, F).
        heads: task -> features -> outputs, such as logits (B, classes), in the order of their updates. Heads may share
            layers.
        real: features -> the logit (B, 1) of an image being real; with `generator` only.
        generator: noise (B, Z) -> images. None trains the classifiers alone.
        learning_rate: of every player (table 1).
        beta_1: of Adam. The paper does not say; 0.5 is what the DCGAN it builds upon takes (Radford 2015, section 4).
        loss: of the classifiers, ``loss(targets, outputs)`` -> a scalar; default is Keras' categorical cross entropy
            from logits. It is lowest where the prediction equals the target: at (0, 0, 0, 1/2, 1/2) that is log 2.

    Attributes:
        players: names in the order of the updates: "generator", "discriminator" and the tasks.
        optimizers: player -> ``keras.optimizers.Adam``.
        followed: of each epoch of the latest `fit`, what its `on_epoch` returned.

    Raises:
        SerkitError: parts that do not belong together, layers that add losses of their own (which no player's loss
            has), or a backend other than TensorFlow, JAX and PyTorch.
    """

    def __init__(
        self,
        trunk: keras.Model,
        heads: dict[str, keras.Model],
        real: keras.Model | None = None,
        generator: keras.Model | None = None,
        learning_rate: float = 1e-4,
        beta_1: float = 0.5,
        loss: Callable[[Any, Any], Any] | None = None,
    ):
        backend = one_of(keras.backend.backend(), _COMPILED, "backend for alternating training")
        if (real is None) != (generator is None):
            raise SerkitError("the generator and `real`, the discriminator's end, go together: give both or neither")
        if not heads or {"generator", "discriminator"} & set(heads):
            raise SerkitError(f"heads need at least one task, not called generator or discriminator; got {list(heads)}")
        self.trunk, self.heads, self.real, self.generator = trunk, dict(heads), real, generator
        self.loss = keras.losses.CategoricalCrossentropy(from_logits=True) if loss is None else loss
        models = [model for model in (generator, trunk, real, *heads.values()) if model is not None]
        for model in models:
            if model.losses:
                raise SerkitError(f"{model.name!r} has layers that add losses (regularisers): take them out")
        learners = {} if generator is None else {"generator": [generator], "discriminator": [trunk, real]}
        learners |= {task: [trunk, head] for task, head in heads.items()}
        self.players = list(learners)
        self._learned = {player: _unique("trainable_variables", parts) for player, parts in learners.items()}
        # epsilon is that of TensorFlow 1, which the paper was run on; Keras' own is 1e-7.
        self.optimizers = {player: keras.optimizers.Adam(learning_rate, beta_1, epsilon=1e-8) for player in learners}
        for player, optimizer in self.optimizers.items():
            optimizer.build(self._learned[player])
        self._variables = _unique("variables", models)
        self._weights = {id(variable) for variable in _unique("weights", models)}
        self._everything = [*self._variables, *_unique("variables", self.optimizers.values())]
        self.followed: list = []
        self._compiled = _COMPILED[backend](self)

    @property
    def variables(self) -> list[keras.Variable]:
        """Everything that learns: weights, moving statistics, dropout's seeds and the optimisers' values."""
        return list(self._everything)

    def to_json(self) -> str:
        """What tells it from another one, as of a `keras.Model`: networks, optimisers and loss."""
        models = {"trunk": self.trunk, "real": self.real, "generator": self.generator, **self.heads}
        parts = {name: model.to_json() for name, model in models.items() if model is not None}
        settings = [optimizer.get_config() for optimizer in self.optimizers.values()]
        loss = [type(self.loss).__name__, getattr(self.loss, "get_config", dict)()]
        return json.dumps([parts, settings, loss], default=repr)

    def step(self, labelled: Any, targets: dict, unlabelled: Any = None, noise: Any = None) -> dict[str, float]:
        """One round of updates.

        Batches of one shape are compiled once, at their first step.

        Args:
            labelled: images (B, height, width, 1).
            targets: task -> (B, classes), or what `loss` takes.
            unlabelled: images (B', height, width, 1); with a generator only.
            noise: (B', Z); see `_uniform_noise`. The generator's update and the discriminator's take the same.

        Returns:
            The loss of each player, each before its own update and after those of the players before it.

        Raises:
            SerkitError: targets of a task, unlabelled images or noise are missing.
        """
        losses = ops.convert_to_numpy(self._step(self.players, labelled, targets, unlabelled, noise))
        return dict(zip(self.players, losses.tolist(), strict=True))

    def _step(self, players: Sequence[str], labelled: Any, targets: dict, unlabelled: Any, noise: Any) -> Any:
        """One update of each of some players, without waiting for their losses, (players,)."""
        tasks = [player for player in players if player in self.heads]
        for task in tasks:
            one_of(task, targets, "task among the targets")
        if self.generator is None:
            unlabelled = noise = None
        elif unlabelled is None or noise is None:
            raise SerkitError("a generator learns from unlabelled images and noise: give both")
        labels = {task: _tensor(targets[task]) for task in tasks}
        return self._compiled(tuple(players), (_tensor(labelled), labels, _tensor(unlabelled), _tensor(noise)))

    def fit(
        self,
        labelled: Sequence,
        validate: Callable[[], float],
        epochs: int,
        unlabelled: Iterator | None = None,
        seed: int = 0,
        patience: int = 5,
        on_epoch: Callable[[int], Any] | None = None,
        limit: float = 1e4,
        warmup: int = 0,
    ) -> pd.DataFrame:
        """Train until validation gets no better, and go back to the best epoch (chang2017, section 5).

        While a plan is made (`serkit.planning`), training is cut short. In a run that was stopped, it goes on where it
        was (`serkit.checkpoints`).

        Training ends after `patience` epochs in a row that are not better than the best one. The paper looks for
        "lower" values and goes on for a "higher" one; a value that equals the best is not higher and counts as one of
        the five, so that of equal epochs the first is kept, and a score that never moves ends training.

        Args:
            labelled: batches ``(images, {task: targets})``, such as a ``keras.utils.PyDataset``: it has a length, is
                indexed by number, and its ``on_epoch_end``, if any, is called after every epoch. A smaller last batch
                is compiled for by itself.
            validate: gives the validation score, more is better; called after every epoch.
            epochs: at most.
            unlabelled: an endless iterator of images, as many each time; with a generator only.
            seed: of the noise.
            patience: how many epochs without a better score.
            on_epoch: called with the epoch's number (from 1) after validation, for instance to draw generated images;
                plain values and arrays that it returns, in lists or dicts, are in `followed`.
            limit: a loss above counts as divergence. Chance level is log 5 = 1.6 for five classes.
            warmup: rounds of generator and discriminator alone, before the first epoch; with a generator only.

        Returns:
            One row an epoch: epoch (from 1), rounds so far with those of the warm-up (the number of the generator's
            updates), the mean loss of each player, validation, and seconds since the beginning. The epoch whose weights
            the models now have is the first with the highest validation.

        Raises:
            SerkitError: a loss is not finite or above `limit`, in which case models and optimisers are first set back
                to the end of the last epoch without such a loss; a validation score that is not finite; no batches; a
                warm-up without a generator.
        """
        if not len(labelled):
            raise SerkitError("there are no labelled batches to train on: the training set is empty")
        if warmup and self.generator is None:
            raise SerkitError(f"warmup {warmup}: only a generator and its discriminator can learn without labels")
        labelled, validate, epochs, warmup = planning.shortened(labelled, validate, epochs, warmup)
        rng, began, kept = np.random.default_rng(seed), time.monotonic(), checkpoints.Training()
        unlabelled = iter(() if unlabelled is None else unlabelled)
        at = self._beginning() if kept.state is None else self._gone_on(kept.state, labelled, unlabelled, rng)
        self.followed = at.followed
        began -= at.rows[-1]["seconds"] if at.rows else 0
        for epoch in range(len(at.rows) + 1 if at.rows or not warmup else 0, epochs + 1):
            if at.rows and at.waited == patience:
                break
            progress.detail(f"epoch {epoch}/{epochs}" if epoch else f"warm-up of {warmup} rounds")
            try:
                if epoch:
                    losses = self._rounds(epoch, self.players, labelled, len(labelled), unlabelled, rng, limit)
                else:
                    losses = self._rounds(0, ("generator", "discriminator"), None, warmup, unlabelled, rng, limit)
                at.last_state = self._finite_state(epoch, len(labelled) if epoch else warmup)
            except SerkitError:
                self.set_state(at.last_state)
                raise
            if not epoch:
                continue
            score = float(validate())
            if not np.isfinite(score):
                raise SerkitError(f"the validation score of epoch {epoch} is {score}: is the validation set empty?")
            row = {"epoch": epoch, "rounds": warmup + epoch * len(labelled), **losses, "validation": score}
            at.add(row | {"seconds": time.monotonic() - began})
            if on_epoch is not None:
                at.followed.append(on_epoch(epoch))
            if hasattr(labelled, "on_epoch_end"):
                labelled.on_epoch_end()
            if kept.due:
                kept.keep(vars(at) | {"noise": rng.bit_generator.state})
        self.set_state(at.best_state)
        return pd.DataFrame(at.rows)

    def _beginning(self) -> "_Course":
        state = self.get_state()
        return _Course(state, state)

    def _gone_on(self, kept: dict, labelled: Any, unlabelled: Iterator, rng: np.random.Generator) -> "_Course":
        """Where a stopped training was; batches, noise and what learns are brought there."""
        rng.bit_generator.state = kept["noise"]
        at = _Course(**{one.name: kept[one.name] for one in fields(_Course)})
        self.set_state(at.last_state)
        for _ in at.rows if hasattr(labelled, "on_epoch_end") else ():
            labelled.on_epoch_end()
        for _ in range(at.rows[-1]["rounds"] if self.generator is not None else 0):
            next(unlabelled, None)
        return at

    def get_state(self) -> list[np.ndarray]:
        """A copy of everything that learns: weights, moving statistics, dropout's seeds and the optimisers' values."""
        return [np.array(ops.convert_to_numpy(variable.value)) for variable in self._everything]

    def set_state(self, state: list[np.ndarray]) -> None:
        """Go back to what `get_state` gave."""
        for variable, value in zip(self._everything, state, strict=True):
            variable.assign(value)

    def _rounds(
        self, epoch: int, players: Sequence[str], labelled: Any, steps: int, unlabelled: Iterator, rng, limit: float
    ) -> dict:
        """Mean losses of some players over an epoch, or over the warm-up (epoch 0, without `labelled`)."""
        pending, seen = [], []
        for number in range(steps):
            others = noise = None
            if self.generator is not None:
                others = next(unlabelled, None)
                if others is None:
                    raise SerkitError(
                        f"there are no unlabelled images in epoch {epoch}, step {number + 1}: give an endless iterator"
                    )
                noise = _uniform_noise(rng, len(others), self.generator.input_shape[-1])
            images, targets = (None, {}) if labelled is None else labelled[number]
            pending.append(self._step(players, images, targets, others, noise))
            if len(pending) == CHECK_EVERY or number + 1 == steps:
                losses = np.array([ops.convert_to_numpy(values) for values in pending])  # (steps, players)
                for step, player in np.argwhere(~(losses <= limit)):
                    what = f"the loss of {players[player]} is {losses[step, player]:.4g}"
                    raise _diverged(what, epoch, number + 2 - len(losses) + step)
                seen.append(losses)
                pending = []
        return dict(zip(players, np.concatenate(seen).mean(axis=0, dtype=np.float64).tolist(), strict=True))

    def _finite_state(self, epoch: int, steps: int) -> list[np.ndarray]:
        """The state after an epoch, whose last update may have spoilt weights that no loss has seen yet."""
        state = self.get_state()
        finite = _by_id(self._everything, [np.isfinite(values).all() for values in state])
        bad = [player for player, learned in self._learned.items() if not all(finite[id(one)] for one in learned)]
        if bad:
            raise _diverged(f"weights of {', '.join(bad)} are not finite", epoch, steps)
        return state

    def _loss(self, player: str, values: dict, batch: tuple) -> Any:
        """A player's loss, by `values` (id of a variable -> tensor), into which what layers write is put."""
        labelled, targets, unlabelled, noise = batch

        def call(model: keras.Model, inputs: Any, keep: bool) -> Any:
            """Run a model in training; unless `keep`, its moving statistics stay as they were."""
            with keras.StatelessScope([(variable, values[id(variable)]) for variable in model.variables]) as scope:
                outputs = model(inputs, training=True)
            for variable in model.non_trainable_variables:
                if keep or id(variable) not in self._weights:  # dropout's seeds always go on
                    values[id(variable)] = scope.get_current_value(variable)
            return outputs

        if player in self.heads:
            return self.loss(targets[player], call(self.heads[player], call(self.trunk, labelled, True), True))
        images = call(self.generator, noise, player == "generator")
        generated = call(self.real, call(self.trunk, images, False), False)
        if player == "generator":
            return _real_loss(generated)
        return _real_loss(call(self.real, call(self.trunk, unlabelled, False), True)) + _generated_loss(generated)


def _compiled_on_tensorflow(parts: AlternatingTraining) -> Callable[[tuple, tuple], Any]:
    """A function (players, batch) -> losses that changes the variables; compiled once for the same players."""
    import tensorflow as tf

    def update(player: str, batch: tuple) -> tf.Tensor:
        values = {id(variable): tf.convert_to_tensor(variable.value) for variable in parts._variables}
        learned = [values[id(variable)] for variable in parts._learned[player]]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(learned)
            loss = parts._loss(player, values, batch)
        parts.optimizers[player].apply(tape.gradient(loss, learned), parts._learned[player])
        for variable in parts._variables:
            if not variable.trainable:
                variable.assign(values[id(variable)])
        return loss

    return tf.function(lambda players, batch: tf.stack([update(player, batch) for player in players]))


def _compiled_on_jax(parts: AlternatingTraining) -> Callable[[tuple, tuple], Any]:
    """The same: a pure function of all values, whose results are put into the variables."""
    import jax

    def update(player: str, values: dict, batch: tuple) -> tuple[jax.Array, dict]:
        learned, optimizer = parts._learned[player], parts.optimizers[player]

        def loss(tensors: list) -> tuple[jax.Array, dict]:
            inside = values | _by_id(learned, tensors)
            return parts._loss(player, inside, batch), inside

        before = [values[id(variable)] for variable in learned]
        (value, values), gradients = jax.value_and_grad(loss, has_aux=True)(before)
        own = [values[id(variable)] for variable in optimizer.variables]
        after, own = optimizer.stateless_apply(own, gradients, before)
        return value, values | _by_id(learned, after) | _by_id(optimizer.variables, own)

    @partial(jax.jit, static_argnums=0)
    def updates(players: tuple, tensors: list, batch: tuple) -> tuple[jax.Array, list]:
        values, losses = _by_id(parts._everything, tensors), []
        for player in players:
            loss, values = update(player, values, batch)
            losses.append(loss)
        return jax.numpy.array(losses), [values[id(variable)] for variable in parts._everything]

    def step(players: tuple, batch: tuple) -> jax.Array:
        losses, tensors = updates(players, [variable.value for variable in parts._everything], batch)
        for variable, tensor in zip(parts._everything, tensors, strict=True):
            variable.assign(tensor)
        return losses

    return step


def _written_out_on_torch(parts: AlternatingTraining) -> Callable[[tuple, tuple], Any]:
    """The same, without a compiler: `torch.autograd` differentiates by copies of the weights."""
    import torch

    def update(player: str, batch: tuple) -> torch.Tensor:
        values = {id(variable): variable.value.detach() for variable in parts._variables}
        learned = parts._learned[player]
        weights = [values[id(variable)].clone().requires_grad_() for variable in learned]
        values |= _by_id(learned, weights)
        loss = parts._loss(player, values, batch)
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            parts.optimizers[player].apply(gradients, learned)
            for variable in parts._variables:
                if not variable.trainable:
                    variable.assign(values[id(variable)])
        return loss.detach()

    return lambda players, batch: torch.stack([update(player, batch) for player in players])


_COMPILED = {"tensorflow": _compiled_on_tensorflow, "jax": _compiled_on_jax, "torch": _written_out_on_torch}


def _diverged(what: str, epoch: int, step: int) -> SerkitError:
    before = f"after epoch {epoch - 1}" if epoch > 1 else "before training"  # epoch 0 is the warm-up
    return SerkitError(
        f"{what} in epoch {epoch}, step {step}: lower the learning rate, or look for extreme values in the images. "
        f"The models are as they were {before}"
    )


def _by_id(variables: Sequence[keras.Variable], tensors: Sequence) -> dict:
    return dict(zip(map(id, variables), tensors, strict=True))


def _unique(kind: str, owners: Iterable) -> list[keras.Variable]:
    """The variables of several models or optimisers, those of shared layers once."""
    return list({id(variable): variable for owner in owners for variable in getattr(owner, kind)}.values())


def _tensor(values: Any) -> Any:
    return None if values is None else ops.convert_to_tensor(values, "float32")
