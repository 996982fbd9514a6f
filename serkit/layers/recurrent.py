"""Recurrent layers: the LSTM as one operation, and tao2018's advanced LSTM with its GRU sibling.

Keras on TensorFlow walks a sequence in a loop of small operations, whose calls cost more than their work where
layers are as small as most of speech emotion recognition's. TensorFlow has an operation for a whole sequence, which
`LSTM` uses, and `AdvancedLSTM` for what lies between two combinations.

Fei Tao and Gang Liu, "Advanced LSTM: a study about better time dependency modeling in emotion recognition", ICASSP
2018, section 4.2; the equation numbers below are the paper's.

An ordinary recurrent layer passes its state from frame t to frame t + 1. The advanced one does so too, but every
max(T) frames it passes on a weighted mean of the states at the frames T before the next one: with T = {5, 3, 1}, the
first, third and fifth state of each block of five frames. Blocks are counted from an utterance's own first frame, and
from its own last frame backwards; a block that the utterance does not fill combines nothing.

Shapes: B utterances of T frames, D features a frame.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from serkit.errors import SerkitError, one_of

COMBINATIONS = ("learned", "mean")
WIDEST_IN_ONE_OPERATION = 64  # units; measured by tests/benchmarks/recurrent.py


@keras.saving.register_keras_serializable("serkit")
class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM`, with the same settings, weights and results, and faster on a processor.

    On TensorFlow, without a GPU and up to `WIDEST_IN_ONE_OPERATION` units, a sequence is one operation instead of a
    loop over its frames. In every other case, and with settings that this operation lacks (recurrent dropout, states
    that are handed on or returned, other activations, no bias), it is the Keras layer itself.

    >>> import numpy as np
    >>> tuple(LSTM(4, return_sequences=True)(np.zeros((2, 7, 3))).shape)
    (2, 7, 4)
    """

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        cell = self.cell
        self.plain = (
            (cell.activation, cell.recurrent_activation, cell.use_bias, cell.recurrent_dropout)
            == (keras.activations.tanh, keras.activations.sigmoid, True, 0)
        ) and not (self.stateful or self.return_state or self.unroll)
        if self._is_one_operation():
            self.supports_jit = False  # XLA does not know the operation

    def _is_one_operation(self) -> bool:
        return self.plain and _in_one_operation(self.units, self.compute_dtype)

    def call(self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False) -> Any:
        """Run over the frames, as `keras.layers.LSTM` does.

        Args:
            sequences: (B, T, D).
            initial_state: as in Keras.
            mask: (B, T), false for frames to pass over; the output there is that of the frame before.
            training: as in Keras.

        Returns:
            (B, T, units) if `return_sequences`, in reverse order if `go_backwards`; else (B, units), the last one.
        """
        if initial_state is not None or not self._is_one_operation():
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if training and self.dropout:
            kept = ops.ones_like(sequences[:, 0])  # the same at all frames
            kept = keras.random.dropout(kept, self.dropout, seed=self.cell.seed_generator)
            sequences = sequences * kept[:, None]
        if self.go_backwards:
            sequences = ops.flip(sequences, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        if mask is not None:
            mask = ops.cast(mask, "bool")
            sequences = _take_frames(sequences, _valid_first(mask))
        zeros = ops.zeros((ops.shape(sequences)[0], self.units))
        weights = _for_one_operation(self.cell.kernel, self.cell.recurrent_kernel, self.cell.bias)
        hidden, _ = _run_in_one_operation(ops.transpose(sequences, (1, 0, 2)), *weights, zeros, zeros)
        hidden = ops.transpose(hidden, (1, 0, 2))
        if mask is None:
            return hidden if self.return_sequences else hidden[:, -1]
        count = ops.cumsum(ops.cast(mask, "int32"), axis=1)  # valid frames so far
        passed = ops.where(count[..., None] > 0, _take_frames(hidden, ops.maximum(count - 1, 0)), 0)
        if self.zero_output_for_mask:
            passed = ops.where(mask[..., None], passed, 0)
        return passed if self.return_sequences else passed[:, -1]


class _Block(keras.layers.Layer):
    """One block of max(T) frames, as one step of `keras.layers.RNN`.

    The block is unrolled, so a combination costs no test at each frame and the inputs are projected together.
    """

    gates: int
    states: int

    def __init__(self, owner: "_AdvancedRecurrent"):
        super().__init__(dtype=owner.dtype_policy, name="block")
        self.units = owner.units
        self.steps = owner.steps
        self.frames = max(owner.steps)
        self.learned = owner.combination == "learned" and len(owner.steps) > 1  # one state needs no weight
        self.initializers = (owner.kernel_initializer, owner.recurrent_initializer, owner.combination_initializer)
        self.state_size = [self.units] * self.states
        self.output_size = self.frames * self.units

    def add_weights(self, features: int, bias_shape: tuple[int, ...], bias_initializer: Any) -> None:
        kernel, recurrent, combination = self.initializers
        width = self.gates * self.units
        self.features = features
        self.kernel = self.add_weight(name="kernel", shape=(features, width), initializer=kernel)
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.units, width), initializer=recurrent
        )
        self.bias = self.add_weight(name="bias", shape=bias_shape, initializer=bias_initializer)
        if self.learned:
            self.combination_kernel = self.add_weight(
                name="combination_kernel", shape=(self.units, 1), initializer=combination
            )

    def run(self, recurrence: keras.layers.RNN, inputs: Any) -> Any:
        """Over all blocks, (B, blocks, max(T) D), from zero states: (B, blocks, max(T) units)."""
        return recurrence(inputs)

    def project(self, inputs: Any, bias: Any) -> list:
        """Project a block, (B, max(T) D), at once; return its frames, each (B, gates units)."""
        projected = ops.matmul(ops.reshape(inputs, (-1, self.features)), self.kernel) + bias
        projected = ops.reshape(projected, (-1, self.frames * self.gates * self.units))
        return ops.split(projected, self.frames, axis=-1)

    def combine(self, states: list) -> Any:
        """Equations 8 and 9, 11 and 12: from the block's states, each (B, units), the one to pass on."""
        selected = [states[self.frames - step] for step in self.steps]
        if not self.learned:
            return sum(selected[1:], selected[0]) / len(selected)
        selected = ops.stack(selected, axis=1)  # (B, S, units) for the S steps of T
        scores = ops.matmul(ops.reshape(selected, (-1, self.units)), self.combination_kernel)  # W . C_T
        weights = ops.softmax(ops.reshape(scores, (-1, len(self.steps))), axis=-1)  # (B, S)
        return ops.sum(weights[..., None] * selected, axis=1)


