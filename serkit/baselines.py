"""What a reader knows already: simple systems that every network is measured against.

* The majority class, which hears nothing.
* A linear support vector machine (SVM) on one vector an utterance: openSMILE's IS10 and eGeMAPS, or the statistics of
  a network's own features over time. The last one shows what the network adds to its features.
* The same with vectors that are z-normed **by speaker**, named so wherever they appear: mean and deviation come from
  all utterances of a speaker, also of one who is tested, without their labels. A system that hears a new voice once
  cannot do that.
* For trajectories, linear regression on frames or on means over a window, with a delay and a running mean.

Scaling and the SVM's C see training speakers only. Validation speakers of a fold train too: nothing else is chosen.
Everything is deterministic: there is no seed.
"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from serkit import features, metrics, report
from serkit.errors import SerkitError, one_of
from serkit.features import Features
from serkit.splits import Fold

MAJORITY = "majority class"
BY_SPEAKER = ", by speaker"  # ends the names of SVMs on vectors that are z-normed by speaker
C_GRID = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # of a kernel whose diagonal is about 1
FRONT_ENDS = {"IS10": features.is10, "eGeMAPS": features.egemaps}
GROUPS = 5  # parts of the training speakers, each left out once to choose C


def summaries(store: Features, transform: Callable[[np.ndarray], np.ndarray] | None = None) -> pd.DataFrame:
    """One vector an utterance: mean, standard deviation, 10th and 90th percentile of each feature over its frames.

    Args:
        store: stored features, (frames, dims) an utterance. Where each utterance has a single frame, as with IS10,
            that is its vector.
        transform: of an utterance's frames before anything is taken over them, such as a logarithm.

    Returns:
        One row an utterance, indexed by id: dims columns, or 4 dims, the means first.
    """
    single = (store.index["frames"] == 1).all()
    rows = []
    for name in store.index.index:
        frames = np.asarray(store[name], np.float64)
        frames = frames if transform is None else transform(frames)
        low, high = ([], []) if single else np.percentile(frames, [10, 90], axis=0)
        rows.append(frames[0] if single else np.concatenate([frames.mean(axis=0), frames.std(axis=0), low, high]))
    return pd.DataFrame(rows, index=store.index.index)


def vectors(
    kinds: Iterable[str], utterances: pd.DataFrame, own: dict[str, Features | pd.DataFrame], trim: float = 0.0
) -> dict[str, pd.DataFrame]:
    """One vector an utterance, of each kind of features that the baselines are given.

    Args:
        kinds: names: "IS10" and "eGeMAPS", which are extracted here, and those in `own`.
        utterances: a corpus table.
        own: the features of a network's front end by name, or vectors already made of them.
        trim: of the silence at the ends before IS10 and eGeMAPS are extracted, see `serkit.features.extract`.

    Returns:
        Name -> one row an utterance, indexed by id.

    Raises:
        SerkitError: there are no features of that name.
    """
    found = {}
    for kind in kinds:
        one_of(kind, [*FRONT_ENDS, *own], "input of the baselines")
        rows = own[kind] if kind in own else features.extract(utterances, FRONT_ENDS[kind], trim=trim)
        found[kind] = rows if isinstance(rows, pd.DataFrame) else summaries(rows)
    return found


def names(vectors: Iterable[str], utterances: pd.DataFrame) -> list[str]:
    """The baselines there are: the majority class, and for each kind of vectors an SVM, as they are and by speaker.

    Args:
        vectors: names of the kinds, such as "IS10".
        utterances: a corpus table; where an utterance has no speaker, nothing is z-normed by speaker.
    """
    ways = ["", BY_SPEAKER] if utterances["speaker"].notna().all() else [""]
    return [MAJORITY, *(f"SVM on {name}{way}" for name in vectors for way in ways)]


def predict(
    model: str, fold: Fold, vectors: dict[str, pd.DataFrame], utterances: pd.DataFrame, classes: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, float]]:
    """Train one baseline on a fold's training and validation speakers and test it.

    Args:
        model: one of `names`.
        fold: what is trained on and tested.
        vectors: name -> one row an utterance, indexed by id (see `summaries`).
        utterances: a corpus table with columns id, speaker and label.
        classes: the labels.

    Returns:
        The predictions of the tested utterances (`serkit.report.prediction_table`), and notes: the C of an SVM.

    Raises:
        SerkitError: there is no such baseline, or a training label is not among the classes.
    """
    one_of(model, names(vectors, utterances), "baseline")
    table, known = utterances.set_index("id"), [*fold.train, *fold.validation]
    labels = table.loc[known, "label"].to_numpy()
    if strangers := sorted(set(labels) - set(classes)):
        raise SerkitError(f"labels {strangers} are trained on and not among the classes {list(classes)}")
    if model == MAJORITY:
        shares = [np.mean(labels == label) for label in classes]
        return report.prediction_table(fold.test, table, classes, np.tile(shares, (len(fold.test), 1))), {}
    rows = vectors[model.removeprefix("SVM on ").removesuffix(BY_SPEAKER)]
    if model.endswith(BY_SPEAKER):
        rows = z_norm_by_speaker(rows, table["speaker"])
    speakers = table.loc[known, "speaker"].fillna(pd.Series(known, known)).to_numpy()
    scores, penalty = _linear_svm(rows.loc[known].to_numpy(), labels, speakers, rows.loc[list(fold.test)].to_numpy())
    scores = scores.reindex(columns=list(classes), fill_value=scores.min(axis=None) - 1)  # what training lacks
    return report.prediction_table(fold.test, table, classes, scores), {"C": penalty}


def z_norm_by_speaker(vectors: pd.DataFrame, speakers: pd.Series) -> pd.DataFrame:
    """Give each speaker's own utterances mean 0 and standard deviation 1 in every column.

    Args:
        vectors: one row an utterance, indexed by id.
        speakers: of utterances, indexed by id; utterances that are not in it have no part.

    Returns:
        The rows of those in `speakers`, no value beyond 10; a speaker's single utterance is all 0.
    """
    rows = vectors.loc[speakers.index]
    parts = [features.standardise(part, part) for _, part in rows.groupby(speakers)]
    ids = [name for _, part in rows.groupby(speakers) for name in part.index]
    return pd.DataFrame(np.concatenate(parts), index=ids).loc[rows.index]


def _linear_svm(
    training: np.ndarray, labels: np.ndarray, speakers: np.ndarray, tested: np.ndarray
) -> tuple[pd.DataFrame, float]:
    """Scores of a linear SVM, and its C, the one with the best UA on training speakers who were left out.

    Args:
        training: vectors, (utterances, dims).
        labels: of these, (utterances,).
        speakers: of these, (utterances,).
        tested: vectors, (tested, dims).

    Returns:
        One row a tested vector and a column a label; and C. Of equally good ones the least.
    """
    from sklearn.metrics import make_scorer
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.svm import SVC

    scaled, tested = (features.standardise(rows, training).astype(np.float64) for rows in (training, tested))
    # Products of all pairs are computed once for all C and parts; SVC alone would do it again for each.
    kernel, tested_kernel = (rows @ scaled.T / scaled.shape[1] for rows in (scaled, tested))
    svm, penalty = SVC(kernel="precomputed", break_ties=True), C_GRID[len(C_GRID) // 2]
    groups = min(GROUPS, len(set(speakers)))
    parts = list(GroupKFold(groups).split(kernel, labels, speakers)) if groups > 1 else []
    parts = [part for part in parts if len(set(labels[part[0]])) > 1]
    if parts:
        search = GridSearchCV(svm, {"C": C_GRID}, scoring=make_scorer(metrics.ua), cv=parts, refit=False)
        penalty = search.fit(kernel, labels).best_params_["C"]
    svm.set_params(C=penalty).fit(kernel, labels)
    scores = svm.decision_function(tested_kernel)
    scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
    return pd.DataFrame(scores, columns=svm.classes_), float(penalty)


def linear_trajectory(
    training: Sequence[tuple[np.ndarray, np.ndarray]],
    tested: Sequence[np.ndarray],
    delays: Sequence[int] = (0,),
    windows: Sequence[int] = (1,),
    smooth: int = 1,
) -> tuple[list[np.ndarray], int, int]:
    """Predict a trajectory by linear regression on the frames of its recording.

    Raters are late: with a delay of d, what is said at a frame is rated d frames later. Of delays and windows, the pair
    is taken whose predictions have the highest CCC in training.

    Args:
        training: a recording each: features (frames, dims) and what to predict (frames,).
        tested: features of further recordings.
        delays: in frames.
        windows: frames, centred, whose mean takes a frame's place; 1 takes frames as they are.
        smooth: predictions, centred, whose mean takes a prediction's place; 1 takes predictions as they are.

    Returns:
        Predictions (frames,) for each of `tested`, moved back by the delay; the delay and the window.

    Raises:
        SerkitError: nothing to train on, features and targets of different lengths, or a window, running mean or delay
            below its least value.
    """
    from scipy.ndimage import uniform_filter1d
    from sklearn.linear_model import LinearRegression

    if not training or any(len(frames) != len(target) for frames, target in training):
        raise SerkitError("trajectories need a recording or more, each with as many targets as frames")
    if not len(windows) or min(*windows, smooth) < 1 or not len(delays) or min(delays) < 0:
        raise SerkitError(
            f"a window and a running mean have 1 frame or more and a delay 0 or more; got {list(windows)}, {smooth} "
            f"and {list(delays)}"
        )

    def mean(values: np.ndarray, frames: int) -> np.ndarray:
        return uniform_filter1d(np.asarray(values, np.float64), frames, axis=0, mode="nearest")

    targets = [np.concatenate([_earlier(target, delay) for _, target in training]) for delay in delays]
    highest, best = -np.inf, (LinearRegression(), 0, 0)
    for window in windows:
        inputs = [mean(frames, window) for frames, _ in training]
        fitted = LinearRegression().fit(np.concatenate(inputs), np.stack(targets, axis=1))  # one line for each delay
        predicted = np.concatenate([mean(fitted.predict(one), smooth) for one in inputs])
        agreement = [metrics.ccc(*pair) for pair in zip(targets, predicted.T, strict=True)]
        if max(agreement) > highest:
            highest, best = max(agreement), (fitted, int(np.argmax(agreement)), window)
    fitted, place, window = best
    tracks = [mean(fitted.predict(mean(frames, window))[:, place], smooth) for frames in tested]
    return [_earlier(one, -delays[place]) for one in tracks], delays[place], window


def _earlier(values: np.ndarray, frames: int) -> np.ndarray:
    """Move a trajectory to an earlier time (later where `frames` is negative); its ends are held.

    >>> _earlier(np.array([1.0, 2.0, 3.0]), 1), _earlier(np.array([1.0, 2.0, 3.0]), -1)
    (array([2., 3., 3.]), array([1., 1., 2.]))
    """
    return values[np.clip(np.arange(len(values)) + frames, 0, len(values) - 1)]
