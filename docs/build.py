"""Build the site: ``python docs/build.py [EXECUTIONS] [SITE]``.

EXECUTIONS is a folder that ``serkit reproduce --out`` filled (default: results); every executed notebook below it
becomes a page, with its outputs. Of a committed study that has none there, the page shows the committed tables and
figures. Beside them stands the paper's notebook without outputs, with the solutions to its exercises behind folds. SITE
(default: build/site) is written anew: pages that need no server and no network. Where $SERKIT_RAVDESS names a copy of
RAVDESS, a page has some of its speech.

Needs the extra ``docs``. A link that leads nowhere, or anything that a page would fetch, is an error.
"""

import ast
import copy
import functools
import importlib.util
import json
import os
import pkgutil
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pandas as pd

import serkit
from serkit import corpora, notebooks, papers
from serkit.errors import SerkitError

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = ROOT / "results"
SHOWN = ("claims", "comparisons", "scores", "summary", "reasons")  # of a study's tables
BLANK = ("application/vnd.jupyter.widget-view+json", "application/javascript")  # without a kernel
FETCHING = {"img": "src", "script": "src", "link": "href", "source": "src", "audio": "src", "iframe": "src"}
BADGE = re.compile(r"\[!\[Open in Colab\]\(\S+\)\]\(\S+\)\n\n")  # see colab.py
SPEECH = "ravdess"  # open, and its sound may be passed on; others' never
TERMS = (
    "Speech of RAVDESS (Livingstone and Russo 2018) may be passed on under "
    "[CC BY-NC-SA 4.0](https://creativecommons.org/licenses/by-nc-sa/4.0/): name its authors, not for commercial use, "
    "under the same terms. Sound of corpora that are lent to researchers only is nowhere on this site."
)
_FIRST_THEME = 'localStorage.getItem("theme") || "auto"'  # as furo has it


@dataclass
class _Study:
    """A page: what a paper's notebook found on a corpus.

    Attributes:
        name: corpus/paper, as under results/; an underscore and a variant may follow.
        paper: or companion.
        executed: its executed notebook, where there is one.
        committed: its folder under results/, where it is committed.
    """

    name: str
    paper: papers.Paper
    executed: Path | None = None
    committed: Path | None = None

    @property
    def page(self) -> str:
        return f"studies/{self.name}"


@functools.cache
def _collect():
    """The script that writes the tables of results/README.md, as a module."""
    specification = importlib.util.spec_from_file_location("collect", RESULTS / "collect.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def build(
    executions: Path | str = RESULTS,
    site: Path | str = ROOT / "build" / "site",
    keys: Iterable[str] | None = None,
    modules: Iterable[str] | None = None,
) -> Path:
    """Build the site.

    Args:
        executions: folder of executed notebooks.
        site: folder that is written anew.
        keys: of the papers and companions that have pages; default all.
        modules: of the reference; default all of the package.

    Returns:
        The first page.

    Raises:
        SerkitError: there is no such folder, a tool is missing, or a link leads nowhere.
    """
    executions, site = Path(executions), Path(site)
    if not executions.is_dir():
        raise SerkitError(f"there is no folder {executions}: name one that `serkit reproduce --out` filled")
    if site.exists() and any(site.iterdir()) and not (site / "searchindex.js").is_file():
        raise SerkitError(f"{site} is not empty and no site: name another folder")
    try:
        import furo  # noqa: F401
        import myst_nb  # noqa: F401
        from sphinx.cmd.build import main as sphinx
    except ImportError as error:
        raise SerkitError(f"{error.name} is missing: pip install -e '.[docs]'") from error
    with tempfile.TemporaryDirectory() as temporary:
        source, made = Path(temporary) / "source", Path(temporary) / "site"
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__", "build.py", "colab.py"))
        known = {
            key: paper for key, paper in (papers.PAPERS | papers.COMPANIONS).items() if keys is None or key in keys
        }
        _write_pages(source, known, _studies(executions, known), _modules() if modules is None else list(modules))
        options = ["-q", "--keep-going", "-d", str(Path(temporary) / "trees"), "-b", "html"]
        if sphinx([*options, str(source), str(made)]):
            raise SerkitError("Sphinx stopped: see above")
        (made / ".buildinfo").unlink(missing_ok=True)
        _stay_light(made)
        if wrong := broken(made):
            raise SerkitError("links that lead nowhere, or are fetched from elsewhere:\n  " + "\n  ".join(wrong))
        shutil.rmtree(site, ignore_errors=True)
        site.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(made, site)
    return site / "index.html"


