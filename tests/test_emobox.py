"""serkit.emobox: lists written and read again, on the miniature of IEMOCAP, small tables and RAVDESS itself."""

import json
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from serkit import corpora, emobox, splits
from serkit.cli import main
from serkit.corpora.loaders import ravdess
from serkit.errors import SerkitError

REAL = Path(__file__).parents[2] / "shared" / "data" / "ravdess" / "flac16k"


@pytest.fixture(scope="module")
def speech(iemocap_miniature):
    return corpora.load("iemocap", iemocap_miniature)


@pytest.fixture(scope="module")
def written(speech, tmp_path_factory):
    """The lists of the miniature, which tests only read."""
    folder = tmp_path_factory.mktemp("lists")
    return folder, *emobox.write_lists(speech, folder)


def lines(path):
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_lists_are_those_of_the_benchmark(speech, written):
    folder, paths, left_out = written
    sessions = sorted(speech.utterances["session"].unique())
    expected = {
        f"iemocap/fold_{k + 1}/iemocap_{side}_fold_{k + 1}.jsonl"
        for k in range(len(sessions))
        for side in ("train", "test")
    }
    assert {path.relative_to(folder).as_posix() for path in paths} == expected | {
        "iemocap/iemocap.jsonl",
        "iemocap/label_map.json",
    }
    assert json.loads(paths[-1].read_text()) == {
        "neu": "Neutral", "hap": "Happy", "ang": "Angry", "sad": "Sad", "exc": "Happy",
    }  # fmt: skip
    tested = lines(folder / "iemocap" / "fold_2" / "iemocap_test_fold_2.jsonl")
    table = speech.utterances.set_index("id")
    assert {table.loc[one["key"].removeprefix("iemocap-"), "session"] for one in tested} == {sessions[1]}
    first = tested[0]
    row = table.loc[first["key"].removeprefix("iemocap-")]
    assert list(first) == [
        "key", "dataset", "wav", "type", "sample_rate", "num_frame", "task", "length", "emo", "channel",
    ]  # fmt: skip
    assert (first["dataset"], first["wav"], first["type"], first["task"]) == ("iemocap", row["path"], "raw", "category")
    assert (first["sample_rate"], first["channel"], first["emo"]) == (16000, 1, row["code"])
    assert first["num_frame"] / 16000 == first["length"]
    others = speech.utterances["label"].value_counts().drop(["neutral", "happy", "excited", "angry", "sad"])
    assert left_out == others.to_dict()
    assert len(lines(paths[0])) == len(speech.utterances) - others.sum()


def test_lists_come_back_as_folds(speech, written, tmp_path):
    folder, *_ = written
    path, split, merged = emobox.write_manifest(speech, folder, tmp_path / "iemocap.csv")
    assert (split, merged) == ("folds", {"excited": "happy"})
    table = corpora.load("manifest", path, strict=False).utterances
    own = speech.utterances.set_index("id").loc[table["id"]]
    assert (table["speaker"].to_numpy() == own["speaker"].to_numpy()).all()
    assert (table["path"].to_numpy() == own["path"].to_numpy()).all()
    assert set(zip(table["fold"], own["session"], strict=True)) == {
        (str(k + 1), name) for k, name in enumerate(sorted(set(own["session"])))
    }
    merged = table.assign(label=table["label"].replace(merged))
    sessions = splits.leave_one_session_out(own.reset_index().assign(label=merged["label"]))
    assert [fold.test for fold in splits.by_fold(merged)] == [fold.test for fold in sessions]
    assert table["note"].unique().tolist() == [f"{speech.title}; divided by lists of EmoBox"]
    assert "synthetic miniature" in speech.title


