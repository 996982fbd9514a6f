"""Results on disk, and measured numbers beside published ones.

``claims.csv`` has one row a published number. A measured one is marked comparable when the corpus is the paper's own
and complete, and every setting on which that row depends is the paper's, or ours where the paper is silent;
``depends_on`` names these settings, ``choices`` counts those that are ours. Otherwise ``why_not`` says in short what
is different; ``reasons.csv`` says it in full. ``comparisons.csv`` has one row a comparison, with its verdict;
``made_by`` says whether the paper makes it. No number is typed by hand: published ones come from `serkit.papers`,
measured ones from the study.
"""

import gzip
import io
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from serkit import files, metrics, papers, plots, stamps, statistics, study
from serkit.corpora import Corpus
from serkit.errors import SerkitError, one_of

CLAIM_COLUMNS = [
    "paper", "table", "row", "metric", "published", "measured", "sd", "low", "high", "runs", "depends_on", "choices",
    "comparable", "why_not",
]  # fmt: skip
COMPARISON_COLUMNS = [
    "paper", "table", "better", "worse", "metric", "published", "measured", "low", "high", "p", "speakers", "seeds",
    "unit", "verdict", "why", "made_by", "comparable", "why_not",
]  # fmt: skip
_LISTED_SETTINGS = 4
_LONGEST_VALUE = 24
_NONE, _NOT_FOLLOWED = "none", "cannot be followed as it stands"
_MADE_BY = ("paper", "ours")
_DPI, _SHOWN_DPI = 150, 100  # of a figure's file, and of its size in a notebook
_LOWER_IS_BETTER = (metrics.rmse,)


