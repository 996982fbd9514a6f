"""serkit.baselines: known answers, nothing of the tested speakers in training, the same numbers again."""

import numpy as np
import pandas as pd
import pytest

from serkit import baselines, corpora, metrics, papers, report, splits
from serkit.errors import SerkitError

CLASSES = ["sad", "happy", "angry"]


@pytest.fixture
def utterances():
    rows = [
        {"id": f"s{speaker}-{label}-{number}", "speaker": f"s{speaker}", "label": label}
        for speaker in range(6)
        for label in CLASSES
        for number in range(4 if label == "sad" else 2)
    ]
    return pd.DataFrame(rows).assign(gender="f")


@pytest.fixture
def vectors(utterances):
    """Five dimensions: the class lies in the first two, a speaker's own voice is much larger than that."""
    rng = np.random.default_rng(0)
    place = {"sad": (0, 0), "happy": (4, 0), "angry": (0, 4)}
    rows = rng.normal(0, 0.5, (len(utterances), 5))
    rows[:, :2] += [place[label] for label in utterances["label"]]
    voices = rows + rng.normal(0, 10, (6, 5))[utterances["speaker"].str[1:].astype(int)]
    return {"clear": pd.DataFrame(rows, utterances["id"]), "voices": pd.DataFrame(voices, utterances["id"])}


@pytest.fixture
def fold(utterances):
    return splits.leave_one_speaker_out(utterances)[0]


def predicted(model, fold, vectors, utterances):
    return baselines.predict(model, fold, vectors, utterances, CLASSES)[0]


class Store:
    """Stands for stored features."""

    def __init__(self, **arrays):
        self.arrays = arrays
        self.index = pd.DataFrame({"frames": [len(one) for one in arrays.values()]}, index=list(arrays))

    def __getitem__(self, name):
        return self.arrays[name]


def test_vectors_are_extracted_or_made_of_own_features(monkeypatch, utterances):
    def extract(table, front_end, trim):
        assert table is utterances
        return Store(a=np.full((1, 2), float(trim)), b=np.full((1, 2), float(front_end is baselines.features.egemaps)))

    monkeypatch.setattr(baselines.features, "extract", extract)
    given = {"own": Store(a=np.zeros((3, 1))), "made": pd.DataFrame({"x": [1.0]}, ["a"])}
    found = baselines.vectors(["eGeMAPS", "made", "own"], utterances, given, 40.0)
    assert found["eGeMAPS"].to_numpy().tolist() == [[40, 40], [1, 1]]
    assert found["own"].to_numpy().tolist() == [[0, 0, 0, 0]]
    assert found["made"] is given["made"]
    with pytest.raises(SerkitError, match=r"^unknown input of the baselines 'IS9'"):
        baselines.vectors(["IS9"], utterances, given)


def test_statistics_of_frames():
    frames = np.stack([np.arange(11.0), np.full(11, 3.0)], axis=1)
    table = baselines.summaries(Store(a=frames, b=frames[:1]))
    np.testing.assert_allclose(table.loc["a"], [5, 3, np.sqrt(10), 0, 1, 3, 9, 3])
    np.testing.assert_allclose(table.loc["b"], [0, 3, 0, 0, 0, 3, 0, 3])
    np.testing.assert_allclose(baselines.summaries(Store(a=frames), np.exp).loc["a"][1], np.exp(3))


def test_an_utterance_of_one_frame_is_its_own_vector():
    table = baselines.summaries(Store(a=np.array([[1.0, 2.0]]), b=np.array([[3.0, 4.0]])))
    assert table.to_numpy().tolist() == [[1, 2], [3, 4]]


def test_the_majority_class(fold, vectors, utterances):
    table = predicted(baselines.MAJORITY, fold, vectors, utterances)
    assert set(table["predicted"]) == {"sad"}
    assert metrics.ua(table["label"], table["predicted"]) == pytest.approx(1 / 3)
    np.testing.assert_allclose(table.loc[0, CLASSES].astype(float), [0.5, 0.25, 0.25])


def test_a_linear_border_is_found(fold, vectors, utterances):
    table, notes = baselines.predict("SVM on clear", fold, vectors, utterances, CLASSES)
    assert table["predicted"].tolist() == table["label"].tolist()
    assert table["id"].tolist() == list(fold.test)
    assert notes["C"] in baselines.C_GRID
    assert (np.array(CLASSES)[table[CLASSES].to_numpy(float).argmax(axis=1)] == table["predicted"]).all()


