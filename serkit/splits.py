"""Speaker-independent folds. Every split asserts that no speaker is on two sides."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from serkit.errors import SerkitError


@dataclass(frozen=True)
class Fold:
    """One train/test division, by utterance id.

    Attributes:
        name: what is tested, for example the speaker.
        train: ids.
        test: ids.
        validation: ids; empty where a protocol has none.
    """

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    validation: tuple[str, ...] = ()


def assert_disjoint(fold: Fold, utterances: pd.DataFrame) -> Fold:
    """Return `fold` if its sides share neither speakers nor utterances and test every label they can.

    Args:
        fold: a division.
        utterances: a corpus table with columns id, speaker and label.

    Raises:
        SerkitError: a speaker is on two sides, a side is empty, or a label to be tested is not in training.
    """
    speaker = utterances.set_index("id")["speaker"]
    label = utterances.set_index("id")["label"]
    sides = {side: getattr(fold, side) for side in ("train", "validation", "test")}
    for side in ("train", "test"):
        if not sides[side]:
            raise SerkitError(f"fold {fold.name}: nothing to {side}; use fewer folds or another subset")
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        shared = set(speaker.loc[list(sides[one])]) & set(speaker.loc[list(sides[other])])
        if shared:
            raise SerkitError(f"fold {fold.name}: {one} and {other} share speakers: {', '.join(sorted(shared))}")
    unseen = set(label.loc[list(fold.test)]) - set(label.loc[list(fold.train)])
    if unseen:
        raise SerkitError(f"fold {fold.name}: labels {sorted(unseen)} are tested but nobody in training has them")
    return fold


def leave_one_speaker_out(utterances: pd.DataFrame, groups: int = 0) -> list[Fold]:
    """Test each speaker once, training on all others.

    Args:
        utterances: a corpus table with columns id, speaker, gender and label.
        groups: 0 leaves out one speaker at a time (ten folds on IEMOCAP); otherwise speakers are dealt
            into this many groups, women and men in turn, and one group is left out at a time.

    Returns:
        One fold a speaker or group, in the order of speaker names.

    Raises:
        SerkitError: a speaker is missing, fewer speakers than groups, or a fold that `assert_disjoint` refuses.
    """
    nameless = utterances.loc[utterances["speaker"].isna(), "id"]
    if len(nameless):
        raise SerkitError(f"{len(nameless)} utterances have no speaker, the first is {nameless.iloc[0]}: name one")
    people = utterances.drop_duplicates("speaker").sort_values(["gender", "speaker"])["speaker"]
    if groups == 1 or groups < 0 or len(people) < max(groups, 2):
        raise SerkitError(
            f"{groups or len(people)} folds of {len(people)} speakers: choose 2 to {len(people)}, or 0 for all"
        )
    if groups:
        held_out = [(f"group {number + 1}", set(people.iloc[number::groups])) for number in range(groups)]
    else:
        held_out = [(person, {person}) for person in sorted(people)]
    folds = []
    for name, test in held_out:
        tested = utterances["speaker"].isin(test)
        fold = Fold(name, train=tuple(utterances.loc[~tested, "id"]), test=tuple(utterances.loc[tested, "id"]))
        folds.append(assert_disjoint(fold, utterances))
    return folds


def order_of_classes(labels: pd.Series, classes: list[str]) -> np.ndarray:
    """Class numbers of labels, in the order of `classes`, int32 of shape (utterances,).

    Raises:
        SerkitError: a label is missing or not in `classes`, or a class is empty.
    """
    empty = [name for name in classes if not (labels == name).any()]
    if empty:
        raise SerkitError(f"nobody says {', '.join(map(repr, empty))}: remove the class, or use another subset")
    strangers = sorted({repr(label) for label in labels[~labels.isin(classes)]})
    if strangers:
        raise SerkitError(f"labels {', '.join(strangers)} are not among the classes {classes}")
    return labels.map({name: number for number, name in enumerate(classes)}).to_numpy(np.int32)
