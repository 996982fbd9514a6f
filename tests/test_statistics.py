"""Intervals hold what they promise, and tests reject as often as they say: both are simulated."""

import time
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from serkit import metrics, statistics
from serkit.errors import SerkitError
from serkit.statistics import Difference

CLASSES = np.array(["neutral", "happy", "angry", "sad"])


def simulated(
    rng, speakers, seeds, skill=0.6, between_speakers=0.08, between_seeds=0.0, between_networks=0.0, who=None
):
    """Predictions for speakers of 15 to 120 utterances whose own skill varies; a seed shifts all of them alike, and
    each network (a seed of a fold) the speaker it is tested on.
    """
    sizes, of_speaker = who if who is not None else population(rng, speakers, between_speakers)
    shift = rng.normal(0, between_seeds, seeds) if between_seeds else np.zeros(seeds)
    parts = []
    for seed in range(seeds):
        chance = skill + of_speaker + shift[seed] + rng.normal(0, between_networks, speakers)
        chance = np.repeat(np.clip(chance, 0, 1), sizes)
        speaker = np.repeat(np.arange(speakers), sizes)
        label = np.array([0, 1, 0, 2, 0, 1, 3, 0, 2, 1])[np.arange(len(speaker)) % 10]
        wrong = (label + rng.integers(1, 4, len(speaker))) % 4
        predicted = np.where(rng.random(len(speaker)) < chance, label, wrong)
        parts.append(pd.DataFrame({"speaker": speaker, "seed": seed, "label": label, "predicted": predicted}))
    return pd.concat(parts, ignore_index=True)


def population(rng, speakers, spread=0.08):
    """Sizes and skills, to test two models on the same speakers."""
    return rng.integers(15, 121, speakers), rng.normal(0, spread, speakers)


@pytest.mark.parametrize(
    ("speakers", "seeds", "spread"),
    [
        (10, 1, {}),
        (24, 1, {}),
        (10, 3, {"between_seeds": 0.02, "between_networks": 0.04}),
        (24, 3, {"between_seeds": 0.02, "between_networks": 0.04}),
    ],
)
def test_intervals_cover_what_they_promise(speakers, seeds, spread):
    """Skill is 0.6 in every class, so that UA is 0.6 over all speakers and seeds that there could be."""
    rng, covered, repeats = np.random.default_rng(1), 0, 500 if speakers == 10 else 300
    for _ in range(repeats):
        found = statistics.interval(simulated(rng, speakers, seeds, **spread), metrics.ua)
        covered += found.low <= 0.6 <= found.high
    assert 0.92 <= covered / repeats <= 0.98


def test_a_plain_bootstrap_would_cover_too_rarely():
    """Why the intervals are not percentiles of resampled speakers."""
    rng, covered, repeats = np.random.default_rng(1), 0, 400
    for _ in range(repeats):
        side = statistics._Side(simulated(rng, 10, 1), metrics.ua, ("label", "predicted"), True)
        drawn = side.by_seed(rng.multinomial(10, [0.1] * 10, size=500).astype(float))[:, 0]
        low, high = np.quantile(drawn, [0.025, 0.975])
        covered += low <= 0.6 <= high
    assert covered / repeats < 0.92


def test_intervals_of_differences_cover_what_they_promise():
    rng, covered, repeats = np.random.default_rng(2), 0, 300
    for _ in range(repeats):
        who = population(rng, 10)
        first, second = (
            simulated(rng, 10, 2, skill, between_seeds=0.01, between_networks=0.03, who=who) for skill in (0.65, 0.58)
        )
        one, other = (statistics._Side(side, metrics.ua, ("label", "predicted"), True) for side in (first, second))
        parts = [one.contributions() - other.contributions()]
        value = one.by_seed(np.ones((1, 10))).mean() - other.by_seed(np.ones((1, 10))).mean()
        low, high = statistics._bounds(value, parts, one.effective, 0.95)
        covered += low <= 0.07 <= high
    assert 0.92 <= covered / repeats <= 0.98


