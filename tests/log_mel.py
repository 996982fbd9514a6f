"""Log-mel bands by plain NumPy: what the miniatures' emotions are told apart by in tests."""

import numpy as np

from serkit import audio


def log_mel_bands(path, scaled=False):
    """Logarithms of 40 mel bands, (frames, 40); `scaled`: whatever the level was."""
    signal, rate = audio.read(path)
    frames = np.lib.stride_tricks.sliding_window_view(signal, 400)[::160] * np.hamming(400)
    power = np.abs(np.fft.rfft(frames, 512)) ** 2
    edges = 700 * (10 ** (np.linspace(0, np.log10(1 + rate / 2 / 700), 42)) - 1)
    frequency = np.arange(257) * rate / 512
    low, middle, high = (edges[first : first + 40, None] for first in range(3))
    filters = np.maximum(0, np.minimum((frequency - low) / (middle - low), (high - frequency) / (high - middle)))
    bands = power @ filters.T
    return np.log((bands / bands.max() if scaled else bands) + 1e-7)
