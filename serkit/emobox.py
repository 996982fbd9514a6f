"""Lists of the benchmark EmoBox: write a corpus with its folds as such, and read such lists as folds of a corpus.

A folder of lists has, for each fold K, ``fold_K/<corpus>_train_fold_K.jsonl`` and ``..._test_fold_K.jsonl`` (for some
corpora ``..._valid_fold_K.jsonl``, else the benchmark draws validation from training), beside them all utterances,
``<corpus>.jsonl``, and ``label_map.json``: from the labels of the lists to the classes that are trained. A line is a
JSON object: key ("<corpus>-<id>"), dataset, wav (a path), type ("raw"), sample_rate (Hz), num_frame (samples), task
("category"), length (seconds), emo (label), channel (1, the first). In the published lists dashes and underscores in a
key are not always those of the file's name, so keys are compared without regard to them.

A loader may say with a constant `EMOBOX` how its corpus stands there: labels, from its label words to (emo, class), and
fold, the column whose values are the folds ("session" of IEMOCAP). Source: Ma et al. 2024, and its repository.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from serkit import files, splits
from serkit.corpora import Corpus, module
from serkit.corpora.checks import header, in_threads
from serkit.errors import SerkitError

CLASSES = {
    "angry": "Angry", "happy": "Happy", "excited": "Happy", "sad": "Sad", "neutral": "Neutral", "fearful": "Fear",
    "disgusted": "Disgust", "surprised": "Surprise", "calm": "Calm",
}  # fmt: skip
SIDES = {"train": "train", "valid": "validation", "test": "test"}
SHOWN = 3  # of those of a kind
COLUMNS = ["id", "path", "label", "speaker", "gender", "session", "style", "valence", "activation", "dominance", "text"]
_LIST = re.compile(r"(.+)_(train|valid|test)_fold_(\w+)\.jsonl")


def write_lists(corpus: Corpus, directory: Path | str) -> tuple[list[Path], dict[str, int]]:
    """Write a corpus with its folds as lists.

    Args:
        corpus: with a column fold (or what its loader names), or a partition.
        directory: a folder; the lists go to ``directory/<corpus>``.

    Returns:
        The files, and how many utterances of which labels are in none of them.

    Raises:
        SerkitError: the corpus has neither folds nor a partition, or what `splits.by_fold` refuses.
    """
    about = getattr(module(corpus.name), "EMOBOX", {})
    table, folder = corpus.utterances, Path(directory) / corpus.name
    labels = sorted(table["label"].dropna().unique())
    names = about.get("labels", {label: (label, CLASSES.get(label, label.capitalize())) for label in labels})
    left_out = table.loc[~table["label"].isin(names), "label"].fillna("no label").value_counts().to_dict()
    table = table[table["label"].isin(names)].reset_index(drop=True)
    heads = in_threads(header, table["path"].tolist(), "reading audio headers")
    lines = {
        row.id: json.dumps(
            {
                "key": f"{corpus.name}-{row.id}",
                "dataset": corpus.name,
                "wav": row.path,
                "type": "raw",
                "sample_rate": head.sample_rate,
                "num_frame": float(head.samples),
                "task": "category",
                "length": head.duration,
                "emo": names[row.label][0],
                "channel": 1,
            },
            ensure_ascii=False,
        )
        for row, head in zip(table.itertuples(), heads, strict=True)
    }
    found = {folder / f"{corpus.name}.jsonl": lines.values()}
    for number, fold in enumerate(_folds_of(table, corpus, about.get("fold", "fold")), 1):
        for side, attribute in SIDES.items():
            if ids := getattr(fold, attribute):
                path = folder / f"fold_{number}" / f"{corpus.name}_{side}_fold_{number}.jsonl"
                found[path] = [lines[name] for name in ids]
    for path, those in found.items():
        files.write_text(path, "".join(f"{line}\n" for line in those))
    files.write_json(folder / "label_map.json", dict(names.values()))
    return [*found, folder / "label_map.json"], left_out


def _folds_of(table: pd.DataFrame, corpus: Corpus, column: str) -> list[splits.Fold]:
    if column not in table and corpus.has_partition:
        return [splits.by_partition(table, required=("train", "test"))]
    return splits.by_fold(table.assign(fold=table[column]) if column in table else table)


def read_lists(corpus: Corpus, directory: Path | str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read lists as folds of a corpus.

    Args:
        corpus: whose utterances they are.
        directory: the folder that holds the lists and label_map.json, or folders with them.

    Returns:
        The utterances that are in the lists, rows of its table with a column fold (lists of several folds) or
        partition (of one); and which labels count as another one there: {"excited": "happy"}.

    Raises:
        SerkitError: there are no such lists, of one corpus; a line is none; and, all of it named: keys that this copy
            does not have, utterances that a fold, or all of them, lack, utterances that are tested twice or never,
            speakers on two sides of a fold, unknown labels, labels that are not those of the corpus.
    """
    label_map, rows = _read(Path(directory))
    table = corpus.utterances.set_index("id", drop=False)
    ids = _ids_by_key(table["id"], rows["dataset"].iloc[0] if len(rows) else "")
    rows["id"] = [ids.get(_plain(key)) for key in rows["key"]]
    wrong = _strangers(rows, label_map)
    rows = rows[rows["id"].notna() & rows["emo"].isin(list(label_map))]
    rows = rows.assign(label=table["label"].reindex(rows["id"]).to_numpy())
    rows["speaker"] = table["speaker"].reindex(rows["id"]).to_numpy()
    wrong += _mislabelled(rows, label_map) + _sides(rows) + _lacking(rows, table)
    if wrong:
        raise SerkitError(f"these lists do not divide this copy of {corpus.name}:\n" + "\n".join(wrong))
    return _divided(rows, corpus), _merged(rows, label_map)


