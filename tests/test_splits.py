"""No speaker on two sides, whatever the corpus looks like."""

import numpy as np
import pandas as pd
import pytest

from serkit import splits
from serkit.errors import SerkitError


@pytest.fixture
def utterances():
    rows = [
        {"id": f"{speaker}-{label}-{number}", "speaker": speaker, "gender": speaker[0], "label": label}
        for speaker in ("f1", "f2", "f3", "m1", "m2", "m3")
        for label in ("sad", "happy")
        for number in range(2)
    ]
    return pd.DataFrame(rows)


def test_each_speaker_is_tested_once(utterances):
    folds = splits.leave_one_speaker_out(utterances)
    assert [fold.name for fold in folds] == ["f1", "f2", "f3", "m1", "m2", "m3"]
    assert sorted(name for fold in folds for name in fold.test) == sorted(utterances["id"])
    for fold in folds:
        assert {name[:2] for name in fold.test} == {fold.name}
        assert len(fold.train) + len(fold.test) == len(utterances)


def test_groups_hold_women_and_men(utterances):
    folds = splits.leave_one_speaker_out(utterances, groups=3)
    assert [sorted({name[:2] for name in fold.test}) for fold in folds] == [["f1", "m1"], ["f2", "m2"], ["f3", "m3"]]


@pytest.mark.parametrize("groups", [1, -1, 7])
def test_impossible_numbers_of_groups(utterances, groups):
    with pytest.raises(SerkitError, match=f"speaker_groups = {groups} of 6 speakers: choose 2 to 6, or 0 to test each"):
        splits.leave_one_speaker_out(utterances, groups)


def test_one_speaker_cannot_be_divided(utterances):
    for some in (utterances[utterances["speaker"] == "f1"], utterances[:0]):
        with pytest.raises(SerkitError, match=r"speakers: [01]; two or more are needed"):
            splits.leave_one_speaker_out(some)


def test_a_partition_without_development_may_do(partitioned):
    without = splits.by_partition(partitioned[partitioned["partition"] != "dev"], required=("train", "test"))
    assert without == splits.Fold("partition", ("train_1", "train_2"), ("test_1",), ())


def test_one_session_with_two_speakers_is_no_matter_of_groups(sessions):
    """A part of IEMOCAP: the remedies that name groups or folds would not help."""
    one = sessions[sessions["session"] == "Ses01"]
    for groups in (0, 1):
        with pytest.raises(SerkitError, match=r"1 session: two or more are needed \(.* women 1, men 1\); add speakers"):
            splits.session_halves(one, groups)
    with pytest.raises(SerkitError, match="speaker_groups = 2 to 3"):
        splits.session_halves(sessions.assign(session="1"))
    with pytest.raises(SerkitError, match=r"2 speakers, a woman and a man: .*nobody is left to train; add speakers"):
        splits.one_woman_one_man(one)
    with pytest.raises(SerkitError, match="nothing to train; every speaker is tested"):
        splits._leave_out(one, "speaker", ("f1", "m1"), "f1 + m1")


def test_a_shared_speaker_is_caught(utterances):
    ids = utterances["id"].tolist()
    leaky = splits.Fold("f1", train=tuple(ids[1:]), test=tuple(ids[:1]))
    with pytest.raises(SerkitError, match="fold f1: train and test share speakers: f1"):
        splits.assert_disjoint(leaky, utterances)
    leaky = splits.Fold("f1", train=tuple(ids[8:]), test=tuple(ids[:4]), validation=tuple(ids[4:9]))
    with pytest.raises(SerkitError, match="train and validation share speakers: f3"):
        splits.assert_disjoint(leaky, utterances)


def test_permuted_speakers_are_caught(utterances, random):
    fold = splits.leave_one_speaker_out(utterances)[0]
    shuffled = utterances.assign(speaker=random.permutation(utterances["speaker"]))
    with pytest.raises(SerkitError, match="share speakers"):
        splits.assert_disjoint(fold, shuffled)


def test_an_unseen_label_and_an_empty_side(utterances):
    only_one = utterances.assign(label=np.where(utterances["speaker"] == "f1", "calm", utterances["label"]))
    with pytest.raises(SerkitError, match=r"fold f1: labels \['calm'\] are tested but do not occur in training"):
        splits.leave_one_speaker_out(only_one)
    with pytest.raises(SerkitError, match="nothing to train"):
        splits.assert_disjoint(splits.Fold("x", train=(), test=("f1-sad-0",)), utterances)


