"""How far imports are, and how they ended: at the top of the page, for everybody who looks at it."""

import json
from collections.abc import Callable

import streamlit as st

from recsys.errors import CatalogError
from recsys.importing import report_csv_of, report_of
from recsys.ui import actions, resources, state
from recsys.ui.apology import explained
from recsys.ui.catalogs import draft
from recsys.ui.catalogs.running import Imports, Told
from recsys.ui.words import plain

SHOWN_ROWS = 8


@st.cache_resource(show_spinner=False)
def imports() -> Imports:
    """The imports of this app."""
    return Imports(resources.SETTINGS)


def show() -> None:
    """Shows them, and follows those that run."""
    told = imports().told()
    if told:
        busy = tuple(one.name for one in told if one.state == "running")
        st.fragment(_followed, run_every=0.5 if busy else None)(busy)


def _followed(were_busy: tuple[str, ...]) -> None:
    with explained("imports"):
        told = imports().told()
        if tuple(one.name for one in told if one.state == "running") != were_busy:
            st.rerun()  # a catalog more is there
        for one in told:
            with st.container(border=True):
                _one(one)


def _one(told: Told) -> None:
    label = plain(told.label)
    if told.state == "running":
        eta = f", about {told.eta_s:.0f} s more" if told.eta_s else ""
        share = min(told.done / max(told.total, 1), 1.0)
        st.progress(
            share, f"**{label}**: {told.step}, {told.done:,} of {told.total:,}{eta}. {told.seconds:.0f} s so far."
        )
        if st.button("Cancel", icon=":material/stop:", key=f"cancel-{told.name}"):
            imports().cancel(told.name)
            st.rerun(scope="fragment")
        return
    if told.state == "finished":
        _finished(told, label)
    elif told.state == "cancelled":
        st.info(f"{label}: cancelled. Nothing of it is left, and what served before serves on.", icon=":material/stop:")
    else:
        st.warning(f"**{label} was not imported.** {plain(told.problem)}", icon=":material/error:")
        if draft.was_ours(told.name):
            _back_to_the_form(told.name)
    if st.button("Close", icon=":material/close:", key=f"close-{told.name}", type="tertiary"):
        imports().forget(told.name)
        st.rerun()


def _back_to_the_form(name: str) -> None:
    other = bool(draft.files())
    why = "The form holds other files: import them, or take them away." if other else None
    if st.button("Back to the form", icon=":material/undo:", key=f"back-{name}", disabled=other, help=why):
        draft.take_back(name)
        imports().forget(name, keep=True)
        state.change("Your files are in the form again.", part="add")
        st.rerun()


def _finished(told: Told, label: str) -> None:
    try:
        report = report_of(resources.SETTINGS, told.name)
    except CatalogError as error:  # it was removed since
        st.info(plain(str(error)), icon=":material/inventory_2:")
        return
    st.markdown(f"#### {label} is here: {report['taken']:,} items in {told.seconds:.0f} s")
    if st.button(f"Recommend from {label}", type="primary", icon=":material/arrow_forward:", key=f"go-{told.name}"):
        imports().forget(told.name)
        state.switch_catalog(told.name)
        actions.goto("recommend", state.view(), f"You went to {told.label}.")
    tell(report, told.name, lambda: report_csv_of(resources.SETTINGS, told.name))


def tell(report: dict, key: str, csv: Callable[[], str]) -> None:
    """What was taken, what was left out and why, and how the files were understood.

    Args:
        report: of the check, or of the import.
        key: tells the downloads of several reports apart.
        csv: makes the report's CSV, when somebody asks for it.
    """
    for warning in report["warnings"]:
        st.warning(plain(warning), icon=":material/translate:" if "anguage" in warning else ":material/warning:")
    if report["dropped"]:
        st.dataframe(
            [
                {
                    "of": one["what"],
                    "what happened": one["reason"],
                    "rows": one["count"],
                    "which": _which(one["rows"]),
                }
                for one in report["dropped"]
            ],
            hide_index=True,
        )
    else:
        st.markdown(
            f":material/check: Nothing was left out: {report['taken']:,} of {report['given']:,} rows are items."
        )
    if report["notes"]:
        with st.expander("How the files were understood", icon=":material/notes:"):
            st.markdown("\n".join(f"- {plain(note)}" for note in report["notes"]))
    with st.container(horizontal=True):
        st.download_button(
            "Report as CSV",
            csv,
            f"{report['catalog']}-report.csv",
            "text/csv",
            key=f"report-csv-{key}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )
        st.download_button(
            "Report as JSON",
            lambda: json.dumps(report, ensure_ascii=False, indent=1),
            f"{report['catalog']}-report.json",
            "application/json",
            key=f"report-json-{key}",
            icon=":material/download:",
            type="tertiary",
            on_click="ignore",
        )


def _which(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:SHOWN_ROWS])) + (" ..." if len(rows) > SHOWN_ROWS else "")
