"""The acceptance on the real catalogs: `python -m tests.accept [CHECK]...` prints what was asked against what was measured."""

from typing import NamedTuple


class Row(NamedTuple):
    """One line of the table.

    Attributes:
        asked: what must hold.
        measured: what was found.
        ok: whether it holds.
    """

    asked: str
    measured: str
    ok: bool
