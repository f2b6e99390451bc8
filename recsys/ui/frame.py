"""What every page has: the catalog switch, undo, links and commands, the tour, the item panel, and errors in words."""

import html
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import streamlit as st

from recsys.funnel import Funnel, Recommendation, Request
from recsys.profile import Profile
from recsys.settings import DEFAULT_IMAGE_ENCODER
from recsys.ui import actions, panel, resources, state, warmup
from recsys.ui.apology import explained
from recsys.ui.link import View, to_command, to_query
from recsys.ui.own_tries import own_tries
from recsys.ui.tour import Try, tour, tries
from recsys.ui.words import WORDS, plain
from recsys.version import Version

ABOUT = "**Tastespace**: touch a recommender. You are a point; the list is what lies nearest to it."
PAINT_SECONDS = 0.2
ICON = Path(__file__).with_name("icon.svg")


def run(page) -> None:
    """Runs one page; whatever goes wrong becomes a sentence and the way out.

    Args:
        page: what `st.navigation` chose.
    """
    st.html("<style>" + _CSS + "</style>")
    with explained("page"):
        if not resources.catalogs():
            from recsys.ui import building

            building.first_build()
            return
        state.begin()
        _catalog_switch()
        _problems()
        _tour()
        page.run()
        _open_panel()

        from recsys.ui import building  # what the sources need is loaded once the first list is on its way

        building.missing()
        state.end()
        warmup.start()


def header(page: str, title: str, lead: str) -> None:
    """A page's title, its one sentence, and its "Try this" buttons."""
    st.html(f'<div class="title"><h2>{html.escape(title)}</h2><p>{html.escape(lead)}</p></div>')
    if state.view().tour is None:  # the tour says what to look at
        things_to_try(page)


def lists_first() -> None:
    """Gives the browser the moment it needs to paint the lists, before the rest of the page is sent.

    What arrives while the lists are being painted is drawn first and holds them up: over likes, on two cores shared by
    server and browser, the lists were there a third sooner, and 19 of 20 times 100 ms sooner. A script that waits
    computes nothing, so nobody else is kept waiting.
    """
    time.sleep(PAINT_SECONDS)


def things_to_try(page: str) -> None:
    """The page's three "Try this" buttons for the catalog that is shown, whoever brought it."""
    catalog = state.view().catalog
    offered = tries(page, catalog) or _own_tries(page, catalog)
    if not offered:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="tries"):
        st.markdown(":gray[Try this:]", width="content")
        for number, one in enumerate(offered):
            here = one.page == page
            clicked = st.button(
                one.label,
                key=f"try-{number}-{one.label}",
                help=one.look_for,
                on_click=_take if here else None,
                args=(one,) if here else None,
                type="tertiary",
                icon=":material/lightbulb:",
            )
            if clicked and not here:
                actions.goto(one.page, one.view, f"{one.label}. Look: {one.look_for}")


def _own_tries(page: str, catalog: str) -> list[Try]:
    funnel = resources.funnel(catalog)
    return own_tries(funnel.version, page, _typical(funnel, f"{catalog}@{funnel.version.id}"))


@st.cache_resource(max_entries=32, show_spinner=False)
def _typical(_funnel: Funnel, version: str) -> list[int]:
    """Rows of items that are unlike each other: what a newcomer is shown first."""
    start = _funnel.recommend(Request(Profile()))
    return [int(row) for row in start.candidates[start.picks]]


def _take(one: Try) -> None:
    state.go(replace(one.view, tour=state.view().tour), f"{one.label}. Look: {one.look_for}")


def part_switch(parts: Mapping[str, str], part: str) -> None:
    """Which part of a page is shown: its parts in words, by name."""
    key = state.shown("part", part)
    st.segmented_control(
        "Part",
        list(parts),
        key=key,
        required=True,
        format_func=parts.get,
        label_visibility="collapsed",
        on_change=state.changed(key, lambda chosen: state.change(f"{parts[chosen]}.", part=chosen)),
    )


def changes(
    effect: str = "",
    hint: str = "Like something, wish for something, or try a button above.",
    page: str = "recommend",
) -> None:
    """What just changed, undo, and the link and command of what is shown."""
    with st.container(horizontal=True, vertical_alignment="center", key="changes"):
        note = st.session_state.note
        if note:
            st.markdown(f":gray[{plain(note)} {plain(effect)}]", width="stretch")
        else:
            st.markdown(f":gray[{hint}]", width="stretch")
        st.button(
            "Undo",
            icon=":material/undo:",
            on_click=state.undo,
            disabled=not st.session_state.history,
            help="Take back the last change.",
        )
        _share(page)


