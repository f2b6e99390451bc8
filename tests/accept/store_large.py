"""The same as `store`, at 100,000 points. Takes some minutes, most of them in local mode."""

from . import Row
from .store import compared

SIZE = 100_000


def checks(settings) -> list[Row]:
    """One row."""
    return [compared(SIZE)]