def test_the_permutation_test_rejects_at_its_level():
    """Two models of equal skill: 5 % of all p values are below 5 %, and 20 % below 20 %."""
    rng, values = np.random.default_rng(3), []
    for _ in range(300):
        who = population(rng, 10)
        first, second = (simulated(rng, 10, 2, between_networks=0.05, who=who) for _ in range(2))
        values.append(statistics.paired_difference(first, second, metrics.ua).p)
    for level in (0.05, 0.2):
        rejected, error = np.mean(np.array(values) <= level), np.sqrt(level * (1 - level) / len(values))
        assert level - 3 * error <= rejected <= level + 3 * error, rejected


def test_a_real_difference_is_seen():
    rng = np.random.default_rng(4)
    who = population(rng, 24)
    better, worse = (simulated(rng, 24, 3, skill, between_networks=0.03, who=who) for skill in (0.7, 0.55))
    found = statistics.paired_difference(better, worse, metrics.macro_f1)
    assert 0 < found.low < found.difference < found.high
    assert found.p < 0.001
    assert (found.speakers, found.seeds, found.why) == (24, (3, 3), "")
    turned = statistics.paired_difference(worse, better, metrics.macro_f1)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low))
    assert turned.p == pytest.approx(found.p, abs=0.001)


def test_pairs_are_sharper_than_two_intervals():
    """Speakers differ a lot, models little, but in the same speakers."""
    rng = np.random.default_rng(5)
    who = population(rng, 12, 0.15)
    first, second = (simulated(rng, 12, 1, skill, who=who) for skill in (0.66, 0.6))
    pair, alone = statistics.paired_difference(first, second, metrics.wa), statistics.interval(first, metrics.wa)
    assert pair.high - pair.low < 0.7 * (alone.high - alone.low)


def numbers_of(found):
    first, second = found.seeds
    return {**vars(found), "why": 0, "seeds": first, "seeds of the second": second}


@pytest.mark.parametrize("metric", [metrics.wa, metrics.ua, metrics.macro_f1, metrics.macro_precision])
@pytest.mark.parametrize("pooled", [True, False])
def test_the_fast_way_gives_the_numbers_of_the_metric_itself(metric, pooled, random):
    """Counts that add up over speakers against the metric called on the rows; here some runs lack classes."""
    first, second = (simulated(random, 9, 2, skill, who=(np.arange(3, 12), np.zeros(9))) for skill in (0.7, 0.5))
    first, second = (side.assign(fold=side["speaker"] // 3, label=CLASSES[side["label"]]) for side in (first, second))
    first, second = (
        side.assign(predicted=np.where(side["predicted"] == 3, "unheard", CLASSES[side["predicted"]]))
        for side in (first, second)
    )

    def slow(true, predicted):
        return metric(true, predicted)

    fast, plain = (statistics.paired_difference(first, second, one, pooled=pooled) for one in (metric, slow))
    assert numbers_of(fast) == pytest.approx(numbers_of(plain))
    one, other = (statistics.interval(first, one, pooled=pooled) for one in (metric, slow))
    assert one.value == pytest.approx(other.value)
    assert one.low == pytest.approx(max(other.low, 0)), "a share is not below 0"
    groups = ["seed"] if pooled else ["seed", "fold"]
    runs = [metric(part["label"], part["predicted"]) for _, part in first.groupby(groups)]
    assert one.value == pytest.approx(np.mean(runs))


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson, metrics.rmse])
def test_the_fast_way_for_trajectories(metric, random):
    """Moments of 9 recordings; the values lie far from zero, which costs precision where it is not minded."""
    frames = pd.DataFrame({"speaker": np.repeat(np.arange(9), 300), "label": 50 + random.normal(size=2700).cumsum()})
    first, second = (frames.assign(predicted=frames["label"] + random.normal(0, sd, 2700)) for sd in (3, 9))
    fast = statistics.paired_difference(first, second, metric)
    plain = statistics.paired_difference(first, second, partial(metric))
    assert numbers_of(fast) == pytest.approx(numbers_of(plain), rel=1e-6)
    expected = metric(first["label"], first["predicted"]) - metric(second["label"], second["predicted"])
    assert fast.difference == pytest.approx(expected, rel=1e-9)


