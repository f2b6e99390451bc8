"""What was measured on a catalog, and whether it was measured on the ratings that the catalog has."""

import streamlit as st

from recsys.evaluation.records import read_records
from recsys.evaluation.story import usable
from recsys.ui import resources
from recsys.version import Version


def records_of(version: Version) -> dict[str, dict]:
    """The records of a catalog by protocol; damaged ones are as good as none."""
    found = read_records(resources.SETTINGS, version.name)
    return {name: record for name, record in found.items() if usable(record, name) is not None}


def same_data(record: dict, version: Version) -> bool:
    """Whether a record was measured on the ratings that the catalog has; of simulated people there is but one kind."""
    if record["data"].get("simulated"):
        return version.ratings is None
    return record["data"]["hash"] == _fingerprint(version, f"{version.name}@{version.id}")


def doubt(records: list[dict], version: Version) -> None:
    """Says so where records are of other ratings than the catalog has."""
    if not all(same_data(record, version) for record in records):
        st.warning(
            "This was measured on other ratings than the catalog has now, so it may not hold for them.",
            icon=":material/history:",
        )


@st.cache_data(max_entries=8, show_spinner=False)
def _fingerprint(_version: Version, version_id: str) -> str | None:
    return None if _version.ratings is None else _version.ratings.fingerprint()
