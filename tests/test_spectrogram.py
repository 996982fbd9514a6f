"""li2018's input against a plain loop, analytic signals and edge cases."""

import numpy as np
import pytest

from serkit.errors import SerkitError
from serkit.features import linear_spectrogram, mulaw_spectrogram
from serkit.features.spectrogram import mulaw, scale, segment_starts

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
