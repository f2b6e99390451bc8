"""Speed and recall: the story, the frontier of all engines, the table, and a measurement of one's own."""

from math import log10

import pandas as pd
import streamlit as st

from recsys.funnel import Funnel
from recsys.lessons.retrieval import records, story
from recsys.lessons.retrieval.records import RECALL, REFERENCE, Record
from recsys.retrieval import ENGINES, FAMILIES, engine_class, version_of
from recsys.ui import state
from recsys.ui.figures import ACCENT
from recsys.ui.retrieval import data, look, measuring
from recsys.ui.words import plain
from recsys.version import Version

GREY = "#8a857c"
_TICKS = (0, 0.5, 0.8, 0.9, 0.95, 0.99, 1)
_KEPT = {"marker": {"opacity": 1}}
"""A click picks a mark; the others are not to fade for it."""
_STRETCH = 0.002
"""How near to a recall of 1 the axis still tells differences apart."""


def show(funnel: Funnel) -> None:
    """The whole part."""
    version, everything = funnel.version, data.all_records()
    label = data.choose(version, everything)
    found = records.on(everything, label)
    if found:
        _story(found, version)
        _frontier(found, label)
        _choosing(records.synthetic(everything))
        _table(found)
    else:
        _nothing()
    measuring.show(label, found)


def _story(found: list[Record], version: Version) -> None:
    told = records.told(found)
    lead, *rest = story.sentences(told) or [
        "Exhaustive search was not measured on these vectors, so nothing is compared."
    ]
    first, _, more = lead.partition(". ")
    st.markdown(f"#### {plain(first.removesuffix('.'))}.")
    st.markdown("  \n".join(plain(text) for text in (more, *rest) if text))
    st.caption(plain(f"{data.origin(told)} {data.doubt(told, version)}"))


def _choosing(grown: list[Record]) -> None:
    choosing = story.choosing(grown)
    if not choosing:
        return
    with st.container(border=True):
        st.markdown("**When to choose what**")
        st.markdown("\n".join(f"- {plain(text)}" for text in choosing))
        dims = grown[0].data["dims"]
        st.caption(
            f"From synthetic vectors of {dims} dimensions; as many real ones may be harder or easier. "
            f"{plain(data.origin(grown))}"
        )


def _heading(title: str, note: str) -> None:
    st.markdown(f"**{title}**  \n:gray[{plain(note)}]")


def _stretched(recall: float) -> float:
    """Where a recall stands on the axis, which is stretched near 1, where engines differ."""
    return -log10(1 - min(recall, 1) + _STRETCH)


def _frontier(found: list[Record], label: str) -> None:
    import plotly.graph_objects as go

    hollow = " Hollow: measured on this machine." if any(r.here for r in found) else ""
    _heading(
        "What an engine finds, and how fast",
        "Lower right is better: more of the true ten is found, in less time. A line is what an engine can be set to; "
        "the big mark is how it comes. Green walks a graph, orange looks into cells, blue reads codes, purple both. "
        f"Click a mark to pick it, a name to hide it.{hollow}",
    )
    figure = go.Figure()
    places = look.places({r.engine: r.row["family"] for r in found})
    order = list(places)
    for record in sorted(found, key=lambda r: (r.here, order.index(r.engine))):
        _line(figure, record, places[record.engine])
    recalls = [p.recall for r in found for p in r.frontier]
    ticks = [tick for tick in _TICKS if tick >= min(recalls) - 0.1]
    figure.update_xaxes(
        tickvals=[_stretched(tick) for tick in ticks],
        ticktext=[f"{tick:g}" for tick in ticks],
        range=[_stretched(min(recalls)) - 0.1, _stretched(1) + 0.12],
        zeroline=False,
        showgrid=True,
    )
    figure.update_yaxes(automargin=True, **look.log_axis([p.p50_ms for r in found for p in (*r.frontier, r.points[0])]))
    figure.update_layout(
        height=500 + 8 * len(found),  # on a phone the names take much of it
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title="recall@10 (0 to 1, stretched near 1)",
        yaxis_title="median ms a query, one thread (logarithmic)",
        legend={"orientation": "h", "y": -0.14, "yanchor": "top", "itemsizing": "constant"},
        hoverlabel={"align": "left"},
        uirevision=label,
    )
    picked = _picked(found)
    if picked is not None:
        _ring(figure, picked[1])
    event = st.plotly_chart(
        figure,
        key=f"frontier-{label}",
        config={"displayModeBar": False},
        on_select="rerun",
        selection_mode="points",
    )
    _pick(event)
    if picked is not None:
        _told(*picked, found)


