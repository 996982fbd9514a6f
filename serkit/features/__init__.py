"""Front ends: ``front_end(signal, sample_rate, **settings) -> float array (frames, dims)``.

Each returns plain values; normalisation that learns from data is a step of its own, fitted on
training folds only. `extract` runs a front end over a corpus once and keeps the result on disk.
"""

from serkit.features.spectrogram import mulaw_spectrogram, spectrogram
from serkit.features.store import Features, extract

__all__ = ["Features", "extract", "mulaw_spectrogram", "spectrogram"]