def test_the_command_goes_both_ways(iemocap_miniature, tmp_path):
    run = CliRunner().invoke
    result = run(main, ["emobox", "iemocap", str(iemocap_miniature), str(tmp_path / "lists")])
    assert result.exit_code == 0, result.output
    assert f"wrote {tmp_path}/lists/iemocap/label_map.json" in result.output
    assert ", frustrated\n" in result.output, "what is in no list is said"
    csv = tmp_path / "folds.csv"
    result = run(main, ["emobox", "iemocap", str(iemocap_miniature), str(csv), "--import", str(tmp_path / "lists")])
    assert result.exit_code == 0, result.output
    assert f"li2018 --corpus manifest={csv} --set split=folds --set style= --set merge=excited=happy" in result.output
    result = run(main, ["emobox", "iemocap", str(iemocap_miniature), str(csv), "--import", str(tmp_path / "lists")])
    assert f"{csv} is there already: name another file, or move it away" in result.output
    other = tmp_path / "other.csv"
    result = run(main, ["emobox", "iemocap", str(iemocap_miniature), str(other), "--import", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert "none: 0 lists <corpus>_train_fold_1.jsonl and such, and 0 files label_map.json" in result.output


def test_what_is_there_is_not_written_over(speech, written, tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("mine")
    for path in (mine, tmp_path):
        with pytest.raises(SerkitError, match=f"{path} is there already: name another file"):
            emobox.write_manifest(speech, written[0], path)
    with pytest.raises(SerkitError, match=r"mine\.csv is no folder; name another place"):
        emobox.write_lists(speech, mine)
    assert mine.read_text() == "mine"


@pytest.fixture
def tiny(tmp_path):
    """Twelve utterances of four speakers in two labels, as a corpus, and a function that writes lists of it."""
    rows = [
        {"id": f"{speaker}_{label}_{take}", "path": f"/{speaker}{label}{take}.wav", "speaker": speaker, "label": label}
        for speaker in ("s0", "s1", "s2", "s3") for label in ("angry", "sad", "other") for take in (1, 2)
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=corpora.COLUMNS)
    label_map = {"ang": "Angry", "sad": "Sad"}
    names = {"angry": "ang", "sad": "sad"}

    def line(name, emo=""):
        key = f"tiny-{name.replace('_', '-')}"
        return {"key": key, "dataset": "tiny", "emo": emo or names[name.split("_")[1]]}

    def write(sides, label_map=label_map):
        """Sides: fold and side -> speakers, or lines."""
        for (fold, side), listed in sides.items():
            those = [
                one if isinstance(one, dict) else line(name)
                for one in listed
                for name in (
                    [one] if isinstance(one, dict) else [n for n in table["id"] if n[:2] == one and "other" not in n]
                )
            ]
            (tmp_path / f"tiny_{side}_fold_{fold}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in those))
        (tmp_path / "label_map.json").write_text(json.dumps(label_map))
        return tmp_path

    write.line = line
    return corpora.Corpus("manifest", tmp_path, table), write


FOLDS = {
    ("1", "train"): ["s2", "s3"], ("1", "test"): ["s0", "s1"],
    ("2", "train"): ["s0", "s1"], ("2", "test"): ["s2", "s3"],
}  # fmt: skip


def test_keys_are_matched_whatever_joins_their_parts(tiny):
    corpus, write = tiny
    table, merged = emobox.read_lists(corpus, write(FOLDS))
    assert merged == {}
    assert dict(zip(table["speaker"], table["fold"], strict=True)) == {"s0": "1", "s1": "1", "s2": "2", "s3": "2"}
    assert len(table) == 16, "other is in no list"


def test_one_fold_is_a_partition(tiny):
    corpus, write = tiny
    sides = {("1", "train"): ["s0", "s1"], ("1", "valid"): ["s2"], ("1", "test"): ["s3"]}
    table, _ = emobox.read_lists(corpus, write(sides))
    found = dict(zip(table["speaker"], table["partition"], strict=True))
    assert found == {"s0": "train", "s1": "train", "s2": "val", "s3": "test"}
    assert "fold" not in table


def test_two_ids_that_one_key_may_mean_are_not_guessed(tiny):
    corpus, write = tiny
    corpus.utterances = pd.concat([corpus.utterances, corpus.utterances.head(1).assign(id="s0-angry-1")])
    with pytest.raises(SerkitError, match=r"keys without an utterance here: tiny-s0-angry-1 "):
        emobox.read_lists(corpus, write(FOLDS))


def test_lists_that_do_not_divide_the_corpus_are_refused(tiny):
    corpus, write = tiny
    wrong = {
        "keys without an utterance here: tiny-s9-sad-1 [{}/tiny_test_fold_1.jsonl:9]": {
            ("1", "test"): ["s0", "s1", write.line("s9_sad_1")]
        },
        "labels that label_map.json does not have: bored [{}/tiny_test_fold_1.jsonl:9]": {
            ("1", "test"): ["s0", "s1", write.line("s1_sad_1", "bored")]
        },
        "fold 1: speakers on two sides: s1\n": {("1", "train"): ["s1", "s2", "s3"]},
        "fold 1: utterances listed twice: s0_angry_1, s0_angry_2, s0_sad_1 and 1 more": {
            ("1", "test"): ["s0", "s0", "s1"]
        },
        "fold 1 lacks utterances that other folds have: s1_angry_1, s1_angry_2": {("1", "test"): ["s0"]},
        "utterances that no fold tests: s1_angry_1, s1_angry_2, s1_sad_1": {("1", "test"): ["s0"]},
        "utterances tested in two folds: s1_angry_1": {("2", "test"): ["s1", "s2", "s3"], ("2", "train"): ["s0"]},
        "utterances in no list: s3_angry_1": {
            ("1", "train"): ["s2"], ("2", "test"): ["s2"],
        },
        "label 'sad' of utterances that are 'angry' here: s2_angry_1 [{}/tiny_train_fold_1.jsonl:9]": {
            ("1", "train"): ["s2", "s3", write.line("s2_angry_1", "sad")]
        },
    }  # fmt: skip
    for message, changes in wrong.items():
        folder = write(FOLDS | changes)
        with pytest.raises(SerkitError, match=r"these lists do not divide this copy of manifest:\n") as raised:
            emobox.read_lists(corpus, folder)
        assert message.format(folder) in f"{raised.value}\n", message


def test_a_label_that_stands_for_two_is_refused(tiny):
    corpus, write = tiny
    corpus.utterances["label"] = corpus.utterances["label"].replace("angry", "bored")
    corpus.utterances.loc[0, "label"] = "worried"
    with pytest.raises(SerkitError, match=r"label 'ang' stands for bored and worried \["):
        emobox.read_lists(corpus, write(FOLDS))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tiny_test_fold_1.jsonl", None, r"fold 1 has no list for test; copy it there"),
        ("tiny_test_fold_1.jsonl", '{"key": "a"}\n', r"tiny_test_fold_1.jsonl:1: no object with key, emo and dataset"),
        ("tiny_test_fold_1.jsonl", "{\n", r"tiny_test_fold_1.jsonl:1: no object with key"),
        ("other_test_fold_1.jsonl", "", "has lists of other, tiny: name the folder of one of them"),
        ("label_map.json", "[]", r"label_map.json maps no labels to classes"),
        ("label_map.json", None, "4 lists .* and 0 files label_map.json"),
    ],
)
def test_files_that_are_no_lists(tiny, name, content, message):
    corpus, write = tiny
    folder = write(FOLDS)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content)
    with pytest.raises(SerkitError, match=message):
        emobox.read_lists(corpus, folder)


def test_a_corpus_without_folds_has_no_lists(tiny, tmp_path, monkeypatch):
    corpus, _ = tiny
    monkeypatch.setattr(emobox, "header", lambda _: pytest.fail("read"))
    corpus.utterances = corpus.utterances.head(0)
    with pytest.raises(SerkitError, match="this corpus has no folds of its own"):
        emobox.write_lists(corpus, tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="RAVDESS is not here")
def test_ravdess_stands_in_the_lists_as_published(tmp_path):
    corpus = corpora.load("ravdess", REAL)
    paths, left_out = emobox.write_lists(corpus, tmp_path)
    assert left_out == {}
    assert len(paths) == 6 * 2 + 2
    assert json.loads(paths[-1].read_text()) == {
        "Angry": "Angry", "Surprised": "Surprise", "Sad": "Sad", "Disgust": "Disgust", "Happy": "Happy",
        "Calm": "Calm", "Neutral": "Neutral", "Fearful": "Fear",
    }  # fmt: skip
    for number, actors in ravdess.FOLDS.items():
        folder = tmp_path / "ravdess" / f"fold_{number}"
        tested = lines(folder / f"ravdess_test_fold_{number}.jsonl")
        assert {int(one["key"][-2:]) for one in tested} == set(actors)
        assert (len(tested), len(lines(folder / f"ravdess_train_fold_{number}.jsonl"))) == (240, 1200)
    (line,) = [one for one in lines(paths[0]) if one["key"] == "ravdess-03-01-07-02-02-02-11"]
    assert (line["emo"], round(line["length"], 3)) == ("Disgust", 3.737), "as in the published list"
    assert Counter(one["emo"] for one in lines(paths[0]))["Neutral"] == 96
    table, merged = emobox.read_lists(corpus, tmp_path / "ravdess")
    assert merged == {}
    assert table["fold"].tolist() == corpus.utterances["fold"].tolist()
