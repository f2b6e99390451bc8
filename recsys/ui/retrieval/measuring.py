"""Measuring here and now: engines are chosen, a process beside the app measures them, and the charts follow."""

import shlex
from dataclasses import replace
from uuid import uuid4

import streamlit as st

from recsys.errors import TastespaceError
from recsys.lessons.retrieval.measuring import Measuring, Told
from recsys.lessons.retrieval.records import REFERENCE, Record, folder_of
from recsys.retrieval import ENGINES
from recsys.settings import ROOT
from recsys.ui import beside, resources, state
from recsys.ui.apology import explained
from recsys.ui.link import to_command
from recsys.ui.retrieval.data import cannot
from recsys.ui.words import PUBLIC, plain

MINUTES = 3
MOST = 100_000
"""More vectors than that are measured by command, when nobody else is waiting."""


@st.cache_resource(show_spinner=False)
def running() -> Measuring:
    """The one measurement of this process."""
    return Measuring()


def show(label: str, found: list[Record]) -> None:
    """Lets a visitor measure engines on some vectors, and follows whatever is being measured.

    Args:
        label: the name of the vectors.
        found: what is known of them.
    """
    st.markdown("#### Measure here now")
    n = found[0].n if found else 0
    if n > MOST:
        st.caption(f"{n:,} vectors are too many to measure while others look at the pages; this command does it:")
        st.code(command(label, []), language="bash", wrap_lines=True)
        return
    busy = running().told().state == "running"
    st.fragment(_followed, run_every=1.0 if busy else None)(label, busy)


def command(label: str, engines: list[str]) -> str:
    """The command that measures the same, and keeps the records where this page finds them.

    What was chosen is measured now, whatever is on record; all there is takes long, and goes on from where it was.
    """
    view = replace(state.view(), data=label, engine=None)
    more = [word for name in engines for word in ("--engine", name)] + ["--anew"] * bool(engines)
    return kept(f"{to_command(view, 'retrieval')} {shlex.join([*more, '--minutes', str(MINUTES)])}")


def kept(measure: str) -> str:
    """The command with what keeps its records where this page finds them; none are kept of engines built otherwise."""
    if " --build " in measure:
        return measure
    folder = folder_of(resources.SETTINGS)
    shown = folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder
    return f"{measure} {shlex.join(['--out', str(shown)])}"


def _followed(label: str, was_busy: bool) -> None:
    with explained("measuring"):
        told = running().told()
        if was_busy and told.state != "running":
            st.rerun()  # the charts above have new marks
        if told.state == "running":
            _progress(told)
        else:
            _ended(told)
            _offer(label)


def _mine() -> str:
    return st.session_state.setdefault("measurer", uuid4().hex)


def _progress(told: Told) -> None:
    whose = "" if told.owner == _mine() else "Started in another window, one at a time. "
    where = f"engine {told.done + 1} of {told.total}" if told.total else "starting"
    share = told.done / told.total if told.total else 0.0
    if beside.progress(share, f"{whose}{plain(told.step)}: {where}, {told.seconds:.0f} s", "measuring-stop"):
        running().stop()
        st.rerun()


def _ended(told: Told) -> None:
    """How the last measurement ended, for whoever started it."""
    if told.owner != _mine() or told.state == "none":
        return
    failed = {name: why for name, why in (told.problems or {}).items() if why}
    if told.state == "finished" and len(failed) < len(told.engines):
        st.success(f"Measured in {told.seconds:.0f} s. The hollow marks are from here.", icon=":material/check:")
    elif told.state == "stopped":
        st.info("Stopped. What was finished is kept.", icon=":material/stop:")
    for name, why in failed.items():
        st.warning(f"{f'**{plain(name)}**: ' if name else ''}{plain(why)}", icon=":material/error:")


def _offer(label: str) -> None:
    if resources.SETTINGS.public:
        st.info(PUBLIC, icon=":material/lock:")
        return
    able = [name for name in ENGINES if name != REFERENCE and cannot(name) is None]
    chosen = st.pills(
        "Engines",
        able,
        selection_mode="multi",
        key="measuring-engines",
        help="Exhaustive search is always measured with them, for the others' times are told as a share of its own.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Measure here now", icon=":material/timer:", key="measuring-start", disabled=not chosen, type="primary"
        )
        st.caption(
            f"At most {MINUTES} minutes an engine, beside the app and with low priority. The time depends on what else "
            "runs here."
        )
    if pressed:
        try:
            options = shlex.split(command(label, chosen))[5:]
            options[options.index("--out") + 1] = str(folder_of(resources.SETTINGS))
            running().start(options, label, [REFERENCE, *chosen], _mine())
        except TastespaceError as error:
            st.warning(plain(error), icon=":material/hourglass_top:")
            return
        st.rerun()
    st.caption("The same on the command line; its records appear here:")
    st.code(command(label, chosen), language="bash", wrap_lines=True)
