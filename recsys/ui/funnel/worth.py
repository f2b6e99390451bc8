"""What each stage is worth on held-out ratings, and what the ranker goes by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import streamlit as st

from recsys.funnel import PLAIN_RANKING, Funnel, Recommendation
from recsys.lessons.stages import LEAD
from recsys.ranking.features import FEATURES
from recsys.ui import resources, state
from recsys.ui.apology import explained
from recsys.ui.funnel import asked, names, told
from recsys.ui.funnel.request import stops_of
from recsys.ui.link import to_command
from recsys.ui.models import records
from recsys.ui.palette import CATEGORICAL, OTHER
from recsys.ui.pipeline import SIZED
from recsys.ui.words import plain
from recsys.version import Version

HUES = {
    **dict(zip(("two_tower", "mf", "blend", "text", "image"), CATEGORICAL, strict=False)),
    PLAIN_RANKING: OTHER,
    **dict(zip(("gbdt", "dnn"), CATEGORICAL[:2], strict=True)),
    **dict(zip(("mmr", "dpp"), (CATEGORICAL[0], CATEGORICAL[2]), strict=True)),
}
FUSED = CATEGORICAL[4]
INK = "#8a857c"
"""For marks in charts: read on the light and on the dark background."""
APART = 1.035
"""By this factor lines over sizes stand beside each other."""
SHOWN = 12
"""Features that a chart of them shows."""
COMPARED = 200
"""An item is held against so many candidates: more would only take longer."""
LABELS = {
    "content": "content like theirs",
    "als": "factors' score",
    "two_tower": "two towers' score",
    "together": "rated together",
    "strongest": "strongest single tie",
    "nearest_rated": "nearest rated item",
    "nearest_like": "nearest like",
    "mean_like": "likeness to likes",
    "nearest_dislike": "nearest dislike",
    "categories": "their categories",
    "categories_liked": "liked categories",
    "year_match": "their years",
    "popularity_gap": "popularity, to theirs",
    "in_period": "rated in those weeks",
    "known_days": "known for how long",
    "gone_days": "not gone yet",
    "history": "size of history",
}
"""Features as labels, where their names alone say too little."""
UP, DOWN = CATEGORICAL[0], CATEGORICAL[6]


def show(funnel: Funnel) -> None:
    """The whole part."""
    version = funnel.version
    record = told.record_of(version)
    if record is None:
        _nothing(version)
    else:
        _measured(funnel, record)
    with explained("features"):
        _ranker(funnel)


def _nothing(version: Version) -> None:
    """Where nothing was measured: why, and what to do."""
    if version.ratings is None:
        st.info(
            f"**Nobody real rated the {names.items(version)}, so no quality is claimed here.** Simulated people show "
            "how a funnel works and nothing about taste; what stages are worth is measured on the movies.",
            icon=":material/science:",
        )
        if "movies" in resources.catalogs():
            st.button(
                "See it on the movies", icon=":material/arrow_forward:", on_click=state.switch_catalog, args=("movies",)
            )
        return
    st.info(
        "**Nothing was measured yet on these ratings.** This command does, in some minutes:", icon=":material/science:"
    )
    st.code(to_command(replace(state.view(), part="worth"), "funnel"), language="bash", wrap_lines=True)


def _measured(funnel: Funnel, record: dict) -> None:
    version, pipeline = funnel.version, state.view().pipeline
    space = space_of(funnel, record)
    ranker = pipeline.ranker or PLAIN_RANKING
    ranker = PLAIN_RANKING if "rank" in pipeline.off else ranker
    whole = len(version.item_ids)
    sizes = [whole if stage in pipeline.off else n for stage, n in zip(SIZED, pipeline.sizes, strict=True)]
    lead, *rest = told.cost(record, space, sizes, ranker)
    st.markdown(f"#### {plain(lead)}")
    learned = _learned(record, space)
    rest += [told.gain_words(gain) for gain in record["gain"] if gain["space"] == learned]
    if "diversify" not in pipeline.off:
        rest += told.variety(record, pipeline.diversity, sizes[2], state.view().lam)
    st.markdown("\n".join(f"- {plain(text)}" for text in rest))
    st.caption(plain(origin(record)))
    records.doubt([record], version)
    _sizes(version)
    left, right = st.columns(2, gap="large")
    with left:
        _recall(record, space, sizes[0])
    with right:
        _ndcg(record, learned, ranker, sizes[1])
    left, right = st.columns(2, gap="large")
    with left:
        _variety(record, pipeline.diversity, sizes[2], state.view().lam)
    with right:
        _table(version, record)


def _sizes(version: Version) -> None:
    """A slider for each stage's size: the rings in the charts follow."""
    pipeline, whole = state.view().pipeline, len(version.item_ids)
    for column, stage in zip(st.columns(len(SIZED), gap="large"), SIZED, strict=True):
        size = pipeline.sizes[SIZED.index(stage)]
        # Whatever lets all out is one stop: a slider tells its stops apart by their words.
        offered = [n for n in stops_of(stage, size, whole) if n < whole or n == max(size, whole)]
        if len(offered) < 2:
            continue
        key = state.shown(f"worth-{stage}", size)

        def apply(size: int, stage: str = stage) -> None:
            changed = state.view().pipeline.sized(stage, size)
            state.change(f"{names.STAGES[stage]} now lets out {size:,}.", pipeline=changed)

        with column:
            st.select_slider(
                f"{names.STAGES[stage]} lets out",
                offered,
                key=key,
                format_func=lambda size: "all" if size >= whole else f"{size:,}",
                on_change=state.changed(key, apply),
                disabled=stage in pipeline.off,
            )


