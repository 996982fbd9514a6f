"""Studies: stored once, found again, whole or absent, in this process and on workers."""

import gc
import json
import os
import shutil
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pandas as pd
import pytest

from serkit import files, fingerprints, modelfiles, study
from serkit.errors import SerkitError
from serkit.splits import Fold

FACTOR = 2
TABLE = pd.DataFrame({"id": ["a", "b"], "path": ["/x/a.wav", "/x/b.wav"]})
calls = []


def helper(value):
    return FACTOR * value


def run(model, seed):
    predictions = pd.DataFrame({"id": TABLE["id"], "label": ["x", "y"], "predicted": ["x", "x"], "p": helper(seed)})
    return study.Outcome(predictions, history=pd.DataFrame({"epoch": [1], "loss": [0.5]}), notes={"weights": 7})


def failing(model, seed):
    if seed == 1:
        raise SerkitError("features hold NaN")
    return run(model, seed)


SPECS = study.grid(model=["small", "large"], seed=[0, 1])


def test_runs_are_stored_and_found_again(tmp_path):
    first = study.Study(tmp_path, run)
    runs = first.complete(SPECS)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")}
    again = study.Study(tmp_path, run).complete(SPECS)
    assert len(times) == 4
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("run.json")} == times
    pd.testing.assert_frame_equal(runs, again)
    predictions = first.predictions(runs)
    assert list(predictions.columns) == ["id", "label", "predicted", "p", "model", "seed"]
    assert predictions.query("model == 'large' and seed == 1")["p"].tolist() == [2, 2]
    assert first.histories(runs)["loss"].tolist() == [0.5] * 4
    record = json.loads(next(iter(times)).read_text())
    assert record["settings"] == {"FACTOR": 2}
    assert record["notes"] == {"weights": 7}
    assert set(record) >= {
        "spec",
        "data",
        "code",
        "seconds",
        "peak_memory_mib",
        "device",
        "versions",
        "backend",
        "files",
    }
    installed = {"serkit", "keras", "numpy", "scipy", "librosa", "soxr", "soundfile", "opensmile", "kaldi-native-fbank"}
    assert set(record["versions"]) >= installed


def drawing(seed):
    images = np.arange(6, dtype=np.float32).reshape(2, 3) * seed
    arrays = {"images": images, "steps": np.array([1, 2])} if seed else {}
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [seed]}), arrays=arrays)


def test_arrays_are_kept_with_their_run(tmp_path):
    kept = study.Study(tmp_path, drawing)
    for _ in range(2):  # made, then found
        runs = kept.complete(study.grid(seed=[3, 0, 2]))
        for place, seed in ((0, 3), (2, 2)):
            arrays = kept.arrays(runs.iloc[place])
            assert set(arrays) == {"images", "steps"}
            np.testing.assert_array_equal(arrays["images"], np.array([[0, 1, 2], [3, 4, 5]]) * seed)
            assert arrays["images"].dtype == np.float32
    assert len(list(tmp_path.glob("*/arrays.npz"))) == 2, "a run without arrays keeps none"


def keeping(seed):
    import keras

    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    found = {"mean": np.arange(2.0)}
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [seed]}), None, network, {"weights": 3}, statistics=found)


def test_a_kept_model_says_of_itself_what_the_study_and_the_run_know(tmp_path):
    def describe(spec, outcome):
        return {"recipe": f"seed {spec['seed']}", "predicted": int(outcome.predictions["p"][0])}

    one = study.Study(tmp_path, keeping, describe=describe)
    assert one.key({"seed": 4}) == study.Study(tmp_path, keeping).key({"seed": 4}), "no part of the key"
    run = one.complete(study.grid(seed=[4])).iloc[0]
    path = tmp_path / run["key"] / "model.keras"
    found = modelfiles.manifest(path)
    assert found["recipe"] == "seed 4"
    assert found["predicted"] == 4
    assert found["spec"] == {"seed": 4}
    assert found["notes"] == {"weights": 3}
    assert found["versions"]["keras"]
    np.testing.assert_array_equal(modelfiles.statistics(path)["mean"], [0, 1])
    assert one.model(run).count_params() == 3
    assert study.small(one.model(run))