def test_by_speaker_takes_the_voice_away(vectors, utterances):
    """Voices differ by more than classes do; what is left without a speaker's own mean is the class."""
    voices = {"voices": vectors["voices"][[0, 1]]}
    right = {}
    for name in ("SVM on voices", "SVM on voices, by speaker"):
        folds = splits.leave_one_speaker_out(utterances)
        tables = pd.concat([predicted(name, fold, voices, utterances) for fold in folds])
        right[name] = (tables["predicted"] == tables["label"]).mean()
    assert right["SVM on voices"] < 0.7
    assert right["SVM on voices, by speaker"] > 0.9


def test_z_norm_by_speaker():
    rows = pd.DataFrame({0: [1.0, 3.0, 10.0, 20.0, 5.0]}, index=list("abcde"))
    normed = baselines.z_norm_by_speaker(rows, pd.Series(["x", "x", "y", "y", "z"], index=list("abcde")))
    assert normed[0].tolist() == [-1, 1, -1, 1, 0]
    alone = baselines.z_norm_by_speaker(rows, pd.Series(["x", "x"], index=list("ab")))
    assert alone[0].tolist() == [-1, 1]


@pytest.mark.parametrize("model", ["SVM on voices", "SVM on clear, by speaker"])
def test_tested_speakers_do_not_train(model, utterances, vectors):
    """Neither their labels nor, but for what is z-normed by speaker, their vectors change how others are judged."""
    folds = splits.leave_one_speaker_out(utterances, groups=3)
    before = predicted(model, folds[0], vectors, utterances)
    own = before["speaker"] == "s0"
    shifted = {name: table.copy() for name, table in vectors.items()}
    for table in shifted.values():
        table.loc[before.loc[~own, "id"]] *= 100.0
    other = utterances.assign(
        label=np.where(utterances["id"].isin(before.loc[~own, "id"]), "angry", utterances["label"])
    )
    after = predicted(model, folds[0], shifted, other)
    pd.testing.assert_frame_equal(before.loc[own, CLASSES], after.loc[own, CLASSES])


def test_c_is_chosen_on_training_speakers_alone(fold, vectors, utterances, monkeypatch):
    from sklearn.model_selection import GroupKFold

    given = []

    class Watched(GroupKFold):
        def split(self, X, y=None, groups=None):
            given.append(groups)
            return super().split(X, y, groups)

    monkeypatch.setattr("sklearn.model_selection.GroupKFold", Watched)
    predicted("SVM on clear", fold, vectors, utterances)
    assert set(given[0]) == {"s1", "s2", "s3", "s4", "s5"}


def test_validation_speakers_train_too(vectors, utterances):
    speaker = utterances["speaker"]
    sides = {name: tuple(utterances.loc[speaker.isin(who), "id"]) for name, who in (("t", ["s0"]), ("v", ["s1"]))}
    rest = tuple(utterances.loc[~speaker.isin(["s0", "s1"]), "id"])
    with_both = splits.Fold("s0", train=rest, test=sides["t"], validation=sides["v"])
    joined = splits.Fold("s0", train=rest + sides["v"], test=sides["t"])
    one, other = (predicted("SVM on clear", each, vectors, utterances) for each in (with_both, joined))
    pd.testing.assert_frame_equal(one, other)


