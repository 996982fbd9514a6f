"""The plan before the work: what is found, what is to do, and how long it takes; nothing is written by it."""

import json
import os
import time
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from notebook_checks import files_in

from serkit import audio, cli, corpora, features, notebooks, planning, study, training
from serkit.corpora import miniatures
from serkit.errors import SerkitError


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """The file of a plan that is being made."""
    path = tmp_path / "plan.jsonl"
    monkeypatch.setenv("SERKIT_PLAN", str(path))
    return path


def small_network():
    inputs = keras.Input((3,))
    network = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    network.compile("sgd", "mse")
    return network


def test_a_trial_stands_for_the_whole_training(monkeypatch):
    now = 100.0
    monkeypatch.setattr(planning.time, "monotonic", lambda: now)
    trial = planning.Trial(list(range(10)), epochs=50, warmup=7)
    assert trial.batches == [1, 5, 8], "spread evenly over an epoch"
    for step, rest in ((9.0, 4.0), (2.0, 0.5)):  # the first epoch compiles
        for _ in trial.batches:
            now += step
            trial.updated()
        now += rest
        trial.validated()
    assert trial.whole == pytest.approx(2.0 * (50 * 10 + 7) + 0.5 * 50)
    assert trial.more == pytest.approx(trial.whole - 2 * (3 * 2.0 + 0.5))


def test_toys_are_passed_over_and_trainings_are_cut_short(plan):
    x, y = np.ones((40, 3), np.float32), np.ones((40, 1), np.float32)
    with pytest.raises(planning.PassedOver):
        training.fit(small_network(), x, 12, y=y, batch_size=8)
    with planning.trials() as made:
        network = small_network()
        history = training.fit(network, x, 500, [0.01] * 500, y=y, batch_size=8)
    assert history["epoch"].tolist() == [1, 2]
    assert int(network.optimizer.iterations) == 6
    (trial,) = made
    assert trial.steps == 500 * 5
    assert 0 < trial.more < trial.whole


def test_without_a_plan_training_is_as_ever(monkeypatch):
    monkeypatch.delenv("SERKIT_PLAN", raising=False)
    x, y = np.ones((40, 3), np.float32), np.ones((40, 1), np.float32)
    assert len(training.fit(small_network(), x, 5, y=y, batch_size=8)) == 5


def wait(model, fold, seed):
    time.sleep(0.05)
    return study.Outcome(pd.DataFrame({"id": ["a"], "predicted": [seed]}))


def test_a_study_is_planned_and_not_done(tmp_path, monkeypatch):
    runs, specs = study.Study(tmp_path / "runs", wait), study.grid(model=["a", "b"], fold=[0, 1], seed=[0, 1])
    runs.complete(specs[:3])
    before = files_in(tmp_path / "runs")
    monkeypatch.setenv("SERKIT_PLAN", str(tmp_path / "plan.jsonl"))
    found = runs.complete(specs, what="Table 1")
    assert found[["model", "fold", "seed"]].to_numpy().tolist() == [["a", 0, 0], ["a", 0, 1], ["a", 1, 0]]
    assert len(runs.predictions(found)) == 3
    assert files_in(tmp_path / "runs") == before
    first, second = planning.read(tmp_path / "plan.jsonl")
    assert (first["what"], first["kind"], first["found"], first["to do"]) == ("Table 1", "a", 3, 1)
    assert (second["kind"], second["found"], second["to do"]) == ("b", 0, 4)
    stored = [json.loads((one / "run.json").read_text())["seconds"] for one in (tmp_path / "runs").iterdir()]
    assert first["seconds"] == pytest.approx(sum(stored) / 3)
    assert second["seconds"] >= 0.05, "that of a run which was timed"
    for record in (first, second):
        assert 100 < record["bytes"] < 10000
    assert runs.complete([]).empty
    runs.complete(specs, what="Table 2")
    again = planning.read(tmp_path / "plan.jsonl")[2:]
    assert [(one["what"], one["found"], one["to do"]) for one in again] == [("Table 2", 0, 0)] * 2, "counted once"


def time_a_step(model):
    return study.Outcome(pd.DataFrame({"id": []}))


def test_what_predicts_nothing_takes_no_longer_with_more_data(plan):
    for run in (wait, time_a_step):
        study.Study(plan.parent / "runs", run).complete(
            [{"model": "a"} | ({"fold": 0, "seed": 0} if run is wait else {})]
        )
    first, second = planning.read(plan)
    assert first["grows"] == first["seconds"]
    assert second["grows"] == 0


def test_what_a_run_refuses_the_plan_refuses(plan):
    def fail(model):
        raise SerkitError("no such features")

    with pytest.raises(SerkitError, match="no such features"):
        study.Study(plan.parent, fail).complete(study.grid(model=["a"]))
    with pytest.raises(SerkitError, match="no such features"):
        planning.read(plan)


