"""Layers of the papers, as Keras 3 layers: TensorFlow, JAX and PyTorch run them alike.

Only ``keras.ops`` is used inside ``call``; weights are created in ``build``; every layer can be saved.
"""

import keras
from keras import ops

from serkit.recurrent import AdvancedGRU, AdvancedLSTM, WeightedPooling

__all__ = [
    "AdvancedGRU",
    "AdvancedLSTM",
    "AttentionPooling2D",
    "BilinearPooling2D",
    "CropToMatch",
    "LongConv1D",
    "PadToMultiple",
    "WeightedPooling",
]


@keras.saving.register_keras_serializable("serkit")
class AttentionPooling2D(keras.layers.Layer):
    """Scores of K classes from a feature map, by two attention maps (li2018, 2.4.2, equations 7 and 8).

    ::

        T = X a + c      class-specific, top-down map    (B, H, W, K)
        S = X b + d      class-agnostic, bottom-up map   (B, H, W, 1)
        score(k) = pool over positions of T_k * softmax(S)

    The layer keeps X's positions apart until the last step, so that both maps can be drawn: see `maps`.

    Args:
        classes: K, the number of classes.
        softmax: normalise the bottom-up map over all H x W positions (the paper's text, 3.3). Without
            it the layer is equation 8 as it stands.
        pool: "sum" over positions is equation 8, and after a softmax a weighted mean; "mean" divides by
            H x W once more, as 3.3 ("spatially averaged") may be read, and makes gradients as much smaller.
        kernel_initializer: of both 1 x 1 convolutions.
        kernel_regularizer: of both kernels.
        bias_regularizer: of both biases.

    Input shape: (B, H, W, C). Output shape: (B, K), unnormalised scores.

    Raises:
        ValueError: the input is not four-dimensional, or a setting is not valid.
    """

    def __init__(
        self,
        classes: int,
        softmax: bool = True,
        pool: str = "sum",
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if pool not in ("mean", "sum"):
            raise ValueError(f"pool is 'mean' or 'sum'; got {pool!r}")
        if classes < 1:
            raise ValueError(f"classes is a positive number; got {classes!r}")
        self.classes, self.softmax, self.pool = classes, softmax, pool
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        """Create top_down_kernel (C, K), bottom_up_kernel (C, 1) and a bias for each."""
        for name, units in (("top_down", self.classes), ("bottom_up", 1)):
            kernel = self.add_weight(
                name=f"{name}_kernel",
                shape=(input_shape[-1], units),
                # A shared initialiser object would draw the same numbers for both.
                initializer=self.kernel_initializer.clone(),
                regularizer=self.kernel_regularizer,
            )
            bias = self.add_weight(
                name=f"{name}_bias", shape=(units,), initializer="zeros", regularizer=self.bias_regularizer
            )
            setattr(self, f"{name}_kernel", kernel)
            setattr(self, f"{name}_bias", bias)

    def maps(self, inputs):
        """Both attention maps: top-down (B, H, W, K) and bottom-up (B, H, W, 1)."""
        top_down = ops.matmul(inputs, self.top_down_kernel) + self.top_down_bias
        bottom_up = ops.matmul(inputs, self.bottom_up_kernel) + self.bottom_up_bias
        if self.softmax:
            bottom_up = ops.exp(bottom_up - ops.logsumexp(bottom_up, axis=(1, 2), keepdims=True))
        return top_down, bottom_up

    def call(self, inputs):
        """(B, H, W, C) -> (B, K)."""
        top_down, bottom_up = self.maps(inputs)
        together = ops.mean if self.pool == "mean" else ops.sum
        return together(top_down * bottom_up, axis=(1, 2))

    def compute_output_shape(self, input_shape):
        """(B, K)."""
        return (input_shape[0], self.classes)

    def get_config(self):
        """Constructor arguments."""
        return {
            **super().get_config(),
            "classes": self.classes,
            "softmax": self.softmax,
            "pool": self.pool,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "bias_regularizer": keras.regularizers.serialize(self.bias_regularizer),
        }


@keras.saving.register_keras_serializable("serkit")
class BilinearPooling2D(keras.layers.Layer):
    """Second-order pooling with signed square root and l2 normalisation (li2018, 2.4.2 and 3.3; its [20]).

    ::

        G = X^T X / (H W)                   X reshaped to (H W, C)
        z = sign(G) sqrt(|G|), flattened
        y = z / ||z||_2

    The division by H W only keeps numbers small: the normalisation takes it out again. The paper names
    l2 normalisation before the square root; its reference [20], whose implementation it says it uses,
    does them in the order above.

    Args:
        epsilon: added under the square root, whose slope is infinite at 0.

    Input shape: (B, H, W, C). Output shape: (B, C x C), of unit length.

    Raises:
        ValueError: the input is not four-dimensional.
    """

    def __init__(self, epsilon: float = 1e-10, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        """(B, H, W, C) -> (B, C x C)."""
        channels = inputs.shape[-1]
        features = ops.reshape(inputs, (-1, inputs.shape[1] * inputs.shape[2], channels))  # (B, HW, C)
        gram = ops.matmul(ops.transpose(features, (0, 2, 1)), features) / features.shape[1]  # (B, C, C)
        root = ops.sign(gram) * ops.sqrt(ops.abs(gram) + self.epsilon)
        flat = ops.reshape(root, (-1, channels * channels))
        return flat / ops.sqrt(ops.sum(ops.square(flat), axis=-1, keepdims=True) + self.epsilon)

    def compute_output_shape(self, input_shape):
        """(B, C x C)."""
        return (input_shape[0], input_shape[-1] ** 2)

    def get_config(self):
        """Constructor arguments."""
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("serkit")
class LongConv1D(keras.layers.Conv1D):
    """``keras.layers.Conv1D`` for few filters of many frames (khorram2017, 4: one filter of up to 2048).

    The same layer, with the same weights and the same result, computed another way: one matrix product weights all
    frames for all places in the filter at once, and what belongs to one output is then added up. On a processor this
    is a hundred times as fast for one filter of 256 frames.

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
