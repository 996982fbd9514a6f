"""The zhao2018 notebook, executed in the smoke profile on both of its corpora: what its tables and figures hold.

And that nothing about the session left out reaches training: with other audio in it, training is the same to the byte.
"""

import json
import shutil
from types import SimpleNamespace

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_folds,
    check_outputs,
    check_scores,
    check_solutions,
    check_that_models_answer,
    check_that_results_say_miniature,
    check_that_runs_are_found_again,
    definitions,
    execute_and_solve,
    run_cell,
    table,
    undrawn,
)
from sklearn import metrics as reference

from serkit import audio, corpora, features, notebooks, papers, report, splits
from serkit.batches import Sequences
from serkit.corpora import miniatures
from serkit.errors import SerkitError
from serkit.features.yaafe import YAAFE_743_GROUPS

PROPOSED = "Attention-BLSTM-FCN"
SVMS = ["SVM on YAAFE", "SVM on YAAFE, by speaker"]  # in the smoke profile
SINGLE_STEP, SHUFFLED = f"{PROPOSED}, single step", f"{PROPOSED}, shuffled"
TABLE2 = ["FCNs", "Attention-LSTM", "Attention-BLSTM", PROPOSED]  # of the authors' own, in the paper
POOLINGS = ["Global max-pooling", "Global average-pooling", PROPOSED]
CLASSES = {
    "cheavd": ["neutral", "angry", "happy", "sad", "worried", "anxious", "surprised", "disgusted"],
    "iemocap": ["angry", "happy", "sad", "neutral"],
}
NAMED = dict(  # as Table 1 names them
    zip(
        CLASSES["cheavd"],
        ["Neutral", "Angry", "Happy", "Sad", "Worried", "Anxious", "Surprise", "Disgust"],
        strict=True,
    )
)
REPORTED = {  # fold and side -> how the table of scores names it
    ("validation", "validation"): "validation, chosen on it (the paper's way)",
    ("part of train", "test"): "validation, chosen on training data",
    ("session 1, m tested", "test"): "test speaker, chosen on the session's other speaker",
}
SMOKE = papers.profile_values(papers.find("zhao2018"), "smoke")
QUICK = notebooks.parameters(papers.find("zhao2018"))


@pytest.fixture(scope="module")
def cheavd(tmp_path_factory):
    """Both ways of choosing; the first alone would be one fold."""
    out = tmp_path_factory.mktemp("cheavd")
    return notebooks.execute("zhao2018", corpus="cheavd", profile="smoke", out=out, fold_limit=2)


@pytest.fixture(scope="module")
def iemocap(tmp_path_factory):
    return execute_and_solve("zhao2018", profile="smoke", out=tmp_path_factory.mktemp("iemocap"))


def test_the_solutions(iemocap):
    check_solutions(iemocap)


@pytest.fixture(scope="module")
def marked(tmp_path_factory, iemocap_miniature):
    """The proposed network, on a copy of the miniature with loud noise in place of session 1, which is left out."""
    root = tmp_path_factory.mktemp("marked") / "iemocap"
    shutil.copytree(iemocap_miniature, root)
    random = np.random.default_rng(0)
    paths = sorted((root / "Session1" / "sentences" / "wav").rglob("*.wav"))
    assert len(paths) > 20
    for path in paths:
        signal, rate = audio.read(path)
        audio.write(path, random.uniform(-0.9, 0.9, len(signal)), rate)
    out = tmp_path_factory.mktemp("marked results")
    with undrawn():
        return notebooks.execute("zhao2018", root=str(root), profile="smoke", out=out, models=[PROPOSED])


@pytest.fixture(scope="module", params=["cheavd", "iemocap"])
def folder(request):
    return request.getfixturevalue(request.param)


def corpus_of(folder):
    return folder.parts[-2].removesuffix("-miniature")


def predictions(folder, run):
    return pd.read_csv(folder / "runs" / run.key / "predictions.csv")


def networks(folder):
    """The table of scores without the baselines."""
    scores = table(folder, "scores")
    return scores[scores["kind"] == "network"].drop(columns="kind")


def selected(corpus):
    """Labelled utterances of the miniature, by dataset, with classes as the paper has them."""
    speech = corpora.load(corpus, miniatures.ensure(corpus))
    first = speech.select(CLASSES[corpus])
    if corpus == "cheavd":
        return {"cheavd": first}
    return {"IEMO_dataset1": first, "IEMO_dataset2": speech.select(CLASSES[corpus], merge={"excited": "happy"})}


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "zhao2018", corpus_of(folder))
    check_scores(folder)


def test_a_model_alone_says_what_its_run_said(iemocap):
    check_that_models_answer(iemocap, "iemocap", 7)


def test_who_is_on_which_side_is_written_down(folder):
    check_folds(folder)


def test_nothing_is_comparable_and_earlier_work_is_only_shown(folder):
    claims = table(folder, "claims")
    assert len(claims) == sum(len(papers.table("zhao2018", number)) for number in (1, 2, 3, 4)) == 70
    assert not claims["comparable"].any()
    cited = claims["row"].isin(["MEC2017 Baseline", "DNN-ELM", "Attentive CNN", "DBN-ivector"])
    cited |= (claims["table"] == 4) & (claims["row"] == "Attention-BLSTM")
    assert cited.sum() == 10
    assert claims.loc[cited, "measured"].isna().all()
    assert (claims["why_not"] == "earlier work, published only").equals(cited)
    measured = claims[claims["measured"].notna()]
    assert measured["why_not"].str.contains("miniature").all()
    reasons = table(folder, "reasons").set_index("reason")
    assert "100" in reasons.loc["epochs", "in_full"]
    assert not set(reasons.index) & {"repeats", "seeds", "workers"}, "repetitions are no other setting"
    in_table1 = measured["table"] == 1
    assert measured.loc[in_table1, "depends_on"].isna().all(), "no setting bears on counted utterances"
    assert measured.loc[~in_table1, "depends_on"].str.contains("epochs").all()
    assert not measured["depends_on"].str.contains("single_step_components", na=False).any(), "of no printed row"
    assert (claims.loc[~cited & claims["measured"].isna(), "why_not"] == "not measured here").all()


def test_cheavd_fills_tables_1_and_2(cheavd):
    claims = table(cheavd, "claims")
    measured = claims[claims["measured"].notna()].set_index(["table", "row", "metric"])["measured"]
    rows = pd.read_csv(miniatures.ensure("cheavd") / "cheavd.csv", keep_default_na=False)
    partition = rows["partition"].replace({"train": "Train", "val": "Val", "test": "Test"})
    counts = rows.assign(partition=partition, label=rows["label"].str.lower().map(NAMED)).dropna(subset="label")
    expected = counts.groupby(["label", "partition"]).size().to_dict()
    expected |= {("Sum", name): count for name, count in partition.value_counts().items()}
    assert len(expected) == 8 * 2 + 3, "the test labels are withheld, and counted in the sum alone"
    assert measured[1].to_dict() == expected
    assert sorted(measured[2].index) == sorted((row, name) for row in TABLE2 for name in ("UA", "WA"))
    scores = networks(cheavd).set_index(["reported", "model"])
    for (row, name), value in measured[2].items():
        assert value == scores.loc[(REPORTED["validation", "validation"], row), f"{name} pooled"]
    assert set(measured.index.get_level_values("table")) == {1, 2}


