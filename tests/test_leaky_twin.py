"""The leaky_twin notebook, executed in the smoke profile, and its leaks on made-up features."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_outputs,
    check_solutions,
    definitions,
    execute_and_solve,
    table,
)

from serkit import baselines, corpora, metrics, splits, statistics
from serkit.errors import SerkitError

SVM, MLP = "SVM on IS10", "MLP on IS10"
RAVDESS = Path(__file__).parents[1] / "results" / "ravdess"
CLASSES = ["neutral", "happy", "angry", "sad"]
STEPS = ("rows_of", "divide", "at_random", "by_sentence", "inputs", "of_original", "most_telling", "svm", "trained")
STEPS += ("fitted", "left_out")
NAMES = ("RANDOM", *STEPS, "mlp", "recalls", "study", "by_seed", "compared", "MISREAD", "COPY", "SVM", "MLP", "CHOICES")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return execute_and_solve("leaky_twin", profile="smoke", out=tmp_path_factory.mktemp("results"))


def test_the_solutions(folder):
    check_solutions(folder)


@pytest.fixture(scope="module")
def summary(folder):
    return table(folder, "leaks").set_index("leak")


@pytest.fixture(scope="module")
def predictions(folder):
    return pd.read_csv(folder / "predictions.csv.gz")


@pytest.fixture(scope="module")
def utterances():
    return corpora.load("iemocap", corpora.place("iemocap", "")).select(CLASSES)


def steps(rows, x=None, name="iemocap", **values):
    """The notebook's functions on a table of utterances and made-up vectors."""
    values = {"OWN_FOLDS": False, "speaker_groups": 4, "classes": CLASSES, "draws": 2, "seeds": 2, "epochs": 3} | values
    speech = SimpleNamespace(name=name, select=lambda *_: rows)
    space = definitions("leaky_twin", *NAMES, speech=speech, MERGED={}, **values)
    if x is not None:
        copies = x + 0.1 * np.random.default_rng(1).normal(size=x.shape)
        space["VECTORS"] = pd.concat([x, copies.set_axis(x.index + space["COPY"])])
    return SimpleNamespace(**{one: space[one] for one in NAMES})


def people(speakers=10, each=12):
    """A table in which everybody says as much in each class."""
    rows = [
        (f"Ses{who:02d}_{number:02d}", f"Ses{who:02d}", "fm"[who % 2], CLASSES[number % 4], f"text {number % 3}")
        for who in range(speakers)
        for number in range(each)
    ]
    return pd.DataFrame(rows, columns=["id", "speaker", "gender", "label", "text"])


def test_results_say_miniature(folder):
    assert folder.parts[-2:] == ("iemocap-miniature", "leaky_twin")
    assert "Everything here is of: iemocap miniature (synthetic speech)." in (folder / "notebook.ipynb").read_text()
    check_figures(folder, {"splits", "choices", "points"})
    check_outputs(folder)


def test_the_honest_svm_is_the_baseline_of_the_papers(predictions, utterances):
    stored = predictions[predictions["kind"] == "baseline"]
    assert stored["model"].unique().tolist() == [SVM]
    vectors = baselines.vectors(["IS10"], utterances, {})
    folds = splits.leave_one_speaker_out(utterances, 3)
    due = pd.concat([baselines.predict(SVM, fold, vectors, utterances, CLASSES)[0] for fold in folds])
    both = stored.set_index("id").loc[due["id"]]
    assert both["predicted"].tolist() == due["predicted"].tolist()
    np.testing.assert_allclose(both[CLASSES], due[CLASSES], rtol=1e-3, atol=1e-4)
    assert (both[CLASSES].idxmax(axis=1) == both["predicted"]).all()


def test_honest_rows_share_no_speaker_and_test_everything_once(folder, predictions, utterances):
    sizes = table(folder, "splits")
    sides = ["train speakers", "validation speakers", "test speakers"]
    assert (sizes[sides].sum(axis=1) == 10).all()
    assert (sizes["validation speakers"] == 2).all()
    assert sizes["test speakers"].sum() == 10
    honest = predictions[predictions["kind"] != "leak"]
    for (_, _), part in honest.groupby(["model", "seed"]):
        assert sorted(part["id"]) == sorted(utterances["id"])
    for fold in steps(utterances).divide(utterances, validation=2):
        splits.assert_disjoint(fold, utterances)
    stored = pd.read_csv(folder / "folds.csv.gz")
    counted = stored[stored["model"] == MLP].pivot_table("id", "fold", "side", "count")[list(splits.SIDES)]
    assert counted.to_dict() == sizes.set_index("fold")[list(splits.SIDES)].to_dict()
    assert not stored.duplicated(["id", "fold", "model"]).any()
    assert set(stored.loc[stored["model"] == SVM, "side"]) == {"train", "test"}


