"""Pooling layers: over the positions of a feature map (li2018) and over time (tao2018, zhao2018)."""

from typing import Any

import keras
from keras import ops


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
        bias_initializer: of both biases. Under the softmax the bottom-up bias has no effect.
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
        bias_initializer="zeros",
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
        self.bias_initializer = keras.initializers.get(bias_initializer)
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
                name=f"{name}_bias",
                shape=(units,),
                initializer=self.bias_initializer.clone(),
                regularizer=self.bias_regularizer,
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
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
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
class WeightedPooling(keras.layers.Layer):
    """Attention-based weighted pooling over time (tao2018, section 4.1, equations 1 and 2).

    Each frame h_t gets the weight A_t = softmax over the valid frames of W . h_t; the output is the sum of A_t h_t.
    W holds D values; there is no bias. An utterance without a valid frame gives zeros, with zero weights.

    Args:
        return_weights: give (pooled, weights) instead of pooled alone, to look at what the network attends to.
        kernel_initializer: of W; "zeros" begins at the mean over time.
        **kwargs: name, dtype and the like, for `keras.layers.Layer`.
    """

    def __init__(self, return_weights: bool = False, kernel_initializer: Any = "glorot_uniform", **kwargs: Any):
        super().__init__(**kwargs)
        self.return_weights = return_weights
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape: tuple) -> None:
        """Create W for inputs of shape (B, T, D)."""
        self.kernel = self.add_weight(name="kernel", shape=(input_shape[-1], 1), initializer=self.kernel_initializer)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        """Pool (B, T, D) to (B, D); with `return_weights` also the weights, (B, T), zero at masked frames."""
        # In half precision the sum over hundreds of frames would lose the small weights.
        scores = ops.cast(ops.squeeze(ops.matmul(inputs, self.kernel), axis=-1), "float32")  # (B, T)
        if mask is not None:
            mask = ops.cast(mask, "bool")
            scores = ops.where(mask, scores, -1e30)
        # A softmax; Keras' own warns where a sequence has one frame.
        weights = ops.exp(scores - ops.logsumexp(scores, axis=-1, keepdims=True))
        if mask is not None:
            weights = ops.where(mask, weights, 0)  # where all frames are masked, softmax gives each the same weight
        weights = ops.cast(weights, inputs.dtype)
        pooled = ops.einsum("bt,btd->bd", weights, inputs)
        return (pooled, weights) if self.return_weights else pooled

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        """(B, D), or ((B, D), (B, T))."""
        pooled = (input_shape[0], input_shape[-1])
        return (pooled, tuple(input_shape[:2])) if self.return_weights else pooled

    def compute_mask(self, inputs: Any, mask: Any = None) -> None:
        """The output has no frames to mask."""

    def get_config(self) -> dict:
        """The settings."""
        return {
            **super().get_config(),
            "return_weights": self.return_weights,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