def test_totals_are_shared_among_processes(monkeypatch):
    records = [
        {"what": "Table 1", "kind": "a", "found": 1, "to do": 3, "seconds": 60.0, "grows": 30.0, "bytes": 2**20},
        {"what": "Table 1", "kind": "b", "found": 0, "to do": 2, "seconds": 30.0, "grows": 30.0, "bytes": 0},
        {"what": "Figure 1", "kind": "", "found": 4, "to do": 0, "seconds": 30.0, "grows": 30.0, "bytes": 2**20},
    ]
    table = planning.table([*records, {"factor": 10.0, "said": "more"}])
    assert table["study"].tolist() == ["Table 1", "Figure 1"]
    assert table["found"].tolist() == [1, 4]
    assert table["to do"].tolist() == [5, 0]
    assert table["minutes"].tolist() == [4.0, 0.0]
    assert table["MiB"].tolist() == [3.0, 0.0]
    assert table["minutes at full size"].tolist() == [4 * 5.5 + 2 * 5.0, 4 * 5.0], "where nothing is found yet"
    assert "minutes at full size" not in planning.table(records)
    monkeypatch.setattr(planning.os, "cpu_count", lambda: 8)
    assert planning._wall([10.0, 2.0], jobs=2) == (10.0, 2)
    assert planning._wall([6.0, 4.0, 6.0], jobs=2) == (8.0, 2)
    assert planning._wall([6.0, 4.0], jobs=1) == (10.0, 1)
    assert planning._wall([8.0, 8.0], jobs=1, workers=100) == (2.0, 8), "one process a core"


def test_extraction_counts_once_a_store_at_full_size(plan, tmp_path, random):
    path = tmp_path / "a.wav"
    audio.write(path, random.uniform(-0.5, 0.5, 16000), 16000)
    utterances = pd.DataFrame({"id": ["a"], "path": [str(path)]})
    one, again = (features.extract(utterances, slow_front_end, directory=tmp_path, workers=1) for _ in range(2))
    planning.note_stores([one, again])
    study.Study(tmp_path / "runs", wait).complete([{"model": "a", "fold": 0, "seed": 0}])
    table = planning.table([*planning.read(plan), {"factor": 1000.0, "said": "more"}]).set_index("study")
    assert list(table.index) == ["features: slow_front_end", "runs"]
    row = table.loc["features: slow_front_end"]
    assert (row["found"], row["to do"], row["minutes"]) == (1, 0, 0)
    assert row["minutes at full size"] == pytest.approx(1000 * 0.3 / 60 / os.cpu_count(), rel=0.2)


def slow_front_end(signal, sample_rate):
    time.sleep(0.3)
    return signal[:, None]


def test_the_full_size_comes_from_what_is_published():
    speech = corpora.load("iemocap", miniatures.ensure("iemocap"))
    own = speech.select(["neutral", "happy", "sad", "angry"], "improvised")
    size = planning.full_size(speech, own)
    seconds = (own["end"] - own["start"]).sum()
    assert size["factor"] == pytest.approx(2280 * 4.45 / seconds, rel=0.02)
    assert "2280 utterances" in size["said"]
    assert "4490 utterances" in planning.full_size(speech, speech.select(["neutral", "happy", "sad", "angry"]))["said"]
    assert "10039 utterances" in planning.full_size(speech, speech.utterances)["said"]
    recola = corpora.load("recola", miniatures.ensure("recola"))
    assert planning.full_size(recola, recola.recordings)["factor"] == pytest.approx(5, rel=0.02)
    assert planning.full_size(SimpleNamespace(miniature=False), own) is None


def test_what_begin_refuses_the_plan_refuses(tmp_path):
    with pytest.raises(SerkitError, match="epoch"):
        notebooks.plan("li2018", tmp_path / "plan.jsonl", profile="smoke", out=tmp_path / "out", epoch=3)
    with pytest.raises(SerkitError, match="models must hold"):
        notebooks.plan("li2018", tmp_path / "plan.jsonl", profile="smoke", out=tmp_path / "out", models=["CNN_TF_GAP"])
    assert not (tmp_path / "out").exists()


def test_the_command_prints_it(tmp_path, monkeypatch):
    def plan(key, path, *_, **__):
        record = {
            "what": "Table 1",
            "kind": "a",
            "found": 1,
            "to do": 6,
            "seconds": 60.0,
            "grows": 30.0,
            "bytes": 2**20,
        }
        path.write_text("".join(json.dumps(one) + "\n" for one in (record, {"factor": 10.0, "said": "more"})))
        return path

    monkeypatch.setattr(notebooks, "plan", plan)
    monkeypatch.setattr(planning.os, "cpu_count", lambda: 8)
    options = ["reproduce", "li2018", "tao2018", "--profile", "smoke", "--plan", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.main, [*options, "--workers", "3"])
    assert result.exit_code == 0, result.output
    assert "li2018 on the iemocap miniature, profile smoke" in result.output
    assert "12 runs to do, 2 found; disk: 0.01 GiB" in result.output
    assert "runs to do: 12.0 minutes one after the other, 4.0 with 3 processes side by side" in result.output
    assert "all runs at full size: 77.0 minutes one after the other, 25.7 with 3" in result.output
    assert "stopping rules may end training sooner" in result.output
    assert not (tmp_path / "out").exists()
    refused = CliRunner().invoke(cli.main, [*options, "--set", "epoch=3"])
    assert refused.exit_code == 1
    assert "epoch" in refused.output