def test_iemocap_fills_tables_3_and_4(iemocap):
    claims = table(iemocap, "claims")
    measured = claims[claims["measured"].notna()].set_index(["table", "row", "metric"])["measured"]
    names = [f"{dataset} {name}" for dataset in ("IEMO_dataset1", "IEMO_dataset2") for name in ("UA", "WA")]
    rows = [*POOLINGS[:2], "Attention-pooling"]
    assert sorted(measured[3].index) == sorted((row, name) for row in rows for name in names)
    assert measured[4].index.tolist() == [(PROPOSED, name) for name in names]
    assert measured[3]["Attention-pooling"].equals(measured[4][PROPOSED]), "they are one network"
    scores = networks(iemocap).set_index(["dataset", "model"])
    for (row, name), value in measured[3].items():
        dataset, kind = name.split()
        assert value == scores.loc[(dataset, PROPOSED if row == "Attention-pooling" else row), f"{kind} pooled"]
    assert set(measured.index.get_level_values("table")) == {3, 4}


def test_scores_agree_with_the_stored_predictions(folder):
    classes = CLASSES[corpus_of(folder)]
    scores = networks(folder).set_index(["dataset", "reported", "model"])
    runs = table(folder, "runs")
    assert len(scores) == len(runs), "one seed: each run is reported in one way"
    for run in runs.itertuples():
        stored = predictions(folder, run)
        np.testing.assert_allclose(stored[classes].sum(axis=1), 1, atol=1e-5)
        assert (stored["predicted"] == stored[classes].idxmax(axis=1)).all()
        assert not stored["id"].duplicated().any()
        ((way, side),) = [(way, side) for (fold, side), way in REPORTED.items() if fold == run.fold]
        stored = stored[stored["side"] == side]
        row = scores.loc[(run.dataset, way, run.model)]
        recalls = reference.recall_score(stored["label"], stored["predicted"], labels=classes, average=None)
        assert row["UA pooled"] == pytest.approx(100 * recalls.mean(), abs=0.01)
        assert row["WA pooled"] == pytest.approx(
            100 * reference.accuracy_score(stored["label"], stored["predicted"]), abs=0.01
        )
        assert [row[f"recall {name}"] for name in classes] == pytest.approx((100 * recalls).tolist(), abs=0.01)
        interval = row[["UA low", "UA high", "WA low", "WA high"]].to_numpy(float)
        assert row["speakers"] == len(set(stored["speaker"])) < 8
        assert np.isnan(interval).all(), "so few speakers say nothing about others"
        assert "fewer than 8" in row["why"]
        assert row["UA floor"] == pytest.approx(100 / len(classes), abs=0.01)
        assert row["utterances"] == len(stored)


def test_a_partition_is_reported_in_the_papers_way_and_in_an_honest_one(cheavd):
    """On the same utterances; a third way, on test, needs labels, and the miniature withholds them as MEC 2017 did."""
    scores, runs = networks(cheavd), table(cheavd, "runs")
    ways = [REPORTED["validation", "validation"], REPORTED["part of train", "test"]]
    assert scores["reported"].unique().tolist() == ways
    assert (scores["utterances"] == 31).all()
    by_fold = runs[runs["model"] == PROPOSED].set_index("fold")
    own = predictions(cheavd, by_fold.loc["validation"])
    honest = predictions(cheavd, by_fold.loc["part of train"])
    assert set(own["side"]) == {"validation"}
    assert set(own["id"]) == set(honest.loc[honest["side"] == "test", "id"])
    assert set(honest.loc[honest["side"] == "validation", "label"]) == set(CLASSES["cheavd"])


@pytest.mark.parametrize(
    ("corpus", "ways"),
    [
        (
            "cheavd",
            {
                "validation, chosen on it (the paper's way)": 4,
                "test, chosen on validation": 6,
                "validation, chosen on training data": 8,
            },
        ),
        (
            "mine",  # elsewhere no score is reported on what it was chosen on, where there is another
            {
                "test, chosen on validation": 6,
                "validation, chosen on training data": 8,
                "validation, chosen on it (the paper's way)": 4,
            },
        ),
    ],
)
def test_the_headline_is_the_papers_way_on_cheavd_alone(corpus, ways):
    folds = [("validation", "validation"), ("validation", "test"), ("part of train", "test")]
    parts = [
        pd.DataFrame({"dataset": corpus, "model": "FCNs", "fold": fold, "seed": 0, "side": side, "speaker": "s1",
                      "label": ["sad", "happy"] * count, "predicted": "sad"})
        for count, (fold, side) in enumerate([*folds, ("part of train", "validation")], start=2)
    ]  # fmt: skip

    class Results:
        @staticmethod
        def scores(predictions, by, baselines, division):
            assert (len(baselines), division) == (len(predictions), "auto")
            return report.score_table(predictions, by=by).assign(kind="network")

    space = definitions("zhao2018", corpus=corpus) | {"results": Results(), "FIRST_DATASET": corpus}
    space |= {"all_predictions": pd.concat(parts, ignore_index=True)}
    space["baseline_predictions"] = space["all_predictions"]
    run_cell("zhao2018", "REPORTED = ", space)
    assert space["scores"].set_index("reported")["utterances"].to_dict() == ways, "and not what was only chosen on"
    assert space["scores"]["reported"].tolist() == list(ways)
    assert next(iter(ways)) == space["HEADLINE"]
    assert space["predictions"]["reported"].unique().tolist() == [space["HEADLINE"]]


def test_folds_are_reported_on_test_first():
    """What two speakers chose on is the second row; the baselines, which choose on no such speakers, have the first."""
    rng, rows = np.random.default_rng(0), []
    for fold, side, count in (("fold 1", "validation", 4), ("fold 1", "test", 6), ("fold 2", "test", 8)):
        part = {"dataset": "mine", "model": "FCNs", "fold": fold, "seed": 0, "side": side, "speaker": fold}
        rows.append(
            pd.DataFrame(part | {"label": ["sad", "happy"] * count, "predicted": rng.choice(["sad"], 2 * count)})
        )
    together = pd.concat(rows, ignore_index=True)

    class Results:
        @staticmethod
        def scores(predictions, by, baselines, division):
            assert division == "folds"
            both = [predictions.assign(kind="network"), baselines.assign(kind="baseline", seed=0)]
            return report.score_table(pd.concat(both, ignore_index=True), by=["kind", *by])

    space = definitions("zhao2018", corpus="mine", split="folds") | {"results": Results(), "FIRST_DATASET": "mine"}
    known = together[together["side"] == "test"].assign(model="majority class").drop(columns="seed")
    space |= {"all_predictions": together, "baseline_predictions": known}
    run_cell("zhao2018", "REPORTED = ", space)
    test, chosen = "test speakers, chosen on two of the others", "validation speakers, chosen on them"
    assert test == space["HEADLINE"]
    found = space["scores"].set_index(["kind", "reported"])["utterances"].to_dict()
    assert found == {("network", test): 28, ("network", chosen): 8, ("baseline", test): 28}
    assert (space["predictions"]["side"] == "test").all()


