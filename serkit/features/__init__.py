"""Front ends: ``front_end(signal, sample_rate, **settings) -> float array (frames, dims)``.

Each returns plain values; normalisation that learns from data is a step of its own, fitted on
training folds only. `extract` runs a front end over a corpus once and keeps the result on disk.
"""

from serkit.features.filterbank import kaldi_fbank, stack_frames
from serkit.features.functionals import egemaps, is10
from serkit.features.normalisation import PCAWhitening, Standardisation, scale, standardise, z_normalise
from serkit.features.short_term import short_term_36
from serkit.features.spectrogram import linear_spectrogram, log_spectrogram, mulaw_spectrogram
from serkit.features.store import Features, extract
from serkit.features.yaafe import yaafe_743

__all__ = [
    "Features",
    "PCAWhitening",
    "Standardisation",
    "egemaps",
    "extract",
    "is10",
    "kaldi_fbank",
    "linear_spectrogram",
    "log_spectrogram",
    "mulaw_spectrogram",
    "scale",
    "short_term_36",
    "stack_frames",
    "standardise",
    "yaafe_743",
    "z_normalise",
]
