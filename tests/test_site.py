"""The site: what its pages show and leave out, how it behaves in a browser, and that its guides' code runs."""

import importlib.util
import re
import shutil
import sys
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from browsers import Visit, chromium  # noqa: F401 (the fixture browser)
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from serkit import audio, papers
from serkit.errors import SerkitError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXECUTED, COMMITTED = "ravdess/li2018_pair", "ravdess/li2018"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="


def script():
    """docs/build.py as a module."""
    if "site_build" not in sys.modules:
        specification = importlib.util.spec_from_file_location("site_build", DOCS / "build.py")
        sys.modules["site_build"] = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(sys.modules["site_build"])
    return sys.modules["site_build"]


BADGE = "[![Open in Colab](https://example.org/badge.svg)](https://example.org/a.ipynb)"


def executed(corpus="ravdess", root="/home/me/speech"):
    """A small executed notebook with one output of each kind that there is."""
    shown = pd.DataFrame({"model": ["ten", "two", "one"], "UA": [10.0, 2.0, 1.0]})
    outputs = [
        new_output("stream", text=f"read {root}/a.wav\n"),
        new_output("display_data", {"image/png": PIXEL, "text/plain": "<Figure>"}),
        new_output("execute_result", {"text/html": shown.to_html(index=False), "text/plain": "table"}),
        new_output("display_data", {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "a progress bar"}),
        new_output("display_data", {"text/html": '<audio controls src="data:audio/wav;base64,AA"></audio>'}),
    ]
    cells = [
        new_markdown_cell(f"# A made-up notebook\n\n{BADGE}\n\nIts word is *quagga*: $$x^2 \\tag{1}$$"),
        new_code_cell(f'root = "{root}"', execution_count=1),
        new_code_cell("print(1)", execution_count=2, outputs=outputs),
    ]
    about = {"papermill": {"parameters": {"corpus": corpus, "root": root}}, "language_info": {"name": "python"}}
    return new_notebook(cells=cells, metadata=about)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A site of li2018 alone, of whose committed studies one has an executed notebook, with one module's reference."""
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    pytest.importorskip("furo", reason="the extra docs is not installed")
    root = tmp_path_factory.mktemp("site")
    folder = root / "results" / "any" / "li2018"
    folder.mkdir(parents=True)
    nbformat.write(executed(), folder / "notebook.ipynb")
    shutil.copy(ROOT / "results" / EXECUTED / "command.txt", folder)  # by which it is found to be that study
    for actor in (1, 2):
        (root / "speech" / f"Actor_{actor:02d}").mkdir(parents=True)
        for name in ("03-01-01-01-01-01", "03-01-05-01-01-01", "03-01-05-02-01-01", "03-01-05-02-02-01"):
            path = root / "speech" / f"Actor_{actor:02d}" / f"{name}-{actor:02d}.wav"
            audio.write(path, np.full(1600, 0.1), 16000)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERKIT_RAVDESS", str(root / "speech"))
        return script().build(root / "results", root / "site", {"li2018"}, ["serkit.metrics"])


def page(built, name):
    return BeautifulSoup((built.parent / name).read_text(encoding="utf-8"), "html.parser")


def test_an_executed_notebook_with_its_outputs(built):
    found = page(built, f"studies/{EXECUTED}.html")
    text = " ".join(found.get_text().split())
    assert f"A made-up notebook: {EXECUTED}" in found.h1.get_text()
    assert "serkit reproduce li2018" in text
    assert "a progress bar" in text, "what a widget says without a kernel"
    assert "/home/me" not in str(found)
    assert found.find("math")
    (picture,) = found.select("article img")
    assert (built.parent / "studies/ravdess" / picture["src"]).is_file()
    assert [row.td.get_text() for row in found.select(".cell_output tbody tr")] == ["ten", "two", "one"]