def test_baselines_are_beside_the_networks(folder):
    """On the same utterances, as `serkit.baselines` predicts them; the majority class is at chance."""
    scores = table(folder, "scores")
    counts = scores.groupby(["dataset", "reported"])["utterances"].agg(["min", "max"])
    assert (counts["min"] == counts["max"]).all()
    simple = scores[scores["kind"] == "baseline"]
    assert set(simple["model"]) == {"majority class", *SVMS}
    chance = 100 / len(CLASSES[corpus_of(folder)])
    found = simple.groupby("model")["UA pooled"].agg(["min", "max"])
    assert found.loc["majority class"].tolist() == pytest.approx([chance, chance], abs=0.01)
    assert found.loc[SVMS, "max"].max() > chance, "the miniature's voices are not alike"


def test_nobody_is_on_two_sides(folder):
    """As the table of splits says, and as the stored predictions do: who is left has trained."""
    data, found = table(folder, "data"), table(folder, "splits").set_index(["dataset", "fold"])
    everyone = selected(corpus_of(folder))
    assert data["dataset"].unique().tolist() == list(everyone)
    for (dataset, fold), row in found.iterrows():
        people, own = everyone[dataset].set_index("id")["speaker"], data[data["dataset"] == dataset]
        assert own[CLASSES[corpus_of(folder)]].to_numpy().sum() == len(people)
        assert row[["train", "validation", "test"]].sum() == len(people)
        runs = table(folder, "runs").query("dataset == @dataset and fold == @fold")
        for run in runs.itertuples():
            stored = predictions(folder, run)
            assert (people.loc[stored["id"]].to_numpy() == stored["speaker"]).all()
            ids = {side: stored.loc[stored["side"] == side, "id"] for side in ("validation", "test")}
            ids["train"] = people.index.difference(stored["id"])
            sides = {side: set(people.loc[names]) for side, names in ids.items()}
            for side, names in sides.items():
                assert row[side] == len(ids[side])
                assert row[f"{side} speakers"] == len(names)
                listed = row[f"names in {side}"]  # nothing where nobody is, which is read as NaN
                assert ([] if pd.isna(listed) else listed.split()) == sorted(names)
            assert not sides["test"] & (sides["train"] | sides["validation"])
            if fold == "part of train":
                assert sides["validation"] <= sides["train"], "the only ones that may choose: training speakers"
            else:
                assert not sides["validation"] & sides["train"]
                assert sum(map(len, sides.values())) == len(own)


def test_permuted_speakers_are_caught(random):
    divide = definitions("zhao2018", "divide", "in_several_parts", share=0.1)["divide"]
    for corpus in ("cheavd", "iemocap"):
        for utterances in selected(corpus).values():
            permuted = utterances.assign(speaker=random.permutation(utterances["speaker"]))
            for fold in divide(utterances)[0]:
                tested = splits.Fold(fold.name, fold.train, fold.test or fold.validation)
                assert splits.assert_disjoint(tested, utterances) is tested
                with pytest.raises(SerkitError, match="train and test share speakers"):
                    splits.assert_disjoint(tested, permuted)
            with pytest.raises(SerkitError, match="share speakers"):
                divide(permuted)


def test_any_corpus_is_divided():
    """By its partition, by its sessions, by groups of women and men, or speaker by speaker."""
    space = definitions("zhao2018", "divide", "in_several_parts", share=0.25)
    divide = space["divide"]
    rows = [
        {"id": f"{gender}{number}-{label}-{take}", "speaker": f"{gender}{number}", "gender": gender,
         "session": f"{number}", "label": label}
        for gender in "fm" for number in range(4) for label in ("sad", "happy") for take in range(2)
    ]  # fmt: skip
    with_sessions = pd.DataFrame(rows)
    folds, partitioned = divide(with_sessions)
    assert not partitioned
    assert [fold.name for fold in folds][:3] == ["session 0, m tested", "session 0, f tested", "session 1, m tested"]
    assert len(folds) == 8
    in_pairs, partitioned = divide(with_sessions.assign(session=None))
    assert not partitioned
    assert [fold.name for fold in in_pairs][:2] == ["group 1, m tested", "group 1, f tested"]
    assert sorted(name for fold in in_pairs for name in fold.test) == sorted(with_sessions["id"]), "each is tested once"
    space["speaker_groups"] = 2
    assert [len(fold.test) for fold in divide(with_sessions.assign(session=None))[0]] == [8] * 4
    assert next(fold.name for fold in divide(with_sessions)[0]) == "group 1, m tested", "where they are asked for"
    space |= {"speaker_groups": 0, "both_ways": False}
    assert [fold.name for fold in divide(with_sessions)[0]] == [
        f"session {number}, {'mf'[number % 2]} tested" for number in range(4)
    ]
    dealt, partitioned = divide(with_sessions.assign(session=None, gender=None))
    assert partitioned
    whole, honest = dealt
    assert (whole.name, honest.name) == ("validation", "part of train")
    assert [len(side) for side in (whole.train, whole.validation, whole.test)] == [24, 4, 4]
    assert honest.test == whole.validation
    assert sorted(honest.train + honest.validation) == sorted(whole.train)
    assert len(honest.validation) == 6
    given = with_sessions.assign(partition=np.repeat(["train", "dev", "test", "train"], 8))
    own, partitioned = divide(given)  # the partition goes before the sessions
    assert partitioned
    assert own[0] == splits.Fold(
        "validation", *(tuple(given.loc[given["partition"] == name, "id"]) for name in ("train", "test", "dev"))
    )
    (without_dev,), partitioned = divide(given.replace({"partition": {"dev": "train"}}))
    assert partitioned
    assert without_dev.test == own[0].test
    assert set(without_dev.validation) <= set(own[0].train + own[0].validation), "a part of train chooses"
    (whole, honest), partitioned = divide(given[given["partition"] != "test"])
    assert partitioned
    assert whole.test == ()
    assert honest.test == own[0].validation, "without a test part, dev is tested by what a part of train chose"
    for missing in ("train", "test"):
        with pytest.raises(SerkitError, match=f"'{missing}'"):
            divide(given[~given["partition"].isin([missing, "dev"])])


def test_the_folds_of_a_corpus_go_before_all_else():
    rows = [
        {"id": f"{gender}{number}-{label}", "speaker": f"{gender}{number}", "gender": gender, "label": label,
         "session": "1", "partition": "train", "fold": f"{number % 3}"}
        for gender in "fm" for number in range(6) for label in ("sad", "happy")
    ]  # fmt: skip
    utterances = pd.DataFrame(rows)
    given = definitions("zhao2018", "divide", "in_several_parts", split="folds")
    folds, partitioned = given["divide"](utterances)
    assert not partitioned
    assert [fold.name for fold in folds] == ["fold 0", "fold 1", "fold 2"]
    assert sorted(name for fold in folds for name in fold.test) == sorted(utterances["id"])
    assert folds == splits.by_fold(utterances, validation=2)
    assert all(len(fold.validation) == 4 for fold in folds), "a woman and a man"
    with pytest.raises(SerkitError, match="no folds of its own"):
        given["divide"](utterances.drop(columns="fold"))


