"""What is committed under results/: tables follow from predictions, and READMEs' tables from both."""

import gzip
import importlib.util
import io
import re
import shlex
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from notebook_checks import check_scores, check_trajectories
from sklearn import metrics as reference
from sklearn.metrics import balanced_accuracy_score

from serkit import corpora, files, metrics, notebooks, papers, splits, statistics
from serkit.errors import SerkitError

RESULTS = Path(__file__).parents[1] / "results"


def loaded(name):
    """A script beside the results."""
    specification = importlib.util.spec_from_file_location(name, RESULTS / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


collect = loaded("collect")
STUDIES = [str(path.relative_to(RESULTS)) for path in collect.studies()]


def paper_of(study):
    return study.split("/")[1].split("_")[0]


def of(kind):
    """The studies whose scores are of classes, ratings or trajectories: each is of one kind."""
    return [one for one in STUDIES if collect.kind_of(pd.read_csv(RESULTS / one / "tables" / "scores.csv")) == kind]


def test_there_are_studies_of_each_kind():
    assert all(of(kind) for kind in collect.KINDS)


@pytest.mark.parametrize("study", of("classes"))
def test_scores_follow_from_predictions(study):
    check_scores(RESULTS / study)


@pytest.mark.parametrize("study", of("ratings"))
def test_scores_of_ratings_follow_from_predictions(study):
    predictions = pd.read_csv(RESULTS / study / "predictions.csv.gz")
    scores = table_of(study, "scores")
    if (predictions["kind"] == "target").any():
        scores = pd.concat([scores, table_of(study, "targets").assign(kind="target")])
    scores = scores.set_index(["kind", "model", "measure"])["pooled"]
    assert set(predictions["valence"]) <= {1, 2, 3, 4, 5}, "or a class is not one class"
    for (kind, model), part in predictions.groupby(["kind", "model"]):
        found = [100 * balanced_accuracy_score(one["valence"], one["predicted"]) for _, one in part.groupby("seed")]
        assert scores[kind, model, "Accuracy (5 class)"] == pytest.approx(np.mean(found), abs=0.01)


@pytest.mark.parametrize("study", of("trajectories"))
def test_scores_of_trajectories_follow_from_predictions(study):
    check_trajectories(RESULTS / study)


def measured(part):
    """The papers' measures in percent, by plain formulas on the confusion matrix."""
    classes, true = np.unique(part["label"], return_inverse=True)
    told = pd.Categorical(part["predicted"], classes).codes
    assert (told >= 0).all()
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (true, told), 1)
    right, of_class, as_class = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    found = {"UA": np.mean(right / of_class), "WA": right.sum() / counts.sum(), "Accuracy": right.sum() / counts.sum()}
    found |= {"MAF": np.mean(2 * right / (of_class + as_class)), "MAP": np.mean(right / np.maximum(as_class, 1))}
    return {name: 100 * value for name, value in found.items()}


OWN_MEASURES = {"UA": metrics.ua, "MAF": metrics.macro_f1}  # of serkit, one a paper


@cache
def predictions_of(study):
    """Predictions of tested speakers by model; baselines have one seed."""
    table = pd.read_csv(RESULTS / study / "predictions.csv.gz", low_memory=False)
    table = collect._tested(table).assign(seed=table["seed"].fillna(0).astype(int))
    return dict(list(table.groupby("model", sort=False)))


def table_of(study, name):
    return pd.read_csv(RESULTS / study / "tables" / f"{name}.csv")


@pytest.mark.parametrize("study", of("classes"))
def test_confusions_follow_from_predictions(study):
    paths = list((RESULTS / study / "tables").glob("confusion_*.csv"))
    models = {re.sub(r"[^\w.+-]", "_", model): model for model in predictions_of(study)}
    assert paths
    for path in paths:
        name = path.stem.removeprefix("confusion_").removeprefix("fusion_").removeprefix("ravdess_")
        assert name in models, f"{path.name} is of an earlier execution in the same folder"
        part, counts = predictions_of(study)[models[name]], pd.read_csv(path, index_col="true")
        due = reference.confusion_matrix(part["label"], part["predicted"], labels=list(counts.index))
        np.testing.assert_array_equal(counts.to_numpy(), due, err_msg=path.name)