class Results:
    """The results of one paper on one corpus: tables and figures under one folder.

    Args:
        key: of the paper.
        corpus: what was used; None where a notebook takes none.
        settings: the notebook's parameters.
        note: stands beside the corpus on every figure, such as that its labels are a proxy.
        reasons: further ones why the numbers must not be compared with the paper's.
        current: gives the parameters as they are now. Scores, claims, comparisons and findings are refused when a
            setting is no longer the one in `settings`: they would not say with what they were made. None: unchecked.

    Attributes:
        folder: where everything goes.
        note: as given; it may be set later.
    """

    def __init__(
        self,
        key: str,
        corpus: Corpus | None,
        settings: dict[str, Any],
        note: str = "",
        reasons: Iterable[str] = (),
        current: Callable[[], dict[str, Any]] | None = None,
    ):
        self.paper, self.corpus, self.settings, self.note = papers.find(key), corpus, settings, note
        self._current = current
        self.folder = Path(settings["out"]).resolve()
        self._reasons = [*_corpus_reasons(self.paper, corpus), *_setting_reasons(self.paper, settings)]
        self._comparisons: dict[tuple, dict] = {}
        for reason in reasons:
            self.not_comparable(reason)

    @property
    def why_not(self) -> tuple[str, ...]:
        """Everything that is not as in the paper, in full; empty where all numbers may be compared."""
        return tuple(reason.full for reason in self._all_reasons())

    def not_comparable(self, reason: str, affects: Iterable[str] | None = None) -> None:
        """Add a reason why numbers must not be compared with the paper's; one that is there already is left alone.

        Args:
            reason: in full; up to a colon it is what stands in ``claims.csv``.
            affects: "table 1", "row BLSTM", "metric test CCC" or several of these, as in "table 1 row BLSTM"; None
                for everything.
        """
        short, affects = reason.split(":", maxsplit=1)[0], None if affects is None else tuple(affects)
        added = _Reason(short, reason, "other", affects)
        if added not in self._reasons:  # a cell that is run again
            self._reasons.append(added)

    @property
    def label(self) -> str:
        """What stands on every figure: the corpus, whether it is a miniature, and the note."""
        if self.corpus is None:
            return self.note or "published numbers"
        name = f"{self.corpus.name} miniature (synthetic speech)" if self.corpus.miniature else self.corpus.name
        gone = len(study.missing(self.folder))
        return ", ".join(filter(None, [name, self.note, f"{gone} run{'s' * (gone > 1)} missing" * (gone > 0)]))

    def table(self, name: str, values: pd.DataFrame) -> pd.DataFrame:
        """Save a table as ``tables/<name>.csv`` and return it; where runs failed, ``tables/missing.csv`` lists them."""
        missing = study.missing(self.folder)
        if len(missing):
            files.write_csv(self.folder / stamps.MISSING, missing)
        else:
            (self.folder / stamps.MISSING).unlink(missing_ok=True)
        files.write_csv(self.folder / "tables" / f"{_file_name(name)}.csv", values)
        return values

    def predictions(self, table: pd.DataFrame) -> None:
        """Save every prediction that scores are made of as ``predictions.csv.gz``, numbers with five digits.

        With it scores can be computed again, compared or combined where the runs are not at hand.
        """
        self._compressed("predictions", table)

    def folds(self, table: pd.DataFrame) -> None:
        """Save who is trained, validated and tested on, in each fold, as ``folds.csv.gz``.

        Args:
            table: of `splits.listed`; further columns tell folds of one name apart, such as dataset or seed.
        """
        self._compressed("folds", table)

    def _compressed(self, name: str, table: pd.DataFrame) -> None:
        text = table.to_csv(index=False, lineterminator="\n", float_format="%.5g")
        with files.atomic(self.folder / f"{name}.csv.gz") as temporary:  # without a time: equal content, equal file
            temporary.write_bytes(gzip.compress(text.encode(), mtime=0))

    def figure(self, name: str, figure) -> None:
        """Save a figure as ``figures/<name>.png``, the corpus named in its corner; show it, and close it.

        It is drawn once: what a notebook shows is the file. With the environment variable ``SERKIT_PDF`` set to 1
        there is a ``.pdf`` too.
        """
        import matplotlib.pyplot as plt

        where = f"{self.paper.key} {'on' if self.corpus else 'from'} {self.label}"
        figure.text(1, -0.01, where, ha="right", va="top", fontsize=8, color="0.4")
        path, drawn = self.folder / "figures" / f"{_file_name(name)}.png", io.BytesIO()
        figure.savefig(drawn, format="png", dpi=_DPI, bbox_inches="tight")
        with files.atomic(path) as temporary:
            temporary.write_bytes(drawn.getvalue())
        if os.environ.get("SERKIT_PDF") == "1":
            with files.atomic(path.with_suffix(".pdf")) as temporary:  # without a date: the same figure, the same file
                figure.savefig(temporary, format="pdf", bbox_inches="tight", metadata={"CreationDate": None})
        plt.close(figure)  # or the notebook would draw it again
        _show(drawn.getvalue())

    def scores(
        self,
        predictions: pd.DataFrame,
        measures: Mapping[str, Callable] = metrics.ACCURACIES,
        pooled: bool = True,
        by: Sequence[str] = (),
        percent: bool = True,
        name: str = "scores",
        baselines: pd.DataFrame | None = None,
        division: str = "",
    ) -> pd.DataFrame:
        """Save `score_table` as ``tables/<name>.csv``, and what it is made of (`predictions`); return it.

        Args:
            predictions: as in `score_table`.
            measures: likewise.
            pooled: likewise.
            by: likewise.
            percent: likewise.
            name: of the table.
            baselines: predictions of `serkit.baselines` on the same folds. The table then begins with the column kind:
                "network", "baseline" or "cited".
            division: how speakers are divided into training and test; with "folds", what others have reported for this
                corpus, its classes and its folds (`serkit.papers.cited`) stands at the end.

        Raises:
            SerkitError: a setting was changed after the notebook began.
        """
        self._refuse_changed()
        if baselines is None:
            self.predictions(predictions)
            return self.table(name, score_table(predictions, measures, pooled, by, percent))
        kinds = {"network": predictions, "baseline": baselines.assign(seed=0)}
        both = pd.concat([table.assign(kind=kind) for kind, table in kinds.items()], ignore_index=True)
        self.predictions(both)
        found = score_table(both, measures, pooled, ["kind", *by], percent)
        corpus = "" if self.corpus is None or self.corpus.miniature else self.corpus.name
        cited = papers.cited(corpus, both["label"].unique(), division)
        cited = cited[cited["metric"].isin(measures)]
        values = cited.pivot_table("value", ["row", "source"], "metric", sort=False).add_suffix(" pooled").reset_index()
        values = values.rename(columns={"row": "model", "source": "why"}).assign(kind="cited")
        return self.table(name, pd.concat([found, values], ignore_index=True) if len(values) else found)

    def claims(self, measured: pd.DataFrame) -> pd.DataFrame:
        """Join measured numbers with every published number of the paper; save ``claims.csv`` and ``reasons.csv``.

        Args:
            measured: columns table (its number in the paper), row, metric, measured, sd, runs and, where there is an
                interval, low and high; in the units of the published table.

        Returns:
            What is worth reading: measured rows first, then those that the paper cites. The file has one row a
            published number, columns `CLAIM_COLUMNS`.

        Raises:
            SerkitError: a setting was changed after the notebook began.
        """
        self._refuse_changed()
        published = papers.published(self.paper.key).rename(columns={"value": "published"})
        measured = measured.reindex(columns=list(dict.fromkeys([*measured.columns, "sd", "low", "high", "runs"])))
        claims = published.merge(measured, on=["table", "row", "metric"], how="left")
        there = claims["measured"].notna()
        places = list(zip(claims["table"], claims["row"], claims["metric"], strict=True))
        reasons = [self._reasons_of(*place) for place in places]
        settings = [self._settings_of(*place) for place in places]
        claims["why_not"] = [_in_short(found) for found in reasons]
        claims["depends_on"] = [", ".join(found) for found in settings]
        claims["choices"] = [sum(self.paper.parameters[name].source == "ours" for name in found) for found in settings]
        claims["comparable"] = there & np.array([not found for found in reasons])
        claims.loc[~there, ["depends_on", "why_not"]] = ["", "not measured here"]
        claims.loc[~there & (claims["origin"] == "cited"), "why_not"] = "earlier work, published only"
        claims["runs"] = claims["runs"].fillna(0).astype(int)
        self.table("claims", claims.assign(paper=self.paper.key)[CLAIM_COLUMNS])
        self.table("reasons", pd.DataFrame([one.row() for one in self._all_reasons()], columns=_REASON_COLUMNS))
        shown = [one for one in CLAIM_COLUMNS if one not in ("paper", "depends_on")]
        cited = claims[~there & (claims["origin"] == "cited") & claims["published"].notna()]
        return pd.concat([claims[there], cited])[shown].reset_index(drop=True)

    def comparisons(
        self,
        predictions: pd.DataFrame,
        pairs: Iterable[tuple[str, str]],
        measures: Mapping[str, Callable] = metrics.ACCURACIES,
        table: int = 1,
        pooled: bool = True,
        percent: bool = True,
        rows: dict[str, str] | None = None,
        columns: Sequence[str] = ("label", "predicted"),
        made_by: str = "paper",
    ) -> pd.DataFrame:
        """Compare models as the paper does; add the comparisons to ``comparisons.csv`` and return them.

        Called several times, it adds to the file; the same comparison made again takes the earlier one's place. Where
        runs failed, two models are compared in the folds of which both have all their seeds; without such, not at all.

        Args:
            predictions: of all runs; columns model, speaker, seed, fold and `columns`.
            pairs: (better, worse) in the paper's words; one of which there are no predictions is left out.
            measures: the paper's name of a measure -> ``metric(y_true, y_pred)``.
            table: number of the table that holds both models.
            pooled: over the folds of a seed; False: the mean of the folds' own.
            percent: the table's numbers are percentages, and differences are in points; False: as the metric has them.
            rows: model in `predictions` -> its row in the table, where they differ.
            columns: what the metrics take.
            made_by: "paper", or "ours" for pairs that the paper does not compare. The column reads "paper, cited"
                where one of the two printed numbers is earlier work's: ours is then of another network.

        Raises:
            SerkitError: a setting was changed after the notebook began, or `made_by` is neither.
        """
        self._refuse_changed()
        one_of(made_by, _MADE_BY, "maker of a comparison")
        printed = papers.table(self.paper.key, table).set_index(["row", "metric"])
        models, rows, added = dict(list(predictions.groupby("model", sort=False))), rows or {}, []
        for better, worse in pairs:
            if better not in models or worse not in models:
                continue
            first, second = models[better], models[worse]
            if len(study.missing(self.folder)):
                first, second = whole_folds(first, second)
            if first.empty:
                continue
            for name, metric in measures.items():
                cells = [(rows.get(model, model), name) for model in (better, worse)]
                numbers = [printed["value"].get(cell, np.nan) for cell in cells]
                cited = made_by == "paper" and "cited" in [printed["origin"].get(cell) for cell in cells]
                published = numbers[0] - numbers[1]
                measured = statistics.paired_difference(first, second, metric, pooled=pooled, columns=columns)
                expected = published if np.isfinite(published) else -1.0 if metric in _LOWER_IS_BETTER else 1.0
                found, why = statistics.verdict(expected, measured)
                scale = 100 if percent else 1
                added.append(
                    {
                        "paper": self.paper.key, "table": table, "better": better, "worse": worse, "metric": name,
                        "published": round(published, 2 if scale == 100 else 4),
                        **{
                            column: round(scale * value, 2 if scale == 100 else 4)
                            for column, value in
                            (("measured", measured.difference), ("low", measured.low), ("high", measured.high))
                        },
                        "p": round(measured.p, 4), "speakers": measured.speakers, "seeds": _in_both(measured.seeds),
                        "unit": "points" if percent else "", "verdict": found, "why": why,
                        "made_by": "paper, cited" if cited else made_by,
                        **self._comparable(table, cells, made_by, cited),
                    }
                )  # fmt: skip
        self._comparisons |= {(one["table"], one["better"], one["worse"], one["metric"]): one for one in added}
        self.table("comparisons", pd.DataFrame(self._comparisons.values(), columns=COMPARISON_COLUMNS))
        return pd.DataFrame(added, columns=COMPARISON_COLUMNS).drop(columns=["paper", "why_not"])

    def confusions(
        self,
        predictions: pd.DataFrame,
        labels: Sequence,
        models: Sequence[str] | None = None,
        name: str = "confusion",
        own: str = "",
    ) -> None:
        """Save and draw the models' confusion matrices, all folds and seeds together.

        Args:
            predictions: of all runs; columns model, label, predicted.
            labels: the classes, in the order of rows and columns.
            models: which; default all.
            name: of the figure, and of the tables with the model's name behind it.
            own: a model that is drawn alone with the one of the highest UA, whose title says how it was found; "" draws
                all of them.
        """
        parts = dict(list(predictions.groupby("model", sort=False)))
        chosen = [model for model in models if model in parts] if models is not None else list(parts)
        matrices = {
            model: metrics.confusion(parts[model]["label"], parts[model]["predicted"], labels) for model in chosen
        }
        for model, counts in matrices.items():
            self.table(f"{name}_{model}", counts.reset_index())
        drawn = matrices
        if own in parts:
            uas = {model: metrics.ua(parts[model]["label"], parts[model]["predicted"]) for model in matrices}
            best = max(uas, key=lambda model: uas[model])
            how = f"highest UA of {len(uas)} models,\nfound by these predictions"
            drawn = ({own: matrices[own]} if best != own else {}) | {f"{best}\n{how}": matrices[best]}
        if drawn:
            self.figure(name, plots.confusions(drawn))

    def listen(self, row: pd.Series, seconds: float | None = None):
        """Return an audio player for a row of the corpus' table.

        Nothing where the speech must not be passed on, because a notebook that is run holds what it plays.

        Args:
            row: with the audio file's path.
            seconds: from the beginning; default all.
        """
        if self.corpus is None or not self.corpus.redistributable:
            return None
        from IPython.display import Audio

        from serkit import audio

        signal, rate = audio.read(row["path"], end=seconds and min(seconds, audio.info(row["path"]).duration))
        return Audio(signal, rate=rate)

    def findings(self):
        """What came out of each comparison, as Markdown: one line a comparison, with its verdict; ours come last.

        Raises:
            SerkitError: a setting was changed after the notebook began.
        """
        from IPython.display import Markdown

        self._refuse_changed()
        partly = not self._nowhere_comparable()
        own = [one for one in self._comparisons.values() if one["made_by"] == "ours"]
        lines = [_sentence(one, partly) for one in self._comparisons.values() if one["made_by"] != "ours"]
        lines = lines or ["Nothing that the paper compares was compared." if own else "Nothing was compared."]
        if own:
            lines += ["", "Not in the paper:", "", *(_sentence(one) for one in own)]
        if self._reasons:
            lines += ["", "What differs from the paper stands at the top, and in `reasons.csv`."]
        return Markdown("\n".join([self._comparability(), "", *lines]))

    def banner(self) -> str:
        """A Markdown paragraph that says what the numbers below may be compared with."""
        lines = [f"* {reason.full}{reason.where}" for reason in self._all_reasons()]
        return "\n".join([self._comparability(), "", *lines]).strip()

    def _refuse_changed(self) -> None:
        now = self._current() if self._current else {}
        for name, parameter in self.paper.parameters.items():
            if parameter.source != "place" and name in now and now[name] != self.settings[name]:
                raise SerkitError(
                    f"{name} was {self.settings[name]!r} when the notebook began and is {now[name]!r} now: run the "
                    "cell with begin again, and all below it"
                )

    def _reasons_of(self, table: int, row: str, metric: str) -> list["_Reason"]:
        """Why a printed number and ours must not be compared."""
        return [reason for reason in self._all_reasons() if _touches(reason.affects, table, row, metric)]

    def _all_reasons(self) -> list["_Reason"]:
        """Why numbers must not be compared with the paper's, runs that failed among them."""
        missing = study.missing(self.folder)
        gone = "runs missing"
        what = (
            f"{gone}: {'; '.join(missing['run'])}; the first error is: {missing['error'].iloc[0]}"
            if len(missing)
            else ""
        )
        return [*self._reasons, *([_Reason(gone, what, "other", None)] if what else [])]

    def _settings_of(self, table: int, row: str, metric: str) -> list[str]:
        """The settings on which a printed number depends."""
        return [
            name
            for name, parameter in self.paper.parameters.items()
            if parameter.source in ("paper", "ours") and _touches(parameter.affects, table, row, metric)
        ]

    def _comparable(self, table: int, cells: list[tuple[str, str]], made_by: str, cited: bool) -> dict[str, Any]:
        """Whether a comparison may be set beside the paper's, as columns."""
        if made_by == "ours":
            return {"comparable": False, "why_not": "the paper does not compare them"}
        reasons = [reason for cell in cells for reason in self._reasons_of(table, *cell)]
        reasons = [_Reason("earlier work's number", "", "other")] * cited + list(dict.fromkeys(reasons))
        return {"comparable": not reasons, "why_not": _in_short(reasons)}

    def _nowhere_comparable(self) -> bool:
        return any(reason.affects is None for reason in self._all_reasons())

    def _comparability(self) -> str:
        if self.paper.key in papers.COMPANIONS:
            return f"Everything here is of: {self.label}."
        if self._nowhere_comparable():
            return f"**Not comparable** with the paper's numbers ({self.label})."
        printed = papers.published(self.paper.key)
        printed = printed[printed["origin"] == "paper"]
        places = zip(printed["table"], printed["row"], printed["metric"], strict=True)
        settings = [self._settings_of(*place) for place in places]
        choices = [sum(self.paper.parameters[name].source == "ours" for name in found) for found in settings]
        least, most = min(choices, default=0), max(choices, default=0)
        count = f"{most} choice{'s' * (most != 1)}" if least == most else f"{least} to {most} choices"
        each = "" if least == most else ", depending on the row"
        ours = f"with {count} of ours where the paper is silent{each}" if most else "every setting as published"
        title = self.corpus.title if self.corpus else "no corpus"
        text = f"**Comparable** with the paper: {title}, complete, {ours}"
        return text + (", but not everywhere." if self._reasons else ".")