def test_the_summary_is_what_the_stored_predictions_say(summary, predictions):
    assert len(summary) == 16
    leaks = dict(list(predictions[predictions["kind"] == "leak"].groupby("leak")))
    honest = dict(list(predictions[predictions["kind"] != "leak"].groupby("model")))
    reference = {"same sentences": "none: unseen sentences", "features chosen on all data": "none: few features"}
    reference["augmented before the split"] = "none: augmented"
    for name, row in summary.drop(["all together, SVM", "all together, network"]).iterrows():
        first, second = leaks.get(reference.get(name), honest[row["model"]]), leaks[name]
        if row["tested"] != 125:
            first, second = first.drop(columns="id"), second.drop(columns="id")
        due = statistics.paired_difference(second, first)
        assert row["points"] == pytest.approx(100 * due.difference, abs=0.006)
        assert [row["low"], row["high"]] == pytest.approx([100 * due.low, 100 * due.high], abs=0.006)
        assert row["verdict"] == statistics.verdict(1.0, due)[0]
        assert row["UA leaky"] - row["UA honest"] == pytest.approx(row["points"], abs=0.02)
        assert row["low"] <= row["points"] <= row["high"]


def test_choices_by_the_test_cannot_lose(folder, summary):
    """The best of some is at least the mean, in each fold or over all; the honest choice is one of them."""
    assert summary.loc["best seed", "points"] >= 0
    seeds = table(folder, "seeds")["UA"]
    assert summary.loc["best seed", "UA leaky"] == pytest.approx(seeds.max(), abs=0.01)
    assert summary.loc["best seed", "UA honest"] == pytest.approx(seeds.mean(), abs=0.01)
    assert summary.loc["best epoch on test", "points"] > 0
    assert summary.loc["augmented before the split", "verdict"] == "holds"
    assert summary.loc["all together, SVM", "UA leaky"] >= summary["UA leaky"].max() - 0.01


def test_serkit_refuses_what_puts_a_voice_on_two_sides(folder):
    refused = table(folder, "refused").set_index("leak")["serkit says"]
    assert refused["random utterance split"].startswith("fold part 1: train and test share speakers: Ses01F")
    assert "train and test share speakers" in refused["speaker from the wrong field"]
    assert "validation and test share speakers" in refused["validation is the test set"]
    assert "train and test share speakers" in refused["augmented before the split"]


def test_other_tests_say_so(summary):
    """Merged classes and dropped utterances change what is tested."""
    assert summary.loc["classes merged", "tested"] == 125 + 13
    assert summary.loc["classes merged", "what it does"] == "excited counts as happy"
    assert 96 <= summary.loc["short utterances dropped", "tested"] < 125
    others = summary.drop(["classes merged", "short utterances dropped", "all together, SVM", "all together, network"])
    assert (others["tested"] == 125).all()
    assert (others["points"] - others["on the same"]).abs().max() < 0.02


def test_a_leak_that_cannot_leak_adds_nothing(utterances):
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(len(utterances), 5)), utterances["id"])
    made = steps(utterances, x)
    row = made.compared(made.study(SVM), made.study(SVM, frozenset({"the moon is full"})))
    assert [row["points"], row["low"], row["high"], row["on the same"]] == [0, 0, 0, 0]
    assert row["verdict"] == "undecided"
    # Groups of a session's two speakers: whoever of them is read from the name, the sides are the same.
    five = steps(utterances, x, speaker_groups=5)
    sides = [
        {frozenset(fold.test) for fold in five.divide(utterances, how)}
        for how in (frozenset(), frozenset({"speaker from the wrong field"}))
    ]
    assert len(sides[0]) == 5
    assert sides[0] == sides[1]


def test_a_random_split_finds_emotions_in_who_speaks():
    """Features that are the speaker and nothing else, and people who each prefer an emotion."""
    rows = people(12)
    rows["label"] = [CLASSES[int(who[-2:]) % 4] if number % 4 else CLASSES[number // 4 % 4]
                     for number, who in enumerate(rows["speaker"])]  # fmt: skip
    x = pd.get_dummies(rows.set_index("id")["speaker"]).astype(float)
    made = steps(rows, x)
    honest, leaky = made.study(SVM), made.study(SVM, frozenset({"random utterance split"}))
    assert metrics.ua(honest["label"], honest["predicted"]) < 0.35
    assert metrics.ua(leaky["label"], leaky["predicted"]) > 0.7
    assert made.compared(honest, leaky)["verdict"] == "holds"


def test_takes_stay_together_where_they_are_asked_to():
    """Everybody says everything twice; the first split parts such pairs, the second none."""
    rows = people()
    rows["text"] = [
        f"{who} {number // 2}" for who, number in zip(rows["speaker"], rows.groupby("speaker").cumcount(), strict=True)
    ]
    rows["label"] = rows.groupby(["speaker", "text"])["label"].transform("first")
    made = steps(rows, pd.DataFrame(np.zeros((len(rows), 1)), rows["id"]))
    take = rows.set_index("id")[["speaker", "text"]].agg(" ".join, axis=1)
    parted = {}
    for how in sorted(made.RANDOM):
        folds = made.divide(rows, frozenset({how}))
        assert sorted(name for fold in folds for name in fold.test) == sorted(rows["id"])
        parted[how] = sum(len(set(take[list(fold.train)]) & set(take[list(fold.test)])) for fold in folds)
    assert parted["random split, takes together"] == 0
    assert parted["random utterance split"] > 10


def test_leaks_find_emotions_in_noise():
    rows = people()
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(len(rows), 400)), rows["id"])
    made = steps(rows, x, selected=20)

    def ua(*how):
        found = made.study(SVM, frozenset(how))
        return metrics.ua(found["label"], found["predicted"])

    assert abs(ua() - 0.25) < 0.12
    assert abs(ua("augmented") - 0.25) < 0.12
    assert ua("augmented before the split") > 0.9
    assert abs(ua("few features") - 0.25) < 0.12
    assert ua("few features", "features chosen on all data") > 0.45
    assert abs(ua("normalised on all data") - 0.25) < 0.12