def test_a_missing_speaker(utterances):
    utterances.loc[3, "speaker"] = None
    with pytest.raises(SerkitError, match="1 utterance without a speaker, the first is f1-happy-1"):
        splits.leave_one_speaker_out(utterances)


def test_each_pair_is_a_woman_and_a_man(utterances):
    folds = splits.one_woman_one_man(utterances)
    assert [fold.name for fold in folds] == [f"f{woman} + m{man}" for woman in (1, 2, 3) for man in (1, 2, 3)]
    for fold in folds:
        assert sorted({name[:2] for name in fold.test}) == fold.name.split(" + ")
        assert len(fold.train) == len(utterances) - len(fold.test) == 16


def test_pairs_are_drawn_by_the_seed_and_fewer_are_the_first_of_more(utterances):
    def drawn(limit, seed):
        return [fold.name for fold in splits.one_woman_one_man(utterances, limit, seed)]

    assert len(set(drawn(9, 0))) == 9
    assert drawn(9, 0)[:2] == drawn(2, 0)
    assert drawn(9, 0) != drawn(9, 1)


def test_pairs_need_women_and_men(utterances):
    with pytest.raises(SerkitError, match="3 women and 0 men speak"):
        splits.one_woman_one_man(utterances[utterances["gender"] == "f"])
    utterances.loc[2, "gender"] = None
    with pytest.raises(SerkitError, match="1 utterance without a gender, the first is f1-happy-0"):
        splits.one_woman_one_man(utterances)


def test_each_session_is_tested_once(utterances):
    folds = splits.leave_one_session_out(utterances.assign(session=utterances["speaker"].str[1]))
    assert [fold.name for fold in folds] == ["session 1", "session 2", "session 3"]
    assert [sorted({name[:2] for name in fold.test}) for fold in folds] == [["f1", "m1"], ["f2", "m2"], ["f3", "m3"]]


@pytest.mark.parametrize("session", ["1", None])
def test_sessions_are_needed(utterances, session):
    with pytest.raises(SerkitError, match="use another split"):
        splits.leave_one_session_out(utterances.assign(session=session))


def test_a_speaker_in_two_sessions_is_caught(utterances):
    with pytest.raises(SerkitError, match="train and test share speakers"):
        splits.leave_one_session_out(utterances.assign(session=np.arange(len(utterances)) % 3))


def test_validation_takes_its_share_of_each_class_and_no_test_speaker(utterances):
    before = splits.one_woman_one_man(utterances)[0]
    fold = splits.with_validation(before, utterances, 0.25)
    assert fold.test == before.test
    assert sorted(fold.train + fold.validation) == sorted(before.train)
    assert not set(fold.train) & set(fold.validation)
    assert sorted(name.split("-")[1] for name in fold.validation) == ["happy"] * 2 + ["sad"] * 2
    assert fold == splits.with_validation(before, utterances, 0.25)
    assert fold != splits.with_validation(before, utterances, 0.25, seed=1)
    assert len(splits.with_validation(before, utterances, 0.001).validation) == 2, "each class gives one or more"


def test_validation_that_cannot_be(utterances):
    fold = splits.one_woman_one_man(utterances)[0]
    with pytest.raises(SerkitError, match="between 0 and 1; got 1"):
        splits.with_validation(fold, utterances, 1)
    rare = utterances.assign(label=np.where(utterances["id"] == "f2-sad-0", "calm", utterances["label"]))
    with pytest.raises(SerkitError, match="one training utterance of 'calm' cannot be split"):
        splits.with_validation(fold, rare, 0.1)
    leaky = splits.Fold("x", train=fold.train + fold.test[:1], test=fold.test[1:])
    with pytest.raises(SerkitError, match="train and test share speakers"):
        splits.with_validation(leaky, utterances, 0.1)


@pytest.fixture
def partitioned():
    names = ["train_1", "train_2", "dev_1", "test_1", "P17"]
    parts = ["train", "train", "dev", "test", None]
    return pd.DataFrame({"id": names, "speaker": names, "label": None, "partition": parts})


def test_the_partitions_of_a_corpus(partitioned):
    fold = splits.by_partition(partitioned)
    assert fold == splits.Fold("partition", ("train_1", "train_2"), ("test_1",), ("dev_1",))
    without_test = splits.by_partition(partitioned[partitioned["partition"] != "test"], required=("train", "dev"))
    assert without_test == splits.Fold("partition", ("train_1", "train_2"), (), ("dev_1",))


