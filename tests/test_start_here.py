"""The start_here notebook, executed in the smoke profile, and its ten lines on made-up features."""

import base64
import re
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pytest
from notebook_checks import check_figures, check_outputs, check_solutions, definitions, execute_and_solve, table

from serkit import corpora, metrics, notebooks, papers, splits, statistics

CLASSES = ["neutral", "happy", "angry", "sad"]
KINDS = ["one number", "36", "743", "spectrogram"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return execute_and_solve("start_here", profile="smoke", out=tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def executed(folder):
    return nbformat.read(folder / "notebook.ipynb", as_version=4)


@pytest.fixture(scope="module")
def utterances():
    return corpora.load("iemocap", corpora.place("iemocap", "")).select(CLASSES)


@pytest.fixture(scope="module")
def written():
    return nbformat.read(notebooks._path_of(papers.find("start_here")), as_version=4)


def said_in(executed):
    """All that its cells have shown as Markdown."""
    outputs = [one for cell in executed.cells if cell.cell_type == "code" for one in cell.outputs]
    return [one["data"]["text/markdown"] for one in outputs if "text/markdown" in one.get("data", {})]


def html_of(executed, mark):
    (found,) = [one["data"]["text/html"] for cell in executed.cells if cell.cell_type == "code" for one in cell.outputs
                if mark in one.get("data", {}).get("text/html", "")]  # fmt: skip
    return found


def test_the_solutions(folder):
    check_solutions(folder)


def test_results_say_miniature(folder, executed):
    assert folder.parts[-2:] == ("iemocap-miniature", "start_here")
    check_figures(folder, {"pictures", "melody", "voices", "opinions", "features", "baseline", "scores", "splits"})
    check_outputs(folder)
    said = said_in(executed)
    assert "Everything here is of: iemocap miniature (synthetic speech)." in said[0]
    assert len(said) > 5
    assert all(text.endswith("*These voices are synthetic: that says nothing about people.*") for text in said[1:])


def test_every_section_ends_with_a_question_and_its_answer(written):
    text = "\n".join(cell.source for cell in written.cells if cell.cell_type == "markdown")
    _, _, *sections, _, _ = text.split("\n## ")  # between the parameters and the exercises
    assert len(sections) > 10
    for section in sections:
        assert section.count("**Question.**") == 1, section[:40]
        _, _, end = section.partition("**Question.**")
        assert re.fullmatch(r".*\n<details>\n<summary>Answer</summary>\n.{60,}</details>", end, re.DOTALL), end


def test_answers_are_tagged_and_nothing_depends_on_them(written):
    cells = written.cells
    solutions = [cell for cell in cells if "solution" in cell.metadata.get("tags", [])]
    assert all(("<summary>" in cell.source) <= (cell in solutions) for cell in cells)
    code = [cell for cell in solutions if cell.cell_type == "code"]
    assert len(code) == 3
    assert all(cell in solutions for cell in cells[cells.index(code[0]) :]), "they are behind everything else"
    assert not any("results." in cell.source for cell in code)


def test_every_class_can_be_heard(executed, utterances):
    players = html_of(executed, "<figcaption>")
    assert re.findall(r"<figcaption>(.*?)</figcaption>", players) == CLASSES
    assert all(len(base64.b64decode(one)) > 1000 for one in re.findall(r"base64,([^\"]+)", players))


def test_everybody_is_tested_once_by_a_model_that_never_heard_them(folder, utterances):
    predictions = table(folder, "predictions")
    assert predictions["features"].unique().tolist() == KINDS
    tested = {kind: part.drop(columns="features") for kind, part in predictions.groupby("features")}
    folds = {fold.name: set(fold.test) for fold in splits.leave_one_speaker_out(utterances, 5)}
    for part in tested.values():
        assert sorted(part["id"]) == sorted(utterances["id"])
        assert part.groupby("fold")["id"].agg(set).to_dict() == folds
        assert (part.set_index("id")["label"] == utterances.set_index("id")["label"].loc[part["id"]]).all()
    summary = table(folder, "summary").set_index("features")
    for kind, part in tested.items():
        assert summary.loc[kind, "UA, disjoint"] == round(100 * metrics.ua(part["label"], part["predicted"]), 2)
    assert (summary["low"] < summary["points too many"]).all()
    assert (summary["points too many"] < summary["high"]).all()
    gained = summary["UA, at random"] - summary["UA, disjoint"]
    np.testing.assert_allclose(gained, summary["points too many"], atol=0.02)


def test_the_confusions_that_are_heard_are_those_of_the_table(folder, executed):
    counts = table(folder, "confusion").set_index("true")
    predictions = table(folder, "predictions")
    part = predictions[predictions["features"] == "36"]
    assert counts.equals(metrics.confusion(part["label"], part["predicted"], CLASSES).rename_axis(columns=None))
    heard = html_of(executed, "<output")
    assert [int(one) for one in re.findall(r"<br>(\d+)", heard)] == counts.to_numpy().ravel().tolist()
    assert heard.count("<button") == (counts > 0).to_numpy().sum()
    assert heard.count("<audio") == (counts > 0).to_numpy().sum(), "one a cell in the smoke profile"


def test_votes_and_corpora_and_papers_come_from_the_package(folder, executed, utterances):
    votes = table(folder, "votes").set_index("corpus")
    np.testing.assert_allclose(votes.sum(axis=1), 1, atol=0.01)
    assert all(votes.loc[label].idxmax() == label for label in CLASSES)
    listed = table(folder, "corpora").set_index("corpus")
    assert listed.index.tolist() == list(corpora.NAMES)
    assert listed.loc["ravdess", "licence"] == corpora.module("ravdess").LICENCE
    assert listed.loc["iemocap", "may be passed on freely"] == "no"
    shown = html_of(executed, "serkit reproduce li2018")
    assert all(paper.title in shown for paper in papers.PAPERS.values())
    sizes = table(folder, "features").set_index("features")
    assert sizes["columns"].tolist() == [1, 36, 743, 128]
    assert sizes["numbers that the classifier gets"].tolist() == [1, 4 * 36, 4 * 743, 4 * 128]


def silent(**given):
    """The cell with players, on a corpus whose sound may not be passed on."""
    shown = []
    rows = pd.DataFrame({"id": ["a", "b"], "path": "none.wav", "text": "hello"}, index=pd.Index(["sad", "happy"]))
    speech = SimpleNamespace(name="secret", licence="on application", redistributable=False)
    space = definitions("start_here", "MAY_BE_HEARD", speech=speech, **given)
    players = SimpleNamespace(players=lambda recordings: recordings)
    space |= {"utterances": None, "listening": players, "display": shown.append, "one_of_each": lambda _: rows}
    mark = space["MAY_BE_HEARD"]
    return space, rows, shown, mark


def test_sound_that_may_not_be_passed_on_is_in_no_notebook(capsys):
    source = "examples = one_of_each(utterances)\n"
    for private in (False, True):
        space, rows, shown, may = silent(private=private)
        assert may == private
        (cell,) = [one for one in _cells() if source in one]
        exec(compile(cell[cell.index(source) :], "start_here.ipynb", "exec"), space)
        said = capsys.readouterr().out
        assert shown == ([rows["path"].to_dict()] if private else [])
        assert ("may not be passed on freely (on application)" in said) != private
        assert ("sad: a, happy: b" in said) != private


def _cells():
    notebook = nbformat.read(notebooks._path_of(papers.find("start_here")), as_version=4)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def made_up(speakers=10, each=8):
    """Voices that differ more than the two emotions do."""
    rows = [(f"{who}-{number}", f"s{who}", CLASSES[number % 2]) for who in range(speakers) for number in range(each)]
    table = pd.DataFrame(rows, columns=["id", "speaker", "label"]).assign(gender="f")
    rng = np.random.default_rng(0)
    voices = rng.normal(size=(speakers, 2, 30))  # how each says each emotion: nothing in common
    kind = table["label"].eq("happy").astype(int)
    x = voices[table["speaker"].str[1:].astype(int), kind] + 0.3 * rng.normal(size=(len(table), 30))
    return table, pd.DataFrame(x, index=table["id"])


def test_a_random_split_hears_voices_that_it_knows():
    """Where speakers have nothing in common a stranger is guessed at, and a known voice is known by heart."""
    table, vectors = made_up()
    honest = splits.leave_one_speaker_out(table, 5)
    space = definitions("start_here", "baseline", "at_random", utterances=table, honest=honest,
                        labels=table.set_index("id")["label"])  # fmt: skip
    strangers, known = (space["baseline"](vectors, folds) for folds in (honest, space["at_random"](0)))
    assert metrics.ua(known["label"], known["predicted"]) > 0.9
    assert metrics.ua(strangers["label"], strangers["predicted"]) < 0.7
    assert statistics.paired_difference(known, strangers).low > 0.1
    assert sorted(known["id"]) == sorted(strangers["id"]) == sorted(table["id"])


def test_a_level_is_in_decibels_below_full_scale():
    level = definitions("start_here", "level")["level"]
    tone = np.sin(2 * np.pi * 100 * np.arange(16000) / 16000)
    assert level(tone, 16000).shape == (98, 1)
    np.testing.assert_allclose(level(tone, 16000), -3.01, atol=0.1)
    np.testing.assert_allclose(level(tone / 10, 16000), -23.01, atol=0.1)
    np.testing.assert_allclose(level(0 * tone, 16000), -100)


def test_examples_say_the_same_where_somebody_does(monkeypatch):
    space = definitions("start_here", "one_of_each", classes=["sad", "happy"])
    monkeypatch.setattr(space["audio"], "info", lambda path: SimpleNamespace(duration=float(path)))
    rows = pd.DataFrame(
        [("a", "s0", "sad", "one", "2"), ("b", "s0", "happy", "two", "2"), ("c", "s1", "sad", "one", "9"),
         ("d", "s1", "sad", "one", "3"), ("e", "s1", "happy", "one", "5")],
        columns=["id", "speaker", "label", "text", "path"],
    )  # fmt: skip
    assert space["one_of_each"](rows)["id"].tolist() == ["d", "e"], "the one that is about two seconds long"
    assert space["one_of_each"](rows.head(2))["id"].tolist() == ["a", "b"], "one speaker, if not the same words"
    assert space["one_of_each"](rows.iloc[[1, 2]])["id"].tolist() == ["c", "b"], "whoever there is"
    strong = rows.assign(intensity=["normal", "normal", "strong", "normal", "normal"])
    assert space["one_of_each"](strong)["id"].tolist() == ["c", "e"], "an actor's strong version first"