def _pick(event) -> None:
    """Takes the setting whose mark was clicked into the view."""
    points = event.selection.get("points", []) if event else []
    clicked = next((tuple(p["customdata"][4:]) for p in points if p.get("customdata")), None)
    if clicked == st.session_state.get("frontier_clicked"):
        return
    st.session_state.frontier_clicked = clicked
    if clicked is not None and clicked[0] in ENGINES:
        engine, knobs = clicked[0], tuple(clicked[1].split())
        if (engine, knobs) != (state.view().engine, state.view().knobs):
            state.change(
                f"You picked {engine}{': ' if knobs else ''}{', '.join(knobs)}.", engine=engine, knobs=knobs, build=()
            )
            st.rerun()


def _picked(found: list[Record]) -> tuple[Record, records.Point] | None:
    """The engine of the view and its setting, as measured; the newest record where there are two."""
    view = state.view()
    for record in sorted(found, key=lambda r: str(r.row.get("measured_at")), reverse=True):
        if record.engine == view.engine:
            asked = record.points[0].knobs | dict(_knob(text) for text in view.knobs)
            return next(((record, p) for p in record.points if p.knobs == asked), None)
    return None


def _knob(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    return name, int(value)


def _ring(figure, point: records.Point) -> None:
    figure.add_scatter(
        x=[_stretched(point.recall)],
        y=[point.p50_ms],
        mode="markers",
        marker={"size": 24, "symbol": "circle-open", "color": ACCENT, "line": {"width": 2.5}},
        showlegend=False,
        hoverinfo="skip",
    )


def _told(record: Record, point: records.Point, found: list[Record]) -> None:
    """The picked setting in a sentence, and the way to try it."""
    reference = _reference(record, found)
    factor = f", {story.times(reference / point.p50_ms)} as fast as exhaustive" if reference else ""
    words = f" ({story.setting(point.knobs)})" if point.knobs else ""
    foreseen = " Its lists were made for these very queries." if _foreseen(record) else ""
    with st.container(horizontal=True, vertical_alignment="center", key="picked"):
        st.markdown(
            f"**{plain(record.engine)}**{plain(words)} finds {plain(story.of_a_hundred(point.recall))} in "
            f"{story.milliseconds(point.p50_ms)} a query{factor}; asked all together, {point.qps:,.0f} a second."
            f"{foreseen}",
            width="stretch",
        )
        st.button(
            "Try it live",
            icon=":material/play_arrow:",
            on_click=state.change,
            args=(f"{record.engine}, live.",),
            kwargs={"part": "engine"},
        )


def _reference(record: Record, found: list[Record]) -> float | None:
    """Milliseconds of exhaustive where the record was measured."""
    return next((r.row["p50_ms"] for r in found if r.engine == REFERENCE and r.here == record.here), None) or None


def _line(figure, record: Record, place: int) -> None:
    """An engine's frontier, and its defaults as a bigger mark."""
    colour, name = look.hue(record.row["family"]), record.engine + (", here" if record.here else "")
    points = record.frontier
    usual = record.points[0]
    common = {
        "legendgroup": name,
        "hovertemplate": "<b>%{customdata[0]}</b> %{customdata[1]}<br>recall %{customdata[2]}<br>%{y:.3g} ms a query"
        "<br>%{customdata[3]:,.0f} queries a second together<extra></extra>",
    }
    figure.add_scatter(
        x=[_stretched(p.recall) for p in points],
        y=[p.p50_ms for p in points],
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 1.8, "dash": "dot" if record.here else look.dash(place)},
        marker={"size": 7, "symbol": look.symbol(place, record.here), "color": colour},
        customdata=[_hover(record, p) for p in points],
        unselected=_KEPT,
        **common,
    )
    figure.add_scatter(
        x=[_stretched(usual.recall)],
        y=[usual.p50_ms],
        mode="markers",
        marker={
            "size": 14,
            "symbol": look.symbol(place, record.here),
            "color": colour,
            "line": {"width": 2 if record.here else 1, "color": colour if record.here else "rgba(255,255,255,0.7)"},
        },
        customdata=[_hover(record, usual)],
        unselected=_KEPT,
        showlegend=False,
        **common,
    )


def _hover(record: Record, point: records.Point) -> tuple:
    usual = " (as it comes)" if point.default else ""
    knobs = " ".join(f"{name}={value}" for name, value in point.knobs.items())
    return record.engine, f"{story.setting(point.knobs)}{usual}", f"{point.recall:.3f}", point.qps, record.engine, knobs