def test_the_same_again(fold, vectors, utterances):
    one, other = (predicted("SVM on voices", fold, vectors, utterances) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_two_classes_one_speaker_and_a_class_that_training_lacks(vectors, utterances):
    two = utterances[utterances["label"] != "angry"].reset_index(drop=True)
    table = predicted("SVM on clear", splits.leave_one_speaker_out(two)[0], vectors, two)
    assert table["predicted"].tolist() == table["label"].tolist()
    assert (table["angry"] < table[["sad", "happy"]].min(axis=1)).all()
    folds = splits.leave_one_speaker_out(two[two["speaker"].isin(["s0", "s1"])])  # one speaker left to train on
    table, notes = baselines.predict("SVM on clear", folds[0], vectors, two, CLASSES)
    assert set(table["predicted"]) <= {"sad", "happy"}
    assert notes["C"] == baselines.C_GRID[3]


def test_names_and_errors(fold, vectors, utterances):
    assert baselines.names(["a"], utterances) == ["majority class", "SVM on a", "SVM on a, by speaker"]
    assert baselines.names(["a"], utterances.assign(speaker=None)) == ["majority class", "SVM on a"]
    with pytest.raises(SerkitError, match=r"baseline 'SVM'.*SVM on clear"):
        predicted("SVM", fold, vectors, utterances)
    with pytest.raises(SerkitError, match=r"labels \['angry'\] are trained on"):
        baselines.predict("SVM on clear", fold, vectors, utterances, CLASSES[:2])


def test_a_line_with_a_delay_is_found():
    rng = np.random.default_rng(0)
    frames = [rng.normal(size=(200, 3)) for _ in range(3)]
    targets = [np.concatenate([np.ones(7), 2 * one[:-7, 1] + 1]) for one in frames]  # rated seven frames later
    found, *chosen = baselines.linear_trajectory(
        list(zip(frames, targets, strict=True))[:2], frames[2:], range(12), [1, 5]
    )
    assert chosen == [7, 1]
    np.testing.assert_allclose(found[0][7:], targets[2][7:], atol=0.3)
    smooth = [np.convolve(np.pad(one[:, 0], 2, "edge"), np.ones(5) / 5, "valid") for one in frames]
    found, *chosen = baselines.linear_trajectory(
        list(zip(frames, smooth, strict=True))[:2], frames[2:], range(3), windows=[1, 3, 5, 9]
    )
    assert chosen == [0, 5]
    np.testing.assert_allclose(found[0], smooth[2], atol=1e-9)
    for wrong in ({"windows": [1, 0]}, {"windows": []}, {"smooth": 0}, {"delays": [-1]}):
        with pytest.raises(SerkitError, match="a window and a running mean have 1 frame or more"):
            baselines.linear_trajectory([(frames[0], targets[0])], frames, **wrong)
    with pytest.raises(SerkitError, match="as many targets as frames"):
        baselines.linear_trajectory([(frames[0], targets[0][1:])], frames)


def test_a_running_mean_helps_where_frames_are_noisy():
    rng = np.random.default_rng(0)
    slow = [np.convolve(rng.normal(size=400), np.hanning(80), "same") / 5 for _ in range(8)]
    frames = [one[:, None] + rng.normal(0, 6, (400, 30)) for one in slow]
    late = [np.concatenate([np.full(10, one[0]), one[:-10]]) for one in slow]
    training = list(zip(frames, late, strict=True))[:4]
    plain, smooth = (baselines.linear_trajectory(training, frames[4:], [0, 10], smooth=size) for size in (1, 25))
    assert plain[1] == smooth[1] == 10
    agreement = [metrics.ccc(np.concatenate(late[4:]), np.concatenate(found)) for found, *_ in (plain, smooth)]
    assert agreement[1] > agreement[0] + 0.05
    np.testing.assert_allclose(smooth[0][0][100], plain[0][0][88:113].mean())


def test_baselines_and_cited_rows_stand_in_the_score_table(tmp_path, fold, vectors, utterances):
    eight = ["neutral", "calm", "happy", "sad", "angry", "fearful", "disgusted", "surprised"]
    table = pd.DataFrame({"id": [f"u{n}" for n in range(16)], "speaker": "s", "label": 2 * eight})
    one = report.prediction_table(table["id"], table, eight, np.eye(8)[[0] * 16]).assign(fold="1", seed=0)
    corpus = corpora.Corpus("ravdess", tmp_path, table)
    results = report.Results("li2018", corpus, {"out": str(tmp_path)})
    found = results.scores(one.assign(model="net"), baselines=one.assign(model="majority class"), division="folds")
    assert found["kind"].tolist() == ["network", "baseline", "cited", "cited", "cited"]
    assert found["model"].tolist()[:3] == ["net", "majority class", "wav2vec2-base, frozen encoder"]
    assert found["UA pooled"].tolist() == [12.5, 12.5, 54.3, 72.0, 75.3]
    assert found["why"].tolist()[2] == "EmoBox (Ma et al. 2024)"
    found = results.scores(one.assign(model="net"), baselines=one.assign(model="majority class"))
    assert found["kind"].tolist() == ["network", "baseline"]
    assert "kind" not in results.scores(one.assign(model="net"))
    assert len(papers.cited("ravdess", eight[::-1], "folds")) == 3
    assert papers.cited("ravdess", eight, "speakers").empty
