"""Models in one file and what they say of recordings; that they say what their studies said is tested with each paper.

Networks here are small and untrained: their answers are compared with the same network's, called by hand.
"""

import json
import re
import shutil
import zipfile

import keras
import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from notebook_checks import script

from serkit import audio, features, files, modelfiles, predict
from serkit.batches import segment_starts
from serkit.cli import main
from serkit.errors import SerkitError
from serkit.features.spectrogram import mulaw

RATE = 16000
LABELS = ["calm", "angry"]
PIECES = {
    "front end": {"name": "linear_spectrogram", "settings": {"hop": 0.05, "resolution": 25.0}, "trim": 0.0},
    "input": {"kind": "pieces", "length": 10, "hop": 5, "scaled by": "segment", "lowest": -1.0, "mean of": "logits"},
    "columns": {"emotion": LABELS},
    "stored": "logits",
}
FRAMES = {
    "front end": {"name": "kaldi_fbank", "settings": {"dither": 0.0}, "window": 0.025},
    "input": {
        "kind": "recordings",
        "scaled by": "speaker",
        "least deviation": 1e-6,
        "stacked": 4,
        "step": 0.04,
        "context": 0.4,
        "align": 3,
    },
    "dimension": "arousal",
    "stored": "values",
}


def manifest_of(recipe, model="GAP", key="li2018", corpus="ravdess", miniature=False, scores=(), **spec):
    about = {"name": corpus, "title": "A corpus", "miniature": miniature, "licence": "CC BY-NC-SA 4.0", "note": ""}
    about["citation"] = ""
    return {
        "paper": {"key": key},
        "corpus": about,
        "proposed": ["attention"],
        "model": model,
        "scores": list(scores),
        "recipe": recipe,
        "spec": {"fold": "fold 1", "seed": 0} | spec,
    }


def write(path, recipe=PIECES, statistics=None, **facts):
    """A model file with an untrained network that fits the recipe."""
    keras.utils.set_random_seed(1)
    if recipe["input"]["kind"] == "pieces":
        inputs = keras.Input((160, 10, 1))
        x = keras.layers.Conv2D(3, 3, activation="relu")(inputs)
        outputs = keras.layers.Dense(len(LABELS))(keras.layers.GlobalAveragePooling2D()(x))
    else:
        inputs = keras.Input((None, 160))
        x = keras.layers.Conv1D(4, 3, padding="same", dilation_rate=2, activation="relu")(inputs)
        outputs = keras.layers.Conv1D(1, 3, padding="same")(x)
    path.parent.mkdir(parents=True, exist_ok=True)
    keras.Model(inputs, outputs).save(path)
    modelfiles.describe(path, manifest_of(recipe, **facts), statistics or {})
    return path


def speech(seconds, seed=0, rate=RATE):
    """Noise whose loudness comes and goes."""
    times = np.arange(round(seconds * rate)) / rate
    loudness = 0.02 + 0.2 * np.sin(1.3 * times) ** 2
    return (loudness * np.random.default_rng(seed).standard_normal(len(times))).astype(np.float32).clip(-1, 1)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write(tmp_path_factory.mktemp("model") / "model.keras")


@pytest.fixture(scope="module")
def model(path):
    return predict.load(path)


@pytest.fixture(scope="module")
def trajectories(tmp_path_factory):
    return predict.load(write(tmp_path_factory.mktemp("model") / "model.keras", FRAMES, key="khorram2017"))


def by_hand(model, signal):
    """Probabilities of one window, from the parts that notebooks use."""
    values = features.linear_spectrogram(signal, RATE, hop=0.05, resolution=25.0)
    pieces = [values[start : start + 10] for start in segment_starts(len(values), 10, 5)]
    batch = mulaw(features.scale(np.stack(pieces), -1.0, axes=(1, 2))).swapaxes(1, 2)[..., None]
    scores = model.network.predict(batch, verbose=0).mean(axis=0)
    return scores, np.exp(scores) / np.exp(scores).sum()