def _share(page: str) -> None:
    share = st.popover("Share", icon=":material/link:", key="share", on_change="rerun")
    if not share.open:
        return
    with share:
        current = state.view()
        st.caption("This link shows the same to anybody who opens it.")
        st.code(_link(current), language=None, wrap_lines=True)
        if current.profile.picture is not None:
            st.caption("The uploaded picture is not in the link.")
        st.caption("This command prints the whole story:" if page == "cold_start" else "This command prints the same:")
        st.code(_command(current, page), language="bash", wrap_lines=True)


def _command(view: View, page: str) -> str:
    command = to_command(view, page)
    if page != "retrieval":
        return command
    from recsys.ui.retrieval.measuring import kept

    return kept(command)  # what it measures appears on the page


def _link(view: View) -> str:
    from urllib.parse import urlencode

    base = (st.context.url or "").split("?")[0]
    return f"{base}?{urlencode(to_query(view), doseq=True)}"


def trace(answer: Recommendation) -> None:
    """How the list came about: each stage's counts, times and reasons."""
    total = sum(stage.ms for stage in answer.trace.stages)
    # A label that changed with each run would make each time another expander, and close the open one.
    box = st.expander("How this list came about", icon=":material/filter_list:", key="trace", on_change="rerun")
    if box.open:
        with box:
            st.caption(f"{WORDS['funnel']} In all {total:.1f} ms.")
            st.dataframe(
                [
                    {
                        "stage": stage.stage,
                        "in": stage.n_in,
                        "out": stage.n_out,
                        "ms": round(stage.ms, 2),
                        "why the rest was dropped": ", ".join(f"{n:,} {why}" for why, n in stage.dropped.items()),
                    }
                    for stage in answer.trace.stages
                ],
                hide_index=True,
            )


def degraded(answer: Recommendation) -> None:
    """Says which stages failed and what was done instead; nothing where all went well."""
    if answer.trace.degraded:
        told = "  \n".join(plain(sentence) for sentence in answer.trace.degraded)
        st.warning(
            f"**Not every stage worked, so this list is the best that is left.**  \n{told}", icon=":material/healing:"
        )


def honest(version: Version) -> None:
    """One line on what the data can and cannot tell, and what of them is made up."""
    made_up = ", ".join(facet.label.lower() for facet in version.catalog.facets if facet.simulated)
    learned = (
        " How pictures relate to words was learned on this very clip art."
        if (version.manifest["encoders"]["image"] or "").startswith(DEFAULT_IMAGE_ENCODER)
        else ""
    )
    simulated = f" Simulated: {made_up}." if made_up else ""
    st.caption(f"{plain(version.manifest['about'])}{learned}{simulated}")


def _catalog_switch() -> None:
    names = resources.catalogs()
    current = state.view().catalog
    with st.sidebar:
        key = state.shown("catalog", current)
        st.segmented_control(
            "Catalog",
            names,
            key=key,
            required=True,
            format_func=lambda name: resources.label(name) or name,
            on_change=state.changed(key, state.switch_catalog),
            help="Every page shows the catalog that is chosen here. Each keeps its own profile.",
        )


def _problems() -> None:
    for sentence in state.take_problems():
        st.warning(plain(sentence), icon=":material/link_off:")


def _tour() -> None:
    step, stops = state.view().tour, tour(resources.catalogs())
    if step is None or not 1 <= step <= len(stops):
        return
    stop = stops[step - 1]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="tour"):
        st.markdown(f"**{step} of {len(stops)} · {stop.label}**  \n{stop.look_for}", width="stretch")
        if step > 1 and st.button("Back", icon=":material/arrow_back:"):
            actions.goto_tour(step - 1)
        if step < len(stops) and st.button("Next", icon=":material/arrow_forward:", type="primary"):
            actions.goto_tour(step + 1)
        label = "Finish" if step == len(stops) else "Leave the tour"
        st.button(label, on_click=lambda: state.change("You left the tour.", tour=None), type="tertiary")


def _open_panel() -> None:
    if state.view().item is not None:
        panel.show(state.view().item)


_CSS = """
.stMainBlockContainer { padding: 4rem clamp(1rem, 3vw, 3.5rem) 3rem; }
.stMainBlockContainer > .stVerticalBlock { gap: 0.5rem; }
.stSidebar .stVerticalBlock { gap: 0.8rem; }
.stSidebar [data-testid="stSidebarHeader"] { height: 2.5rem; }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.2rem 1rem; }
.title h2 { padding: 0; margin: 0; font-family: "Source Serif", serif; font-weight: 600; }
.title p { margin: 0; opacity: 0.75; }
.st-key-tries { gap: 0.2rem 1.1rem; }
@media (max-width: 640px) {
  .st-key-tries { flex-wrap: nowrap; overflow-x: auto; scrollbar-width: none; }
  .st-key-replay .stSlider { flex: 1 0 100%; }
  .st-key-headline { flex-wrap: wrap; }
  .st-key-headline > :first-child { flex: 1 0 100%; }
}
.st-key-tries button, .st-key-changes button { white-space: nowrap; }
"""