@pytest.mark.parametrize("study", of("classes"))
def test_scores_of_folds_follow_from_predictions(study):
    table = table_of(study, "folds")
    for row in table.to_dict("records"):
        part = predictions_of(study)[row["model"]]
        found = measured(part[(part["fold"] == row["fold"]) & (part["seed"] == row["seed"])])
        same = found.keys() & row.keys()
        assert len(same) >= 2
        assert {name: row[name] for name in same} == pytest.approx({name: found[name] for name in same}, abs=0.006)
    assert len(table) == len(table_of(study, "runs")) or paper_of(study) == "tao2018", "fusions are no runs"


@pytest.mark.parametrize("study", of("classes"))
def test_comparisons_follow_from_predictions(study):
    """All differences; intervals and p of one measure where the paper compares."""
    by_fold = paper_of(study) == "tao2018"  # means over folds, as in the paper

    @cache
    def reached(model):
        groups = predictions_of(study)[model].groupby(["seed", "fold"] if by_fold else ["seed"])
        return pd.DataFrame([measured(one) for _, one in groups]).mean()

    rows = table_of(study, "comparisons").to_dict("records")
    assert len(rows) > 5
    for row in rows:
        pair, name = (row["better"], row["worse"]), row["metric"]
        one, other = (reached(model)[name] for model in pair)
        assert row["measured"] == pytest.approx(one - other, abs=0.006), pair
        if row["made_by"] == "paper" and name == ("MAF" if by_fold else "UA"):
            both = (predictions_of(study)[model] for model in pair)
            found = statistics.paired_difference(*both, OWN_MEASURES[name], pooled=not by_fold)
            assert [row["low"], row["high"]] == pytest.approx([100 * found.low, 100 * found.high], abs=0.006)
            assert row["p"] == pytest.approx(found.p, abs=1e-4)
            assert row["verdict"] == statistics.verdict(np.nan_to_num(row["published"], nan=1.0), found)[0]


def folds_of(study):
    return pd.read_csv(RESULTS / study / "folds.csv.gz", dtype={"id": str, "fold": str})


@pytest.mark.parametrize("study", STUDIES)
def test_who_is_on_which_side_is_there_and_is_what_was_predictions_of(study):
    folds, sizes = folds_of(study), table_of(study, "splits")
    predictions = pd.read_csv(RESULTS / study / "predictions.csv.gz", low_memory=False).drop_duplicates("id")
    speaker = predictions.set_index("id")["speaker"]
    seeds = folds["seed"].unique() if "seed" in folds else [None]
    for seed in seeds:
        those = folds[folds["seed"] == seed] if seed is not None else folds
        assert not those.duplicated(["id", "fold"]).any()
        for row in sizes.to_dict("records"):
            part = those[those["fold"] == row["fold"]].groupby("side")["id"]
            for side in splits.SIDES:
                ids = part.get_group(side) if side in part.groups else []
                assert len(ids) == row[side]
                if side == "test":
                    assert len(set(speaker.loc[list(ids)])) == row["test speakers"]
    if "fold" in predictions:
        table = pd.concat(predictions_of(study).values())
        due = folds[folds["side"] == "test"].groupby("fold")["id"].agg(set)
        assert table.groupby("fold")["id"].agg(set).to_dict() == due.to_dict()


def test_folds_follow_from_a_command_and_the_corpus(tmp_path, iemocap_miniature):
    command, classes = tmp_path / "command.txt", ["sad", "angry"]
    words = f"li2018 --corpus iemocap=FOLDER --profile smoke --seeds 2 --set classes={','.join(classes)}"
    command.write_text(f"# serkit 0.0.0\nserkit reproduce {words} --set fold_limit=0\n")
    content = loaded("folds").derived(command, {"iemocap": str(iemocap_miniature)}, tmp_path)
    utterances = corpora.load("iemocap", iemocap_miniature).select(classes, "improvised")
    groups = papers.profile_values(papers.find("li2018"), "smoke")["speaker_groups"]
    due = splits.listed(splits.leave_one_speaker_out(utterances, groups))
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(gzip.decompress(content))), due)


