import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from serkit import audio
from serkit.errors import SerkitError
from serkit.features import normalisation
from serkit.features.normalisation import PCAWhitening, Standardisation
from serkit.features.yaafe import yaafe_743

DATA = Path(__file__).parents[2] / "shared" / "data" / "ravdess" / "flac16k"


def correlated(rows, dims=6, seed=0):
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).standard_normal((dims, dims))
    return 50 + random.standard_normal((rows, dims)) @ mixing * 10.0 ** np.arange(dims)


def assert_white(rows, atol=1e-6):
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=atol)
    np.testing.assert_allclose(np.cov(rows.T), np.eye(rows.shape[1]), atol=atol)


@pytest.fixture(scope="module")
def features():
    """The 743 features of 30 s of noise that swells and fades."""
    time_axis = np.arange(30 * 16000) / 16000
    signal = 0.1 * np.random.default_rng(0).standard_normal(len(time_axis)) * (1.1 + np.sin(2 * np.pi * 3 * time_axis))
    return yaafe_743(signal, 16000)


def test_training_rows_become_white():
    rows = correlated(500)
    fitted = PCAWhitening().fit(rows)
    assert_white(fitted.transform(rows), atol=1e-9)
    np.testing.assert_allclose(fitted.mean, rows.mean(axis=0))
    np.testing.assert_allclose(fitted.scale, rows.std(axis=0, ddof=1))
    np.testing.assert_allclose(fitted.components @ fitted.components.T, np.eye(6), atol=1e-12)
    np.testing.assert_allclose(fitted.eigenvalues.sum(), 6)  # the variance of six scaled columns
    assert (np.diff(fitted.eigenvalues) < 0).all()


def test_two_columns_by_hand():
    # Deviations (1, 1), (1, -1), ... in ratio 3 to 1 give a correlation of 0.5: eigenvalues 1.5 and 0.5.
    rows = np.array([[1, 1], [-1, -1]] * 3 + [[1, -1], [-1, 1]]) * [2, 20] + [5, 7]
    fitted = PCAWhitening().fit(rows)
    np.testing.assert_allclose(fitted.mean, [5, 7])
    np.testing.assert_allclose(fitted.eigenvalues, [1.5, 0.5])
    np.testing.assert_allclose(np.abs(fitted.components), np.sqrt([[0.5, 0.5], [0.5, 0.5]]))
    scale = np.array([2, 20]) * np.sqrt(8 / 7)
    np.testing.assert_allclose(fitted.transform(np.array([[5, 7]]) + scale), [[np.sqrt(2 / 1.5), 0]], atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_dependent_columns_are_dropped(features, dtype):
    rows = features.astype(dtype)
    fitted = PCAWhitening().fit(rows)
    assert 600 < len(fitted.eigenvalues) <= 743 - 55
    assert_white(fitted.transform(rows.astype(np.float64)))
    assert fitted.transform(rows).dtype == dtype


def test_the_floor_stands_between_rounding_and_signal():
    rows = correlated(400)
    rows = np.column_stack([rows, rows[:, 0] + 2 * rows[:, 1], rows[:, 2] * (1 + 1e-3 * correlated(400, seed=1)[:, 0])])
    assert PCAWhitening().fit(rows).components.shape == (7, 8)
    assert PCAWhitening(floor=0.1).fit(rows).components.shape[0] < 7


def test_number_of_components(features):
    all_of_them, some = PCAWhitening().fit(features), PCAWhitening(components=40).fit(features)
    np.testing.assert_allclose(some.transform(features), all_of_them.transform(features)[:, :40])
    assert some.components.shape == (40, 743)
    few_rows = PCAWhitening(components=5).fit(features[:50])  # fewer rows than columns will do
    assert_white(few_rows.transform(features[:50]))


def test_learns_from_the_training_rows_alone():
    train, test = correlated(300), correlated(50, seed=1)
    fitted = PCAWhitening().fit(train)
    before = {name: np.copy(value) for name, value in vars(fitted).items() if isinstance(value, np.ndarray)}
    test[7] = 987654321.0  # a marker
    whitened = fitted.transform(test)
    assert set(before) == {"mean", "scale", "components", "eigenvalues", "_projection"}
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(fitted, name), value)
        assert np.abs(value).max() < 1e8
    np.testing.assert_array_equal(np.delete(whitened, 7, axis=0), fitted.transform(np.delete(test, 7, axis=0)))
    marked = PCAWhitening().fit(np.concatenate([train, test]))
    assert marked.mean.max() > 1e6  # the marker would show


