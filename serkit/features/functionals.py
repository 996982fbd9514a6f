"""Two sets of utterance features, computed by openSMILE: IS10 (tao2018, 5.2) and eGeMAPS (a baseline).

IS10 is the feature set of the Interspeech 2010 Paralinguistic Challenge: 38 descriptors of each frame
and their slopes, each summed up by 19 or 21 statistics (functionals) over the utterance. The paper
does not say which of openSMILE's two variants it used; this is the one of the challenge
(``IS10_paraling_compat``, openSMILE 3). eGeMAPS (Eyben et al. 2016: The Geneva minimalistic acoustic parameter set) is
a small set, chosen by what is known of the voice in emotion: 88 features, version ``eGeMAPSv02``.

openSMILE has a licence of its own: research and other non-commercial use is free, a product needs a
commercial one. Neither its configuration nor its feature names are part of this package; both are
asked of the installed program when they are needed.
"""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from serkit.errors import SerkitError
from serkit.features.signals import check_signal

if TYPE_CHECKING:
    import opensmile

SHORTEST = 0.1  # seconds; with less, most of the set is zero or not a number


def is10(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """Compute the IS10 features of an utterance (tao2018, 5.2).

    Most of them depend on the gain, so the signal must keep the scale of its file. openSMILE works on
    16-bit samples and lets a sample of exactly 1 become -1; such peaks are clipped here first.

    Args:
        signal: mono samples, shape (samples,), floats in [-1, 1] or integers of full scale.
        sample_rate: in Hz.

    Returns:
        float32 of shape (1, 1582), in the order of `_is10_names`, not normalised.

    Raises:
        SerkitError: a signal that is not one channel, is shorter than 0.1 s, holds NaN or is not scaled
            to [-1, 1]; or openSMILE gave values that are not numbers.
    """
    return _of_utterance(signal, sample_rate, "IS10")


def egemaps(signal: np.ndarray, sample_rate: int) -> np.ndarray:
    """Compute the eGeMAPS features of an utterance, version eGeMAPSv02.

    Args:
        signal: as in `is10`.
        sample_rate: in Hz.

    Returns:
        float32 of shape (1, 88), in openSMILE's order, not normalised.

    Raises:
        SerkitError: as `is10`.
    """
    return _of_utterance(signal, sample_rate, "eGeMAPSv02")


def _of_utterance(signal: np.ndarray, sample_rate: int, name: str) -> np.ndarray:
    """The functionals of one of openSMILE's sets, (1, features)."""
    signal = check_signal(signal, sample_rate, shortest=int(np.ceil(SHORTEST * sample_rate)))
    if signal.dtype.kind in "iu":
        signal = signal / (float(np.iinfo(signal.dtype).max) + 1)
    loudest = np.abs(signal).max()
    if loudest > 2:  # resampling may overshoot 1 a little; that is clipped below
        raise SerkitError(f"the signal reaches {loudest:g}: scale it to [-1, 1] (divide 16-bit samples by 32768)")
    clipped = np.clip(signal, -1, 32767 / 32768).astype(np.float32)
    values = _apart_from_tensorflow(_functionals, clipped, sample_rate, name)
    if not np.isfinite(values).all():
        missing = int((~np.isfinite(values)).sum())
        raise SerkitError(
            f"openSMILE gave no number for {missing} of {values.size} {name} features of a signal of "
            f"{len(signal) / sample_rate:.3f} s: leave the utterance out or pad it"
        )
    return values


def _is10_names() -> tuple[str, ...]:
    """Ask openSMILE for the names of the 1582 features, in order."""
    return _apart_from_tensorflow(_names, "IS10")


def _apart_from_tensorflow(function: Callable, *arguments):
    """Call a function here, or in a worker process when TensorFlow was loaded before openSMILE.

    openSMILE's library aborts the whole process when it runs after TensorFlow's was loaded; the other way round both
    work. The worker stays, so that only the first call pays for it.
    """
    loaded = list(sys.modules)  # in the order of loading
    if "tensorflow" not in loaded or ("opensmile" in loaded and loaded.index("opensmile") < loaded.index("tensorflow")):
        return function(*arguments)
    from joblib.externals.loky import get_reusable_executor

    return get_reusable_executor(max_workers=1).submit(function, *arguments).result()


def _functionals(signal: np.ndarray, sample_rate: int, name: str) -> np.ndarray:
    return _extractor(name).process_signal(signal, sample_rate).to_numpy(dtype=np.float32)


def _names(name: str) -> tuple[str, ...]:
    return tuple(_extractor(name).feature_names)


@functools.cache
def _extractor(name: str) -> "opensmile.Smile":
    import opensmile

    return opensmile.Smile(opensmile.FeatureSet[name], opensmile.FeatureLevel.Functionals)
