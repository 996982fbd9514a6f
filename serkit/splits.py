"""Speaker-independent folds. Every split asserts that no speaker is on two sides.

One exception is a paper's own: `with_validation` takes validation utterances from the training speakers. No tested
speaker is among them. The other is a user's: with ``strict=False``, `by_partition` takes a corpus' partition as it is,
and `notebooks.begin` says so beside every number.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from serkit.errors import SerkitError
from serkit.files import content_key

SIDES = ("train", "validation", "test")


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
    speaker = dict(zip(utterances["id"], utterances["speaker"], strict=True))
    label = dict(zip(utterances["id"], utterances["label"], strict=True))
    sides = {side: getattr(fold, side) for side in ("train", "validation", "test")}
    for side in ("train", "test"):
        if not sides[side]:
            remedy = "every speaker is tested: use more speakers" if side == "train" else "use another subset"
            raise SerkitError(f"fold {fold.name}: nothing to {side}; {remedy}")
    # A speaker who is not named (CHEAVD's need not be) cannot be compared; the corpus' check says so.
    heard = {side: {one for one in {speaker[name] for name in ids} if pd.notna(one)} for side, ids in sides.items()}
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        if shared := heard[one] & heard[other]:
            raise SerkitError(f"fold {fold.name}: {one} and {other} share speakers: {', '.join(sorted(shared))}")
    unseen = {label[name] for name in fold.test} - {label[name] for name in fold.train}
    if unseen:
        raise SerkitError(f"fold {fold.name}: labels {sorted(unseen)} are tested but do not occur in training")
    return fold


def leave_one_speaker_out(utterances: pd.DataFrame, groups: int = 0) -> list[Fold]:
    """Test each speaker once, training on all others.

    Args:
        utterances: a corpus table with columns id, speaker, gender and label.
        groups: the notebooks' speaker_groups. 0 leaves out one speaker at a time (ten folds on IEMOCAP); otherwise
            speakers are dealt into this many groups, women and men in turn, and one group is left out at a time.

    Returns:
        One fold a speaker or group, in the order of speaker names.

    Raises:
        SerkitError: a speaker is missing, fewer speakers than groups, or a fold that `assert_disjoint` refuses.
    """
    _require(utterances, "speaker")
    people = utterances.drop_duplicates("speaker").sort_values(["gender", "speaker"])["speaker"]
    if len(people) < 2:
        raise SerkitError(f"speakers: {len(people)}; two or more are needed, to test one and train on others")
    if groups == 1 or groups < 0 or len(people) < groups:
        raise SerkitError(
            f"speaker_groups = {groups} of {len(people)} speakers: choose 2 to {len(people)}, or 0 to test each alone"
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


def one_woman_one_man(utterances: pd.DataFrame, limit: int = 0, seed: int = 0) -> list[Fold]:
    """Test a woman and a man, training on all others (tao2018, 5).

    Args:
        utterances: a corpus table with columns id, speaker, gender ("f" or "m") and label.
        limit: 0 tests every pair once (25 of IEMOCAP); n draws n of them at random. No speaker is tested twice
            before every speaker of that gender has been tested once: speakers are what an interval counts.
        seed: of the draw; fewer pairs are the first of more.

    Returns:
        One fold a pair, named "woman + man".

    Raises:
        SerkitError: a speaker or gender is missing, or a fold that `assert_disjoint` refuses.
    """
    _require(utterances, "speaker")
    _require(utterances, "gender")
    people = utterances.drop_duplicates("speaker").sort_values("speaker")
    women, men = (people.loc[people["gender"] == gender, "speaker"].tolist() for gender in "fm")
    if not women or not men:
        raise SerkitError(
            f"{len(women)} women and {len(men)} men speak: pairs need one of each; another split that the corpus has "
            "(--set split=folds, partition or sessions) may do, or another corpus"
        )
    if len(people) == 2:
        raise SerkitError("2 speakers, a woman and a man: a pair is tested and nobody is left to train; add speakers")
    pairs = [(woman, man) for woman in women for man in men]
    if limit:
        pairs = _disjoint_first(women, men, np.random.default_rng(seed))[:limit]
    return [_leave_out(utterances, "speaker", pair, " + ".join(pair)) for pair in pairs]


def _disjoint_first(women: list[str], men: list[str], rng: np.random.Generator) -> list[tuple[str, str]]:
    """Every pair once, in random order, but for this: each round of pairs tests new speakers as long as there are any.

    Shift s pairs the i-th woman with man i + s, so that a round's pairs share no speaker of the larger side.
    """
    women, men = list(rng.permutation(women)), list(rng.permutation(men))
    many, few = (women, men) if len(women) >= len(men) else (men, women)
    pairs = []
    for shift in range(len(few)):
        # Within a round the first pairs use each speaker of the smaller side once before any comes again.
        turn = [(one, few[(number + shift) % len(few)]) for number, one in enumerate(many)]
        pairs += turn if many is women else [(woman, man) for man, woman in turn]
    return [(str(woman), str(man)) for woman, man in pairs]


def leave_one_session_out(utterances: pd.DataFrame) -> list[Fold]:
    """Test each session once, training on all others.

    Args:
        utterances: a corpus table with columns id, speaker, session and label.

    Returns:
        One fold a session, in the order of their names; in IEMOCAP each tests a woman and a man.

    Raises:
        SerkitError: a session is missing, there are fewer than two, or a fold that `assert_disjoint` refuses.
    """
    without = utterances.loc[utterances["session"].isna(), "id"]
    sessions = sorted(utterances["session"].dropna().unique())
    if len(without) or len(sessions) < 2:
        raise SerkitError(
            f"sessions: {len(sessions)}; utterances without one: {len(without)}; use another split for this corpus"
        )
    return [_leave_out(utterances, "session", [session], f"session {session}") for session in sessions]


def session_halves(utterances: pd.DataFrame, groups: int = 0, both: bool = True) -> list[Fold]:
    """Leave out each session; its speakers of one gender validate, those of the other are tested (zhao2018, 5.1).

    Args:
        utterances: a corpus table with columns id, speaker, gender ("f" or "m"), session and label.
        groups: the notebooks' speaker_groups. 0 takes the corpus' sessions; otherwise the women and the men are dealt
            into this many groups, and a group takes a session's place.
        both: test the men and the women of each session, in two folds; False tests one gender a session, in turn,
            beginning with the men (chang2017, 5, tests one speaker of each).

    Returns:
        Folds in the order of the sessions, named "session 1, m tested".

    Raises:
        SerkitError: a speaker, gender or session is missing, there are fewer than two sessions, a session lacks a
            gender, or a fold that `assert_disjoint` refuses.
    """
    _require(utterances, "speaker")
    _require(utterances, "gender")
    if not groups:
        _require(
            utterances,
            "session",
            "deal the speakers into groups (--set speaker_groups=5, say), or give each row its session",
        )
    people = utterances.drop_duplicates("speaker").sort_values("speaker")
    if groups:
        place = people.groupby("gender").cumcount() % groups
        group = "group " + (place + 1).astype(str)
        session = utterances["speaker"].map(dict(zip(people["speaker"], group, strict=True)))
    else:
        session = "session " + utterances["session"].astype(str)
    names = sorted(session.unique())
    if len(names) < 2:
        women, men = ((people["gender"] == gender).sum() for gender in "fm")
        most = min(women, men)  # groups that have a woman and a man each
        remedy = f"deal the speakers into groups, speaker_groups = 2 to {most}" if most > 1 else "add speakers"
        said = f"its speakers: women {women}, men {men}"
        raise SerkitError(f"{len(names)} session{'s' * (len(names) != 1)}: two or more are needed ({said}); {remedy}")
    folds = []
    for number, name in enumerate(names):
        ways = [("m", "f"), ("f", "m")]
        for tested, validating in ways if both else [ways[number % 2]]:
            here = {gender: (session == name) & (utterances["gender"] == gender) for gender in "fm"}
            if not here[validating].any():
                raise SerkitError(f"{name} has no speaker of gender {validating!r} to validate on: use other groups")
            fold = Fold(
                f"{name}, {tested} tested",
                train=tuple(utterances.loc[session != name, "id"]),
                test=tuple(utterances.loc[here[tested], "id"]),
                validation=tuple(utterances.loc[here[validating], "id"]),
            )
            folds.append(assert_disjoint(fold, utterances))
    return folds


def by_fold(utterances: pd.DataFrame, validation: int = 0) -> list[Fold]:
    """Test each fold that the corpus brings along once, training on all others (RAVDESS: the six of EmoBox).

    Args:
        utterances: a corpus table with columns id, speaker, gender, label and fold.
        validation: speakers who validate, all of their utterances, in place of training: women and men in turn as far
            as their gender is known, the first that follow in the order of the folds after the one tested. So they
            change from fold to fold, and neither they nor anything they say is trained on.

    Returns:
        Folds in the order of their names, called "fold 1".

    Raises:
        SerkitError: there are fewer than two folds, an utterance has no fold or no speaker, more speakers are to
            validate than train, or a fold that `assert_disjoint` refuses.
    """
    if "fold" not in utterances:
        raise SerkitError(
            "this corpus has no folds of its own: fill the column fold of a manifest, or use another split"
        )
    _require(utterances, "fold")
    _require(utterances, "speaker")
    names = sorted(utterances["fold"].unique())
    if len(names) < 2:
        raise SerkitError(f"folds: {len(names)}; two or more are needed, to test one and train on others")
    folds = []
    for number, name in enumerate(names):
        fold = _leave_out(utterances, "fold", [name], f"fold {name}")
        after = utterances["fold"].map({other: (place - number) % len(names) for place, other in enumerate(names)})
        people = utterances.assign(after=after)[after > 0].drop_duplicates("speaker").sort_values(["after", "speaker"])
        if not 0 <= validation < len(people):
            raise SerkitError(f"{validation} speakers to validate, of {len(people)} who are not tested: use fewer")
        turn = people.groupby(people["gender"].fillna("not given")).cumcount()  # the first of each gender, then ...
        chosen = people.assign(turn=turn).sort_values(["turn", "gender"], kind="stable")["speaker"].head(validation)
        held_out = utterances["id"].isin(fold.train) & utterances["speaker"].isin(chosen)
        train = tuple(utterances.loc[utterances["id"].isin(fold.train) & ~held_out, "id"])
        folds.append(
            assert_disjoint(replace(fold, train=train, validation=tuple(utterances.loc[held_out, "id"])), utterances)
        )
    return folds


def with_validation(
    fold: Fold, utterances: pd.DataFrame, share: float, seed: int = 0, groups: str | Sequence[str] | None = None
) -> Fold:
    """Move a random share of each class from training to validation (tao2018, 5: 10 %).

    Validation utterances come from training speakers. What is chosen by them does not see the test speakers, but is
    chosen for voices that are known.

    Args:
        fold: without validation.
        utterances: a corpus table with columns id, speaker and label.
        share: of the training utterances; each class gives at least one.
        seed: of the draw.
        groups: columns of `utterances`; utterances that agree in all of them are drawn together. In RAVDESS an actor
            says a sentence twice in one emotion: with ["speaker", "label", "text"] the one is never validated on a
            network that has learnt the other. An utterance that lacks one of these values is drawn by itself.

    Raises:
        SerkitError: the share is not between 0 and 1, a class has a single training utterance (or group), or a fold
            that `assert_disjoint` refuses.
    """
    if not 0 < share < 1:
        raise SerkitError(f"the validation share is between 0 and 1; got {share!r}")
    assert_disjoint(replace(fold, validation=()), utterances)
    training = utterances.set_index("id").loc[list(fold.train)]
    together = [] if groups is None else [groups] if isinstance(groups, str) else list(groups)
    alone = training[together].isna().any(axis=1) if together else pd.Series(True, training.index)
    rng, chosen = np.random.default_rng(seed), set()
    for name, part in training.groupby("label"):
        units = [[one] for one in part.index[alone.loc[part.index]]]
        if together:
            units += [list(group.index) for _, group in part[~alone.loc[part.index]].groupby(together)]
        if len(units) < 2:
            raise SerkitError(
                f"fold {fold.name}: one training utterance of {name!r} cannot be split: leave it out"
                if groups is None
                else f"fold {fold.name}: one group of {name!r} in training cannot be split: use other groups"
            )
        wanted = max(round(share * len(part)), 1)
        for number in rng.permutation(len(units))[:-1]:
            if wanted <= 0:
                break
            chosen.update(units[number])
            wanted -= len(units[number])
    return replace(
        fold,
        train=tuple(name for name in fold.train if name not in chosen),
        validation=tuple(name for name in fold.train if name in chosen),
    )


def sizes(folds: Sequence[Fold], utterances: pd.DataFrame) -> pd.DataFrame:
    """Count what is on each side of each fold, and name its speakers.

    Args:
        folds: of one split.
        utterances: a corpus table with columns id and speaker.

    Returns:
        One row a fold: fold, then the number of utterances and of speakers in train, validation and test, and the names
        of the speakers in each, in alphabetical order with a blank between them.
    """
    speaker = utterances.set_index("id")["speaker"]
    rows = []
    for fold in folds:
        sides = {side: list(getattr(fold, side)) for side in ("train", "validation", "test")}
        counts = {side: len(ids) for side, ids in sides.items()}
        people = {side: sorted(map(str, speaker.loc[ids].dropna().unique())) for side, ids in sides.items()}
        speakers = {f"{side} speakers": len(names) for side, names in people.items()}
        listed = {f"names in {side}": " ".join(names) for side, names in people.items()}
        rows.append({"fold": fold.name} | counts | speakers | listed)
    return pd.DataFrame(rows)


def listed(folds: Sequence[Fold]) -> pd.DataFrame:
    """Who is where: one row an utterance and fold, columns id, fold and side (train, validation or test)."""
    rows = [(name, fold.name, side) for fold in folds for side in SIDES for name in getattr(fold, side)]
    return pd.DataFrame(rows, columns=["id", "fold", "side"])


def fingerprint(fold: Fold) -> str:
    """Twenty hexadecimal digits that stand for who is on which side of a fold, whatever its name and their order.

    >>> fingerprint(Fold("1", ("a", "b"), ("c",))) == fingerprint(Fold("one", ("b", "a"), ("c",)))
    True
    """
    return content_key({side: sorted(getattr(fold, side)) for side in SIDES})


def by_partition(
    recordings: pd.DataFrame, disjoint: bool = True, required: Sequence[str] = ("train", "dev", "test")
) -> Fold:
    """The division that a corpus brings along: train, development ("dev") and test (khorram2017, 3).

    Args:
        recordings: a corpus table with columns id, speaker and partition; other partitions are left out.
        disjoint: False takes a partition with a speaker on two sides, as `load(..., strict=False)` does; say so beside
            every number that it leads to.
        required: the partitions that must not be empty.

    Returns:
        A fold named "partition", the development recordings as its validation side.

    Raises:
        SerkitError: a partition of `required` is empty, or, where `disjoint`, a speaker is in two partitions.
    """
    ids = {name: tuple(recordings.loc[recordings["partition"] == name, "id"]) for name in ("train", "dev", "test")}
    for name in required:
        if not ids[name]:
            raise SerkitError(
                f"no recording is in the partition {name!r}: name some in the column partition, or remove the column, "
                "so that the speakers are divided without it"
            )
    fold = Fold("partition", train=ids["train"], validation=ids["dev"], test=ids["test"])
    if not disjoint:
        return fold
    unlabelled = recordings.assign(label="")
    assert_disjoint(fold if fold.test else replace(fold, test=fold.validation, validation=()), unlabelled)
    return fold


def deal_partition(utterances: pd.DataFrame, dev: float = 1 / 6, test: float = 1 / 6, seed: int = 0) -> pd.DataFrame:
    """Deal speakers into train, dev and test, for `by_partition`, in a corpus that brings no partition along.

    Args:
        utterances: a corpus table with columns speaker and gender.
        dev: share of the speakers of each gender, at least one.
        test: likewise; 0 makes none.
        seed: of the draw.

    Returns:
        `utterances` with the column partition: "train", "dev" or "test".

    Raises:
        SerkitError: a speaker is missing, or too few of a gender.
    """
    _require(utterances, "speaker")
    people = utterances.drop_duplicates("speaker").sort_values("speaker")
    rng, side = np.random.default_rng(seed), {}
    for gender, group in people.groupby(people["gender"].fillna("not given"), sort=True)["speaker"]:
        drawn = rng.permutation(group.to_numpy())
        first = max(round(dev * len(drawn)), 1)
        second = first + (max(round(test * len(drawn)), 1) if test else 0)
        if second >= len(drawn):
            raise SerkitError(f"{len(drawn)} speakers of gender {gender!r} are too few for a partition: add speakers")
        side |= dict.fromkeys(drawn[:first], "dev") | dict.fromkeys(drawn[first:second], "test")
    return utterances.assign(partition=utterances["speaker"].map(side).fillna("train"))


def _require(utterances: pd.DataFrame, column: str, remedy: str = "name one") -> None:
    """Refuse utterances without a value in `column`."""
    without = utterances.loc[utterances[column].isna(), "id"]
    if len(without):
        count = f"{len(without)} utterance{'s' * (len(without) != 1)}"
        raise SerkitError(f"{count} without a {column}, the first is {without.iloc[0]}: {remedy}")


def _leave_out(utterances: pd.DataFrame, column: str, values, name: str) -> Fold:
    """Test the utterances whose `column` is one of `values`."""
    tested = utterances[column].isin(list(values))
    fold = Fold(name, train=tuple(utterances.loc[~tested, "id"]), test=tuple(utterances.loc[tested, "id"]))
    return assert_disjoint(fold, utterances)


def class_numbers(labels: pd.Series, classes: list[str]) -> np.ndarray:
    """Class numbers of labels, in the order of `classes`, int32 of shape (utterances,).

    Raises:
        SerkitError: a label is missing or not in `classes`, or a class is empty.
    """
    empty = [name for name in classes if not (labels == name).any()]
    if empty:
        raise SerkitError(
            f"no utterance is labelled {', '.join(map(repr, empty))}: remove the class, or use another subset"
        )
    strangers = sorted({repr(label) for label in labels[~labels.isin(classes)]})
    if strangers:
        raise SerkitError(f"labels {', '.join(strangers)} are not among the classes {classes}")
    return labels.map({name: number for number, name in enumerate(classes)}).to_numpy(np.int32)
