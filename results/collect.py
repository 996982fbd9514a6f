"""Bring finished studies into this folder, and write the READMEs' tables from what is in it.

``python results/collect.py STORE ...`` copies, from folders that ``serkit reproduce --out`` filled, what is worth
keeping of each study: tables, figures, predictions and the command. Models, histories and executed notebooks stay where
they are. ``STORE/<corpus>/<paper>`` becomes ``results/<corpus>/<paper>``, and a store within the store adds its own
name: ``STORE/lowest/ravdess/li2018`` becomes ``results/ravdess/li2018_lowest``. With ``continuous:ravdess-proxy`` among
the arguments, a corpus is given another name.

``python results/collect.py`` alone writes the tables between ``<!-- NAME -->`` and ``<!-- end -->`` in README.md,
results/README.md, what stands beside it, and docs/, and codecheck.yml, which names every file of the results with its
digest. A measured number within a sentence stands between ``<!-- FILE | ROW | COLUMN | FORMAT -->`` and ``<!-- / -->``,
and is written anew as well (`value`). No number there is typed by hand; `typed` finds those that are.
"""

import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import yaml
from sklearn.metrics import balanced_accuracy_score

from serkit import files, papers, stamps
from serkit.errors import SerkitError, one_of

HERE = Path(__file__).parent
KEPT = set(stamps.RESULTS + stamps.SINGLE) - {"notebook.ipynb"}
READMES = (HERE / "README.md", HERE / "ravdess" / "experiments.md", HERE.parent / "README.md")
READMES += tuple(sorted((HERE.parent / "docs").glob("*.md")))
CITED = Path(papers.__file__).parent / "cited.csv"  # what others have published
FIVE = "Accuracy (5 class)"  # unweighted, as chang2017 names it
KINDS = {"classes": "UA pooled", "ratings": "measure", "trajectories": "CCC"}  # by a column of their scores
READ_BY = ("MAF", "UA", FIVE, "dev CCC")  # one measure a paper
MANIFEST = HERE.parent / "codecheck.yml"
SPECIFICATION = "https://codecheck.org.uk/spec/config/1.0/"
SAID = {  # of files that every study has
    "command.txt": "what to type for these results, and what made them",
    "predictions.csv.gz": "every prediction behind the scores",
    "folds.csv.gz": "who is trained, validated and tested on, in each fold",
    "tables/claims.csv": "every published number, and the one measured",
    "tables/comparisons.csv": "what the paper says is better, and whether it is here",
    "tables/reasons.csv": "what is not as in the paper",
    "tables/scores.csv": "scores of networks and baselines, with intervals",
}


def collect(store: Path, names: dict[str, str]) -> list[Path]:
    """Copy all finished studies under a store; return their new folders.

    Args:
        store: folder that ``--out`` named.
        names: of corpora, where another than the program's is wanted.
    """
    found = []
    for stamp in sorted(store.rglob("made_of.json")):  # written when an execution has ended well
        study = stamp.parent
        corpus, variant = study.parent.name, study.parent.parent.relative_to(store).name
        folder = HERE / names.get(corpus, corpus) / "_".join(filter(None, (study.name, variant)))
        new = folder.with_name(f"{folder.name}.new")  # what is there goes when all of this has come
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        for path in (path for path in study.iterdir() if path.name in KEPT):
            shutil.copytree(path, new / path.name) if path.is_dir() else shutil.copy2(path, new)
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
        found.append(folder)
    return found


def studies() -> list[Path]:
    """The folders of all committed studies of papers; the other notebooks' results make no claim."""
    found = sorted(path.parents[1] for path in HERE.glob("*/*/tables/claims.csv"))
    return [folder for folder in found if not folder.parent.name.endswith("-miniature")]


def shown(value: float, digits: int = 1) -> str:
    """A number as the READMEs have it; nothing where there is none."""
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def scores_of(folder: Path) -> str:
    """A study's scores on tested speakers as Markdown: networks, baselines, and what others have reported.

    Of a notebook that makes no claim, its own summary.
    """
    if not (folder / "tables" / "claims.csv").is_file():
        return _markdown(pd.read_csv(folder / "tables" / "summary.csv").fillna(""))
    scores = pd.read_csv(folder / "tables" / "scores.csv")
    if (kind := kind_of(scores)) != "classes":
        return _markdown(pd.DataFrame({"ratings": _of_ratings, "trajectories": _of_trajectories}[kind](scores)))
    return _markdown(pd.DataFrame(_of_classes(_tested(scores), _tested(pd.read_csv(folder / "predictions.csv.gz")))))