def test_partitions_that_cannot_be(partitioned):
    with pytest.raises(SerkitError, match="no recording is in the partition 'dev'"):
        splits.by_partition(partitioned[partitioned["partition"] != "dev"])
    with pytest.raises(SerkitError, match=r"no recording is in the partition 'test': .*or remove the column"):
        splits.by_partition(partitioned[partitioned["partition"] != "test"])
    for one, other, sides in (("train_1", "dev_1", "train and validation"), ("dev_1", "test_1", "validation and test")):
        shared = partitioned.assign(speaker=partitioned["speaker"].replace({other: one}))
        with pytest.raises(SerkitError, match=f"{sides} share speakers: {one}"):
            splits.by_partition(shared)


@pytest.fixture
def sessions(utterances):
    return utterances.assign(session="Ses0" + utterances["speaker"].str[1])


def test_the_halves_of_each_session_validate_and_are_tested(sessions):
    folds = splits.session_halves(sessions)
    ways = [(session, *way) for session in "123" for way in ("mf", "fm")]
    for fold, (session, tested, validating) in zip(folds, ways, strict=True):
        assert fold.name == f"session Ses0{session}, {tested} tested"
        assert {name[:2] for name in fold.test} == {tested + session}
        assert {name[:2] for name in fold.validation} == {validating + session}
        assert sorted(fold.train + fold.validation + fold.test) == sorted(sessions["id"])
    assert sorted(name for fold in folds for name in fold.test) == sorted(sessions["id"])


def test_one_half_of_each_session_may_do(sessions):
    folds = splits.session_halves(sessions, both=False)
    tested = [{name[:2] for name in fold.test} for fold in folds]
    assert tested == [{"m1"}, {"f2"}, {"m3"}]
    every = splits.session_halves(sessions)
    assert all(fold in every for fold in folds)


def test_women_and_men_are_dealt_into_groups_where_there_are_no_sessions(utterances):
    folds = splits.session_halves(utterances, groups=2)
    assert [fold.name for fold in folds] == [f"group {group}, {gender} tested" for group in (1, 2) for gender in "mf"]
    sides = [[sorted({name[:2] for name in side}) for side in (fold.test, fold.validation)] for fold in folds]
    assert sides[0] == [["m1", "m3"], ["f1", "f3"]]
    assert sides[3] == [["f2"], ["m2"]]
    assert [len(fold.train) for fold in folds] == [8, 8, 16, 16]


def test_halves_that_cannot_be(sessions):
    for column, remedy in (
        ("speaker", "name one"),
        ("gender", "name one"),
        ("session", r"deal .* \(--set speaker_groups=5"),
    ):
        lacking = sessions.assign(**{column: sessions[column].where(sessions["id"] != "f1-happy-1", None)})
        with pytest.raises(SerkitError, match=f"1 utterance without a {column}, the first is f1-happy-1: {remedy}"):
            splits.session_halves(lacking)
    with pytest.raises(SerkitError, match="1 session: two or more are needed"):
        splits.session_halves(sessions[sessions["session"] == "Ses01"])
    with pytest.raises(SerkitError, match="session Ses02 has no speaker of gender 'f' to validate on"):
        splits.session_halves(sessions[sessions["speaker"] != "f2"])
    with pytest.raises(SerkitError, match="train and test share speakers"):
        splits.session_halves(sessions.assign(session=np.arange(len(sessions)) % 3))


def test_speakers_without_a_name_are_not_compared_but_those_with_one_are(utterances):
    fold = splits.Fold("x", tuple(utterances["id"][8:]), tuple(utterances["id"][:4]), tuple(utterances["id"][4:8]))
    for missing in (None, np.nan):
        nobody = utterances.assign(speaker=missing)
        assert splits.assert_disjoint(fold, nobody) is fold
        some = nobody.assign(speaker=["S1" if name.endswith("happy-0") else missing for name in utterances["id"]])
        with pytest.raises(SerkitError, match="train and test share speakers: S1"):
            splits.assert_disjoint(fold, some)


