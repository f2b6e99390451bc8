"""The record as charts and tables: who leads, for whom, what learning took, how alike the lists are."""

from dataclasses import replace
from textwrap import wrap

import pandas as pd
import streamlit as st

from recsys.evaluation import story
from recsys.ui import actions, state
from recsys.ui.models.records import records_of
from recsys.ui.palette import CATEGORICAL
from recsys.ui.words import MODELS, WORDS, plain
from recsys.version import Version

REACHES = dict(zip((story.SERVED, story.UNSERVED, story.SCORES), CATEGORICAL, strict=False))
GREY = "#8a857c"
BPR = (
    "ALS and BPR come from the library `implicit`. BPR cannot place somebody new: that is done by least squares on its "
    "fixed item vectors, our addition and no part of BPR. The people measured here were there when it learned."
)
_KINDS = {
    "history": "light, middle, heavy users, by ratings known",
    "age": "by age",
    "items": "of what was held back, by item",
}


def hue(place: int) -> str:
    """The colour of the model at a place among those of its chart."""
    return CATEGORICAL[place % len(CATEGORICAL)]


def board(record: dict) -> None:
    """The leaderboard: each model's nDCG@10 with its interval, and a table of what else was measured."""
    published = record["protocol"] == "ms-75-25"
    _heading(
        "Who makes the best lists",
        "Further right is better. The bars are 95% intervals over people; two that overlap may still differ, since "
        "everybody is asked about all models: the table has the paired differences. Point at a dot: what is this model?"
        + (" Grey: figures published by others on this very split." if published else ""),
    )
    _board_chart(record, published)
    with st.expander("The figures as a table", icon=":material/table:", expanded=True):
        _board_table(record)
    if any(m["model"] == "bpr" for m in record["models"]):
        st.caption(BPR)


def _heading(title: str, note: str) -> None:
    st.markdown(f"**{title}**  \n:gray[{plain(note)}]")


def _board_chart(record: dict, published: bool) -> None:
    import plotly.graph_objects as go

    figure, rows = go.Figure(), story.ranked(record)
    values = {story.name_of(m["model"]): m["ndcg@10"] for m in rows}
    for label, colour in REACHES.items():
        own = [m for m in rows if story.reach(m) == label]
        if own:
            figure.add_scatter(
                x=[m["ndcg@10"] for m in own],
                y=[story.name_of(m["model"]) for m in own],
                name=label,
                mode="markers",
                marker={"color": colour, "size": 10},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [m["high"] - m["ndcg@10"] for m in own],
                    "arrayminus": [m["ndcg@10"] - m["low"] for m in own],
                    "thickness": 2,
                    "width": 4,
                },
                customdata=[(m["low"], m["high"], "<br>".join(wrap(MODELS.get(m["model"], ""), 60))) for m in own],
                hovertemplate="%{y}: %{x:.4f}<br>95% interval %{customdata[0]:.4f} to %{customdata[1]:.4f}"
                "<br><i>%{customdata[2]}</i><extra></extra>",
            )
    if published:
        others = {f"<i>{name}</i>": ndcg for name, ndcg, *_ in story.PUBLISHED}
        values |= others
        figure.add_scatter(
            x=list(others.values()),
            y=list(others),
            name="published by others",
            mode="markers",
            marker={"color": GREY, "size": 9, "symbol": "diamond-open", "line": {"width": 2}},
            hovertemplate="%{y}, published: %{x:.4f}<extra></extra>",
        )
    order = sorted(values, key=values.get)
    figure.update_yaxes(categoryorder="array", categoryarray=order, automargin=True, ticksuffix="  ")
    figure.update_xaxes(rangemode="tozero", tickformat=".2f", automargin=True)
    figure.update_layout(
        height=26 * len(order) + 100,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title="nDCG@10, mean over people (0 to 1)",
        legend={"orientation": "h", "y": 1, "yanchor": "bottom"},
    )
    st.plotly_chart(figure, key=f"board-{record['protocol']}", config={"displayModeBar": False})


