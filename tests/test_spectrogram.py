"""The inputs of li2018 and chang2017 against plain loops, analytic signals and edge cases."""

import numpy as np
import pytest

from serkit.batches import segment_starts
from serkit.errors import SerkitError
from serkit.features import linear_spectrogram, log_spectrogram, mulaw_spectrogram
from serkit.features.normalisation import scale
from serkit.features.spectrogram import mulaw

RATE = 16000


def by_hand(signal, count):
    """Section 2.1, one frame after the other, in double precision."""
    padded = np.concatenate([signal, np.zeros(640)])
    n = np.arange(640)
    window = 0.54 - 0.46 * np.cos(2 * np.pi * n / 639)
    grid = np.exp(-2j * np.pi * np.outer(np.arange(400), n) / 1600)
    return np.array([np.abs(grid @ (window * padded[160 * t : 160 * t + 640])) for t in range(count)])


def test_equals_the_definition(random):
    signal = random.normal(0, 0.1, 5000)
    expected = by_hand(signal, 32)  # ceil(5000 / 160)
    found = linear_spectrogram(signal, RATE)
    assert found.shape == (32, 400)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(linear_spectrogram(signal, RATE, quantity="power"), expected**2, rtol=1e-3, atol=1e-4)


def test_two_seconds_make_the_papers_matrix():
    assert mulaw_spectrogram(np.ones(2 * RATE), RATE).T.shape == (400, 200)


@pytest.mark.parametrize("frequency", [100, 1000, 3990])
def test_a_sine_is_in_its_own_bin(frequency):
    signal = np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)
    assert (linear_spectrogram(signal, RATE)[:90].argmax(axis=1) == frequency // 10).all()


def test_an_impulse_is_flat_and_placed_in_time():
    signal = np.zeros(RATE)
    signal[8000] = 1
    values = linear_spectrogram(signal, RATE)
    heard = np.flatnonzero(values.max(axis=1) > 0.01)
    assert heard.tolist() == [47, 48, 49, 50]  # windows that begin in the 40 ms up to sample 8000
    np.testing.assert_allclose(values[48], values[48, 0], rtol=1e-3)


def test_another_grid():
    assert linear_spectrogram(np.ones(RATE), RATE, hop=0.02, resolution=20).shape == (50, 200)
    assert linear_spectrogram(np.ones(48000), 48000).shape == (100, 400)


def test_a_long_signal_does_not_depend_on_the_block_size(random, monkeypatch):
    signal = random.normal(size=RATE)
    whole = linear_spectrogram(signal, RATE)
    monkeypatch.setattr("serkit.features.spectrogram.BLOCK", 7)
    np.testing.assert_array_equal(linear_spectrogram(signal, RATE), whole)


def test_range_and_companding(random):
    values = mulaw_spectrogram(random.normal(size=RATE), RATE)
    assert values.min() == -1
    assert values.max() == 1
    x = np.array([-0.5, -1 / 255, 0.0, 1 / 255, 0.5])
    expected = [-0.8757037, -0.125, 0, 0.125, 0.8757037]  # ln(128.5) / ln(256), ln(2) / ln(256)
    np.testing.assert_allclose(mulaw(x), expected, atol=1e-6)


def test_every_piece_has_its_own_scale():
    batch = np.array([[[0.0, 1.0]], [[2.0, 6.0]]], np.float32)
    np.testing.assert_array_equal(scale(batch, axes=(1, 2)), [[[-1, 1]], [[-1, 1]]])
    np.testing.assert_array_equal(scale(batch, lowest=0.0).max(axis=(1, 2)), np.float32([1 / 6, 1]))


def test_silence_is_the_lowest_value_and_never_nan():
    assert (mulaw_spectrogram(np.zeros(RATE), RATE) == -1).all()
    assert (scale(np.zeros((2, 3)), lowest=0.0) == 0).all()


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 640])
def test_short_signals_have_a_frame_every_10_ms(samples):
    assert len(linear_spectrogram(np.ones(samples), RATE)) == -(-samples // 160)


@pytest.mark.parametrize("samples", [1599, 1600, 3000])
def test_windows_may_leave_samples_out_between_them(samples, random):
    signal = random.normal(size=samples)
    wide = linear_spectrogram(signal, RATE, hop=0.050)
    np.testing.assert_array_equal(wide, linear_spectrogram(signal, RATE)[::5])


@pytest.mark.parametrize(
    ("signal", "rate", "options", "message"),
    [
        (np.zeros((2, 100)), RATE, {}, r"one channel.*shape \(2, 100\)"),
        (np.zeros(0), RATE, {}, "0 samples"),
        (np.array([0.0, np.nan]), RATE, {}, "not finite"),
        (np.zeros(100), 6000, {}, "6000 Hz cannot hold 4000 Hz"),
        (np.zeros(100), -1, {}, "positive number of Hz"),
        (np.zeros(100), RATE, {"quantity": "dB"}, "'dB'; valid: magnitude, power"),
        (np.zeros(100), RATE, {"resolution": 50}, "windows of at most 320 samples; got 640"),
    ],
)
def test_bad_input(signal, rate, options, message):
    with pytest.raises(SerkitError, match=message):
        linear_spectrogram(signal, rate, **options)


@pytest.mark.parametrize("frames", [1, 199, 200, 201, 299, 300, 555])
@pytest.mark.parametrize("hop", [40, 100, 200])
def test_every_frame_is_in_a_segment_and_none_is_padded(frames, hop):
    starts = segment_starts(frames, 200, hop)
    covered = {frame for start in starts for frame in range(start, start + 200)}
    assert covered >= set(range(frames))
    assert starts[0] == 0
    assert len(starts) == 1 or starts[-1] + 200 == frames
    assert (np.diff(starts) > 0).all()
    assert (np.diff(starts) <= hop).all()


def decibels_by_hand(signal, count):
    """1024 samples every 256, Hann, four bins a row, dB below the loudest; one frame after the other."""
    padded = np.concatenate([signal, np.zeros(1024)])
    window = np.sin(np.pi * np.arange(1024) / 1024) ** 2
    power = np.array([np.abs(np.fft.rfft(window * padded[256 * t : 256 * t + 1024])) ** 2 for t in range(count)])
    rows = np.array([power[:, 4 * row : 4 * row + 4].mean(axis=1) for row in range(128)]).T
    return 10 * np.log10(rows / rows.max())


def test_log_spectrogram_equals_its_definition(random):
    signal = random.normal(0, 0.1, 20000) * np.geomspace(1, 1e-4, 20000)
    expected = decibels_by_hand(signal, 79)  # ceil(20000 / 256)
    found = log_spectrogram(signal, RATE)
    assert found.shape == (79, 128)
    assert found.dtype == np.float32
    assert (expected < -85).any()
    np.testing.assert_allclose(found, 1 + expected.clip(-80) / 40, atol=1e-4)
    np.testing.assert_allclose(log_spectrogram(signal, RATE, range_db=40), 1 + expected.clip(-40) / 20, atol=1e-4)


def test_log_spectrogram_is_an_image_of_the_tanh_range(random):
    values = log_spectrogram(random.normal(size=RATE), RATE, range_db=20)
    assert values.min() == -1
    assert values.max() == 1


@pytest.mark.parametrize("bands", ["linear", "mel"])
@pytest.mark.parametrize("frequency", [140, 1020, 7900])
def test_a_sine_is_in_its_own_row(bands, frequency):
    import librosa

    values = log_spectrogram(np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE), RATE, bands=bands)
    peaks = librosa.mel_frequencies(130, fmin=0, fmax=8000)[1:-1] if bands == "mel" else np.arange(31.25, 8000, 62.5)
    assert (values[:58].argmax(axis=1) == np.abs(peaks - frequency).argmin()).all()


