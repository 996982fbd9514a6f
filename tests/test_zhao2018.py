"""The zhao2018 notebook, executed in the smoke profile on both of its corpora: what its tables and figures hold.

And that nothing about the session left out reaches training: with other audio in it, training is the same to the byte.
"""

import json
import shutil

import keras
import numpy as np
import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_outputs,
    check_that_results_say_miniature,
    check_that_runs_are_found_again,
    definitions,
    run_cell,
    table,
)
from sklearn import metrics as reference

from serkit import audio, corpora, notebooks, papers, report, splits
from serkit.batches import Sequences
from serkit.corpora import miniature
from serkit.errors import SerkitError
from serkit.features.yaafe import YAAFE_743_GROUPS

PROPOSED, LETTER = "Attention-BLSTM-FCN", "Attention-BLSTM-FCN, single step"
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


@pytest.fixture(scope="module")
def cheavd(tmp_path_factory):
    """Both ways of choosing; the first alone would be one fold."""
    out = tmp_path_factory.mktemp("cheavd")
    return notebooks.execute("zhao2018", corpus="cheavd", profile="smoke", out=out, fold_limit=2)


@pytest.fixture(scope="module")
def iemocap(tmp_path_factory):
    return notebooks.execute("zhao2018", profile="smoke", out=tmp_path_factory.mktemp("iemocap"))


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
    return notebooks.execute("zhao2018", root=str(root), profile="smoke", out=out, models=[PROPOSED])


@pytest.fixture(scope="module", params=["cheavd", "iemocap"])
def folder(request):
    return request.getfixturevalue(request.param)


def corpus_of(folder):
    return folder.parts[-2].removesuffix("-miniature")


def predictions(folder, run):
    return pd.read_csv(folder / "runs" / run.key / "predictions.csv")


def selected(corpus):
    """Labelled utterances of the miniature, by dataset, with classes as the paper has them."""
    speech = corpora.load(corpus, miniature.ensure(corpus))
    first = speech.select(CLASSES[corpus])
    if corpus == "cheavd":
        return {"cheavd": first}
    second = speech.select([*CLASSES[corpus], "excited"])
    return {"IEMO_dataset1": first, "IEMO_dataset2": second.replace({"label": {"excited": "happy"}})}


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "zhao2018", corpus_of(folder))


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
    assert measured["why_not"].str.contains("synthetic miniature").all()
    assert measured["why_not"].str.contains(r"epochs = 2 \(paper profile: 100\)").all()
    assert not measured["why_not"].str.contains("repeats|seeds|workers").any(), "repetitions are no other setting"
    assert (claims.loc[~cited & claims["measured"].isna(), "why_not"] == "not measured here").all()


def test_cheavd_fills_tables_1_and_2(cheavd):
    claims = table(cheavd, "claims")
    measured = claims[claims["measured"].notna()].set_index(["table", "row", "metric"])["measured"]
    rows = pd.read_csv(miniature.ensure("cheavd") / "cheavd.csv", keep_default_na=False)
    partition = rows["partition"].replace({"train": "Train", "val": "Val", "test": "Test"})
    counts = rows.assign(partition=partition, label=rows["label"].str.lower().map(NAMED)).dropna(subset="label")
    expected = counts.groupby(["label", "partition"]).size().to_dict()
    expected |= {("Sum", name): count for name, count in partition.value_counts().items()}
    assert len(expected) == 8 * 2 + 3, "the test labels are withheld, and counted in the sum alone"
    assert measured[1].to_dict() == expected
    assert sorted(measured[2].index) == sorted((row, name) for row in TABLE2 for name in ("UA", "WA"))
    scores = table(cheavd, "scores").set_index(["reported", "model"])
    for (row, name), value in measured[2].items():
        assert value == scores.loc[(REPORTED["validation", "validation"], row), name]
    assert set(measured.index.get_level_values("table")) == {1, 2}