def kind_of(scores: pd.DataFrame) -> str:
    """What a study's scores are of, by the column that only such have: one of `KINDS`."""
    return next(kind for kind, column in KINDS.items() if column in scores)


def _tested(table: pd.DataFrame) -> pd.DataFrame:
    """Without the rows of validation, where a study reports them."""
    return table[~table["reported"].fillna("").str.startswith("validation")] if "reported" in table else table


def _of_classes(scores: pd.DataFrame, predictions: pd.DataFrame) -> list[dict]:
    by_seed = {
        model: [100 * balanced_accuracy_score(one["label"], one["predicted"]) for _, one in part.groupby("seed")]
        for model, part in predictions[predictions["kind"] == "network"].groupby("model")
    }
    return [
        {
            "": row["kind"],
            "model": row["model"],
            "UA": shown(row["UA pooled"]),
            "95 %": _between(row["UA low"], row["UA high"]),
            "WA": shown(row.get("WA pooled", row.get("Accuracy pooled"))),
            "UA of each seed": ", ".join(map(shown, by_seed.get(row["model"], []))),
        }
        for row in scores.to_dict("records")
    ]


def _of_ratings(scores: pd.DataFrame) -> list[dict]:
    rows = []
    for (kind, model), part in scores.groupby(["kind", "model"], sort=False):
        by_measure = part.set_index("measure")
        pearson = by_measure.loc["Pearson Correlation"]
        rows.append(
            {
                "": kind,
                "model": model,
                "UA, 5 classes": shown(by_measure.loc[FIVE, "pooled"]),
                "95 %": _between(by_measure.loc[FIVE, "low"], by_measure.loc[FIVE, "high"]),
                "UA, 3 classes": shown(by_measure.loc["Accuracy (3 class)", "pooled"]),
                "Pearson's r": shown(pearson["pooled"], 2),
                "runs": shown(pearson["runs"], 0) if kind == "network" else "",
            }
        )
    return rows


def _of_trajectories(scores: pd.DataFrame) -> list[dict]:
    tested = scores[scores["side"] == "test"]
    dimensions = tested["dimension"].unique()
    return [
        {
            "model": model,
            **{f"CCC, {name}": shown(part.set_index("dimension").loc[name, "CCC"], 2) for name in dimensions},
        }
        | {"runs": part["runs"].iloc[0]}
        for model, part in tested.groupby("model", sort=False)
    ]


def _between(low: float, high: float, digits: int = 1) -> str:
    return "" if pd.isna(low) else f"{shown(low, digits)} to {shown(high, digits)}"


def _markdown(table: pd.DataFrame) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *table.to_numpy()]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def list_of_studies() -> str:
    """Each study with its seeds, runs, hours and command, as Markdown."""
    rows = []
    for folder in studies():
        runs = pd.read_csv(folder / "tables" / "runs.csv")
        rows.append(
            {
                "study": f"[{folder.relative_to(HERE)}]({folder.relative_to(HERE)})",
                "runs of networks": len(runs),
                "seeds": runs["seed"].nunique(),
                "hours": shown(runs["seconds"].sum() / 3600),
                "command": f"`{command_of(folder)}`",
            }
        )
    return _markdown(pd.DataFrame(rows))