def test_the_key_follows_values_code_and_data(tmp_path, monkeypatch):
    key = study.Study(tmp_path, run).key(SPECS[0])
    assert study.Study(tmp_path / "elsewhere", run).key(SPECS[0]) == key
    assert study.Study(tmp_path, run).key(SPECS[1]) != key
    monkeypatch.setitem(globals(), "TABLE", TABLE.assign(path="/moved"))
    assert study.Study(tmp_path, run).key(SPECS[0]) == key  # the audio may lie anywhere
    monkeypatch.setitem(globals(), "TABLE", TABLE.assign(id=["a", "c"]))
    assert study.Study(tmp_path, run).key(SPECS[0]) != key
    monkeypatch.setitem(globals(), "TABLE", TABLE)
    monkeypatch.setitem(globals(), "FACTOR", 3)  # used only through helper()
    assert study.Study(tmp_path, run).key(SPECS[0]) != key


def test_the_trace_sees_functions_in_containers_closures_and_our_modules():
    def build(kernel):
        return lambda x: kernel * x

    small, large = build(1), build(2)
    models = {"small": small}

    def use(model):
        return models[model], study.grid

    def mean(values):
        from serkit import metrics  # noqa: F401

        return np.mean(values)

    traced = fingerprints.trace(use)
    assert traced["value kernel"] == 1
    models["small"] = large
    assert fingerprints.trace(use)["value kernel"] == 2
    assert fingerprints.of_value(mean)  # installed libraries are left out


def test_attributes_are_not_taken_for_globals_of_the_same_name(monkeypatch):
    def use(values):
        return values.order, np.random.default_rng(0), FACTOR

    monkeypatch.setitem(globals(), "order", object())  # in a notebook, any name may be in use
    monkeypatch.setitem(globals(), "random", object())
    traced = fingerprints.trace(use)
    assert traced["value FACTOR"] == FACTOR
    assert not [name for name in traced if name.endswith((" order", " random"))]
    monkeypatch.setitem(globals(), "FACTOR", np.int64(7))  # a number out of an array is a number
    assert fingerprints.trace(use)["value FACTOR"] == 7


def test_a_named_value_is_followed_by_content_and_shown_by_name(tmp_path):
    def build(kernel):
        return lambda x: kernel * x

    def use(model, fold):
        return study.Outcome(pd.DataFrame({"id": ["a"], "p": [model(len(fold.test))]}))

    fold = Fold("f1", train=("a", "b"), test=("c", "d"))
    other = Fold("f2", train=("c", "d"), test=("a",))
    one = study.Study(tmp_path, use)
    runs = one.complete(
        study.grid(model=study.named({"small": build(1), "large": build(5)}), fold=study.named({"f1": fold}))
    )
    assert runs[["model", "fold"]].to_numpy().tolist() == [["small", "f1"], ["large", "f1"]]
    assert one.predictions(runs)["p"].tolist() == [2, 10]
    more = study.grid(
        model=study.named({"small": build(1), "large": build(6)}), fold=study.named({"f1": fold, "f2": other})
    )
    keys = {(spec["model"].name, spec["fold"].name): one.key(spec) for spec in more}
    assert keys["small", "f1"] == runs["key"][0]  # neither the new fold nor the other model touches it
    assert keys["large", "f1"] != runs["key"][1]
    assert len(set(keys.values())) == 4


def test_comments_and_docstrings_do_not_count(tmp_path):
    sources = [
        "def f(x):\n    return x + 1\n",
        'def f(x):\n    """Add."""\n    # one more\n    return (x + 1)\n',
        "def f(x):\n    return x + 2\n",
    ]
    codes = [fingerprints._plain_code(source) for source in sources]
    assert codes[0] == codes[1] != codes[2]


def test_what_cannot_be_compared_is_refused(tmp_path):
    stream = open(tmp_path / "x", "w")  # noqa: SIM115, PTH123

    def leaky(seed):
        return stream.read(), seed

    with pytest.raises(SerkitError, match="'stream', a TextIOWrapper"):
        study.Study(tmp_path, leaky)
    stream.close()


def mended(model, seed):
    calls.append((model, seed))
    return run(model, seed)