def space_of(funnel: Funnel, record: Mapping) -> str:
    """The measured space that is nearest to what the page searches: with what is fused, else without."""
    view = state.view()
    first = view.space or funnel.best_space(view.profile)
    measured = {row["space"] for row in record["retrieve"]}
    together = " + ".join(dict.fromkeys((first, *view.pipeline.also)))
    same = next((m for m in measured if set(m.split(" + ")) == set(together.split(" + "))), None)
    known = (same, first, record.get("lead", LEAD))
    return next((name for name in known if name in measured), record["retrieve"][0]["space"])


def _learned(record: Mapping, space: str) -> str:
    """The space whose order rankers were measured on: this one, or the one that leads."""
    measured = {row["space"] for row in record["rank"]}
    return space if space in measured else record.get("lead", LEAD)


def origin(record: Mapping) -> str:
    """Whose ratings, and how they were held out."""
    data = record["data"]
    people = f"{record['people']:,} {'simulated ' if data.get('simulated') else ''}people" if "people" in record else ""
    held = f"{record['test']:,} of {data['ratings']:,} ratings" if "test" in record and "ratings" in data else "a part"
    when = str(record.get("measured_at", ""))[:10]
    return (
        f"Measured on {people or 'the ratings'}, whose lists must find {held} that no model, ranker or index had seen. "
        f"95% intervals over people. {when}"
    ).strip()


def _heading(title: str, note: str) -> None:
    st.markdown(f"**{plain(title)}**  \n:gray[{plain(note)}]")


def _recall(record: Mapping, space: str, size: int) -> None:
    """The share of what is to be found that is among the first so many."""
    import plotly.graph_objects as go

    _heading(
        "Retrieval: what it catches",
        "Higher is better: what is not retrieved is lost for good. The ring is the funnel as it is set now.",
    )
    figure = go.Figure()
    for name, rows in _by(record["retrieve"], lambda row: row["space"]).items():
        colour = FUSED if " + " in name else HUES.get(name, OTHER)
        _line(figure, rows, "recall", names.space(name), colour, ".1%")
        if name == space:
            _ring(figure, rows, size, "recall", colour)
    _sized(figure, record["retrieve"], "funnel-recall", "let out by retrieval (items)", "recall (share found)", ".0%")


def _ndcg(record: Mapping, space: str, ranker: str, size: int) -> None:
    """The quality of the first ten in the order of each ranker, by how many it is given."""
    import plotly.graph_objects as go

    _heading(
        f"Ranking: the first ten of {names.space(space)}",
        "Higher is better; a flat line says that more candidates buy nothing. Intervals are over people, who differ "
        "more than rankers do: whether one helps is in the paired gains below.",
    )
    figure = go.Figure()
    own = [row for row in record["rank"] if row["space"] == space]
    for place, (name, rows) in enumerate(_by(own, lambda row: row["ranker"]).items()):
        _line(figure, rows, "ndcg@10", names.RANKERS.get(name, name), HUES.get(name, OTHER), ".3f", APART**place)
        if name == ranker:
            _ring(figure, rows, size, "ndcg@10", HUES.get(name, OTHER))
    _sized(figure, own, "funnel-ndcg", "let out by the filters (items)", "nDCG@10 (0 to 1)", ".2f")