def test_the_manifest_names_every_file_of_the_results_with_its_digest():
    content = yaml.safe_load(collect.MANIFEST.read_text(encoding="utf-8"))
    assert content["version"] == collect.SPECIFICATION
    listed = {one["file"]: one for one in content["manifest"]}
    assert len(listed) == len(content["manifest"]) > 300
    root = collect.MANIFEST.parent
    there = [path for name in ("tables", "figures") for path in RESULTS.glob(f"*/*/{name}/*")]
    there += [path for path in RESULTS.glob("*/*/*") if path.name in ("command.txt", "folds.csv.gz")]
    there += RESULTS.glob("*/*/predictions.csv.gz")
    there = {
        str(one.relative_to(root)) for one in there if not one.relative_to(RESULTS).parts[0].endswith("-miniature")
    }
    assert listed.keys() == there
    assert all(one["comment"] for one in listed.values())
    changed = [name for name, one in listed.items() if files.sha256(root / name) != one["sha256"]]
    assert not changed, "python results/collect.py writes codecheck.yml anew"


@pytest.mark.parametrize("study", STUDIES)
def test_commands_are_what_serkit_takes_today(study):
    words = shlex.split((RESULTS / study / "command.txt").read_text(), comments=True)
    words = words[words.index("reproduce") :]
    assert words[1] == paper_of(study)
    given = dict(zip(words[2::2], words[3::2], strict=True))
    settings = dict(word.split("=", 1) for before, word in pairwise(words) if before == "--set")
    notebooks.resolve(papers.find(words[1]), given.get("--profile", "quick"), settings)
    assert given["--corpus"].endswith("=FOLDER")


@pytest.mark.parametrize("readme", collect.READMES, ids=lambda path: str(path.relative_to(RESULTS.parent)))
def test_tables_and_numbers_of_readmes_are_written_from_the_results(readme):
    text = readme.read_text(encoding="utf-8")
    assert collect.filled(text) == text
    assert not re.search(r"^ *<!-- [^|>]+\|", text, re.MULTILINE), "at a line's beginning Markdown takes it for HTML"


def test_what_is_written_into_readmes():
    texts = [path.read_text(encoding="utf-8") for path in collect.READMES]
    assert sum(len(collect._BLOCK.findall(text)) for text in texts) > 25
    assert sum(len(collect._VALUE.findall(text)) for text in texts) > 20
    score = "ravdess/li2018/scores | model=majority class | UA pooled"
    text = f"before\n<!-- summary -->\nold\n<!-- end -->\nand <!-- {score} | 1 -->old<!-- / --> after"
    found = collect.filled(text)
    assert found == collect.filled(found)
    assert found.endswith(f"and <!-- {score} | 1 -->25.0<!-- / --> after")
    assert "| [ravdess/tao2018](results/ravdess/tao2018/tables/scores.csv) |" in found


NUMBERS_THAT_NOBODY_MEASURED = {
    r"95 %( of an equal share)?": "the level of every interval; and where Dask kills a worker",
    r"p of 0\.05": "the level of every test",
    r"[Pp]ython 3\.\d+( (and|to) 3\.\d+)?|from 3\.11 to 3\.13|Apache-2\.0|BY-NC-SA 4\.0": "versions",
    r"Slurm 22\.05|pip 21\.3": "versions too",
    r"more than 0\.0001": "what serkit.verifying bears with",
    r"delayed by 3 s": "what serkit.corpora.proxy adds",
    r"rate \.05|dropout \.3|lr 0\.001": "settings",
    r"3 GiB a worker": "what serkit.jobs reckons with",
    r"of at most 30 s|more than 16 MB|a quarter of a second": "settings of serkit.predict and serkit.study",
    r"0\.85 of its walltime \(give or take 0\.1": "a setting of docs/slurm/workers.py",
}