def _studies(executions: Path, known: dict[str, papers.Paper]) -> list[_Study]:
    """All studies of some papers, committed or executed, in the order of the papers."""
    found = {}
    for command in sorted(RESULTS.glob("*/*/command.txt")):
        if (key := command.parent.name.split("_")[0]) not in known:
            key = command.parent.name
        if key in known and not command.parents[1].name.endswith("-miniature"):
            name = command.parent.relative_to(RESULTS).as_posix()
            found[name] = _Study(name, known[key], committed=command.parent)
    by_command = {_command(study.committed): study.name for study in found.values()}
    for path in sorted(executions.rglob("notebook.ipynb")):
        folder = path.parent
        if folder.name not in known or (why := _unfinished(path) or _of_another(path, known[folder.name])):
            print(f"passed over: {path}: {why if folder.name in known else 'of no paper'}", file=sys.stderr)
            continue
        store = folder.parents[1]
        variant = store.relative_to(executions).name if store.is_relative_to(executions) else ""
        name = f"{folder.parent.name}/{'_'.join(filter(None, (folder.name, variant)))}"
        name = by_command.get(_command(folder), name) or name
        found.setdefault(name, _Study(name, known[folder.name])).executed = path
    order = list(known)
    return sorted(found.values(), key=lambda study: (order.index(study.paper.key), study.name))


def _command(folder: Path) -> str:
    path = folder / "command.txt"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return "\n".join(line for line in lines if not line.startswith("#"))


