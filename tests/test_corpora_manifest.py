"""serkit.corpora.loaders.manifest: tables of the user's own, right ones and wrong ones."""

import numpy as np
import pytest

from serkit import audio, corpora, splits
from serkit.errors import SerkitError

GOOD = """path,label,speaker,gender,valence
a1.wav, Happy ,anna,f,4.5
a2.wav,sad,anna,female,
b1.wav,Happy,ben,m,2
b2.wav,sad,ben,M,
"""


@pytest.fixture
def table(tmp_path):
    for number, name in enumerate(("a1", "a2", "b1", "b2")):
        audio.write(tmp_path / f"{name}.wav", np.full(800, (number + 1) / 10), 8000 * (number + 1))
    path = tmp_path / "own.csv"
    path.write_text(GOOD, encoding="utf-8-sig")
    return path


def test_a_good_table_loads(table):
    corpus = corpora.load("manifest", table)
    found = corpus.utterances
    assert list(found.columns) == corpora.COLUMNS
    assert found["id"].tolist() == ["a1", "a2", "b1", "b2"]
    assert found["label"].tolist() == ["Happy", "sad", "Happy", "sad"]  # kept as written
    assert found["gender"].tolist() == ["f", "f", "m", "m"]
    assert found["path"][0] == str(table.parent / "a1.wav")
    assert found["valence"][0] == 4.5
    assert np.isnan(found["valence"][1])
    assert corpus.check(deep=True).empty
    assert not corpus.redistributable


def test_quoted_text_over_two_lines_keeps_the_line_numbers_right(table):
    table.write_text(
        'path,label,speaker,text\na1.wav,x,anna,"one,\ntwo"\n\nb1.wav,x,ben,\nb2.wav,,ben,\n', encoding="utf-8"
    )
    corpus = corpora.load("manifest", table, strict=False)
    assert corpus.utterances["text"][0] == "one,\ntwo"
    assert corpus.check()["where"].tolist() == [f"{table}:6"]


WRONG = [
    ("a1.wav, Happy", "c1.wav, Happy", r"own.csv:2: no recording 'c1\.wav'"),
    ("sad,anna", " ,anna", "own.csv:3: empty label: an empty class"),
    ("Happy,ben", "Happy, ", "own.csv:4: empty speaker"),
    ("a2.wav", "a1.wav", "own.csv:3: duplicate id 'a1', first at .*own.csv:2"),
    ("b1.wav,Happy,ben,m", "b1.wav,Happy,ben,x", "own.csv:4: unknown gender 'x'.*\n.*write one of: f, female, m, male"),
    ("ben,m,2", "ben,m,two", "own.csv:4: valence 'two' is not a number"),
    ("ben,m,2", "ben,m,nan", "own.csv:4: valence 'nan' is not a number"),
    ("b1.wav,Happy", "b1.wav,Anger", "label 'Anger' has one speaker only"),
    ("b1.wav,Happy", ",Happy", "own.csv:4: empty path"),
    ("ben,m,2", "ben,m,2,3", "own.csv:4: 6 cells under 5 columns"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG, ids=[wrong[2][:40] for wrong in WRONG])
def test_a_wrong_line_is_named_and_refused(table, old, new, message):
    assert old in GOOD
    table.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SerkitError, match=message):
        corpora.load("manifest", table)
    corpora.load("manifest", table, strict=False)  # and can be looked at


def test_one_path_under_two_ids_is_refused(table):
    lines = ["id,path,label,speaker", "1,a1.wav,x,anna", "2,b1.wav,x,ben", "3,./a1.wav,x,anna"]
    table.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SerkitError, match=r"own\.csv:4: duplicate path '\./a1\.wav', first at .*own\.csv:2"):
        corpora.load("manifest", table)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,emotion,speaker\n", "no column label; columns found: path, emotion, speaker"),
        ("path;label;speaker\n", "no column path, label, speaker; columns found: path;label;speaker"),
        ("", "columns found: none"),
        ("path,label,speaker\n", "has a header but no rows"),
        ("path,label,speaker,label\n", "two columns 'label'"),
        (
            "file,emotion,Actor\n",
            "\nrename file to path, emotion to label, actor to speaker, if that is what they hold",
        ),
        ("path,lable,speaker\n", "\nrename lable to label, if that is what they hold"),
        ("path;label;speaker\n", "\nits cells are parted by semicolons: save it with commas"),
        ("path\tlabel\tspeaker\n", "\nits cells are parted by tabs: save it with commas"),
    ],
)
def test_a_wrong_header_is_refused(table, text, message):
    table.write_text(text, encoding="utf-8")
    with pytest.raises(SerkitError, match=message):
        corpora.load("manifest", table)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ('b1.wav,x,ben,"he said\nb2.wav,x,ben,', r'a quotation mark \("\) is not closed'),
        ('b1.wav,x,ben,"he" said\nb2.wav,x,ben,', "expected after"),
    ],
)
def test_a_quotation_mark_that_is_not_closed_is_found(table, row, what):
    table.write_text(f"path,label,speaker,text\na1.wav,x,anna,\n{row}\n", encoding="utf-8")
    with pytest.raises(SerkitError, match=rf"own\.csv:3: .*{what}.*; mend that row"):
        corpora.load("manifest", table)


