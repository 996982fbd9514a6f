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
    with pytest.raises(SerkitError, match="choose 2 to 6"):
        splits.leave_one_speaker_out(utterances, groups)


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
    with pytest.raises(SerkitError, match=r"fold f1: labels \['calm'\] are tested but nobody in training has them"):
        splits.leave_one_speaker_out(only_one)
    with pytest.raises(SerkitError, match="nothing to train"):
        splits.assert_disjoint(splits.Fold("x", train=(), test=("f1-sad-0",)), utterances)


def test_a_missing_speaker(utterances):
    utterances.loc[3, "speaker"] = None
    with pytest.raises(SerkitError, match="1 utterances have no speaker, the first is f1-happy-1"):
        splits.leave_one_speaker_out(utterances)
