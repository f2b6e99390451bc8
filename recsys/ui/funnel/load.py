"""Under load: a thousand requests, times of each stage, more and more clients, and a replay here and now."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace

import streamlit as st

from recsys.errors import TastespaceError
from recsys.funnel import PRODUCTION, STAGES, Funnel
from recsys.lessons.replay import CONDITIONED, stored
from recsys.settings import DEFAULT_K
from recsys.ui import beside, resources, state
from recsys.ui.apology import explained
from recsys.ui.funnel import loaded, names, vectors
from recsys.ui.funnel.replaying import Replaying, Told
from recsys.ui.link import to_command
from recsys.ui.models import records
from recsys.ui.palette import CATEGORICAL
from recsys.ui.pipeline import TOTAL, Pipeline
from recsys.ui.retrieval.look import log_axis
from recsys.ui.words import PUBLIC, plain

REQUESTS, CLIENTS = (200, 1000), (1, 4, 16)
SHADES = {
    "p50_ms": ("the median", "circle"),
    "p95_ms": ("95 of 100", "diamond"),
    "p99_ms": ("99 of 100", "triangle-up"),
}
IN, OVER, INK = CATEGORICAL[0], "#c4573a", "#8a857c"


@st.cache_resource(show_spinner=False)
def running() -> Replaying:
    """The one replay of this process."""
    return Replaying()


def show(funnel: Funnel) -> None:
    """The whole part."""
    version = funnel.version
    record = loaded.usable(stored(resources.SETTINGS, version.name))
    told = running().told()
    own = told.row if told.catalog == version.name and told.row is not None and loaded.whole(told.row) else None
    if record is None and own is None:
        st.info("**No replay is stored for this catalog.** Replay now, or by this command:", icon=":material/science:")
        st.code(to_command(replace(state.view(), part="load"), "funnel"), language="bash", wrap_lines=True)
    else:
        _measured(funnel, record, own)
    with explained("replaying"):
        _replay_now(funnel)
    with explained("vectors"):
        vectors.show(funnel)


def _measured(funnel: Funnel, record: dict | None, own: dict | None) -> None:
    pipeline = state.view().pipeline
    rows = record["clients"] if record is not None else []
    row = rows[0] if rows else own
    st.markdown(f"#### {plain(loaded.headline(row, pipeline))}")
    told = [loaded.stages(row, pipeline), loaded.clients(rows), loaded.troubles(rows or [own])]
    told += [] if record is None else [loaded.soak(record), loaded.busy(record)]
    st.markdown("\n".join(f"- {plain(text)}" for text in told if text))
    if record is not None:
        st.caption(plain(_origin(record)))
        records.doubt([record], funnel.version)
    _stages(row, own if rows else None, pipeline)
    if len(rows) > 1:
        left, right = st.columns(2, gap="large")
        with left:
            _throughput(rows, own)
        with right:
            _waiting(rows, own, pipeline.budget(TOTAL))
    with st.popover("The figures", icon=":material/table:"):
        st.dataframe(_lines([*rows, *([own] if own else [])]), hide_index=True)
    kept = loaded.cached(own)
    if kept or loaded.cached(record):
        _cache(kept or loaded.cached(record), own if kept else row)


def _origin(record: Mapping) -> str:
    data = record.get("data") or {}
    sizes = _sizes_in_words(record.get("sizes", ()))
    machine = record.get("machine") or {}
    cores = f" on {machine['cores']} cores ({machine.get('cpu')})" if machine.get("cores") else ""
    people = "simulated people" if data.get("simulated") else "real people"
    ranker = names.RANKERS.get(record.get("ranker"), "nothing")
    return (
        f"The same {record['clients'][0]['requests']:,} requests of {people} for each number of clients, "
        f"{CONDITIONED:.0%} of them with conditions, through a funnel of {sizes}, ranked by {ranker}. "
        f"Measured {str(record.get('measured_at', ''))[:10]}{cores}."
    )


def _sizes_in_words(sizes: Sequence[int]) -> str:
    return " / ".join(f"{size:,}" for size in sizes)


def _heading(title: str, note: str) -> None:
    st.markdown(f"**{title}**  \n:gray[{plain(note)}]")


def _stages(row: Mapping, own: Mapping | None, pipeline: Pipeline) -> None:
    """The percentiles of each stage against its budget."""
    import plotly.graph_objects as go

    hollow = " Hollow: the replay from here." if own else ""
    who = "one client" if row["clients"] == 1 else f"{row['clients']} clients at once"
    _heading(
        "Every stage against its budget",
        f"Left of the bar is within the budget; red is over it. With {who}; the scale goes by factors of ten.{hollow}",
    )
    order = [*(stage for stage in STAGES if stage in row["stages"]), TOTAL]
    words = [names.STAGES.get(stage, "Together") for stage in order]
    budgets = [pipeline.budget(stage) for stage in order]
    figure, seen = go.Figure(), list(budgets)
    for at, one in enumerate(filter(None, (row, own))):
        times = [one[TOTAL] if stage == TOTAL else one["stages"].get(stage) for stage in order]
        for place, time in enumerate(times):
            if time is None:
                continue
            figure.add_scatter(
                x=[max(time["p50_ms"], 0.001), max(time["p99_ms"], 0.001)],
                y=[words[place]] * 2,
                mode="lines",
                line={"color": INK, "width": 1.5 if at == 0 else 1, "dash": "solid" if at == 0 else "dot"},
                showlegend=False,
                hoverinfo="skip",
            )
        for percentile, (called, symbol) in SHADES.items():
            known = [(words[j], max(t[percentile], 0.001), budgets[j]) for j, t in enumerate(times) if t is not None]
            seen += [x for _, x, _ in known]
            figure.add_scatter(
                x=[x for _, x, _ in known],
                y=[y for y, _, _ in known],
                customdata=[b for _, _, b in known],
                mode="markers",
                showlegend=False,
                marker={
                    "size": 11,
                    "symbol": symbol + ("-open" if at else ""),
                    "color": [OVER if x > b else IN for _, x, b in known],
                    "line": {"width": 1.5} if at else {"width": 0},
                },
                hovertemplate=f"%{{y}}, {called}: %{{x:.3g}} ms of %{{customdata}}<extra></extra>",
            )
    for called, symbol in SHADES.values():  # the legend is of the shapes alone: colour says something else
        look = {"symbol": symbol, "size": 11, "color": INK}
        figure.add_scatter(x=[None], y=[None], mode="markers", name=called, marker=look)
    figure.add_scatter(
        x=budgets,
        y=words,
        mode="markers",
        name="the budget",
        marker={"symbol": "line-ns", "size": 22, "line": {"width": 3, "color": INK}},
        hovertemplate="%{y}: a budget of %{x} ms<extra></extra>",
    )
    figure.update_xaxes(**log_axis(seen))
    figure.update_yaxes(autorange="reversed", automargin=True, ticklabelstandoff=10)
    figure.update_layout(
        height=340,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title="milliseconds (logarithmic)",
        legend={"orientation": "h", "y": 1.12},
        uirevision="funnel-stages",
    )
    st.plotly_chart(figure, key="funnel-load-stages", config={"displayModeBar": False})


def _throughput(rows: Sequence[Mapping], own: Mapping | None) -> None:
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    _heading("Throughput", "Higher is better. A flat line says that the cores are busy: more clients only wait.")
    figure = go.Figure()
    _over_clients(figure, rows, "answers a second", lambda row: row["throughput"], IN, own)
    _by_clients(figure, [*rows, *([own] if own else [])])
    draw(figure, "funnel-throughput", "clients at once", "requests a second", 300)


def _waiting(rows: Sequence[Mapping], own: Mapping | None, budget: int) -> None:
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    _heading("Waiting", "Lower is better. Where the 99th percentile crosses the dotted line the budget is broken.")
    figure = go.Figure()
    for (percentile, (called, _)), colour in zip(SHADES.items(), (IN, CATEGORICAL[2], CATEGORICAL[1]), strict=True):
        _over_clients(figure, rows, called, lambda row, p=percentile: row[TOTAL][p], colour, own)
    figure.add_hline(y=budget, line={"color": INK, "dash": "dot", "width": 1.5})
    _by_clients(figure, [*rows, *([own] if own else [])])
    figure.update_yaxes(rangemode="tozero")
    draw(figure, "funnel-waiting", "clients at once", "milliseconds, all stages", 300)


def _over_clients(figure, rows: Sequence[Mapping], called: str, value, colour: str, own: Mapping | None) -> None:
    figure.add_scatter(
        x=[row["clients"] for row in rows],
        y=[value(row) for row in rows],
        name=called,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 7, "color": colour},
        hovertemplate=f"%{{x}} clients, {called}: %{{y:,.3g}}<extra></extra>",
    )
    if own is not None:
        figure.add_scatter(
            x=[own["clients"]],
            y=[value(own)],
            mode="markers",
            marker={"size": 11, "symbol": "circle-open", "color": colour, "line": {"width": 2}},
            showlegend=False,
            hovertemplate=f"here, %{{x}} clients, {called}: %{{y:,.3g}}<extra></extra>",
        )


def _by_clients(figure, rows: Sequence[Mapping]) -> None:
    numbers = sorted({row["clients"] for row in rows})
    figure.update_xaxes(type="log", tickvals=numbers, ticktext=[str(n) for n in numbers])
    figure.update_yaxes(rangemode="tozero")


def _lines(rows: Sequence[Mapping]) -> list[dict]:
    return [
        {
            "clients": row["clients"],
            "stage": names.STAGES.get(stage, "Together"),
            "p50 ms": one["p50_ms"],
            "p95 ms": one["p95_ms"],
            "p99 ms": one["p99_ms"],
            "requests a second": row["throughput"] if stage == TOTAL else None,
        }
        for row in rows
        for stage, one in {**row["stages"], TOTAL: row[TOTAL]}.items()
    ]


def _cache(rows: Sequence[Mapping], row: Mapping) -> None:
    """What keeping user vectors saves, held against a row of the same measurement."""
    _heading("What a cache saves", loaded.cache(rows, row))
    percent = st.column_config.NumberColumn(format="percent")
    st.dataframe(
        [
            {
                "the point is": names.VECTORS[one["pattern"]],
                "was there": one["kept"],
                "p50 ms of its stage": one["p50_ms"],
                "saved of the stage": one["saved"],
            }
            for one in rows
        ],
        hide_index=True,
        column_config={"was there": percent, "saved of the stage": percent},
    )


def _replay_now(funnel: Funnel) -> None:
    st.markdown("#### Replay now")
    busy = running().told().state == "running"
    st.fragment(_followed, run_every=0.5 if busy else None)(funnel, busy)


def _followed(funnel: Funnel, was_busy: bool) -> None:
    with explained("replay"):
        told = running().told()
        if was_busy and told.state != "running":
            st.rerun()  # the charts above have new marks
        if told.state == "running":
            _progress(told)
        else:
            _ended(told)
            _offer(funnel)


def _progress(told: Told) -> None:
    share = told.done / told.total if told.total else 0.0
    words = f"{told.done:,} of {told.total:,} requests, {told.clients} at once: {told.seconds:.0f} s"
    if beside.progress(share, words, "replay-stop"):
        running().stop()
        st.rerun()


def _ended(told: Told) -> None:
    """How the last replay of this process ended, whoever started it."""
    if told.state == "none":
        return
    if told.state == "failed":
        st.warning(plain(told.problem), icon=":material/error:")
        return
    row = told.row
    if row is None:
        st.info("Stopped before the first answer.", icon=":material/stop:")
        return
    said = "stopped" if told.state == "stopped" else "done"
    st.success(
        f"The last replay here was {said} after {told.seconds:.0f} s: {row['requests']:,} answers, "
        f"{row['throughput']:,.0f} a second, half of them in {loaded.ms(row[TOTAL]['p50_ms'])} and 99 of "
        f"100 in {loaded.ms(row[TOTAL]['p99_ms'])}.",
        icon=":material/check:",
    )


def _offer(funnel: Funnel) -> None:
    if resources.SETTINGS.public:
        st.info(PUBLIC, icon=":material/lock:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="replay-now"):
        n = st.segmented_control(
            "Requests", REQUESTS, default=REQUESTS[0], required=True, format_func="{:,}".format, key="replay-requests"
        )
        clients = st.segmented_control("Clients at once", CLIENTS, default=1, required=True, key="replay-clients")
        pressed = st.button("Replay now", icon=":material/play_arrow:", key="replay-start", type="primary")
    if pressed:
        try:
            running().start(funnel, int(n), int(clients))
        except TastespaceError as error:
            st.warning(plain(error), icon=":material/hourglass_top:")
            return
        st.rerun()
    people = "real people" if funnel.version.people else "simulated people and personas"
    production = (*astuple(PRODUCTION), DEFAULT_K)
    st.caption(
        f"Requests of {people}, always the same ones, in the production sizes {_sizes_in_words(production)}, through "
        "the very funnel that answers this page, and what keeping their points saves. It shares the cores with "
        "everybody who looks at the app."
    )
