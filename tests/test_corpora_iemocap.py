"""serkit.corpora.loaders.iemocap, on a miniature and on damaged copies of it, and the published counts."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile

from serkit import corpora
from serkit.corpora import miniatures
from serkit.corpora.loaders import iemocap
from serkit.errors import SerkitError

DIALOGUE = "Ses01F_impro01"
UTTERANCE = f"{DIALOGUE}_F000"
WAV = f"Session1/sentences/wav/{DIALOGUE}/{UTTERANCE}.wav"
LABELS = f"Session1/dialog/EmoEvaluation/{DIALOGUE}.txt"
WORDS = f"Session1/sentences/ForcedAlignment/{DIALOGUE}/{UTTERANCE}.wdseg"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return miniatures.write("iemocap", tmp_path_factory.getbasetemp() / "iemocap")


@pytest.fixture
def copy(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "copy")


def problems(root, level=None, deep=False):
    found = corpora.load("iemocap", root, strict=False).check(deep)
    return found if level is None else found[found["level"] == level]


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


# A whole copy


def test_a_whole_copy_loads_and_only_the_release_own_quirks_are_listed(sound):
    corpus = corpora.load("iemocap", sound)
    assert corpus.miniature
    assert corpus.redistributable
    assert "miniature" in corpus.title
    found = corpus.check(deep=True)
    assert list(found["level"]) == ["warning", "note", "note"]
    assert "dominance 0.5 of Ses04M_script03_2_M000 is outside 1..5" in found["what"][0]
    assert found["where"][0].endswith("Ses04M_script03_2.txt:3")
    assert "begin with a dot" in found["what"][1]
    assert "no word alignment of Ses03M_impro03_M001, as in the release itself" in found["what"][2]


def test_the_table_of_utterances(sound):
    table = corpora.load("iemocap", sound).utterances
    assert list(table.columns) == [*corpora.COLUMNS, "dialogue"]
    assert table["id"].is_monotonic_increasing
    assert table["id"].is_unique
    assert set(table["label"]) <= set(corpora.LABELS)
    assert set(table["session"]) == {1, 2, 3, 4, 5}
    assert table["text"].notna().all()
    assert table[["valence", "activation", "dominance"]].min().min() >= 1
    assert table[["valence", "activation", "dominance"]].max().max() <= 5
    row = table.set_index("id").loc[UTTERANCE]
    assert row["path"] == str(sound / WAV)
    assert (row["speaker"], row["gender"], row["style"]) == ("Ses01F", "f", "improvised")
    assert row["end"] - row["start"] == pytest.approx(soundfile.info(row["path"]).duration)


def test_the_speaker_is_the_last_field_letter_and_not_the_dialogue_one(sound):
    corpus = corpora.load("iemocap", sound)
    table = corpus.utterances.set_index("id")
    assert table.loc["Ses01F_impro01_M000", "speaker"] == "Ses01M"
    assert table.loc["Ses01F_impro01_M000", "gender"] == "m"
    prefix = table.index.str[:6]
    assert (prefix != table["speaker"]).mean() > 0.3
    assert prefix.nunique() == table["speaker"].nunique() == 10  # the wrong key looks right by its number
    assert prefix.value_counts().to_dict() != table["speaker"].value_counts().to_dict()
    corpus.utterances["speaker"] = list(prefix)
    errors = corpus.check().query("level == 'error'")
    assert "the dialogue's letter was taken for the speaker's" in errors["what"].iloc[0]
    assert errors["what"].str.match(r"speaker Ses01F, utterances: \d+ instead of \d+").any()


def test_raters_files_in_sub_folders_are_not_read_as_labels(sound):
    folder = sound / "Session1" / "dialog" / "EmoEvaluation"
    assert len(list(folder.rglob("Ses*.txt"))) > len(list(folder.glob("Ses*.txt")))  # the trap is there
    table = corpora.load("iemocap", sound).utterances
    assert table.query("session == 1")["dialogue"].nunique() == len(list(folder.glob("Ses*.txt"))) == 4


def test_attributes_are_the_mean_of_external_raters_only(sound):
    corpus = corpora.load("iemocap", sound)
    ratings, table = corpus.ratings(), corpus.utterances.set_index("id")
    external = ratings[~ratings["self_report"]].groupby("id")[["valence", "activation", "dominance"]].mean()
    blank = "Ses04M_script03_2_M000"
    pd.testing.assert_frame_equal(
        external.drop(blank), table.loc[external.index, external.columns].drop(blank), check_exact=False
    )
    everyone = ratings.groupby("id")["valence"].mean()
    assert (everyone - table["valence"]).abs().max() > 0.2  # with the self-report it would be another number
    of_blank = ratings[(ratings["id"] == blank) & ~ratings["self_report"]].set_index("rater")["dominance"]
    assert np.isnan(of_blank["E3"])
    assert of_blank["E4"] == 1
    assert table.loc[blank, "dominance"] == 1  # (blank + 1) / 2 = 0.5, clipped


def test_the_label_is_the_majority_of_external_raters(sound):
    corpus = corpora.load("iemocap", sound)
    ratings = corpus.ratings()
    external = ratings[~ratings["self_report"]].dropna(subset="label")
    labels = corpus.utterances.set_index("id")["label"]
    votes = external.groupby("id")["label"]
    assert len(votes) == 166
    for utterance, given in votes:
        winner = given.value_counts()
        expected = winner.index[0] if winner.iloc[0] > 1 else "undecided"
        assert labels[utterance] == expected, utterance


def test_word_times_are_exact(copy):
    (copy / WORDS).write_text(
        "\t SFrm  EFrm    SegAScr Word\n\t    0    28     -17530 <s>\n"
        "\t   29    40     -1 ++LAUGHTER++\n\t   41    72     -17530 WHAT(2)\n"
        "\t   73    80     -17 <sil>\n\t   81    99     -17 NOW\n\n Total score:   -3\n"
    )
    words = corpora.load("iemocap", copy).words()
    found = words[words["id"] == UTTERANCE].drop(columns="id")
    assert found.to_numpy().tolist() == [["WHAT", 0.41, 0.73], ["NOW", 0.81, 1.0]]


def test_alignments_cover_all_but_one_utterance_and_lie_inside_it(sound):
    corpus = corpora.load("iemocap", sound)
    words, table = corpus.words(), corpus.utterances.set_index("id")
    assert set(table.index) - set(words["id"]) == {"Ses03M_impro03_M001"}
    length = (table["end"] - table["start"]).reindex(words["id"]).to_numpy()
    assert (words["start"] < words["end"]).all()
    assert (words["end"] <= length + 1e-6).all()
    spoken = words[words["id"] == UTTERANCE]["word"].str.lower()
    assert " ".join(spoken).capitalize() + "." == table.loc[UTTERANCE, "text"]


def test_the_folder_above_the_release_is_accepted(sound, tmp_path):
    (tmp_path / "IEMOCAP_full_release").symlink_to(sound)
    corpus = corpora.load("iemocap", tmp_path, strict=False)
    assert corpus.root == tmp_path / "IEMOCAP_full_release"
    assert len(corpus.utterances) == 166


# Damaged copies: each is named with its file and a remedy, and refused


def truncated(root):
    content = (root / WAV).read_bytes()
    (root / WAV).write_bytes(content[: len(content) // 2])


def stereo(root):
    signal, rate = soundfile.read(root / WAV)
    soundfile.write(root / WAV, np.stack([signal, signal], axis=1), rate)


def other_rate(root):
    signal, _ = soundfile.read(root / WAV)
    soundfile.write(root / WAV, signal[::2], 8000)


def corrupted_line(root):
    edit(root / LABELS, f"{UTTERANCE}\t", f"{UTTERANCE} ")


def unknown_label(root):
    edit(root / LABELS, "\tneu\t", "\tnue\t")


def duplicate_line(root):
    line = (root / LABELS).read_text().splitlines()[2]
    edit(root / LABELS, line, f"{line}\n{line}")


DAMAGES = [
    (lambda root: (root / WAV).unlink(), f"no audio of {UTTERANCE}", WAV),
    (truncated, "is truncated", WAV),
    (lambda root: (root / WAV).write_bytes(b""), r"is empty \(0 bytes\)", WAV),
    (stereo, "2 channels instead of one", WAV),
    (other_rate, "sample rate 8000 Hz instead of 16000 Hz", WAV),
    (corrupted_line, "label line cannot be read: .*Ses01F_impro01_F000 neu", f"{LABELS}:3"),
    (unknown_label, "unknown label 'nue' of Ses01F_impro01_F000; valid: ang, ", f"{LABELS}:3"),
    (duplicate_line, f"duplicate utterance {UTTERANCE}, first at .*{LABELS}:3", f"{LABELS}:4"),
    (lambda root: (root / LABELS).unlink(), f"no labels of dialogue {DIALOGUE}", LABELS),
    (lambda root: shutil.rmtree((root / WAV).parent), f"no audio of dialogue {DIALOGUE}", f"wav/{DIALOGUE}"),
    (lambda root: shutil.rmtree(root / "Session2"), "partial copy: sessions 1, 3, 4, 5 of 5", "copy"),
    (lambda root: (root / WAV).rename(root / WAV.replace("F000", "F099")), f"no label of {DIALOGUE}_F099", "F099.wav"),
]


@pytest.mark.parametrize(("damage", "what", "where"), DAMAGES, ids=[damage[1][:30] for damage in DAMAGES])
def test_damage_is_named_and_refused(copy, damage, what, where):
    damage(copy)
    errors = problems(copy, "error")
    named = errors[errors["what"].str.contains(what)]
    assert len(named) == 1, errors["what"].tolist()
    assert named["where"].iloc[0].endswith(where)
    assert len(named["remedy"].iloc[0]) > 10
    with pytest.raises(SerkitError, match=rf"(?s)copy of iemocap has {len(errors)} error.*{what}.*strict=False"):
        corpora.load("iemocap", copy)


def test_a_lost_label_shows_in_every_count_it_belongs_to(copy):
    edit(copy / LABELS, f"{UTTERANCE}\tneu\t", "")
    found = problems(copy, "error")["what"].tolist()
    assert "utterances: 165 instead of 166" in found
    assert "session 1, utterances: 33 instead of 34" in found
    assert any(what.startswith("speaker Ses01F, improvised neu: 4 instead of 5") for what in found)


def test_a_partial_copy_is_compared_with_the_counts_of_its_own_sessions(copy):
    shutil.rmtree(copy / "Session2")
    shutil.rmtree(copy / "Session4")
    errors = problems(copy, "error")
    assert errors["what"].tolist() == ["partial copy: sessions 1, 3, 5 of 5"]
    assert "copy Session2, Session4 too" in errors["remedy"].iloc[0]
    assert len(corpora.load("iemocap", copy, strict=False).utterances) == 102
    edit(copy / LABELS, f"{UTTERANCE}\tneu\t", f"{UTTERANCE}\tsad\t")
    found = problems(copy, "error")["what"].tolist()
    assert "session 1, improvised neu: 9 instead of 10" in found
    assert not any(what.startswith(("utterances", "improvised", "neu")) for what in found)


def test_missing_words_and_texts_are_warnings(copy):
    (copy / WORDS).unlink()
    (copy / f"Session2/dialog/transcriptions/{'Ses02F_impro01'}.txt").unlink()
    corpus = corpora.load("iemocap", copy)
    warnings = corpus.check().query("level == 'warning'")["what"].tolist()
    assert f"no word alignment of {UTTERANCE}" in warnings
    assert "alignments: 164 instead of 165" in warnings
    assert any(what.startswith("no transcript of Ses02F_impro01_F000,") for what in warnings)
    assert corpus.utterances["text"].isna().sum() == 9
    shutil.rmtree(copy / "Session1/sentences/ForcedAlignment")
    assert not corpora.load("iemocap", copy).words().empty


def test_a_corrupt_alignment_is_found_by_a_deep_check_and_on_reading(copy):
    edit(copy / WORDS, "<s>", "")
    assert problems(copy, "error").empty
    named = problems(copy, "error", deep=True)
    assert named["what"].str.contains("alignment line cannot be read").all()
    with pytest.raises(SerkitError, match=rf"{UTTERANCE}\.wdseg:2: alignment line cannot be read"):
        corpora.load("iemocap", copy).words()


def test_values_out_of_scale_are_clipped_with_a_warning(copy):
    path = copy / LABELS
    line = path.read_text().splitlines()[2]
    edit(path, line, line[: line.index("\t[")] + "\t[5.5000, 0.0000, 3.0000]")
    corpus = corpora.load("iemocap", copy)
    row = corpus.utterances.set_index("id").loc[UTTERANCE]
    assert (row["valence"], row["activation"], row["dominance"]) == (5, 1, 3)
    assert "valence 5.5, activation 0.0 of Ses01F_impro01_F000" in corpus.check()["what"][0]


def test_a_rater_line_that_cannot_be_read_is_a_warning(copy):
    edit(copy / LABELS, "A-E3:\tval", "A-E3:\tvla")
    warnings = problems(copy, "warning")
    assert warnings["what"].str.startswith("rater's line cannot be read: 'A-E3").any()


def test_unusual_bytes_and_several_labels_of_one_rater(copy):
    path = copy / LABELS
    edit(path, "C-E2:\tNeutral;\t()", "C-E2:\tAnger; Frustration;\t(@)")
    path.write_bytes(path.read_bytes().replace(b"(@)", b"(na\xefve)"))
    ratings = corpora.load("iemocap", copy).ratings().set_index(["id", "rater"])
    assert ratings.loc[(UTTERANCE, "E2"), "label"] == "angry; frustrated"


# The published counts


def test_published_counts_agree_with_each_other():
    figures = iemocap.PUBLISHED
    codes = ("ang", "hap", "exc", "neu", "sad")
    assert figures["utterances"] == 10039 == sum(figures[code] for code in iemocap.LABELS)
    assert figures["scripted"] + figures["improvised"] == 10039
    assert sum(figures[f"session {session}, dialogues"] for session in range(1, 6)) == figures["dialogues"] == 151
    assert sum(figures[f"session {session}, alignments"] for session in range(1, 6)) == figures["alignments"] == 10037
    for kind in ("utterances", *codes, *(f"improvised {code}" for code in codes)):
        of_speakers = {
            session: [figures[f"speaker Ses0{session}{letter}, {kind}"] for letter in "FM"] for session in range(1, 6)
        }
        assert all(sum(of_speakers[session]) == figures[f"session {session}, {kind}"] for session in range(1, 6)), kind
        assert sum(map(sum, of_speakers.values())) == figures[kind], kind
    # By the speaker's letter; 4941 and 5098 are what the dialogue's letter gives.
    letters = [sum(figures[f"speaker Ses0{session}{letter}, utterances"] for session in range(1, 6)) for letter in "FM"]
    assert letters == [4800, 5239]


def test_counting_names_every_published_figure(sound):
    root, utterances, _ = iemocap.read(sound)
    found = iemocap.count(root, utterances)
    assert set(iemocap.PUBLISHED) - set(found) <= {"session 2, improvised exc", "session 4, improvised exc"} | {
        f"speaker Ses0{speaker}, improvised exc" for speaker in ("1M", "2F", "2M", "3M", "4F", "4M", "5M")
    }


def test_a_real_copy_is_held_to_the_published_counts(copy):
    (copy / corpora.MARKER).unlink()
    corpus = corpora.load("iemocap", copy, strict=False)
    assert not corpus.miniature
    assert not corpus.redistributable
    assert "utterances: 166 instead of 10039" in corpus.check()["what"].tolist()