def test_keras_reads_the_file_as_ever_and_we_read_the_rest(path):
    assert keras.saving.load_model(path, compile=False).count_params() > 0
    found = modelfiles.manifest(path)
    assert found["format"] == 1
    assert found["recipe"] == PIECES
    assert modelfiles.statistics(path) == {}


def test_described_again_a_file_holds_one_manifest(path, tmp_path):
    other = shutil.copy(path, tmp_path / "other.keras")
    modelfiles.describe(other, {"paper": "another"}, {"mean": np.arange(3.0)})
    assert modelfiles.manifest(other) == {"format": 1, "paper": "another"}
    np.testing.assert_array_equal(modelfiles.statistics(other)["mean"], np.arange(3.0))
    assert sorted(zipfile.ZipFile(other).namelist()).count("serkit.json") == 1
    assert keras.saving.load_model(other, compile=False).count_params() > 0


def test_a_signal_is_answered_as_by_hand(model):
    signal = speech(4)
    answer = model(signal, RATE)
    scores, probabilities = by_hand(model, signal)
    np.testing.assert_allclose(answer.scores[LABELS].iloc[0], scores, atol=1e-5)
    np.testing.assert_allclose(answer.overall[LABELS], probabilities, atol=1e-5)
    assert answer.best == {"emotion": LABELS[int(np.argmax(probabilities))]}
    assert answer.seconds == 4
    assert not answer.notes
    whole_numbers = model((signal * 32767).round().astype(np.int16), RATE)
    np.testing.assert_allclose(whole_numbers.overall, answer.overall, atol=1e-3)


def test_a_long_recording_is_answered_in_equal_windows_and_never_read_whole(model, tmp_path, monkeypatch):
    signal = speech(70)
    signal[: 70 * RATE // 3] = 0
    soundfile.write(tmp_path / "long.flac", signal, RATE)
    asked, own = [], soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile, "read", lambda *given, **more: asked.append(given[1]) or own(*given, **more)
    )
    answer = model.file(tmp_path / "long.flac")
    asked = [samples for samples in asked if samples > 1]  # one tells whether the file is whole
    assert sum(asked) == 70 * RATE
    assert max(asked) <= 70 * RATE / 3 + 1
    assert answer.probabilities["start"].tolist() == pytest.approx([70 / 3, 140 / 3])
    np.testing.assert_allclose(answer.overall, answer.probabilities[LABELS].mean(), atol=1e-9)
    assert answer.notes == [
        "0.0 to 23.3 s: digital silence, passed over",
        "answered in 3 windows of 23.3 s; the answer is their mean",
    ]
    last, _ = soundfile.read(tmp_path / "long.flac", start=round(140 / 3 * RATE), dtype="float32")
    np.testing.assert_allclose(answer.probabilities[LABELS].iloc[-1], by_hand(model, last)[1], atol=1e-5)


def test_a_trajectory_in_parts_is_that_of_the_whole(trajectories, tmp_path, monkeypatch):
    audio.write(tmp_path / "long.wav", speech(61), RATE)
    whole = trajectories.file(tmp_path / "long.wav").trajectory
    assert list(whole) == ["time", "arousal"]
    assert len(whole) == 1525  # every 40 ms
    assert np.ptp(whole["arousal"]) > 0.1
    monkeypatch.setattr(predict, "WHOLE", 10.0)
    monkeypatch.setattr(predict, "PART", 7.0)
    answer = trajectories.file(tmp_path / "long.wav")
    assert answer.notes == ["computed in 9 parts that overlap"]
    np.testing.assert_allclose(answer.trajectory, whole, atol=1e-5)
    assert len(trajectories(speech(61), RATE, rows=1526).trajectory) == 1526