def command_of(folder: Path) -> str:
    """What made a study's results, as it is typed."""
    lines = (folder / "command.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def committed() -> list[Path]:
    """Every file of the results that is committed, of all notebooks."""
    found = []
    for command in HERE.glob("*/*/command.txt"):
        folder = command.parent
        if not folder.parent.name.endswith("-miniature"):
            found += [folder / name for name in KEPT if (folder / name).is_file()]
            found += [path for name in stamps.RESULTS for path in (folder / name).glob("*") if path.is_file()]
    return sorted(found)


def manifest() -> str:
    """codecheck.yml: the committed results, what they are, and their digests.

    A codechecker adds who checked what and when (https://codecheck.org.uk); ``sha256`` is an addition of ours.
    """
    citation = yaml.safe_load((HERE.parent / "CITATION.cff").read_text(encoding="utf-8"))
    listed = []
    for path in committed():
        corpus, study, *rest = path.relative_to(HERE).parts
        about = SAID.get("/".join(rest)) or f"{rest[0].removesuffix('s')} {path.stem}"
        name = str(path.relative_to(HERE.parent))
        listed.append({"file": name, "comment": f"{study} on {corpus}: {about}", "sha256": files.sha256(path)})
    paper = {"title": citation["title"], "authors": [{"name": one["name"]} for one in citation["authors"]]}
    content = {"version": SPECIFICATION, "paper": paper, "manifest": listed}
    return yaml.safe_dump(content, explicit_start=True, sort_keys=False, allow_unicode=True, width=1000)


def _mark(folder: Path) -> str:
    """What must be said wherever a study is shown."""
    said = ["proxy, delay added"] if folder.parent.name.endswith("-proxy") else []
    said += [f"{limit} folds alone" for limit in re.findall(r"\bfold_limit=([1-9]\d*)", command_of(folder))]
    return ": " * bool(said) + ", ".join(said)


def summary() -> str:
    """The best network of each study beside the best baselines, as Markdown; intervals are 95 % over speakers."""
    rows = []
    for folder in studies():
        name, scores = folder.relative_to(HERE), pd.read_csv(folder / "tables" / "scores.csv")
        about, kinds = _readable(scores)
        best = {kind: part.loc[part["value"].idxmax()] for kind, part in kinds.items()}
        digits = 1 if about.startswith("UA") else 2
        rows.append(
            {
                "study": f"[{name}](results/{name}/tables/scores.csv){_mark(folder)}",
                "measure on tested speakers": about,
                "best network": _named(best["network"], digits),
                "best baseline, no tested speaker's statistics": _named(best["baseline"], digits),
                "best baseline by speaker": _named(best["by speaker"], digits) if "by speaker" in best else "",
            }
        )
    return _markdown(pd.DataFrame(rows))


def _readable(scores: pd.DataFrame) -> tuple[str, dict[str, pd.DataFrame]]:
    """What a study is read by, and its rows by kind: columns model, value, low, high."""
    kind = kind_of(scores)
    if kind == "trajectories":
        table = scores[(scores["side"] == "test") & (scores["dimension"] == scores["dimension"].iloc[0])]
        about = f"CCC, {scores['dimension'].iloc[0]}"
        table = table.rename(columns={"CCC": "value", "CCC low": "low", "CCC high": "high"})
        table["kind"] = ["baseline" if model.startswith("linear") else "network" for model in table["model"]]
    elif kind == "ratings":
        about, table = "UA, 5 classes of valence", scores[scores["measure"] == FIVE].rename(columns={"pooled": "value"})
    else:
        recalls = [name for name in scores if name.startswith("recall ")]
        about = f"UA, {len(recalls)} emotions"
        table = _tested(scores).rename(columns={"UA pooled": "value", "UA low": "low", "UA high": "high"})
    speaker = table["model"].str.endswith(", by speaker")
    kinds = {
        "network": table[table["kind"] == "network"],
        "baseline": table[(table["kind"] == "baseline") & ~speaker],
        "by speaker": table[(table["kind"] == "baseline") & speaker],
    }
    return about, {kind: part.reset_index() for kind, part in kinds.items() if len(part)}


def _named(row: pd.Series, digits: int) -> str:
    interval = (
        "" if pd.isna(row["low"]) or row["low"] == row["high"] else f" ({_between(row['low'], row['high'], digits)})"
    )
    return f"{row['model']}: {shown(row['value'], digits)}{interval}"


def verdicts() -> str:
    """What the papers say is better than what, and whether it is here, as Markdown."""
    rows = []
    for folder in studies():
        made = pd.read_csv(folder / "tables" / "comparisons.csv")
        made = made[(made["made_by"] == "paper") & made["metric"].isin(READ_BY)]
        for row in made.to_dict("records"):
            digits = 1 if row["unit"] == "points" else 2
            rows.append(
                {
                    "study": f"{folder.relative_to(HERE)}{_mark(folder)}",
                    "the paper says that": f"{row['better']} is better than {row['worse']}",
                    "measure": row["metric"],
                    "by": shown(row["published"], digits),
                    "here by": shown(row["measured"], digits),
                    "95 %": _between(row["low"], row["high"], digits),
                    "seeds": row["seeds"],
                    "verdict": row["verdict"],
                }
            )
    return _markdown(pd.DataFrame(rows))


def quick_profiles() -> str:
    """How long each notebook's quick profile takes on its miniature, by its paper.toml, as Markdown."""
    known = sorted((papers.PAPERS | papers.COMPANIONS).values(), key=lambda paper: paper.seconds)
    return _markdown(pd.DataFrame({"notebook": f"`{one.key}`", "quick profile": _time(one.seconds)} for one in known))


BLOCKS = {"studies": list_of_studies, "summary": summary, "verdicts": verdicts, "seconds": quick_profiles}
_BLOCK = re.compile(r"<!-- (?P<name>[\w-]+(?:/\w+)*) -->\n.*?<!-- end -->", re.DOTALL)
_VALUE = re.compile(r"<!-- (?P<origin>[^|>]+\|[^>]+) -->.*?<!-- / -->", re.DOTALL)


def filled(text: str) -> str:
    """A README's text with its tables, and the numbers in its sentences, written anew."""

    def block(found: re.Match) -> str:
        name = found["name"]
        if name in BLOCKS:
            inside = BLOCKS[name]()
        elif (path := HERE / f"{name}.csv").is_file():
            inside = _markdown(pd.read_csv(path, dtype=str, keep_default_na=False))
        else:
            inside = scores_of(HERE / name)
        return f"<!-- {name} -->\n{inside}\n<!-- end -->"

    def number(found: re.Match) -> str:
        return f"<!-- {found['origin']} -->{value(found['origin'])}<!-- / -->"

    return _VALUE.sub(number, _BLOCK.sub(block, text))


def value(origin: str) -> str:
    """A number of a table of the results, as a sentence has it.

    Args:
        origin: "FILE | COLUMN=VALUE | ... | COLUMN | FORMAT": the table (``ravdess/li2018/scores``, or ``timings``, or
            ``cited`` for what others have published), what its one row has in some columns, the column of the number,
            and how it is written: so many digits after the point, with a + in front for one with its sign, without a
            "-" for a size alone; "time" for seconds. Without a format the number stands as it does in the file.

    Raises:
        SerkitError: there is no such file or column, or not one such row.

    >>> value("ravdess/zhao2018/scores | model=majority class | UA pooled | 1")
    '12.5'
    """
    name, *parts = (part.strip() for part in origin.split("|"))
    path = table_of(name)
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    while parts and "=" in parts[0]:
        column, wanted = parts.pop(0).split("=", 1)
        table = table[table[one_of(column, table.columns, f"column of {path}")] == wanted]
    column, kind = (*parts, "")[:2]
    cells = table[one_of(column, table.columns, f"column of {path}")]
    if len(cells) != 1:
        raise SerkitError(f"{len(cells)} rows of {path} are meant by {origin!r}: one is needed")
    found = cells.iloc[0]
    if kind == "time":
        return _time(float(found))
    return f"{abs(float(found)) if '-' in kind else float(found):{'+' * ('+' in kind)}.{kind[-1]}f}" if kind else found


def table_of(name: str) -> Path:
    """The file that a number's origin names.

    Raises:
        SerkitError: there is none.
    """
    folder, _, last = name.rpartition("/")
    places = (HERE / f"{name}.csv", HERE / folder / "tables" / f"{last}.csv", CITED.parent / f"{name}.csv")
    if path := next((path for path in places if path.is_file()), None):
        return path
    raise SerkitError(f"there is no table {name!r} among the results")


def _time(seconds: float) -> str:
    """Seconds in words: 1 min 17 s."""
    minutes, rest = divmod(round(seconds), 60)
    return (f"{minutes} min {rest} s" if rest else f"{minutes} min") if minutes else f"{seconds:g} s"


_NUMBER = r"\d+(?:\.\d+)?"
_UNITS = r"s|min|minutes?|hours?|days?|weeks?|points?|times|[kMG]i?B|GiB"
_TYPED = re.compile(rf"(?<![\w.]){_NUMBER}(?= ?%| (?:{_UNITS})\b)|(?<![\w.])\d+\.\d+(?!\.?\w)|(?<![\w.])\.\d+")
_NO_SENTENCE = re.compile(r"```.*?```|`[^`]*`|\]\([^)]*\)|<!--.*?-->|https?:\S+|^    .*?$", re.DOTALL | re.MULTILINE)


def typed(text: str, allowed: Iterable[str] = ()) -> list[str]:
    """Numbers of a README that look measured and come from nowhere, each with the words around it.

    These are decimals, percentages, and whole numbers of seconds, hours, points, times or bytes. Tables and numbers
    that `filled` writes are passed over, and so is code.

    Args:
        text: of the README.
        allowed: phrases with numbers that nobody measured, as regular expressions.
    """
    text = _VALUE.sub("", _BLOCK.sub("", text))
    text = " ".join(_NO_SENTENCE.sub(" ` ", text).split())
    for phrase in allowed:
        text = re.sub(phrase, " ", text)
    return [text[max(found.start() - 40, 0) : found.end() + 30] for found in _TYPED.finditer(text)]


def main(given: list[str]) -> None:
    """Collect from the stores that are named, then write the READMEs."""
    names = dict(name.split(":") for name in given if re.fullmatch(r"[\w-]+:[\w-]+", name))
    for store in given:
        if ":" not in store:
            for folder in collect(Path(store), names):
                print(folder.relative_to(HERE.parent))
    for readme in READMES:
        text = readme.read_text(encoding="utf-8")
        if (new := filled(text)) != text:
            readme.write_text(new, encoding="utf-8")
    MANIFEST.write_text(manifest(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
