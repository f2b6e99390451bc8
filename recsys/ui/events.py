"""What a component's browser side sends: entries with a counter, repeated until Python confirms them.

A rerun may swallow the message of another, so a browser sends all that is not yet confirmed, and Python remembers the
newest counter it has seen. What comes from a browser is untrusted: what cannot be an entry is left out.
"""

from collections.abc import Callable

import streamlit as st

from recsys.ui import state


def entries(raw: object) -> list[dict]:
    """The entries of a message: dicts with an integer counter `n`."""
    found = raw if isinstance(raw, list) else []
    return [e for e in found if isinstance(e, dict) and type(e.get("n")) is int]


def unheard(raw: object, after: int) -> list[dict]:
    """The entries that are newer than a counter, oldest first, each counter once."""
    newer: dict[int, dict] = {}
    for entry in entries(raw):
        if entry["n"] > after:
            newer.setdefault(entry["n"], entry)
    return [newer[n] for n in sorted(newer)]


class Inbox:
    """What Python remembers of one component in one session.

    Args:
        key: the component's name on its page.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._memory = st.session_state.setdefault(f"_{key}_memory", {"ack": 0, "seq": 0})

    def stamp(self) -> dict[str, int]:
        """What goes with the next data: `seq`, which grows, and `ack`, the newest counter that was heard."""
        self._memory["seq"] += 1
        return dict(self._memory)

    def receiver(self, handle: Callable[[list[dict]], None]) -> Callable[[], None]:
        """A callback for the component's `events`: hands over what was not heard before."""

        def receive() -> None:
            state.hear()
            raw = st.session_state[self._key].get("events")
            new = unheard(raw, after=self._memory["ack"])
            self._memory["ack"] = max([self._memory["ack"], *(entry["n"] for entry in new)])
            handle(new)

        return receive