@dataclass(frozen=True)
class _Reason:
    """Why numbers are not comparable.

    Attributes:
        short: for one line in a table.
        full: for the banner.
        kind: corpus, setting or other.
        affects: what it bears on; None for everything.
        name: of the parameter, of a setting.
        stated: whether the paper states the setting.
    """

    short: str
    full: str
    kind: str
    affects: tuple[str, ...] | None = None
    name: str = ""
    stated: bool = False

    @property
    def where(self) -> str:
        if self.affects is None:
            return ""
        return f" (only {', '.join(self.affects)})" if self.affects else " (nothing that the paper prints)"

    def row(self) -> list[str]:
        return [
            self.name or self.short,
            self.kind,
            self.full,
            "all" if self.affects is None else "; ".join(self.affects),
        ]


_REASON_COLUMNS = ["reason", "kind", "in_full", "affects"]


def prediction_table(ids: Sequence[str], table: pd.DataFrame, labels: Sequence, scores: np.ndarray) -> pd.DataFrame:
    """What a network predicted for some utterances, as a run keeps it.

    Args:
        ids: of the utterances, in the order of `scores`.
        table: has their label and, where it is known, their speaker; its index or its column id names them.
        labels: the classes, in the order of the columns of `scores`.
        scores: of each class, shape (len(ids), len(labels)); the highest one is predicted.

    Returns:
        Columns id, speaker, label, predicted and one a class.

    Raises:
        SerkitError: `scores` has another shape, or an id is not in the table.
    """
    scores, labels = np.asarray(scores), list(labels)
    if scores.shape != (len(ids), len(labels)):
        raise SerkitError(f"scores have shape {scores.shape}; {len(ids)} ids and {len(labels)} labels need another one")
    table = table.set_index("id") if "id" in table else table
    if missing := [name for name in ids if name not in table.index]:
        raise SerkitError(f"{missing[0]!r} is not in the table of utterances")
    known = table.reindex(columns=["speaker", "label"]).loc[list(ids)].rename_axis("id").reset_index()
    predicted = np.array(labels, dtype=object)[scores.argmax(axis=1)]
    return known.assign(predicted=predicted, **dict(zip(map(str, labels), scores.T, strict=True)))


