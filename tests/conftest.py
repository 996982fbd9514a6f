"""Shared by all tests: quiet TensorFlow, a cache of our own, the miniature written once."""

import contextlib
import gc
import os
import shutil
from pathlib import Path

with contextlib.suppress(ImportError):
    import opensmile  # noqa: F401  (before TensorFlow: see serkit.features.functionals)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("MPLBACKEND", "agg")

import numpy as np
import pandas as pd
import pytest

from serkit import files

files.nbformat()  # first, or tests that import it themselves would wait for its grammars
pytest.register_assert_rewrite("layer_checks", "notebook_checks")  # or their failures would not say what was found

GOLDEN = Path(__file__).parent / "golden"


# Files that take longest, first: two processes take them as they come, and should end together.
LONGEST = ("zhao2018", "chang2017", "tao2018", "khorram2017", "jobs", "backends", "li2018", "fingerprints")
LONGEST += ("leaky_twin", "compare", "papers_by_numbers", "disk", "study", "checkpoints", "page", "cluster")


def pytest_collection_modifyitems(items):
    order = {f"test_{name}.py": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Tests neither read nor fill the user's cache; all processes of one call of pytest share another."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERKIT_CACHE", str(folder))
        patch.delenv("SERKIT_PROGRESS", raising=False)
        yield folder


@pytest.fixture(scope="session", autouse=True)
def _threads():
    """Before any test makes TensorFlow settle for another number."""
    from serkit import training

    training.limit_threads()


@pytest.fixture(scope="module", autouse=True)
def _what_others_left_is_not_looked_at():
    """Two million objects by the end, most of them TensorFlow's: each collection of garbage took seconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _few_kernels():
    import notebook_checks

    notebook_checks.in_this_process()


@pytest.fixture(scope="session")
def iemocap_miniature(_own_cache):
    from serkit.corpora import miniatures

    return miniatures.ensure("iemocap")


@pytest.fixture
def shared_speaker(_own_cache, tmp_path):
    """A copy of CHEAVD's miniature with a training speaker as all of its validation, and that speaker."""
    from serkit.corpora import miniatures

    root = tmp_path / "cheavd"
    shutil.copytree(miniatures.ensure("cheavd"), root)
    rows = pd.read_csv(root / "cheavd.csv", keep_default_na=False)
    speaker = rows.loc[rows["partition"] == "train", "speaker"].iloc[0]
    rows.loc[rows["partition"] == "val", "speaker"] = speaker
    rows.to_csv(root / "cheavd.csv", index=False)
    return root, speaker


@pytest.fixture
def random():
    return np.random.default_rng(7)