def test_mel_rows_are_librosas(random):
    """Up to the weight of a row: here each is a mean, there an area of one."""
    import librosa

    signal = random.normal(0, 0.1, RATE).astype(np.float32)
    bank = librosa.filters.mel(sr=RATE, n_fft=1024, n_mels=128, norm=None)
    power = np.abs(librosa.stft(signal, n_fft=1024, hop_length=256, center=False)) ** 2
    rows = (bank / bank.sum(axis=1, keepdims=True)) @ power
    found = log_spectrogram(signal, RATE, bands="mel")[: rows.shape[1]]
    expected = librosa.power_to_db(rows, ref=1).T / 40
    np.testing.assert_allclose(found - expected, (found - expected)[0, 0], atol=1e-3)


def test_full_scale_is_a_sine_in_its_bin():
    """Three bins of a Hann window, of 1, 1/4 and 1/4, make a row of four 1.5 / 4."""
    sine = np.sin(2 * np.pi * 1015.625 * np.arange(RATE) / RATE)
    loud = log_spectrogram(sine, RATE, reference="full scale")[:58].max(axis=1)
    np.testing.assert_allclose(40 * (loud - 1), 10 * np.log10(1.5 / 4), atol=0.01)
    soft = log_spectrogram(0.01 * sine, RATE, reference="full scale")[:58].max(axis=1)
    np.testing.assert_allclose(40 * (loud - soft), 40, atol=0.01)
    np.testing.assert_allclose(log_spectrogram(sine, RATE), log_spectrogram(0.01 * sine, RATE), atol=1e-4)


@pytest.mark.parametrize("reference", ["utterance", "full scale"])
def test_log_spectrogram_of_silence(reference):
    assert (log_spectrogram(np.zeros(RATE), RATE, reference=reference) == -1).all()


def test_rows_above_half_the_rate_are_silent(random):
    """0 to 11025 Hz, as the paper has it, of 16 kHz audio."""
    for bands, first in (("linear", 93), ("mel", 117)):
        values = log_spectrogram(random.normal(size=RATE), RATE, top=11025, bands=bands)
        assert values.shape == (63, 128)
        assert (values[:, first:] == -1).all()
        assert values[:60, : first - 2].min() > -0.5
    assert log_spectrogram(random.normal(size=22050), 22050, top=11025)[:59].min() > -0.5


def test_another_block_size_gives_the_same_image(random, monkeypatch):
    signal = random.normal(size=RATE)
    whole = log_spectrogram(signal, RATE)
    monkeypatch.setattr("serkit.features.spectrogram.BLOCK", 7)
    np.testing.assert_allclose(log_spectrogram(signal, RATE), whole, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 1024])
def test_log_spectrogram_has_a_frame_every_16_ms(samples):
    assert log_spectrogram(np.ones(samples), RATE).shape == (-(-samples // 256), 128)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bands": "bark"}, "unknown bands 'bark'.*valid: linear, mel"),
        ({"reference": "loud"}, "unknown reference 'loud'.*valid: full scale, utterance"),
        ({"range_db": 0}, "range_db is a positive number of dB; got 0"),
        ({"window": 0.008}, "row 2 of 128 linear rows up to 8000 Hz holds no bin: bins are 125 Hz apart"),
        ({"window": 0.016, "bands": "mel"}, "row 1 of 128 mel rows up to 8000 Hz holds no bin: bins are 62.5 Hz apart"),
    ],
)
def test_bad_settings_of_the_log_spectrogram(options, message):
    with pytest.raises(SerkitError, match=message):
        log_spectrogram(np.ones(RATE), RATE, **options)