def test_iemocap_fills_tables_3_and_4(iemocap):
    claims = table(iemocap, "claims")
    measured = claims[claims["measured"].notna()].set_index(["table", "row", "metric"])["measured"]
    names = [f"{dataset} {name}" for dataset in ("IEMO_dataset1", "IEMO_dataset2") for name in ("UA", "WA")]
    rows = [*POOLINGS[:2], "Attention-pooling"]
    assert sorted(measured[3].index) == sorted((row, name) for row in rows for name in names)
    assert measured[4].index.tolist() == [(PROPOSED, name) for name in names]
    assert measured[3]["Attention-pooling"].equals(measured[4][PROPOSED]), "they are one network"
    scores = table(iemocap, "scores").set_index(["dataset", "model"])
    for (row, name), value in measured[3].items():
        dataset, kind = name.split()
        assert value == scores.loc[(dataset, PROPOSED if row == "Attention-pooling" else row), kind]
    assert set(measured.index.get_level_values("table")) == {3, 4}


def test_scores_agree_with_the_stored_predictions(folder):
    classes = CLASSES[corpus_of(folder)]
    scores = table(folder, "scores").set_index(["dataset", "reported", "model"])
    runs = table(folder, "runs")
    assert len(scores) == len(runs), "one seed: each run is reported in one way"
    for run in runs.itertuples():
        told = predictions(folder, run)
        np.testing.assert_allclose(told[classes].sum(axis=1), 1, atol=1e-5)
        assert (told["predicted"] == told[classes].idxmax(axis=1)).all()
        assert not told["id"].duplicated().any()
        ((way, side),) = [(way, side) for (fold, side), way in REPORTED.items() if fold == run.fold]
        told = told[told["side"] == side]
        row = scores.loc[(run.dataset, way, run.model)]
        recalls = reference.recall_score(told["label"], told["predicted"], labels=classes, average=None)
        assert row["UA"] == pytest.approx(100 * recalls.mean(), abs=0.01)
        assert row["WA"] == pytest.approx(100 * reference.accuracy_score(told["label"], told["predicted"]), abs=0.01)
        assert [row[f"recall {name}"] for name in classes] == pytest.approx((100 * recalls).tolist(), abs=0.01)
        interval = row[["UA low", "UA high", "WA low", "WA high"]].to_numpy(float)
        if len(set(told["speaker"])) == 1:  # who says nothing about others
            assert np.isnan(interval).all()
        else:
            assert interval[0] <= interval[1]
            assert interval[2] <= interval[3]
        assert row["floor UA"] == pytest.approx(100 / len(classes), abs=0.01)
        assert row["utterances"] == len(told)


def test_a_partition_is_reported_in_the_papers_way_and_in_an_honest_one(cheavd):
    """On the same utterances; a third way, on test, needs labels, and the miniature withholds them as MEC 2017 did."""
    scores, runs = table(cheavd, "scores"), table(cheavd, "runs")
    ways = [REPORTED["validation", "validation"], REPORTED["part of train", "test"]]
    assert scores["reported"].unique().tolist() == ways
    assert (scores["utterances"] == 31).all()
    by_fold = runs[runs["model"] == PROPOSED].set_index("fold")
    own = predictions(cheavd, by_fold.loc["validation"])
    honest = predictions(cheavd, by_fold.loc["part of train"])
    assert set(own["side"]) == {"validation"}
    assert set(own["id"]) == set(honest.loc[honest["side"] == "test", "id"])
    assert set(honest.loc[honest["side"] == "validation", "label"]) == set(CLASSES["cheavd"])