def test_scaling_by_speaker_takes_what_is_known_of_the_speaker(trajectories):
    quiet, loud = speech(5), 4 * speech(5, seed=1).clip(-0.2, 0.2)
    alone = trajectories(quiet, RATE).trajectory["arousal"]
    known = trajectories.of_speaker([(quiet, RATE), (loud, RATE)])
    assert known.network is trajectories.network, "which is read once"
    both = known(quiet, RATE).trajectory["arousal"]
    assert np.abs(alone - both).max() > 0.01
    frames = np.concatenate([features.kaldi_fbank(one, RATE) for one in (quiet, loud)]).astype(float)
    np.testing.assert_allclose(known._speaker["mean"], frames.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(known._speaker["deviation"], frames.std(axis=0), atol=1e-6)
    assert any("--speaker" in one for one in trajectories.caveats)
    assert not any("--speaker" in one for one in known.caveats)


def test_what_a_model_cannot_know_is_said(model, tmp_path):
    said = " ".join(model.caveats)
    assert "24 actors of North America" in said
    assert "another language" in said
    assert "acted emotion" in said
    assert "CC BY-NC-SA 4.0" in said
    assert "miniature" not in said
    reached = [{"side": "test", "measure": "UA", "value": 61.25, "unit": "%"}]
    other = predict.load(write(tmp_path / "model.keras", miniature=True, scores=reached))
    assert "Its answers mean nothing" in other.caveats[0]
    assert any("UA 61.2 % on its test speakers" in one for one in other.caveats)
    named = model.of_speaker([(speech(3), RATE)])
    assert "--speaker changes none of its answers" in " ".join(named.caveats)
    assert "--speaker" not in said


# Bad input


def spoilt(folder):
    """Files that are not as they should be, and what is said of each."""
    paths = {}
    (folder / "text.wav").write_text("this is no sound\n" * 100)
    paths["text.wav"] = "cannot read .*text.wav as audio"
    (folder / "empty.wav").write_bytes(b"")
    paths["empty.wav"] = r"empty.wav is empty \(0 bytes\)"
    soundfile.write(folder / "none.wav", np.zeros(0), RATE)
    paths["none.wav"] = "none.wav holds no samples"
    soundfile.write(folder / "silence.wav", np.zeros(2 * RATE), RATE)
    paths["silence.wav"] = "silence.wav is silence throughout, .*: there is nothing to hear"
    soundfile.write(folder / "constant.wav", np.full(2 * RATE, 0.3), RATE)
    paths["constant.wav"] = "constant.wav is silence throughout, its samples .* being all the same"
    opposite = np.stack([speech(2), -speech(2)], axis=1)
    soundfile.write(folder / "opposite.wav", opposite, RATE, subtype="FLOAT")
    paths["opposite.wav"] = r"opposite.wav is silence throughout, its samples \(the mean of its channels\)"
    soundfile.write(folder / "slow.wav", speech(2)[:1000], 100)
    paths["slow.wav"] = r"slow.wav has 100 samples a second, too few for a voice \(4000 or more\)"
    soundfile.write(folder / "short.wav", speech(0.1), RATE)
    paths["short.wav"] = r"short.wav lasts 0.100 s: give 0.25 s of speech or more"
    values = speech(2)
    values[100] = np.nan
    soundfile.write(folder / "nan.wav", values, RATE, subtype="FLOAT")
    paths["nan.wav"] = "nan.wav holds samples that are not finite numbers"
    (folder / "cut.wav").write_bytes((folder / "silence.wav").read_bytes()[:-1000])
    paths["cut.wav"] = "cut.wav is truncated"
    paths["gone.wav"] = "there is no file .*gone.wav"
    return paths


def test_bad_recordings_are_refused_by_name(model, trajectories, tmp_path):
    for name, message in spoilt(tmp_path).items():
        for one in (model, trajectories):
            with pytest.raises(SerkitError, match=message):
                one.file(tmp_path / name)


def test_other_rates_and_channels_are_taken_and_said(model, tmp_path):
    soundfile.write(tmp_path / "telephone.wav", speech(3, rate=8000), 8000)
    answer = model.file(tmp_path / "telephone.wav")
    assert answer.notes == ["8000 Hz hold nothing above 4000 Hz, and models have heard up to 8000 Hz: take care"]
    wide = np.stack([speech(3, seed, 96000) for seed in range(6)], axis=1)
    soundfile.write(tmp_path / "studio.flac", wide, 96000, subtype="PCM_24")
    answer = model.file(tmp_path / "studio.flac")
    assert answer.notes == ["6 channels, of which the mean is taken", "resampled from 96000 to 16000 Hz"]
    np.testing.assert_allclose(model(wide, 96000).overall, answer.overall, atol=1e-4)
    for suffix in ("ogg", "mp3"):
        soundfile.write(tmp_path / f"lossy.{suffix}", speech(3, rate=44100), 44100)
        assert model.file(tmp_path / f"lossy.{suffix}").overall.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("signal", "rate", "message"),
    [
        (np.zeros((3, RATE)), RATE, r"shape \(samples,\) or \(samples, channels\); got \(3, 16000\)"),
        (np.zeros(0), RATE, "the signal is empty"),
        (np.ones(RATE), None, "positive number of Hz; got None"),
        (np.full(RATE, 100, np.int32), RATE, "floats in .* or 16-bit integers; got int32"),
        (np.full(RATE, 100.0), RATE, "reaches 100: scale it"),
        (np.full(RATE, np.inf), RATE, "not finite"),
        (np.zeros(RATE), RATE, "the signal is silence throughout"),
        (np.ones(RATE), 0, "positive number of Hz; got 0"),
    ],
)
def test_bad_signals_are_refused(model, signal, rate, message):
    with pytest.raises(SerkitError, match=message):
        model(signal, rate)