def test_who_is_trained_on_with_copies():
    rows = people(8, 4)
    x = pd.DataFrame(np.random.default_rng(0).normal(size=(len(rows), 3)), rows["id"])
    made = steps(rows, x)
    fold = made.divide(rows, validation=2)[0]
    for how, count in ((frozenset({"augmented"}), 2 * len(fold.train)),
                       (frozenset({"augmented before the split"}), len(fold.train) + len(rows))):  # fmt: skip
        vectors, known = made.inputs(fold, rows, how)
        assert len(known) == len(set(known)) == count
        assert set(vectors.index) == {*known, *fold.train, *fold.validation, *fold.test}
        np.testing.assert_allclose(vectors.loc[known].mean(), 0, atol=1e-5)
    _, known = made.inputs(fold, rows, frozenset({"validation is the test set"}))
    assert set(known) == {*fold.train, *fold.validation}


def test_unseen_sentences_are_unseen_and_the_twin_is_as_large():
    rows = people()
    made = steps(rows)
    sentence, label = (rows.set_index("id")[name] for name in ("text", "label"))
    unseen = made.divide(rows, {"unseen sentences"})
    seen = made.divide(rows, {"unseen sentences", "same sentences"}, draw=1)
    assert sorted(name for fold in unseen for name in fold.test) == sorted(rows["id"])
    shared = 0
    for one, other in zip(unseen, seen, strict=True):
        splits.assert_disjoint(one, rows)
        splits.assert_disjoint(other, rows)
        assert not set(sentence[list(one.train)]) & set(sentence[list(one.test)])
        assert Counter(label[list(one.train)]) == Counter(label[list(other.train)])
        assert one.test == other.test
        assert len(set(other.train)) == len(other.train)
        shared += bool(set(sentence[list(other.train)]) & set(sentence[list(other.test)]))
    assert shared == len(seen)


def test_the_wrong_field(utterances):
    made = steps(utterances)
    with pytest.raises(SerkitError, match="train and test share speakers"):
        splits.assert_disjoint(made.divide(utterances, {"speaker from the wrong field"})[0], utterances)
    assert made.MISREAD["iemocap"]("Ses01F_impro01_M003") == "Ses01F"
    assert made.MISREAD["ravdess"]("03-01-04-01-02-02-17") == "02"


def test_networks_are_trained_once_for_both_choices_and_learn():
    rows = people(8)
    x = pd.get_dummies(rows.set_index("id")["label"]).astype(float)
    made = steps(rows, x, epochs=20, learning_rate=0.02)
    honest = made.study(MLP)
    before = made.trained.cache_info().misses
    best = made.study(MLP, frozenset({"best epoch on test"}))
    assert made.trained.cache_info().misses == before == 2 * 4
    assert metrics.ua(honest["label"], honest["predicted"]) > 0.9
    assert metrics.ua(best["label"], best["predicted"]) >= metrics.ua(honest["label"], honest["predicted"])


def test_on_ravdess_the_honest_svm_is_that_of_the_papers():
    """The committed results, utterance by utterance."""
    here, there = (RAVDESS / key / "predictions.csv.gz" for key in ("leaky_twin", "tao2018"))
    if not here.is_file():
        pytest.skip("no reference run of leaky_twin")
    both = [pd.read_csv(path).query("kind == 'baseline' and model == @SVM").set_index("id") for path in (here, there)]
    assert len(both[0]) == len(both[1]) == 672
    for column in ("speaker", "label", "predicted", "fold"):
        assert (both[0][column] == both[1][column].reindex(both[0].index)).all()
    scores = pd.read_csv(RAVDESS / "tao2018" / "tables" / "scores.csv").set_index("model")
    honest = pd.read_csv(RAVDESS / "leaky_twin" / "tables" / "honest.csv").set_index("model")
    assert honest.loc[SVM, "UA"] == scores.loc[SVM, "UA pooled"]
