"""serkit.corpora.proxy: a walk through RAVDESS, on synthetic files of its names and, where it is at hand, on itself."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serkit import audio, corpora, files, splits
from serkit.corpora import proxy
from serkit.corpora.loaders import ravdess
from serkit.errors import SerkitError

REAL = Path(__file__).parents[2] / "shared" / "data" / "ravdess" / "flac16k"


@pytest.fixture(scope="module")
def speech(tmp_path_factory):
    """Six actors' files of half a second of noise between silences, of which the first is 0.2 s long."""
    root = tmp_path_factory.mktemp("ravdess")
    random = np.random.default_rng(0)
    for actor in range(1, 7):
        folder = root / f"Actor_{actor:02d}"
        folder.mkdir()
        for name in ravdess._names_of(actor):
            signal = np.zeros(14400)
            signal[3200:11200] = random.uniform(-0.3, 0.3, 8000)
            audio.write(folder / f"{name}.wav", signal, 16000)
    return root


@pytest.fixture(scope="module")
def written(speech, tmp_path_factory):
    return proxy.ravdess_trajectories(speech, tmp_path_factory.mktemp("proxy") / "own", strict=False)


def test_it_is_a_corpus_that_says_what_it_is(written):
    corpus = corpora.load("continuous", written)
    assert corpus.check(deep=True).empty
    assert corpus.title.endswith("(proxy, delay added)")
    assert not corpus.redistributable
    recordings = corpus.recordings
    assert recordings["note"].eq("proxy, delay added").all()
    assert recordings["partition"].value_counts().to_dict() == {"train": 2, "dev": 2, "test": 2}
    assert recordings.groupby("partition")["gender"].nunique().eq(2).all()
    fold = splits.by_partition(recordings)
    assert len(fold.test) == 2
    labels = corpus.trajectories()
    assert list(labels.columns) == ["id", "time", "arousal", "valence"]
    assert labels.groupby("id").size().tolist() == recordings["rows"].tolist()
    assert labels[["arousal", "valence"]].abs().max().max() <= 0.8
    assert audio.info(recordings["path"][0]).sample_rate == 16000


def test_every_utterance_is_there_once_and_its_silence_is_cut(written, speech):
    placed = pd.read_csv(written.parent / "utterances.csv")
    assert len(placed) == 6 * 60
    assert placed["id"].is_unique
    assert (placed["end"] - placed["start"]).to_numpy() == pytest.approx(
        0.52, abs=0.03
    )  # a frame of 25 ms may begin before the noise
    for name, group in placed.groupby("recording"):
        assert (group["start"].to_numpy()[1:] == group["end"].to_numpy()[:-1]).all()
        whole, rate = audio.read(written.parent / "audio" / f"{name}.wav")
        assert len(whole) / rate == pytest.approx(group["end"].max(), abs=1e-3)
        row = group.iloc[7]
        own, _ = audio.read(speech / name / f"{row['id']}.wav")
        first, last = (round(row[name] * rate) for name in ("start", "end"))
        np.testing.assert_allclose(whole[first:last], audio.trim(own, rate, 40.0), atol=1e-4)


def test_the_emotion_moves_slowly_and_by_intensity(written):
    placed = pd.read_csv(written.parent / "utterances.csv")
    for _, group in placed.groupby("recording"):
        assert min(group["arousal"].autocorr(1), group["valence"].autocorr(1)) > 0.5
    angry = placed[placed["label"] == "angry"].groupby("intensity")["arousal"].first()
    assert angry.to_dict() == {"normal": 0.4, "strong": 0.8}
    assert placed.loc[placed["label"] == "neutral", ["arousal", "valence"]].eq(0).all(axis=None)


def test_labels_are_smooth_and_three_seconds_late():
    emotion, ends = np.array([[0.0], [1.0], [0.0]]), np.array([20.0, 40.0, 60.0])
    labels = proxy._labels_of(emotion, ends)[:, 0]
    assert len(labels) == 1501
    rise, fall = np.interp([0.5], labels[:1000], np.arange(1000))[0], np.argmax(labels[700:] < 0.5) + 700
    assert rise * proxy.STEP == pytest.approx(23, abs=0.04)
    assert fall * proxy.STEP == pytest.approx(43, abs=0.08)
    assert labels[0] == 0
    assert labels[round(33 / proxy.STEP)] == pytest.approx(1)
    early, late = labels[round(22 / proxy.STEP)], labels[round(24 / proxy.STEP)]
    assert (early, late) == pytest.approx((0.159, 0.841), abs=0.02)  # one standard deviation of the bell


def content(folder):
    return {str(path.relative_to(folder)): files.sha256(path) for path in folder.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_files_and_another_one_others(written, speech, tmp_path):
    ours = content(written.parent)
    assert content(proxy.ravdess_trajectories(speech, tmp_path / "again", strict=False).parent) == ours
    other = content(proxy.ravdess_trajectories(speech, tmp_path / "again", seed=1, strict=False).parent)
    assert other.keys() == ours.keys()
    assert all(other[name] != ours[name] for name in ours if name.startswith("labels"))


def test_it_is_written_whole_or_not_at_all(speech, tmp_path, monkeypatch):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(SerkitError, match="is not empty and no proxy; name another folder"):
        proxy.ravdess_trajectories(speech, tmp_path, strict=False)
    with pytest.raises(SerkitError, match=r"(?s)partial copy: 6 of 24 actors.*strict=False"):
        proxy.ravdess_trajectories(speech, tmp_path / "own")

    def fail(*_):
        raise OSError("broken")

    monkeypatch.setattr(proxy, "_labels_of", fail)
    with pytest.raises(OSError, match="broken"):
        proxy.ravdess_trajectories(speech, tmp_path / "own", strict=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(not REAL.is_dir(), reason="RAVDESS is not at hand")
def test_the_real_one_has_sixteen_four_and_four_speakers(tmp_path):
    corpus = corpora.load("continuous", proxy.ravdess_trajectories(REAL, tmp_path / "proxy"))
    assert corpus.check().empty
    recordings = corpus.recordings
    assert recordings["partition"].value_counts().to_dict() == {"train": 16, "dev": 4, "test": 4}
    minutes = recordings["rows"].mean() * proxy.STEP / 60
    assert 1.5 < minutes < 3.5
    labels = corpus.trajectories()
    assert labels.groupby("id")[["arousal", "valence"]].std().min().min() > 0.25