def write_manifest(corpus: Corpus, directory: Path | str, path: Path | str) -> tuple[Path, str, dict[str, str]]:
    """Write a corpus as its EmoBox lists divide it, for any paper: a CSV for the corpus "manifest".

    Args:
        corpus: as in `read_lists`.
        directory: as in `read_lists`.
        path: of the CSV file.

    Returns:
        The file; the value of the notebooks' parameter split, "folds" or "partition"; and the labels that count as
        another one in the benchmark, for the parameter merge.

    Raises:
        SerkitError: there is such a file already; and as `read_lists`.
    """
    if Path(path).exists():
        raise SerkitError(f"{path} is there already: name another file, or move it away")
    table, merged = read_lists(corpus, directory)
    column = "fold" if "fold" in table else "partition"
    table = table.assign(note=f"{corpus.title}; divided by lists of EmoBox")
    files.write_csv(path, table[[*COLUMNS, column, "note"]])
    return Path(path), "folds" if column == "fold" else column, merged


def _read(folder: Path) -> tuple[dict[str, str], pd.DataFrame]:
    """Read label_map.json, and the lines of all lists: columns key, emo, dataset, side, fold and where (file:line)."""
    lists = {path: match for path in sorted(folder.rglob("*.jsonl")) if (match := _LIST.fullmatch(path.name))}
    maps = sorted(folder.rglob("label_map.json"))
    if not lists or len(maps) != 1:
        raise SerkitError(
            f"{folder}: {len(lists)} lists <corpus>_train_fold_1.jsonl and such, and {len(maps)} files label_map.json; "
            "name the folder of one corpus, with its folds and one label_map.json"
        )
    names = {match[1] for match in lists.values()}
    if len(names) > 1:
        raise SerkitError(f"{folder} has lists of {', '.join(sorted(names))}: name the folder of one of them")
    given = {(match[3], match[2]) for match in lists.values()}
    for fold in sorted({fold for fold, _ in given}):
        if missing := {"train", "test"} - {side for one, side in given if one == fold}:
            raise SerkitError(f"{folder}: fold {fold} has no list for {' and '.join(sorted(missing))}; copy it there")
    rows = [
        (*_line(text, f"{path}:{number}"), SIDES[match[2]], match[3], f"{path}:{number}")
        for path, match in lists.items()
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if text.strip()
    ]
    try:
        label_map = json.loads(maps[0].read_text(encoding="utf-8"))
        label_map = {str(emo): str(name) for emo, name in label_map.items()}
    except (ValueError, AttributeError) as error:
        raise SerkitError(f"{maps[0]} maps no labels to classes ({error}); copy it again") from error
    return label_map, pd.DataFrame(rows, columns=["key", "emo", "dataset", "side", "fold", "where"])


def _line(text: str, where: str) -> tuple[str, str, str]:
    try:
        line = json.loads(text)
        return str(line["key"]), str(line["emo"]), str(line["dataset"])
    except (ValueError, KeyError, TypeError) as error:
        raise SerkitError(f"{where}: no object with key, emo and dataset ({error!r}); copy the list again") from error


def _plain(key: str) -> str:
    return re.sub(r"[^0-9a-z]+", "-", key.lower()).strip("-")


