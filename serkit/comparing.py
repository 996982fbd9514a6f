"""Studies side by side: every model of every paper on the utterances that all of them were tested on.

A study is a folder that `serkit reproduce` has left: predictions, tables and the command. Those with the same classes
form a group, and within a group everything is compared on the same utterances, one prediction an utterance and seed.

* Two rows are one where the same model has predicted the same everywhere, as a baseline does that two papers share;
  where one name stands for different predictions, the study's name is added.
* Scores of different kinds (probabilities, log probabilities, logits, margins of an SVM) become shares that add up to 1
  (`shares`), with nothing fitted to anything.
* A study in which one voice is tested in several folds, whose other utterances may have been trained on, is compared
  with nobody; nor is a model that lacks utterances which all studies have tested.
* What an ensemble consists of is fixed before its score is looked at; the best single model is not, and
  `chosen_elsewhere` is what choosing it by other speakers gives.
"""

import json
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from serkit import files, metrics, papers, splits, statistics
from serkit.baselines import MAJORITY
from serkit.errors import SerkitError
from serkit.splits import Fold

PREDICTIONS = "predictions.csv.gz"
NOT_STUDIES = ("compare", "papers_by_numbers")  # what is made of studies
CLASSES, RATINGS, TRAJECTORIES = "classes", "ratings", "trajectories"
LEAK = "leak"  # the kind of rows that know more than they may
_KNOWN = {
    "id", "speaker", "label", "predicted", "side", "model", "fold", "seed", "dataset", "reported", "kind", "setting",
    "share", "labels", "rating", "valence", "activation", "expected", "frame", "dimension", "study", "studies",
}  # fmt: skip
COLUMNS = ["id", "speaker", "label", "predicted", "fold", "seed", "kind", "model", "study"]  # and the classes
_APART = ("setting", "share", "labels")  # what tells the rows of one model apart, besides its name
_TOLERANCE = 1e-3  # of shares that were written with five digits


@dataclass(frozen=True)
class Study:
    """One study on one set of utterances.

    Attributes:
        name: of its folder, and of the data set where it has several.
        folder: with predictions and tables.
        kind: "classes", "ratings" or "trajectories".
        predictions: of tested utterances or recordings (of development, where test labels are withheld), with the
            columns kind and seed; ratings and trajectories have the column dimension too.
        classes: that each have a column of scores; empty where predictions are no classes.
    """

    name: str
    folder: Path
    kind: str
    predictions: pd.DataFrame
    classes: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, str]:
        """The columns with what is true and what is predicted; of ratings, the mean of the predicted distribution."""
        return ("valence", "expected") if self.kind == RATINGS else ("label", "predicted")

    @property
    def paper(self) -> str:
        """The paper's key: a variant's folder is called so and ends in something more."""
        return self.folder.name.split("_")[0]

    @property
    def trim(self) -> float:
        """How far below the loudest silence was cut at both ends (dB), by the stored command; 0 none, NaN unknown."""
        path = self.folder / "command.txt"
        words = shlex.split(path.read_text(), comments=True) if path.is_file() else []
        said = [word.removeprefix("trim=") for word in words if word.startswith("trim=")]
        return float(said[-1]) if said else 0.0 if words else np.nan


@dataclass(frozen=True)
class Group:
    """Studies with the same classes.

    Attributes:
        name: how many classes there are, and which of several groups with as many it is: "4 classes", "4 classes b".
        classes: in the order of their names.
        predictions: one row an utterance, model and seed, of the utterances that all models have predicted; columns
            id, speaker, label, predicted, fold, seed, kind, model (each name once), study (all that have it), and one a
            class.
        protocol: one row a study: what it tested, what of that is compared ("compared", utterances), which voices are
            in several folds ("in several folds"), which of its models lack utterances ("left out").
    """

    name: str
    classes: tuple[str, ...]
    predictions: pd.DataFrame
    protocol: pd.DataFrame

    def models(self, *kinds: str) -> dict[str, pd.DataFrame]:
        """Predictions of each model, of these kinds, or of all."""
        table = self.predictions[self.predictions["kind"].isin(kinds)] if kinds else self.predictions
        return dict(list(table.groupby("model", sort=False)))