@pytest.mark.parametrize("size", [1, 7, 300])
def test_blocks_give_the_same_as_the_whole(monkeypatch, size):
    rows = correlated(300)
    whole = PCAWhitening().fit(rows)
    monkeypatch.setattr(normalisation, "ROWS", 64)
    for blocks in (rows, (rows[i : i + size] for i in range(0, 300, size)), [rows[:0], rows[:100], rows[100:]]):
        fitted = PCAWhitening().fit(blocks)
        np.testing.assert_allclose(fitted.mean, whole.mean)
        np.testing.assert_allclose(fitted.transform(rows), whole.transform(rows), rtol=1e-7, atol=1e-7)


def test_large_offsets_lose_no_precision(monkeypatch):
    monkeypatch.setattr(normalisation, "ROWS", 50)
    rows = np.random.default_rng(0).standard_normal((400, 3))
    shifted = PCAWhitening().fit(rows + np.array([1e8, -1e8, 0]))
    np.testing.assert_allclose(shifted.eigenvalues, PCAWhitening().fit(rows).eigenvalues, rtol=1e-6)


def test_memory_mapped_rows_are_read_in_pieces(tmp_path, monkeypatch):
    stored = np.lib.format.open_memmap(tmp_path / "rows.npy", mode="w+", dtype=np.float32, shape=(50000, 20))
    stored[:] = correlated(50000, dims=20) / 1e18
    stored.flush()
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    monkeypatch.setattr(normalisation, "ROWS", 1000)
    tracemalloc.start()
    fitted = PCAWhitening().fit(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6  # the file holds 4 MB
    assert_white(fitted.transform(rows).astype(np.float64), atol=1e-4)


def test_constant_columns_have_no_part():
    rows = np.insert(correlated(100), 3, 0.1, axis=1)
    fitted = PCAWhitening().fit(rows)
    assert fitted.components.shape == (6, 7)
    assert not fitted.components[:, 3].any()
    assert fitted.scale[3] == 1
    other = rows.copy()
    other[:, 3] = 1e14  # as in another corpus
    np.testing.assert_array_equal(fitted.transform(other), fitted.transform(rows))


def test_result_does_not_depend_on_the_sign_that_the_solver_gives():
    fitted = PCAWhitening().fit(correlated(100))
    largest = np.abs(fitted.components).argmax(axis=1)
    assert (fitted.components[np.arange(6), largest] > 0).all()


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (np.where(np.eye(9, 6, -4), np.nan, 1.0), {}, "row 4, column 0 holds nan.*5 such values"),
        ([correlated(5000), np.full((1, 6), np.inf)], {}, "row 5000, column 0 holds inf"),
        (correlated(6), {}, "6 rows are too few to whiten 6 components: give 7 rows or more"),
        (correlated(3), {"components": 3}, "3 rows are too few to whiten 3 components"),
        (correlated(50), {"components": 7}, "only 6 of 6 components .* ask for 6 or fewer than 7"),
        (np.ones((50, 6)), {}, "no column of these rows ever changes"),
        (np.ones((0, 6)), {}, "no rows to fit"),
        (iter([]), {}, "no rows to fit"),
        (np.ones(6), {}, r"blocks of shape \(rows, dims\); got one of shape \(6,\)"),
        ([correlated(9), correlated(9, dims=5)], {}, "a block has 5 columns, those before it 6"),
        (correlated(50), {"components": 0}, "components is a whole number, 1 or more.* got 0"),
        (correlated(50), {"components": 0.95}, "got 0.95"),
        (correlated(50), {"floor": 0}, "floor is a fraction .* got 0"),
    ],
)
def test_bad_input_to_fit(rows, settings, message):
    with pytest.raises(SerkitError, match=message):
        PCAWhitening(**settings).fit(rows)


