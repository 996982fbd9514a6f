"""Papers as data: their parameters, what the paper says of each, and their printed tables."""

import shutil

import numpy as np
import pytest

from serkit import notebooks, papers
from serkit.errors import SerkitError

TABLES = {
    "tao2018": [1, 2],
    "chang2017": [1, 2, 3],
    "khorram2017": [1, 2],
    "li2018": [1],
    "zhao2018": [1, 2, 3, 4],
}
NOTEBOOKS = [*papers.PAPERS.values(), *papers.COMPANIONS.values()]
ALL = [(paper, number) for paper, numbers in TABLES.items() for number in numbers]

# Typed from the papers by hand, apart from the files: paper, table, row, metric, value.
CELLS = [
    ("tao2018", 1, "conventional LSTM", "MAF", 43.8),
    ("tao2018", 1, "mean LSTM", "Accuracy", 52.8),
    ("tao2018", 1, "advanced LSTM", "MAP", 65.8),
    ("tao2018", 2, "DNN", "MAF", 56.9),
    ("tao2018", 2, "RNN", "Accuracy", 55.3),
    ("tao2018", 2, "RNN+DNN", "MAP", 69.6),
    ("chang2017", 1, "Crop Width", "Multitask CNN", 64),
    ("chang2017", 1, "Learning Rate", "Multitask CNN", 1e-3),
    ("chang2017", 1, "Batch Size", "Multitask DCGAN", 128),
    ("chang2017", 1, "Filter Size", "Basic DCGAN", 9),
    ("chang2017", 1, "No. of Filters", "Basic CNN", 84),
    ("chang2017", 2, "BasicCNN", "Accuracy (5 class)", 38.52),
    ("chang2017", 2, "BasicDCGAN", "Accuracy (3 class)", 49.80),
    ("chang2017", 2, "MultitaskDCGAN", "Pearson Correlation", 0.2434),
    ("chang2017", 3, "Very Neg.", "predicted Very Pos.", 0.1122),
    ("chang2017", 3, "Neu.", "predicted Neg.", 0.5090),
    ("chang2017", 3, "Very Pos.", "predicted Very Pos.", 0.4390),
    ("chang2017", 2, "BasicDCGAN", "p of Pearson Correlation", 0.001),
    ("chang2017", 2, "Metallinou et al.", "Accuracy (3 class)", 49.99),
    ("chang2017", 3, "Neg.", "precision", 0.3502),
    ("chang2017", 3, "Very Pos.", "F1", 0.5284),
    ("khorram2017", 1, "Valstar et al.", "test CCC", 0.648),
    ("khorram2017", 1, "BLSTM", "dev RMSE", 0.103),
    ("khorram2017", 1, "Down/Up", "dev CCC", 0.867),
    ("khorram2017", 2, "Povolny et al.", "test RMSE", 0.355),
    ("khorram2017", 2, "Dilated", "dev CCC", 0.538),
    ("khorram2017", 2, "Down/Up", "test CCC", 0.502),
    ("li2018", 1, "DNN-ELM", "UA", 52.13),
    ("li2018", 1, "CNN-LSTM (two-step predictor)", "WA", 67.30),
    ("li2018", 1, "CNN_TF_Bilinear", "WA", 69.17),
    ("li2018", 1, "CNN_TF_Att.pooling", "UA", 68.06),
    ("zhao2018", 1, "Anxious", "Val", 66),
    ("zhao2018", 1, "Sum", "Total", 7030),
    ("zhao2018", 2, "MEC2017 Baseline", "UA", 27.2),
    ("zhao2018", 2, "Attention-BLSTM-FCN", "WA", 46.3),
    ("zhao2018", 3, "Global average-pooling", "IEMO_dataset2 UA", 58.4),
    ("zhao2018", 3, "Attention-pooling", "IEMO_dataset1 WA", 64.0),
    ("zhao2018", 4, "DNN-ELM", "IEMO_dataset1 WA", 57.9),
    ("zhao2018", 4, "DBN-ivector", "IEMO_dataset2 UA", 59.6),
]


def printed(paper, number):
    """The table as the paper lays it out: rows by columns."""
    return papers.table(paper, number).pivot_table(
        index="row", columns="metric", values="value", sort=False, dropna=False
    )


@pytest.mark.parametrize("paper", TABLES)
def test_every_table_is_there(paper):
    assert papers._tables(paper) == TABLES[paper]


@pytest.mark.parametrize(("paper", "numbers"), TABLES.items())
def test_all_tables_one_below_the_other(paper, numbers):
    found = papers.published(paper)
    assert list(found.columns) == [*papers.COLUMNS, "table"]
    assert found.index.tolist() == list(range(len(found)))
    assert found["table"].unique().tolist() == numbers
    for number in numbers:
        part = found[found["table"] == number].drop(columns="table").reset_index(drop=True)
        assert part.equals(papers.table(paper, number))


