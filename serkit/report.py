"""Results on disk, and measured numbers beside published ones.

``claims.csv`` has one row a published number. A measured number is marked comparable only when the
corpus is the paper's own, complete, and every setting is as published; otherwise ``why_not`` says what
is different. Nothing here is typed by hand: the published side comes from `serkit.papers`, the
measured side from the study.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit import files, metrics, papers
from serkit.corpora import Corpus

CLAIM_COLUMNS = ["paper", "table", "row", "metric", "published", "measured", "sd", "runs", "comparable", "why_not"]


class Results:
    """The results of one paper on one corpus: tables and figures under one folder.

    Args:
        key: of the paper.
        corpus: what was used.
        settings: the notebook's parameters.
        note: stands beside the corpus on every figure, such as that its labels are a proxy.
        reasons: further ones why the numbers must not be compared with the paper's.

    Attributes:
        folder: where everything goes.
        why_not: why the numbers must not be compared with the paper's; empty when they may.
    """

    def __init__(self, key: str, corpus: Corpus, settings: dict[str, Any], note: str = "", reasons: Iterable[str] = ()):
        self.paper, self.corpus, self.settings, self.note = papers.find(key), corpus, settings, note
        self.folder = Path(
            settings["out"] or f"../results/{corpus.name}{'-miniature' * corpus.miniature}/{key}"
        ).resolve()
        self.why_not = [*_why_not(self.paper, corpus, settings), *reasons]

    @property
    def label(self) -> str:
        """What stands on every figure: the corpus, whether it is a miniature, and the note."""
        name = f"{self.corpus.name} miniature (synthetic speech)" if self.corpus.miniature else self.corpus.name
        return f"{name}, {self.note}" if self.note else name

    def table(self, name: str, values: pd.DataFrame) -> pd.DataFrame:
        """Save a table as ``tables/<name>.csv`` and return it."""
        files.write_csv(self.folder / "tables" / f"{name}.csv", values)
        return values

    def figure(self, name: str, figure) -> None:
        """Save a figure as ``figures/<name>.png`` and ``.pdf``, the corpus named in its corner."""
        figure.text(1, -0.01, f"{self.paper.key} on {self.label}", ha="right", va="top", fontsize=8, color="0.4")
        for suffix in ("png", "pdf"):
            path = self.folder / "figures" / f"{name}.{suffix}"
            with files.atomic(path) as temporary:
                metadata = {"CreationDate": None} if suffix == "pdf" else None  # the same figure, the same file
                figure.savefig(temporary, format=suffix, dpi=150, bbox_inches="tight", metadata=metadata)

    def claims(self, measured: pd.DataFrame) -> pd.DataFrame:
        """Join measured numbers with every published number of the paper, save ``tables/claims.csv`` and return it.

        Args:
            measured: columns table (its number in the paper), row, metric, measured, sd, runs, in the
                units of the published table.

        Returns:
            One row a published number, columns `CLAIM_COLUMNS`.
        """
        published = papers.published(self.paper.key).rename(columns={"value": "published"})
        joined = published.merge(measured, on=["table", "row", "metric"], how="left")
        missing = joined["measured"].isna()
        why = "; ".join(self.why_not)
        joined["why_not"] = np.where(missing, "not measured here", why)
        joined.loc[missing & (joined["origin"] == "cited"), "why_not"] = "earlier work, published only"
        joined["comparable"] = ~missing & (not self.why_not)
        joined["runs"] = joined["runs"].fillna(0).astype(int)
        return self.table("claims", joined.assign(paper=self.paper.key)[CLAIM_COLUMNS])

    def banner(self) -> str:
        """A Markdown paragraph that says what the numbers below may be compared with."""
        if not self.why_not:
            return f"**Comparable** with the paper: {self.corpus.title}, complete, every setting as published."
        reasons = "\n".join(f"* {reason}" for reason in self.why_not)
        return f"**Not comparable** with the paper's numbers ({self.label}):\n\n{reasons}"


def measured_scores(
    predictions: pd.DataFrame, number: int, measures: dict = metrics.ACCURACIES, pooled: bool = True
) -> pd.DataFrame:
    """The measures of each model, in the form that `Results.claims` takes.

    Args:
        predictions: of all runs; columns model, fold, seed, label, predicted.
        number: of the table in the paper.
        measures: the paper's name of a measure -> ``metric(y_true, y_pred)``.
        pooled: over the folds of a seed, where together they are the paper's test; False where each fold is a
            repetition of it.

    Returns:
        One row a model and measure. measured is the mean over seeds, or over seeds and folds where these are not
        pooled; sd is the sample standard deviation of the folds' scores over all folds and seeds; both in percent.
    """
    rows = []
    for model, part in predictions.groupby("model", sort=False):
        for name, metric in measures.items():
            by_fold = [metric(one["label"], one["predicted"]) for _, one in part.groupby(["seed", "fold"])]
            by_seed = [metric(one["label"], one["predicted"]) for _, one in part.groupby("seed")]
            rows.append(
                {
                    "table": number,
                    "row": model,
                    "metric": name,
                    "measured": round(100 * np.mean(by_seed if pooled else by_fold), 2),
                    "sd": round(100 * np.std(by_fold, ddof=1), 2) if len(by_fold) > 1 else np.nan,
                    "runs": len(by_fold),
                }
            )
    return pd.DataFrame(rows)


def fold_scores(
    predictions: pd.DataFrame, measures: dict = metrics.ACCURACIES, by: tuple[str, ...] = ("model", "fold", "seed")
) -> pd.DataFrame:
    """The measures of each single run, in percent.

    Args:
        predictions: of all runs; columns label, predicted and those of `by`.
        measures: name -> ``metric(y_true, y_pred)``.
        by: what makes a run.

    Returns:
        One row a run, in the order of `predictions`: the columns of `by`, then the measures.
    """
    return pd.DataFrame(
        dict(zip(by, run, strict=True))
        | {name: round(100 * metric(part["label"], part["predicted"]), 2) for name, metric in measures.items()}
        for run, part in predictions.groupby(list(by), sort=False)
    )


def score_table(predictions: pd.DataFrame, measures: dict = metrics.ACCURACIES) -> pd.DataFrame:
    """Every number that describes a model's predictions, in percent, with its interval.

    Args:
        predictions: of all runs; columns model, fold, seed, speaker, label, predicted.
        measures: name -> ``metric(y_true, y_pred)``.

    Returns:
        One row a model: each measure pooled (mean over seeds), their 95 % intervals by resampling speakers (first
        seed), mean and standard deviation over folds, recall of each class, the majority-class floor, counts.
    """
    rows = []
    for model, part in predictions.groupby("model", sort=False):
        by_seed = [one for _, one in part.groupby("seed")]
        values = pd.DataFrame([metrics.scores(one, measures) for one in by_seed]).mean()
        row = {"model": model}
        for name, metric in measures.items():
            low, high = metrics.speaker_interval(by_seed[0], metric)
            row |= {name: values[name], f"{name} low": low, f"{name} high": high}
            row |= {f"{name} fold mean": values[f"{name} fold mean"], f"{name} fold sd": values[f"{name} fold sd"]}
        for name, recall in metrics.recalls(part["label"], part["predicted"]).items():
            row[f"recall {name}"] = recall
        row |= {f"floor {name}": values[f"floor {name}"] for name in measures}
        row = {name: round(100 * value, 2) if name != "model" else value for name, value in row.items()}
        rows.append(
            row | {"folds": int(values["folds"]), "seeds": len(by_seed), "utterances": int(values["utterances"])}
        )
    return pd.DataFrame(rows)


def _why_not(paper: papers.Paper, corpus: Corpus, settings: dict[str, Any]) -> list[str]:
    reasons = []
    if corpus.miniature:
        reasons.append(f"synthetic miniature of {corpus.name}, not the corpus")
    elif corpus.name not in paper.own:
        reasons.append(f"corpus {corpus.name}; the paper's is {' and '.join(paper.own)}")
    elif (corpus.check()["level"] == "error").any():
        reasons.append("this copy of the corpus fails its check")
    whose = {"paper": "paper", "ours": "paper profile"}
    reasons += [
        f"{one.name} = {one.value} ({whose[one.source]}: {one.published})"
        for one in papers.differences(paper, settings)
    ]
    return reasons