def test_a_run_that_fails_costs_itself(tmp_path, capsys, monkeypatch):
    runs = study.Study(tmp_path, failing).complete(SPECS, what="networks")
    assert runs[["model", "seed"]].to_numpy().tolist() == [["small", 0], ["large", 0]]
    assert study.Study(tmp_path, failing).predictions(runs)["p"].tolist() == [0] * 4
    assert "2 of 4 runs failed; what follows does without them. run {'model': 'small'" in capsys.readouterr().out
    records = sorted(tmp_path.glob("*.failed.json"))
    found = [json.loads(path.read_text()) for path in records]
    assert [one["spec"] for one in found if one["spec"]["model"] == "large"] == [{"model": "large", "seed": 1}]
    assert {one["error"].partition("}: ")[2] for one in found} == {"features hold NaN"}
    assert all("in failing" in one["trace"] and one["tries"] == 1 and one["where"] and one["when"] for one in found)
    missing = study.missing(tmp_path)
    assert missing["run"].tolist() == ["model small, seed 1", "model large, seed 1"]
    assert missing["record"].tolist() == [f"{study.Study(tmp_path, failing).key(SPECS[n])}.failed.json" for n in (1, 3)]
    assert not list(tmp_path.glob(".*"))
    monkeypatch.setattr(study.Study, "_keys", lambda *_: [path.name.split(".")[0] for path in keys])
    keys = [tmp_path / runs["key"][0], records[0], tmp_path / runs["key"][1], records[1]]
    again = study.Study(tmp_path, mended).complete(SPECS)  # as if what it fails on were mended
    assert len(again) == 4
    assert sorted(calls) == [("large", 1), ("small", 1)]
    assert not list(tmp_path.glob("*.failed.json"))
    assert study.missing(tmp_path).empty


attempts_made = []


def breaking(seed):
    attempts_made.append(seed)
    if seed == 1 and attempts_made.count(1) == 1:
        print("this disk again")
        raise OSError("the disk was away")
    if seed == 2:
        print("no,\nnot this one")
        raise ValueError("broken for good")
    return run("small", seed)


def test_what_says_nothing_is_tried_once_more(tmp_path):
    attempts_made.clear()
    runs = study.Study(tmp_path, breaking).complete(study.grid(seed=[0, 1, 2, 3]))
    assert runs["seed"].tolist() == [0, 1, 3]
    assert attempts_made == [0, 1, 2, 3, 1, 2]
    (record,) = tmp_path.glob("*.failed.json")
    record = json.loads(record.read_text())
    assert (record["error"], record["tries"]) == ("ValueError: broken for good", 2)
    assert record["log"] == ["no,", "not this one"]


def test_a_study_that_cannot_succeed_ends_early(tmp_path):
    def hopeless(seed):
        raise SerkitError(f"no {seed}")

    with pytest.raises(SerkitError, match=r"the first 3 runs failed. run \{'seed': 0\}: no 0 \(runs/.*failed.json has"):
        study.Study(tmp_path, hopeless).complete(study.grid(seed=range(50)))
    assert len(list(tmp_path.glob("*.failed.json"))) == 3
    with pytest.raises(SerkitError, match=r"^run \{'seed': 0\}: no 0 "):
        study.Study(tmp_path, hopeless).complete(study.grid(seed=[0]))


def mostly_failing(seed):
    if seed:
        raise SerkitError(f"no {seed}")
    return run("small", seed)


def test_where_something_is_there_failures_end_no_study(tmp_path):
    """The same command again, of which the failing runs alone are left."""
    for _ in range(2):
        assert len(study.Study(tmp_path, mostly_failing).complete(study.grid(seed=range(6)))) == 1
        assert len(list(tmp_path.glob("*.failed.json"))) == 5


def test_a_failure_is_kept_at_once_and_a_run_that_is_there_is_not_missing(tmp_path, monkeypatch):
    kept, own = [], study._execute

    def execute(one, spec, key, *rest):
        kept.append(len(list(tmp_path.glob("*.failed.json"))))
        if spec["seed"] == 0 and len(kept) > 1:  # another has done it, and we cannot see that
            own(one, spec, key, *rest)
        if spec["seed"] == 0:
            raise ValueError("away")
        return own(one, spec, key, *rest)

    monkeypatch.setattr(study, "_execute", execute)
    assert len(study.Study(tmp_path, run_of_one).complete(study.grid(seed=[0, 1]))) == 2
    assert kept == [0, 1, 1]
    assert study.missing(tmp_path).empty