def test_a_manifests_split_is_honoured(tmp_path, iemocap_miniature):
    """Whatever else its rows say: train, validation and test are who the file says."""
    table = corpora.load("iemocap", iemocap_miniature).select(["angry", "sad"])
    sides = ["train", "train", "train", "validation", "test"]
    split = table["session"].map(dict(zip(sorted(table["session"].unique()), sides, strict=True)))
    columns = {"path": table["path"], "label": table["label"], "speaker": table["speaker"], "split": split}
    pd.DataFrame(columns | {"gender": table["gender"], "session": table["session"]}).to_csv(
        tmp_path / "own.csv", index=False
    )
    divide = definitions("zhao2018", "divide", "in_several_parts", share=0.25)["divide"]
    speech = corpora.load("manifest", tmp_path / "own.csv")
    (whole, _), partitioned = divide(speech.utterances)
    assert partitioned
    sizes = split.value_counts()
    assert [len(side) for side in (whole.train, whole.validation, whole.test)] == [
        sizes[name] for name in ("train", "validation", "test")
    ]


def datasets(corpus, root, **values):
    """What the notebook makes of a copy that fails its check."""
    speech, reasons = corpora.load(corpus, root, strict=False), []
    space = definitions("zhao2018", corpus=corpus, strict=False, **values) | {"speech": speech, "reasons": reasons}
    space["results"] = SimpleNamespace(not_comparable=reasons.append)
    run_cell("zhao2018", "OWN = {", space)
    run_cell("zhao2018", "def divide", space)
    return space


@pytest.mark.parametrize("marked", [True, False])
def test_an_incomplete_iemocap_runs_when_asked_to(tmp_path, iemocap_miniature, marked):
    """A session and a class are gone, and the published counts with them; also where nothing says miniature."""
    root = tmp_path / "iemocap"
    shutil.copytree(iemocap_miniature, root)
    shutil.rmtree(root / "Session4")
    if not marked:
        (root / corpora.MARKER).unlink()
    with pytest.raises(SerkitError, match="strict=False"):
        corpora.load("iemocap", root)
    space = datasets("iemocap", root)
    assert list(space["DATASETS"]) == ["IEMO_dataset1", "IEMO_dataset2"]
    for utterances in space["DATASETS"].values():
        folds, _ = space["divide"](utterances)
        assert len(folds) == 8
    speech = space["speech"]
    speech.utterances = speech.utterances[~speech.utterances["label"].isin(["excited", "sad"])]
    assert space["reasons"] == []
    run_cell("zhao2018", "OWN = {", space)
    assert space["labels"] == ["angry", "happy", "neutral"]
    assert space["reasons"] == ["no utterance here is sad: the class is left out"]
    assert list(space["DATASETS"]) == ["IEMO_dataset1"], "without excited utterances the second is the first"


def test_a_speaker_in_two_parts_of_cheavd_runs_when_asked_to(shared_speaker):
    root, shared = shared_speaker
    with pytest.raises(SerkitError, match="strict=False"):
        corpora.load("cheavd", root)
    space = datasets("cheavd", root)
    utterances = space["DATASETS"]["cheavd"]
    (whole, honest), _ = space["divide"](utterances)
    assert (len(whole.validation), len(honest.test)) == (31, 31)
    assert utterances.loc[space["in_several_parts"](utterances), "speaker"].unique().tolist() == [shared]
    space["strict"] = True
    with pytest.raises(SerkitError, match="share speakers"):
        space["divide"](utterances)


class Kept(dict):
    """Features in memory, by utterance."""

    @property
    def index(self):
        return pd.DataFrame({"frames": [len(values) for values in self.values()]}, index=list(self))


def test_whitening_learns_from_the_training_utterances_alone(random):
    mixing = random.normal(size=(6, 6)) * 10.0 ** np.arange(6)
    frames = {name: random.normal(3, 1, size=(80, 6)) @ mixing for name in ("a", "b", "c", "d")}
    fold = splits.Fold("x", train=("a", "b"), test=("c",), validation=("d",))
    whiten = definitions("zhao2018", "whiten", components=0)["whiten"]
    fitted = whiten(fold, frames.__getitem__)
    rows = np.concatenate([fitted.transform(frames[name]) for name in fold.train])
    np.testing.assert_allclose(np.cov(rows.T), np.eye(6), atol=1e-6)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    for name in ("c", "d"):
        frames[name][:] = 987654321.0  # a marker
    again = whiten(fold, frames.__getitem__)
    for name in ("mean", "scale", "components", "eigenvalues"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fitted, name))
    assert np.abs(again.transform(frames["c"])).max() == 10, "clipped, as the parameter says"


def test_whitening_can_be_left_out(random):
    """All columns, scaled by the training utterances alone; with whitening, no run depends on that it could be."""
    frames = {name: random.normal(3, [1.0, 50.0], size=(60, 2)) for name in "abc"}
    fold = splits.Fold("x", train=("a", "b"), test=("c",))
    functions = {}
    for whitened in (True, False):
        space = definitions("zhao2018", whitened=whitened, components=1)
        fake = SimpleNamespace(**{name: getattr(features, name) for name in features.__all__})
        fake.extract = lambda *_, **__: SimpleNamespace(values=np.zeros((1, 743)))
        space |= {"DATASETS": {"mine": pd.DataFrame({"id": list(frames)})}, "features": fake}
        run_cell("zhao2018", "def standardise", space)
        functions[whitened] = space["whiten"]
    assert [functions[whitened].__name__ for whitened in (True, False)] == ["whiten", "standardise"]
    scaled = functions[False](fold, frames.get)
    rows = np.concatenate([frames["a"], frames["b"]])
    expected = (frames["c"] - rows.mean(axis=0)) / rows.std(axis=0, ddof=1)
    np.testing.assert_allclose(scaled.transform(frames["c"]), expected)
    assert (len(scaled.eigenvalues), scaled.clip) == (2, 10)
    assert functions[True](fold, frames.get).transform(frames["c"]).shape == (60, 1)
    parameter = papers.find("zhao2018").parameters["whitened"]
    assert (parameter.source, parameter.values["paper"], QUICK["whitened"]) == ("paper", True, True)


def test_frames_are_normalised_by_speaker_on_demand(random):
    """Each speaker's own level and scale are gone, those of speakers who are tested too; labels are not looked at."""
    speakers = {"a": "f1", "b": "f1", "c": "m1", "d": "m1"}
    frames = {
        name: random.normal(5 if speaker == "f1" else -3, 2 if speaker == "f1" else 7, size=(200, 4))
        for name, speaker in speakers.items()
    }
    for values in frames.values():
        values[:, 3] = 8.0  # never changes
    table = pd.DataFrame({"id": list(speakers), "speaker": list(speakers.values())})
    space = definitions("zhao2018", "reader", frames=frames, normalise="training")
    assert space["reader"](table)("a") is frames["a"]
    space["normalise"] = "speaker"
    read = space["reader"](table)
    for speaker in ("f1", "m1"):
        rows = np.concatenate([read(name) for name in speakers if speakers[name] == speaker])
        np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(rows[:, :3].std(axis=0), 1)
        assert not rows[:, 3].any()
    with pytest.raises(SerkitError, match='normalise = "speaker" needs the speaker of every utterance'):
        space["reader"](table.assign(speaker=[None, "f1", "m1", "m1"]))


