from pathlib import Path

import numpy as np
import pytest
import soundfile

from serkit.errors import SerkitError
from serkit.features.filterbank import kaldi_fbank, stack_frames

GOLDEN = Path(__file__).parent / "golden"
RATE = 16000


@pytest.fixture(scope="module")
def speech():
    return soundfile.read(GOLDEN / "golden.wav")[0]


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_equals_the_reference_program(dtype):
    signal, rate = soundfile.read(GOLDEN / "golden.wav", dtype=dtype)
    with np.load(GOLDEN / "golden_kaldi_fbank40.npz") as file:
        np.testing.assert_allclose(kaldi_fbank(signal, rate), file["fbank"], rtol=0, atol=1e-3)


def test_equals_the_definition(speech):
    """Kaldi's steps in NumPy."""
    frames = np.lib.stride_tricks.sliding_window_view(speech * 32768, 400)[::160]
    frames = frames - frames.mean(axis=1, keepdims=True)
    frames = frames - 0.97 * np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    power = np.abs(np.fft.rfft(frames * np.hanning(400) ** 0.85, 512)) ** 2
    mel = 1127 * np.log1p(np.arange(257) * RATE / 512 / 700)
    edges = np.linspace(*(1127 * np.log1p(np.array([20, 8000]) / 700)), 42)
    width = edges[1] - edges[0]
    triangles = np.maximum(1 - np.abs(mel - edges[1:-1, None]) / width, 0)
    expected = np.log(np.maximum(power @ triangles.T, np.finfo(np.float32).eps))
    np.testing.assert_allclose(kaldi_fbank(speech, RATE), expected, rtol=0, atol=2e-3)


def test_a_sine_is_loudest_in_its_filter():
    centres = 700 * np.expm1(np.linspace(*np.log1p(np.array([20, 8000]) / 700), 42)[1:-1])
    for loudest in 5, 20, 38:
        values = kaldi_fbank(0.5 * np.sin(2 * np.pi * centres[loudest] * np.arange(RATE) / RATE), RATE)
        assert (values.argmax(axis=1) == loudest).all()


def test_silence_is_the_floor():
    np.testing.assert_allclose(kaldi_fbank(np.zeros(RATE), RATE), np.log(np.finfo(np.float32).eps), atol=1e-5)


def test_other_rates_are_resampled():
    low, high = (0.3 * np.sin(2 * np.pi * 1000 * np.arange(rate) / rate) for rate in (RATE, 44100))
    inner = slice(3, -3)  # the filters' ends differ
    bin_of_1000 = kaldi_fbank(low, RATE)[0].argmax()
    ours, resampled = kaldi_fbank(low, RATE), kaldi_fbank(high, 44100)
    assert ours.shape == resampled.shape
    np.testing.assert_allclose(resampled[inner, bin_of_1000], ours[inner, bin_of_1000], atol=1e-3)
    assert kaldi_fbank(high, 44100, rate=None)[0].argmax() < bin_of_1000  # the same 40 filters up to 22050 Hz


def test_dither_can_be_repeated(speech):
    dithered = kaldi_fbank(speech, RATE, dither=1.0)
    assert np.array_equal(dithered, kaldi_fbank(speech, RATE, dither=1.0))
    assert not np.array_equal(dithered, kaldi_fbank(speech, RATE))
    silence = kaldi_fbank(np.zeros(10 * RATE), RATE, dither=1.0)
    assert silence.mean() == pytest.approx(5.24, abs=0.1)  # as with Kaldi's own


@pytest.mark.parametrize(
    ("signal", "settings", "message"),
    [
        (np.zeros(0), {}, "the signal has 0 samples"),
        (np.zeros(399), {}, r"399 samples \(0.0249 s\); this front end needs 400"),
        (np.zeros((2, 800)), {}, r"got shape \(2, 800\): average the channels"),
        (np.full(800, np.nan), {}, "not finite numbers"),
        (np.full(800, 900.0), {}, r"floats lie in \[-1, 1\]; got a peak of 900: divide them by 32768"),
        (np.zeros(800, "int32"), {}, "got int32: convert them"),
        (np.zeros(800), {"hop": 0}, "positive numbers of seconds; got 0.025 and 0"),
        (np.zeros(800), {"bins": 0}, "at least 3 bins; got 0"),
        (np.zeros(800), {"high": 9000}, "within 0 to 8000 Hz, low below high; got 20 to 9000"),
        (np.zeros(800), {"low": 500, "high": 400}, "low below high; got 500 to 400"),
    ],
)
def test_bad_input_is_an_error(signal, settings, message):
    with pytest.raises(SerkitError, match=message):
        kaldi_fbank(signal, RATE, **settings)


def test_five_minutes_give_the_labels_of_recola():
    values = kaldi_fbank(np.zeros(300 * RATE), RATE)
    assert values.shape == (29998, 40)
    assert stack_frames(values, rows=7501).shape == (7501, 160)


def test_stacking_keeps_time_and_repeats_the_last_frame():
    values = np.arange(18).reshape(9, 2)
    stacked = stack_frames(values, 4)
    assert stacked.tolist() == [[*range(8)], [*range(8, 16)], [16, 17] * 4]
    assert stack_frames(values, 4, rows=2).tolist() == stacked[:2].tolist()
    assert stack_frames(values, 4, rows=4)[2:].tolist() == [[16, 17] * 4] * 2
    assert stack_frames(values, 1).tolist() == values.tolist()


@pytest.mark.parametrize(("values", "settings"), [(np.zeros((0, 2)), {}), (np.zeros(3), {}), (np.eye(2), {"count": 0})])
def test_stacking_nothing_is_an_error(values, settings):
    with pytest.raises(SerkitError, match="stacking takes"):
        stack_frames(values, **settings)