def in_training(seed):
    """A run that is stopped in its fourth epoch, once."""
    import keras

    from serkit import training

    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):  # noqa: ARG002
            pytest.begun.append(epoch)
            if pytest.begun == [0, 1, 2, 3]:
                raise KeyboardInterrupt

    class One(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, number):
            return np.ones((2, 3)), np.ones((2, 1))

    training.seed_everything(seed)
    x = keras.Input((3,))
    net = keras.Model(x, keras.layers.Dense(1)(x))
    net.compile("adam", "mse")
    history = training.fit(net, One(), 5, callbacks=[Stop()])
    return study.Outcome(pd.DataFrame({"id": ["a"]}), history)


def test_a_stopped_run_goes_on_inside_and_its_checkpoint_goes(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_CHECKPOINT", "0")
    pytest.begun = []
    one = study.Study(tmp_path, in_training)
    with pytest.raises(KeyboardInterrupt):
        one.complete(study.grid(seed=[0]))
    assert [path.name for path in tmp_path.iterdir()] == [f"{one.key({'seed': 0})}.checkpoint"]
    runs = one.complete(study.grid(seed=[0]))
    assert pytest.begun == [0, 1, 2, 3, 3, 4]
    assert one.histories(runs)["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert [path.name for path in tmp_path.iterdir()] == [runs["key"][0]]


def test_a_share_of_the_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("SERKIT_SHARD_NOTES", str(tmp_path / "notes"))
    store, specs = tmp_path / "runs", study.grid(seed=range(5))
    seeds = {}
    for share in ("2/3", "3/3", "1/3", "2/3"):
        monkeypatch.setenv("SERKIT_SHARD", share)
        runs = study.Study(store, run_of_one).complete(specs, what="nets")
        seeds[share] = runs["seed"].tolist()
    assert seeds == {"2/3": [0, 1, 2, 3, 4], "3/3": [1, 2, 4], "1/3": [0, 1, 2, 3, 4]}
    notes = [json.loads(line) for line in (tmp_path / "notes").read_text().splitlines()]
    assert [(one["done"], len(one["missing"])) for one in notes] == [(2, 3), (1, 2), (2, 0), (0, 0)]
    monkeypatch.setenv("SERKIT_SHARD", "4/3")
    with pytest.raises(SerkitError, match="a share is i/n with i from 1 to n, such as 2/3; got '4/3'"):
        study.Study(store, run_of_one).complete(specs)


def run_of_one(seed):
    return run("small", seed)


SCRIPT = """
import sys, time
import pandas as pd
from serkit import study

def double(value):
    return 2 * value

def run(model, seed):
    time.sleep({pause})
    with open({log!r}, "a") as log:
        log.write(f"{{seed}}\\n")
    return study.Outcome(pd.DataFrame({{"id": ["a"], "label": ["x"], "predicted": ["x"], "p": [model(seed)]}}))

if __name__ == "__main__":
    s = study.Study({store!r}, run)
    runs = s.complete(study.grid(model=study.named({{'double': double}}), seed=range(4)), workers={workers})
    s.predictions(runs).to_csv({table!r}, index=False)
"""


def write_script(tmp_path, workers, pause):
    values = {name: str(tmp_path / name) for name in ("log", "store", "table")}
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT).format(workers=workers, pause=pause, **values))
    return path


def test_two_that_are_started_by_mistake_do_each_run_once(tmp_path):
    script = [sys.executable, str(write_script(tmp_path, workers=1, pause=0.4))]
    quick = os.environ | {"KERAS_BACKEND": "numpy"}  # nothing is learnt: it is loaded in half the time
    both = [subprocess.Popen(script, stderr=subprocess.PIPE, text=True, env=quick) for _ in range(2)]
    assert [one.communicate(timeout=120) and one.returncode for one in both] == [0, 0]
    assert sorted((tmp_path / "log").read_text().split()) == ["0", "1", "2", "3"]
    assert pd.read_csv(tmp_path / "table")["p"].tolist() == [0, 2, 4, 6]
    assert len(list((tmp_path / "store").iterdir())) == 4


rings = []


class Ring:
    """Held by nothing but itself."""

    def __init__(self):
        self.ring = self
        rings.append(weakref.ref(self))


def leaving_garbage(seed):
    Ring()
    return run("small", seed)


