"""The li2018 notebook, executed in the smoke profile: what its tables and figures hold."""

import json
import os

import pandas as pd
import pytest
from notebook_checks import (
    check_figures,
    check_outputs,
    check_that_results_say_miniature,
    check_that_runs_are_found_again,
    table,
)

from serkit import notebooks, papers
from serkit.errors import SerkitError

MODELS = ["CNN_TF_GAP", "CNN_TF_Bilinear", "CNN_TF_Att.pooling"]
CLASSES = ["neutral", "happy", "sad", "angry"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return notebooks.execute("li2018", profile="smoke", out=tmp_path_factory.mktemp("results"))


def test_results_say_miniature(folder):
    check_that_results_say_miniature(folder, "li2018", "iemocap")


def test_claims(folder):
    claims = table(folder, "claims")
    assert len(claims) == len(papers.table("li2018", 1))
    measured = claims[claims["measured"].notna()]
    assert sorted(measured["row"].unique()) == sorted(MODELS)
    assert measured["measured"].between(0, 100).all()
    assert not claims["comparable"].any()
    assert measured["why_not"].str.contains("miniature").all()
    assert measured["why_not"].str.contains(r"epochs = 1 \(paper: 50\)").all()


def test_scores_agree_with_the_stored_predictions(folder):
    scores = table(folder, "scores").set_index("model")
    runs = table(folder, "runs")
    for run in runs.itertuples():
        predictions = pd.read_csv(folder / "runs" / run.key / "predictions.csv")
        assert predictions[CLASSES].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-5)
        assert (predictions["predicted"] == predictions[CLASSES].idxmax(axis=1)).all()
        wa = 100 * (predictions["label"] == predictions["predicted"]).mean()
        recalls = [100 * (part["predicted"] == name).mean() for name, part in predictions.groupby("label")]
        assert scores.loc[run.model, "WA"] == pytest.approx(wa, abs=0.01)
        assert scores.loc[run.model, "UA"] == pytest.approx(sum(recalls) / 4, abs=0.01)
        matrix = table(folder, f"confusion_{run.model}").set_index("true")
        assert matrix.to_numpy().sum() == len(predictions) == 60  # one fold of two: five of ten speakers


def test_test_speakers_are_not_trained_on(folder):
    data = table(folder, "data")
    assert len(data) == 10
    assert data[CLASSES].to_numpy().sum() == 120
    key = table(folder, "runs")["key"].iloc[0]
    tested = set(pd.read_csv(folder / "runs" / key / "predictions.csv")["speaker"])
    assert len(tested) == 5
    assert tested < set(data["speaker"])


def test_sizes(folder):
    """Convolutions 8 x 20 + 8 x 16 + 16, 16 x 32 x 9 + 32, ...; 4 weights a batch-normalised channel; the heads."""
    trunk = 8 * 20 + 8 * 16 + 16 + 4 * 16
    for before, filters in ((16, 32), (32, 48), (48, 64), (64, 80)):
        trunk += 9 * before * filters + filters + 4 * filters
    heads = {"CNN_TF_GAP": 81 * 4, "CNN_TF_Bilinear": 6401 * 4, "CNN_TF_Att.pooling": 81 * 5}
    sizes = table(folder, "sizes").set_index("model")
    for model, head in heads.items():
        assert sizes.loc[model, "weights"] == trunk + head
        assert sizes.loc[model, "of these in the head"] == head


def test_filter_shapes(folder):
    shapes = table(folder, "filter_shapes")
    assert shapes["shape"].tolist() == ["2x2", "10x2", "2x8"]
    assert shapes["height (Hz)"].tolist() == [40, 200, 40]
    assert shapes["width (ms)"].tolist() == [40, 40, 160]
    assert shapes["WA"].between(0, 100).all()


def test_figures_are_drawn(folder):
    names = {"attention_maps", "classes", "confusion", "figure2_filter_shapes", "folds", "input", "learning", "toy"}
    check_figures(folder, names)


def test_runs_are_recorded_and_not_repeated(folder):
    records = {path: json.loads(path.read_text()) for path in (folder / "runs").glob("*/run.json")}
    assert len(records) == 6  # three models and three filter shapes on one fold
    for record in records.values():
        assert record["settings"]["epochs" if "CNN" in record["spec"]["model"] else "filter_epochs"] == 1
        assert record["versions"]["keras"]
        assert record["seconds"] > 0
    check_that_runs_are_found_again(folder, "li2018", workers=1)


def test_no_error_and_no_warning_in_the_notebook(folder):
    check_outputs(folder)


def test_bad_input_inside_the_notebook_is_one_clear_message(tmp_path):
    with pytest.raises(SerkitError, match=r"^li2018: unknown label of iemocap 'joyful'; valid: angry"):
        notebooks.execute("li2018", profile="smoke", out=tmp_path, classes=["neutral", "joyful"])
    assert "SERKIT_PROGRESS" not in os.environ