def test_frames_are_prepared_once(random):
    frames = Kept({name: random.normal(size=(length, 3)) for name, length in (("a", 5), ("b", 17), ("c", 2))})
    made = []

    def double(name):
        made.append(name)
        return 2 * frames[name]

    prepared = definitions("zhao2018", "Prepared")["Prepared"](("c", "a", "b"), double)
    for _ in range(2):
        for name in frames:
            np.testing.assert_array_equal(prepared[name], (2 * frames[name]).astype(np.float32))
    assert made == ["c", "a", "b"]
    assert prepared.index["frames"].to_dict() == {"c": 2, "a": 5, "b": 17}
    batches = Sequences(prepared, ["a", "b"], batch_size=2)
    assert batches[0]["valid"].sum() == 22


def test_training_is_the_same_whatever_the_session_left_out_holds(iemocap, marked):
    assert (marked / "tables" / "pca.csv").read_bytes() == (iemocap / "tables" / "pca.csv").read_bytes()
    before, after = (table(one, "runs").query("model == @PROPOSED").set_index("dataset") for one in (iemocap, marked))
    assert before.index.tolist() == after.index.tolist() == ["IEMO_dataset1", "IEMO_dataset2"]
    for dataset in before.index:
        assert before.loc[dataset, "key"] != after.loc[dataset, "key"], "other data, another run"
        learnt, stored = [], []  # before and after
        for folder, runs in ((iemocap, before), (marked, after)):
            run = runs.loc[dataset]
            history = pd.read_csv(folder / "runs" / run["key"] / "history.csv", dtype=str)
            learnt.append(history[["epoch", "loss", "accuracy"]].to_csv().encode())
            stored.append(predictions(folder, run).set_index("id"))
            assert len(history) == 2
        assert learnt[0] == learnt[1]
        assert sorted(stored[0].index) == sorted(stored[1].index), "of whom validation and test consist"
        assert set(stored[0]["speaker"]) == {"Ses01F", "Ses01M"}
        change = stored[0][CLASSES["iemocap"]] - stored[1].loc[stored[0].index, CLASSES["iemocap"]]
        assert (change.abs().max(axis=1) > 0.01).all(), "the noise is heard in every utterance"


def test_the_spectrum_of_the_whitening(folder):
    pca = table(folder, "pca")
    assert pca["component"].tolist() == list(range(1, len(pca) + 1))
    assert SMOKE["components"] < len(pca) <= 743 - 55
    assert (pca["variance"].diff().dropna() <= 0).all()
    assert (pca["cumulative %"].diff().dropna() >= 0).all()
    assert pca["cumulative %"].iloc[-1] == pytest.approx(100)
    assert pca["variance"].sum() == pytest.approx(743, rel=0.01), "the variance of as many scaled columns"
    assert pca["variance"].nunique() == len(pca), "the least differ too: not rounded away"
    assert (table(folder, "runs")["components"] == SMOKE["components"]).all()


def test_every_feature_has_its_importance(folder):
    importance = table(folder, "importance")
    groups = {name: columns.stop - columns.start for name, columns in YAAFE_743_GROUPS.items()}
    assert importance.set_index("feature")["dimensions"].to_dict() == groups
    assert len(importance) == 27
    assert importance["dimensions"].sum() == 743
    assert importance["mean"].is_monotonic_decreasing
    assert importance["mean"].iloc[0] > 0
    assert (importance["min"] <= importance["mean"]).all()
    assert (importance["mean"] <= importance["max"]).all()


def test_an_exchange_is_limited_to_strong_components(random):
    """Redundant columns contradict one another when some are exchanged: weak components would shout."""
    base = random.normal(size=(400, 3))
    frames = {name: np.hstack([rows, rows + random.normal(0, 1e-3, rows.shape)])  # each column twice, nearly
              for name, rows in (("a", base[:200]), ("b", base[200:]))}  # fmt: skip
    space = definitions("zhao2018", "whiten", components=0, clip=0.0)
    whitening = space["whiten"](splits.Fold("x", train=("a", "b"), test=()), frames.__getitem__)
    space |= {"read": frames.__getitem__, "whitening": whitening}
    before = frames["a"].copy()
    space |= definitions("zhao2018", "STRONG", "exchanged", **space)
    assert space["STRONG"] == 3
    after, own = space["exchanged"]("a", "b", slice(1, 3)), whitening.transform(frames["a"])
    np.testing.assert_array_equal(after[:, 3:], own[:, 3:])
    assert (np.abs(after[:, :3] - own[:, :3]).max(axis=0) > 0.1).any()
    assert after.std() < 1.5
    mixed = frames["a"].copy()
    mixed[:, 1:3] = frames["b"][:, 1:3]
    assert whitening.transform(mixed)[:, 3:].std() > 100, "what an exchange in all components would do"
    np.testing.assert_array_equal(frames["a"], before)
    np.testing.assert_array_equal(after[:, :3], whitening.transform(mixed)[:, :3])


def test_exchanged_frames_keep_the_size_of_speech(folder):
    assert table(folder, "importance")["size"].between(0.5, 2).all()


def test_attention_has_a_row_for_each_utterance_reported_on(folder):
    attention = table(folder, "attention")
    run = next(table(folder, "runs").query("model == @PROPOSED").itertuples())
    stored = predictions(folder, run).set_index("id")
    stored = stored[stored["side"] == ("validation" if run.fold == "validation" else "test")]
    assert sorted(attention["id"]) == sorted(stored.index)
    assert attention.set_index("id")["label"].to_dict() == stored["label"].to_dict()
    for name in ("pauses", "attention_in_pauses"):
        assert attention[name].between(0, 1).all()
    assert attention["pauses"].mean() > 0.1, "the miniature's speakers pause"
    assert attention["seconds"].between(0.5, 5).all()


def test_attention_finds_the_cue_that_a_mean_drowns(folder):
    toy = table(folder, "toy_attention").set_index("pooling")["accuracy"]
    assert toy["attention"] > 0.85
    assert toy["mean"] < 0.5, "chance is 0.25"


def test_the_toy_is_for_both_branches(folder):
    toy = table(folder, "toy").set_index("model")["accuracy"]
    assert toy[PROPOSED] > 0.85
    assert toy["FCNs"] < 0.7, "chance is 0.5"


def weights(row, dims, classes, filters, kernels, cells, hidden, length, single_step_components):
    """How many numbers a row of Table 2 or 3 learns or keeps, counted by hand."""
    recurrent = {"FCNs": 0, "Attention-LSTM": 1, "Attention-LSTM-FCN": 1}.get(row, 2)  # directions
    series, steps = {
        SINGLE_STEP: (1, length * min(dims, single_step_components)),
        SHUFFLED: (dims, length),
    }.get(row, (dims, dims))
    total, joined = 0, 0
    if row not in ("Attention-LSTM", "Attention-BLSTM"):
        for before, after, kernel in zip([series, *filters[:-1]], filters, kernels, strict=True):
            total += kernel * before * after + after  # convolution
            total += 4 * after  # batch normalisation: scale, shift, mean, variance
        joined += filters[-1]
    total += recurrent * 4 * (steps + cells + 1) * cells
    joined += recurrent * cells
    if recurrent and row not in POOLINGS[:2]:
        total += recurrent * cells  # W of equation 1
    for before, after in zip([joined, *hidden], [*hidden, classes], strict=True):
        total += (before + 1) * after
    return total