def test_what_runs_leave_is_collected_and_what_was_there_before_is_not_looked_at(tmp_path):
    """As in a process that has run nothing: what earlier tests left in this one says nothing."""
    study._shorten_collections.cache_clear()
    gc.unfreeze()
    gc.collect()
    before = len(gc.get_objects())
    study.Study(tmp_path, leaving_garbage).complete(study.grid(seed=[0, 1]))
    assert gc.get_freeze_count() >= before * 0.9
    assert rings[0]() is None


def draws(seed):
    """What a run does to get its layers' seeds, while Dask's heartbeat runs in another thread."""
    import random

    import dask.sizeof

    random.seed(seed)
    dask.sizeof.sizeof(list(range(1000)))
    return study.Outcome(pd.DataFrame({"id": ["a"], "p": [random.random()]}))


def test_dask_does_not_draw_from_the_runs_generator(tmp_path):
    import random

    import dask.sizeof  # noqa: F401

    drawing = study.Study(tmp_path, draws)
    found = drawing.predictions(drawing.complete(study.grid(seed=[3])))["p"].tolist()
    assert found == [random.Random(3).random()]


def test_the_address_of_a_cluster_serves_the_same_call(tmp_path):
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        runs = study.Study(tmp_path, run).complete(SPECS, scheduler=cluster.scheduler_address)
    assert runs["weights"].tolist() == [7] * 4
    assert len(list(tmp_path.glob("*/predictions.csv"))) == 4


def test_no_scheduler_at_the_address(tmp_path):
    with pytest.raises(SerkitError, match="no Dask scheduler answers at 'nonsense"):
        study.Study(tmp_path, run).complete(SPECS, scheduler="nonsense://127.0.0.1:1")