def test_another_encoding_is_refused_and_unused_columns_are_noted(table):
    table.write_bytes(GOOD.replace("anna", "änna").encode("latin-1"))
    with pytest.raises(SerkitError, match="is no CSV file in UTF-8"):
        corpora.load("manifest", table)
    table.write_text(GOOD.replace("valence", "pleasure"), encoding="utf-8")
    found = corpora.load("manifest", table).check()
    assert found["what"].tolist() == ["column 'pleasure' is not used"]


def test_a_column_of_a_usual_other_name_is_a_warning(table):
    """`Sex` would leave a paper that needs the gender without it."""
    table.write_text(GOOD.replace("gender", "Sex").replace("valence", "loudness"), encoding="utf-8")
    found = corpora.load("manifest", table).check()
    assert found["level"].tolist() == ["warning", "note"]
    assert found["what"].tolist() == ["column 'sex' is not used", "column 'loudness' is not used"]
    assert found["remedy"][0] == "rename it to gender, if it holds that"


def with_partitions(name, *cells):
    lines = GOOD.splitlines()
    return "\n".join([f"{lines[0]},{name}", *(f"{line},{cell}" for line, cell in zip(lines[1:], cells, strict=True))])


@pytest.mark.parametrize("name", ["split", "Split", "partition"])
def test_a_split_is_honoured(table, name):
    table.write_text(with_partitions(name, "train", "Training", "validation", "val"), encoding="utf-8")
    corpus = corpora.load("manifest", table)
    assert list(corpus.utterances.columns) == [*corpora.COLUMNS, "partition"]
    fold = splits.by_partition(corpus.utterances, required=("train", "dev"))
    assert (fold.train, fold.validation, fold.test) == (("a1", "a2"), ("b1", "b2"), ())


def test_folds_of_the_user(table):
    table.write_text(with_partitions("fold", "x", "x", "y", "y"), encoding="utf-8")
    corpus = corpora.load("manifest", table)
    assert list(corpus.utterances.columns) == [*corpora.COLUMNS, "fold"]
    folds = splits.by_fold(corpus.utterances)
    assert [(fold.name, fold.test) for fold in folds] == [("fold x", ("a1", "a2")), ("fold y", ("b1", "b2"))]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("train", "train", "evl", "dev"), r"own\.csv:4: unknown partition 'evl'\n.*write train, val or test"),
        (("train", "train", "", "dev"), r"own\.csv:4: unknown partition ''"),
        (("train", "dev", "dev", "dev"), "speaker 'anna' is in the partitions dev, train"),
    ],
)
def test_a_wrong_split_is_named(table, cells, message):
    table.write_text(with_partitions("split", *cells), encoding="utf-8")
    with pytest.raises(SerkitError, match=message):
        corpora.load("manifest", table)
    corpora.load("manifest", table, strict=False)


@pytest.mark.parametrize(
    ("cells", "missing"),
    [
        (("train", "train", "test", "test"), "'dev': a paper that chooses by it cannot use this partition"),
        (("train", "train", "dev", "dev"), "'test': a paper that tests on it cannot use this partition"),
        (("dev", "dev", "test", "test"), "'train': nothing is left to train on"),
    ],
)
def test_a_split_without_one_of_its_parts_is_a_warning(table, cells, missing):
    table.write_text(with_partitions("split", *cells), encoding="utf-8")
    found = corpora.load("manifest", table).check()
    assert found["level"].tolist() == ["warning"]
    assert found["what"].tolist() == [f"no utterance of the partition {missing}"]
    assert "or remove the column" in found["remedy"][0]