def test_with_test_labels_there_is_a_third_way(random):
    folds = [("validation", "validation"), ("validation", "test"), ("part of train", "test")]
    parts = [
        pd.DataFrame({"dataset": "mine", "model": "FCNs", "fold": fold, "seed": 0, "side": side, "speaker": "s1",
                      "label": ["sad", "happy"] * count, "predicted": "sad"})
        for count, (fold, side) in enumerate([*folds, ("part of train", "validation")], start=2)
    ]  # fmt: skip
    kept = {}
    space = {"everything": pd.concat(parts, ignore_index=True), "PARTITIONED": True, "pd": pd, "report": report}

    class Results:
        def table(self, name, values):
            kept[name] = values
            return values

    run_cell("zhao2018", "REPORTED = ", {**space, "results": Results()})
    assert kept["scores"].set_index("reported")["utterances"].to_dict() == {
        "validation, chosen on it (the paper's way)": 4,
        "test, chosen on validation": 6,
        "validation, chosen on training data": 8,
    }, "and not what was only chosen on"


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
            told = predictions(folder, run)
            assert (people.loc[told["id"]].to_numpy() == told["speaker"]).all()
            ids = {side: told.loc[told["side"] == side, "id"] for side in ("validation", "test")}
            ids["train"] = people.index.difference(told["id"])
            sides = {side: set(people.loc[names]) for side, names in ids.items()}
            for side, names in sides.items():
                assert row[side] == len(ids[side])
                assert row[f"speakers, {side}"] == len(names)
            assert not sides["test"] & (sides["train"] | sides["validation"])
            if fold == "part of train":
                assert sides["validation"] <= sides["train"], "the only ones that may choose: training speakers"
            else:
                assert not sides["validation"] & sides["train"]
                assert sum(map(len, sides.values())) == len(own)


def test_permuted_speakers_are_caught(random):
    divide = definitions("zhao2018", "divide", share=0.1)["divide"]
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


def test_any_corpus_is_divided(random):
    """By its partition, by its sessions, or speaker by speaker."""
    divide = definitions("zhao2018", "divide", share=0.25)["divide"]
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
    dealt, partitioned = divide(with_sessions.assign(session=None))
    assert partitioned
    whole, honest = dealt
    assert (whole.name, honest.name) == ("validation", "part of train")
    assert [len(side) for side in (whole.train, whole.validation, whole.test)] == [16, 8, 8]
    assert honest.test == whole.validation
    assert sorted(honest.train + honest.validation) == sorted(whole.train)
    assert len(honest.validation) == 4
    given = with_sessions.assign(partition=np.repeat(["train", "dev", "test", "train"], 8))
    own, partitioned = divide(given)  # the partition goes before the sessions
    assert partitioned
    assert own[0] == splits.Fold(
        "validation", *(tuple(given.loc[given["partition"] == name, "id"]) for name in ("train", "test", "dev"))
    )


def test_whitening_learns_from_the_training_utterances_alone(random):
    mixing = random.normal(size=(6, 6)) * 10.0 ** np.arange(6)
    frames = {name: random.normal(3, 1, size=(80, 6)) @ mixing for name in ("a", "b", "c", "d")}
    fold = splits.Fold("x", train=("a", "b"), test=("c",), validation=("d",))
    whiten = definitions("zhao2018", "whiten", components=0, frames=frames)["whiten"]
    fitted = whiten(fold)
    rows = np.concatenate([fitted.transform(frames[name]) for name in fold.train])
    np.testing.assert_allclose(np.cov(rows.T), np.eye(6), atol=1e-6)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=1e-6)
    for name in ("c", "d"):
        frames[name][:] = 987654321.0  # a marker
    again = whiten(fold)
    for name in ("mean", "scale", "components", "eigenvalues"):
        np.testing.assert_array_equal(getattr(again, name), getattr(fitted, name))