def test_constant_trajectories():
    table = pd.DataFrame({"speaker": np.repeat(np.arange(8), 5), "label": 0.1, "predicted": 0.1})
    assert statistics.interval(table, metrics.ccc).value == 1
    assert statistics.interval(table, metrics.pearson).value == 0
    assert statistics.interval(table.assign(predicted=0.2), metrics.ccc).value == pytest.approx(0, abs=1e-12)


def test_speakers_count_not_utterances():
    """Utterances of a speaker are alike, so a hundred times as many of them make the interval no narrower."""
    right = np.array([True, True, True, False, False, False, True, False, True, True])
    few, many = (
        pd.DataFrame(
            {
                "speaker": np.repeat(np.arange(10), size),
                "label": np.tile(["a", "b"], 5 * size),
                "predicted": np.where(np.repeat(right, size), np.tile(["a", "b"], 5 * size), "c"),
            }
        )
        for size in (2, 200)
    )
    one, other = (statistics.interval(table, metrics.wa) for table in (few, many))
    assert (one.low, one.high) == pytest.approx((other.low, other.high))
    spread = right.std(ddof=1) / np.sqrt(10)
    assert one.low == pytest.approx(0.6 - 2.262 * spread, abs=0.001), "the textbook's t interval, sizes being equal"


def test_all_seeds_count():
    """Ten speakers whose predictions differ by seed alone: the first seed by itself has no spread at all."""
    parts = []
    for seed, right in enumerate((9, 5, 7)):
        predicted = np.tile(np.where(np.arange(10) < right, "a", "b"), 10)
        parts.append(
            pd.DataFrame({"speaker": np.repeat(np.arange(10), 10), "seed": seed, "label": "a", "predicted": predicted})
        )
    alone, together = (statistics.interval(pd.concat(parts[:count]), metrics.wa) for count in (1, 3))
    assert (alone.low, alone.high) == (0.9, 0.9)
    assert together.value == pytest.approx(0.7)
    assert together.seeds == 3
    # What varies by seed alone is known from three numbers; three degrees of freedom are the least that is taken.
    assert together.high - together.value == pytest.approx(min(3.182 * 0.2 / np.sqrt(3), 0.3), abs=0.001)


def test_no_interval_below_eight_speakers(random):
    table = simulated(random, 7, 2)
    found = statistics.interval(table)
    assert np.isnan([found.low, found.high]).all()
    assert np.isfinite(found.value)
    assert found.why == "7 speakers, fewer than 8"
    pair = statistics.paired_difference(table, table)
    assert np.isnan([pair.low, pair.high, pair.p]).all()
    assert pair.why == "7 speakers, fewer than 8"
    assert statistics.verdict(1, pair) == ("undecided", "7 speakers, fewer than 8")
    assert statistics.interval(table[table["speaker"] == 0]).why == "1 speaker, fewer than 8"
    assert statistics.interval(simulated(random, 8, 1)).why == ""


def test_unnamed_speakers_have_no_interval(random):
    table = simulated(random, 9, 1)
    table["speaker"] = table["speaker"].astype(object).where(table["speaker"] > 0, None)
    assert statistics.interval(table).why == "not every utterance names its speaker"


def test_relative_improvement():
    """Half as good again for every speaker: the interval is that one number. Two kinds of speakers widen it."""
    speakers, place = np.repeat(list("qrstuvwxyz"), 60), np.tile(np.arange(60), 10)
    table = pd.DataFrame({"speaker": speakers, "label": np.tile(["a", "b"], 300)})
    old = table.assign(predicted=np.where(place < 40, table["label"], "c"))
    new = table.assign(predicted=table["label"])
    found = statistics.paired_difference(new, old, metrics.wa, relative=True)
    assert (found.difference, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5))
    assert found.p == pytest.approx(2 / 2**10)
    some = table.assign(predicted=np.where((place < 40) | (speakers < "v"), table["label"], "c"))
    found = statistics.paired_difference(some.sample(frac=1, random_state=1), old, metrics.wa, relative=True)
    assert found.difference == pytest.approx(0.25)
    half = 2.262 * 0.5 * np.sqrt(0.25 / 9)  # five speakers with a gain of a half, five with none
    assert (found.low, found.high) == pytest.approx((0.25 - half, 0.25 + half), abs=0.001)