def test_a_partition_is_dealt_by_speaker_and_gender(utterances):
    more = pd.concat([utterances, utterances.assign(speaker=utterances["speaker"] + "x", id=utterances["id"] + "x")])
    dealt = splits.deal_partition(more)
    pd.testing.assert_frame_equal(dealt.drop(columns="partition"), more)
    people = dealt.drop_duplicates("speaker")
    assert len(dealt.drop_duplicates(["speaker", "partition"])) == len(people) == 12
    assert people.groupby(["partition", "gender"]).size().to_dict() == {
        ("dev", "f"): 1, ("dev", "m"): 1, ("test", "f"): 1, ("test", "m"): 1, ("train", "f"): 4, ("train", "m"): 4,
    }  # fmt: skip
    fold = splits.by_partition(dealt)
    assert [len(side) for side in (fold.train, fold.validation, fold.test)] == [32, 8, 8]
    wide = splits.deal_partition(more, dev=1 / 2, test=0).drop_duplicates("speaker")["partition"]
    assert wide.value_counts().to_dict() == {"dev": 6, "train": 6}


def test_a_dealt_partition_is_the_seeds_and_not_the_orders(utterances, random):
    def dealt(table, seed):
        return splits.deal_partition(table, seed=seed).set_index("id")["partition"].sort_index().tolist()

    assert dealt(utterances, 0) == dealt(utterances.sample(frac=1, random_state=1), 0)
    assert len({tuple(dealt(utterances, seed)) for seed in range(5)}) > 1
    nobody_says = splits.deal_partition(utterances.assign(gender=None), 1 / 3, 1 / 3)
    assert nobody_says.drop_duplicates("speaker")["partition"].value_counts().to_dict() == {
        "train": 2, "dev": 2, "test": 2,
    }  # fmt: skip


def test_partitions_that_cannot_be_dealt(utterances):
    with pytest.raises(SerkitError, match="2 speakers of gender 'f' are too few for a partition: add speakers"):
        splits.deal_partition(utterances[utterances["speaker"] != "f3"])
    utterances.loc[3, "speaker"] = None
    with pytest.raises(SerkitError, match="1 utterance without a speaker, the first is f1-happy-1: name one"):
        splits.deal_partition(utterances)


def test_pairs_test_new_speakers_first(utterances):
    for seed in range(20):
        pairs = [fold.name.split(" + ") for fold in splits.one_woman_one_man(utterances, limit=3, seed=seed)]
        assert len({name for pair in pairs for name in pair}) == 6
        many = splits.one_woman_one_man(utterances, limit=9, seed=seed)
        assert len({fold.name for fold in many}) == 9  # every pair once
        assert [fold.name for fold in many[:3]] == [" + ".join(pair) for pair in pairs]


def test_pairs_of_unequal_sides_reuse_the_smaller_one_last(utterances):
    fewer = utterances[~utterances["speaker"].isin(["m2", "m3"])]
    folds = splits.one_woman_one_man(fewer, limit=3)
    assert sorted(fold.name for fold in folds) == ["f1 + m1", "f2 + m1", "f3 + m1"]