def test_training_is_the_same_whatever_the_session_left_out_holds(iemocap, marked):
    assert (marked / "tables" / "pca.csv").read_bytes() == (iemocap / "tables" / "pca.csv").read_bytes()
    before, after = (table(one, "runs").query("model == @PROPOSED").set_index("dataset") for one in (iemocap, marked))
    assert before.index.tolist() == after.index.tolist() == ["IEMO_dataset1", "IEMO_dataset2"]
    for dataset in before.index:
        assert before.loc[dataset, "key"] != after.loc[dataset, "key"], "other data, another run"
        learnt, told = [], []  # before and after
        for folder, runs in ((iemocap, before), (marked, after)):
            run = runs.loc[dataset]
            history = pd.read_csv(folder / "runs" / run["key"] / "history.csv", dtype=str)
            learnt.append(history[["epoch", "loss", "accuracy"]].to_csv().encode())
            told.append(predictions(folder, run).set_index("id"))
            assert len(history) == 2
        assert learnt[0] == learnt[1]
        assert sorted(told[0].index) == sorted(told[1].index), "of whom validation and test consist"
        assert set(told[0]["speaker"]) == {"Ses01F", "Ses01M"}
        change = told[0][CLASSES["iemocap"]] - told[1].loc[told[0].index, CLASSES["iemocap"]]
        assert (change.abs().max(axis=1) > 0.01).all(), "the noise is heard in every utterance"


def test_the_spectrum_of_the_whitening(folder):
    pca = table(folder, "pca")
    assert pca["component"].tolist() == list(range(1, len(pca) + 1))
    assert SMOKE["components"] < len(pca) <= 743 - 55
    assert (pca["variance"].diff().dropna() <= 0).all()
    assert (pca["cumulative %"].diff().dropna() >= 0).all()
    assert pca["cumulative %"].iloc[-1] == pytest.approx(100)
    assert pca["variance"].sum() == pytest.approx(743, rel=0.01), "the variance of as many scaled columns"
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


def test_exchanged_features(random):
    stored = Kept({"a": random.normal(size=(5, 4)), "b": random.normal(size=(3, 4))})
    exchanged = definitions("zhao2018", "Exchanged")["Exchanged"](stored, {"a": "b", "b": "a"}, slice(1, 3))
    before = stored["a"].copy()
    np.testing.assert_array_equal(exchanged["a"][:, [0, 3]], stored["a"][:, [0, 3]])
    np.testing.assert_array_equal(exchanged["a"][:, 1:3], stored["b"][[0, 1, 2, 0, 1], 1:3])
    np.testing.assert_array_equal(exchanged["b"][:, 1:3], stored["a"][:3, 1:3])
    np.testing.assert_array_equal(stored["a"], before)
    assert exchanged.index.equals(stored.index)


def test_attention_has_a_row_for_each_utterance_reported_on(folder):
    attention = table(folder, "attention")
    run = next(table(folder, "runs").query("model == @PROPOSED").itertuples())
    told = predictions(folder, run).set_index("id")
    told = told[told["side"] == ("validation" if run.fold == "validation" else "test")]
    assert sorted(attention["id"]) == sorted(told.index)
    assert attention.set_index("id")["label"].to_dict() == told["label"].to_dict()
    for name in ("pauses", "attention_in_pauses"):
        assert attention[name].between(0, 1).all()
    assert attention["pauses"].mean() > 0.1, "the miniature's speakers pause"
    assert attention["seconds"].between(0.5, 5).all()


def test_the_toy_is_for_both_branches(folder):
    toy = table(folder, "toy").set_index("model")["accuracy"]
    assert toy[PROPOSED] > 0.85
    assert toy["FCNs"] < 0.7, "chance is 0.5"


def weights(row, dims, classes, filters, kernels, cells, hidden, length):
    """How many numbers a row of Table 2 or 3 learns or keeps, counted by hand."""
    recurrent = {"FCNs": 0, "Attention-LSTM": 1, "Attention-LSTM-FCN": 1}.get(row, 2)  # directions
    series, steps = (1, length * dims) if row == LETTER else (dims, dims)
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


