"""What a real person rated: all of it, beside the list that was made for them."""

import pandas as pd
import streamlit as st

from recsys.ratings import DISLIKE, LIKE
from recsys.ui.words import plain
from recsys.version import Version


def history(version: Version, person: str | None) -> None:
    """A table of a person's ratings, oldest first; nothing where nobody of that id rated anything."""
    if person is None or person not in version.people:
        return
    rows, ratings = version.history(person)
    label = f"What user {plain(person)} really rated ({len(rows):,})"
    box = st.expander(label, icon=":material/history:", key="real-history", on_change="rerun")
    if not box.open:
        return
    with box:
        st.dataframe(
            {
                "title": version.catalog.items["title"].to_numpy()[rows],
                "rating": ratings,
                "date": pd.to_datetime(version.moments(person), unit="s", errors="coerce").date,
            },
            hide_index=True,
            height=min(35 * (len(rows) + 1) + 3, 320),
            column_config={
                "rating": st.column_config.NumberColumn(format="%g", width=60),
                "date": st.column_config.DateColumn(width=90),
            },
        )
        st.caption(
            f"Oldest first. By content, {LIKE:g} or more is a like and {DISLIKE:g} or less a dislike; what lies "
            "between says neither."
        )