@pytest.mark.parametrize("name", ["predictions.csv", "history.csv", "run.json"])
@pytest.mark.parametrize("harm", ["cut", "changed", "deleted", "empty"])
def test_a_damaged_run_is_done_anew(name, harm, tmp_path, capsys):
    one = study.Study(tmp_path, run)
    runs = one.complete(SPECS)
    path = tmp_path / runs["key"][2] / name
    text = path.read_text()
    if harm == "deleted":
        path.unlink()
    else:
        harmed = {"cut": text[: len(text) // 2], "changed": text.replace("0", "3", 1), "empty": ""}
        path.write_text(harmed[harm])
    if name != "run.json":
        with pytest.raises(SerkitError, match=rf"{name} is damaged: start the same command again, and its run"):
            one.predictions(runs) if name == "predictions.csv" else one.histories(runs)
    again = one.complete(SPECS)
    assert one.predictions(again)["p"].tolist() == [0, 0, 2, 2] * 2
    assert one.histories(again)["loss"].tolist() == [0.5] * 4
    printed = capsys.readouterr().err
    assert printed.count(f"is damaged ({name}): it is done anew") == 1
    assert "run {'model': 'large', 'seed': 0} in " in printed
    assert [part.name for part in tmp_path.glob(".*")] == []


class Kept:
    """A model whose saving takes so long that others do something meanwhile."""

    def save(self, path):
        pytest.meanwhile()
        path.write_text("weights")


def slow(seed):
    outcome = run("small", seed)
    return study.Outcome(outcome.predictions, outcome.history, Kept())


def test_a_run_that_another_machine_writes_is_not_swept(tmp_path, monkeypatch):
    """There, processes have other numbers: ours is not found among them."""

    def starts_elsewhere():
        with monkeypatch.context() as patch:
            patch.setattr(files, "_machine", lambda: "another")
            patch.setattr(os, "kill", lambda *_: (_ for _ in ()).throw(ProcessLookupError()))
            study.Study(tmp_path, run).complete(SPECS[:1])

    monkeypatch.setattr(pytest, "meanwhile", starts_elsewhere, raising=False)
    one = study.Study(tmp_path, slow)
    runs = one.complete(study.grid(seed=[0]))
    assert len(one.predictions(runs)) == 2
    assert sorted(path.name for path in (tmp_path / runs["key"][0]).iterdir()) == [
        "history.csv",
        "model.keras",
        "predictions.csv",
        "run.json",
    ]


def test_of_two_that_finish_the_same_run_the_first_is_kept(tmp_path, monkeypatch):
    one, spec = study.Study(tmp_path, slow), {"seed": 0}
    times = []

    def finishes_too():
        monkeypatch.setattr(pytest, "meanwhile", lambda: None)
        study._store(one, spec, one.key(spec), slow(0), 1.0)
        times.append((tmp_path / one.key(spec) / "run.json").stat().st_mtime_ns)

    monkeypatch.setattr(pytest, "meanwhile", finishes_too, raising=False)
    runs = one.complete([spec])
    assert [(tmp_path / one.key(spec) / "run.json").stat().st_mtime_ns] == times
    assert len(one.predictions(runs)) == 2


def test_a_complete_study_is_read_where_nothing_may_be_written(tmp_path, monkeypatch):
    runs = study.Study(tmp_path, run).complete(SPECS)
    stale = tmp_path / f".abc.{files._machine()}-{2**22 + 1}-12345678.tmp"
    stale.mkdir()
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    pd.testing.assert_frame_equal(study.Study(tmp_path, run).complete(SPECS), runs)


def test_a_value_that_changes_after_the_study_was_made_counts(tmp_path, monkeypatch):
    one = study.Study(tmp_path, run)
    before = one.complete(SPECS[:2])
    monkeypatch.setitem(globals(), "FACTOR", 5)
    after = one.complete(SPECS[:2])
    assert one.predictions(before)["p"].max() == 2
    assert one.predictions(after)["p"].max() == 5
    assert not set(before["key"]) & set(after["key"])


@pytest.mark.parametrize(("name", "shown"), [("backend", "backend numpy"), ("serkit's code", "serkit's code")])
def test_a_worker_that_is_not_like_the_client_is_refused(name, shown, tmp_path, monkeypatch):
    """The cluster's workers are this process: between asking and working it is changed."""
    from dask.distributed import LocalCluster

    here = study._machinery()
    answers = iter([here])
    monkeypatch.setattr(study, "_machinery", lambda: next(answers, {**here, name: "numpy"}))
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        pytest.raises(SerkitError, match=rf"a worker computes with {shown}.* instead of .*: restart the workers"),
    ):
        study.Study(tmp_path, run).complete(SPECS, scheduler=cluster.scheduler_address)
    assert not list(tmp_path.glob("*/run.json"))


def policy(seed):
    import keras

    computed = str(keras.layers.Dense(2).compute_dtype)
    if seed == 0:
        keras.config.set_epsilon(0.5)  # the next run begins as this one did
    return study.Outcome(pd.DataFrame({"id": ["a"], "label": [computed], "p": [keras.config.epsilon()]}))


def test_settings_of_keras_hold_in_every_run_and_after(tmp_path):
    import keras

    before = study.Study(tmp_path, policy).key({"seed": 0})
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        one = study.Study(tmp_path, policy)
        runs = one.complete(study.grid(seed=[0, 1]))
        again = one.complete(study.grid(seed=[0, 1]))
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    found = one.predictions(runs)
    assert found["label"].tolist() == ["bfloat16"] * 2
    assert found["p"].tolist() == [0.5, keras.config.epsilon()] == [0.5, 1e-7]
    assert runs["key"].tolist() == again["key"].tolist()
    assert runs["key"][0] != before
    record = json.loads((tmp_path / runs["key"][0] / "run.json").read_text())
    assert record["dtype_policy"] == "mixed_bfloat16"
    assert record["threads"] == 2


def test_seeds_out_of_an_array_are_numbers_and_other_values_need_a_name(tmp_path):
    one = study.Study(tmp_path, run)
    runs = one.complete(study.grid(model=["small"], seed=np.arange(2)))
    assert runs["key"].tolist() == one.complete(study.grid(model=["small"], seed=[0, 1]))["key"].tolist()
    with pytest.raises(SerkitError, match=r"a value of a run's spec is not plain \(.*\): use study.named"):
        one.complete(study.grid(model=[helper], seed=[0]))


def test_a_value_is_looked_at_once_however_many_runs_have_it(tmp_path, monkeypatch):
    seen, of_value = [], fingerprints.of_value
    monkeypatch.setattr(fingerprints, "of_value", lambda value: seen.append(value) or of_value(value))
    one = study.Study(tmp_path, run)
    one._keys(study.grid(model=study.named({"small": helper, "large": run}), seed=range(50)))
    assert seen.count(helper) == 1
    assert seen.count(run) == 1


WIDTH = 3


def small_network(rate):
    import keras

    from serkit import layers

    inputs = keras.Input((None, 2))
    hidden = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(layers.LSTM(WIDTH)(inputs)))
    network = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    network.compile(keras.optimizers.Adam(rate), "mse", metrics=["mae"])
    return network