def test_sizes(folder):
    given = {name: SMOKE[name] for name in ("filters", "cells", "hidden", "length")} | {"kernels": [8, 5]}
    sizes = table(folder, "sizes").set_index("model")["weights"]
    assert len(sizes) == 8
    for row, found in sizes.items():
        assert found == weights(row, SMOKE["components"], len(CLASSES[corpus_of(folder)]), **given)
    runs = table(folder, "runs")
    assert (sizes.loc[runs["model"]].to_numpy() == runs["weights"]).all()
    assert sizes[PROPOSED] == {"cheavd": 6616, "iemocap": 6548}[corpus_of(folder)]


MODEL = ("ROWS", "PROPOSED", "LETTER", "convolutional_branch", "recurrent_branch", "network")


def test_sizes_of_the_paper():
    """128 and 64 filters, 64 cells a direction; 688 components, of 743 all that can stand above the floor."""
    paper = papers.profile_values(papers.find("zhao2018"), "paper")
    given = {name: paper[name] for name in ("filters", "kernels", "cells", "hidden", "length")}
    space = definitions("zhao2018", *MODEL, **given)
    found = {row: space["network"](row, 688, 4).count_params() for row in space["ROWS"]}
    assert found == {row: weights(row, 688, 4, **given) for row in found}
    convolutions = 8 * 688 * 128 + 128 + 4 * 128 + 5 * 128 * 64 + 64 + 4 * 64
    assert found["FCNs"] == convolutions + 65 * 64 + 65 * 4 == 750_852
    assert found[PROPOSED] == convolutions + 2 * 4 * 64 * (688 + 64 + 1) + 128 + 193 * 64 + 65 * 4 == 1_144_708


def test_confusion_matrices(folder):
    classes, runs = CLASSES[corpus_of(folder)], table(folder, "runs")
    shown = [
        row for row in ("FCNs", "Attention-BLSTM", "Global average-pooling", PROPOSED) if row in set(runs["model"])
    ]
    paths = list((folder / "tables").glob("confusion_*.csv"))
    assert len(paths) == len(shown) * runs["dataset"].nunique()
    for (dataset, row), run in (
        runs.groupby(["dataset", "model"], sort=False).first().loc[(slice(None), shown), :].iterrows()
    ):
        told = predictions(folder, run)
        told = told[told["side"] == ("validation" if corpus_of(folder) == "cheavd" else "test")]
        matrix = table(folder, f"confusion_{dataset}_{row.replace(' ', '_')}").set_index("true")
        assert matrix.index.tolist() == matrix.columns.tolist() == classes
        assert matrix.to_numpy().sum() == len(told)
        np.testing.assert_array_equal(
            matrix, reference.confusion_matrix(told["label"], told["predicted"], labels=classes)
        )


def test_both_readings_of_the_time_step(cheavd, iemocap):
    readings = table(cheavd, "readings").set_index("reading")
    assert readings.index.tolist() == ["frames", "single step"]
    scores = table(cheavd, "scores").set_index(["reported", "model"]).loc[REPORTED["validation", "validation"]]
    sizes = table(cheavd, "sizes").set_index("model")["weights"]
    for reading, row in (("frames", PROPOSED), ("single step", LETTER)):
        assert readings.loc[reading, ["WA", "UA"]].tolist() == scores.loc[row, ["WA", "UA"]].tolist()
        assert readings.loc[reading, "weights"] == sizes[row]
    assert (readings["seconds an epoch"] > 0).all()
    assert table(iemocap, "readings")["reading"].tolist() == ["frames"] * 2, (
        "one row a dataset; Table 3 has one reading"
    )