def measured_scores(
    predictions: pd.DataFrame,
    number: int,
    measures: Mapping[str, Callable] = metrics.ACCURACIES,
    pooled: bool = True,
    percent: bool = True,
    columns: Sequence[str] = ("label", "predicted"),
) -> pd.DataFrame:
    """The measures of each model, in the form that `Results.claims` takes.

    Args:
        predictions: of all runs; columns model, fold, seed, speaker and `columns`.
        number: of the table in the paper.
        measures: the paper's name of a measure -> ``metric(y_true, y_pred)``.
        pooled: over the folds of a seed, where together they are the paper's test; False where each fold is a
            repetition of it.
        percent: in percent, two decimals; False: as the metric has it, four decimals.
        columns: what the metrics take.

    Returns:
        One row a model and measure. measured is the mean over seeds, or over seeds and folds where these are not
        pooled; sd is the sample standard deviation over all folds and seeds; low and high are the ends of the 95 %
        interval over speakers and seeds, NaN with fewer than eight speakers.
    """
    rows = []
    scale, digits = (100, 2) if percent else (1, 4)
    for model, part in predictions.groupby("model", sort=False):
        runs = [run for _, run in part.groupby([name for name in ("seed", "fold") if name in part] or "model")]
        for name, metric in measures.items():
            by_run = [metric(*(run[column] for column in columns)) for run in runs]
            found = statistics.interval(part, metric, pooled=pooled, columns=columns)
            values = {
                "measured": found.value,
                "sd": np.std(by_run, ddof=1) if len(by_run) > 1 else np.nan,
                "low": found.low,
                "high": found.high,
            }
            row = {"table": number, "row": model, "metric": name}
            row |= {key: round(scale * float(value), digits) for key, value in values.items()}
            rows.append(row | {"runs": len(by_run)})
    return pd.DataFrame(rows)