def read(*folders: Path | str, paper: str = "") -> list[Study]:
    """Read the studies in some folders of results.

    Args:
        folders: each with a folder a study; of two studies of one name the first one's is taken.
        paper: its key, where only its studies are wanted.

    Returns:
        In the order of their names, those of papers first. Rows of validation, and those of the kind "leak", are left
        out.
    """
    found: dict[str, list[Study]] = {}
    for folder in folders:
        for path in sorted(Path(folder).glob(f"{paper}*/{PREDICTIONS}")):
            name = path.parent.name
            if not name.startswith(NOT_STUDIES) and name not in found:
                found[name] = _read(path.parent)
    order = sorted(found, key=lambda name: (name in papers.COMPANIONS, name))
    return [study for name in order for study in found[name]]


def _read(folder: Path) -> list[Study]:
    table = pd.read_csv(folder / PREDICTIONS, low_memory=False)
    table = table.assign(**{name: table.get(name, value) for name, value in (("kind", "network"), ("seed", 0))})
    table = table[table["kind"] != LEAK]
    if folder.name.startswith(tuple(papers.COMPANIONS)):  # a network there is no paper's
        table = table.assign(kind="baseline")
    if "frame" in table:
        tested = table[table["side"] == "test"] if (table["side"] == "test").any() else table
        linear = tested["model"].str.startswith("linear")
        return [Study(folder.name, folder, TRAJECTORIES, tested.assign(kind=np.where(linear, "baseline", "network")))]
    side = table["side"] if "side" in table else pd.Series(np.nan, table.index)
    table = table[side.isna() | (side == "test")].reset_index(drop=True)
    if "valence" in table and "label" not in table:
        table = _named_apart(table).assign(dimension="valence", kind=table["kind"].replace({"target": "network"}))
        return [Study(folder.name, folder, RATINGS, table)] if len(table) else []
    parts = dict(list(table.groupby("dataset", sort=True))) if "dataset" in table else {"": table}
    studies = []
    for dataset, part in parts.items():
        name = folder.name if len(parts) == 1 else f"{folder.name}: {dataset}"
        numbers = part.select_dtypes("number").columns
        classes = tuple(sorted(column for column in numbers if column not in _KNOWN and part[column].notna().all()))
        studies.append(Study(name, folder, CLASSES, part.reset_index(drop=True), classes))
    return studies


def _named_apart(table: pd.DataFrame) -> pd.DataFrame:
    """Where several settings bear one model's name, the name says which."""
    names = table["model"].astype(str)
    for column in (one for one in _APART if one in table):
        said = table[column].astype(object).where(table[column].notna(), "").astype(str)
        several = said.groupby(table["model"]).transform("nunique") > 1
        names = names + (", " + said).where(several & (said != table["model"]), "")
    return table.assign(model=names)


def grouped(studies: Iterable[Study]) -> list[Group]:
    """Put studies with the same classes side by side, on the utterances that all of them have tested.

    A study that has none in common with the others (the one with most utterances first) is compared with nobody. Of an
    utterance that a study tests in several folds the first prediction is taken. Left out are studies that test parts of
    one voice in several folds, and models that lack some of the common utterances. The protocol says all of this; of a
    group without any other study there are no predictions.
    """
    by_classes: dict[tuple[str, ...], list[Study]] = {}
    for study in studies:
        if study.kind == CLASSES:
            by_classes.setdefault(study.classes, []).append(study)
    groups, counts = [], dict.fromkeys(map(len, by_classes), 0)
    for classes in sorted(by_classes, key=lambda names: (len(names), names)):
        letter = " " + chr(ord("a") + counts[len(classes)])
        counts[len(classes)] += 1
        groups.append(_group(f"{len(classes)} classes{letter * (letter != ' a')}", classes, by_classes[classes]))
    return groups