def test_bad_input_to_transform():
    with pytest.raises(SerkitError, match="call fit with the training rows first"):
        PCAWhitening().transform(correlated(5))
    fitted = PCAWhitening().fit(correlated(50))
    with pytest.raises(SerkitError, match=r"rows of 6 columns; got an array of shape \(5, 7\)"):
        fitted.transform(correlated(5, dims=7))
    with pytest.raises(SerkitError, match="row 0, column 0 holds nan"):
        fitted.transform(np.full((2, 6), np.nan))
    assert fitted.transform(correlated(0)).shape == (0, 6)


@pytest.mark.skipif(not DATA.is_dir(), reason="RAVDESS is not beside this checkout")
def test_speech():
    paths = sorted(DATA.rglob("*.flac"))[:30]
    rows = [yaafe_743(*audio.read(path, 16000), silence="dither").astype(np.float32) for path in paths]
    fitted = PCAWhitening().fit(rows)
    assert 660 < len(fitted.eigenvalues) <= 743 - 55
    assert_white(fitted.transform(np.concatenate(rows).astype(np.float64)))


def test_whitened_values_are_clipped_at_will(random):
    rows = random.normal(size=(500, 3))
    far = np.array([[1e3, -1e3, 0.0]])
    assert np.abs(PCAWhitening().fit(rows).transform(far)).max() > 500
    clipped = PCAWhitening(clip=8.0).fit(rows)
    assert np.abs(clipped.transform(far)).max() == 8
    inside = rows[np.abs(PCAWhitening().fit(rows).transform(rows)).max(axis=1) < 8]
    np.testing.assert_array_equal(clipped.transform(inside), PCAWhitening().fit(rows).transform(inside))
    with pytest.raises(SerkitError, match="clip is a number of standard deviations"):
        PCAWhitening(clip=-1)


def test_fitting_again_forgets_the_first_fit(random):
    rows, others = random.normal(size=(100, 3)), random.normal(3, [1, 5, 9], size=(100, 3))
    again = PCAWhitening().fit(rows).fit(others)
    np.testing.assert_array_equal(again.transform(others), PCAWhitening().fit(others).transform(others))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_are_scaled_and_not_turned(dtype):
    """Constant columns become 0, what is beyond the limit is set to it, and other rows have no part in it."""
    rows = np.column_stack([correlated(300), np.full(300, 7.0)]).astype(dtype)
    fitted = Standardisation().fit(rows[:100][number : number + 9] for number in range(0, 100, 9))
    expected = (rows - rows[:100].mean(axis=0, dtype=float)) / np.append(
        rows[:100, :6].std(axis=0, ddof=1, dtype=float), 1
    )
    found = fitted.transform(rows)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, atol=1e-4 if dtype == np.float32 else 1e-9)
    assert (found[:, 6] == 0).all()
    limited = Standardisation(clip=1.5).fit(rows[:100]).transform(rows)
    np.testing.assert_allclose(limited, found.clip(-1.5, 1.5), atol=1e-6)
    assert fitted.eigenvalues.tolist() == [1] * 7, "as wide as it was"
    assert fitted.transform(rows[:0]).shape == (0, 7)


def test_a_standardisation_that_cannot_be():
    with pytest.raises(SerkitError, match=r"^not fitted yet; got an array of shape \(5, 6\)"):
        Standardisation().transform(correlated(5))
    with pytest.raises(SerkitError, match=r"^fitted on rows of 6 columns; got an array of shape \(5, 2\)"):
        Standardisation().fit(correlated(9)).transform(np.zeros((5, 2)))
    with pytest.raises(SerkitError, match="one row has no standard deviation"):
        Standardisation().fit(correlated(1))
