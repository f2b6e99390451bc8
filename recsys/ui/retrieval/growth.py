"""Growth: what a query, the index and its building cost when there are ever more vectors."""

from dataclasses import replace

import streamlit as st

from recsys.lessons.retrieval import records, story
from recsys.lessons.retrieval.story import Growth
from recsys.retrieval import ENGINES
from recsys.ui import state
from recsys.ui.link import to_command
from recsys.ui.retrieval import data, look, measuring
from recsys.ui.words import plain

_AXES = {
    "p50_ms": ("median ms a query", 1.0, "As they come, one thread. Hover for the recall, which may fall meanwhile."),
    "serving_mb": (
        "MB more than with the fewest vectors",
        1.0,
        "Of the process that answers. Most of a small one is Python and the library, so only what it takes beyond that "
        "with the fewest vectors counts, and so do only the vectors beyond them. An engine is missing here if "
        "that is less than 1 MB.",
    ),
    "peak_mb": (
        "MB more than with the fewest vectors",
        1.0,
        "The most that the process took while it built, counted in the same way; the vectors themselves are in it.",
    ),
    "index_bytes": ("MB on disk", 1e6, "What the index takes on disk; the vectors themselves are mostly in it."),
    "build_s": ("seconds", 1.0, "From vectors in memory to an index on disk, one thread; Qdrant takes two."),
}


def show() -> None:
    """The whole part."""
    own = records.synthetic(data.all_records())
    found = story.growths(own)
    command = measuring.kept(to_command(replace(state.view(), part="growth"), "retrieval"))
    if not found:
        st.info(
            "**Nothing was measured yet on three numbers of vectors or more.** This command does; it takes a while:",
            icon=":material/science:",
        )
        st.code(command, language="bash", wrap_lines=True)
        return
    about = own[0].data
    st.markdown("#### What a hundred times the vectors cost")
    st.markdown(
        "  \n".join(
            f"**{name}.** {plain(text)}" for cost, name in story.COSTS.items() if (text := story.growing(found, cost))
        )
    )
    sizes = sorted({r.n for r in own})
    st.caption(
        f"Synthetic vectors of {about['dims']} dimensions, {sizes[0]:,} to {sizes[-1]:,} of them, grown from real "
        f"ones. A straight line on these charts is a power of N: cost = c N^a. {plain(data.origin(own))}"
    )
    places = look.places({r.engine: r.row["family"] for r in own})
    for cost, name in story.COSTS.items():
        fitted = [g for g in found if g.cost == cost]
        if fitted:
            _chart(fitted, cost, name, places, legend=cost == "p50_ms")
    _table(found)
    absent = [name for name in ENGINES if name not in {g.engine for g in found}]
    if absent:
        st.caption(f"Not measured on three numbers of vectors or more: {', '.join(absent)}.")
        with st.expander("The command that measures them all", icon=":material/terminal:"):
            st.code(command, language="bash", wrap_lines=True)


def _chart(found: list[Growth], cost: str, name: str, places: dict[str, int], legend: bool) -> None:
    import plotly.graph_objects as go

    unit, scale, note = _AXES[cost]
    st.markdown(f"**{name}**  \n:gray[{note}]")
    figure = go.Figure()
    order = list(places)
    for growth in sorted(found, key=lambda g: order.index(g.engine)):
        rows, place = growth.records, places[growth.engine]
        colour = look.hue(rows[0].row["family"])
        figure.add_scatter(
            x=[r.n for r in rows],
            y=[value / scale for _, value in growth.points],
            name=growth.engine,
            mode="lines+markers",
            line={"color": colour, "width": 1.8, "dash": look.dash(place)},
            marker={"size": 7, "symbol": look.symbol(place), "color": colour},
            customdata=[(growth.exponent, growth.error, r.row[records.RECALL]) for r in rows],
            hovertemplate=f"<b>{growth.engine}</b>, %{{x:,}} vectors<br>%{{y:.3g}} {unit}<br>"
            "grows as N^%{customdata[0]:.2f} ± %{customdata[1]:.2f}<br>recall %{customdata[2]:.3f}<extra></extra>",
        )
    figure.update_xaxes(**look.log_axis([r.n for g in found for r in g.records]))
    figure.update_yaxes(automargin=True, **look.log_axis([value / scale for g in found for _, value in g.points]))
    figure.update_layout(
        height=430 if legend else 360,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title="number of vectors N (logarithmic)",
        yaxis_title=f"{unit} (logarithmic)",
        showlegend=legend,
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        uirevision=cost,
    )
    st.plotly_chart(figure, key=f"growth-{cost}", config={"displayModeBar": False})


def _table(found: list[Growth]) -> None:
    st.markdown("**The exponents**  \n:gray[a in cost = c N^a, with its standard error, fitted by least squares.]")
    engines = look.order({g.engine: g.records[0].row["family"] for g in found})
    told = {(g.engine, g.cost): f"{g.exponent:.2f} ± {g.error:.2f}" for g in found}
    sizes = {g.engine: len({r.n for r in g.records}) for g in found}
    rows = [
        {
            "engine": engine,
            **{name: told.get((engine, cost), "") for cost, name in story.COSTS.items()},
            "numbers of vectors": sizes[engine],
        }
        for engine in engines
    ]
    st.dataframe(rows, hide_index=True, height=35 * (len(rows) + 1) + 3)