def _group(name: str, classes: tuple[str, ...], studies: list[Study]) -> Group:
    # With the label: what one study merges into a class may be another's class of its own.
    tested = {one.name: set(zip(one.predictions["id"], one.predictions["label"], strict=True)) for one in studies}
    common: set[tuple[str, str]] = set()
    voices = {study.name: _in_several_folds(study.predictions) for study in studies}
    honest = [study for study in studies if not voices[study.name]]
    for study in sorted(honest, key=lambda one: -len(tested[one.name])):
        common = common & tested[study.name] or (common or tested[study.name])
    compared, ids = [study for study in honest if common <= tested[study.name]], {one for one, _ in common}
    parts, reference = [pd.DataFrame(columns=[*COLUMNS, *classes])] * (not compared), None
    rows = []
    for study in studies:
        table = study.predictions
        one = table.drop_duplicates(["kind", "model", "seed", "id"])
        folds = _folds(one)
        inside = study in compared
        reference = folds if reference is None and inside else reference
        same = inside and reference is not None and folds.reindex(sorted(ids)).equals(reference.reindex(sorted(ids)))
        rows.append(
            {
                "study": study.name, "utterances": len(tested[study.name]), "speakers": one["speaker"].nunique(),
                "folds": one["fold"].nunique(), "seeds": one["seed"].nunique(),
                "tested twice or more": int(table.duplicated(["kind", "model", "seed", "id"]).any()),
                "compared": len(ids) if inside else 0, "same folds": "yes" if same else "no" if inside else "",
                "in several folds": ", ".join(voices[study.name]), "left out": "",
            }
        )  # fmt: skip
        if inside:
            one = one.assign(fold=one["id"].map(folds), study=study.name)[one["id"].isin(ids)]
            counts = one.groupby(["kind", "model", "seed"])["id"].size().groupby(["kind", "model"]).min()
            known = pd.MultiIndex.from_frame(table[["kind", "model"]].drop_duplicates())
            short = counts.reindex(known, fill_value=0).loc[lambda most: most < len(ids)]
            rows[-1]["left out"] = "; ".join(
                f"{model} ({count} of {len(ids)} utterances)" for (_, model), count in short.items()
            )
            there = ~pd.MultiIndex.from_frame(one[["kind", "model"]]).isin(short.index)
            parts.append(one.loc[there, [*COLUMNS, *classes]])
    return Group(name, classes, _named_once(pd.concat(parts, ignore_index=True)), pd.DataFrame(rows))


def _in_several_folds(table: pd.DataFrame) -> list[str]:
    """Speakers of whom, for one model and seed, a fold tests a part and another fold more: it may have trained on them.

    A speaker all of whose utterances are tested in each of several folds is none of them.
    """
    run, table = ["kind", "model", "seed", "speaker"], table.assign(fold=table["fold"].astype(str))
    least = table.groupby([*run, "fold"])["id"].nunique().groupby(run).min()
    parted = least < table.groupby(run)["id"].nunique()
    return sorted({str(speaker) for *_, speaker in parted.index[parted]})


def _folds(table: pd.DataFrame) -> pd.Series:
    """Utterance -> its fold, called after the first utterance that is tested in it: whatever folds are called."""
    first = table.drop_duplicates("id").set_index("id")["fold"].astype(str)
    return first.map(first.reset_index().groupby("fold")["id"].min())


def _named_once(table: pd.DataFrame) -> pd.DataFrame:
    """Join rows that predict the same under the same name, and give different predictions different names."""
    versions: dict[str, dict[tuple, list[pd.DataFrame]]] = {}
    for (_, model, _), part in table.groupby(["kind", "model", "study"], sort=False):
        rows = part.sort_values(["seed", "id"], ignore_index=True)
        content = tuple(rows["seed"]), tuple(rows["predicted"])
        content = () if model == MAJORITY else content  # of equally common classes each study takes its own first one
        versions.setdefault(model, {}).setdefault(content, []).append(rows)
    found = []
    for model, contents in versions.items():
        for same in contents.values():
            studies = [part["study"].iloc[0] for part in same]
            name = model if len(contents) == 1 else f"{model} ({studies[0]})"
            found.append(same[0].assign(model=name, study=", ".join(studies)))
    return pd.concat(found, ignore_index=True) if found else table


