import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from serkit.errors import SerkitError
from serkit.features import yaafe
from serkit.features.yaafe import YAAFE_743_GROUPS, YAAFE_743_NAMES, yaafe_743

GOLDEN = Path(__file__).parent / "golden"
RATE = 16000
DIMENSIONS = {
    "AmplitudeModulation": 8,
    "AutoCorrelation": 49,
    "ComplexDomainOnsetDetection": 1,
    "Energy": 1,
    "Envelope": 6,
    "EnvelopeShapeStatistics": 4,
    "LPC": 2,
    "LSF": 10,
    "Loudness": 24,
    "MFCC": 13,
    "MagnitudeSpectrum": 513,
    "MelSpectrum": 40,
    "OBSI": 9,
    "OBSIR": 8,
    "PerceptualSharpness": 1,
    "PerceptualSpread": 1,
    "SpectralCrestFactorPerBand": 19,
    "SpectralDecrease": 1,
    "SpectralFlatness": 1,
    "SpectralFlatnessPerBand": 19,
    "SpectralFlux": 1,
    "SpectralRolloff": 1,
    "SpectralShapeStatistics": 4,
    "SpectralSlope": 1,
    "SpectralVariation": 1,
    "TemporalShapeStatistics": 4,
    "ZCR": 1,
}
CHANGES = ("ComplexDomainOnsetDetection", "SpectralFlux", "SpectralVariation")  # need the frames before


def feature(values, name):
    found = values[:, YAAFE_743_GROUPS[name]]
    return found[:, 0] if found.shape[1] == 1 else found


def column(values, name):
    return values[:, YAAFE_743_NAMES.index(name)]


def noise(samples, seed=0, deviation=0.1):
    return deviation * np.random.default_rng(seed).standard_normal(samples)


def tone(bin_number, samples=8192, amplitude=0.5):
    return amplitude * np.sin(2 * np.pi * bin_number / 1024 * np.arange(samples) + 0.3)


