"""Stored runs trained again: compared with what is stored, and nothing is touched."""

import json
import os

import pandas as pd
import pytest
from click.testing import CliRunner
from notebook_checks import files_in

from serkit import cli, files, notebooks, splits, study, verifying
from serkit.errors import SerkitError
from serkit.splits import Fold

CLASSES = ["happy", "sad"]


def drifting(model, fold, seed):
    """A run whose numbers depend on something that its key does not know."""
    drift = float(os.environ.get("DRIFT", "0"))
    if drift == float("inf"):
        raise SerkitError("the disk is gone")
    p = [0.1 * seed + drift, 0.6]
    return study.Outcome(
        pd.DataFrame({"id": ["a", "b"], "label": CLASSES, "predicted": [CLASSES[value > 0.5] for value in p], "p": p}),
        history=pd.DataFrame({"epoch": [1]}),
    )


def timed(machine):
    return study.Outcome(pd.DataFrame({"id": []}))


def mended(model, seed):
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [seed]}))


FOLDS = study.named({"1": Fold("1", ("c",), ("a", "b"))})
SPECS = study.grid(model=["small", "large"], fold=FOLDS, seed=[0, 1, 2])


@pytest.fixture
def verify(tmp_path, monkeypatch):
    """Do as a notebook with three studies does, all of whose runs are stored."""

    def studies():
        study.Study(tmp_path / "runs", mended).complete(
            study.grid(model=["svm", "majority"], seed=[0]), what="baselines"
        )
        study.Study(tmp_path / "runs", drifting).complete(SPECS, what="networks")
        study.Study(tmp_path / "runs", timed).complete(study.grid(machine=["here"]), what="time")

    def call(count, **variables):
        path = tmp_path / "plan.jsonl"
        path.unlink(missing_ok=True)
        with monkeypatch.context() as patch:
            for name, value in {"SERKIT_PLAN": path, "SERKIT_VERIFY": count, **variables}.items():
                patch.setenv(name, str(value))
            studies()
            verifying.verify()
        return verifying.read(path)

    studies()
    return call


def test_the_same_numbers_come_out(verify, tmp_path):
    before = files_in(tmp_path / "runs")
    records = verify(3)
    assert [one["what"] for one in records] == ["networks", "baselines", "networks"], "of each study and model in turn"
    assert len({one["run"] for one in records}) == 3
    assert {one["run"].split(",")[0] for one in records[::2]} == {"model small", "model large"}
    assert all(one["same"] and one["bytes"] and one["largest"] == 0 for one in records)
    assert verify(3) == records, "the same runs each time"
    assert verify(1) == records[:1]
    assert len(verify(100)) == 8, "all that predict something"
    assert files_in(tmp_path / "runs") == before
    verifying.judge(records)


def test_what_differs_is_told(verify, tmp_path):
    before = files_in(tmp_path / "runs")
    for drift, same, labels in ((1e-6, True, 0), (1e-3, False, 0), (0.55, False, 1)):
        (record,) = verify(1, DRIFT=drift)
        assert record["same"] is same
        assert not record["bytes"]
        assert record["largest"] == pytest.approx(drift)
        assert (record["labels"], record["rows"]) == (labels, 2)
    with pytest.raises(SerkitError, match=r"1 of 1 runs differ by more than 0.0001 or in a label"):
        verifying.judge([record])
    (record,) = verify(1, DRIFT="nan")
    assert record["largest"] == float("inf")
    (record,) = verify(1, DRIFT="inf")
    assert "the disk is gone" in record["why"]
    assert not record["same"]
    assert files_in(tmp_path / "runs") == before


def test_other_rows_are_not_compared(tmp_path):
    for name, ids in (("stored", ["a", "b"]), ("other", ["b", "a"]), ("fewer", ["a"])):
        files.write_csv(tmp_path / name, pd.DataFrame({"id": ids, "p": 0.5}))
    for name in ("other", "fewer"):
        found = verifying.compare(tmp_path / "stored", tmp_path / name)
        assert (found["same"], found["why"]) == (False, "other rows or columns")