def _variety(record: Mapping, method: str, size: int, lam: float) -> None:
    """What variety costs: a line a method over lambda, and pale ones for other sizes."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    lines = _by(record["diversify"], lambda row: (row["method"], row.get("size", 0)))
    sizes = sorted({of for _, of in lines})
    if not sizes:
        return
    now = max((of for of in sizes if of <= size), default=sizes[0])
    _heading(
        "Diversity: what it costs",
        f"Up: better found. Right: more varied. Each line runs from λ = 1 (left) to 0; dark with {now} to choose from, "
        f"pale with {', '.join(str(of) for of in sizes if of != now)}.",
    )
    figure = go.Figure()
    for (name, of), rows in sorted(lines.items(), key=lambda line: line[0][1] == now):
        rows = sorted(rows, key=lambda row: -row["lam"])
        colour, dark = HUES.get(name, OTHER), of == now
        figure.add_scatter(
            x=[row["ild"] for row in rows],
            y=[row["ndcg@10"] for row in rows],
            customdata=[row["lam"] for row in rows],
            name=names.METHODS.get(name, name),
            showlegend=dark,
            mode="lines+markers",
            opacity=1 if dark else 0.45,
            line={"color": colour, "width": 2 if dark else 1.5},
            marker={"size": 6 if dark else 3, "color": colour},
            hovertemplate=f"{names.METHODS.get(name, name)} over {of}, λ %{{customdata:.2f}}<br>distance %{{x:.3f}}"
            "<br>nDCG@10 %{y:.3f}<extra></extra>",
        )
        if dark and name == method:
            near = min(rows, key=lambda row: abs(row["lam"] - lam))
            _mark(figure, near["ild"], near["ndcg@10"], colour)
    draw(figure, "funnel-variety", "intra-list distance (mean 1 − cosine)", "nDCG@10 (0 to 1)", 320, ".2f")


def _table(version: Version, record: Mapping) -> None:
    _heading("The gains", "Paired over people; an interval that holds 0 is no gain.")
    st.dataframe(
        [
            {
                "retrieved by": names.space(gain["space"]),
                "ranked by": names.RANKERS.get(gain["ranker"], gain["ranker"]),
                "nDCG@10": gain["mean"],
                "from": gain["low"],
                "to": gain["high"],
                "helps": "yes" if gain["low"] > 0 else "harms" if gain["high"] < 0 else "no",
            }
            for gain in record["gain"]
        ],
        hide_index=True,
        column_config={name: st.column_config.NumberColumn(format="%+.4f") for name in ("nDCG@10", "from", "to")},
    )
    for text in told.against_the_best(version):
        st.caption(plain(text))


def _by(rows: Sequence[Mapping], key: Callable) -> dict:
    """Rows by a key, in the order in which keys appear."""
    found: dict = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _line(
    figure, rows: Sequence[Mapping], figure_of: str, name: str, colour: str, form: str, shift: float = 1.0
) -> None:
    """A line over sizes, with its 95% intervals; shifted a little where they would stand on another line's."""
    rows = sorted(rows, key=lambda row: row["size"])
    figure.add_scatter(
        x=[row["size"] * shift for row in rows],
        customdata=[row["size"] for row in rows],
        y=[row[figure_of] for row in rows],
        error_y={
            "array": [row["high"] - row[figure_of] for row in rows],
            "arrayminus": [row[figure_of] - row["low"] for row in rows],
            "thickness": 1.2,
            "width": 3,
        },
        name=name,
        mode="lines+markers",
        line={"color": colour, "width": 2},
        marker={"size": 6, "color": colour},
        hovertemplate=f"{name}, %{{customdata:,}}: %{{y:{form}}}<extra></extra>",
    )


def _ring(figure, rows: Sequence[Mapping], size: int, figure_of: str, colour: str) -> None:
    """Marks where the funnel is set, at the nearest size that was measured."""
    near = min(rows, key=lambda row: abs(np.log(row["size"] / max(size, 1))))
    _mark(figure, near["size"], near[figure_of], colour)


def _mark(figure, x: float, y: float, colour: str) -> None:
    figure.add_scatter(
        x=[x],
        y=[y],
        mode="markers",
        marker={"size": 18, "symbol": "circle-open", "color": colour, "line": {"width": 3}},
        showlegend=False,
        hoverinfo="skip",
    )


def _sized(figure, rows: Sequence[Mapping], key: str, x: str, y: str, form: str) -> None:
    from recsys.ui.charts import draw

    sizes = sorted({row["size"] for row in rows})
    figure.update_xaxes(type="log", tickvals=sizes, ticktext=[f"{size:,}" for size in sizes])
    draw(figure, key, x, y, 320, form)


