"""serkit.corpora.miniatures: the same seed gives the same bytes, and emotions can be told, but not perfectly."""

import numpy as np
import pytest
from log_mel import log_mel_bands
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from serkit import audio, corpora, files, metrics
from serkit.corpora import miniatures
from serkit.corpora.loaders import recola
from serkit.corpora.miniatures import iemocap as miniature_iemocap
from serkit.corpora.miniatures import recola as miniature_recola
from serkit.corpora.miniatures.synthesis import Manner, Voice, plan_words, speak
from serkit.errors import SerkitError

EMOTIONS = ["neutral", "happy", "sad", "angry"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return corpora.load("iemocap", miniatures.write("iemocap", tmp_path_factory.mktemp("miniature") / "iemocap"))


def content(root):
    return {str(path.relative_to(root)): files.sha256(path) for path in sorted(root.rglob("*")) if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(corpus, tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_CACHE", str(tmp_path))
    again = miniatures.ensure("iemocap")
    assert again.parent == tmp_path / "miniature"
    assert content(again) == content(corpus.root)
    (again / "kept").touch()
    assert miniatures.ensure("iemocap") == again
    assert (again / "kept").exists()  # it was not written a second time
    assert [path.name for path in again.parent.iterdir()] == [again.name]


def test_size_and_classes(corpus):
    table = corpus.utterances
    seconds = table["end"] - table["start"]
    assert 150 <= len(table) <= 170
    assert 270 < seconds.sum() < 360
    assert seconds.between(0.799, 4.501).all()
    assert seconds.mean() == pytest.approx(2, abs=0.3)
    assert (seconds > 2).sum() > 30
    improvised = table[(table["style"] == "improvised") & table["label"].isin(EMOTIONS)]
    counts = improvised.groupby(["speaker", "label"]).size().unstack()
    assert counts.shape == (10, 4)
    assert counts.min().min() >= 2
    assert counts.sum(axis=1).eq(12).all()
    assert set(table["label"]) == set(corpora.LABELS) - {"calm", "worried", "anxious", "bored"}


def log_mel(path, scaled):
    """Mean and standard deviation of 40 log-mel bands; `scaled`: whatever the level was."""
    logarithm = log_mel_bands(path, scaled)
    return np.concatenate([logarithm.mean(axis=0), logarithm.std(axis=0)])


@pytest.mark.parametrize(("scaled", "least", "most"), [(False, 0.6, 0.85), (True, 0.55, 0.8)])
def test_emotions_are_told_above_chance_and_not_perfectly(corpus, scaled, least, most):
    table = corpus.utterances
    table = table[(table["style"] == "improvised") & table["label"].isin(EMOTIONS)]
    features = np.stack([log_mel(path, scaled) for path in table["path"]])
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))
    predicted = cross_val_predict(classifier, features, table["label"], groups=table["speaker"], cv=LeaveOneGroupOut())
    assert least < recall_score(table["label"], predicted, average="macro") < most


def test_angry_is_louder_than_sad_and_nothing_is_clipped(corpus):
    table = corpus.utterances
    signals = [audio.read(path)[0] for path in table["path"]]
    level = (
        table.assign(level=[10 * np.log10(np.mean(signal**2)) for signal in signals]).groupby("label")["level"].mean()
    )
    assert level["angry"] > level["sad"] + 5
    assert max(np.abs(signal).max() for signal in signals) < 0.99


def test_words_sound_where_the_alignment_says(corpus):
    words = corpus.words()
    inside, outside = [], []
    for row in corpus.utterances[corpus.utterances["id"].isin(words["id"])].head(20).itertuples():
        signal, rate = audio.read(row.path)
        spoken = np.zeros(len(signal), dtype=bool)
        for word in words[words["id"] == row.id].itertuples():
            spoken[round(word.start * rate) : round(word.end * rate)] = True
        inside.append(np.mean(signal[spoken] ** 2))
        outside.append(np.mean(signal[~spoken] ** 2))
    assert np.mean(inside) > 50 * np.mean(outside)


@pytest.mark.parametrize("pitch", [110.0, 210.0])
def test_the_voice_has_the_pitch_asked_for(pitch):
    segments, times = plan_words(["a", "i"], rate=0.25, pauses=[0.1, 0.0, 0.1])
    assert times == [(0.1, 0.58), (0.58, 1.06)]
    signal = speak(segments, Voice(pitch, 1.0, 0.0), Manner(pitch_range=0.1), np.random.default_rng(0))
    assert len(signal) == round(1.16 * 16000)
    piece = signal[8000:10048] - signal[8000:10048].mean()  # about the middle, where the declination is zero
    similarity = np.correlate(piece, piece, "full")[2047:]
    lag = 50 + np.argmax(similarity[50:220])
    assert 16000 / lag == pytest.approx(pitch, rel=0.06)


def test_vowels_have_their_formants():
    segments, _ = plan_words(["i"], rate=0.12, pauses=[0.0, 0.0])
    signal = speak(segments, Voice(100.0, 1.0, 0.0), Manner(pitch_range=0.1), np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(signal[:16000] * np.hanning(16000)))  # 1 Hz a bin
    peak = 1000 + np.argmax(np.convolve(spectrum[1000:3000] ** 2, np.ones(150), "same"))
    assert abs(peak - 2290) < 150


def test_another_seed_gives_other_voices(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(
        miniature_iemocap,
        "DIALOGUES",
        {session: names[-1:] * 4 for session, names in miniature_iemocap.DIALOGUES.items()},
    )
    other = corpora.load("iemocap", miniatures.write("iemocap", tmp_path / "other", seed=1), strict=False)
    ours = content(corpus.root)
    shared = {name: digest for name, digest in content(other.root).items() if name.endswith(".wav") and name in ours}
    assert shared
    assert all(ours[name] != digest for name, digest in shared.items())


def test_only_an_empty_folder_or_a_miniature_is_written_over(tmp_path, monkeypatch):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(SerkitError, match="is not empty and no miniature; name another folder"):
        miniatures.write("iemocap", tmp_path)
    assert (tmp_path / "thesis.txt").exists()
    with pytest.raises(SerkitError, match="unknown miniature 'iemocab'"):
        miniatures.write("iemocab", tmp_path / "new")

    def fail(*_):
        raise OSError("broken")

    monkeypatch.setattr(miniature_iemocap, "_write_dialogue", fail)
    with pytest.raises(OSError, match="broken"):
        miniatures.write("iemocap", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]  # all or nothing


@pytest.fixture(scope="module")
def conversations(tmp_path_factory):
    """The miniature of RECOLA, with recordings of 20 seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(miniature_recola, "SECONDS", 20)
        return corpora.load("recola", miniatures.write("recola", tmp_path_factory.mktemp("miniature") / "recola"))


def test_conversations_are_annotated_smoothly_and_test_labels_withheld(conversations):
    labels = conversations.trajectories()
    assert sorted(labels["id"].unique()) == [f"{part}_{n}" for part in ("dev", "train") for n in range(1, 10)]
    for dimension in recola.DIMENSIONS:
        rough = [metrics.power_above(part[dimension], rate=25) for _, part in labels.groupby("id")]
        assert max(rough) < 0.05
        assert 0.15 < labels[dimension].std() < 0.35
        assert labels[dimension].abs().max() <= 1


def test_raters_agree_but_not_perfectly(conversations):
    for name in recola.DIMENSIONS:
        agreement = [
            metrics.agreement(part.pivot_table(name, "time", "rater")).mean()
            for _, part in conversations.ratings().groupby("id")
        ]
        assert 0.5 < np.mean(agreement) < 0.9


def test_annotations_follow_what_is_heard_some_seconds_later(conversations):
    """The level of speech goes with arousal; the delay is where the two agree best."""
    table = conversations.recordings.set_index("id")
    agreement = []
    for name, part in conversations.trajectories().groupby("id"):
        signal, _ = audio.read(table.loc[name, "path"])
        power = (signal.astype(float) ** 2).reshape(-1, 640).mean(axis=1)  # every 40 ms
        power = np.convolve(power, np.ones(25) / 25, "same")
        level, arousal = np.log(power[: len(part)]), part["arousal"].to_numpy()[: len(power)]
        agreement.append([np.corrcoef(level[: len(level) - lag], arousal[lag:])[0, 1] for lag in range(0, 150, 5)])
    mean = np.mean(agreement, axis=0)
    assert 2.4 < 0.04 * 5 * mean.argmax() < 3.6
    assert mean.max() > 0.7
    assert mean[0] < 0.3


def test_a_conversation_is_the_seeds(conversations, tmp_path, monkeypatch):
    monkeypatch.setattr(miniature_recola, "SECONDS", 20)
    monkeypatch.setattr(recola, "PARTITIONS", ("dev",))
    ours = content(conversations.root)
    for seed, same in ((0, True), (1, False)):
        other = content(miniatures.write("recola", tmp_path / str(seed), seed))
        other.pop(corpora.MARKER)
        assert len(other) == 9 * 5
        assert {ours[name] == digest for name, digest in other.items()} == {same}
