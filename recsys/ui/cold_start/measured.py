"""Measured: what each model is worth to real newcomers, rating by rating, and what it knows of new items."""

import streamlit as st

from recsys.evaluation import story
from recsys.funnel import Funnel
from recsys.ui import resources, state
from recsys.ui.models.records import doubt, records_of
from recsys.ui.palette import CATEGORICAL
from recsys.ui.words import plain
from recsys.version import Version

SHOWN = ("content", "popularity", "content-popularity", "als", "ease", "two-tower")
_GREY = "#9b968c"
_ORDERS = {"random": "at random", "chronological": "as they came"}


def measured(funnel: Funnel) -> None:
    """Real people and real items that the models had never seen, and how soon each model knew what to do with them."""
    version = funnel.version
    if version.catalog.interactions is None:
        st.info("Only real people can tell how soon a model knows somebody, and nobody rated these items.")
        if "movies" in resources.catalogs():
            st.button("Go to the movies", on_click=state.switch_catalog, args=("movies",), icon=":material/movie:")
        return
    records = records_of(version)
    if not {"cold-users", "cold-items"} & set(records):
        st.info(f"Nothing was measured yet on {plain(version.manifest['label'])}. These commands do:")
        commands = (_command(version, part) for part in ("users", "items"))
        st.code("\n".join(commands), language="bash", wrap_lines=True)
        return
    doubt([record for name, record in records.items() if name.startswith("cold")], version)
    if "cold-users" in records:
        _users(records["cold-users"], version)
    if "cold-items" in records:
        _items(records["cold-items"], version)


def _command(version: Version, part: str) -> str:
    return f"python -m recsys cold-start {part} --catalog {version.name} --json"


def _users(record: dict, version: Version) -> None:
    """nDCG@10 against the number of revealed ratings, a line a model."""
    order = state.view().order or "random"
    st.markdown("#### How soon is somebody known?")
    st.markdown("  \n".join(plain(text) for text in _said(record, order)))
    key = state.shown("order", order)
    st.segmented_control(
        "Their ratings are revealed",
        list(_ORDERS),
        key=key,
        required=True,
        format_func=_ORDERS.get,
        on_change=state.changed(key, lambda o: state.change(f"Ratings are revealed {_ORDERS[o]}.", order=o)),
        help="As they came: what somebody rated first is known first, as in a shop.",
    )
    _users_chart(record, order)
    seeds, people = len(record.get("seeds", ())), record.get("people") or []
    who = f"{people[0]:,} people" if people else "people"
    st.caption(
        f"Each time {who} are set aside whom no model has seen; m of their ratings are revealed, a third of them is to "
        f"be found. Lines are means over {seeds} draws, bands their 95% intervals. Click a name to show or hide a "
        f"model. The same on the command line: `{_command(version, 'users')}`"
    )


def _said(record: dict, order: str) -> list[str]:
    return [*story.crossings(record, order, [m["model"] for m in record["models"]]), *story.passing(record, order)]


def _users_chart(record: dict, order: str) -> None:
    import plotly.graph_objects as go

    st.markdown(
        "**What a list is worth to a newcomer**  \n:gray[Up is better. A model is worth its effort from where its line "
        "leaves the grey one, which shows everybody the same.]"
    )
    figure = go.Figure()
    hues = iter(CATEGORICAL)
    first = [name for name in SHOWN if any(m["model"] == name for m in record["models"])]
    for m in sorted(record["models"], key=lambda m: first.index(m["model"]) if m["model"] in first else len(first)):
        points = [p for p in m["curve"] if p["order"] == order]
        hue = _GREY if m["model"] == "popularity" else next(hues, _GREY)
        # Evenly spaced, since the first answers matter most.
        x = [str(p["m"]) for p in points]
        common = {
            "legendgroup": m["model"],
            "visible": True if m["model"] in SHOWN else "legendonly",
            "name": story.name_of(m["model"]),
        }
        figure.add_scatter(
            x=[*x, *x[::-1]],
            y=[*(p["high"] for p in points), *(p["low"] for p in reversed(points))],
            fill="toself",
            mode="lines",
            line={"width": 0},
            fillcolor=_faint(hue),
            hoverinfo="skip",
            **{**common, "showlegend": False},
        )
        figure.add_scatter(
            x=x,
            y=[p["ndcg@10"] for p in points],
            mode="lines+markers",
            line={"color": hue, "width": 2.5 if m["model"] == "popularity" else 2},
            hovertemplate="%{fullData.name}, %{x} known: %{y:.3f}<extra></extra>",
            **common,
        )
    figure.update_xaxes(type="category")
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(
        height=440,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title="ratings that are known of somebody (m)",
        yaxis_title="nDCG@10 (0 to 1)",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        uirevision="cold-users",
    )
    st.plotly_chart(figure, key=f"cold-users-{order}", config={"displayModeBar": False})


def _faint(hue: str) -> str:
    red, green, blue = (int(hue[j : j + 2], 16) for j in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.16)"


def _items(record: dict, version: Version) -> None:
    """What the models know of items that nobody has rated."""
    st.markdown("#### And a new item?")
    st.markdown(" ".join(plain(text) for text in story.new_items(record)))
    columns = st.columns(3, gap="medium")
    charts = (
        ("auc", "Telling new items apart", "AUC (0.5 = chance)", "New items alone; 0.5 is chance."),
        (
            "new_recall@10",
            "New items found",
            "recall@10 (0 to 1)",
            "Of new items wanted, on the list.",
        ),
        ("ndcg@10", "The list as a whole", "nDCG@10 (0 to 1)", "Old items compete here too."),
    )
    for column, (measure, title, axis, note) in zip(columns, charts, strict=True):
        with column:
            _items_chart(record, measure, title, axis, note)
    seeds = len(record.get("seeds", ()))
    st.caption(
        f"Each of {seeds} times a fifth of the items is set aside with all their ratings; bars are 95% intervals over "
        f"the {seeds}. The same on the command line: `{_command(version, 'items')}`"
    )


def _items_chart(record: dict, measure: str, title: str, axis: str, note: str) -> None:
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    st.markdown(f"**{title}**  \n:gray[{note}]")
    rows = sorted(record["models"], key=lambda m: m[measure]["mean"])
    figure = go.Figure()
    figure.add_scatter(
        x=[m[measure]["mean"] for m in rows],
        y=[story.name_of(m["model"]) for m in rows],
        mode="markers",
        marker={"color": CATEGORICAL[0], "size": 9},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [m[measure]["high"] - m[measure]["mean"] for m in rows],
            "arrayminus": [m[measure]["mean"] - m[measure]["low"] for m in rows],
            "thickness": 2,
            "width": 4,
        },
        customdata=[(m[measure]["low"], m[measure]["high"]) for m in rows],
        hovertemplate="%{y}: %{x:.3f}<br>95% interval %{customdata[0]:.3f} to %{customdata[1]:.3f}<extra></extra>",
        cliponaxis=False,
        showlegend=False,
    )
    if measure == "auc":
        figure.add_vline(x=0.5, line={"color": _GREY, "dash": "dot", "width": 1.5})
    else:
        figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(automargin=True, ticksuffix="  ")
    draw(figure, f"cold-items-{measure}", axis, "", height=26 * len(rows) + 70)