SIZES = ("filters", "kernels", "cells", "hidden", "length", "single_step_components")


def test_sizes(folder):
    given = {name: SMOKE.get(name, QUICK[name]) for name in SIZES}
    sizes = table(folder, "sizes").set_index("model")["weights"]
    assert len(sizes) == 9
    for row, found in sizes.items():
        assert found == weights(row, SMOKE["components"], len(CLASSES[corpus_of(folder)]), **given)
    runs = table(folder, "runs")
    assert (sizes.loc[runs["model"]].to_numpy() == runs["weights"]).all()
    assert sizes[PROPOSED] == {"cheavd": 6616, "iemocap": 6548}[corpus_of(folder)]


MODEL = ("ROWS", "PROPOSED", "SINGLE_STEP", "convolutional_branch", "recurrent_branch", "network")


def test_sizes_of_the_paper():
    """128 and 64 filters, 64 cells a direction; 688 components, of 743 all that can stand above the floor."""
    paper = papers.profile_values(papers.find("zhao2018"), "paper")
    given = {name: paper[name] for name in SIZES}
    space = definitions("zhao2018", *MODEL, **given)
    found = {row: space["network"](row, 688, 4).count_params() for row in space["ROWS"]}
    assert found == {row: weights(row, 688, 4, **given) for row in found}
    convolutions = 8 * 688 * 128 + 128 + 4 * 128 + 5 * 128 * 64 + 64 + 4 * 64
    assert found["FCNs"] == convolutions + 65 * 64 + 65 * 4 == 750_852
    assert found[PROPOSED] == convolutions + 2 * 4 * 64 * (688 + 64 + 1) + 128 + 193 * 64 + 65 * 4 == 1_144_708


def test_confusion_matrices(folder):
    classes, runs = CLASSES[corpus_of(folder)], table(folder, "runs")
    paths = list((folder / "tables").glob("confusion_*.csv"))
    pairs = runs[["dataset", "model"]].drop_duplicates()
    assert len(paths) == len(pairs) == {"cheavd": 7, "iemocap": 7 + 3}[corpus_of(folder)], "of every network"
    for (dataset, row), run in runs.groupby(["dataset", "model"], sort=False).first().iterrows():
        stored = predictions(folder, run)
        stored = stored[stored["side"] == ("validation" if corpus_of(folder) == "cheavd" else "test")]
        matrix = table(folder, f"confusion_{dataset}_{row.replace(', ', '_').replace(' ', '_')}").set_index("true")
        assert matrix.index.tolist() == matrix.columns.tolist() == classes
        assert matrix.to_numpy().sum() == len(stored)
        np.testing.assert_array_equal(
            matrix, reference.confusion_matrix(stored["label"], stored["predicted"], labels=classes)
        )


def test_the_readings_of_the_time_step(cheavd, iemocap):
    way = {"cheavd": REPORTED["validation", "validation"], "iemocap": REPORTED["session 1, m tested", "test"]}
    for folder, first in ((cheavd, "cheavd"), (iemocap, "IEMO_dataset1")):
        readings = table(folder, "readings").query("dataset == @first").set_index("reading")
        assert readings.index.tolist() == ["frames", "single step", "shuffled"]
        scores = networks(folder).set_index(["dataset", "reported", "model"]).loc[first, way[corpus_of(folder)]]
        sizes = table(folder, "sizes").set_index("model")["weights"]
        for reading, row in (("frames", PROPOSED), ("single step", SINGLE_STEP), ("shuffled", SHUFFLED)):
            assert readings.loc[reading, ["WA", "UA"]].tolist() == scores.loc[row, ["WA pooled", "UA pooled"]].tolist()
            assert readings.loc[reading, "weights"] == sizes[row]
        assert (readings["seconds an epoch"] > 0).all()


def test_comparisons_with_the_other_networks(folder):
    comparisons, scores = table(folder, "comparisons"), table(folder, "scores")
    scores = scores[scores["reported"] != REPORTED["part of train", "test"]].set_index(["dataset", "model"])
    networks_there = (scores["kind"] == "network").sum()
    others = networks_there - scores.index.get_level_values("dataset").nunique()
    assert len(comparisons) == 2 * (others + networks_there), "the headline alone, and each network beside the SVM"
    assert (comparisons["worse"] == SVMS[0]).sum() == 2 * networks_there
    printed = papers.published("zhao2018").set_index(["table", "row", "metric"])["value"]
    for row in comparisons.itertuples():
        dataset, name = row.metric.split() if " " in row.metric else ("cheavd", row.metric)
        own = PROPOSED if row.better == "Attention-pooling" else row.better
        difference = scores.loc[(dataset, own), f"{name} pooled"] - scores.loc[(dataset, row.worse), f"{name} pooled"]
        assert row.measured == pytest.approx(difference, abs=0.011)
        in_paper = [printed.get((row.table, model, row.metric), np.nan) for model in (row.better, row.worse)]
        assert row.published == pytest.approx(in_paper[0] - in_paper[1], abs=0.01, nan_ok=True)
        assert np.isnan([row.low, row.high, row.p]).all(), "so few speakers decide nothing"
        assert row.verdict == "undecided"
    ours = {SINGLE_STEP, SHUFFLED, SVMS[0]} | ({"FCNs"} if corpus_of(folder) == "iemocap" else set())
    assert (comparisons["made_by"] == "ours").equals(comparisons["worse"].isin(ours))
    assert comparisons["published"].notna().sum() == {"cheavd": 6, "iemocap": 8 + 2}[corpus_of(folder)]
    text = (folder / "notebook.ipynb").read_text()
    assert text.count("better than") >= len(comparisons), "What we found says each"


def test_comparisons_that_the_paper_does_not_make_are_ours(tmp_path):
    """With readings of a sentence, the floor and, on IEMOCAP, the convolutions alone."""
    made = {}

    class Results:
        folder = tmp_path

        @staticmethod
        def comparisons(_part, pairs, _measures, table, made_by):
            made.update({(table, better, worse): made_by for better, worse in pairs})

    (tmp_path / "tables").mkdir()
    pd.DataFrame({"paper": ["zhao2018"]}).to_csv(tmp_path / "tables" / "comparisons.csv")
    names = ("ROWS", "PROPOSED", "SINGLE_STEP", "SHUFFLED", "TABLE2", "POOLINGS", "READINGS", "COMPARED")
    for corpus, sets in (("iemocap", ["IEMO_dataset1", "IEMO_dataset2"]), ("cheavd", ["cheavd"])):
        space = definitions("zhao2018", *names, corpus=corpus)
        space["CHOSEN"] = {name: space["COMPARED"][name] for name in sets}
        space |= {"results": Results, "predictions": pd.DataFrame({"dataset": sets, "model": PROPOSED})}
        known = {"dataset": sets[0], "model": SVMS, "reported": "so"}
        space |= {"baseline_predictions": pd.DataFrame(known), "HEADLINE": "so"}
        run_cell("zhao2018", "THEIRS = ", space)
    ours = {worse for (_, _, worse), who in made.items() if who == "ours"}
    assert ours == {SINGLE_STEP, SHUFFLED, SVMS[0], "FCNs"}
    assert made[2, PROPOSED, "FCNs"] == made[2, PROPOSED, "Attention-LSTM-FCN"] == "paper"
    assert made[3, "Attention-pooling", "Global max-pooling"] == made[4, PROPOSED, "Attention-BLSTM"] == "paper"
    assert made[4, PROPOSED, "FCNs"] == "ours", "Table 4 has no such row"


