"""What every kind of batch asks of stored features."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import pandas as pd

from serkit.errors import SerkitError


class Stored(Protocol):
    """What batches need of features: those of a corpus (`serkit.features.Features`), or of one recording."""

    @property
    def index(self) -> pd.DataFrame:
        """One row an utterance, indexed by id: offset and frames."""
        ...

    @property
    def values(self) -> np.ndarray:
        """All frames, shape (total frames, dims)."""
        ...

    def __getitem__(self, utterance: str, /) -> np.ndarray:
        """One utterance's, shape (frames, dims)."""
        ...


def require_stored(features: Stored, ids: Iterable[str], what: str = "utterances") -> None:
    """Refuse utterances whose features are not stored, naming the first.

    Raises:
        SerkitError: an id that the features lack.
    """
    missing = [name for name in ids if name not in features.index.index]
    if missing:
        raise SerkitError(f"no features are stored for {missing[0]!r} ({len(missing)} {what}): extract them first")
