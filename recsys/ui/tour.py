"""What to try, and the tour of five minutes through it."""

from dataclasses import dataclass

from recsys.ui.link import View


@dataclass(frozen=True)
class Try:
    """A ready state and what to see in it.

    Attributes:
        label: what the button says.
        look_for: one sentence on what to see.
        view: the state.
        page: where it is seen.
    """

    label: str
    look_for: str
    view: View
    page: str = "recommend"


TOUR: tuple[Try, ...] = ()


def tries(page: str, catalog: str) -> list[Try]:
    """The three "Try this" of a page for one catalog."""
    return []