def test_the_gains_of_the_paper_are_points_over_a_mean(folder):
    """5.2 calls the first two relative; 5.4 has them beside the others."""
    gains = table(folder, "gains").set_index(["dataset", "metric"])
    means = {  # of the other rows of Tables 2 and 4, by hand
        ("CHEAVD", "UA"): (27.2 + 25.1 + 25.2 + 29.4) / 4, ("CHEAVD", "WA"): (39.9 + 41.5 + 41.7 + 45.3) / 4,
        ("IEMO_dataset1", "UA"): (52.1 + 49.9) / 2, ("IEMO_dataset1", "WA"): (57.9 + 59.3) / 2,
        ("IEMO_dataset2", "UA"): (55.1 + 59.6) / 2, ("IEMO_dataset2", "WA"): (56.1 + 58.1) / 2,
    }  # fmt: skip
    own = {"CHEAVD": (31.8, 46.3), "IEMO_dataset1": (56.0, 64.0), "IEMO_dataset2": (60.1, 59.7)}
    for (dataset, name), mean in means.items():
        points = own[dataset][name == "WA"] - mean
        row = gains.loc[(dataset, name)]
        assert row["points over the mean"] == pytest.approx(points, abs=0.006)
        assert row["% over the mean"] == pytest.approx(100 * points / mean, abs=0.006)
        assert row["said in 5.4"] == pytest.approx(points, abs=0.051)
    assert gains["% over the mean"].gt(gains["said in 5.4"] + 1).all(), "as relative gains they would be larger"


def test_what_the_networks_get_is_clipped(folder):
    whitened = table(folder, "whitened").set_index("side")
    assert set(whitened.index) >= {"train", "validation"}
    assert (whitened["largest"] > 3).all()
    assert whitened["beyond clip (%)"].between(0, 5).all()


def test_whitened_values_are_drawn_from_all_utterances(random):
    """In the order of the ids those of one emotion may come first, here the quiet ones."""
    frames = {f"u{number:03}": (1 + 9 * (number > 300)) * random.normal(size=(4, 3)) for number in range(401)}
    rows = {}
    results = SimpleNamespace(figure=lambda *_: None, table=lambda name, values: rows.update({name: values}))
    space = definitions(
        "zhao2018", "some", "whiten", results=results, read=frames.get, FIRST_DATASET="mine", components=0
    )
    space["FIRST"] = splits.Fold("one", train=tuple(frames), test=())
    run_cell("zhao2018", "unlimited = ", space)
    (drawn,) = rows["whitened"].to_dict("records")
    whitened = space["unlimited"].transform(np.concatenate(list(frames.values())))
    assert 400 < drawn["frames"] <= 800, "200 utterances at most"
    assert drawn["largest"] > 0.6 * np.abs(whitened).max()
    (line,) = [line for line in plt.gcf().axes[0].lines if line.get_label() == "train"]
    shares = [(np.abs(whitened) > edge).mean() for edge in line.get_xdata()]
    np.testing.assert_allclose(line.get_ydata(), shares, atol=0.03)


@pytest.mark.parametrize("beside_silence", [True, False])
def test_frames_beside_digital_silence_are_pointed_out(random, capsys, beside_silence):
    frames = {f"u{number:03}": random.normal(size=(10, 3)) for number in range(300)}
    if beside_silence:
        frames["u004"][0, 1] = 1e6
    space = definitions("zhao2018", frames=frames, FIRST_DATASET="mine", table=None, reader=lambda _: frames.get)
    space |= {"FOLDS": {"mine": [splits.Fold("one", train=tuple(frames), test=())]}}
    space["whiten"] = lambda *_: SimpleNamespace(eigenvalues=np.ones(3))
    run_cell("zhao2018", "class Prepared", space)
    found = capsys.readouterr().out
    assert found.startswith("1 columns are all but constant beside a few") if beside_silence else not found


@pytest.mark.parametrize(("components", "hours"), [(8, 0), (684, 24)])
def test_a_long_training_is_announced(components, hours, capsys):
    """As the paper profile has it on IEMOCAP; the miniature in smoke takes no hour."""
    profile = papers.profile_values(papers.find("zhao2018"), "paper" if hours else "smoke")
    space = definitions("zhao2018", *MODEL, **QUICK | profile)
    count = 4000 if hours else 100

    class Results:
        @staticmethod
        def table(_, values):
            return values

    class Stored:
        values = range(140 * count)

    space |= {"K": components, "results": Results, "frames": Stored, "utterances": range(count)}
    space |= {"DATASETS": {"one": None}, "CHOSEN": {"one": [PROPOSED, SINGLE_STEP, SHUFFLED]}}
    space["FIRST"] = splits.Fold("x", train=tuple(map(str, range(count))), test=())
    space["FOLDS"] = {"one": [space["FIRST"]] * (10 if hours else 1)}
    run_cell("zhao2018", "def multiplications", space)
    assert (space["hours"] > hours) if hours else (space["hours"] < 1)
    assert ("core-days" in capsys.readouterr().out) == bool(hours)
    proposed = space["multiplications"](PROPOSED, 1, 1)
    each = 8 * components * space["filters"][0] + 5 * space["filters"][0] * space["filters"][1]
    assert proposed == 3 * (each + 2 * 4 * space["cells"] * (components + space["cells"])), "a frame uses each weight"


@pytest.mark.parametrize("folds", [1, 2])
def test_one_fold_has_no_spread_to_draw(folds):
    drawn, rng = [], np.random.default_rng(0)

    class Results:
        @staticmethod
        def table(_, values):
            return values

        @staticmethod
        def figure(name, _):
            drawn.append(name)

    predictions = pd.concat(
        pd.DataFrame({"dataset": "mine", "model": PROPOSED, "fold": str(fold), "seed": 0, "speaker": f"s{fold}",
                      "label": ["sad", "happy"] * 10, "predicted": rng.choice(["sad", "happy"], 20)})
        for fold in range(folds)
    )  # fmt: skip
    epochs = {"epoch": [1, 2], "loss": [1.0, 0.5], "accuracy": [0.5, 0.6], "val_accuracy": [0.5, 0.5]}
    histories = pd.DataFrame({"dataset": "mine", "model": PROPOSED, "fold": "0", "seed": 0} | epochs)
    scores = report.score_table(predictions, by=("dataset",))
    space = definitions("zhao2018") | {"predictions": predictions, "histories": histories, "scores": scores}
    run_cell("zhao2018", "fold_spread", space | {"results": Results, "FIRST_DATASET": "mine"})
    assert drawn == ["learning", "spread"][:folds]


def test_figures_are_drawn(folder):
    names = {"architecture", "attention", "classes", "course", "importance", "input", "learning", "pca", "published"}
    names |= {"readings", "toy", "whitened"}  # and no spread of one fold
    check_figures(folder, names | {f"confusion_{dataset}" for dataset in selected(corpus_of(folder))})


