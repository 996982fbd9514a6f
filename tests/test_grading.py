"""Predictions of a class: what is read, what is refused, what is scored and what is handed out."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from serkit import audio, cli, corpora, grading, metrics
from serkit.errors import SerkitError

CLASSES = ("angry", "happy", "sad")


def serkit(*arguments):
    return CliRunner().invoke(cli.main, ["grade", *map(str, arguments)])


@pytest.fixture
def key():
    """Ten speakers who say six utterances each."""
    rows = [(f"u{10 * who + number:03d}", CLASSES[number % 3], f"s{who}") for who in range(10) for number in range(6)]
    return grading.Key.of(pd.DataFrame(rows, columns=["id", "label", "speaker"]), ())


@pytest.fixture
def key_file(key, tmp_path):
    path = tmp_path / "key.csv"
    key.table.rename(columns={"id": "utterance"}).to_csv(path, index=False)
    return path


def answers(key, share, seed=0):
    """Predictions of which so many are right, by speakers who are not equally hard."""
    rng = np.random.default_rng(seed)
    wrong = rng.random(len(key.table)) > share
    other = key.table["label"].map(dict(zip(CLASSES, np.roll(CLASSES, 1), strict=True)))
    return key.table["label"].where(~wrong, other)


def write(path, key, predicted):
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"utterance": key.table["id"], "predicted": predicted}).to_csv(path, index=False)
    return path


def lines_of(key):
    return [f"{name},{label}" for name, label in zip(key.table["id"], key.table["label"], strict=True)]


def test_a_key_is_read_as_it_was_written(key, key_file):
    found = grading.read_key(key_file)
    pd.testing.assert_frame_equal(found.table, key.table)
    assert found.classes == CLASSES
    assert grading.read_key(key_file, [*CLASSES, "neutral"]).classes == ("angry", "happy", "neutral", "sad")
    assert key.floor() == pytest.approx({"WA": 100 / 3, "UA": 100 / 3, "macro F1": 100 / 6})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("u003,angry,s0", "u003,,s0", "line 5: u003 has no label"),
        ("u003,angry,s0", "u003,angry,", "line 5: u003 has no speaker"),
        ("u003,angry,s0", "u002,angry,s0", "line 5: u002 is there already, on line 4"),
        ("u003,angry,s0", "u003,calm,s0", "line 5: label 'calm' is none of the classes angry, happy, sad"),
        ("speaker", "who", "no column speaker; columns found: utterance, label, who"),
    ],
)
def test_a_bad_key(key_file, old, new, message):
    key_file.write_text(key_file.read_text().replace(old, new))
    with pytest.raises(SerkitError, match=message) as error:
        grading.read_key(key_file, CLASSES)
    assert str(error.value).startswith(str(key_file))


FORMS = {
    "plain": lambda text: text.encode(),
    "byte-order mark": lambda text: text.encode("utf-8-sig"),
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "Windows": lambda text: text.replace("\n", "\r\n").encode(),
    "old Mac": lambda text: text.replace("\n", "\r").encode(),
    "all of it": lambda text: text.replace(",", ";").replace("\n", "\r\n").encode("utf-8-sig"),
    "blanks": lambda text: text.replace(",", " , ").replace("\n", "\n\n").encode(),
    "quotation marks": lambda text: text.replace("happy", '"happy"').encode(),
    "other names": lambda text: text.replace("utterance,predicted", "ID,Label").encode(),
    "further columns": lambda text: "\n".join(f"1,{line},label" for line in text.splitlines()).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_a_csv(form, key, tmp_path):
    shuffled = sorted(lines_of(key), key=lambda line: line[::-1])
    path = tmp_path / "one.csv"
    path.write_bytes(FORMS[form]("\n".join(["utterance,predicted", *shuffled])))
    found = grading.read_predictions(path, key)
    assert list(found) == ["id", "label", "speaker", "predicted"]
    assert found["predicted"].tolist() == key.table["label"].tolist()


def test_where_there_are_both_the_prediction_is_taken(key, tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("id,label,predicted\n" + "\n".join(f"{line},sad" for line in lines_of(key)))
    assert set(grading.read_predictions(path, key)["predicted"]) == {"sad"}


@pytest.mark.parametrize(
    ("row", "new", "message"),
    [
        (3, "", "1 of 60 utterances have no row: u003$"),
        (3, "u002,sad", "1 of 60 utterances have no row: u003\n  line 5: u002 is there already, on line 4$"),
        (3, "u0003,sad", r"line 5: unknown utterance 'u0003' \(did you mean 'u003'\?\)"),
        (3, ",sad", "line 5: a row without an utterance"),
        (3, "u003,Angry", r"line 5: unknown label 'Angry' \(did you mean 'angry'\?\); valid: angry, happy, sad"),
        (3, "u003,NaN", r"line 5: u003 has no prediction \('NaN'\)"),
        (3, "u003,", "line 5: u003 has no prediction$"),
        (3, "u003", "line 5: 1 cells under 2 columns"),
        (3, "u003,angry,sad", "line 5: 3 cells under 2 columns"),
        (3, 'u003,"angry', r"is no CSV file \(line 61: unexpected end of data\)"),
        (None, "utterance,emotion", "no column predicted or label; columns found: utterance, emotion"),
        (None, "utterance,predicted,predicted", "there are two columns 'predicted'; remove one"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_line(key, tmp_path, row, new, message):
    lines, path = ["utterance,predicted", *lines_of(key)], tmp_path / "one.csv"
    lines[0 if row is None else row + 1] = new
    path.write_text("\n".join(lines))
    with pytest.raises(SerkitError, match=message) as error:
        grading.read_predictions(path, key)
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04rest", "is an Excel file: open it and save it as 'CSV UTF-8'"),
        (b"\xd0\xcf\x11\xe0rest", "is an Excel file"),
        ("utterance,predicted".encode("utf-16"), "is no CSV file in UTF-8"),
        ("utterance,predicted\nu000,fröhlich".encode("latin-1"), "is no CSV file in UTF-8"),
        (b"\xef\xbb\xbf \n", "is empty"),
        (b"utterance,predicted\n\n", "has a header but no rows"),
    ],
)
def test_a_file_of_another_kind(key, tmp_path, content, message):
    path = tmp_path / "one.csv"
    path.write_bytes(content)
    with pytest.raises(SerkitError, match=message) as error:
        grading.read_predictions(path, key)
    assert str(path) in str(error.value)


def test_many_mistakes_are_counted(key, tmp_path):
    path = write(tmp_path / "one.csv", key, "calm")
    with pytest.raises(SerkitError, match=r"line 6: unknown label 'calm'.*\n  and 55 more$"):
        grading.read_predictions(path, key)


def test_scores_intervals_and_differences(key, tmp_path):
    right, good, bad = (write(tmp_path / f"{name}.csv", key, answers(key, share)) for name, share in
                        (("right", 1.0), ("good", 0.9), ("bad", 0.3)))  # fmt: skip
    graded = {path.stem: grading.read_predictions(path, key) for path in (bad, right, good)}
    scores, pairs = grading.ranking(graded | {"again": graded["good"]})
    assert scores["submission"].tolist() == ["right", "good", "again", "bad"]
    assert scores["rank"].tolist() == [1, 2, 2, 4]
    for row in scores.set_index("submission").loc[["right", "good", "bad"]].itertuples():
        table = graded[row.Index]
        assert round(100 * metrics.ua(table["label"], table["predicted"]), 2) == row.UA
        assert round(100 * metrics.wa(table["label"], table["predicted"]), 2) == row.WA
    one = scores.set_index("submission").loc["good"]
    assert one["macro F1"] == round(100 * metrics.macro_f1(graded["good"]["label"], graded["good"]["predicted"]), 2)
    assert one["UA low"] < one["UA"] < one["UA high"] <= 100
    assert (scores["speakers"] == 10).all()
    assert dict(zip(scores["submission"], scores["above"], strict=True))["good"] == 1, "and not above itself"
    assert scores["below"].tolist()[-1] == 3
    assert len(pairs) == 6
    same = pairs[(pairs["first"] == "good") & (pairs["second"] == "again")].iloc[0]
    assert (same["difference"], same["verdict"]) == (0, "undecided")


def test_submissions_of_a_folder(key, key_file, tmp_path):
    class_folder = tmp_path / "class"
    for name in ("anna.csv", "ben/predictions.csv", "ben/.hidden.csv", ".DS_Store", "carl.xlsx"):
        write(class_folder / name, key, "sad")
    (class_folder / "key.csv").write_text(key_file.read_text())
    found = grading.submissions([class_folder], class_folder / "key.csv")
    assert list(found) == ["anna", "ben/predictions", "carl"]
    assert found["carl"] == class_folder / "carl.xlsx"
    assert list(grading.submissions([class_folder / "anna.csv"])) == ["anna"]
    assert list(grading.submissions([class_folder / "anna.csv", class_folder / "anna.csv"])) == ["anna"]
    write(class_folder / "anna.xlsx", key, "sad")
    write(class_folder / "=1+1.csv", key, "sad")
    (class_folder / "sound.wav").write_bytes(b"RIFF")
    (class_folder / "link.csv").symlink_to(class_folder / "anna.csv")
    found = grading.submissions([class_folder], class_folder / "key.csv")
    assert list(found) == ["'=1+1", "anna", "anna.xlsx", "ben/predictions", "carl"], "nobody stops the others"
    with pytest.raises(SerkitError, match=r"there is no file or folder .*dora\.csv"):
        grading.submissions([class_folder / "dora.csv"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SerkitError, match="empty has no submissions: CSV files with the columns"):
        grading.submissions([tmp_path / "empty"])


def test_one_bad_submission_does_not_end_the_others(key, key_file, tmp_path):
    for name, share in (("anna", 0.9), ("ben", 0.2)):
        write(tmp_path / "class" / f"{name}.csv", key, answers(key, share))
    write(tmp_path / "class" / "carl.csv", key, "calm")
    (tmp_path / "class" / "dora.csv").write_bytes(b"PK\x03\x04")
    result = serkit(tmp_path / "class", "--labels", key_file, "--out", tmp_path / "scores")
    assert result.exit_code == 1
    assert "Error: 2 of 4 without a score:" in result.output
    assert f"{tmp_path / 'class' / 'carl.csv'}: every held-out utterance needs one row:" in result.output
    assert f"{tmp_path / 'class' / 'dora.csv'} is an Excel file" in result.output
    table = [line.split() for line in result.output.splitlines()]
    assert [line[:2] for line in table if line and line[0] in "12"] == [["1", "anna"], ["2", "ben"]]
    assert "60 utterances of 10 speakers" in result.output
    assert "the commonest label for all: WA 33.3, UA 33.3, macro F1 16.7" in result.output
    assert "1 of 1 pairs are decided" in result.output
    scores = pd.read_csv(tmp_path / "scores" / "scores.csv")
    assert scores["submission"].tolist() == ["anna", "ben"]
    assert pd.read_csv(tmp_path / "scores" / "pairs.csv")["verdict"].tolist() == ["holds"]
    counts = pd.read_csv(tmp_path / "scores" / "confusions" / "ben.csv", index_col="true")
    assert counts.to_numpy().sum() == 60


def test_a_class_too_large_for_its_speakers_is_told_so(key, key_file, tmp_path):
    for number in range(7):  # 21 pairs: the smallest p of ten speakers times 21 is above 5 %
        write(tmp_path / "class" / f"s{number}.csv", key, answers(key, number / 6, number))
    result = serkit(tmp_path / "class", "--labels", key_file, "--out", tmp_path / "scores")
    assert "0 of 21 pairs are decided" not in serkit(tmp_path / "class" / "s0.csv", "--labels", key_file).output
    assert (
        "with 10 speakers no difference among 21 pairs can be decided, however large: hold out 10" not in result.output
    )
    few = key.table[key.table["speaker"].isin([f"s{who}" for who in range(8)])]
    few.rename(columns={"id": "utterance"}).to_csv(tmp_path / "few.csv", index=False)
    for path in (tmp_path / "class").glob("*.csv"):
        table = pd.read_csv(path)
        table[table["utterance"].isin(few["id"])].to_csv(path, index=False)
    result = serkit(tmp_path / "class", "--labels", tmp_path / "few.csv")
    assert "0 of 21 pairs are decided" in result.output
    assert "with 8 speakers no difference among 21 pairs can be decided, however large: hold out 10," in result.output
    again = serkit(tmp_path / "class", "--labels", tmp_path / "few.csv", "--out", tmp_path / "scores")
    assert "scores holds something already" in again.output


def test_a_file_of_another_size_is_not_read(key, tmp_path):
    path = tmp_path / "anna.csv"
    path.write_bytes(b"utterance,predicted\n" + b"u000,sad\n" * 10_000)
    with pytest.raises(SerkitError, match=r"anna\.csv has 90020 bytes, and 60 predictions need less than 70000"):
        grading.read_predictions(path, key)


def test_one_submission_shows_its_confusions(key, key_file, tmp_path):
    result = serkit(write(tmp_path / "anna.csv", key, key.table["label"]), "--labels", key_file)
    assert result.exit_code == 0, result.output
    assert "anna 100.0" in result.output
    assert "no intervals" not in result.output
    assert [line.split() for line in result.output.splitlines()][-3:] == [
        ["angry", "20", "0", "0"], ["happy", "0", "20", "0"], ["sad", "0", "0", "20"],
    ]  # fmt: skip


def test_with_few_speakers_there_are_no_intervals(key, tmp_path):
    few = key.table[key.table["speaker"] < "s4"]
    path = tmp_path / "key.csv"
    few.to_csv(path, index=False)
    result = serkit(write(tmp_path / "a.csv", grading.Key.of(few, ()), "sad"), "--labels", path)
    assert result.exit_code == 0, result.output
    assert "no intervals: 4 speakers, fewer than 8" in result.output
    assert " to " not in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv"], "say what is right: --labels KEY.csv, or --corpus NAME=ROOT with --fold"),
        (["a.csv", "--labels", "k.csv", "--corpus", "ravdess=x"], "say what is right"),
        (["--labels", "k.csv"], "name files of predictions, or what to hand out"),
        (["a.csv", "--labels", "k.csv", "--fold", "1"], "--fold is about a corpus"),
        (["--handout", "d", "--labels", "k.csv"], "--handout is about a corpus"),
        (["a.csv", "--labels", "k.csv"], "cannot read k.csv"),
        (["a.csv", "--corpus", "ravdes=x", "--fold", "1"], "unknown corpus 'ravdes'"),
    ],
)
def test_mistakes_of_the_command(arguments, message):
    result = serkit(*arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert "Traceback" not in result.output


def made_up(**columns):
    """A corpus of four speakers."""
    table = pd.DataFrame({"id": list("abcdefgh"), "path": "", "label": ["sad", "happy"] * 4, **columns})
    table["speaker"] = [f"s{number // 2}" for number in range(8)]
    return SimpleNamespace(name="made_up", utterances=table, require=lambda _: None,
                           select=lambda labels: table[table["label"].isin(labels)])  # fmt: skip


def test_what_is_held_out_is_called_as_the_corpus_calls_it():
    folds = {"fold": list("11112233"), "session": "one"}
    train, test = grading.divided(made_up(**folds), ["1"])
    assert (train["id"].tolist(), test["id"].tolist()) == (list("efgh"), list("abcd"))
    assert grading.divided(made_up(**folds), ["2", "3"])[1]["id"].tolist() == list("efgh")
    assert grading.divided(made_up(partition=["train"] * 6 + ["test"] * 2), ["test"])[1]["id"].tolist() == list("gh")
    assert grading.divided(made_up(), ["s0"])[1]["id"].tolist() == list("ab")
    assert grading.key_of(made_up(), ["s0"]).classes == ("happy", "sad")
    with pytest.raises(SerkitError, match=r"which fold of made_up is held out\? Its names: 1, 2, 3"):
        grading.divided(made_up(**folds), [])
    with pytest.raises(SerkitError, match="unknown fold of made_up '4'; valid: 1, 2, 3"):
        grading.divided(made_up(**folds), ["4"])
    with pytest.raises(SerkitError, match="train and test share speakers: s0"):
        grading.divided(made_up(fold=list("12222222")), ["1"])
    with pytest.raises(SerkitError, match="every speaker of made_up is held out: leave one or more to train on"):
        grading.divided(made_up(), ["s0", "s1", "s2", "s3"])
    with pytest.raises(SerkitError, match="nothing is labelled bored: leave that out, --classes happy"):
        grading.divided(made_up(label=["bored", "happy"] + ["happy"] * 6), ["s0"])


@pytest.fixture(scope="module")
def handed_out(iemocap_miniature, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "handout"
    place = f"iemocap={iemocap_miniature}"
    result = serkit("--handout", folder, "--corpus", place, "--fold", "1,2,3,4", "--classes", "angry,sad")
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_what_a_class_is_given_tells_no_label(handed_out, iemocap_miniature):
    folder, said = handed_out
    assert f"serkit grade SUBMISSIONS --labels {folder / 'key.csv'}" in said
    assert "licence of the recordings: Apache-2.0" in said
    key, students = pd.read_csv(folder / "key.csv"), folder / "students"
    table = corpora.load("iemocap", iemocap_miniature).select(["angry", "sad"]).set_index("id")
    tested = table[table["session"].astype(str) != "5"]
    assert sorted(key["id"]) == sorted(tested.index)
    assert key["id"].tolist() != sorted(key["id"]), "in another order than the corpus'"
    assert key["label"].tolist() == table.loc[key["id"], "label"].tolist()
    heldout = pd.read_csv(students / "heldout.csv")
    assert list(heldout) == ["utterance", "path"]
    assert heldout["utterance"].tolist() == key["utterance"].tolist()
    for row in key.head(3).itertuples():
        copied, rate = audio.read(students / f"heldout/{row.utterance}.wav")
        np.testing.assert_allclose(copied, audio.read(table.loc[row.id, "path"], rate)[0], atol=2**-14)
    given = " ".join(path.read_text() for path in (students / "heldout.csv", students / "example.csv"))
    assert not any(name in given for name in [*key["id"], *key["speaker"]])
    train = corpora.load("manifest", students / "train.csv")
    assert len(train.utterances) == (table["session"].astype(str) == "5").sum()
    assert not set(train.utterances["speaker"]) & set(key["speaker"])
    assert "IEMOCAP" in (students / "LICENCE.txt").read_text()


def test_the_example_that_is_handed_out_is_a_submission(handed_out):
    folder, _ = handed_out
    result = serkit(folder / "students" / "example.csv", "--labels", folder / "key.csv")
    assert result.exit_code == 0, result.output
    assert "UA 50.0" in result.output
    assert " 8 speakers" in result.output


def test_a_key_is_never_written_over(tmp_path):
    (tmp_path / "key.csv").write_text("mine")
    with pytest.raises(SerkitError, match="is there already: name another folder"):
        grading.hand_out(made_up(), ["s0"], tmp_path)
    assert (tmp_path / "key.csv").read_text() == "mine"


def test_grading_by_corpus_and_fold(iemocap_miniature, tmp_path):
    key = grading.key_of(corpora.load("iemocap", iemocap_miniature), ["1", "2", "3", "4"], ["angry", "sad"])
    path = write(tmp_path / "a.csv", key, key.table["label"])
    place = f"iemocap={iemocap_miniature}"
    result = serkit(path, "--corpus", place, "--fold", "1, 2,3,4", "--classes", "angry,sad")
    assert result.exit_code == 0, result.output
    assert f"{len(key.table)} utterances of 8 speakers" in result.output
    assert "a 100.0" in result.output