def _unfinished(path: Path) -> str:
    """Why an executed notebook is not shown; empty for one that has ended well."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    except (OSError, ValueError, KeyError) as error:
        return f"cannot be read ({error})"
    if any(output["output_type"] == "error" for cell in cells for output in cell["outputs"]):
        return "it stopped with an error"
    if not cells or any(cell.get("execution_count") is None for cell in cells):
        return "not all of its cells were executed"
    return ""


def _of_another(path: Path, paper: papers.Paper) -> str:
    """Why a notebook is not what the command beside it makes; empty where it is, or where there is none."""
    words = shlex.split(_command(path.parent))
    if not words:
        return ""
    given = dict(word.split("=", 1) for before, word in pairwise(words) if before == "--set")
    options = dict(pairwise(words))
    given |= {"seeds": options["--seeds"]} if "--seeds" in options else {}
    profile = options.get("--profile", "quick")
    metadata = json.loads(path.read_text(encoding="utf-8"))["metadata"]
    had = metadata.get("papermill", {}).get("parameters", {})
    for name, value in notebooks.resolve(paper, profile, given).items():
        if paper.parameters[name].source != "place" and had.get(name, value) != value:
            return f"its {name} is {had[name]!r}, and {value!r} in the command.txt beside it"
    return ""


def _write_pages(source: Path, known: dict[str, papers.Paper], studies: list[_Study], modules: list[str]) -> None:
    """Write all pages that are not in docs/ itself, and fill in what index.md leaves open."""
    collect = _collect()
    shown = {study.name: study for study in studies}
    for study in studies:
        _write_study(source, study)
    for paper in known.values():
        _write_paper(source, paper, [study for study in studies if study.paper is paper])
    for name, path in (
        ("usage.md", ROOT / "README.md"),
        ("contributing.md", ROOT / "CONTRIBUTING.md"),
        ("changelog.md", ROOT / "CHANGELOG.md"),
        ("results.md", RESULTS / "README.md"),
        ("experiments.md", RESULTS / "ravdess/experiments.md"),
    ):
        text = re.sub(r"\A# serkit\n", "# Using serkit\n", path.read_text(encoding="utf-8"))
        (source / name).write_text(_relinked(text, path.parent, source, shown), encoding="utf-8")
    listen = _write_speech(source)
    _write_reference(source, modules)
    index = source / "index.md"  # whose tables link from the root of the repository, as the README does
    parts = {
        "papers": _list_of_papers(papers.PAPERS, known),
        "companions": _list_of_papers(papers.COMPANIONS, known),
        "summary": collect.summary(),
        "verdicts": collect.verdicts(),
        "pages of papers": "\n".join(f"papers/{key}" for key in papers.PAPERS if key in known),
        "pages of companions": "\n".join(f"papers/{key}" for key in papers.COMPANIONS if key in known),
        "listen": "listen" if listen else "",
        "terms": TERMS,
    }
    text = re.sub(r"\{\{ *([\w ]+?) *\}\}", lambda found: parts[found[1]], index.read_text(encoding="utf-8"))
    index.write_text(_relinked(text, ROOT, source, shown), encoding="utf-8")


def _relinked(text: str, folder: Path, source: Path, studies: dict[str, _Study]) -> str:
    """Markdown from elsewhere in the repository: its links lead to pages or copied files, or become plain words."""

    def leads(found: re.Match) -> str:
        mark, words, target = found.groups()
        where, _, anchor = target.partition("#")
        path = (folder / where).resolve()
        if not path.is_relative_to(ROOT) or (source / where).is_file():  # outside, or a page of the site's own
            return found[0]
        inside, anchor = path.relative_to(ROOT).as_posix(), f"#{anchor}" if anchor else ""
        if page := pages.get(inside):
            return f"[{words}]({page}{anchor})"
        if (study := studies.get("/".join(inside.split("/")[1:3]))) and inside.startswith("results/") and not mark:
            return f"[{words}]({study.page}.{'ipynb' if study.executed else 'md'})"
        if not path.is_file() or path.suffix in (".ipynb", ".md"):
            return words
        copied = source / "files" / inside
        _made(copied.parent)
        shutil.copy2(path, copied)
        return f"{mark}[{words}](files/{inside})"

    pages = {"README.md": "usage.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
    pages["results/README.md"] = "results.md"
    pages["results/ravdess/experiments.md"] = "experiments.md"
    pages |= {f"docs/{path.name}": path.name for path in HERE.glob("*.md")}
    for key, paper in (papers.PAPERS | papers.COMPANIONS).items():
        if (source / "papers" / f"{key}.md").is_file():
            pages[f"notebooks/{paper.notebook}"] = f"papers/{key}.md"
    return re.sub(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)", leads, text)


def _write_study(source: Path, study: _Study) -> None:
    """A study's page: its executed notebook, or its committed tables and figures."""
    page = source / f"{study.page}.{'ipynb' if study.executed else 'md'}"
    page.parent.mkdir(parents=True, exist_ok=True)
    command = _command(study.committed or study.executed.parent)
    about = [f"`{study.name}`, made by", f"```\n{command}\n```"]
    if study.name.partition("/")[0].endswith("-proxy"):
        about.insert(0, "**A proxy**: labels over time made up from acted emotions; nobody rated anything over time.")
    if study.executed:
        notebook = cleaned(nbformat.read(study.executed, as_version=4))
        first = notebook.cells[0]  # its heading names the page, in the search too
        first.source = re.sub(r"\A(# .*)", rf"\1: {study.name}", first.source)
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell("\n\n".join(["*Executed notebook.*", *about])))
        nbformat.write(notebook, page)
        return
    without = f"[The notebook without outputs](../../notebooks/{Path(study.paper.notebook).stem}.ipynb)"
    about.insert(0, f"The executed notebook is not here: these are committed tables and figures. {without}.")
    lines = [f"# {study.paper.key} on {study.name}", *about]
    figures = sorted((study.committed / "figures").glob("*.png"))
    tables = sorted((study.committed / "tables").glob("*.csv"))
    for path in [*figures, *tables]:
        shutil.copy2(path, _made(page.parent / study.name.partition("/")[2]) / path.name)
    inside = study.name.partition("/")[2]
    for name in SHOWN:
        if (path := study.committed / "tables" / f"{name}.csv").is_file():
            lines += [f"## {name}", _table(pd.read_csv(path))]
    lines += [f"## {path.stem.replace('_', ' ')}\n\n![{path.stem}]({inside}/{path.name})" for path in figures]
    lines += ["## All tables", "\n".join(f"* [{path.name}]({inside}/{path.name})" for path in tables)]
    page.write_text("\n\n".join(lines), encoding="utf-8")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _table(table: pd.DataFrame) -> str:
    """A table as it is read: measured rows, without columns that are empty or that only programs need."""
    if "measured" in table:
        table = table[table["measured"].notna()]
    unread = ["paper", "depends_on", "choices", "why_not"]  # the reasons stand once, in a table of their own
    unread += ["why"] * ("verdict" in table)
    if "comparable" in table:
        table = table.assign(comparable=table["comparable"].map({True: "yes", False: "no"}))
    table = table.drop(columns=unread, errors="ignore").dropna(axis="columns", how="all")
    return _collect()._markdown(table.astype(object).where(table.notna(), ""))