def _table(found: list[Record]) -> None:
    _heading(
        "All the figures",
        "Each engine as it comes, asked for ten. Recall is what share of the true ten it finds: on average, for the "
        "unluckiest query, and for how many queries it is below .9.",
    )
    rows = [_row(record, found) for record in sorted(found, key=lambda r: r.row["p50_ms"])]
    measured = {r.engine for r in found}
    absent = {name: data.cannot(name) or ("no record on these vectors", "") for name in ENGINES if name not in measured}
    rows += [{"engine": name, "what it does": f"not measured: {why}"} for name, (why, _) in absent.items()]
    table = pd.DataFrame(rows)
    grey = table["engine"].isin(absent)
    styled = table.style.apply(lambda row: [f"color: {GREY}" if grey[row.name] else ""] * len(row), axis=1)
    st.dataframe(
        styled,
        hide_index=True,
        height=35 * (len(table) + 1) + 3,
        placeholder="",
        column_config=_COLUMNS,
    )
    for name in dict.fromkeys(record.engine for record in found if _foreseen(record)):
        st.caption(
            f"{plain(name)} made its lists for the very queries that it is asked, so it finds all of them by "
            "construction. Any other query finds nothing there."
        )
    _ways({name: way for name, (_, way) in absent.items()})


def _ways(ways: dict[str, str]) -> None:
    """What engines need that cannot be measured here, and what was never tried."""
    for way in dict.fromkeys(filter(None, ways.values())):
        names = [name for name, own in ways.items() if own == way]
        st.caption(f"To measure {', '.join(names)}: {plain(way)}")
    st.caption(plain(" ".join(data.UNTRIED.values())))


def _foreseen(record: Record) -> bool:
    """Whether the engine was told its queries when it was built."""
    return bool(record.row.get("known_queries"))


def _row(record: Record, found: list[Record]) -> dict:
    row, reference = record.row, _reference(record, found)
    version, server = row.get("library_version"), (row.get("arguments") or {}).get("server")
    return {
        "engine": record.engine + (", here" if record.here else ""),
        "recall": row[RECALL],
        "p50 ms": row["p50_ms"],
        "what it does": FAMILIES.get(row["family"], row["family"])
        + (", for these queries" if _foreseen(record) else ""),
        "worst": row[f"{RECALL}_min"],
        "below .9": 100 * row["below_0.9"],
        "p95 ms": row["p95_ms"],
        "p99 ms": row["p99_ms"],
        "of exhaustive": row["p50_ms"] / reference if reference else None,
        "q/s, one core": row["qps"],
        "q/s, all cores": row["qps_all"],
        "build s": row["build_s"],
        "index MB": row["index_bytes"] / story.MB,
        "peak MB": row.get("peak_mb"),
        "serving MB": row.get("serving_mb"),
        "library": " ".join(filter(None, (row["library"], version, f"({server})" if server else ""))),
    }


def _number(form: str, width: int, text: str | None = None):
    return st.column_config.NumberColumn(format=form, width=width, help=text)


_COLUMNS = {
    "engine": st.column_config.TextColumn(width=130, pinned=True),
    "what it does": st.column_config.TextColumn(width=270),
    "recall": _number("%.4f", 72, "Recall@10: which share of the true ten it finds, the mean over queries."),
    "worst": _number("%.2f", 66, "The recall of the query that fares worst."),
    "below .9": _number("%.1f%%", 76, "For how many queries it finds fewer than nine of ten."),
    "p50 ms": _number("%.3f", 72, "Median milliseconds of a single query, on one thread."),
    "p95 ms": _number("%.3f", 72, "95 of 100 queries are faster."),
    "p99 ms": _number("%.3f", 72, "99 of 100 queries are faster."),
    "of exhaustive": _number("%.2f", 104, "Its median as a share of that of exhaustive, in the same place."),
    "q/s, one core": _number("%,.0f", 104, "Queries a second when all come in one call, on one thread."),
    "q/s, all cores": _number("%,.0f", 104, "The same on all cores."),
    "build s": _number("%.2f", 72, "Seconds to build the index and write it to disk."),
    "index MB": _number("%.1f", 80, "Size of the index on disk, in 10^6 bytes."),
    "peak MB": _number("%.0f", 76, "The most memory of the building process, in 10^6 bytes; the vectors are in it."),
    "serving MB": _number("%.0f", 90, "Memory of the process that answers, in 10^6 bytes."),
    "library": st.column_config.TextColumn(width=160, help="The package that does the work, and its version."),
}


def _nothing() -> None:
    """What there is to be measured."""
    st.info("**Nothing was measured yet on these vectors.** Measure below; a fast engine takes some seconds.")
    _heading("All engines", "What each does, and whether it can be measured here.")
    reasons = {name: data.cannot(name) or ("yes", "") for name in ENGINES}
    rows = [
        {
            "engine": name,
            "what it does": FAMILIES[engine_class(name).family],
            "runs here": reason,
            "library": f"{engine_class(name).library} {version_of(engine_class(name).library) or ''}".strip(),
        }
        for name, (reason, _) in reasons.items()
    ]
    st.dataframe(rows, hide_index=True, height=35 * (len(rows) + 1) + 3, column_config=_COLUMNS)
    _ways({name: way for name, (_, way) in reasons.items()})