def test_relative_to_nothing():
    table = pd.DataFrame({"speaker": np.arange(9), "label": "a", "predicted": "a"})
    found = statistics.paired_difference(table, table.assign(predicted="c"), metrics.wa, relative=True)
    assert np.isnan([found.difference, found.low, found.high, found.p]).all()
    assert found.why


def test_pairs_of_folds_agree_with_their_means(random):
    """Repeated draws of folds: the difference is that of the two means, fold by fold and seed by seed."""
    parts = [
        simulated(random, 10, 2, skill).assign(fold=fold) for fold in ("one", "two", "three") for skill in (0.6, 0.7)
    ]
    first, second = pd.concat(parts[1::2]), pd.concat(parts[::2])
    found = statistics.paired_difference(first, second, metrics.ua, pooled=False)
    means = [
        np.mean([metrics.ua(part["label"], part["predicted"]) for _, part in side.groupby(["seed", "fold"])])
        for side in (first, second)
    ]
    assert found.difference == pytest.approx(means[0] - means[1])


def test_seeds_need_not_be_as_many(random):
    """A baseline that has no seeds, beside networks that have three."""
    who = population(random, 10)
    network, baseline = simulated(random, 10, 3, 0.7, who=who), simulated(random, 10, 1, 0.5, who=who)
    found = statistics.paired_difference(network, baseline, metrics.ua)
    assert found.seeds == (3, 1)
    assert found.low > 0
    assert found.p < 0.01
    copies = pd.concat(baseline.assign(seed=seed) for seed in range(3))
    same = statistics.paired_difference(network, copies, metrics.ua)
    assert found.difference == pytest.approx(same.difference)
    assert found.p == pytest.approx(same.p)


def test_other_columns_go_to_the_metric(random):
    table = simulated(random, 9, 2)
    table = table.assign(rating=table["label"] + 0.5, chance=random.random(len(table)))

    def metric(rating, predicted, chance):
        return float(np.mean((rating - 0.5 == predicted) * chance))

    found = statistics.interval(table, metric, columns=("rating", "predicted", "chance"))
    expected = [metric(part["rating"], part["predicted"], part["chance"]) for _, part in table.groupby("seed")]
    assert found.value == pytest.approx(np.mean(expected))
    assert found.low < found.value < found.high


def test_what_cannot_be_compared(random):
    table = simulated(random, 9, 1)
    with pytest.raises(SerkitError, match="tested on different speakers"):
        statistics.paired_difference(table, table[table["speaker"] > 0])
    with pytest.raises(SerkitError, match="tested in different folds"):
        statistics.paired_difference(table.assign(fold="a"), table.assign(fold="b"), pooled=False)
    with pytest.raises(SerkitError, match="speaker is missing"):
        statistics.interval(table.drop(columns="speaker"))
    with pytest.raises(SerkitError, match="no predictions"):
        statistics.interval(table[:0])
    with pytest.raises(SerkitError, match="no column fold"):
        statistics.interval(table, pooled=False)
    with pytest.raises(SerkitError, match="lack some values"):
        statistics.interval(table.assign(label=np.nan))


@pytest.mark.parametrize(
    ("published", "low", "high", "expected"),
    [
        (1.0, 0.1, 0.3, ("holds", "")),
        (-1.0, 0.1, 0.3, ("does not hold", "")),
        (1.0, -0.3, -0.1, ("does not hold", "")),
        (-1.0, -0.3, -0.1, ("holds", "")),
        (1.0, -0.1, 0.3, ("undecided", "the interval includes 0")),
        (1.0, 0.0, 0.3, ("undecided", "the interval includes 0")),
        (np.nan, 0.1, 0.3, ("holds", "")),
    ],
)
def test_verdicts(published, low, high, expected):
    assert statistics.verdict(published, Difference((low + high) / 2, low, high, 0.01, 10, "", 3)) == expected


def test_an_interval_that_leaves_out_0_is_not_enough():
    found = Difference(0.1, 0.004, 0.19, 0.62, 9, "", 1)
    assert statistics.verdict(1, found) == ("undecided", "p = 0.62")
    assert statistics.verdict(-1, found)[0] == "undecided"
    assert statistics.verdict(1, Difference(0.1, 0.004, 0.19, 0.05, 9, "", 1)) == ("holds", "")