def test_twins_stay_on_one_side(utterances):
    twins = utterances.assign(text=lambda table: table["id"].str[-1].astype(int) // 2)  # both repetitions agree
    fold = splits.leave_one_speaker_out(twins)[0]
    for seed in range(10):
        divided = splits.with_validation(fold, twins, 0.2, seed, groups=["speaker", "label", "text"])
        key = twins.set_index("id")[["speaker", "label", "text"]].apply(tuple, axis=1)
        assert not set(key.loc[list(divided.train)]) & set(key.loc[list(divided.validation)])
        assert sorted(divided.train + divided.validation) == sorted(fold.train)
    assert len({splits.with_validation(fold, twins, 0.2, seed).validation for seed in range(10)}) > 1


def test_a_single_group_cannot_be_split(utterances):
    fold = splits.leave_one_speaker_out(utterances)[0]
    with pytest.raises(SerkitError, match="one group of 'happy' in training cannot be split"):
        splits.with_validation(fold, utterances, 0.2, groups="label")


NAMELESS = pd.DataFrame({"id": ["x", "y"], "speaker": pd.Series([None, 7], dtype=object)})


def test_sizes_count_utterances_and_speakers(utterances):
    fold = splits.with_validation(splits.leave_one_speaker_out(utterances)[0], utterances, 0.2)
    row = splits.sizes([fold], utterances).iloc[0]
    assert row.to_dict() == {
        "fold": "f1",
        "train": 16,
        "validation": 4,
        "test": 4,
        "train speakers": utterances.set_index("id").loc[list(fold.train), "speaker"].nunique(),
        "validation speakers": utterances.set_index("id").loc[list(fold.validation), "speaker"].nunique(),
        "test speakers": 1,
        "names in train": "f2 f3 m1 m2 m3",
        "names in validation": " ".join(sorted({name[:2] for name in fold.validation})),
        "names in test": "f1",
    }
    (unnamed,) = splits.sizes([splits.Fold("a", ("x",), ("y",))], NAMELESS).to_dict("records")
    assert (unnamed["train speakers"], unnamed["names in train"], unnamed["names in test"]) == (0, "", "7")


def test_utterances_without_a_group_are_drawn_alone(utterances):
    nameless = utterances.assign(text=np.nan)
    fold = splits.leave_one_speaker_out(nameless)[0]
    divided = splits.with_validation(fold, nameless, 0.2, groups=["speaker", "text"])
    assert len(divided.validation) == 4  # two of each class: no lump of all


def test_a_leaky_partition_is_taken_only_on_demand(utterances):
    leaky = utterances.assign(partition=["train", "dev", "test"] * 8)
    with pytest.raises(SerkitError, match="share speakers"):
        splits.by_partition(leaky)
    fold = splits.by_partition(leaky, disjoint=False)
    assert [len(fold.train), len(fold.validation), len(fold.test)] == [8, 8, 8]


@pytest.fixture
def folded():
    """RAVDESS' way: speakers of three folds, one of them of women only."""
    fold_of = {"f1": "1", "m1": "1", "f2": "2", "f3": "2", "f4": "3", "m2": "3"}
    rows = [
        {"id": f"{speaker}-{label}", "speaker": speaker, "gender": speaker[0], "label": label, "fold": fold}
        for speaker, fold in fold_of.items()
        for label in ("sad", "happy")
    ]
    return pd.DataFrame(rows)


def who(ids):
    return sorted({name[:2] for name in ids})


def test_each_fold_of_the_corpus_is_tested_once(folded):
    folds = splits.by_fold(folded)
    assert [(fold.name, who(fold.test)) for fold in folds] == [
        ("fold 1", ["f1", "m1"]), ("fold 2", ["f2", "f3"]), ("fold 3", ["f4", "m2"])
    ]  # fmt: skip
    for fold in folds:
        assert sorted(fold.train + fold.test) == sorted(folded["id"])
        assert not fold.validation


def test_a_woman_and_a_man_of_the_next_folds_validate(folded):
    folds = splits.by_fold(folded, validation=2)
    assert [who(fold.validation) for fold in folds] == [["f2", "m2"], ["f4", "m2"], ["f1", "m1"]]
    for fold in folds:
        assert len(fold.train) == 4
        assert len(fold.validation) == 4, "all that they say"
        assert not set(who(fold.validation)) & set(who(fold.train + fold.test))
    unknown = splits.by_fold(folded.assign(gender=None), validation=3)
    assert who(unknown[0].validation) == ["f2", "f3", "f4"]


def test_folds_that_cannot_be_made(folded):
    with pytest.raises(SerkitError, match="no folds of its own: fill the column fold"):
        splits.by_fold(folded.drop(columns="fold"))
    with pytest.raises(SerkitError, match="folds: 1; two or more"):
        splits.by_fold(folded.assign(fold="1"))
    with pytest.raises(SerkitError, match="4 speakers to validate, of 4 who are not tested"):
        splits.by_fold(folded, validation=4)
    with pytest.raises(SerkitError, match="1 utterance without a fold"):
        splits.by_fold(folded.assign(fold=[None, *folded["fold"][1:]]))
    with pytest.raises(SerkitError, match="share speakers: f1"):
        splits.by_fold(folded.assign(fold=["2", *folded["fold"][1:]]))


def test_a_fold_is_known_by_who_is_on_which_side(utterances):
    folds = splits.leave_one_speaker_out(utterances, groups=3)
    assert len({splits.fingerprint(fold) for fold in folds}) == 3
    one = folds[0]
    turned = splits.Fold("another name", one.train[::-1], one.test[::-1])
    assert splits.fingerprint(turned) == splits.fingerprint(one)
    moved = splits.Fold(one.name, one.train[1:], one.test, one.train[:1])
    assert splits.fingerprint(moved) != splits.fingerprint(one)


def test_all_sides_are_listed():
    folds = [splits.Fold("1", ("a", "b"), ("c",), ("d",)), splits.Fold("2", ("c",), ("a",))]
    rows = splits.listed(folds)
    assert list(rows.columns) == ["id", "fold", "side"]
    assert [" ".join(row) for row in rows.to_numpy()] == [
        "a 1 train", "b 1 train", "d 1 validation", "c 1 test", "c 2 train", "a 2 test"
    ]  # fmt: skip
    assert splits.listed([]).empty