def fold_scores(
    predictions: pd.DataFrame,
    measures: Mapping[str, Callable] = metrics.ACCURACIES,
    by: Sequence[str] = ("model", "fold", "seed"),
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


def score_table(
    predictions: pd.DataFrame,
    measures: Mapping[str, Callable] = metrics.ACCURACIES,
    pooled: bool = True,
    by: Sequence[str] = (),
    percent: bool = True,
) -> pd.DataFrame:
    """Every number that describes a model's predictions, with its interval.

    Args:
        predictions: of all runs; columns model, fold, seed, speaker, label, predicted and those of `by`.
        measures: name -> ``metric(y_true, y_pred)``.
        pooled: the interval is that of the pooled score; False: that of the mean over folds.
        by: further columns that divide the predictions, such as "dataset"; they lead.
        percent: in percent, two decimals; False: as the metrics have them, four decimals.

    Returns:
        One row a model (of each group): for a measure UA, "UA pooled" (over the folds of a seed, then the mean over
        seeds), "UA low" and "UA high" (95 % interval over speakers and seeds), "UA fold mean" and "UA fold sd" (over
        all folds and seeds), "UA floor" (predicting the commonest class always); "recall happy" of each class, unless
        labels are ratings; folds, seeds, speakers and utterances; why, where there is no interval.
    """
    rows = []
    scale, digits = (100, 2) if percent else (1, 4)
    for group, part in predictions.groupby([*by, "model"], sort=False):
        numbers = metrics.scores(part, measures)
        row, why = {}, ""
        for name, metric in measures.items():
            found = statistics.interval(part, metric, pooled=pooled)
            why = why or found.why
            ends = {f"{name} low": found.low, f"{name} high": found.high}
            row |= {f"{name} pooled": numbers[f"{name} pooled"], **ends}
            row |= {column: numbers[column] for column in (f"{name} fold mean", f"{name} fold sd")}
        row |= {f"{name} floor": numbers[f"{name} floor"] for name in measures}
        if not pd.api.types.is_float_dtype(part["label"]):  # ratings are no classes
            shares = metrics.recalls(part["label"], part["predicted"])
            row |= {f"recall {name}": value for name, value in shares.items()}
        row = {name: round(scale * value, digits) for name, value in row.items()}
        counts = {name: numbers[name] for name in ("folds", "seeds", "utterances")}
        rows.append(
            dict(zip([*by, "model"], group, strict=True)) | row | counts | {"speakers": found.speakers, "why": why}
        )
    return pd.DataFrame(rows)


def _corpus_reasons(paper: papers.Paper, corpus: Corpus | None) -> list[_Reason]:
    if corpus is None or paper.key in papers.COMPANIONS:
        return []
    if corpus.miniature:
        return [_Reason("synthetic miniature", f"synthetic miniature of {corpus.name}, not the corpus", "corpus")]
    if corpus.name not in paper.own:
        return [_Reason("corpus", f"corpus {corpus.name}; the paper's is {' and '.join(paper.own)}", "corpus")]
    if not corpus.complete:
        return [_Reason("incomplete copy", "this copy is not the whole corpus, or it fails its check", "corpus")]
    return []


def _setting_reasons(paper: papers.Paper, settings: dict[str, Any]) -> list[_Reason]:
    return [_setting_reason(one) for one in papers.differences(paper, settings)]


def _setting_reason(one: papers.Difference) -> _Reason:
    """A setting that differs.

    The paper states another value, or it is silent, or what it says has several readings or cannot be done.
    """
    stated, ours = one.source == "paper", _in_words(one.published)
    value, said = f"{one.name} = {_in_words(one.value)}", one.said or ours
    if stated:
        kind, full = "the paper states another value", f"{value}; the paper {'has' if said == _NONE else 'says'} {said}"
    elif one.said:
        kind, full = _NOT_FOLLOWED, f"{value}; our paper profile says {ours}, the paper says {said}"
    else:
        kind, full = "the paper is silent", f"{value}; our paper profile says {ours}, the paper is silent"
    whose = f"paper: {_cut(said)}" if stated else f"paper profile: {_cut(ours)}"
    affects = None if one.affects is None else tuple(one.affects)
    return _Reason(f"{one.name} = {_cut(_in_words(one.value))} ({whose})", full, kind, affects, one.name, stated)


def _in_words(value: Any) -> str:
    """A setting's value as text: no brackets or quotation marks, and `_NONE` for an empty one."""
    items = [str(item) for item in value if item != ""] if isinstance(value, list) else [str(value)]
    return ", ".join(items) or _NONE


def _cut(text: str) -> str:
    """The first words, where a text is long."""
    if len(text) <= _LONGEST_VALUE:
        return text
    whole_words = text[: _LONGEST_VALUE - 3].rpartition(" ")[0]
    return (whole_words or text[: _LONGEST_VALUE - 4]).rstrip(" ,;") + " ..."


def _touches(affects: Sequence[str] | None, table: int, row: str, metric: str) -> bool:
    """Whether what is named in `affects` bears on a number: "table 1", "row BLSTM", "table 1 metric UA", ..."""
    if affects is None:
        return True
    parts = (f"table {table}", f"row {row}", f"metric {metric}")
    return any(" ".join(some) in affects for count in (1, 2, 3) for some in combinations(parts, count))


def _in_short(reasons: list[_Reason]) -> str:
    """Reasons in one line: corpus and the like first, then the first few settings."""
    settings = [one.short for stated in (True, False) for one in reasons if one.name and one.stated == stated]
    others = [one.short for one in reasons if not one.name]
    listed = others + settings[:_LISTED_SETTINGS]
    more = len(settings) - _LISTED_SETTINGS
    return "; ".join(listed + ([f"and {more} more settings" if more > 1 else settings[-1]] if more > 0 else []))


def _sentence(one: dict, partly: bool = False) -> str:
    """A comparison in one line of Markdown; `partly`: it says whether it is comparable, as not all of them are."""
    unit = f" {one['unit']}" if one["unit"] else ""
    line = f"* {one['better']} better than {one['worse']}, {one['metric']}: **{one['verdict']}**"
    line += f" ({one['why']})" if one["why"] else ""
    paper = f"{one['published']:+g}{unit}" if np.isfinite(one["published"]) else "not printed"
    line += f". Paper {paper}, here {one['measured']:+g}{unit}"
    if np.isfinite(one["low"]):
        line += f" [{one['low']:+g}, {one['high']:+g}], p = {one['p']:.2g}"
    counts = [f"{one[name]} {name[: -1 if one[name] == 1 else None]}" for name in ("speakers", "seeds")]
    cited = "; one of the paper's two numbers is earlier work's" if one["made_by"] == "paper, cited" else ""
    mark = f"; not comparable: {one['why_not']}" if partly and not one["comparable"] and not cited else ""
    return f"{line}; {', '.join(counts)}{cited}{mark}."


def whole_folds(*tables: pd.DataFrame) -> tuple[pd.DataFrame, ...]:
    """Of models' predictions those in the folds of which each model has all its seeds; others have lost runs.

    Args:
        tables: one a model, with columns fold and seed; without a fold, all is returned.
    """
    if not all("fold" in table for table in tables):
        return tables
    whole = set(tables[0]["fold"])
    for table in tables:
        runs = table[["fold", "seed"]].drop_duplicates()
        counts = runs.groupby("fold").size()
        whole &= set(counts.index[counts == runs["seed"].nunique(dropna=False)])
    return tuple(table[table["fold"].isin(whole)] for table in tables)


def _in_both(counts: tuple[int, int]) -> int | str:
    """How many seeds two models have, "3 and 1" where not as many.

    >>> _in_both((3, 3)), _in_both((3, 1))
    (3, '3 and 1')
    """
    return counts[0] if counts[0] == counts[1] else f"{counts[0]} and {counts[1]}"


def _show(png: bytes) -> None:
    """Show a drawn figure in a notebook; elsewhere, nothing."""
    from IPython import get_ipython
    from IPython.display import Image, display

    if get_ipython():
        display(Image(png, width=int.from_bytes(png[16:20]) * _SHOWN_DPI // _DPI))  # PNG: bytes 16 to 19 are its width


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", name)