@pytest.mark.parametrize("readme", collect.READMES, ids=lambda path: str(path.relative_to(RESULTS.parent)))
def test_no_measured_number_is_typed(readme):
    """Each comes from the results (see ``collect.value``), or is named above."""
    assert collect.typed(readme.read_text(encoding="utf-8"), NUMBERS_THAT_NOBODY_MEASURED) == []


def test_only_phrases_that_occur_are_allowed():
    texts = " ".join(" ".join(path.read_text(encoding="utf-8").split()) for path in collect.READMES)
    assert [phrase for phrase in NUMBERS_THAT_NOBODY_MEASURED if not re.search(phrase, texts)] == []


@pytest.mark.parametrize(
    "sentence",
    ["UA rises to 53.6.", "It takes 12 minutes", "a gain of 3 points of UA", "47 % of them", "| model | 13 hours |",
     "at a rate of .5, say", "it needs 2 GiB", "two do 1.8 times the work", "[53.6](results/README.md) here"],
)  # fmt: skip
def test_a_number_that_is_typed_is_found(sentence):
    assert len(collect.typed(f"Text before. {sentence}", NUMBERS_THAT_NOBODY_MEASURED)) == 1
    written = "<!-- timings | what=tests | value | time -->53.6<!-- / -->"
    number = next(word for word in re.split(r"[\s\[\]]", sentence) if re.match(r"\.?\d", word))
    assert collect.typed(f"Text before. {sentence.replace(number, written)}", NUMBERS_THAT_NOBODY_MEASURED) == []


@pytest.mark.parametrize(
    "sentence", ["section 3.1.2 of it", "`53.6` in code", "24 speakers, 743 features", "[here](https://a.org/5.3)"]
)
def test_other_numbers_are_no_matter(sentence):
    assert collect.typed(f"Text before. {sentence}") == []


def test_a_number_is_looked_up_by_its_origin():
    row = "ravdess/tao2018/comparisons | better=advanced LSTM | worse=mean LSTM | metric=MAF"
    (found,) = table_of("ravdess/tao2018", "comparisons").query(
        "better == 'advanced LSTM' and worse == 'mean LSTM' and metric == 'MAF'"
    )["measured"]
    assert found < 0
    assert collect.value(f"{row} | measured") == str(found)
    assert collect.value(f"{row} | measured | 1") == f"{found:.1f}"
    assert collect.value(f"{row} | measured | -1") == f"{-found:.1f}"
    row = "ravdess/tao2018/comparisons | better=DNN | worse=advanced LSTM | metric=MAF"
    assert collect.value(f"{row} | measured | +1")[0] == "+"
    assert collect.value("cited | row=wav2vec2-base, frozen encoder | value") == "54.3"
    assert [collect._time(seconds) for seconds in (9.5, 60, 77)] == ["9.5 s", "1 min", "1 min 17 s"]
    for origin, message in (
        ("nowhere | x", "there is no table 'nowhere'"),
        ("timings | what=x | value", "0 rows of .*timings.csv are meant"),
        ("timings | value", r"\d\d rows of"),
        ("timings | what=tests | valeu", "did you mean 'value'"),
    ):
        with pytest.raises(SerkitError, match=message):
            collect.value(origin)


def test_what_leaks_add_follows_from_predictions():
    predictions = pd.read_csv(RESULTS / "ravdess" / "leaky_twin" / "predictions.csv.gz", dtype={"leak": str})
    by_leak = dict(list(predictions.groupby(predictions["leak"].fillna("none: " + predictions["model"]))))
    ua = {
        leak: 100
        * np.mean([balanced_accuracy_score(one["label"], one["predicted"]) for _, one in part.groupby("seed")])
        for leak, part in by_leak.items()
    }
    summary = pd.read_csv(RESULTS / "ravdess" / "leaky_twin" / "tables" / "summary.csv")
    assert len(summary) > 12
    for row in summary.to_dict("records"):
        assert row["UA leaky"] == pytest.approx(ua[row["leak"]], abs=0.006), row["leak"]
        assert any(row["UA honest"] == pytest.approx(ua[leak], abs=0.006) for leak in ua if leak.startswith("none"))
        assert row["points"] == pytest.approx(row["UA leaky"] - row["UA honest"], abs=0.011)