def common_protocol(utterances: pd.DataFrame, classes: Sequence[str]) -> dict[str, dict[str, object]]:
    """The settings that make the papers test the same speakers in the same folds, all of them.

    Where the corpus has folds of its own, these; where it has a partition, that; else its sessions, of which zhao2018
    tests one speaker at a time. A corpus with none of them has no common folds, and the papers' own are taken.

    Args:
        utterances: a corpus table.
        classes: labels.

    Returns:
        Paper -> parameters of its notebook.
    """
    all_folds = {"fold_limit": 0}
    found: dict[str, dict[str, object]] = {"tao2018": {}, "li2018": all_folds, "zhao2018": all_folds}
    found["chang2017"] = all_folds  # of ratings, which have no classes
    if "fold" in utterances and utterances["fold"].notna().all():
        found = {paper: one | {"split": "folds"} for paper, one in found.items()}
    elif not ("partition" in utterances and utterances["partition"].notna().any()):
        sessions = len(utterances["session"].unique())
        if sessions > 1 and utterances["session"].notna().all():
            found["tao2018"] = {"split": "sessions"}
            found["li2018"] = all_folds | {"split": "speakers", "speaker_groups": sessions}
    return {paper: one | ({"classes": list(classes)} if paper != "chang2017" else {}) for paper, one in found.items()}


def shares(scores: np.ndarray) -> np.ndarray:
    """Scores of classes as shares that add up to 1: as they are if they do already, else their softmax.

    The softmax of log probabilities is the probabilities, of logits what the network was trained with; of an SVM's
    margins it is only a way to keep their order and rough distance. Nothing is calibrated.

    Args:
        scores: shape (utterances, classes).

    >>> shares(np.array([[0.25, 0.75], [1.0, 0.0]]))[0], shares(np.array([[0.0, 0.0]]))
    (array([0.25, 0.75]), array([[0.5, 0.5]]))
    """
    scores = np.asarray(scores, float)
    if (scores >= 0).all() and np.allclose(scores.sum(axis=1), 1, atol=_TOLERANCE):
        return scores / scores.sum(axis=1, keepdims=True)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def ranks(scores: np.ndarray) -> np.ndarray:
    """Scores of classes as ranks, the lowest 1, divided by their sum: only the order within an utterance counts.

    >>> ranks(np.array([[-3.0, 5.0, 0.1]]))
    array([[0.16666667, 0.5       , 0.33333333]])
    """
    from scipy.stats import rankdata

    found = rankdata(np.asarray(scores, float), axis=1)
    return found / found.sum(axis=1, keepdims=True)


def ensemble(
    members: dict[str, pd.DataFrame], classes: Sequence[str], way: Callable[[np.ndarray], np.ndarray] = shares
) -> pd.DataFrame:
    """Average models: the class with the highest mean share is predicted.

    There are as many seeds as the member with most has; one with fewer takes its own in turn.

    Args:
        members: name -> predictions as in `Group`, of the same utterances.
        classes: their columns.
        way: what makes scores comparable: `shares` or `ranks`. Equal mean ranks are decided by the shares.

    Returns:
        Predictions, without the columns kind, model and study.

    Raises:
        SerkitError: no members, or not of the same utterances.
    """
    if not members:
        raise SerkitError("an ensemble needs members")
    seeds = [
        [one.sort_values("id", ignore_index=True) for _, one in table.groupby("seed")] for table in members.values()
    ]
    first = seeds[0][0]
    if any(not one["id"].equals(first["id"]) for tables in seeds for one in tables):
        raise SerkitError("the members of an ensemble have not predicted the same utterances")
    values = [[way(one[list(classes)]) + 1e-6 * shares(one[list(classes)]) for one in tables] for tables in seeds]
    found = []
    for seed in range(max(map(len, values))):
        mean = np.mean([one[seed % len(one)] for one in values], axis=0)
        predicted = np.array(classes, dtype=object)[mean.argmax(axis=1)]
        scores = dict(zip(classes, (mean / mean.sum(axis=1, keepdims=True)).T, strict=True))
        found.append(first[["id", "speaker", "label", "fold"]].assign(predicted=predicted, seed=seed, **scores))
    return pd.concat(found, ignore_index=True)