def _board_table(record: dict) -> None:
    table = pd.DataFrame(story.board(record))
    grey = table["model"].str.endswith(", published")
    styled = table.style.apply(lambda row: [f"color: {GREY}" if grey[row.name] else ""] * len(row), axis=1)

    def number(form: str, width: int, text: str | None = None):
        return st.column_config.NumberColumn(format=form, width=width, help=text)

    st.dataframe(
        styled,
        hide_index=True,
        height=35 * (len(table) + 1) + 3,
        placeholder="",
        column_config={
            "model": st.column_config.TextColumn(width=150, pinned=True, help=_what_they_are(record)),
            "space": st.column_config.TextColumn(
                width=222,
                help="The learned or built space that its items lie in. Only what has one can retrieve; a build makes "
                "those of ALS and of the two towers, and content's own.",
            ),
            "nDCG@10": number("%.4f", 76, WORDS["ndcg"]),
            "P@10": number("%.4f", 68, "Precision: the share of the ten places that hold what is to be found."),
            "R@10": number("%.4f", 68, "Recall: the share of what is to be found that is among the ten."),
            "against EASE": st.column_config.TextColumn(
                width=182,
                help="Mean difference of nDCG@10 over the same people, and its 95% interval. Where that holds 0, the "
                "two cannot be told apart.",
            ),
            "train s": number("%.1f", 60, "Seconds of learning."),
            "train MB": number("%.0f", 70, "Peak memory of learning, above what was in use before."),
            "query ms": number("%.2f", 72, "From one person's history to all scores, the median."),
        },
    )


def _what_they_are(record: dict) -> str:
    """A sentence on each model, as Markdown."""
    names = [m["model"] for m in story.ranked(record) if m["model"] in MODELS]
    return "  \n".join(f"**{story.name_of(name)}**: {MODELS[name]}" for name in names)


def segments(record: dict, version: Version) -> None:
    """For whom each model works: by history, by age, and by how known the items are; and for people who are new."""
    rows = story.ranked(record)
    kinds = {kind: [s["segment"] for s in rows[0]["segments"] if s["kind"] == kind] for kind in _KINDS}
    kinds = {kind: names for kind, names in kinds.items() if names}
    if not kinds:
        return
    _heading(
        "For whom",
        "A dot a model, with its 95% interval; light, middle and heavy users are a third of the people each. Click a "
        "name to show or hide a model.",
    )
    _segments_chart(rows, kinds, story.defaults(record), record["protocol"])
    newcomers = records_of(version).get("cold-users")
    if newcomers is not None:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                f"{plain(story.newcomers(newcomers))} :gray[Other people and another part held back, so no dots beside "
                "these.]",
                width="stretch",
            )
            if st.button("See new users", key="models-new-users", icon=":material/person_add:"):
                view = replace(state.view(), part="measured")
                actions.goto("cold_start", view, "How soon somebody new is known.")