def test_who_is_on_which_side_in_the_honest_twins():
    study = "ravdess/leaky_twin"
    folds, sizes = folds_of(study), table_of(study, "splits").set_index("fold")
    predictions = pd.read_csv(RESULTS / study / "predictions.csv.gz")
    for model, some in folds.groupby("model"):
        told = predictions[(predictions["kind"] != "leak") & (predictions["model"] == model)]
        due = some[some["side"] == "test"].groupby("fold")["id"].agg(set).to_dict()
        assert told.groupby("fold")["id"].agg(set).to_dict() == due
    network = folds[folds["model"] == "MLP on IS10"]
    counted = network.pivot_table("id", "fold", "side", "count")[list(splits.SIDES)]
    assert counted.to_dict() == sizes[list(splits.SIDES)].to_dict()
    assert set(folds.loc[folds["model"] == "SVM on IS10", "side"]) == {"train", "test"}


def test_what_the_shape_of_filters_brings_follows_from_predictions():
    folder = RESULTS / "ravdess" / "experiments"
    table = pd.read_csv(folder / "li2018_filter_shapes.csv", dtype=str)
    predictions = pd.read_csv(folder / "li2018_filter_shapes_predictions.csv.gz")
    assert set(table["filters"]) == set(predictions["shape"])
    for row in table.to_dict("records"):
        part = predictions[predictions["shape"] == row["filters"]]
        assert not part["id"].duplicated().any()
        found = measured(part) | {
            f"recall {name}": 100 * (one["predicted"] == name).mean() for name, one in part.groupby("label")
        }
        names = ["WA", "UA", *(name for name in row if name.startswith("recall "))]
        assert len(names) == 6
        assert {name: row[name] for name in names} == {name: f"{found[name]:.1f}" for name in names}


def test_what_unlabelled_speech_brings_follows_from_the_folds():
    folds = table_of("ravdess/chang2017_multitask", "unlabelled")
    table = pd.read_csv(RESULTS / "ravdess" / "experiments" / "chang2017_unlabelled.csv", dtype=str)
    assert len(table) == 3
    for row in table.to_dict("records"):
        measure, without, more, difference, spread, better = row.values()
        reached = folds.pivot_table(measure, "fold", "share")
        gain = reached[1.0] - reached[0.0]
        assert len(gain) == 6
        form = f".{len(without.partition('.')[2])}f"
        found = (reached[0.0].mean(), reached[1.0].mean(), gain.mean(), gain.std())
        assert [without, more, difference, spread] == [f"{value:{form}}" for value in found]
        assert int(better) == (gain > 0).sum()


def test_what_the_papers_range_costs_follows_from_predictions():
    """The same networks with `lowest` -1 and 0, on the same utterances: every number of the table."""
    own, other = (
        pd.read_csv(RESULTS / "ravdess" / name / "predictions.csv.gz").query("kind == 'network' and seed == 0")
        for name in ("li2018_lowest", "li2018")
    )
    table = pd.read_csv(RESULTS / "ravdess" / "experiments" / "li2018_lowest.csv").set_index("model")
    assert set(table.index) == set(own["model"])
    for model, row in table.iterrows():
        first = own[own["model"] == model]
        second = other[(other["model"] == model) & other["id"].isin(first["id"])]
        found = statistics.paired_difference(first, second, metrics.ua)
        scores = [100 * balanced_accuracy_score(one["label"], one["predicted"]) for one in (second, first)]
        expected = [f"{value:.1f}" for value in (*scores, 100 * found.difference)]
        assert [f"{value:.1f}" for value in row.iloc[:3]] == expected
        assert row["interval"] == f"{100 * found.low:.1f} to {100 * found.high:.1f}"
        assert row["p"] == pytest.approx(found.p, abs=0.0006)  # three decimals
