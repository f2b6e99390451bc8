"""The acceptance on the real catalogs: `python -m tests.accept [CHECK]...` prints asked against measured."""

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