@pytest.fixture(scope="module")
def golden():
    """What YAAFE itself gives for golden.wav, one array a feature."""
    with np.load(GOLDEN / "golden_yaafe743.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def computed():
    signal, rate = soundfile.read(GOLDEN / "golden.wav")
    return yaafe_743(signal, rate)


@pytest.mark.parametrize("name", YAAFE_743_GROUPS)
def test_reproduces_the_reference_program(golden, computed, name):
    expected = golden[name]
    found = computed[:, YAAFE_743_GROUPS[name]]
    assert found.shape == expected.shape
    error = np.abs(found - expected).max(axis=0) / np.abs(expected).max(axis=0)
    assert error.max() < 1e-11


def test_dimensions_and_names(golden):
    assert {name: group.stop - group.start for name, group in YAAFE_743_GROUPS.items()} == DIMENSIONS
    assert len(DIMENSIONS) == 27
    assert sum(DIMENSIONS.values()) == 743 == len(set(YAAFE_743_NAMES))
    assert set(golden) == set(DIMENSIONS)
    for name, group in YAAFE_743_GROUPS.items():
        assert {column.split("_")[0] for column in YAAFE_743_NAMES[group]} == {name}


def test_integers_and_single_precision_give_the_same(computed):
    for dtype in ("int16", "float32"):
        signal, rate = soundfile.read(GOLDEN / "golden.wav", dtype=dtype)
        np.testing.assert_array_equal(yaafe_743(signal, rate), computed)


def test_tables_are_those_of_the_definition():
    edges = [0, 6, 12, 18, 24, 30, 37, 44, 51, 59, 68, 78, 89, 101, 116, 132, 152, 176, 204, 238, 278, 325, 378, 439]
    assert yaafe._loudness_edges().tolist() == edges
    bins, _, starts, counts = yaafe._bands()
    assert counts.tolist() == [6, 7, 8, 9, 11, 13, 15, 17, 10, 12, 14, 17, 10, 12, 14, 16, 10, 12, 14]
    assert starts.tolist() == np.cumsum([0, *counts[:-1]]).tolist()
    assert (bins.min(), bins.max(), len(bins)) == (15, 455, 688)
    mel = yaafe._mel_filters()
    np.testing.assert_allclose(15.625 * mel[:, 9:].sum(axis=0), 1, atol=0.05)  # wide enough for the grid


def test_frames_are_centred_every_hop():
    click = np.zeros(5000)
    click[2 * 512] = 0.5
    assert column(yaafe_743(click, RATE), "TemporalShapeStatistics_centroid")[2] == 512
    for samples, hop, frames in ((1, 512, 1), (512, 512, 1), (513, 512, 2), (47777, 512, 94), (9, 4, 3)):
        assert yaafe_743(noise(samples), RATE, hop).shape == (frames, 743)


def test_hop_changes_only_what_compares_frames():
    signal = noise(6000)
    coarse, fine = yaafe_743(signal, RATE), yaafe_743(signal, RATE, hop=256)[::2]
    same = np.ones(743, bool)
    for name in CHANGES:
        same[YAAFE_743_GROUPS[name]] = False
        assert np.abs(feature(coarse, name) - feature(fine, name))[1:].min() > 0
    np.testing.assert_allclose(fine[:, same], coarse[:, same], rtol=1e-9, atol=1e-12)


def test_tone_on_a_bin():
    values = yaafe_743(tone(64), RATE)[1:-2]  # 1 kHz, amplitude 0.5, whole frames
    magnitude = feature(values, "MagnitudeSpectrum")
    np.testing.assert_allclose(magnitude[:, 63:66], np.tile([64, 128, 64], (len(values), 1)), rtol=1e-9)
    np.testing.assert_allclose(np.delete(magnitude, [63, 64, 65], axis=1), 0, atol=1e-10)
    np.testing.assert_allclose(feature(values, "Energy"), 0.5 / np.sqrt(2))
    np.testing.assert_allclose(column(values, "SpectralShapeStatistics_centroid"), 64)
    np.testing.assert_allclose(column(values, "SpectralShapeStatistics_spread"), np.sqrt(0.5))
    np.testing.assert_allclose(
        feature(values, "SpectralRolloff"), 65 * 15.625
    )  # counts the bins left, not the last one
    np.testing.assert_allclose(feature(values, "ZCR"), 128 / 1024, atol=1 / 1024)
    for name in ("ComplexDomainOnsetDetection", "SpectralFlux", "SpectralVariation"):  # nothing changes
        np.testing.assert_allclose(feature(values[2:], name), 0, atol=1e-9)


def test_zero_crossings_skip_zeros_and_stay_in_their_frame():
    x = np.zeros((4, 1024))
    x[0, [3, 10, 20]] = [1, -1, -1]
    x[1, [0, 1023]] = [1, -1]  # the change from the frame above does not count
    x[3, 500] = 1  # nor one across a frame of zeros
    np.testing.assert_array_equal(1024 * yaafe._zero_crossing_rate(x), [1, 1, 0, 0])


def test_line_spectral_frequencies_are_the_angles_of_roots():
    reflections = np.random.default_rng(0).uniform(-0.95, 0.95, (50, 10))
    reflections[0] = 0
    found = yaafe._line_spectral_frequencies(reflections)
    np.testing.assert_allclose(found[0], np.pi / 11 * np.arange(1, 11))
    for k, frequencies in zip(reflections, found, strict=True):
        a = np.ones(1)
        for one in k:
            a = np.append(a, 0) + one * np.append(a, 0)[::-1]
        a = np.append(a, 0)
        angles = np.concatenate([np.angle(np.roots(a + a[::-1])), np.angle(np.roots(a - a[::-1]))])
        np.testing.assert_allclose(frequencies, np.sort(angles[(angles > 1e-7) & (angles < np.pi - 1e-7)]), atol=1e-9)


def test_linear_prediction_of_white_and_coloured_noise():
    white = noise(40000)
    coloured = np.zeros_like(white)
    for n in range(len(white)):
        coloured[n] = white[n] + 1.2 * coloured[n - 1] - 0.6 * coloured[n - 2]
    np.testing.assert_allclose(feature(yaafe_743(white, RATE), "LPC").mean(axis=0), [0, 0], atol=0.02)
    lpc = feature(yaafe_743(coloured / 10, RATE), "LPC")[1:-1].mean(axis=0)
    np.testing.assert_allclose(lpc, [-1.2, 0.6], atol=0.02)


def test_a_frame_predictable_but_for_rounding_has_ordered_frequencies():
    swell = np.exp(-(((np.arange(4096) - 2048) / 150) ** 2)) * 0.9
    frequencies = feature(yaafe_743(swell, RATE), "LSF")
    assert (np.diff(frequencies, axis=1) > 0).all()
    assert frequencies.min() > 0
    assert frequencies.max() < np.pi


def test_linear_dependencies(computed):
    loudness, spectrum = feature(computed, "Loudness"), feature(computed, "MagnitudeSpectrum")
    np.testing.assert_allclose(loudness.sum(axis=1), 1)
    np.testing.assert_allclose(feature(computed, "OBSIR"), np.diff(feature(computed, "OBSI"), axis=1))
    np.testing.assert_allclose(feature(computed, "MelSpectrum"), spectrum @ yaafe._mel_filters())
    centroid, slope = column(computed, "SpectralShapeStatistics_centroid"), feature(computed, "SpectralSlope")
    assert abs(np.corrcoef(centroid, slope)[0, 1]) == pytest.approx(1, abs=1e-12)


SIGNALS = {
    "silence": np.zeros(4000),
    "one sample of silence": np.zeros(1),
    "one frame": noise(512),
    "one sample": np.array([0.5]),
    "clipped": np.clip(noise(4000, deviation=2), -1, 1),
    "constant": np.full(4000, 0.7),
    "click": np.eye(1, 4000, 1700)[0],
    "clicks": np.where(np.arange(4000) % 1300 == 0, 1.0, 0.0),
    "square wave": np.where(np.arange(4000) // 40 % 2 == 0, 1.0, -1.0),
    "fastest square wave": np.where(np.arange(4000) % 2 == 0, 1.0, -1.0),
    "speech, silence, speech": np.r_[noise(3000), np.zeros(5000), noise(3000)],
    "hardly a sound": 1e-12 * noise(4000),
    "below any sound": 1e-170 * noise(4000),
    "denormal": np.full(4000, 5e-324),
    "two unlike clicks": np.r_[np.zeros(1500), 1, 1e-5, np.zeros(1500)],
    "soft swell": np.exp(-(((np.arange(4096) - 2048) / 200) ** 2)),
}


@pytest.mark.parametrize("silence", ["neutral", "dither"])
@pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
def test_extreme_signals_give_finite_values(signal, silence):
    with np.errstate(divide="raise", invalid="raise", over="raise"):
        values = yaafe_743(signal, RATE, silence=silence)
        assert np.isfinite(values.astype(np.float32)).all()  # what a feature store keeps
    assert values.shape == (-(-len(signal) // 512), 743)


def test_silence_has_the_documented_values():
    values = yaafe_743(np.zeros(2048), RATE)
    expected = {
        "AmplitudeModulation": [3.984375, 0, 0, 0, 9.921875, 0, 0, 0],
        "ComplexDomainOnsetDetection": 0,
        "Energy": 0,
        "LPC": [0, 0],
        "LSF": np.pi / 11 * np.arange(1, 11),
        "MagnitudeSpectrum": 2.0**-52,
        "OBSI": -42.951,
        "SpectralCrestFactorPerBand": 1,
        "SpectralFlatness": 1,
        "SpectralFlatnessPerBand": 1,
        "SpectralFlux": 0,
        "SpectralRolloff": 7921.875,
        "TemporalShapeStatistics": [0, 2.0**-52, 0, -3],
        "ZCR": 0,
    }
    for name, value in expected.items():
        found = values[:, YAAFE_743_GROUPS[name]]
        np.testing.assert_allclose(found, np.broadcast_to(value, found.shape), rtol=1e-4, atol=1e-15, err_msg=name)


def test_nothing_flows_from_silence_to_sound():
    flux = feature(yaafe_743(np.r_[np.zeros(4096), noise(4096)], RATE), "SpectralFlux")
    assert (flux[:9] == 0).all()  # frame 8 is the first with sound; the program gives 5e14 there
    assert (flux[9:] > 0).all()


def test_dither_tames_frames_that_touch_silence():
    signal = np.r_[np.zeros(3582), noise(4000, seed=1)]  # two samples of sound at the end of a frame
    neutral, dithered = (np.abs(yaafe_743(signal, RATE, silence=setting)) for setting in ("neutral", "dither"))
    for name in ("SpectralFlux", "TemporalShapeStatistics_kurtosis"):
        assert column(neutral, name).max() > 1e5
        assert column(dithered, name).max() < 1e4


def test_dither_is_the_same_every_time_and_one_step_of_16_bit_audio():
    signal = np.zeros(16000)
    values = yaafe_743(signal, RATE, silence="dither")
    np.testing.assert_array_equal(values, yaafe_743(signal, RATE, silence="dither"))
    assert feature(values, "Energy")[1:-1].mean() == pytest.approx(2**-15, rel=0.02)
    assert not signal.any()


def test_block_size_does_not_matter(monkeypatch, computed):
    signal, rate = soundfile.read(GOLDEN / "golden.wav")
    for size in (1, 7):
        monkeypatch.setattr(yaafe, "BLOCK", size)
        np.testing.assert_allclose(yaafe_743(signal, rate), computed, rtol=1e-8, atol=1e-12)


def test_memory_does_not_grow_with_the_signal():
    signal = noise(60 * RATE).astype(np.float32)
    yaafe_743(signal[:RATE], RATE)  # imports and tables
    tracemalloc.start()
    values = yaafe_743(signal, RATE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - values.nbytes - signal.nbytes < 15e6  # spectra by themselves would take 15 MB


@pytest.mark.parametrize(
    ("signal", "settings", "message"),
    [
        (np.zeros(0), {}, "has 0 samples .* needs 1 or more"),
        (np.full(800, np.inf), {}, "not finite"),
        (np.zeros((800, 2)), {}, r"one channel.*\(800, 2\)"),
        (np.zeros(800), {"sample_rate": 44100}, r"defined at 16000 Hz; the signal has 44100 Hz: resample it"),
        (np.zeros(800), {"hop": 0}, "1 or more, such as 512; got 0"),
        (np.zeros(800), {"hop": 0.032}, "whole number of samples.* got 0.032"),
        (np.full(800, -3000.0), {}, r"reaches 3000: scale it .*\(divide 16-bit samples by 32768"),
        (np.zeros(800), {"silence": "nuetral"}, "did you mean 'neutral'"),
    ],
)
def test_bad_input(signal, settings, message):
    with pytest.raises(SerkitError, match=message):
        yaafe_743(signal, **{"sample_rate": RATE} | settings)
