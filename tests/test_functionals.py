import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkit.errors import SerkitError
from serkit.features import functionals
from serkit.features.functionals import _is10_names, egemaps, is10

RATE = 16000


@pytest.fixture
def opensmile():
    return pytest.importorskip("opensmile")


@pytest.fixture
def speech():
    signal, _ = soundfile.read(Path(__file__).parent / "golden" / "golden.wav", dtype="float32", frames=RATE)
    return signal


@pytest.mark.usefixtures("opensmile")
def test_names():
    names = _is10_names()
    assert len(names) == len(set(names)) == 1582
    # A descriptor has 21 statistics; the mean is the third.
    assert [name.endswith("_amean") for name in names[:42]] == [i in (2, 23) for i in range(42)]


def test_same_as_the_package_itself(opensmile, speech):
    values = is10(speech, RATE)
    assert values.shape == (1, 1582)
    assert values.dtype == np.float32
    smile = opensmile.Smile(opensmile.FeatureSet.IS10, opensmile.FeatureLevel.Functionals)
    np.testing.assert_array_equal(values, smile.process_signal(speech, RATE).to_numpy())


@pytest.mark.usefixtures("opensmile")
def test_integers_are_scaled(speech):
    integers = np.round(speech * 32768).astype(np.int16)
    np.testing.assert_array_equal(is10(integers, RATE), is10(speech, RATE))


def test_full_scale_does_not_wrap_round(opensmile, speech):
    loud = np.clip(3 * speech / np.abs(speech).max(), -1, 1)
    assert (loud == 1).any()
    below = np.minimum(loud, np.float32(32767 / 32768))
    np.testing.assert_array_equal(is10(loud, RATE), is10(below, RATE))
    smile = opensmile.Smile(opensmile.FeatureSet.IS10, opensmile.FeatureLevel.Functionals)
    assert not np.allclose(is10(loud, RATE), smile.process_signal(loud, RATE).to_numpy())


@pytest.mark.usefixtures("opensmile")
@pytest.mark.parametrize("samples", [1600, 16000])
def test_silence_and_the_shortest_signal_are_finite(samples):
    assert np.isfinite(is10(np.zeros(samples, np.float32), RATE)).all()


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros(1599), r"1599 samples \(0.0999 s\).* needs 1600 or more"),
        (np.zeros((1600, 2)), "one channel"),
        (np.full(1600, np.nan), "not finite"),
        (np.full(1600, 20000.0), r"reaches 20000: scale it to \[-1, 1\]"),
    ],
)
def test_bad_input(signal, message):
    with pytest.raises(SerkitError, match=message):
        is10(signal, RATE)


def test_a_result_that_is_not_a_number_is_an_error(monkeypatch):
    class Broken:
        def process_signal(self, signal, sample_rate):  # noqa: ARG002
            return pd.DataFrame([[1.0, np.nan, 3.0]])

    monkeypatch.setattr(functionals, "_extractor", lambda name: Broken())  # noqa: ARG005
    with pytest.raises(SerkitError, match=r"no number for 1 of 3 IS10 features of a signal of 0\.200 s"):
        is10(np.zeros(3200), RATE)


def test_import_does_not_load_opensmile():
    code = "import sys, serkit.features.functionals; sys.exit('opensmile' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.usefixtures("opensmile")
def test_after_tensorflow_the_process_lives(speech):
    """openSMILE aborts a process in which TensorFlow was loaded first."""
    code = (
        "import tensorflow, numpy as np; from serkit.features.functionals import is10, _is10_names;"
        "signal = np.random.default_rng(0).normal(0, 0.1, 16000).astype('float32');"
        "print(is10(signal, 16000).sum(), len(_is10_names()))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    signal = np.random.default_rng(0).normal(0, 0.1, 16000).astype("float32")
    assert found == [str(is10(signal, 16000).sum()), "1582"]


def test_egemaps(opensmile, speech):
    values = egemaps(speech, RATE)
    assert values.shape == (1, 88)
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)
    np.testing.assert_array_equal(values, smile.process_signal(speech, RATE).to_numpy())
    assert np.isfinite(egemaps(np.zeros(1600, np.float32), RATE)).all()