def trajectories(rng, speakers, *models):
    """Ratings of some speakers and their predictions; a model is its scale, noise, noise by speaker and shift."""
    true = rng.normal(0, 0.5, (speakers, 1)) + rng.normal(size=(speakers, 60))
    for scale, noise, by_speaker, shift in models:
        predicted = scale * true + rng.normal(0, noise, true.shape) + rng.normal(0, by_speaker, (speakers, 1)) + shift
        yield pd.DataFrame(
            {"speaker": np.repeat(np.arange(speakers), 60), "label": true.ravel(), "predicted": predicted.ravel()}
        )


@pytest.mark.parametrize(
    "models",
    [
        [(1, 1, 0.3, 0), (1, 1, 0.3, 0)],
        [(1, 1, 0.3, 0), (0.41, 0.05, 0.1, 0)],  # full of noise, or too small: the same CCC in the long run
        [(1, 0.3, 0.1, 0.99), (1, 0.3, 0.1, -0.99)],  # too high, or too low
    ],
)
def test_the_test_of_a_pooled_ccc_rejects_at_its_level(models):
    """Two models that are equally good and err in different ways: were whole speakers' predictions exchanged, the
    mixtures would have a worse CCC than either, and hardly anything would be rejected.
    """
    rng = np.random.default_rng(6)
    values = [statistics.paired_difference(*trajectories(rng, 9, *models), metrics.ccc).p for _ in range(200)]
    assert 0.01 <= np.mean(np.array(values) <= 0.05) <= 0.1
    assert 0.12 <= np.mean(np.array(values) <= 0.2) <= 0.3


def test_a_difference_of_models_that_err_in_different_ways_is_seen():
    """Nearly constant ones with different means, as after two epochs; exchanged predictions find it in 0.3 %."""
    rng, found = np.random.default_rng(7), []
    for _ in range(50):
        better, worse = trajectories(rng, 9, (0.10, 0.02, 0.05, 0.3), (0.02, 0.02, 0.05, -0.3))
        measured = statistics.paired_difference(better, worse, metrics.ccc)
        found.append(statistics.verdict(1, measured)[0])
    assert found.count("holds") >= 45


def test_an_interval_without_width_says_so(random):
    """A constant and a perfect model: UA is a quarter, or one, whoever is left out."""
    table = simulated(random, 9, 2)
    for predicted, value in ((0, 0.25), (table["label"], 1)):
        found = statistics.interval(table.assign(predicted=predicted))
        assert (found.low, found.high) == (value, value)
        assert found.why == "the score is the same without any one of the speakers"
    assert statistics.interval(table).why == ""
    pair = statistics.paired_difference(table.assign(predicted=table["label"]), table.assign(predicted=0))
    assert statistics.verdict(1, pair) == ("holds", "the score is the same without any one of the speakers")


def test_other_utterances_of_the_same_speakers(random):
    table = simulated(random, 9, 2)
    table["id"] = [f"u{number}" for number in table.groupby("seed").cumcount()]
    statistics.paired_difference(table, table.sample(frac=1, random_state=1))
    with pytest.raises(SerkitError, match="different utterances: 1 are of one alone, such as 'u3'"):
        statistics.paired_difference(table, table[table["id"] != "u3"])
    statistics.paired_difference(table, table[table["id"] != "u3"].drop(columns="id"))


def test_it_is_quick(random):
    """1024 exchanges of pooled measures, and 5 seeds of 9 recordings of 7501 frames."""
    who = population(random, 10)
    first, second = (simulated(random, 10, 5, who=who) for _ in range(2))
    frames = pd.DataFrame(
        {"speaker": np.tile(np.repeat(np.arange(9), 7501), 5), "seed": np.repeat(np.arange(5), 67509)}
    )
    frames = frames.assign(label=random.normal(size=len(frames)), predicted=random.normal(size=len(frames)))
    taken = [time.perf_counter()]
    for one, other, metric in ((first, second, metrics.ua), (frames, frames, metrics.ccc)):
        statistics.paired_difference(one, other, metric)
        taken.append(time.perf_counter())
    seconds = [after - before for before, after in pairwise(taken)]
    assert seconds[0] < 0.5, "0.05 s on an idle machine"
    assert seconds[1] < 5
