import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serkit.errors import SerkitError
from serkit.features import short_term, z_normalise
from serkit.features.short_term import SHORT_TERM_36_NAMES, short_term_36

GOLDEN = Path(__file__).parent / "golden"
RATE = 16000


def column(values, name):
    return values[:, SHORT_TERM_36_NAMES.index(name)]


def sine(frequency, seconds=0.5, rate=RATE):
    return np.sin(2 * np.pi * frequency * (np.arange(int(seconds * rate)) + 0.5) / rate)


def pulses(period, count=100):
    return np.tile(np.eye(1, period)[0], count)


def noise(seconds, seed=0):
    return np.random.default_rng(seed).standard_normal(int(seconds * RATE))


@pytest.fixture(scope="module")
def golden():
    """What pyAudioAnalysis 0.3.14 gives for golden.wav."""
    with np.load(GOLDEN / "golden_pyaudioanalysis.npz") as file:
        return dict(file)


@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_compatible_setting_reproduces_the_reference_program(golden, dtype):
    signal, rate = soundfile.read(GOLDEN / "golden.wav", dtype=dtype)
    values = short_term_36(signal, rate, harmonic="compatible")
    np.testing.assert_allclose(values[:, :34], golden["feat34"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(values[:, 34:], golden["hr_f0"], rtol=0, atol=1e-9)


def test_corrected_setting_changes_the_last_two_columns_only(golden):
    signal, rate = soundfile.read(GOLDEN / "golden.wav")
    values = short_term_36(signal, rate)
    np.testing.assert_allclose(values[:, :34], golden["feat34"], rtol=0, atol=1e-9)
    assert golden["hr_f0"][:, 0].max() > 1
    assert values[:, 34].min() >= 0
    assert 0.9 < values[:, 34].max() <= 1


def test_names(golden):
    assert (*golden["names"], "harmonic_ratio", "pitch") == SHORT_TERM_36_NAMES


def test_sine_on_a_bin():
    values = short_term_36(sine(1000), RATE)  # bin 25 of 200, counted as 26
    np.testing.assert_allclose(column(values, "spectral_centroid"), 26 / 200, atol=1e-9)
    np.testing.assert_allclose(column(values, "spectral_spread"), 0, atol=1e-5)
    np.testing.assert_allclose(column(values, "spectral_rolloff"), 25 / 200)
    np.testing.assert_allclose(column(values, "spectral_flux"), 0, atol=1e-12)
    np.testing.assert_allclose(column(values, "spectral_entropy"), 0, atol=1e-9)
    np.testing.assert_allclose(column(values, "pitch"), 1000)
    np.testing.assert_allclose(column(values, "harmonic_ratio"), 1, atol=1e-9)


def test_flux_is_the_squared_distance_of_two_spectra():
    # Two tones in turn, a frame each: all of the distribution moves from one bin to another.
    signal = np.concatenate([sine(1000, 0.02), sine(2000, 0.02)])
    flux = column(short_term_36(signal, RATE, window=0.02, hop=0.02), "spectral_flux")
    np.testing.assert_allclose(flux, [0, 2], atol=1e-9)


def test_alternating_samples():
    signal = np.tile([1.0, -1.0], 800)
    values = short_term_36(signal, RATE)
    np.testing.assert_allclose(column(values, "zcr"), 1)
    np.testing.assert_allclose(column(values, "energy"), 1)
    np.testing.assert_allclose(column(values, "energy_entropy"), np.log2(10))


def test_chroma_of_a_tone_is_in_one_pitch_class():
    # 880 Hz is bin 22, counted as 920 Hz: 12 log2(920 / 27.5) = 60.8, class 61 mod 12 = 1 (A sharp).
    values = short_term_36(sine(880, 1), RATE)
    chroma = np.stack([column(values, f"chroma_{i}") for i in range(1, 13)])
    assert (chroma.argmax(axis=0) == 1).all()
    np.testing.assert_allclose(np.delete(chroma, 1, axis=0), 0, atol=1e-9)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_pitch_of_a_pulse_train(rate):
    period = rate // 200
    values = short_term_36(pulses(period), rate)
    np.testing.assert_allclose(column(values, "pitch"), rate / period)
    np.testing.assert_allclose(column(values, "harmonic_ratio"), 1, atol=1e-6)


def test_compatible_pitch_is_one_sample_of_lag_too_high():
    values = short_term_36(pulses(80), RATE, harmonic="compatible")
    assert set(np.round(column(values, "pitch"), 6)) <= {np.round(RATE / lag, 6) for lag in (79, 159, 239)}


def test_noise_has_no_pitch():
    values = short_term_36(noise(2), RATE)
    assert (column(values, "pitch") > 0).mean() < 0.02


def test_gain_and_offset_do_not_matter():
    signal = noise(0.3)
    np.testing.assert_allclose(
        short_term_36(0.001 * signal + 0.5, RATE), short_term_36(signal, RATE), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("harmonic", ["corrected", "compatible"])
@pytest.mark.parametrize(
    "signal",
    [np.zeros(3200), np.full(3200, 0.25), np.r_[noise(0.2), np.zeros(3200)], np.eye(1, 3200, 1600)[0]],
    ids=["silence", "constant", "speech then silence", "click"],
)
def test_silence_gives_finite_values(signal, harmonic):
    values = short_term_36(signal, RATE, harmonic=harmonic)
    assert np.isfinite(values).all()
    if harmonic == "corrected":
        assert column(values, "harmonic_ratio").max() <= 1


def test_silence_has_no_pitch_and_no_energy():
    values = short_term_36(np.zeros(3200), RATE)
    assert not values[:, [1, 3, 4, 34, 35]].any()


def test_frames():
    assert short_term_36(noise(0.025), RATE).shape == (1, 36)
    assert short_term_36(noise(1), RATE).shape == (98, 36)
    assert short_term_36(noise(1), RATE, window=0.030, hop=0.020).shape == (49, 36)


def test_block_size_does_not_matter(monkeypatch):
    signal = noise(0.5)
    whole = short_term_36(signal, RATE)
    monkeypatch.setattr(short_term, "BLOCK", 7)
    np.testing.assert_allclose(short_term_36(signal, RATE), whole, rtol=1e-9, atol=1e-9)


def test_memory_does_not_grow_with_the_signal():
    signal = noise(40).astype(np.float32)
    short_term_36(signal[:RATE], RATE)  # imports
    tracemalloc.start()
    values = short_term_36(signal, RATE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - values.nbytes < 4e6  # frames by themselves would take 13 MB


@pytest.mark.parametrize(
    ("signal", "settings", "message"),
    [
        (np.zeros(399), {}, "has 399 samples .* needs 400 or more"),
        (np.full(800, np.nan), {}, "not finite"),
        (np.zeros((800, 2)), {}, r"one channel.*\(800, 2\)"),
        (np.zeros(800), {"window": 0.040}, r"window of 640 samples .* use 198 to 599 samples \(0.0124 to 0.0374 s\)"),
        (np.zeros(800), {"window": 0.010}, "window of 160 samples .* use 198 to 599"),
        (np.zeros(800), {"hop": 0}, "a sample or more; got 0"),
        (np.zeros(800), {"sample_rate": 4000}, "8000 Hz or more; got 4000"),
        (np.zeros(800), {"harmonic": "correct"}, "did you mean 'corrected'"),
        (np.zeros(800), {"epsilon": 0}, "epsilon must be positive"),
    ],
)
def test_bad_input(signal, settings, message):
    with pytest.raises(SerkitError, match=message):
        short_term_36(signal, **{"sample_rate": RATE} | settings)


@pytest.mark.parametrize("samples", [198, 599])
def test_window_limits_in_the_error_are_usable(samples):
    assert np.isfinite(short_term_36(noise(0.1), RATE, window=samples / RATE)).all()
    with pytest.raises(SerkitError, match="window"):
        short_term_36(noise(0.1), RATE, window=(samples - 1 if samples < 400 else samples + 1) / RATE)


def test_z_normalise():
    values = np.random.default_rng(0).normal(5, 3, (50, 4))
    values[:, 2] = 0.1
    normal = z_normalise(values)
    np.testing.assert_allclose(normal.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(normal.std(axis=0), [1, 1, 0, 1])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.zeros(5), r"shape \(frames, dims\)"),
        (np.zeros((0, 36)), r"a frame or more; got \(0, 36\)"),
        (np.full((3, 2), np.inf), "not finite"),
    ],
)
def test_z_normalise_bad_input(values, message):
    with pytest.raises(SerkitError, match=message):
        z_normalise(values)