def test_no_error_and_no_warning_in_the_notebook(folder):
    check_outputs(folder)


def test_runs_are_recorded(folder):
    records = [json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")]
    simple = [record for record in records if "seed" not in record["spec"]]
    assert len(records) - len(simple) == {"cheavd": 7 * 2, "iemocap": 7 + 3}[corpus_of(folder)]
    assert len(simple) == {"cheavd": 3 * 2, "iemocap": 3 * 2}[corpus_of(folder)], "of each fold or dataset"
    for record in records:
        assert not {"fold_limit", "models", "repeats", "seeds"} & set(record["settings"]), "more runs make none anew"
        assert "whitened" not in record["settings"], "what whitening depends on is the whitening"
        assert "FOLDS" not in str(record["data"])
        if record in simple:
            assert not {"epochs", "cells", "clip", "components"} & set(record["settings"]), "no network's setting"
        else:
            assert record["settings"]["epochs"] == record["notes"]["epochs"] == 2
            assert "baseline_features" not in record["settings"], "another baseline trains no network anew"
    kept = {path.parent.name for path in folder.glob("runs/*/model.keras")}
    runs = table(folder, "runs")
    assert kept == set(runs["key"]), "all are small"


def test_runs_are_not_repeated(iemocap):
    check_that_runs_are_found_again(iemocap, "zhao2018")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"filters": [8]}, r"^zhao2018: 1 convolutional blocks in filters and 2 in kernels: give one kernel each"),
        ({"optimiser": "sdg"}, r"^zhao2018: unknown optimiser 'sdg' \(did you mean 'sgd'\?\); valid: adam, sgd"),
        ({"classes": ["sad"]}, r"^zhao2018: two classes or more are needed; got \['sad'\]"),
    ],
)
def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path, given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.execute("zhao2018", profile="smoke", out=tmp_path, **({"filters": [8, 8]} | given))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"share": 2.0}, "share is from 0.01 to 0.9; got 2.0"),
        ({"hop": 64.0}, r"hop \(s\) is from 0.001 to 0.5; got 64.0"),
        ({"filters": [0, 8]}, r"filters, each item, is 1 or more; got \[0, 8\]"),
        ({"models": []}, "models needs 1 item"),
        ({"patience": 0}, r"patience \(epochs\) is 1 or more; got 0"),
        ({"speaker_groups": -1}, "speaker_groups is 0 or more; got -1"),
    ],
)
def test_values_that_no_run_can_use_are_refused(given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.resolve(papers.find("zhao2018"), "quick", given)


def test_sources_say_what_the_paper_says():
    """Sessions stand in 5.1; the distance of frames and the rule of the learning rate do not."""
    parameters = papers.find("zhao2018").parameters
    assert (parameters["speaker_groups"].source, parameters["speaker_groups"].said) == ("paper", "the five sessions")
    assert {parameters[name].source for name in ("hop", "optimiser", "hidden", "components")} == {"ours"}
    assert "adaptive learning rate" in parameters["optimiser"].said


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["FCNs"], "^models must hold 'Attention-BLSTM-FCN': the comparisons and the figures are about it"),
        (
            ["FCNs", "Atention-BLSTM-FCN"],
            r"^unknown model 'Atention-.* \(did you mean 'Attention-BLSTM-FCN'\?\); valid: A",
        ),
    ],
)
def test_networks_that_cannot_be_compared(models, message):
    refused_where_it_begins(message, models=models)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"baseline_features": ["YAFE"]}, r"^unknown kind of features of a baseline 'YAFE' \(did you mean 'YAAFE'\?\)"),
        ({"normalise": "utterance"}, "^unknown normalise 'utterance'; valid: speaker, training"),
    ],
)
def test_settings_are_checked_before_anything_is_computed(given, message):
    refused_where_it_begins(message, **given)


def refused_where_it_begins(message, **given):
    """In the very cell that begins: no feature is extracted for what cannot be run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "begin", lambda *_, **__: (None, None))
        with pytest.raises(SerkitError, match=message):
            run_cell("zhao2018", "notebooks.begin", definitions("zhao2018", **given))


def test_the_names_that_are_checked_are_those_of_the_rows():
    space = definitions("zhao2018", *MODEL, "TABLE2", "POOLINGS", "READINGS")
    assert {*space["TABLE2"], *space["POOLINGS"], *space["READINGS"]} == set(space["ROWS"])


@pytest.fixture(scope="module")
def small():
    """The notebook's networks, small."""
    given = {"filters": [6, 5], "kernels": [8, 5], "cells": 3, "hidden": [4], "length": 24, "dropout": 0.0}
    given["single_step_components"] = 2
    return definitions("zhao2018", *MODEL, **given)


@pytest.fixture
def spoken(random):
    """Six utterances of 1 to 60 frames."""
    return Kept({f"u{length}": random.normal(size=(length, 2)) for length in (1, 5, 16, 17, 33, 60)})


@pytest.mark.filterwarnings(
    "ignore:You are using a softmax over axis -1"
)  # the letter's attention: see the notebook, 5
def test_padding_and_company_do_not_change_the_scores(small, spoken, random):
    for row in small["ROWS"]:
        net = small["network"](row, 2, 3)
        drawn = [random.normal(size=weights.shape) for weights in net.weights]
        for place, weights in enumerate(net.weights):
            if "variance" in weights.path:
                drawn[place] = np.abs(drawn[place]) + 0.1
        net.set_weights(drawn)
        length = small["length"] if row in (SINGLE_STEP, SHUFFLED) else 0
        found = []
        for size, ratio in ((1, 1.1), (2, 1.1), (6, 4.0)):  # alone, with one neighbour, all padded to 64 frames
            batches = Sequences(spoken, list(spoken), batch_size=size, ratio=ratio, length=length)
            scores = np.concatenate([net.predict_on_batch(batch)["emotion"] for batch in batches])
            found.append(scores[np.argsort(batches.order)])
        assert np.ptp(found[0], axis=0).min() > 1e-3, "utterances differ"
        np.testing.assert_allclose(found[1], found[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found[2], found[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("row", POOLINGS)
def test_padding_does_not_change_a_training_step(small, spoken, random, row):
    """What is behind an utterance's end has no part in the gradients, nor in the statistics of normalisation."""
    net, ids = small["network"](row, 2, 3), ["u1", "u5", "u16", "u17", "u33"]
    begin = [values + random.normal(0, 0.1, values.shape) ** 2 for values in net.get_weights()]
    changes = []
    for ratio, length in ((33 / 16, 33), (4.0, 64)):
        net.set_weights(begin)
        net.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True)
        ((inputs, stored),) = Sequences(spoken, ids, {"emotion": np.arange(5) % 3}, batch_size=5, ratio=ratio)
        assert inputs["valid"].shape == (5, length)
        net.train_on_batch(inputs, stored)
        change = [(after - before).ravel() for before, after in zip(begin, net.get_weights(), strict=True)]
        changes.append(np.concatenate(change))
    assert np.mean(changes[0] != 0) > 0.9, "a step moves the weights and the statistics"
    np.testing.assert_allclose(changes[0], changes[1], rtol=1e-3, atol=1e-6)
