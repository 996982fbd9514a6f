"""What every kind of batch asks of stored features."""

from collections.abc import Sequence

from serkit.errors import SerkitError
from serkit.features.store import Features


def require_stored(features: Features, ids: Sequence[str], what: str = "utterances") -> None:
    """Refuse utterances whose features are not stored, naming the first.

    Raises:
        SerkitError: an id that the features lack.
    """
    missing = [name for name in ids if name not in features.index.index]
    if missing:
        raise SerkitError(f"no features are stored for {missing[0]!r} ({len(missing)} {what}): extract them first")