def _segments_chart(rows: list[dict], kinds: dict[str, list[str]], shown: list[str], protocol: str) -> None:
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=len(kinds),
        cols=1,
        row_heights=[len(names) + 0.6 for names in kinds.values()],
        vertical_spacing=0.13,
        subplot_titles=[_KINDS[kind] for kind in kinds],
    )
    place_of = {m["model"]: place for place, m in enumerate(rows)}
    hues = _hues([m["model"] for m in rows], shown)
    for m in _spread(rows, shown):
        place = place_of[m["model"]]
        for panel, kind in enumerate(kinds, 1):
            own = [s for s in m["segments"] if s["kind"] == kind]
            figure.add_scatter(
                x=[s["value"] for s in own],
                y=[s["segment"] for s in own],
                orientation="h",
                offsetgroup=m["model"],
                name=story.name_of(m["model"]),
                legendgroup=m["model"],
                legendrank=place + 1,
                showlegend=panel == 1,
                visible=True if m["model"] in shown else "legendonly",
                mode="markers",
                marker={"color": hues[m["model"]], "size": 8},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [s["high"] - s["value"] for s in own],
                    "arrayminus": [s["value"] - s["low"] for s in own],
                    "thickness": 1.5,
                    "width": 0,
                },
                customdata=[(s["low"], s["high"], s["n"]) for s in own],
                hovertemplate=f"{story.name_of(m['model'])}, %{{y}}: %{{x:.3f}}<br>95% interval %{{customdata[0]:.3f}} "
                "to %{customdata[1]:.3f}<br>%{customdata[2]:,} people<extra></extra>",
                row=panel,
                col=1,
            )
    for panel, (kind, names) in enumerate(kinds.items(), 1):
        what = "recall@10 (share found)" if kind == "items" else "nDCG@10 (0 to 1)"
        figure.update_yaxes(categoryorder="array", categoryarray=names[::-1], row=panel, col=1)
        figure.update_xaxes(title={"text": what, "standoff": 8}, rangemode="tozero", row=panel, col=1)
    figure.update_yaxes(automargin=True, ticksuffix="  ", range=None)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    figure.update_layout(
        scattermode="group",
        scattergap=0.35,
        height=46 * sum(map(len, kinds.values())) + 80 * len(kinds) + 100,
        margin={"l": 0, "r": 0, "t": 8, "b": 48},
        legend={"orientation": "h", "y": 1.05, "yanchor": "bottom", "groupclick": "togglegroup"},
        uirevision=f"segments-{protocol}",
    )
    st.plotly_chart(figure, key=f"segments-{protocol}", config={"displayModeBar": False})


def _hues(names: list[str], shown: list[str]) -> dict[str, str]:
    """A colour a model: those that are shown at first get the ones that differ most, popularity the grey."""
    coloured = sorted((name for name in names if name != "popularity"), key=lambda name: name not in shown)
    return {"popularity": GREY, **{name: hue(place) for place, name in enumerate(coloured)}}


def _spread(rows: list[dict], shown: list[str]) -> list[dict]:
    """The models in the order of their lanes: between two that are shown lie some that are hidden at first.

    Plotly keeps a lane for each model, hidden or not; so the dots that are shown stand well apart.
    """
    front = [m for m in rows if m["model"] in shown]
    hidden = [m for m in rows if m["model"] not in shown]
    share = len(hidden) / max(len(front) - 1, 1)
    lanes = []
    for j, m in enumerate(front):
        lanes += [m, *hidden[round(j * share) : round((j + 1) * share)]]
    return lanes