def test_without_an_executed_notebook_committed_tables_and_figures(built):
    found = page(built, f"studies/{COMMITTED}.html")
    assert "The executed notebook is not here" in found.get_text(" ")
    claims = pd.read_csv(ROOT / "results/ravdess/li2018/tables/claims.csv")
    table = found.find(id="claims").table
    place = [head.get_text() for head in table.thead.find_all("th")].index("measured")
    shown = [float(row.find_all("td")[place].get_text()) for row in table.tbody.find_all("tr")]
    assert shown == list(claims["measured"].dropna())
    place = [head.get_text() for head in table.thead.find_all("th")].index("comparable")
    assert {row.find_all("td")[place].get_text() for row in table.tbody.find_all("tr")} == {"no"}
    assert "corpus ravdess" in found.find(id="reasons").table.get_text()
    drawn = {picture["alt"] for picture in found.select("article img")}
    assert drawn == {path.stem for path in (ROOT / "results/ravdess/li2018/figures").glob("*.png")}
    assert page(built, "notebooks/li2018_attention_pooling.html").h1


def test_solutions_are_behind_folds(built):
    found = page(built, "notebooks/li2018_attention_pooling.html").find(id="solutions")
    said = [fold for fold in found.find_all("details") if fold.summary.get_text().startswith("Solution ")]
    assert [fold.summary.get_text() for fold in said] == [f"Solution {number}" for number in range(1, 6)]
    assert "the sum over positions is already an average" in said[0].get_text(" ", strip=True)
    assert said[0].find("math")
    codes = found.select("div.cell")
    assert len(codes) == len(said)
    assert all(code.find("details") and code.find("pre").find_parent("details") for code in codes)


def test_the_first_page_has_the_verdicts_of_the_results(built):
    text = " ".join(page(built, "index.html").get_text(" ").split())
    made = pd.read_csv(ROOT / "results/ravdess/li2018/tables/comparisons.csv")
    made = made[(made["made_by"] == "paper") & (made["metric"] == "UA")]
    assert len(made) > 1
    for one in made.itertuples():
        assert f"{one.better} is better than {one.worse} UA {one.published:.1f} {one.measured:.1f}" in text
        assert f"{one.low:.1f} to {one.high:.1f} {one.seeds} {one.verdict}" in text


def test_ravdess_can_be_heard_and_its_licence_is_said(built):
    found = page(built, "listen.html")
    heard = [Path(item["src"]).stem for item in found.find_all("audio")]
    assert heard == [f"03-01-{name}-01-01-{actor}" for name in ("01-01", "05-02") for actor in ("01", "02")]
    assert all((built.parent / item["src"]).is_file() for item in found.find_all("audio"))
    assert "CC BY-NC-SA 4.0" in found.get_text()
    assert "not for commercial use" in found.get_text()


def test_the_reference_comes_from_docstrings(built):
    found = page(built, "api/serkit.metrics.html")
    assert "Unweighted accuracy" in found.find(id="serkit.metrics.ua").find_next("dd").get_text()


def test_nothing_is_fetched_and_every_link_leads_somewhere(built, tmp_path):
    site = built.parent
    assert script().broken(site) == []
    (tmp_path / "there.html").write_text('<h1 id="top">x</h1>')
    bad = '<img src="https://a.org/b.png"><a href="https://a.org">ok</a><a href="there.html#top">ok</a>'
    (tmp_path / "bad.html").write_text(bad + '<a href="there.html#low"></a><a href="gone.html"></a>')
    (tmp_path / "bad.css").write_text("@import url(https://a.org/b.css)")
    assert script().broken(tmp_path) == [
        "bad.css: fetches something",
        "bad.html: <img> fetches https://a.org/b.png",
        "bad.html: gone.html",
        "bad.html: there.html#low: there is no such place on the page",
    ]


@pytest.mark.parametrize(
    ("corpus", "root", "heard"),
    [
        ("iemocap", "/data/iemocap", False),
        ("iemocap", "", True),
        ("ravdess", "/r", True),
        ("manifest", "/m.csv", False),
    ],
)
def test_sound_is_only_of_corpora_that_may_be_passed_on(corpus, root, heard):
    given = executed(corpus, root)
    given.cells[2].outputs.append(new_output("display_data", {"audio/wav": "AA", "text/plain": "sound"}))
    text = nbformat.writes(script().cleaned(given))
    assert ("<audio" in text) == heard
    assert ("audio/wav;" in text) == heard
    assert ('"audio/wav"' in text) == heard
    assert ("may not be passed on" in text) != heard
    assert BADGE in given.cells[0].source
    assert "badge" not in text, "which would be fetched"


