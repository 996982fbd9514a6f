"""The notebook that reads the papers by their numbers: its sums, its statistics, and that no number was typed."""

import ast
import json
import re

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
    undrawn,
)
from scipy import stats

from serkit import notebooks, papers

KEY = "papers_by_numbers"
COMPANION = papers.find(KEY).folder
# What may stand in prose: headings, list items, sections, tables, papers' names and years of references.
REFERENCES = re.compile(
    r"\$\$[^$]*\$\$|^#+ \d+\. |^\d+\. |\bsections? \d+|\b[Tt]able \d|\b(tao|chang|khorram|li|zhao)201\d"
    r"|\$[^$]*\$|`[^`]*`|, (1976|2017)\b|F1\b|^\| .* \|$|<summary>Solution \d</summary>",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return execute_and_solve(KEY, profile="smoke", out=tmp_path_factory.mktemp("results"))


def test_the_solutions(folder):
    check_solutions(folder)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Results of a package without committed runs."""
    empty = tmp_path_factory.mktemp("empty")
    with undrawn():
        return notebooks.execute(KEY, profile="smoke", out=tmp_path_factory.mktemp("results"), borrowed_root=str(empty))


def said(folder):
    """All that the notebook's cells say in sentences."""
    cells = json.loads((folder / "notebook.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    text = "\n".join("".join(output.get("data", {}).get("text/markdown", "")) for output in outputs)
    return re.sub(r"\s+", " ", text)


def test_li2018_is_nine_utterances_ahead(folder):
    possible = table(folder, "possible").set_index("system")
    both = possible.loc[["CNN_TF_Att.pooling", "CNN_TF_GAP"]]
    assert both["nearest count"].diff().iloc[-1] == -9
    assert both["of"].tolist() == [2280, 2280]
    assert "9 of 2280 utterances" in said(folder)
    assert "p = 0.0039" in said(folder)  # 2 / 2^9
    claims = table(folder, "by_utterances").set_index(["paper", "claim", "measure"])
    assert claims.loc[("li2018", "attention over average", "WA"), "by utterances"] == "only if errors overlap"
    # 71.35 % of 2280 is no whole number of utterances, whichever way it is rounded to two digits.
    assert possible.loc["CNN_TF_GAP", "if rounded"] == "no"
    assert 71.35 not in np.round(100 * np.arange(2281) / 2280, 2)


def test_chang2017_table_2_is_table_3_pooled(folder):
    found = table(folder, "table3").set_index("measure")
    shares = papers.table("chang2017", 3)
    shares = shares[shares["metric"].str.startswith("predicted")]["value"].to_numpy().reshape(5, 5)
    assert 100 * np.diag(shares).mean() == pytest.approx(43.882)
    assert found.loc["accuracy, 5 classes (%)", "from the counts"] == pytest.approx(43.882, abs=5e-4)
    assert found.loc["accuracy, 3 classes (%)", "from the counts"] == pytest.approx(49.80, abs=5e-3)
    assert found.loc["accuracy, 3 classes (%)", "from the shares"] == pytest.approx(49.36, abs=5e-3)
    classes = table(folder, "classes").set_index("class")
    assert classes["utterances"].tolist() == [196, 1670, 941, 631, 82]
    assert classes["F1, shares"].idxmax() == "Very Pos."
    assert classes.loc["Very Pos.", "F1, shares"] == pytest.approx(0.5284, abs=1e-4)
    assert classes["F1, counts"].idxmax() == "Neg."
    assert classes["F1, counts"].idxmin() == "Very Pos."
    assert "43.882 % (printed: 43.88 %)" in said(folder)
    assert "49.80 % (printed: 49.80 %)" in said(folder)


def test_zhao2018_is_points_over_the_mean_of_the_baselines(folder):
    readings = table(folder, "readings").set_index(["data", "metric"])
    meant = readings["points over the mean of the baselines"]
    assert meant["CHEAVD", "UA"] == pytest.approx(5.07, abs=0.006)
    assert meant["CHEAVD", "WA"] == pytest.approx(4.20, abs=0.006)
    assert (meant - readings["stated"]).abs().max() <= 0.0501
    for other in readings.columns.drop(["stated", "points over the mean of the baselines"]):
        assert ((readings[other] - readings["stated"]).abs() > 0.05).all(), other
    assert readings.loc[("CHEAVD", "UA"), "points over the best baseline"] == pytest.approx(2.4)
    assert "5.075 points, or 19.0 % relative" in said(folder)


def test_khorram2017_and_tao2018(folder):
    sums = table(folder, "sums")
    wrong = sums[sums["agrees"] == "no"].set_index("paper")
    assert sorted(wrong.index) == ["khorram2017", "tao2018"]
    assert wrong.loc["khorram2017", "stated"] == 19.5
    assert wrong.loc["khorram2017", "from the table"] == pytest.approx(29.6)
    assert wrong.loc["tao2018", "read as"] == "how far the RNN is below the DNN"
    assert sums.loc[0, "from the table"] == pytest.approx(5.479, abs=1e-3)
    assert sums["from the table"].between(sums["least"], sums["greatest"]).all()


def test_sizes_of_the_test_sets(folder):
    tested = table(folder, "tested").set_index("set")
    utterances = {"tao2018": 1034, "li2018": 2280, "zhao2018: CHEAVD": 707, "zhao2018: IEMO_dataset1": 4490}
    utterances |= {"zhao2018: IEMO_dataset2": 5531, "chang2017: 5 classes": 3520}
    assert tested["utterances"].to_dict().items() >= utterances.items()
    assert not (tested["effective"] > tested["speakers"]).any()
    assert not (tested["for UA"] >= tested["utterances"]).any()
    assert np.isnan(tested.loc["zhao2018: CHEAVD", "speakers"])


def test_claims_are_in_the_papers_tables():
    claims = pd.read_csv(COMPANION / "claims.csv", keep_default_na=False)
    printed = {key: papers.published(key).set_index(["table", "row", "metric"])["value"] for key in papers.PAPERS}
    for one in claims.itertuples():
        assert all(np.isfinite(printed[one.paper][one.table, row, one.metric]) for row in (one.better, one.worse)), one
    assert set(claims.loc[claims["headline"] == "yes", "paper"]) == set(papers.PAPERS)
    assert not claims.duplicated(["paper", "label", "measure"]).any()
    facts = pd.read_csv(COMPANION / "facts.csv")
    assert not facts.duplicated(["paper", "name"]).any()
    assert facts.notna().all(axis=None)


def test_verdicts(folder):
    claims = table(folder, "by_utterances")
    assert set(claims["by utterances"]) <= {"yes", "yes, unless errors oppose", "only if errors overlap", "no"}
    q = claims[["q closest (%)", "q unrelated (%)", "q opposite (%)"]].dropna().to_numpy()
    assert (np.diff(q) >= 0).all()
    always = claims["significant up to q (%)"] >= claims["q opposite (%)"]
    assert (claims.loc[always, "by utterances"] == "yes").all()
    speakers = table(folder, "by_speakers").set_index(["paper", "claim", "measure"]).sort_index()
    assert (speakers.loc["tao2018", "by speakers"] == "no").all()
    assert (speakers.loc["khorram2017", "by speakers"] == "not known").all()
    ours = speakers.loc[("li2018", "attention over average", "WA")]
    assert ours["needed, closest errors"] > 100
    assert ours["detectable, closest errors"] > ours["claimed"]
    known = speakers.dropna(subset=["needed, unrelated errors"])
    assert (known["needed, unrelated errors"] >= known["needed, closest errors"]).all()
    summary = table(folder, "summary")
    assert summary.shape[0] <= 12
    assert set(summary["paper"]) == set(papers.PAPERS)


def test_without_committed_runs(folder, alone):
    assert "Nothing is borrowed" in said(alone)
    assert "Borrowed from RAVDESS" in said(folder)
    assert "RAVDESS" not in said(alone)
    speakers = table(alone, "by_speakers")
    assert (speakers["by speakers"] == "not known").all()
    assert speakers[["detectable, closest errors", "needed, closest errors"]].isna().all(axis=None)
    pd.testing.assert_series_equal(
        speakers["needed, speakers alike"], table(folder, "by_speakers")["needed, speakers alike"]
    )
    assert "speakers needed, if speakers were alike" in table(alone, "summary")
    assert "speakers needed, as on RAVDESS" in table(folder, "summary")
    assert table(alone, "by_utterances").equals(table(folder, "by_utterances"))
    check_outputs(alone)


def test_figures_and_outputs(folder):
    check_figures(folder, {"clustering", "confusion", "forest", "needed"})
    check_outputs(folder)


def test_no_number_is_typed_in_prose():
    notebook = json.loads(notebooks._path_of(papers.find(KEY)).read_text())
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            typed = [source]
        else:
            calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
            calls = [call for call in calls if getattr(call.func, "id", "") == "say"]
            parts = [part for call in calls for value in call.args for part in getattr(value, "values", [value])]
            typed = [part.value for part in parts if isinstance(part, ast.Constant)]
        for text in typed:
            left = REFERENCES.sub("", text)
            assert not re.search(r"\d", left), left


def test_standard_errors(random):
    error = definitions(KEY, "standard_errors")["standard_errors"]
    right = random.random((3000, 400, 2)) < (0.7, 0.6)  # unrelated errors
    differences = right[..., 0].mean(axis=1) - right[..., 1].mean(axis=1)
    closest, unrelated, opposite = error(0.7, 0.6, 400)
    assert unrelated == pytest.approx(differences.std(), rel=0.05)
    assert closest == pytest.approx(np.sqrt(0.1 * 0.9 / 400))
    assert closest < unrelated < opposite
    shared = random.random((3000, 400))  # the better network is right wherever the other one is
    differences = (shared < 0.7).mean(axis=1) - (shared < 0.6).mean(axis=1)
    assert closest == pytest.approx(differences.std(), rel=0.05)
    x = random.normal(size=(2000, 300, 3))  # truth, and two predictions that share it alone
    x = np.stack([x[..., 0], 0.6 * x[..., 0] + 0.8 * x[..., 1], 0.5 * x[..., 0] + 0.75**0.5 * x[..., 2]])
    x -= x.mean(axis=2, keepdims=True)
    x /= np.sqrt((x**2).sum(axis=2, keepdims=True))
    differences = (x[0] * x[1]).sum(axis=1) - (x[0] * x[2]).sum(axis=1)
    assert error(0.6, 0.5, 300, "correlation")[1] == pytest.approx(differences.std(), rel=0.05)


def test_power_and_numbers_of_speakers(random):
    names = ("standard_errors", "bounds", "chance", "error_of", "detectable", "speakers_needed", "largest_spread")
    space = definitions(KEY, *names)
    for d, speakers in ((0.0, 10), (0.05, 10), (0.1, 5), (0.2, 2)):
        shift, bound = d / 0.03, stats.t.ppf(0.975, speakers - 1)
        exact = stats.nct.sf(bound, speakers - 1, shift) + stats.nct.cdf(-bound, speakers - 1, shift)
        assert space["chance"](d, 0.03, speakers) == pytest.approx(exact, abs=2e-3)
    one = {"of": "share", "first": 0.7, "second": 0.65, "difference": 0.05, "n": 2000, "speakers": 10, "effective": 10}
    needed = space["speakers_needed"](one, 1, 0.06)
    own = 0.7 * 0.35 + 0.65 * 0.3 - 0.05**2  # variance of an utterance's difference
    differences = random.normal(0.05, np.sqrt(0.06**2 + own / 200), (4000, needed))
    assert (stats.ttest_1samp(differences, 0, axis=1).pvalue < 0.05).mean() == pytest.approx(0.8, abs=0.03)
    least = space["detectable"](one, 1, 0.06)
    assert space["speakers_needed"](one | {"first": 0.65 + least, "difference": least}, 1, 0.06) == 10
    one["errors"] = space["standard_errors"](0.7, 0.65, 2000)
    spread = space["largest_spread"](one)
    t = 0.05 / np.sqrt(one["errors"][0] ** 2 + spread**2 / 10)
    assert 2 * stats.t.sf(t, 9) == pytest.approx(0.05)


def test_the_excess_spread_is_what_utterances_do_not_explain(random):
    excess = definitions(KEY, "excess")["excess"]
    index = pd.MultiIndex.from_product([[0, 1], range(1000), range(30)], names=["seed", "speaker", "id"])
    means = np.tile(np.repeat(random.normal(0.6, 0.08, 1000), 30), 2)
    right = pd.Series((random.random(len(index)) < means).astype(float), index)
    assert np.sqrt(excess(right)) == pytest.approx(0.08, abs=0.01)
    alike = pd.Series((random.random(len(index)) < 0.6).astype(float), index)
    assert abs(excess(alike)) < 0.02**2