def overlap(record: dict) -> None:
    """How much of their lists two models share."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    if len(record.get("overlap", {}).get("models", ())) < 2:
        return
    _heading(
        "How alike the lists are",
        f"Of ten items on one list, how many are also on the other, averaged over people. {story.alike(record)}",
    )
    names, matrix = record["overlap"]["models"], record["overlap"]["matrix"]
    place = {name: j for j, name in enumerate(names)}
    order = [m["model"] for m in story.ranked(record) if m["model"] in place]
    tens = [[10 * matrix[place[a]][place[b]] for b in order] for a in order]
    labels = [story.name_of(name) for name in order]
    figure = go.Figure(
        go.Heatmap(
            z=tens,
            x=labels,
            y=labels,
            zmin=0,
            zmax=10,
            # One dark text is to be read on every cell, by day and by night.
            colorscale=[[0, "#f3f0e9"], [1, "#35a793"]],
            textfont={"color": "#1c1a16"},
            showscale=False,
            text=[[f"{value:.1f}" for value in row] for row in tens],
            texttemplate="%{text}",
            hovertemplate="%{y} and %{x} share %{z:.1f} of 10<extra></extra>",
            xgap=1,
            ygap=1,
        )
    )
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_xaxes(tickangle=-40, automargin=True)
    draw(figure, f"overlap-{record['protocol']}", "", "", height=34 * len(order) + 130)


def learning(record: dict) -> None:
    """What learning took, and how it went where a model tells."""
    rows = [m for m in story.ranked(record) if m.get("train_s") is not None]
    curves = {m["model"]: points for m in rows if (points := _points(m.get("curve")))}
    columns = st.columns(2, gap="large") if curves else [st.container()]
    with columns[0]:
        _cost_chart(rows, record["protocol"])
    if curves:
        with columns[1]:
            _curves_chart(curves, record["protocol"])


def _points(curve: object) -> list[tuple[float, float]]:
    """A training curve as (step, loss)."""
    points = [p for p in curve if isinstance(p, dict) and "loss" in p] if isinstance(curve, list) else []
    return [(p.get("step", p.get("epoch", place)), p["loss"]) for place, p in enumerate(points, 1)]


def _cost_chart(rows: list[dict], protocol: str) -> None:
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    _heading(
        "What learning takes",
        "Time against quality: what takes longer has to stand higher to be worth it. Hover for the memory.",
    )
    figure = go.Figure()
    for label, colour in REACHES.items():
        own = [m for m in rows if story.reach(m) == label]
        figure.add_scatter(
            # What takes no time at all stands at the left edge: a logarithm has no zero.
            x=[max(m["train_s"], 0.01) for m in own],
            y=[m["ndcg@10"] for m in own],
            name=label,
            mode="markers",
            marker={"color": colour, "size": 11},
            customdata=[
                (
                    story.name_of(m["model"]),
                    story.seconds(m["train_s"]),
                    "unknown" if m.get("train_mb") is None else f"{m['train_mb']:,.0f} MB",
                )
                for m in own
            ],
            hovertemplate="%{customdata[0]}: nDCG@10 %{y:.3f}<br>%{customdata[1]} of learning<br>peak memory "
            "%{customdata[2]}<extra></extra>",
        )
    figure.update_xaxes(type="log", tickvals=[0.01, 0.1, 1, 10, 100], ticktext=["0.01", "0.1", "1", "10", "100"])
    figure.update_yaxes(rangemode="tozero")
    for m in _labelled(rows):
        figure.add_annotation(
            x=_log10(max(m["train_s"], 0.01)),
            y=m["ndcg@10"],
            text=story.name_of(m["model"]),
            showarrow=False,
            yshift=13,
            font={"size": 12},
        )
    x, y = "seconds of learning (logarithmic)", "nDCG@10 (0 to 1)"
    draw(figure, f"cost-{protocol}", x, y, height=360)


def _log10(value: float) -> float:
    from math import log10

    return log10(value)


def _labelled(rows: list[dict]) -> list[dict]:
    """The models whose names can stand beside their dots without lying over another's, the best first."""
    kept: list[dict] = []
    for m in rows:
        at = (_log10(max(m["train_s"], 0.01)), m["ndcg@10"])
        others = [(_log10(max(k["train_s"], 0.01)), k["ndcg@10"]) for k in kept]
        if all(abs(at[0] - x) > 0.5 or abs(at[1] - y) > 0.035 for x, y in others):
            kept.append(m)
    return kept


def _curves_chart(curves: dict[str, list[tuple[float, float]]], protocol: str) -> None:
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    _heading(
        "How learning went",
        "The loss is what learning makes smaller; where the line is flat, more steps bring little. The losses of two "
        "models cannot be compared.",
    )
    figure = go.Figure()
    for place, (name, points) in enumerate(curves.items()):
        figure.add_scatter(
            x=[x for x, _ in points],
            y=[y for _, y in points],
            name=story.name_of(name),
            showlegend=True,
            mode="lines",
            line={"color": hue(place)},
            hovertemplate="step %{x:,}: loss %{y:.4f}<extra></extra>",
        )
    draw(figure, f"curves-{protocol}", "steps of learning", "loss (no unit)", height=360)
