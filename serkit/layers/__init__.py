"""Layers of the papers, as Keras 3 layers: TensorFlow, JAX and PyTorch run them alike.

Only ``keras.ops`` is used inside ``call``; weights are created in ``build``; every layer can be saved. Every module of
this package is imported with it, so that a saved model with any of these layers can be read: a layer in a new module
needs no list.
"""

import importlib
import pkgutil

from serkit.layers.convolution import CropToMatch, LongConv1D, PadToMultiple
from serkit.layers.pooling import AttentionPooling2D, BilinearPooling2D, WeightedPooling
from serkit.layers.recurrent import LSTM, AdvancedGRU, AdvancedLSTM

__all__ = [
    "LSTM",
    "AdvancedGRU",
    "AdvancedLSTM",
    "AttentionPooling2D",
    "BilinearPooling2D",
    "CropToMatch",
    "LongConv1D",
    "PadToMultiple",
    "WeightedPooling",
]

for _module in pkgutil.iter_modules(__path__, __name__ + "."):
    importlib.import_module(_module.name)
