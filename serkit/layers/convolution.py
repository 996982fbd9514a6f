"""Convolutions over whole recordings, and what lets a network divide their length (khorram2017)."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("serkit")
class LongConv1D(keras.layers.Conv1D):
    """``keras.layers.Conv1D`` for few filters of many frames (khorram2017, 4: one filter of up to 2048).

    The same layer, with the same weights and the same result, computed another way: one matrix product weights all
    frames for all places in the filter at once, and what belongs to one output is then added up. On a processor this
    is many times as fast for one long filter: ``tests/benchmarks/long_convolution.py`` measures how many.

    Args:
        filters: as in ``Conv1D``.
        kernel_size: frames of a filter.
        kwargs: as in ``Conv1D``. Padding is "same" (zeros at both ends, the shorter side first), and neither strides,
            dilation nor groups.

    Inputs (B, T, dims); output (B, T, filters).
    """

    def __init__(self, filters, kernel_size, **kwargs):
        super().__init__(filters, kernel_size, **{"padding": "same"} | kwargs)
        if self.padding != "same" or (*self.strides, *self.dilation_rate, self.groups) != (1, 1, 1):
            raise ValueError("LongConv1D has padding 'same' and no strides, dilation or groups: use Conv1D")

    def call(self, inputs):
        """(B, T, dims) -> (B, T, filters)."""
        length = self.kernel_size[0]
        frames = ops.shape(inputs)[1]
        before = (length - 1) // 2
        padded = ops.pad(inputs, [[0, 0], [before, length - 1 - before], [0, 0]])
        # weighted[b, f, l, n] = x[b, n] . w[l, :, f], for every frame n and every place l in filter f
        weighted = ops.einsum("bnd,ldf->bfln", padded, self.kernel)
        # Output t adds up weighted[l, t + l]. Rows one frame longer, read on end, bring these below one another.
        batch, whole = ops.shape(inputs)[0], frames + length - 1
        flat = ops.reshape(weighted, (batch, self.filters, length * whole))
        flat = ops.pad(flat, [[0, 0], [0, 0], [0, length]])
        sheared = ops.reshape(flat, (batch, self.filters, length, whole + 1))[..., :frames]
        outputs = ops.transpose(ops.sum(sheared, axis=2), (0, 2, 1))
        return self.activation(outputs + self.bias if self.use_bias else outputs)


@keras.saving.register_keras_serializable("serkit")
class PadToMultiple(keras.layers.Layer):
    """Fill a sequence with zeros at its end, until its length is a multiple of a number.

    With `CropToMatch` at the end, a network that divides the length by 3 four times takes sequences of any length
    (khorram2017, 5.2). Zeros are what convolutions see beyond the ends anyway: the mean of normalised features.

    Args:
        multiple: of the length, 81 for four times 3.

    Inputs (B, T, dims); output (B, ceil(T / multiple) multiple, dims).
    """

    def __init__(self, multiple: int, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, inputs):
        """(B, T, dims) -> (B, T', dims)."""
        return ops.pad(inputs, [[0, 0], [0, -ops.shape(inputs)[1] % self.multiple], [0, 0]])

    def compute_output_shape(self, input_shape):
        """The last length is not known where the first is not."""
        batch, frames, dims = input_shape
        return (batch, None if frames is None else -(-frames // self.multiple) * self.multiple, dims)

    def get_config(self):
        """The settings."""
        return {**super().get_config(), "multiple": self.multiple}


@keras.saving.register_keras_serializable("serkit")
class CropToMatch(keras.layers.Layer):
    """Cut a sequence to the length of another: ``CropToMatch()([long, like])``.

    Inputs (B, T', dims), which is cut at its end, and (B, T, anything) with T <= T'; output (B, T, dims).
    """

    def call(self, inputs):
        """Keep the first T frames."""
        values, like = inputs
        return values[:, : ops.shape(like)[1]]

    def compute_output_shape(self, input_shape):
        """The length of the second input, the rest of the first."""
        values, like = input_shape
        return (values[0], like[1], *values[2:])