@pytest.mark.parametrize(("paper", "number"), ALL)
def test_form(paper, number):
    table = papers.table(paper, number)
    assert tuple(table.columns) == papers.COLUMNS
    assert not table.duplicated(["row", "metric"]).any()
    assert set(table["origin"]) <= {"paper", "cited"}
    assert set(table["unit"]) <= {"%", "pixel", "utterances", ""}
    assert (table[["row", "metric"]] != "").all(axis=None)
    assert table["value"].dtype == float
    assert not table.drop(columns="value").isna().any(axis=None)


@pytest.mark.parametrize(("paper", "number", "row", "metric", "value"), CELLS)
def test_cell(paper, number, row, metric, value):
    table = papers.table(paper, number)
    found = table[(table["row"] == row) & (table["metric"] == metric)]
    assert found["value"].tolist() == [value]


def test_dashes_are_missing_values_and_nothing_else_is():
    missing = {
        (paper, number, cell.row, cell.metric)
        for paper, number in ALL
        for cell in papers.table(paper, number).itertuples()
        if np.isnan(cell.value)
    }
    assert missing == {
        ("khorram2017", number, row, metric)
        for number in (1, 2)
        for row, metric in [
            ("Valstar et al.", "dev RMSE"),
            ("Valstar et al.", "test RMSE"),
            ("Brady et al.", "test RMSE"),
            ("Brady et al.", "test CCC"),
        ]
    }


def test_earlier_work_is_marked_as_cited():
    cited = {
        (paper, number): sorted(set(table[table["origin"] == "cited"]["row"]))
        for paper, number in ALL
        if (table := papers.table(paper, number))["origin"].eq("cited").any()
    }
    others = ["Brady et al.", "Povolny et al.", "Valstar et al."]
    assert cited == {
        ("chang2017", 2): ["Metallinou et al."],
        ("khorram2017", 1): others,
        ("khorram2017", 2): others,
        ("li2018", 1): ["CNN-LSTM", "CNN-LSTM (two-step predictor)", "DNN-ELM", "RNN-ELM"],
        ("zhao2018", 2): ["MEC2017 Baseline"],
        ("zhao2018", 4): ["Attention-BLSTM", "Attentive CNN", "DBN-ivector", "DNN-ELM"],
    }


def test_confusion_matrix_agrees_with_the_accuracy_of_its_model():
    confusion = printed("chang2017", 3).filter(like="predicted").to_numpy()
    np.testing.assert_allclose(confusion.sum(axis=1), 1, atol=2e-4)
    accuracy = printed("chang2017", 2).loc["BasicDCGAN", "Accuracy (5 class)"]
    assert 100 * np.diag(confusion).mean() == pytest.approx(accuracy, abs=0.01)


def test_class_counts_add_up():
    counts = printed("zhao2018", 1)
    assert (counts[["Train", "Val", "Test"]].sum(axis=1) == counts["Total"]).all()
    assert (counts.drop(index="Sum").sum() == counts.loc["Sum"]).all()


def test_tables_of_a_paper_agree_with_each_other():
    lstms, frameworks = printed("tao2018", 1), printed("tao2018", 2)
    assert lstms.loc["advanced LSTM"].equals(frameworks.loc["RNN"])
    pooling, models = printed("zhao2018", 3), printed("zhao2018", 4)
    assert pooling.loc["Attention-pooling"].equals(models.loc["Attention-BLSTM-FCN"][pooling.columns])


def test_unknown_names():
    with pytest.raises(SerkitError, match=r"unknown paper 'tao2019' \(did you mean 'tao2018'\?\)"):
        papers._tables("tao2019")
    with pytest.raises(SerkitError, match="unknown table of li2018 '2'; valid: 1"):
        papers.table("li2018", 2)


def kind(value):
    """The type of a value, of a list with that of its items; a whole number may stand for a float."""
    return {type(item) for item in value} if isinstance(value, list) else type(value)


@pytest.mark.parametrize("paper", NOTEBOOKS, ids=lambda paper: paper.key)
def test_parameters_are_those_of_the_notebook(paper):
    defaults = notebooks.parameters(paper)
    assert list(paper.parameters) == list(defaults), "all of them, in the notebook's order"
    for name, parameter in paper.parameters.items():
        for profile, value in parameter.values.items():
            assert profile in ("smoke", "paper")
            assert kind(value) == kind(defaults[name]), f"{name}, {profile}"
        if parameter.source == "place":
            assert not parameter.values, f"{name}: a place is the user's"


@pytest.mark.parametrize("paper", papers.PAPERS.values(), ids=lambda paper: paper.key)
def test_what_a_parameter_affects_is_in_the_paper(paper):
    rows = {f"row {row}" for row in papers.published(paper.key)["row"]}
    printed = {f"table {number}" for number in papers._tables(paper.key)}
    measures = {f"metric {metric}" for metric in papers.published(paper.key)["metric"]}
    for parameter in paper.parameters.values():
        for thing in parameter.affects or ():
            assert thing in rows | printed | measures or thing.startswith("figure "), f"{parameter.name}: {thing}"