def learning(rate, seed, network_of=study.compiled):
    import keras

    from serkit import training

    training.seed_everything(seed)
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((24, 5, 2)).astype("float32"), rng.standard_normal((24, 1)).astype("float32")
    network = network_of(small_network, rate)
    history = training.fit(network, x, 2, [rate, rate / 2], y=y, batch_size=8, validation_data=(x, y))
    predicted = pd.DataFrame({"id": "a", "p": keras.ops.convert_to_numpy(network(x))[:, 0].astype(float)})
    return study.Outcome(predicted, history.drop(columns="seconds"), network)


def learning_anew(rate, seed):
    return learning(rate, seed, lambda build, *arguments: build(*arguments))


@pytest.fixture
def no_networks(monkeypatch):
    monkeypatch.setattr(study, "_networks", study._Networks())


def test_a_network_that_is_used_again_gives_the_numbers_of_a_new_one(tmp_path, no_networks):
    specs = study.grid(seed=[0, 1, 2], rate=[0.01, 0.1])
    tables = []
    for folder, function in (("again", learning), ("anew", learning_anew)):
        one = study.Study(tmp_path / folder, function)
        runs = one.complete(specs)
        weights = [weight for _, run in runs.iterrows() for weight in one.model(run).get_weights()]
        tables.append((one.predictions(runs), one.histories(runs), weights))
    for first, second in zip(*(tables[number][:2] for number in (0, 1)), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)
    for first, second in zip(*(tables[number][2] for number in (0, 1)), strict=True):
        np.testing.assert_array_equal(first, second)
    assert len(study._networks.idle) == 2, "six runs, one network for each learning rate"
    assert tables[0][0].groupby(["seed", "rate"])["p"].first().nunique() == 6


def test_a_network_is_not_used_again_where_what_builds_it_changed(tmp_path, no_networks, monkeypatch):
    one = study.Study(tmp_path, learning)
    one.complete(study.grid(seed=[0], rate=[0.1]))
    monkeypatch.setitem(globals(), "WIDTH", 4)
    study.Study(tmp_path, learning).complete(study.grid(seed=[0], rate=[0.1]))
    narrow, wide = (network for _, network in study._networks.idle)
    assert narrow.count_params() < wide.count_params()


def test_one_run_never_gets_a_network_twice_and_outside_runs_all_are_new(no_networks):
    import keras

    assert study.compiled(small_network, 0.1) is not study.compiled(small_network, 0.1)
    keras.utils.clear_session()
    with study._networks.of_one_run():
        first, second = (study.compiled(small_network, 0.1) for _ in range(2))
    keras.utils.clear_session()  # as every run does
    with study._networks.of_one_run():
        third, fourth, fifth = (study.compiled(small_network, 0.1) for _ in range(3))
    assert {id(first), id(second)} == {id(third), id(fourth)}
    assert len({id(third), id(fourth), id(fifth)}) == 3


def test_networks_of_a_failed_run_are_not_used_again_and_few_are_kept(no_networks):
    def failing_run():
        with study._networks.of_one_run():
            study.compiled(small_network, 0.1)
            raise SerkitError("the loss is nan")

    with pytest.raises(SerkitError):
        failing_run()
    assert not study._networks.idle
    with study._networks.of_one_run():
        for rate in np.linspace(0.1, 1, study.IDLE + 2):
            study.compiled(small_network, float(rate))
    assert len(study._networks.idle) == study.IDLE


def test_what_is_remembered_is_made_once_until_it_changes(monkeypatch, tmp_path):
    monkeypatch.setenv("SERKIT_CACHE", str(tmp_path))
    made = tmp_path / "made.txt"

    def demonstration(scale):
        def make():
            with made.open("a") as stream:
                stream.write("x")
            return {"values": scale * np.arange(3), "share": 0.5}

        return make

    for scale, times in ((1, 1), (1, 1), (2, 2), (1, 2)):
        found = study.remembered(demonstration(scale))
        assert found["values"].tolist() == [0, scale, 2 * scale]
        assert found["share"] == 0.5
        assert len(made.read_text()) == times
