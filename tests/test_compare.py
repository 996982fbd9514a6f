"""Studies side by side: the functions, and the notebook in the smoke profile on studies that are made up here."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from notebook_checks import check_figures, check_outputs, check_solutions, execute_and_solve, run_cell, table
from scipy.stats import norm
from sklearn import metrics as reference

from serkit import comparing, corpora, notebooks, papers, splits, statistics
from serkit.corpora import miniatures
from serkit.errors import SerkitError

CLASSES = ["angry", "happy", "neutral", "sad"]


def utterances_of(speakers=24, each=28):
    """A table of utterances: each speaker says each emotion as often, in two sentences."""
    rows = np.arange(speakers * each)
    return pd.DataFrame(
        {
            "id": [f"u{row:04d}" for row in rows],
            "speaker": [f"s{row // each:02d}" for row in rows],
            "gender": ["fm"[row // each % 2] for row in rows],
            "label": [CLASSES[row % 4] for row in rows],
            "text": [f"sentence {row // 4 % 2}" for row in rows],
            "session": [str(row // each % 6) for row in rows],
        }
    )


def model_of(utterances, accuracy, rng, common, classes=CLASSES):
    """Predictions that are right with a probability; what is hard is as hard for others, to utterances and speakers."""
    person = utterances["speaker"].map({name: rng.normal(0, 0.3) for name in sorted(set(utterances["speaker"]))})
    ease = common + person + rng.normal(size=len(utterances))
    right = ease > np.sqrt(2.34) * norm.ppf(1 - accuracy)
    true = pd.Index(classes).get_indexer(utterances["label"])
    predicted = np.where(right, true, (true + rng.integers(1, len(classes), len(true))) % len(classes))
    scores = rng.random((len(true), len(classes))) / 2 + np.eye(len(classes))[predicted]
    fold = "fold " + utterances["session"].astype(str)
    rows = utterances[["id", "speaker", "label"]].assign(predicted=np.array(classes)[predicted], fold=fold, seed=0)
    return rows.assign(**dict(zip(classes, scores.T, strict=True)))


def common_of(utterances, rng):
    """What is hard for every model."""
    person = utterances["speaker"].map({name: rng.normal(0, 0.5) for name in sorted(set(utterances["speaker"]))})
    return rng.normal(size=len(utterances)) + person


def several(utterances, accuracies, rng):
    common = common_of(utterances, rng)
    return {name: model_of(utterances, accuracy, rng, common) for name, accuracy in accuracies.items()}


def test_equal_models_are_undecided_and_ten_points_are_found():
    """Of two equal models one is called better no more often than the level says; 24 speakers show ten points."""
    rng, utterances = np.random.default_rng(1), utterances_of()
    called = [statistics.all_pairs(several(utterances, {"a": 0.7, "b": 0.7}, rng)) for _ in range(100)]
    wrong = np.mean([(one["verdict"] != "undecided").any() for one in called])
    assert wrong <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 100)
    found = [statistics.all_pairs(several(utterances, {"a": 0.7, "b": 0.6}, rng)) for _ in range(25)]
    right = np.mean([((one["first"] == "a") & (one["verdict"] == "holds")).all() for one in found])
    assert right >= 0.7


def test_of_many_equal_models_none_is_called_better():
    rng, utterances = np.random.default_rng(2), utterances_of()
    equal = dict.fromkeys("abcdef", 0.65)
    called = [statistics.all_pairs(several(utterances, equal, rng)) for _ in range(20)]
    assert np.mean([(one["p"] <= 0.05).any() for one in called]) > 0.2, "without a correction this happens often"
    assert np.sum([(one["verdict"] != "undecided").any() for one in called]) <= 3


def test_all_pairs_are_paired_differences():
    rng, utterances = np.random.default_rng(3), utterances_of(10, 20)
    models = several(utterances, {"a": 0.5, "b": 0.8, "c": 0.6}, rng)
    models["c"] = pd.concat([models["c"], several(utterances, {"c": 0.6}, rng)["c"].assign(seed=1)])
    pairs = statistics.all_pairs(models)
    assert pairs["first"].iloc[0] == "b"
    assert len(pairs) == 3
    for row in pairs.itertuples():
        expected = statistics.paired_difference(models[row.first], models[row.second])
        assert row.difference == pytest.approx(expected.difference)
        assert (row.low, row.high) == pytest.approx((expected.low, expected.high))
        assert row.p == pytest.approx(expected.p, abs=1e-9), "all exchanges of ten speakers"
    np.testing.assert_allclose(sorted(pairs["p Holm"])[0], 3 * pairs["p"].min())
    with pytest.raises(SerkitError, match="different utterances"):
        statistics.all_pairs({"a": models["a"], "b": models["b"].assign(id=models["b"]["id"] + "x")})
    with pytest.raises(SerkitError, match="different speakers"):
        statistics.all_pairs({"a": models["a"], "b": models["b"].assign(speaker="x")})
    few = {name: one[one["speaker"] < "s05"] for name, one in models.items()}
    assert (statistics.all_pairs(few)["why"] == "5 speakers, fewer than 8").all()


def test_p_is_that_of_all_exchanges():
    """Counted in halves as one by one; and with 24 speakers far below what random exchanges can show."""
    gaps = np.random.default_rng(13).normal(0.2, 1, (5, 8)).round(1)  # rounded: some sums are equal
    gaps[4] = [1, -1] * 4
    signs = 1 - 2 * ((np.arange(2**8)[:, None] >> np.arange(8)) & 1)
    sums = np.abs(signs @ gaps.T)
    np.testing.assert_allclose(statistics._sign_flips(gaps), (sums >= sums[0] - 1e-9).mean(axis=0))
    np.testing.assert_allclose(statistics._sign_flips(np.ones((1, 24))), 2.0**-23)
    many = np.random.default_rng(14).normal(0.3, 1, (1, 26))
    drawn = statistics._sign_flips(np.pad(many, [(0, 0), (0, 1)]))  # one more speaker, who changes nothing
    np.testing.assert_allclose(statistics._sign_flips(many), drawn, atol=0.005)


def test_holm():
    p = np.array([0.04, 0.001, 0.03, 0.5])
    np.testing.assert_allclose(statistics.holm(p), [0.09, 0.004, 0.09, 0.5])
    np.testing.assert_allclose(statistics.holm(np.array([0.4, 0.9])), [0.8, 0.9])


def test_a_loose_family_corrects_too():
    rng, utterances = np.random.default_rng(4), utterances_of()
    one, other = several(utterances, {"a": 0.8, "b": 0.55}, rng).values()
    found = comparing.differences({("x",): (one, other), ("y",): (one, one)}, ["pair"])
    assert found["verdict"].tolist() == ["holds", "undecided"]
    assert found["p Holm"].iloc[0] == pytest.approx(2 * found["p"].iloc[0], abs=1e-4)
    assert found["UA"].iloc[0] == pytest.approx(
        100 * reference.balanced_accuracy_score(one.label, one.predicted), abs=0.01
    )
    assert comparing.differences({}, ["pair"]).empty


def written(folder, table, command="serkit reproduce"):
    (folder / "tables").mkdir(parents=True)
    table.to_csv(folder / comparing.PREDICTIONS, index=False, float_format="%.5g")
    (folder / "command.txt").write_text(command)


def test_studies_are_compared_on_common_utterances_and_told_when_folds_differ(tmp_path):
    rng, utterances = np.random.default_rng(5), utterances_of(12, 16)
    common = common_of(utterances, rng)
    network, other, svm = (model_of(utterances, share, rng, common) for share in (0.7, 0.6, 0.65))
    both = pd.concat([network.assign(model="N", kind="network"), svm.assign(model="SVM", kind="baseline")])
    written(tmp_path / "li2018", both)
    fewer = pd.concat([other.assign(model="N", kind="network"), svm.assign(model="SVM", kind="baseline")])
    fewer = fewer[fewer["speaker"] != "s00"].replace({"fold": {"fold 5": "fold 4"}})
    odd = other.assign(model="L", kind="leak"), other.assign(model="V", kind="network", side="validation")
    written(tmp_path / "tao2018", pd.concat([fewer, *odd]))
    twin = pd.concat([svm.assign(model="SVM", kind="baseline"), other.assign(model="M", kind="network")])
    written(tmp_path / "leaky_twin", twin)
    written(tmp_path / "zhao2018", other.assign(id="z" + other["id"], model="Z", kind="network"))
    written(tmp_path / "compare", other.assign(model="own", kind="ensemble"))
    (group,) = comparing.grouped(comparing.read(tmp_path))
    assert group.name == "4 classes"
    assert list(group.classes) == CLASSES
    protocol = group.protocol.set_index("study")
    same = {"li2018": 11 * 16, "tao2018": 11 * 16, "leaky_twin": 11 * 16}
    assert protocol["compared"].to_dict() == {**same, "zhao2018": 0}
    assert protocol["same folds"].to_dict() == {"li2018": "yes", "tao2018": "no", "zhao2018": "", "leaky_twin": "yes"}
    models = group.models()
    assert set(models) == {"N (li2018)", "N (tao2018)", "SVM", "M"}, "the same predictions are one row"
    assert models["SVM"]["study"].unique().tolist() == ["li2018, tao2018, leaky_twin"]
    assert set(group.models("network")) == {"N (li2018)", "N (tao2018)"}, "a network of no paper is a baseline"
    assert all(len(one) == 11 * 16 for one in models.values())
    renamed = comparing._folds(network.assign(fold="of " + network["fold"]))
    assert renamed.equals(comparing._folds(network)), "what folds are called does not matter"


def test_voices_in_several_folds_are_named_and_their_study_is_compared_with_nobody(tmp_path):
    rng, utterances = np.random.default_rng(15), utterances_of(12, 16)
    one, other = (table.assign(kind="network") for table in several(utterances, {"a": 0.7, "b": 0.6}, rng).values())
    written(tmp_path / "li2018", one.assign(model="L"), "serkit reproduce li2018 --set trim=40.0")
    half = (other["speaker"] == "s03") & (np.arange(len(other)) % 2 == 0)
    known = other.assign(model="T", fold=other["fold"].mask(half, "fold 0"))
    written(tmp_path / "tao2018", known)
    twice = pd.concat([other, other.assign(fold="of " + other["fold"])]).assign(model="Z")
    written(tmp_path / "zhao2018", twice)
    studies = comparing.read(tmp_path)
    (group,) = comparing.grouped(studies)
    assert set(group.models()) == {"L", "Z"}, "whole voices may be tested twice"
    protocol = group.protocol.set_index("study")
    assert protocol["in several folds"].to_dict() == {"li2018": "", "tao2018": "s03", "zhao2018": ""}
    assert protocol["compared"].to_dict() == {"li2018": 192, "tao2018": 0, "zhao2018": 192}
    (alone,) = comparing.grouped([study for study in studies if study.name == "tao2018"])
    assert alone.predictions.empty
    assert [study.trim for study in studies] == [40.0, 0.0, 0.0]


def test_a_model_that_lacks_utterances_is_left_out_and_named(tmp_path):
    rng, utterances = np.random.default_rng(16), utterances_of(12, 16)
    found = several(utterances, {"a": 0.7, "b": 0.6, "c": 0.5, "d": 0.6}, rng)
    tables = [table.assign(model=name, kind="network") for name, table in found.items()]
    tables[1] = tables[1][tables[1]["speaker"] != "s00"]
    tables[2] = pd.concat([tables[2], tables[2].assign(seed=1).head(100)])
    written(tmp_path / "li2018", pd.concat(tables))
    written(tmp_path / "leaky_twin_again", tables[3].assign(model="M"))
    (group,) = comparing.grouped(comparing.read(tmp_path))
    assert set(group.models()) == {"a", "d", "M"}
    assert set(group.models("network")) == {"a", "d"}, "a companion's variant is no paper either"
    left_out = group.protocol.set_index("study")["left out"]
    assert left_out["li2018"] == "b (176 of 192 utterances); c (100 of 192 utterances)"
    assert len(statistics.all_pairs(group.models())) == 3


def test_scores_of_all_kinds_become_shares_that_keep_their_order():
    rng = np.random.default_rng(6)
    logits = rng.normal(size=(50, 4)) * 5
    for scores in (logits, np.log(comparing.shares(logits)), comparing.shares(logits).round(5)):
        found = comparing.shares(scores)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_allclose(found, comparing.shares(logits), atol=1e-4)
    assert (comparing.ranks(logits).argmax(axis=1) == logits.argmax(axis=1)).all()


def test_an_ensemble_is_the_mean_and_gains_where_errors_differ():
    rng, utterances = np.random.default_rng(7), utterances_of()
    independent = {str(number): model_of(utterances, 0.6, rng, rng.normal(size=len(utterances))) for number in range(5)}
    found = comparing.ensemble(independent, CLASSES)
    mean = np.mean([comparing.shares(one[CLASSES]) for one in independent.values()], axis=0)
    assert (found["predicted"] == np.array(CLASSES)[mean.argmax(axis=1)]).all()
    gain = statistics.paired_difference(found, independent["0"])
    assert gain.low > 0.1
    alike = comparing.ensemble({"a": independent["0"], "b": independent["0"]}, CLASSES)
    assert (alike["predicted"].to_numpy() == independent["0"]["predicted"].to_numpy()).all()
    two = pd.concat([independent["1"], independent["2"].assign(seed=1)])
    mixed = comparing.ensemble({"a": independent["0"], "b": two}, CLASSES)
    assert mixed["seed"].nunique() == 2
    for number in (0, 1):
        pair = {"a": independent["0"], "b": independent[str(number + 1)]}
        alone = comparing.ensemble(pair, CLASSES)["predicted"]
        assert (mixed.loc[mixed["seed"] == number, "predicted"].to_numpy() == alone.to_numpy()).all()
    with pytest.raises(SerkitError, match="same utterances"):
        comparing.ensemble({"a": two, "b": independent["0"].head(5)}, CLASSES)


def test_a_model_that_is_chosen_elsewhere_knows_nothing_of_the_fold():
    """In each fold another model is always right there and always wrong elsewhere: it is not chosen."""
    rng, utterances = np.random.default_rng(8), utterances_of(12, 16)
    steady = model_of(utterances, 0.6, rng, 0.0)
    oracle = model_of(utterances, 0.0001, rng, 0.0)
    here = oracle["fold"] == "fold 0"
    oracle.loc[here, "predicted"] = oracle.loc[here, "label"]
    found, names = comparing.chosen_elsewhere({"steady": steady, "oracle": oracle})
    assert names == ["steady"] * 6
    assert (found.sort_values("id")["predicted"].to_numpy() == steady.sort_values("id")["predicted"].to_numpy()).all()
    with pytest.raises(SerkitError, match="the same two folds or more"):
        comparing.chosen_elsewhere({"a": steady, "b": steady.assign(fold="all")})


def test_agreement_is_cohens_kappa():
    rng, utterances = np.random.default_rng(9), utterances_of(12, 16)
    models = several(utterances, {"a": 0.7, "b": 0.5, "c": 0.6}, rng)
    kappa = comparing.agreement(models, CLASSES)
    for one, other in (("a", "b"), ("b", "c")):
        expected = reference.cohen_kappa_score(models[one]["predicted"], models[other]["predicted"])
        assert kappa.loc[one, other] == pytest.approx(expected)
    assert kappa.to_numpy()[0, 0] != kappa.to_numpy()[0, 0], "one seed agrees with no other seed"
    twice = {"a": pd.concat([models["a"], models["b"].assign(seed=1)])}
    own = comparing.agreement(twice, CLASSES).loc["a", "a"]
    usual = np.mean([reference.accuracy_score(models["a"]["predicted"], models["b"]["predicted"])])
    marginal = sum(np.mean([(models[name]["predicted"] == label).mean() for name in "ab"]) ** 2 for label in CLASSES)
    assert own == pytest.approx((usual - marginal) / (1 - marginal))


def test_difficulty_counts_models_and_what_chance_would_give():
    rng, utterances = np.random.default_rng(10), utterances_of()
    chance = {str(number): model_of(utterances, 0.6, rng, rng.normal(size=len(utterances))) for number in range(4)}
    found, expected = comparing.difficulty(chance, CLASSES)
    right = sum(
        (one.set_index("id")["predicted"] == one.set_index("id")["label"]).astype(int) for one in chance.values()
    )
    assert (found.set_index("id")["right"] == right.loc[found["id"]]).all()
    assert expected.sum() == pytest.approx(len(utterances))
    counts = np.bincount(right, minlength=5)
    assert np.abs(counts - expected).max() < 4 * np.sqrt(len(utterances) / 4)
    hardest = found.iloc[0]
    said = pd.Series([one.set_index("id").loc[hardest["id"], "predicted"] for one in chance.values()])
    assert hardest["by"] == (said == hardest["heard as"]).sum() == said[said != hardest["label"]].value_counts().max()


def test_unseen_sentences_and_their_control_train_on_as_much():
    utterances = utterances_of()
    folds = splits.leave_one_speaker_out(utterances, 6)
    table = utterances.set_index("id")
    unseen = comparing.unseen_sentences(folds, utterances)
    assert len(unseen) == 12
    assert sorted(name for fold in unseen for name in fold.test) == sorted(utterances["id"])
    for fold in unseen:
        assert not set(table.loc[list(fold.train), "text"]) & set(table.loc[list(fold.test), "text"])
    for seed in range(2):
        control = [comparing.fewer_sentences(fold, utterances, seed=seed) for fold in folds]
        for fold, one in zip(folds, control, strict=True):
            trained = table.loc[list(one.train)]
            sizes = {len(other.train) for other in unseen if other.name.startswith(f"{fold.name},")}
            assert sizes == {len(one.train)}
            said = trained.drop_duplicates(["speaker", "text"])
            assert not said["speaker"].duplicated().any()
            assert len(set(said.groupby(["gender", "text"]).size())) == 1, "dealt evenly"
            assert one.test == fold.test
    drawn = [comparing.fewer_sentences(folds[0], utterances, seed=seed).train for seed in range(3)]
    assert len(set(drawn)) > 1
    with pytest.raises(SerkitError, match="2 sentences, 0 utterances without text: 3 groups"):
        comparing.unseen_sentences(folds, utterances, 3)
    with pytest.raises(SerkitError, match="28 utterances without text"):
        comparing.unseen_sentences(folds, utterances.assign(text=utterances["text"].where(table.index > "u0027")))


@pytest.fixture(scope="module")
def two_miniatures(_own_cache):
    found = {name: corpora.load(name, miniatures.ensure(name)) for name in ("iemocap", "cheavd")}
    return {name: one.select(CLASSES) for name, one in found.items()}


def test_two_corpora_become_a_manifest_that_papers_take(two_miniatures, tmp_path):
    both = comparing.two_corpora(two_miniatures)
    path = comparing.write_manifest(tmp_path / "cross.csv", both, "iemocap", "cheavd")
    speech = corpora.load("manifest", path)
    assert "trained on iemocap, tested on cheavd" in speech.title
    fold = splits.by_partition(speech.select(CLASSES))
    assert len(fold.test) == len(two_miniatures["cheavd"])
    assert len(fold.train) + len(fold.validation) == len(two_miniatures["iemocap"])
    assert {name.split("/")[0] for name in fold.test} == {"cheavd"}
    assert {name.split("/")[0] for name in fold.train + fold.validation} == {"iemocap"}
    people = speech.utterances[speech.utterances["partition"] == "dev"].drop_duplicates("speaker")
    assert sorted(people["gender"]) == ["f", "m"]
    assert set(comparing.across(both, "cheavd", "iemocap").test).isdisjoint(fold.test)
    with pytest.raises(SerkitError, match="share 1 labels"):
        comparing.two_corpora({name: table[table["label"] == "sad"] for name, table in two_miniatures.items()})


def test_the_common_protocol_is_what_the_papers_take():
    utterances = utterances_of()
    for columns in ({}, {"fold": "1"}, {"partition": "train"}, {"session": None}):
        common = comparing.common_protocol(utterances.assign(**columns), CLASSES)
        for paper, settings in common.items():
            notebooks.resolve(papers.find(paper), "smoke", settings)
    assert comparing.common_protocol(utterances.assign(fold="1"), CLASSES)["li2018"]["split"] == "folds"
    sessions = comparing.common_protocol(utterances, CLASSES)
    assert sessions["li2018"]["speaker_groups"] == 6
    assert sessions["tao2018"]["split"] == "sessions"


SVM, OWN = "SVM on eGeMAPS", "SVM on own features"


@pytest.fixture(scope="module")
def stored(iemocap_miniature, tmp_path_factory):
    """Studies as `serkit reproduce` leaves them, their predictions made up."""
    speech = corpora.load("iemocap", iemocap_miniature)
    rng, home = np.random.default_rng(11), tmp_path_factory.mktemp("stored")
    folder = home / "iemocap-miniature"

    def study(name, accuracies, classes=CLASSES, **columns):
        utterances = speech.select(classes)
        common = common_of(utterances, rng)
        rows = []
        for (model, kind, seeds), accuracy in accuracies.items():
            for seed in range(seeds):
                fixed = np.random.default_rng(12) if model == SVM else rng  # the same in all studies
                one = model_of(utterances, accuracy, fixed, common if model != SVM else 0.0, classes)
                one = one.assign(predicted="neutral") if model == "majority class" else one
                rows.append(one.assign(model=model, kind=kind, seed=seed, **columns))
        written(folder / name, pd.concat(rows))
        runs = [
            [model, "fold 0", f"{model[:3]}{seed}", 10.0 + seed, 1000]
            for model, _, n in accuracies
            for seed in range(n)
        ]
        pd.DataFrame(runs, columns=["model", "fold", "key", "seconds", "weights"]).to_csv(
            folder / name / "tables" / "runs.csv", index=False
        )
        return pd.concat(rows)

    baselines = {(SVM, "baseline", 1): 0.75, ("majority class", "baseline", 1): 0.26}
    study("li2018", {("CNN", "network", 1): 0.6, (OWN, "baseline", 1): 0.5, **baselines})
    study("tao2018", {("LSTM", "network", 2): 0.7, ("GRU", "network", 2): 0.65, (OWN, "baseline", 1): 0.6, **baselines})
    study("zhao2018", {("FCN", "network", 1): 0.6, **baselines}, [*CLASSES, "excited"], dataset="IEMO")
    run = folder / "li2018" / "runs" / "CNN0"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"peak_memory_mib": 321}))
    rated = speech.utterances[["id", "speaker"]].iloc[:60]
    truth = rng.integers(1, 6, 60)
    ratings = [
        rated.assign(valence=truth, expected=truth + rng.normal(0, noise, 60), model=model, seed=0, kind=kind, fold="1")
        for model, kind, noise in (("BasicCNN", "network", 1), ("SVM on IS10", "baseline", 2))
    ]
    table = pd.concat(ratings)
    written(folder / "chang2017", table.assign(predicted=table["expected"].round().clip(1, 5)))
    track = pd.DataFrame({"id": "r1", "frame": range(50), "label": np.sin(np.arange(50) / 5), "speaker": "P1"})
    noisy = [
        track.assign(predicted=track["label"] + rng.normal(0, noise, 50), model=model, dimension="arousal", seed=0,
                     side="test")
        for model, noise in (("Dilated", 0.1), ("linear, single frames", 0.5))
    ]  # fmt: skip
    written(home / "recola-miniature" / "khorram2017", pd.concat(noisy))
    return folder


@pytest.fixture(scope="module")
def folder(stored, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    return execute_and_solve("compare", profile="smoke", out=out, stored=str(stored))


def test_the_solutions(folder):
    check_solutions(folder)


def test_notebook_leaves_what_it_should(folder):
    check_outputs(folder)
    per_group = ("scores", "pairs", "cost", "confusions", "agreement", "difficulty", "ensembles")
    names = {f"{name}_{count}" for name in per_group for count in (4, 5)} | {"continuous", "across", "sentences"}
    check_figures(folder, names)
    text = (folder / "notebook.ipynb").read_text()
    assert "number of weights: not stored" not in text
    assert "memory: not stored" in text
    protocol = table(folder, "protocol").set_index("study")
    assert protocol["group"].to_dict() == {"li2018": "4 classes", "tao2018": "4 classes", "zhao2018": "5 classes"}
    assert (protocol["same folds"] == "yes").all()
    assert "missing" not in [line.split(":")[0] for line in text.splitlines()]


def test_scores_are_scikit_learns(folder, stored):
    models = table(folder, "models").set_index(["group", "model"])
    assert set(models.loc["4 classes"].index) == {
        "CNN", "LSTM", "GRU", SVM, "majority class", f"{OWN} (li2018)", f"{OWN} (tao2018)"
    }  # fmt: skip
    assert models.loc[("4 classes", SVM), "study"] == "li2018, tao2018"
    tao = pd.read_csv(stored / "tao2018" / comparing.PREDICTIONS)
    lstm = [one for _, one in tao[tao["model"] == "LSTM"].groupby("seed")]
    ua = np.mean([reference.balanced_accuracy_score(one["label"], one["predicted"]) for one in lstm])
    wa = np.mean([reference.accuracy_score(one["label"], one["predicted"]) for one in lstm])
    row = models.loc[("4 classes", "LSTM")]
    assert (row["UA pooled"], row["WA pooled"]) == pytest.approx((100 * ua, 100 * wa), abs=0.006)
    assert row["UA low"] < row["UA pooled"] < row["UA high"]
    pairs = table(folder, "pairs")
    assert len(pairs[pairs["group"] == "4 classes"]) == 6 * 5 / 2, "all but the majority class"
    for one in pairs.itertuples():
        scores = models.loc[one.group]["UA pooled"]
        assert one.difference == pytest.approx(scores[one.first] - scores[one.second], abs=0.011)
    best = table(folder, "against_best")
    assert set(best.loc[best["group"] == "4 classes", "first"]) == {
        models.loc["4 classes"]["UA pooled"].drop("majority class").idxmax()
    }


def test_ensembles_and_hard_utterances_follow_from_predictions(folder, stored):
    made = pd.read_csv(folder / comparing.PREDICTIONS, low_memory=False)
    average = made[(made["group"] == "4 classes") & (made["model"] == "networks, shares") & (made["seed"] == 1)]
    li, tao = (pd.read_csv(stored / name / comparing.PREDICTIONS) for name in ("li2018", "tao2018"))
    members = [
        li[li["model"] == "CNN"],
        *(tao[(tao["model"] == name) & (tao["seed"] == 1)] for name in ("LSTM", "GRU")),
    ]
    mean = np.mean([comparing.shares(one.sort_values("id")[CLASSES]) for one in members], axis=0)
    expected = np.array(CLASSES)[mean.argmax(axis=1)]
    assert (average.sort_values("id")["predicted"].to_numpy() == expected).mean() > 0.99, "five digits"
    gains = table(folder, "ensembles").set_index(["group", "what", "ensemble"]).sort_index()
    row = gains.loc[("4 classes", "average", "networks, shares")]
    seeds = made[(made["group"] == "4 classes") & (made["model"] == "networks, shares")].groupby("seed")
    ua = 100 * np.mean([reference.balanced_accuracy_score(one["label"], one["predicted"]) for _, one in seeds])
    assert row["UA"] == pytest.approx(ua, abs=0.006)
    assert row["difference"] == pytest.approx(row["UA"] - row["UA beside"], abs=0.011)
    assert row["members"] == 3
    control = gains.loc[("4 classes", "average beside seeds", "networks, shares")]
    best = f"2 seeds of {row['beside (best on test)']}, averaged"
    assert control["beside (best on test)"] == best
    assert control["UA beside"] == gains.loc[("4 classes", "seeds", best), "UA"]
    assert control["UA"] == row["UA"]
    choices = gains[gains.index.get_level_values("what") == "choice"]
    assert (choices["difference"] != 0).all()
    rows = pd.concat([li, tao])
    rows = rows[rows["model"] != "majority class"]
    wrong = (rows["label"] != rows["predicted"]).groupby(rows["id"]).all()
    all_fail = table(folder, "all_fail")
    assert set(all_fail.loc[all_fail["group"] == "4 classes", "id"]) == set(wrong.index[wrong])


def test_costs_name_what_is_there(folder):
    costs = table(folder, "costs").set_index(["study", "model"])
    assert costs.loc[("li2018", "CNN"), "MiB"] == 321
    assert np.isnan(costs.loc[("tao2018", "LSTM"), "MiB"])
    assert costs.loc[("tao2018", "LSTM"), ["runs", "weights", "s a run", "s in all"]].tolist() == [2, 1000, 10.5, 21]


def test_continuous_models_stand_beside_their_baselines(folder, stored):
    rated = table(folder, "continuous").set_index(["study", "model", "measure"])
    chang = pd.read_csv(stored / "chang2017" / comparing.PREDICTIONS)
    one = chang[chang["model"] == "BasicCNN"]
    expected = np.corrcoef(one["valence"], one["expected"])[0, 1]
    assert rated.loc[("chang2017", "BasicCNN", "r"), "value"] == pytest.approx(expected, abs=1e-3)
    tracks = rated.loc["recola-miniature/khorram2017"]
    assert tracks.loc[("Dilated", "CCC"), "value"] > tracks.loc[("linear, single frames", "CCC"), "value"]
    assert tracks["kind"].to_dict()[("linear, single frames", "CCC")] == "baseline"
    assert (tracks["why"] == "1 speaker, fewer than 8").all()


def test_other_corpus_and_unseen_sentences_follow_from_predictions(folder):
    made = pd.read_csv(folder / comparing.PREDICTIONS, low_memory=False)
    across = table(folder, "across")
    assert len(across) == 2 * 2
    assert set(across["trained"]) == {"iemocap-miniature", "cheavd-miniature"}
    parts = dict(list(made[made["kind"] == "across"].groupby(["tested", "corpus", "model"])))
    for row in across.to_dict("records"):
        for column, corpus in (("UA across", "another"), ("UA within", "the same")):
            part = parts[row["tested"], corpus, row["model"]]
            ua = 100 * reference.balanced_accuracy_score(part["label"], part["predicted"])
            assert row[column] == pytest.approx(ua, abs=0.006)
    assert sorted(path.name for path in (folder / "cross").glob("*.csv")) == [
        "cheavd-miniature_to_iemocap-miniature.csv", "iemocap-miniature_to_cheavd-miniature.csv"
    ]  # fmt: skip
    sentences = table(folder, "sentences")
    parts = dict(list(made[made["kind"] == "sentences"].groupby(["trained", "model"])))
    for row in sentences.to_dict("records"):
        part = parts[row["trained on"], row["model"]]
        ua = 100 * reference.balanced_accuracy_score(part["label"], part["predicted"])
        assert row["UA"] == pytest.approx(ua, abs=0.006)
        assert row["difference"] == pytest.approx(row["UA"] - row["UA beside"], abs=0.011)


def test_summary_is_short_and_has_the_best_of_each_study(folder):
    summary = table(folder, "summary")
    assert len(summary) <= 12
    assert {"li2018", "tao2018"} <= set(summary["study"])
    assert "majority class" not in set(summary["model"])
    assert summary["best on test of"].notna().all()


def test_nothing_stored_is_said(tmp_path, stored, monkeypatch):
    """Without a study the notebook names what is missing; what it trains itself is not repeated here."""
    assert comparing.read(tmp_path) == []
    assert comparing.grouped([]) == []
    other = Path(tmp_path / "again" / "li2018")
    written(other, pd.read_csv(stored / "tao2018" / comparing.PREDICTIONS))
    first = comparing.read(stored, other.parent)
    assert len([study for study in first if study.name == "li2018"]) == 1, "the first folder's"
    assert set(first[1].predictions["model"]) == {"CNN", SVM, OWN, "majority class"}


def test_nothing_stored_costs_nothing(capsys):
    """All tables are empty then, and no column of them has its usual type."""
    kept = {}
    results = SimpleNamespace(table=kept.__setitem__, figure=kept.__setitem__)
    space = {"pd": pd, "results": results, "comparing": comparing, "groups": [], "studies": [], "extra": []}
    space["measured"] = pd.DataFrame(columns=["group", "model", "study"])
    run_cell("compare", "priced = measured", space)
    assert kept["costs"].empty
    assert space["priced"].empty
    assert capsys.readouterr().out == ""


def test_an_empty_folder_and_a_misspelt_class_are_refused(tmp_path):
    for given, message in (
        ({"stored": str(tmp_path)}, rf"no study in stored = {tmp_path}: name the folder"),
        ({"classes": ["neutral", "hapy"]}, r"'hapy' \(did you mean 'happy'\?\); valid: .*neutral"),
    ):
        with pytest.raises(SerkitError, match=message):
            notebooks.execute("compare", profile="smoke", out=tmp_path / "out", **given)


def test_the_leaky_twins_honest_row_is_the_papers_own_baseline(tmp_path):
    """On the committed reference runs, prediction by prediction: both then are one row."""
    home = Path(__file__).parents[1] / "results" / "ravdess"
    if not (home / "leaky_twin").is_dir():
        pytest.skip("no reference run of leaky_twin")
    for name in ("tao2018", "leaky_twin"):
        (tmp_path / name).symlink_to(home / name)
    (group,) = comparing.grouped(comparing.read(tmp_path))
    assert group.models()["SVM on IS10"]["study"].unique().tolist() == ["tao2018, leaky_twin"]
    assert (group.protocol["same folds"] == "yes").all()