def _ids_by_key(ids: Iterable[str], dataset: str) -> dict[str, str]:
    """Which utterance a key means, without regard to dashes and underscores; one that may mean two means none."""
    plain = [(_plain(f"{dataset}-{name}"), name) for name in ids]
    counts = Counter(key for key, _ in plain)
    return {key: name for key, name in plain if counts[key] == 1}


def _strangers(rows: pd.DataFrame, label_map: dict[str, str]) -> list[str]:
    """Keys that the corpus does not have, labels that label_map.json does not have."""
    unknown = rows[rows["id"].isna()]
    wrong = [f"  keys without an utterance here: {_some(unknown['key'])} [{_first(unknown)}]"] if len(unknown) else []
    unknown = rows[~rows["emo"].isin(list(label_map))]
    if len(unknown):
        wrong.append(f"  labels that label_map.json does not have: {_some(unknown['emo'])} [{_first(unknown)}]")
    return wrong


def _mislabelled(rows: pd.DataFrame, label_map: dict[str, str]) -> list[str]:
    """Labels that are not those of the corpus: of another class, or one for two of its labels."""
    wrong = []
    classes = rows["emo"].map(label_map)
    own = rows["label"].map(CLASSES)
    other = rows[own.notna() & classes.isin(list(CLASSES.values())) & (own != classes)]
    for (emo, label), those in other.groupby(["emo", "label"]):
        wrong.append(f"  label {emo!r} of utterances that are {label!r} here: {_some(those['id'])} [{_first(those)}]")
    for emo, those in rows.drop(other.index).groupby("emo"):
        if len(labels := sorted(map(str, those["label"].unique()))) > 1:
            wrong.append(f"  label {emo!r} stands for {' and '.join(labels)} [{_first(those)}]")
    return wrong


def _sides(rows: pd.DataFrame) -> list[str]:
    """Speakers and utterances on two sides of a fold, utterances tested twice."""
    wrong = []
    for fold, those in rows.groupby("fold"):
        sides = those.groupby("speaker")["side"].nunique()
        if len(both := sides.index[sides > 1]):
            wrong.append(f"  fold {fold}: speakers on two sides: {_some(both)}")
        if len(twice := those[those["id"].duplicated()]):
            wrong.append(f"  fold {fold}: utterances listed twice: {_some(twice['id'])} [{_first(twice)}]")
    tested = rows[rows["side"] == "test"].drop_duplicates(["id", "fold"])
    if len(twice := tested[tested["id"].duplicated()]):
        wrong.append(f"  utterances tested in two folds: {_some(twice['id'])} [{_first(twice)}]")
    return wrong


def _lacking(rows: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Utterances with a label of the lists that are in none, in all folds but one, or in no test list."""
    everybody = table.index[table["label"].isin(rows["label"].unique())]
    wrong = [f"  utterances in no list: {_some(everybody.difference(rows['id']))}"]
    for fold, those in rows.groupby("fold"):
        fewer = set(rows["id"]) - set(those["id"])
        wrong.append(f"  fold {fold} lacks utterances that other folds have: {_some(fewer)}")
    if len(set(rows["fold"])) > 1:
        untested = set(rows["id"]) - set(rows.loc[rows["side"] == "test", "id"])
        wrong.append(f"  utterances that no fold tests: {_some(untested)}")
    return [line for line in wrong if not line.endswith(": none")]


def _divided(rows: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """The listed rows of the corpus, with its fold, or, where there is one fold only, its partition."""
    table = corpus.utterances.drop(columns=["fold", "partition"], errors="ignore")
    if len(set(rows["fold"])) > 1:
        column, value = "fold", rows[rows["side"] == "test"].set_index("id")["fold"]
    else:
        column, value = "partition", rows.set_index("id")["side"].replace("validation", "val")
    return table[table["id"].isin(value.index)].assign(**{column: lambda those: those["id"].map(value)})


def _merged(rows: pd.DataFrame, label_map: dict[str, str]) -> dict[str, str]:
    """Labels of the corpus that have another one's class: {"excited": "happy"}."""
    pairs = rows.assign(name=rows["emo"].map(label_map)).drop_duplicates(["label", "name"])
    found = {}
    for name, labels in pairs.groupby("name")["label"]:
        main = next((label for label in labels if label == name.lower()), min(labels))
        found |= {label: main for label in labels if label != main}
    return found


def _some(names: Iterable[str]) -> str:
    names = sorted({str(name) for name in names})
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) + more) or "none"


def _first(rows: pd.DataFrame) -> str:
    return rows["where"].iloc[0]