def test_one_name_is_one_thing_in_all_papers():
    """`hop` is in seconds everywhere, and no parameter has one unit here and another there."""
    known = {}
    for paper in NOTEBOOKS:
        assert not {"stop_after", "folds", "groups", "shift"} & set(paper.parameters)
        for name in set(paper.parameters) - {"batch_size"}:  # of whatever a batch holds
            assert paper.parameters[name].unit == known.setdefault(name, paper.parameters[name].unit), name
    assert known["hop"] == "s"


def test_differences_say_who_set_the_value():
    paper = papers.find("khorram2017")
    settings = papers.profile_values(paper, "paper")
    assert papers.differences(paper, settings) == []
    changed = settings | {"depth": 8, "kernel": 5, "models": ["Dilated"], "seeds": 1, "corpus": "continuous"}
    kernel, deep, runs = papers.differences(paper, changed)
    assert (runs.name, runs.affects) == ("seeds", ("metric test RMSE", "metric test CCC")), (
        "an ensemble is tested (6.1)"
    )
    assert (deep.name, deep.value, deep.published, deep.source) == ("depth", 8, 10, "paper")
    assert (kernel.name, kernel.source) == ("kernel", "ours"), "the paper does not say"
    assert deep.touches(1, "Dilated")
    assert not deep.touches(1, "Down/Up")
    (figure,) = papers.differences(paper, settings | {"filter_epochs": 1})
    assert not figure.touches(1, "Dilated"), "figure 1 alone"


def test_a_sixth_paper_is_a_folder(tmp_path):
    shutil.copytree(papers.find("li2018").folder, tmp_path / "doe2030")
    found = papers._discover(tmp_path)
    assert list(found) == ["doe2030"]
    assert found["doe2030"].folder == tmp_path / "doe2030"
    assert found["doe2030"].parameters == papers.find("li2018").parameters


LIMITED = papers.Parameter("hop", "s", "paper", {}, least=0.001, most=0.1)


@pytest.mark.parametrize("value", [0.001, 0.1, [0.001, 0.05], []])
def test_a_value_within_its_bounds(value):
    assert LIMITED.bounded(value) is value


@pytest.mark.parametrize(
    ("limits", "value", "message"),
    [
        ({"least": 0.001, "most": 0.1}, 10.0, r"^parameter hop \(s\) is from 0.001 to 0.1; got 10.0$"),
        ({"least": 1}, 0, r"^parameter hop \(s\) is 1 or more; got 0$"),
        ({"most": 1.0}, 2.0, r"^parameter hop \(s\) is 1.0 or less; got 2.0$"),
        ({"least": 1}, [3, 0], r"^parameter hop \(s\), each item, is 1 or more; got \[3, 0\]$"),
        ({"least": 0.0}, float("nan"), "is 0.0 or more; got nan"),
        ({"fewest": 3}, [1.0], r"^parameter hop needs 3 items or more; got \[1.0\]$"),
    ],
)
def test_a_value_out_of_bounds(limits, value, message):
    with pytest.raises(SerkitError, match=message):
        papers.Parameter("hop", "s", "paper", {}, **limits).bounded(value)


@pytest.mark.parametrize("paper", NOTEBOOKS, ids=lambda paper: paper.key)
def test_the_values_of_the_notebook_are_within_the_bounds(paper):
    for name, value in notebooks.parameters(paper).items():
        assert paper.parameters[name].bounded(value) == value


def test_what_a_paper_says_in_words(tmp_path):
    shutil.copytree(papers.find("li2018").folder, tmp_path / "doe2030")
    path = tmp_path / "doe2030" / "paper.toml"
    path.write_text(path.read_text().replace("style = {", 'style = { said = "not read out",', 1))
    doe = papers._discover(tmp_path)["doe2030"]
    settings = papers.profile_values(doe, "paper")
    (found,) = papers.differences(doe, settings | {"style": ""})
    assert found.said == "not read out"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "speaker_groups = {",
            "speaker_groups = { most = 1,",
            "doe2030/paper.toml: parameter speaker_groups is from 0",
        ),
        ("style = {", "style = { least = 1,", "doe2030/paper.toml: '>=' not supported"),
        ('source = "place"', 'source = "paper"', "parameter corpus has no value for the paper profile"),
        ('source = "place"', 'source = "author"', "unknown source of parameter corpus .*valid: ours, paper, place"),
        ("style = {", 'style = { along = "pair",', "unknown parameter that style is along .*valid: "),
        ('source = "place"', 'sauce = "place"', "unknown entry of parameter corpus .*did you mean 'source'"),
        ("authors", "author", "doe2030/paper.toml: "),
        ("[parameters]", "[parameters", "doe2030/paper.toml: "),
    ],
)
def test_a_bad_paper_toml(tmp_path, old, new, message):
    (tmp_path / "doe2030").mkdir()
    text = (papers.find("li2018").folder / "paper.toml").read_text()
    (tmp_path / "doe2030" / "paper.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(SerkitError, match=message):
        papers._discover(tmp_path)


def test_smallest_counts(random):
    counts = random.integers(5, 60, (4, 5))
    found = papers.smallest_counts(np.round(counts / counts.sum(axis=1, keepdims=True), 4))
    divisors = np.gcd.reduce(counts, axis=1, keepdims=True)
    assert np.array_equal(found, counts // divisors)