def test_what_libsndfile_cannot_read_is_read_with_ffmpeg_or_refused_by_name(model, tmp_path, monkeypatch):
    (tmp_path / "voice.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1000))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SerkitError, match=r"voice.m4a needs ffmpeg to be read, which is not installed"):
        model.file(tmp_path / "voice.m4a")
    program = tmp_path / "ffmpeg"  # stands in for it: writes a WAV where it is told to
    audio.write(tmp_path / "inside.wav", speech(2), RATE)
    program.write_text(f'#!/bin/sh\nfor last; do :; done\n/bin/cp "{tmp_path}/inside.wav" "$last"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    answer, expected = model.file(tmp_path / "voice.m4a"), model.file(tmp_path / "inside.wav")
    np.testing.assert_allclose(answer.overall, expected.overall)
    program.write_text("#!/bin/sh\necho no such stream >&2\nexit 1\n")
    with pytest.raises(SerkitError, match=r"ffmpeg cannot read .*voice.m4a \(no such stream\)"):
        model.file(tmp_path / "voice.m4a")


# Bad models


def test_files_that_are_no_models_are_refused(path, tmp_path):
    with pytest.raises(SerkitError, match=r"there is no model .*gone.keras"):
        predict.load(tmp_path / "gone.keras")
    (tmp_path / "text.keras").write_text("no archive")
    with pytest.raises(SerkitError, match=r"text.keras is no .keras file"):
        predict.load(tmp_path / "text.keras")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "bare.keras")
    with pytest.raises(SerkitError, match="without the way from a signal to its answer"):
        predict.load(tmp_path / "bare.keras")
    content = bytearray(path.read_bytes())
    content[-600] ^= 255  # within the manifest, which is compressed
    (tmp_path / "flipped.keras").write_bytes(content)
    with pytest.raises(SerkitError, match=r"flipped.keras"):
        predict.load(tmp_path / "flipped.keras")
    (tmp_path / "half.keras").write_bytes(path.read_bytes()[:-500])
    with pytest.raises(SerkitError, match=r"half.keras is no .keras file"):
        predict.load(tmp_path / "half.keras")
    other = shutil.copy(path, tmp_path / "later.keras")
    modelfiles.describe(other, {**manifest_of(PIECES), "format": 9}, {})
    with pytest.raises(SerkitError, match="a model of format 9; this serkit reads 1"):
        predict.load(other)
    modelfiles.describe(other, manifest_of(PIECES | {"front end": {"name": "system"}}), {})
    with pytest.raises(SerkitError, match="front end 'system'"):
        predict.load(other)


def test_nothing_in_a_file_is_executed(tmp_path):
    inputs = keras.Input((160, 10, 1))
    keras.Model(inputs, keras.layers.Lambda(lambda x: x[:, 0, :2, 0])(inputs)).save(tmp_path / "lambda.keras")
    modelfiles.describe(tmp_path / "lambda.keras", manifest_of(PIECES), {})
    with pytest.raises(SerkitError, match=r"the network in .*lambda.keras cannot be read"):
        predict.load(tmp_path / "lambda.keras")(speech(2), RATE)
    pickled = write(tmp_path / "pickled.keras")
    modelfiles.describe(pickled, manifest_of(PIECES), {"mean": np.array([print], dtype=object)})
    with pytest.raises(SerkitError, match=r"serkit.npz in .* is damaged"):
        predict.load(pickled)


def test_the_best_documented_model_of_a_folder(tmp_path):
    template = write(tmp_path / "template.keras")

    def put(name, **facts):
        place = tmp_path / "results" / "runs" / name / "model.keras"
        place.parent.mkdir(parents=True)
        shutil.copy(template, place)
        modelfiles.describe(place, manifest_of(**({"recipe": PIECES} | facts)), {})
        return place

    with pytest.raises(SerkitError, match="there is no model under"):
        predict.choose(tmp_path / "results")
    put("a", model="GAP", seed=0)
    put("b", model="attention", seed=1)
    mine = put("c", model="attention", seed=0)
    tested = [{"side": "test", "value": 99.0}]
    put("d", model="GAP", scores=tested)
    assert predict.choose(tmp_path / "results") == [mine], "without validation, the paper's own, of the lowest seed"
    best = put("e", model="GAP", seed=3, scores=[{"side": "validation", "value": 50.0}])
    put("f", model="GAP", seed=4, scores=[{"side": "validation", "value": 50.0}])
    assert predict.choose(tmp_path / "results") == [best]
    other = put("g", recipe=FRAMES, seed=0)
    assert predict.choose(tmp_path / "results") == [best, other], "one a dimension"
    put("h", key="tao2018")
    with pytest.raises(
        SerkitError, match="has models of li2018 on ravdess, tao2018 on ravdess: name the folder of one"
    ):
        predict.load(tmp_path / "results")


# On the command line


def test_on_the_command_line(path, tmp_path):
    audio.write(tmp_path / "one.wav", speech(3), RATE)
    audio.write(tmp_path / "two.wav", speech(40), RATE)
    (tmp_path / "three.wav").write_text("no sound")
    given = [str(tmp_path / f"{name}.wav") for name in ("one", "two", "three")]
    done = CliRunner().invoke(main, ["predict", str(path), *given, "--plot", str(tmp_path / "pictures")])
    assert done.exit_code == 1, "of one of three"
    short, first, second = (line for line in done.stdout.splitlines() if line.startswith(("file", str(tmp_path))))
    places = [short.index(name) + len(name) for name in ("seconds", *LABELS)]
    assert {line[place - 1 :][:2].rstrip() for place in places for line in (first, second)} < set("0123456789")
    assert done.stdout.index(first) < done.stdout.index("answered in 2 windows"), "each as it comes"
    assert "Error: cannot read" in done.stderr
    assert f"li2018, GAP: trained on ravdess, fold 1, seed 0 ({path})" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith(str(tmp_path))]
    assert len(rows) == 2, "a row each in the table"
    assert "answered in 2 windows of 20.0 s" in done.stdout
    assert "another language" in done.stdout
    assert sorted(one.name for one in (tmp_path / "pictures").iterdir()) == ["one.png", "two.png"]
    assert re.findall(r"drawn: .*/(.*)", done.stdout) == ["one.png", "two.png"]
    done = CliRunner().invoke(main, ["predict", str(path), *given[:2], "--json", "--window", "10"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["model"][0]["recipe"] == PIECES
    assert any("another language" in one for one in told["caveats"])
    one, two = told["recordings"]
    assert sum(one["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert one["answer"]["emotion"] in LABELS
    assert len(two["windows"]) == 4
    done = CliRunner().invoke(main, ["predict", str(path), *given[:2], "--plot", str(tmp_path / "one.png")])
    assert "one picture for 2 recordings: name a folder" in done.stderr
    done = CliRunner().invoke(main, ["predict", str(path), str(tmp_path), "--json"])
    assert sorted(one["file"] for one in json.loads(done.stdout)["recordings"]) == sorted(given)
    assert done.exit_code == 1
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(main, ["predict", str(path), str(tmp_path / "empty")])
    assert "empty has no audio files" in done.stderr


def test_a_model_under_another_name_and_one_with_other_labels(path, tmp_path):
    renamed = tmp_path / "model.bin"
    shutil.copy(path, renamed)
    with pytest.raises(SerkitError, match=r"model.bin is a model whose .*: rename it to model.keras"):
        predict.load(renamed)
    fewer = json.loads(json.dumps(PIECES))
    fewer["columns"]["emotion"] = LABELS[:-1]
    write(tmp_path / "fewer.keras", fewer)
    with pytest.raises(SerkitError, match=f"names {len(LABELS) - 1} labels, and its network gives {len(LABELS)} num"):
        predict.load(tmp_path / "fewer.keras")(speech(2), RATE)


def test_trajectories_on_the_command_line(trajectories, tmp_path):
    audio.write(tmp_path / "one.wav", speech(3), RATE)
    (tmp_path / "mine").mkdir()
    given = ["predict", str(trajectories.path), str(tmp_path / "one.wav")]
    done = CliRunner().invoke(main, [*given, "--speaker", str(tmp_path / "mine")])
    assert "has no audio files" in done.stderr
    audio.write(tmp_path / "mine" / "other.wav", speech(4, 1), RATE)
    found = []
    for more in ([], ["--speaker", str(tmp_path / "mine")]):
        done = CliRunner().invoke(main, [*given, *more, "--json", "--plot", str(tmp_path / "one.png")])
        assert done.exit_code == 0, done.output
        found.append(json.loads(done.stdout)["recordings"][0]["trajectory"])
    assert found[0]["time"] == pytest.approx(np.arange(75) * 0.04)
    assert np.abs(np.subtract(found[0]["arousal"], found[1]["arousal"])).max() > 1e-3
    assert (tmp_path / "one.png").stat().st_size > 10_000
    assert "arousal" in CliRunner().invoke(main, given).stdout


def test_accuracies_of_each_side():
    table = pd.DataFrame(
        {"label": list("aabb"), "predicted": list("abbb"), "side": ["test", "test", "test", "validation"]}
    )
    found = {(one["side"], one["measure"]): one["value"] for one in predict.accuracies(table)}
    assert found == {("validation", "UA"): 100, ("validation", "WA"): 100, ("test", "UA"): 75, ("test", "WA"): 66.67}
    assert {one["side"] for one in predict.accuracies(table.drop(columns="side"))} == {"test"}


def test_a_release_has_hashes_scores_and_licences(tmp_path, monkeypatch, capsys):
    reached = [{"side": "test", "measure": "UA", "value": 61.25, "unit": "%"}]
    write(tmp_path / "ravdess" / "li2018" / "runs" / "a" / "model.keras", scores=reached)
    write(
        tmp_path / "mine" / "khorram2017" / "runs" / "b" / "model.keras", FRAMES, key="khorram2017", corpus="continuous"
    )
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "older.keras")
    (tmp_path / "ravdess" / "tao2018" / "runs" / "c").mkdir(parents=True)
    shutil.move(tmp_path / "older.keras", tmp_path / "ravdess" / "tao2018" / "runs" / "c" / "model.keras")
    folders = [str(tmp_path / name) for name in ("ravdess/li2018", "mine/khorram2017", "ravdess/tao2018")]
    monkeypatch.setattr("sys.argv", ["release.py", str(tmp_path / "out"), *folders])
    with pytest.raises(SystemExit, match="is of an older serkit: give --corpus ravdess=ROOT"):
        script("release").main()
    made = ["khorram2017-mine-arousal.keras", "li2018-ravdess.keras"]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.keras")) == made
    for line in (tmp_path / "out" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert files.sha256(tmp_path / "out" / name) == digest
    assert predict.load(tmp_path / "out" / made[1])(speech(2), RATE).overall.sum() == pytest.approx(1)
    said = (tmp_path / "out" / "README.md").read_text()
    assert "**No commercial use**" in said
    assert "UA 61.25 % (test)" in said
    assert "24 actors of North America" in said
    assert capsys.readouterr().out.count("not tried") == 2