def over_seeds(table: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """One model's seeds averaged, as `ensemble` averages models: what several draws of one network reach together."""
    return ensemble({str(seed): one for seed, one in table.groupby("seed")}, classes)


def chosen_elsewhere(models: dict[str, pd.DataFrame], metric: Callable = metrics.ua) -> tuple[pd.DataFrame, list[str]]:
    """What the best model reaches if it is chosen, for each fold, by its score on the speakers of all other folds.

    Args:
        models: name -> predictions as in `Group`, divided into the same folds.
        metric: ``metric(y_true, y_pred)``; its mean over seeds chooses.

    Returns:
        Predictions (a model with fewer seeds than the chosen one with most takes its own in turn), and the name that
        was chosen for each fold.

    Raises:
        SerkitError: there are fewer than two folds, or the models' folds differ.
    """
    tables = list(models.values())
    folds = sorted(tables[0]["fold"].unique())
    own = [one.drop_duplicates("id").set_index("id")["fold"].sort_index() for one in tables]
    if len(folds) < 2 or any(not one.equals(own[0]) for one in own):
        raise SerkitError("a model is chosen on other folds only where all models have the same two folds or more")

    def score(table: pd.DataFrame) -> float:
        return float(np.mean([metric(one["label"], one["predicted"]) for _, one in table.groupby("seed")]))

    parts = {name: (table["fold"].to_numpy(), table) for name, table in models.items()}
    elsewhere = [{name: score(table[of != fold]) for name, (of, table) in parts.items()} for fold in folds]
    names = [max(scores, key=lambda name: scores[name]) for scores in elsewhere]
    most = max(models[name]["seed"].nunique() for name in names)
    found = []
    for fold, name in zip(folds, names, strict=True):
        of, table = parts[name]
        seeds = [one for _, one in table[of == fold].groupby("seed")]
        found += [seeds[seed % len(seeds)].assign(seed=seed) for seed in range(most)]
    return pd.concat(found, ignore_index=True), names


def differences(
    pairs: dict[tuple, tuple[pd.DataFrame, pd.DataFrame]], names: Sequence[str], expected: float = 1.0
) -> pd.DataFrame:
    """UA of two models each, their difference, and Holm's correction for as many questions as there are pairs.

    Args:
        pairs: what a pair is called -> the first model's predictions and the second one's.
        names: of the columns with what a pair is called.
        expected: 1.0 where the question is whether the first one is better, -1.0 where it is whether it is worse.

    Returns:
        One row a pair: the names, UA and "UA beside" (percent), difference, low and high (points), p, p Holm, verdict
        (by p Holm and the interval) and why it is undecided.
    """
    rows, found = [], []
    for name, (first, second) in pairs.items():
        gap = statistics.paired_difference(first, second)
        scores = [statistics.interval(one).value for one in (first, second)]
        rows.append([*name, *np.round(100 * np.array([*scores, gap.difference, gap.low, gap.high]), 2), gap.p])
        found.append(gap)
    table = pd.DataFrame(rows, columns=[*names, "UA", "UA beside", "difference", "low", "high", "p"])
    corrected = statistics.holm(table["p"].to_numpy(float))
    said = [statistics.verdict(expected, replace(gap, p=p)) for gap, p in zip(found, corrected, strict=True)]
    table["p Holm"] = corrected.round(5)
    table["verdict"], table["why"] = [one for one, _ in said], [why.replace("p = ", "p Holm = ") for _, why in said]
    return table.round({"p": 5})


def decisions(models: dict[str, pd.DataFrame], classes: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """How often each model has decided for each class, over its seeds.

    Returns:
        The utterances (columns id, speaker, label), and shares of seeds of shape (models, utterances, classes).
    """
    truth, found = None, []
    for table in models.values():
        counts = pd.crosstab(table["id"], table["predicted"]).reindex(columns=list(classes), fill_value=0).sort_index()
        found.append(counts.to_numpy(float) / counts.sum(axis=1).to_numpy()[:, None])
        if truth is None:
            truth = table.drop_duplicates("id").sort_values("id")[["id", "speaker", "label"]].reset_index(drop=True)
    return truth, np.stack(found)


def agreement(models: dict[str, pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """Cohen's kappa of every two models' decisions; on the diagonal, of a model's own seeds, NaN where it has one.

    1 is the same decision everywhere, 0 as often as two would agree who decide as often for each class by chance. With
    several seeds it is that of a random seed of each.

    Returns:
        One row and one column a model.
    """
    _, decided = decisions(models, classes)
    utterances = decided.shape[1]
    together = np.einsum("iuc,juc->ij", decided, decided) / utterances
    usual = decided.mean(axis=1)
    seeds = np.array([table["seed"].nunique() for table in models.values()], float)
    own = np.diag(together).copy()
    # Two different seeds: without the pairs of a seed with itself, which agree always.
    own = np.divide(own * seeds - 1, seeds - 1, out=np.full(len(own), np.nan), where=seeds > 1)
    np.fill_diagonal(together, own)
    expected = usual @ usual.T
    kappa = (together - expected) / np.where(expected < 1, 1 - expected, np.nan)
    return pd.DataFrame(kappa, index=list(models), columns=list(models))


def difficulty(models: dict[str, pd.DataFrame], classes: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """How many models are right about each utterance, and how many would be if they erred independently.

    A model with several seeds counts as right in the share of its seeds that are.

    Returns:
        One row an utterance, hardest first: id, speaker, label, right (models), heard as (the commonest wrong decision)
        and how many decide for it; and the number of utterances that 0, 1, ... models would be right about by chance,
        each with its own recall of the utterance's class, shape (models + 1,).
    """
    truth, decided = decisions(models, classes)
    position = pd.Index(classes).get_indexer(truth["label"])
    right = decided[:, np.arange(len(truth)), position]  # (models, utterances)
    expected = np.zeros(len(models) + 1)
    for number in range(len(classes)):
        there = position == number
        if there.any():
            chances = np.ones(1)  # of 0, 1, ... being right
            for recall in right[:, there].mean(axis=1):
                chances = np.convolve(chances, [1 - recall, recall])
            expected += there.sum() * chances
    wrong = decided.sum(axis=0)
    wrong[np.arange(len(truth)), position] = -1
    heard = np.array(classes, dtype=object)[wrong.argmax(axis=1)]
    table = truth.assign(right=right.sum(axis=0).round(3), **{"heard as": heard, "by": wrong.max(axis=1).round(3)})
    return table.sort_values(["right", "by", "id"], ascending=[True, False, True], ignore_index=True), expected


def costs(study: Study) -> pd.DataFrame:
    """What a study has stored of each model's size, time and memory.

    Returns:
        Columns study, model, runs, weights, "s a run" and "s in all" (training and testing, from ``tables/runs.csv``
        and ``baselines.csv``) and "MiB" (the most that a run's process needed, from the runs themselves, which
        committed results lack); NaN where nothing is stored. Nothing stores the time of prediction alone.
    """
    rows = []
    for name in ("runs", "baselines"):
        path = study.folder / "tables" / f"{name}.csv"
        table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        if {"model", "seconds"} <= set(table):
            table = table[table["dataset"] == study.name.split(": ")[-1]] if ": " in study.name else table
            memory = [_peak(study.folder / "runs" / str(key)) for key in table.get("key", [])]
            table = table.assign(memory=memory or np.nan, weights=table.get("weights", np.nan))
            for model, part in table.groupby("model", sort=False):
                rows.append(
                    {
                        "study": study.name, "model": model, "runs": len(part), "weights": part["weights"].max(),
                        "s a run": round(part["seconds"].mean(), 2), "s in all": round(part["seconds"].sum(), 1),
                        "MiB": part["memory"].max(),
                    }
                )  # fmt: skip
    numbers = ["weights", "s a run", "s in all", "MiB"]
    return pd.DataFrame(rows, columns=["study", "model", "runs", *numbers]).astype(dict.fromkeys(numbers, float))


def _peak(run: Path) -> float:
    path = run / "run.json"
    return float(json.loads(path.read_text())["peak_memory_mib"]) if path.is_file() else np.nan


def two_corpora(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Put the utterances of several corpora into one table: ids and speakers begin with the corpus' name.

    Args:
        tables: name of the corpus -> utterances, with the labels that all of them have.

    Returns:
        One table with the column corpus; without folds and partitions, which are each corpus' own.

    Raises:
        SerkitError: they have fewer than two labels in common.
    """
    shared = set.intersection(*(set(table["label"].dropna()) for table in tables.values()))
    if len(shared) < 2:
        raise SerkitError(f"{' and '.join(tables)} share {len(shared)} labels: two or more are needed to compare them")
    parts = []
    for name, table in tables.items():
        part = table[table["label"].isin(shared)].drop(columns=["fold", "partition"], errors="ignore")
        ids, speakers = f"{name}/" + part["id"].astype(str), f"{name}/" + part["speaker"].astype(str)
        parts.append(part.assign(id=ids, speaker=speakers.where(part["speaker"].notna(), None), corpus=name))
    return pd.concat(parts, ignore_index=True)


def across(both: pd.DataFrame, trained: str, tested: str) -> Fold:
    """Train on all of one corpus and test all of another (`two_corpora`)."""
    ids = {name: tuple(both.loc[both["corpus"] == name, "id"]) for name in (trained, tested)}
    return splits.assert_disjoint(Fold(f"{trained} to {tested}", train=ids[trained], test=ids[tested]), both)


def write_manifest(path: Path | str, both: pd.DataFrame, trained: str, tested: str, dev: float = 1 / 6) -> Path:
    """Write two corpora as one, for any paper: ``serkit reproduce PAPER --corpus manifest=FILE --set split=partition``.

    Args:
        path: of the CSV file.
        both: as `two_corpora` makes it.
        trained: the corpus of the partitions train and val.
        tested: the corpus of the partition test.
        dev: share of the training corpus' speakers who validate, at least one woman and one man.

    Returns:
        The file.

    Raises:
        SerkitError: a training speaker is missing, or too few of a gender.
    """
    sides = [
        splits.deal_partition(both[both["corpus"] == trained].reset_index(drop=True), dev=dev, test=0),
        both[both["corpus"] == tested].assign(partition="test"),
    ]
    table = pd.concat(sides, ignore_index=True)
    table["partition"] = table["partition"].replace({"dev": "val"})
    table["note"] = f"trained on {trained}, tested on {tested}"
    columns = ["id", "path", "label", "speaker", "gender", "text", "partition", "note"]
    files.write_csv(Path(path), table[columns])
    return Path(path)


def unseen_sentences(folds: Sequence[Fold], utterances: pd.DataFrame, groups: int = 2) -> list[Fold]:
    """Leave out, besides each fold's speakers, each group of sentences.

    Args:
        folds: by speaker.
        utterances: a corpus table with columns id, speaker, label and text.
        groups: into how many the sentences are dealt, in the order of their words.

    Returns:
        One fold a fold and group that says something in it: those sentences are tested, and trained on by nobody.

    Raises:
        SerkitError: an utterance without text, or fewer sentences than groups.
    """
    group = _sentence_groups(utterances, groups)
    found = []
    for fold in folds:
        for number in range(groups):
            trained, tested = (
                tuple(name for name in side if (group[name] == number) == kept)
                for side, kept in (((*fold.train, *fold.validation), False), (fold.test, True))
            )
            if tested:
                name = f"{fold.name}, sentences {number + 1}"
                found.append(splits.assert_disjoint(Fold(name, train=trained, test=tested), utterances))
    return found


def fewer_sentences(fold: Fold, utterances: pd.DataFrame, groups: int = 2, seed: int = 0) -> Fold:
    """The control of `unseen_sentences`: as much less training speech, and no sentence that nobody says.

    Each training speaker loses one group of sentences; which one is dealt in turn, women and men apart, in random
    order.

    Args:
        fold: by speaker.
        utterances: as in `unseen_sentences`.
        groups: likewise.
        seed: of the draw.

    Raises:
        SerkitError: as `unseen_sentences`.
    """
    group = _sentence_groups(utterances, groups)
    table = utterances.set_index("id").loc[[*fold.train, *fold.validation]]
    rng, lost = np.random.default_rng(seed), {}
    for _, part in table.groupby(table["gender"].fillna("not given")):
        order = rng.permutation(sorted(part["speaker"].unique()))
        lost |= {speaker: (place + seed) % groups for place, speaker in enumerate(order)}
    kept = tuple(name for name, speaker in table["speaker"].items() if group[name] != lost[speaker])
    return splits.assert_disjoint(Fold(fold.name, train=kept, test=fold.test), utterances)


def _sentence_groups(utterances: pd.DataFrame, groups: int) -> pd.Series:
    text = utterances.set_index("id")["text"]
    sentences = sorted(text.dropna().unique())
    if text.isna().any() or len(sentences) < groups or groups < 2:
        raise SerkitError(
            f"{len(sentences)} sentences, {text.isna().sum()} utterances without text: {groups} groups need as many "
            "sentences or more, at least two, and a text of each utterance"
        )
    return text.map({sentence: place % groups for place, sentence in enumerate(sentences)})