def cleaned(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An executed notebook as it may be shown to everybody.

    Without widgets, which are blank without a kernel; without the places of the machine that it ran on; without sound
    of a corpus that may not be passed on; without the Colab badge, a picture from elsewhere.
    """
    notebook = copy.deepcopy(notebook)
    notebook.cells[0].source = BADGE.sub("", notebook.cells[0].source)
    given = notebook.metadata.get("papermill", {}).get("parameters", {})
    places = [str(given[name]) for name in given if name in ("root", "out") or name.endswith("_root")]
    places = sorted((place for place in places if place), key=len, reverse=True)
    silent = not _may_be_heard(given)
    for cell in notebook.cells:
        cell.source = _without(cell.source, places)
        for output in cell.get("outputs", []):
            for mime in [mime for mime in output.get("data", {}) if mime in BLANK or (silent and mime[:5] == "audio")]:
                del output.data[mime]
            if silent and "<audio" in "".join(output.get("data", {}).get("text/html", "")):
                output.data["text/html"] = "<p>Sound is left out: this corpus may not be passed on.</p>"
            for mime, text in output.get("data", {}).items():
                if mime.startswith("text/"):
                    output.data[mime] = _without("".join(text), places)
            if "text" in output:
                output.text = _without("".join(output.text), places)
    notebook.metadata.pop("papermill", None)
    return notebook


def _without(text: str, places: Iterable[str]) -> str:
    for place in places:
        text = text.replace(place, "FOLDER")
    return text


def _may_be_heard(given: dict) -> bool:
    """Whether sound in a notebook that was given these parameters may be on the site."""
    name = given.get("corpus", "")
    made_up = name in corpora.miniatures.NAMES and not given.get("root")
    return made_up or name == SPEECH or (name in corpora.NAMES and corpora.module(name).REDISTRIBUTABLE)


def _write_paper(source: Path, paper: papers.Paper, studies: list[_Study]) -> None:
    """The page of a paper: what it is and where its notebooks are."""
    _made(source / "papers")
    pages = [f"{study.name} <../{study.page}>" for study in studies]
    lines = [f"# {paper.key}", f"{paper.authors}: *{paper.title}*{', ' * bool(paper.venue)}{paper.venue}."]
    _made(source / "notebooks")
    notebook = nbformat.read(ROOT / "notebooks" / paper.notebook, as_version=4)
    notebook.cells[0].source = BADGE.sub("", notebook.cells[0].source)
    nbformat.write(notebook, source / "notebooks" / paper.notebook)
    pages.append(f"the notebook, without outputs, with solutions <../notebooks/{Path(paper.notebook).stem}>")
    if not studies or not all(study.executed for study in studies):
        lines.append(
            "Where no executed notebook was there when this site was built, there are committed tables and figures, "
            "and the notebook without outputs."
        )
    lines.append("```{toctree}\n:maxdepth: 1\n\n" + "\n".join(pages) + "\n```")
    (source / "papers" / f"{paper.key}.md").write_text("\n\n".join(lines), encoding="utf-8")


def _list_of_papers(some: Iterable[str], known: dict[str, papers.Paper]) -> str:
    rows = [
        {"": f"[{key}](papers/{key}.md)", "title": known[key].title}
        | ({"authors": known[key].authors, "where": known[key].venue} if known[key].venue else {})
        for key in some
        if key in known
    ]
    return _collect()._markdown(pd.DataFrame(rows))


def _write_speech(source: Path) -> bool:
    """A page with one recording of each emotion of two actors, where a copy of RAVDESS is at hand."""
    root = os.environ.get(f"SERKIT_{SPEECH.upper()}", "")
    if not root:
        return False
    import soundfile

    from serkit import audio

    table = corpora.load(SPEECH, root, strict=False).utterances
    table = table[(table["statement"] == 1) & (table["repetition"] == 1)]
    table = table.sort_values(["speaker", "intensity"]).drop_duplicates(["speaker", "label"], keep="last")
    speakers = [part["speaker"].iloc[0] for _, part in table.groupby("gender", sort=False)]
    rows, sounds = [], _made(source / "_static" / "speech")
    for label, part in table[table["speaker"].isin(speakers)].groupby("label", sort=False):
        row = {"emotion": label}
        for one in part.sort_values("speaker").itertuples():
            signal, rate = audio.read(one.path, 16000)
            soundfile.write(sounds / f"{one.id}.flac", signal, rate)
            row[one.speaker] = f'<audio controls preload="none" src="_static/speech/{one.id}.flac"></audio>'
        rows.append(row)
    lines = [
        "# Listen",
        TERMS,
        f"Here is *{table['text'].iloc[0]}*, at 16 kHz.",
        _collect()._markdown(pd.DataFrame(rows)),
    ]
    (source / "listen.md").write_text("\n\n".join(lines), encoding="utf-8")
    return True


def _modules() -> list[str]:
    """All modules of the package but its entry point."""
    names = [one.name for one in pkgutil.walk_packages(serkit.__path__, "serkit.") if not one.name.endswith("__main__")]
    return [name for name in names if "._" not in name]


def _write_reference(source: Path, modules: list[str]) -> None:
    """A page a module, and one that lists them with their first lines."""
    folder, listed = _made(source / "api"), []
    for name in modules:
        options = "   :ignore-module-all:\n" if importlib.util.find_spec(name).submodule_search_locations else ""
        page = f"{name}\n{'=' * len(name)}\n\n.. automodule:: {name}\n{options}"
        (folder / f"{name}.rst").write_text(page, encoding="utf-8")
        listed.append(f"* {{py:mod}}`{name}`: {_first_line(name)}")
    toctree = "```{toctree}\n:hidden:\n\n" + "\n".join(modules) + "\n```"
    text = [
        "# Reference",
        "From the docstrings.",
        "\n".join(listed),
        toctree,
    ]
    (folder / "index.md").write_text("\n\n".join(text), encoding="utf-8")


def _first_line(module: str) -> str:
    """Of a module's docstring, without importing it."""
    path = importlib.util.find_spec(module).origin
    return (ast.get_docstring(ast.parse(Path(path).read_text(encoding="utf-8"))) or "").partition("\n")[0]


def _stay_light(site: Path) -> None:
    """Dark text on light, as the figures are, until a reader asks for another."""
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(_FIRST_THEME, _FIRST_THEME.replace("auto", "light")), encoding="utf-8")