def test_improvement_over_the_other_networks(folder):
    corpus = corpus_of(folder)
    improvement = table(folder, "improvement").set_index(["dataset", "better than", "metric"])
    scores = table(folder, "scores")  # compared in the paper's way alone
    scores = scores[scores["reported"] != REPORTED["part of train", "test"]].set_index(["dataset", "model"])
    assert len(improvement) == 2 * (len(scores) - scores.index.get_level_values("dataset").nunique())
    told = pd.concat([papers.table("zhao2018", number) for number in (2, 3)]).set_index(["row", "metric"])["value"]
    for (dataset, row, name), found in improvement.iterrows():
        ratio = scores.loc[(dataset, PROPOSED), name] / scores.loc[(dataset, row), name]
        assert found["here (%)"] == pytest.approx(100 * (ratio - 1), abs=0.1)
        one_speaker = corpus == "iemocap"  # is tested in smoke's single fold
        assert np.isnan(found["low (%)"]) if one_speaker else found["low (%)"] <= found["high (%)"]
        own, column = ("Attention-pooling", f"{dataset} {name}") if corpus == "iemocap" else (PROPOSED, name)
        in_paper = 100 * (told[own, column] / told.get((row, column), np.nan) - 1)
        assert found["paper (%)"] == pytest.approx(in_paper, abs=0.06, nan_ok=True)
    assert improvement["paper (%)"].notna().sum() == {"cheavd": 6, "iemocap": 8}[corpus]


def test_figures_are_drawn(folder):
    names = {"attention", "classes", "course", "importance", "input", "learning", "pca", "spread"}
    check_figures(folder, names | {f"confusion_{dataset}" for dataset in selected(corpus_of(folder))})


def test_no_error_and_no_warning_in_the_notebook(folder):
    check_outputs(folder)


def test_runs_are_recorded(folder):
    records = [json.loads(path.read_text()) for path in folder.glob("runs/*/run.json")]
    assert len(records) == {"cheavd": 6 * 2, "iemocap": 3 * 2}[corpus_of(folder)]
    for record in records:
        assert record["settings"]["epochs"] == record["notes"]["epochs"] == 2
        assert not {"fold_limit", "models", "repeats", "seeds"} & set(record["settings"]), "more runs make none anew"
        assert "FOLDS" not in str(record["data"])
    kept = {path.parent.name for path in folder.glob("runs/*/model.keras")}
    runs = table(folder, "runs")
    assert kept == set(runs.loc[runs["model"] == PROPOSED, "key"])


def test_runs_are_not_repeated(iemocap):
    check_that_runs_are_found_again(iemocap, "zhao2018")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"filters": [8]}, r"^zhao2018: 1 convolutional blocks in filters and 2 in kernels: give one kernel each"),
        ({"optimiser": "sdg"}, r"^zhao2018: unknown optimiser 'sdg' \(did you mean 'sgd'\?\); valid: adam, sgd"),
    ],
)
def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path, given, message):
    with pytest.raises(SerkitError, match=message):
        notebooks.execute("zhao2018", profile="smoke", out=tmp_path, **({"filters": [8, 8]} | given))


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
    space = definitions("zhao2018", "ROWS", "PROPOSED", models=models)
    with pytest.raises(SerkitError, match=message):
        run_cell("zhao2018", "models must hold", space)


class Kept(dict):
    """Features in memory, by utterance."""

    @property
    def index(self):
        return pd.DataFrame({"frames": [len(values) for values in self.values()]}, index=list(self))


@pytest.fixture(scope="module")
def small():
    """The notebook's networks, small."""
    given = {"filters": [6, 5], "kernels": [8, 5], "cells": 3, "hidden": [4], "length": 24, "dropout": 0.0}
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
        length = small["length"] if row == LETTER else 0
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
        ((inputs, told),) = Sequences(spoken, ids, {"emotion": np.arange(5) % 3}, batch_size=5, ratio=ratio)
        assert inputs["valid"].shape == (5, length)
        net.train_on_batch(inputs, told)
        change = [(after - before).ravel() for before, after in zip(begin, net.get_weights(), strict=True)]
        changes.append(np.concatenate(change))
    assert np.mean(changes[0] != 0) > 0.9, "a step moves the weights and the statistics"
    np.testing.assert_allclose(changes[0], changes[1], rtol=1e-3, atol=1e-6)
