"""serkit.audio: what is read, and that nothing damaged is read in silence."""

import numpy as np
import pytest
import soundfile

from serkit import audio
from serkit.errors import SerkitError

RATE = 16000


def sine(seconds=0.5, rate=RATE, frequency=440.0):
    return 0.5 * np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_written_signal_is_read_back(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    audio.write(path, sine(), RATE)
    signal, rate = audio.read(path)
    assert (rate, signal.dtype, signal.shape) == (RATE, np.float32, (8000,))
    np.testing.assert_allclose(signal, sine(), atol=2**-15)
    assert audio.info(path) == audio.AudioInfo(RATE, 1, 8000)
    assert audio.info(path).duration == 0.5


def test_a_piece_is_cut_by_seconds(tmp_path):
    audio.write(tmp_path / "a.wav", np.arange(100) / 200, 100)
    piece, _ = audio.read(tmp_path / "a.wav", start=0.25, end=0.5)
    np.testing.assert_allclose(piece, np.arange(25, 50) / 200, atol=2**-15)
    with pytest.raises(SerkitError, match=r"lasts 1\.000 s: there is no piece from 1\.5 s"):
        audio.read(tmp_path / "a.wav", start=1.5)


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([sine(), np.zeros(8000)], axis=1), RATE)
    signal, _ = audio.read(tmp_path / "a.wav")
    np.testing.assert_allclose(signal, sine() / 2, atol=2**-14)
    assert audio.info(tmp_path / "a.wav").channels == 2


@pytest.mark.parametrize("own", [48000, 44100, 8000])
def test_resampling_keeps_length_and_tone(tmp_path, own):
    audio.write(tmp_path / "a.wav", sine(rate=own), own)
    signal, rate = audio.read(tmp_path / "a.wav", sample_rate=RATE)
    assert (rate, len(signal), signal.dtype) == (RATE, 8000, np.float32)
    np.testing.assert_allclose(signal[500:-500], sine()[500:-500], atol=2e-3)


def test_values_beyond_one_are_clipped_not_wrapped(tmp_path):
    audio.write(tmp_path / "a.wav", np.array([0.0, 1.5, -1.5]), RATE)
    np.testing.assert_allclose(audio.read(tmp_path / "a.wav")[0], [0, 1, -1], atol=1e-4)


def truncate(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("read", [audio.info, audio.read])
def test_a_truncated_file_is_refused(tmp_path, suffix, read):
    path = tmp_path / f"a.{suffix}"
    audio.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 40000), RATE)
    truncate(path)
    with pytest.raises(SerkitError, match=f"a.{suffix}.*copy it again"):
        read(path)


def test_a_wav_with_a_chunk_behind_the_samples_is_complete(tmp_path):
    path = tmp_path / "a.wav"
    audio.write(path, sine(), RATE)
    extra = b"LIST" + (4).to_bytes(4, "little") + b"INFO"
    content = bytearray(path.read_bytes() + extra)
    content[4:8] = (len(content) - 8).to_bytes(4, "little")
    path.write_bytes(content)
    assert audio.info(path).samples == 8000


def test_a_streamed_wav_of_unknown_length_is_read(tmp_path):
    path = tmp_path / "a.wav"
    audio.write(path, sine(), RATE)
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    assert len(audio.read(path)[0]) == 8000


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", r"is empty \(0 bytes\)"), (b"hello" * 50, "cannot read .* as audio")],
)
def test_what_is_no_audio_is_refused(tmp_path, content, message):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(SerkitError, match=message):
        audio.info(tmp_path / "a.wav")


def test_a_header_without_samples_and_a_missing_file_are_refused(tmp_path):
    audio.write(tmp_path / "a.wav", np.zeros(0), RATE)
    with pytest.raises(SerkitError, match="holds no samples"):
        audio.info(tmp_path / "a.wav")
    with pytest.raises(SerkitError, match="there is no file"):
        audio.read(tmp_path / "b.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused(tmp_path, value):
    signal = sine()
    signal[100] = value
    soundfile.write(tmp_path / "a.wav", signal, RATE, subtype="FLOAT")
    with pytest.raises(SerkitError, match=r"a\.wav holds samples that are not finite"):
        audio.read(tmp_path / "a.wav")


def test_silence_at_the_ends_is_cut_and_pauses_stay():
    rate = 16000
    tone = np.sin(2 * np.pi * 220 * np.arange(rate) / rate).astype(np.float32)
    quiet = np.full(rate // 2, 1e-4, np.float32)
    signal = np.concatenate([quiet, tone, quiet, tone, quiet, quiet])
    kept = audio.trim(signal, rate, 40)
    assert len(kept) == pytest.approx(2.5 * rate, abs=0.04 * rate)  # two tones and the pause between them
    assert np.array_equal(audio.trim(tone, rate, 40), tone)
    with pytest.raises(SerkitError, match="got 0"):
        audio.trim(signal, rate, 0)


def test_silence_is_cut_where_librosa_cuts_it(random):
    """Its rule, frame by frame: centred frames, zeros around the signal, the first and the last within the range."""
    for rate, samples in [(16000, 16000), (48000, 20011), (11025, 5000), (16000, 100), (16000, 1)]:
        swell = np.sin(np.linspace(0, np.pi, samples)) ** 4  # from silence to silence
        signal = (swell * random.normal(size=samples)).astype(np.float32)
        length, step = round(0.025 * rate), round(0.010 * rate)
        padded = np.concatenate([np.zeros(length // 2), signal, np.zeros(length // 2)])
        levels = [
            10 * np.log10(max(np.mean(padded[start : start + length] ** 2), 1e-10))
            for start in range(0, len(padded) - length + 1, step)
        ]
        for below in (10, 40, 80):
            audible = [place for place, level in enumerate(levels) if level > max(levels) - below]
            expected = signal[audible[0] * step : (audible[-1] + 1) * step]
            assert np.array_equal(audio.trim(signal, rate, below), expected), (rate, samples, below)
    assert len(audio.trim(np.zeros(16000), 16000, 40)) == 16000, "silence has no loudest part"