class _Links(HTMLParser):
    """What a page links to and fetches, and the places in it that links may lead to."""

    def __init__(self, page: Path):
        super().__init__()
        self.targets, self.places = set(), set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.places |= {given.get("id"), given.get("name") if tag == "a" else None}
        if target := given.get({**FETCHING, "a": "href"}.get(tag, "")):
            self.targets.add((tag, target))


def broken(site: Path) -> list[str]:
    """What a reader without a network would miss: links into nowhere, and what pages fetch from elsewhere."""
    pages = {path: _Links(path) for path in site.resolve().rglob("*.html")}
    found = []
    for path, page in pages.items():
        for tag, target in page.targets:
            place, leads = path.relative_to(site.resolve()), urlsplit(target)
            if leads.scheme in ("data", "mailto") or (tag == "a" and leads.scheme in ("http", "https")):
                continue
            there = (path.parent / unquote(leads.path)).resolve() if leads.path else path
            if leads.scheme or leads.netloc:
                found.append(f"{place}: <{tag}> fetches {target}")
            elif not there.is_file():
                found.append(f"{place}: {target}")
            elif leads.fragment and there in pages and unquote(leads.fragment) not in pages[there].places:
                found.append(f"{place}: {target}: there is no such place on the page")
    for path in site.rglob("*.css"):
        fetched = re.findall(r"(?:url\(|@import)[\s'\"(url]*(?:https?:)?//", path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(site)}: fetches something"] * bool(fetched)
    return sorted(found)


if __name__ == "__main__":
    try:
        print(build(*sys.argv[1:3]))
    except SerkitError as error:
        sys.exit(f"Error: {error}")