class _LSTMBlock(_Block):
    gates = 4  # input, forget, candidate, output: the order of keras.layers.LSTM
    states = 2

    def __init__(self, owner: "AdvancedLSTM"):
        super().__init__(owner)
        self.unit_forget_bias = owner.unit_forget_bias

    def build(self, input_shape: tuple) -> None:
        self.add_weights(input_shape[-1] // self.frames, (4 * self.units,), self.initial_bias)

    def initial_bias(self, shape: tuple, dtype: Any = None) -> Any:
        forget = [ops.full((self.units,), float(gate == 1 and self.unit_forget_bias), dtype) for gate in range(4)]
        return ops.reshape(ops.concatenate(forget), shape)

    def call(self, inputs: Any, states: list) -> tuple[Any, list]:
        hidden, cell = states  # h' and C', each (B, units)
        hiddens, cells = [], []
        for frame in self.project(inputs, self.bias):
            gates = frame + ops.matmul(hidden, self.recurrent_kernel)
            i, f, candidate, o = ops.split(gates, 4, axis=-1)
            cell = ops.sigmoid(f) * cell + ops.sigmoid(i) * ops.tanh(candidate)  # (6), (7)
            cells.append(cell)
            if len(cells) == self.frames:
                cell = self.combine(cells)  # (8), (9)
            hidden = ops.sigmoid(o) * ops.tanh(cell)  # (10)
            hiddens.append(hidden)
        return ops.concatenate(hiddens, axis=-1), [self.combine(hiddens), cell]  # (11), (12)

    def run(self, recurrence: keras.layers.RNN, inputs: Any) -> Any:
        """Over all blocks; where TensorFlow has its operation, in a loop of few operations a block.

        The operation gives all hidden states and cells of a block; only the last output needs their combination.
        """
        if self.frames == 1 or not _in_one_operation(self.units, self.compute_dtype):
            return super().run(recurrence, inputs)
        import tensorflow as tf

        weights, bias = _for_one_operation(self.kernel, self.recurrent_kernel, self.bias)
        kernel, recurrent_kernel, output_bias = (
            ops.split(weight, 4, axis=-1)[3] for weight in (self.kernel, self.recurrent_kernel, self.bias)
        )
        batch, count = ops.shape(inputs)[:2]
        frames = ops.reshape(inputs, (batch, count, self.frames, self.features))
        frames = ops.transpose(frames, (1, 2, 0, 3))  # (blocks, max(T), B, D)
        projected = ops.matmul(frames[:, -1], kernel) + output_bias

        def one_block(number: Any, hidden: Any, cell: Any, outputs: Any) -> tuple:
            hiddens, cells = _run_in_one_operation(given.read(number), weights, bias, hidden, cell)
            cell = self.combine_all(cells)  # (8), (9)
            o = ops.sigmoid(last.read(number) + ops.matmul(hiddens[-2], recurrent_kernel))
            hiddens = ops.concatenate([hiddens[:-1], (o * ops.tanh(cell))[None]], axis=0)  # (10)
            return number + 1, self.combine_all(hiddens), cell, outputs.write(number, hiddens)  # (11), (12)

        given, last, outputs = (tf.TensorArray(tf.float32, count) for _ in range(3))
        given, last = given.unstack(frames), last.unstack(projected)
        zeros = ops.zeros((batch, self.units))
        begin = (0, zeros, zeros, outputs)
        *_, outputs = tf.while_loop(lambda number, *_: number < count, one_block, begin, maximum_iterations=count)
        outputs = ops.transpose(outputs.stack(), (2, 0, 1, 3))  # (B, blocks, max(T), units)
        return ops.reshape(outputs, (batch, count, self.frames * self.units))

    def combine_all(self, states: Any) -> Any:
        """`combine` in fewer operations of TensorFlow: all states, (max(T), B, units), those not in T with weight 0."""
        import tensorflow as tf

        count = self.frames
        combined = np.array([[step in self.steps] for step in range(count, 0, -1)])  # (max(T), 1)
        if not self.learned:
            weights = tf.constant(combined.T / len(self.steps), "float32")
            return tf.reshape(tf.matmul(weights, tf.reshape(states, (count, -1))), (-1, self.units))
        left_out = np.where(combined, 0, -np.inf).astype("float32")

        @tf.custom_gradient
        def weighted(states: Any, kernel: Any) -> tuple:
            flat = tf.reshape(states, (-1, self.units))
            scores = tf.reshape(tf.matmul(flat, kernel), (count, -1)) + left_out  # W . C_T
            weights = tf.exp(scores - tf.reduce_max(scores, axis=0))
            weights = (weights / tf.reduce_sum(weights, axis=0))[..., None]  # softmax over T
            mean = tf.reduce_sum(weights * states, axis=0)

            def gradient(g: Any) -> tuple:
                of_scores = weights * tf.reduce_sum((states - mean) * g, axis=-1, keepdims=True)
                of_kernel = tf.matmul(flat, tf.reshape(of_scores, (-1, 1)), transpose_a=True)
                return weights * g + of_scores * kernel[:, 0], of_kernel

            return mean, gradient

        return weighted(states, tf.convert_to_tensor(self.combination_kernel))


class _GRUBlock(_Block):
    gates = 3  # update, reset, candidate: the order of keras.layers.GRU
    states = 1

    def build(self, input_shape: tuple) -> None:
        self.add_weights(input_shape[-1] // self.frames, (2, 3 * self.units), "zeros")

    def call(self, inputs: Any, states: list) -> tuple[Any, list]:
        (hidden,) = states  # h', (B, units)
        hiddens = []
        for frame in self.project(inputs, self.bias[0]):
            z, r, candidate = ops.split(frame, 3, axis=-1)
            recurrent = ops.matmul(hidden, self.recurrent_kernel) + self.bias[1]
            z_recurrent, r_recurrent, candidate_recurrent = ops.split(recurrent, 3, axis=-1)
            z = ops.sigmoid(z + z_recurrent)
            r = ops.sigmoid(r + r_recurrent)
            hidden = z * hidden + (1 - z) * ops.tanh(candidate + r * candidate_recurrent)
            hiddens.append(hidden)
        return ops.concatenate(hiddens, axis=-1), [self.combine(hiddens)]  # (11), (12)


class _AdvancedRecurrent(keras.layers.Layer):
    """What `AdvancedLSTM` and `AdvancedGRU` share: all but the block of frames."""

    block: type[_Block]
    # keras.layers.Bidirectional asks. A state handed on would have to say how far its block has come.
    return_state = False
    stateful = False

    def __init__(
        self,
        units: int,
        steps: Sequence[int] = (5, 3, 1),
        combination: str = "learned",
        dropout: float = 0.0,
        return_sequences: bool = False,
        go_backwards: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        combination_initializer: Any = "glorot_uniform",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if not isinstance(units, int) or units < 1:
            raise SerkitError(f"units must be a whole number of at least 1, not {units!r}")
        if not steps or len(set(steps)) < len(steps) or not all(isinstance(s, int) and s >= 1 for s in steps):
            raise SerkitError(f"steps must be different whole numbers of at least 1, such as (5, 3, 1), not {steps!r}")
        if not 0 <= dropout < 1:
            raise SerkitError(f"dropout is a fraction, at least 0 and below 1, not {dropout!r}")
        self.units = units
        self.steps = tuple(steps)
        self.combination = one_of(combination, COMBINATIONS, "combination")
        self.dropout = dropout
        self.return_sequences = return_sequences
        self.go_backwards = go_backwards
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.recurrent_initializer = keras.initializers.get(recurrent_initializer)
        self.combination_initializer = keras.initializers.get(combination_initializer)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple) -> None:
        """Create the weights for inputs of shape (B, T, D)."""
        self.recurrence = keras.layers.RNN(self.block(self), return_sequences=True, dtype=self.dtype_policy)
        self.recurrence.build((input_shape[0], None, max(self.steps) * input_shape[-1]))

    def call(self, inputs: Any, mask: Any = None, training: bool = False, initial_state: Any = None) -> Any:
        """Run over the frames.

        Args:
            inputs: (B, T, D).
            mask: (B, T), false for frames to pass over; they may stand anywhere.
            training: whether to drop inputs.
            initial_state: must be None; `keras.layers.Bidirectional` passes it.

        Returns:
            (B, T, units) if `return_sequences`, zero at masked frames and in reverse order if `go_backwards`; else
            (B, units), the output at the last frame that is not masked.

        Raises:
            SerkitError: an initial state is given.
        """
        if initial_state is not None:
            raise SerkitError(f"{type(self).__name__} begins each sequence at zero: it takes no initial_state")
        if training and self.dropout:
            # As in keras.layers.LSTM, the same inputs are dropped at all frames.
            inputs = keras.random.dropout(inputs, self.dropout, noise_shape=(None, 1, None), seed=self.seed_generator)
        if self.go_backwards:
            inputs = ops.flip(inputs, axis=1)
        if mask is None:
            outputs = self._run(inputs)
            return outputs if self.return_sequences else outputs[:, -1]
        mask = ops.cast(mask, "bool")
        if self.go_backwards:
            mask = ops.flip(mask, axis=1)
        order = _valid_first(mask)  # so that blocks count from the first valid frame
        outputs = self._run(_take_frames(inputs, order))
        if self.return_sequences:
            outputs = _take_frames(outputs, ops.argsort(order, axis=1))
            return ops.where(mask[..., None], outputs, 0)
        valid = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)  # (B, 1)
        last = _take_frames(outputs, ops.maximum(valid - 1, 0))[:, 0]
        return ops.where(valid > 0, last, 0)

    def _run(self, inputs: Any) -> Any:
        """(B, T, D) to (B, T, units), in the order given."""
        features = inputs.shape[-1]
        frames = max(self.steps)
        batch, length = ops.shape(inputs)[:2]
        blocks = (length + frames - 1) // frames
        if frames > 1:
            inputs = ops.pad(inputs, ((0, 0), (0, frames - 1), (0, 0)))[:, : blocks * frames]
        outputs = self.recurrence.cell.run(self.recurrence, ops.reshape(inputs, (batch, blocks, frames * features)))
        return ops.reshape(outputs, (batch, blocks * frames, self.units))[:, :length]

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, T, units) or (B, units)."""
        return (*input_shape[:2], self.units) if self.return_sequences else (input_shape[0], self.units)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:  # noqa: ARG002
        """The mask of the output, in the output's order."""
        if mask is None or not self.return_sequences:
            return None
        return ops.flip(mask, axis=1) if self.go_backwards else mask

    def get_config(self) -> dict:
        """The settings."""
        return {
            **super().get_config(),
            "units": self.units,
            "steps": list(self.steps),
            "combination": self.combination,
            "dropout": self.dropout,
            "return_sequences": self.return_sequences,
            "go_backwards": self.go_backwards,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "recurrent_initializer": keras.initializers.serialize(self.recurrent_initializer),
            "combination_initializer": keras.initializers.serialize(self.combination_initializer),
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable("serkit")
class AdvancedLSTM(_AdvancedRecurrent):
    """The advanced LSTM (tao2018, section 4.2, equations 6 to 12).

    A layer like `keras.layers.LSTM`, which it equals for ``steps=(1,)``: wrap it in `keras.layers.Bidirectional` for
    both directions. The weights are those of `keras.layers.LSTM`, in its order, and for the learned combination a
    vector W of `units` values, shared by cells and hidden states: `units` more a direction.

    Outputs are the h_t of equation 10; h' and C' only lead to the next frame. The paper writes C' in equation 10: at
    the last frame of a block h_t already holds the combined cell, elsewhere C' is the cell itself.

    Args:
        units: neurons a direction; 128 in the paper.
        steps: T, how many frames back from the next one the combined states lie; their order does not matter. With a
            single step there is nothing to weigh, and no W.
        combination: "learned" scores each state with W (equations 9 and 12; the paper's advanced LSTM); "mean" takes
            fixed equal weights (its mean LSTM).
        dropout: fraction of the input features to drop in training; W is never dropped.
        return_sequences: give the output at every frame, not only at the last.
        go_backwards: run from the last frame to the first; like `keras.layers.LSTM` the outputs stay in that order.
        kernel_initializer: of the input weights.
        recurrent_initializer: of the recurrent weights.
        combination_initializer: of W; "zeros" begins at the mean.
        seed: of the dropout.
        unit_forget_bias: begin with a forget bias of 1, as Keras does, instead of 0.
        **kwargs: name, dtype and the like, for `keras.layers.Layer`.

    Raises:
        SerkitError: a setting is out of range.

    >>> import numpy as np
    >>> tuple(AdvancedLSTM(4, return_sequences=True)(np.zeros((2, 7, 3))).shape)
    (2, 7, 4)
    """

    block = _LSTMBlock

    def __init__(
        self,
        units: int,
        steps: Sequence[int] = (5, 3, 1),
        combination: str = "learned",
        dropout: float = 0.0,
        return_sequences: bool = False,
        go_backwards: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        combination_initializer: Any = "glorot_uniform",
        seed: int | None = None,
        unit_forget_bias: bool = True,
        **kwargs: Any,
    ):
        super().__init__(
            units,
            steps,
            combination,
            dropout,
            return_sequences,
            go_backwards,
            kernel_initializer,
            recurrent_initializer,
            combination_initializer,
            seed,
            **kwargs,
        )
        self.unit_forget_bias = unit_forget_bias

    def get_config(self) -> dict:
        """The settings."""
        return {**super().get_config(), "unit_forget_bias": self.unit_forget_bias}


@keras.saving.register_keras_serializable("serkit")
class AdvancedGRU(_AdvancedRecurrent):
    """The advanced LSTM's idea in a gated recurrent unit, which the paper leaves to the future (tao2018, section 6).

    h'_t combines hidden states as in equations 11 and 12; the unit itself is `keras.layers.GRU` (with its default
    ``reset_after=True``), which it equals for ``steps=(1,)``. Settings are those of `AdvancedLSTM`, but for
    `unit_forget_bias`.
    """

    block = _GRUBlock


def _valid_first(mask: Any) -> Any:
    """The frames' order, (B, T), that brings those which `mask`, (B, T), holds true to the front."""
    length = ops.shape(mask)[1]
    position = ops.arange(length)
    return ops.argsort(ops.where(mask, position, position + length), axis=1)


def _in_one_operation(units: int, dtype: str) -> bool:
    """Whether TensorFlow's operation for a whole LSTM is there, and faster than a loop.

    On a GPU Keras has cuDNN. On a processor the loop's matrix products use all threads, and win in wide layers.
    """
    if keras.backend.backend() != "tensorflow" or dtype != "float32" or units > WIDEST_IN_ONE_OPERATION:
        return False
    import tensorflow as tf

    return not tf.config.list_physical_devices("GPU")


def _for_one_operation(kernel: Any, recurrent_kernel: Any, bias: Any) -> tuple[Any, Any]:
    """An LSTM's weights as TensorFlow's operation takes them: (D + units, 4 units) and (4 units,).

    It has the gates in another order: input, candidate, forget, output.
    """

    def reordered(weights: Any) -> Any:
        i, f, candidate, o = ops.split(ops.convert_to_tensor(weights), 4, axis=-1)
        return ops.concatenate([i, candidate, f, o], axis=-1)

    return reordered(ops.concatenate([kernel, recurrent_kernel], axis=0)), reordered(bias)


def _run_in_one_operation(inputs: Any, weights: Any, bias: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
    """Hidden states and cells of an LSTM, each (T, B, units), from inputs (T, B, D) and the states before the first.

    ``BlockLSTMV2`` has Keras' order of gates, and a wrong gradient (TensorFlow 2.21: it is that of ``BlockLSTM``).
    """
    import tensorflow as tf

    no_peephole = ops.zeros(hidden.shape[-1:])
    outputs = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.cast(tf.shape(inputs)[0], tf.int64),
        x=inputs,
        cs_prev=cell,
        h_prev=hidden,
        w=weights,
        wci=no_peephole,
        wcf=no_peephole,
        wco=no_peephole,
        b=bias,
        forget_bias=0.0,
        cell_clip=-1.0,
        use_peephole=False,
    )
    return outputs.h, outputs.cs


def _take_frames(sequences: Any, order: Any) -> Any:
    """Rows `order`, (B, N), of each of `sequences`, (B, T, D): (B, N, D)."""
    batch, length = ops.shape(sequences)[:2]
    first = ops.cast(ops.arange(batch) * length, order.dtype)[:, None]
    return ops.take(ops.reshape(sequences, (-1, sequences.shape[-1])), order + first, axis=0)
