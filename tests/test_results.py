"""What is committed under results/: scores follow from predictions, and READMEs' tables from both."""

import importlib.util
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from notebook_checks import check_scores, check_trajectories
from sklearn.metrics import balanced_accuracy_score

from serkit import notebooks, papers

RESULTS = Path(__file__).parents[1] / "results"


def loaded():
    """The script beside the results."""
    specification = importlib.util.spec_from_file_location("collect", RESULTS / "collect.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


collect = loaded()
STUDIES = [str(path.relative_to(RESULTS)) for path in collect.studies()]


def paper_of(study):
    return study.split("/")[1].split("_")[0]


def of(kind):
    """The studies whose scores are of classes, ratings or trajectories: each is of one kind."""
    return [one for one in STUDIES if collect.kind_of(pd.read_csv(RESULTS / one / "tables" / "scores.csv")) == kind]


def test_there_are_studies_of_each_kind():
    assert all(of(kind) for kind in collect.KINDS)


@pytest.mark.parametrize("study", of("classes"))
def test_scores_follow_from_predictions(study):
    check_scores(RESULTS / study)


@pytest.mark.parametrize("study", of("ratings"))
def test_scores_of_ratings_follow_from_predictions(study):
    predictions = pd.read_csv(RESULTS / study / "predictions.csv.gz")
    scores, targets = (pd.read_csv(RESULTS / study / "tables" / f"{name}.csv") for name in ("scores", "targets"))
    scores = pd.concat([scores, targets.assign(kind="target")]).set_index(["kind", "model", "measure"])["pooled"]
    assert set(predictions["valence"]) <= {1, 2, 3, 4, 5}, "or a class is not one class"
    for (kind, model), part in predictions.groupby(["kind", "model"]):
        found = [100 * balanced_accuracy_score(one["valence"], one["predicted"]) for _, one in part.groupby("seed")]
        assert scores[kind, model, "Accuracy (5 class)"] == pytest.approx(np.mean(found), abs=0.01)


@pytest.mark.parametrize("study", of("trajectories"))
def test_scores_of_trajectories_follow_from_predictions(study):
    check_trajectories(RESULTS / study)


@pytest.mark.parametrize("study", STUDIES)
def test_commands_are_what_serkit_takes_today(study):
    words = shlex.split((RESULTS / study / "command.txt").read_text())
    words = words[words.index("reproduce") :]
    assert words[1] == paper_of(study)
    given = dict(zip(words[2::2], words[3::2], strict=True))
    settings = dict(word.split("=", 1) for before, word in pairwise(words) if before == "--set")
    notebooks.resolve(papers.find(words[1]), given.get("--profile", "quick"), settings)
    assert given["--corpus"].endswith("=FOLDER")


@pytest.mark.parametrize("readme", collect.READMES, ids=lambda path: str(path.relative_to(RESULTS.parent)))
def test_tables_of_readmes_are_written_from_the_results(readme):
    text = readme.read_text(encoding="utf-8")
    assert "<!-- end -->" in text
    assert collect.filled(text) == text


def test_what_leaks_add_follows_from_predictions():
    predictions = pd.read_csv(RESULTS / "ravdess" / "leaky_twin" / "predictions.csv.gz", dtype={"leak": str})
    by_leak = dict(list(predictions.groupby(predictions["leak"].fillna("none: " + predictions["model"]))))
    ua = {
        leak: 100
        * np.mean([balanced_accuracy_score(one["label"], one["predicted"]) for _, one in part.groupby("seed")])
        for leak, part in by_leak.items()
    }
    summary = pd.read_csv(RESULTS / "ravdess" / "leaky_twin" / "tables" / "summary.csv")
    assert len(summary) > 12
    for row in summary.to_dict("records"):
        assert row["UA leaky"] == pytest.approx(ua[row["leak"]], abs=0.006), row["leak"]
        assert any(row["UA honest"] == pytest.approx(ua[leak], abs=0.006) for leak in ua if leak.startswith("none"))
        assert row["points"] == pytest.approx(row["UA leaky"] - row["UA honest"], abs=0.011)