def test_notebooks_that_have_not_ended_are_passed_over(tmp_path):
    path = tmp_path / "notebook.ipynb"
    nbformat.write(executed(), path)
    assert script()._unfinished(path) == ""
    path.write_text("half")
    assert "cannot be read" in script()._unfinished(path)
    failed = executed()
    failed.cells[2].outputs.append(new_output("error", ename="E", evalue="x", traceback=[]))
    nbformat.write(failed, path)
    assert "stopped with an error" in script()._unfinished(path)
    nbformat.write(nbformat.read(ROOT / "notebooks" / "compare.ipynb", 4), path)
    assert "not all of its cells" in script()._unfinished(path)


def test_a_notebook_of_other_settings_than_the_command_beside_it_is_passed_over(tmp_path):
    given = executed()
    given.metadata["papermill"]["parameters"] |= {"seeds": 3, "trim": 40.0}
    nbformat.write(given, tmp_path / "notebook.ipynb")
    li2018 = papers.find("li2018")
    assert script()._of_another(tmp_path / "notebook.ipynb", li2018) == ""
    command = "# serkit\nserkit reproduce li2018 --corpus ravdess=FOLDER --set trim=40.0 --seeds {}\n"
    for seeds, why in ((3, ""), (2, "its seeds is 3, and 2 in the command.txt beside it")):
        (tmp_path / "command.txt").write_text(command.format(seeds))
        assert script()._of_another(tmp_path / "notebook.ipynb", li2018) == why


def test_other_folders_are_not_written_over(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(SerkitError, match="is not empty and no site"):
        script().build(tmp_path, tmp_path)
    with pytest.raises(SerkitError, match=r"there is no folder .*nowhere"):
        script().build(tmp_path / "nowhere", tmp_path / "site")


# In a browser


@pytest.mark.parametrize("width", [1400, 390])
def test_pages_on_a_screen(browser, built, width):
    for name in ("index.html", f"studies/{EXECUTED}.html", f"studies/{COMMITTED}.html", "api/serkit.metrics.html"):
        with Visit(browser, built.parent / name, width=width) as visit:
            assert visit.said == []
            assert {url.partition(":")[0] for url in visit.fetched} <= {"file", "data"}
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
            colours = "(({color, backgroundColor}) => [color, backgroundColor])(getComputedStyle(document.body))"
            text, ground = (sum(map(int, re.findall(r"\d+", one)[:3])) for one in visit.page.evaluate(colours))
            assert text < 200, "dark text"
            assert ground > 600, "on light"


def test_search_finds_a_word_of_a_notebook_without_a_server(browser, built):
    with Visit(browser, built) as visit:
        visit.page.locator("input[name=q]").first.fill("quagga")
        visit.page.keyboard.press("Enter")
        found = visit.page.locator("#search-results li a")
        found.first.wait_for()
        assert found.all_text_contents() == [f"A made-up notebook: {EXECUTED}"]
        found.first.click()
        visit.page.locator("h1", has_text="A made-up notebook").wait_for()
        assert visit.said == []


def test_tables_sort_and_pictures_enlarge(browser, built):
    with Visit(browser, built.parent / f"studies/{EXECUTED}.html") as visit:
        head = visit.page.locator(".cell_output th", has_text="UA")
        cells = visit.page.locator(".cell_output tbody td:nth-child(2)")
        head.click()
        assert [float(text) for text in cells.all_text_contents()] == [1, 2, 10]
        head.press("Enter")
        assert [float(text) for text in cells.all_text_contents()] == [10, 2, 1]
        visit.page.locator("article img").click()
        assert visit.page.locator("#large img").is_visible()
        visit.page.keyboard.press("Escape")
        visit.page.locator("#large img").wait_for(state="hidden")
