"""Bring finished studies into this folder, and write the READMEs' tables from what is in it.

``python results/collect.py STORE [STORE ...]`` copies, from folders that ``serkit reproduce --out`` filled, what is worth
keeping of each study: tables, figures, predictions and the command. Models, histories and executed notebooks stay where
they are. ``STORE/<corpus>/<paper>`` becomes ``results/<corpus>/<paper>``; a store that is another's subfolder adds its own
name: ``results/<corpus>/<paper>_<store>``. A corpus of one's own recordings may be given a name: ``continuous:ravdess-proxy``.

``python results/collect.py`` alone writes the tables between ``<!-- NAME -->`` and ``<!-- end -->`` in README.md and
results/README.md. No number there is typed by hand.
"""

import re
import shutil
import sys
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
KEPT = ("tables", "figures", "predictions.csv.gz", "command.txt")
READMES = (HERE / "README.md", HERE.parent / "README.md")
# The measure that each paper's table is read by, first; what stands in it, second.
UA, FIVE = "UA", "Accuracy (5 class)"


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
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in KEPT:
            if (study / name).is_dir():
                shutil.copytree(study / name, folder / name)
            elif (study / name).is_file():
                shutil.copy2(study / name, folder / name)
        found.append(folder)
    return found


def studies() -> list[Path]:
    """The folders of all committed studies."""
    return sorted(path.parent for path in HERE.glob("*/*/command.txt") if not path.parts[-3].endswith("-miniature"))


def shown(value: float, digits: int = 1) -> str:
    """A number as the READMEs have it; nothing where there is none."""
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def scores_of(folder: Path) -> str:
    """A study's scores on tested speakers as Markdown: networks, baselines, and what others have reported."""
    scores = pd.read_csv(folder / "tables" / "scores.csv")
    paper = folder.name.split("_")[0]
    rows = {"chang2017": _of_ratings, "khorram2017": _of_trajectories}.get(paper, _of_classes)(scores)
    return _markdown(pd.DataFrame(rows))


def _of_classes(scores: pd.DataFrame) -> list[dict]:
    if "reported" in scores:
        scores = scores[~scores["reported"].fillna("").str.startswith("validation")]
    return [
        {
            "": row["kind"],
            "model": row["model"],
            "UA": shown(row["UA pooled"]),
            "95 %": _between(row["UA low"], row["UA high"]),
            "WA": shown(row.get("WA pooled", row.get("Accuracy pooled"))),
            "seeds": shown(row["seeds"], 0) if row["kind"] == "network" else "",
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
        {"model": model, **{f"CCC, {name}": shown(part.set_index("dimension").loc[name, "CCC"], 2) for name in dimensions}}
        | {"runs": part["runs"].iloc[0]}
        for model, part in tested.groupby("model", sort=False)
    ]


def _between(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{low:.1f} to {high:.1f}"


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
                "command": f"`{(folder / 'command.txt').read_text(encoding='utf-8').strip()}`",
            }
        )
    return _markdown(pd.DataFrame(rows))


def filled(text: str) -> str:
    """A README's text with its tables written anew."""

    def block(found: re.Match) -> str:
        name = found["name"]
        inside = list_of_studies() if name == "studies" else scores_of(HERE / name)
        return f"<!-- {name} -->\n{inside}\n<!-- end -->"

    return re.sub(r"<!-- (?P<name>studies|[\w-]+/\w+) -->\n.*?<!-- end -->", block, text, flags=re.DOTALL)


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


if __name__ == "__main__":
    main(sys.argv[1:])