def _ranker(funnel: Funnel) -> None:
    """What the ranker goes by, for everybody and for one item."""
    version, pipeline = funnel.version, state.view().pipeline
    if not version.rankers:
        return
    name = pipeline.ranker if pipeline.ranker in version.rankers else next(iter(version.rankers))
    answer = asked.answered(funnel.unobserved())  # its features are shown, no list
    left, right = st.columns(2, gap="large")
    with left:
        _importance(version, name)
    with right:
        _one_item(funnel, answer, name)
    with st.popover("What the features say", icon=":material/menu_book:"):
        shares = version.rankers[name].get("importance", {})
        st.dataframe(
            [{"feature": f, "share": shares.get(f), "what it says": says} for f, says in FEATURES.items()],
            hide_index=True,
            column_config={"share": st.column_config.NumberColumn(format="percent")},
        )


def feature_words(name: str) -> str:
    """A feature as a label."""
    return LABELS.get(name, name.replace("_", " "))


def _importance(version: Version, name: str) -> None:
    import plotly.graph_objects as go

    about = version.rankers[name]
    simulated = " They are simulated, so this says nothing about real taste." if about["simulated"] else ""
    _heading(
        f"What {names.RANKERS_SHORT.get(name, name)} goes by",
        f"Each feature's share of all that it decides, learned from {about['from']}.{simulated}",
    )
    shares = sorted(about.get("importance", {}).items(), key=lambda one: -one[1])[:SHOWN]
    if not shares:
        st.caption("This ranker does not tell.")
        return
    figure = go.Figure(
        go.Bar(
            x=[share for _, share in shares],
            y=[feature_words(f) for f, _ in shares],
            customdata=[FEATURES.get(f, "") for f, _ in shares],
            orientation="h",
            marker={"color": HUES.get(name, OTHER)},
            hovertemplate="<b>%{y}</b>: %{x:.1%}<br>%{customdata}<extra></extra>",
        )
    )
    _bars(figure, f"funnel-importance-{name}", "share of the decisions", ".0%")


def _one_item(funnel: Funnel, answer: Recommendation, name: str) -> None:
    """What each feature adds to one shown item's score, against the average candidate."""
    import plotly.graph_objects as go

    version, view = funnel.version, state.view()
    ids = [str(i) for i in version.item_ids[answer.candidates[answer.picks]]]
    if not ids:
        return
    item = view.pipeline.asked if view.pipeline.asked in ids else ids[0]
    titles = version.catalog.items["title"]
    (row,) = version.rows([item])
    rows = np.concatenate([answer.candidates, *_drops(answer, "rank")])[:COMPARED]
    rows = np.append(rows[rows != row], row)
    own = len(rows) - 1
    features = funnel.features(answer.request.profile, rows)
    adds = funnel.ranking.contributions(name, features)
    adds = adds[own] - adds.mean(axis=0)
    _heading(
        f"What it adds to {titles[item]}",
        f"{adds.sum():+.2f} in all against the average of the {len(rows):,} candidates. Green moves it up, brown down.",
    )
    key = state.shown("contributions-item", item)
    st.selectbox(
        "One shown item",
        ids,
        key=key,
        format_func=lambda i: f"{ids.index(i) + 1}. {titles[i]}",
        on_change=state.changed(key, lambda i: state.look(pipeline=replace(state.view().pipeline, asked=i))),
        label_visibility="collapsed",
    )
    order = np.argsort(-np.abs(adds[:-1]), kind="stable")[:SHOWN]
    told_of = list(FEATURES)
    figure = go.Figure(
        go.Bar(
            x=adds[order],
            y=[feature_words(told_of[j]) for j in order],
            customdata=[
                (FEATURES[told_of[j]], "unknown" if np.isnan(v := features[own, j]) else f"{v:.3g}") for j in order
            ],
            orientation="h",
            marker={"color": [UP if adds[j] >= 0 else DOWN for j in order]},
            hovertemplate="<b>%{y}</b> is %{customdata[1]}: %{x:+.3f}<br>%{customdata[0]}<extra></extra>",
        )
    )
    _bars(figure, f"funnel-adds-{name}", "added to the ranker's score", "+.2f")


def _drops(answer: Recommendation, name: str) -> list[np.ndarray]:
    return [rows for stage in answer.trace.stages if stage.stage == name for rows in stage.drops.values()]


def _bars(figure, key: str, x: str, form: str) -> None:
    figure.update_yaxes(autorange="reversed", automargin=True)
    figure.update_layout(
        height=360,
        margin={"l": 0, "r": 0, "t": 8, "b": 0},
        xaxis_title=x,
        xaxis_tickformat=form,
        bargap=0.25,
        hoverlabel={"align": "left"},
    )
    st.plotly_chart(figure, key=key, config={"displayModeBar": False})