def test_what_is_no_number_on_both_sides_is_equal(tmp_path):
    for name, last in (("stored", 0.5), ("made", 0.50001)):
        table = pd.DataFrame({"id": list("abc"), "p": [float("nan"), float("-inf"), last]})
        files.write_csv(tmp_path / name, table)
    found = verifying.compare(tmp_path / "stored", tmp_path / "made")
    assert found["same"]
    assert found["largest"] == pytest.approx(1e-5)


def test_nothing_stored_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_PLAN", str(tmp_path / "plan.jsonl"))
    monkeypatch.setenv("SERKIT_VERIFY", "3")
    study.Study(tmp_path / "runs", drifting).complete(SPECS)
    verifying.verify()
    with pytest.raises(SerkitError, match="no run of this command is stored: start it without --verify"):
        verifying.read(tmp_path / "plan.jsonl")
    assert not (tmp_path / "runs").exists()


def test_the_command_prints_a_table_and_ends_with_an_error_where_runs_differ(tmp_path, monkeypatch):
    given = []
    same = {"what": "Table 1", "run": "model a, seed 0", "same": True, "bytes": True, "largest": 0.0, "labels": 0}
    other = {"what": "Table 1", "run": "model b, seed 0", "same": False, "bytes": False, "largest": 0.25, "labels": 7}
    rows = {"rows": 20, "why": ""}

    def plan(key, path, corpus, root, profile, out, verify, **values):
        given.append((key, profile, out, verify, values))
        records = [{"offered": 4}, same | rows, *([other | rows] if key == "tao2018" else [])]
        path.write_text("".join(json.dumps(one) + "\n" for one in records))
        return path

    monkeypatch.setattr(notebooks, "plan", plan)
    command = ["--profile", "smoke", "--seeds", "2", "--set", "epochs=3", "--out", str(tmp_path), "--verify"]
    result = CliRunner().invoke(cli.main, ["reproduce", "li2018", *command])
    assert result.exit_code == 0, result.output
    assert given == [("li2018", "smoke", str(tmp_path), 3, {"seeds": 2, "epochs": "3"})]
    result = CliRunner().invoke(cli.main, ["reproduce", "li2018", "tao2018", *command, "1"])
    assert result.exit_code == 1
    assert given[-1][3] == 1
    assert "7 of 20" in result.output
    assert "0.2" in result.output
    assert "1 of 3 runs differ" in result.output
    assert not list(tmp_path.iterdir())


def by_name(fold, seed):
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [seed]}))


def test_a_run_says_what_it_was_trained_on_and_with_what(tmp_path):
    """By value, by name, or of no fold; the key does not depend on how its fold is found."""
    folds = {"1": Fold("1", ("c", "d"), ("a",), ("b",)), "2": Fold("2", ("a",), ("c",))}
    kinds = {
        "value": (study.Study(tmp_path / "value", by_name), study.grid(fold=study.named(folds), seed=[0])),
        "name": (
            study.Study(tmp_path / "name", by_name, lambda spec: folds[spec["fold"]]),
            study.grid(fold=list(folds), seed=[0]),
        ),
        "none": (study.Study(tmp_path / "none", timed), study.grid(machine=["here"])),
    }
    records = {}
    for name, (runs, specs) in kinds.items():
        rows = runs.complete(specs)
        records[name] = [json.loads((tmp_path / name / key / "run.json").read_text()) for key in rows["key"]]
    said = [
        {"name": "1", "train": 2, "validation": 1, "test": 1},
        {"name": "2", "train": 1, "validation": 0, "test": 1},
    ]
    for name in ("value", "name"):
        found = [record["split"] for record in records[name]]
        assert [one.pop("fingerprint") for one in found] == [splits.fingerprint(fold) for fold in folds.values()]
        assert found == said
    assert records["none"][0]["split"] is None
    assert study.Study(tmp_path, by_name).key({"fold": "1", "seed": 0}) == kinds["name"][0].key(
        {"fold": "1", "seed": 0}
    )
    record = records["none"][0]
    used = {
        "soxr",
        "soundfile",
        "opensmile",
        "kaldi-native-fbank",
        "librosa",
        "scikit-learn",
        "pandas",
        record["backend"],
    }
    assert used <= record["versions"].keys()
    assert all(one.split()[0] in ("openblas", "mkl", "blis", "flexiblas") for one in record["linear algebra"])
    assert record["linear algebra"]
