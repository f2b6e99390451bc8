"""Conditions: the nearest among those that may be shown, when that is ever fewer of them."""

from dataclasses import replace

import streamlit as st

from recsys.funnel import Funnel
from recsys.lessons.retrieval import story
from recsys.lessons.retrieval.records import RECALL, Conditions
from recsys.ui import resources, state
from recsys.ui.funnel.loaded import busy
from recsys.ui.link import to_command
from recsys.ui.palette import CATEGORICAL
from recsys.ui.retrieval import data, look, measuring
from recsys.ui.words import plain
from recsys.version import Version

_KINDS = {"random": "scattered", "clustered": "close together"}
_DASHES = ("solid", "dash", "dot")


def show(funnel: Funnel) -> None:
    """The whole part."""
    found = data.all_conditions()
    if not found:
        st.info("**Search under conditions was not measured yet.** This command does:", icon=":material/science:")
        _command()
        return
    version = funnel.version
    one = _chosen(found, version)
    if not any(_is_of(other, version) for other in found.values()):
        st.info(
            f"**Not measured for {plain(version.manifest['label'])} yet**, so another catalog is shown. This command "
            "measures it:",
            icon=":material/science:",
        )
        _command()
    st.markdown("#### Filter first, inside, or after?")
    st.markdown("  \n".join(plain(text) for text in story.under_conditions(one)))
    st.caption(
        "Scattered: the condition has nothing to do with the space, such as what is in stock. Close together: it holds "
        f"for items near each other, such as a category. {plain(_origin(one))}"
    )
    _charts(one)
    _beside(found, one)
    with st.expander("The figures as a table", icon=":material/table:"):
        st.dataframe(
            [
                {
                    "condition": _KINDS.get(line["mask"], line["mask"]),
                    "share kept": line["share"],
                    "way": line["way"],
                    "recall": line[RECALL],
                    "worst": line[f"{RECALL}_min"],
                    "found of ten": line["found"],
                    "p50 ms": line["p50_ms"],
                    "p95 ms": line["p95_ms"],
                }
                for line in one.lines
            ],
            hide_index=True,
        )


def _chosen(found: dict[str, Conditions], version: Version) -> Conditions:
    """The vectors that the link names, else the catalog's own, else the most: there conditions cost something."""
    texts = {label: _what(found[label]) for label in sorted(found, key=lambda label: found[label].n)}
    own = [label for label in texts if _is_of(found[label], version)]
    asked = state.view().data
    label = asked if asked in found else [*own, *texts][0 if own else -1]
    if len(texts) > 1:
        data.offer(texts, label, "Conditions on")
    return found[label]


def _is_of(one: Conditions, version: Version) -> bool:
    """Whether these are a catalog's own vectors."""
    return one.label in {f"{version.name}-{space}" for space in version.spaces}


def _command() -> None:
    command = to_command(replace(state.view(), part="conditions", data=None), "retrieval")
    st.code(measuring.kept(command), language="bash", wrap_lines=True)


def _beside(found: dict[str, Conditions], one: Conditions) -> None:
    """What the most vectors that were measured say, beside fewer."""
    most = max(found.values(), key=lambda other: other.n)
    if most.n <= one.n:
        return
    with st.container(border=True):
        st.markdown(f"**With {most.n:,} vectors**")
        st.markdown("  \n".join(plain(text) for text in story.under_conditions(most)))
        st.caption(plain(_origin(most)))


def _what(one: Conditions) -> str:
    about = one.about.get("data") or {}
    if about.get("synthetic"):
        return data.synthetic_words(about)
    if not about:
        return one.label
    space = data.WORDS.get(about["space"], about["space"])
    catalog = resources.label(about["catalog"]) or about["catalog"]
    return f"{catalog}: {space}, {about['n']:,} vectors of {about['dims']} dimensions"


def _origin(one: Conditions) -> str:
    when = str((one.about.get("data") or {}).get("measured_at", ""))[:10]
    where = "Measured on this machine" if one.here else "Stored with the project, measured"
    return f"{_what(one)}. {f'{where} {when}'.strip()}. {busy(one.about)}".rstrip()


def _charts(one: Conditions) -> None:
    ways = list(dict.fromkeys(line["way"] for line in one.lines))
    _chart(
        one,
        ways,
        RECALL,
        "What is found",
        "recall@10 (0 to 1)",
        "Higher is better. Filtering after finds ever less as the condition gets stricter: it asks for so many, and "
        "too few of them may be shown.",
        legend=True,
    )
    _chart(
        one,
        ways,
        "p50_ms",
        "What it takes",
        "median ms a query (logarithmic)",
        "Lower is better. Filtering first gets cheaper the fewer items are left; a walk in a graph may get dearer.",
        legend=False,
    )


def _chart(one: Conditions, ways: list[str], figure_of: str, title: str, axis: str, note: str, legend: bool) -> None:
    from plotly.subplots import make_subplots

    st.markdown(f"**{title}**  \n:gray[{plain(note)}]")
    kinds = [kind for kind in _KINDS if any(line["mask"] == kind for line in one.lines)]
    figure = make_subplots(
        cols=len(kinds),
        shared_yaxes=True,
        horizontal_spacing=0.03,
        subplot_titles=[_KINDS[kind] for kind in kinds],
    )
    shares = sorted({line["share"] for line in one.lines}, reverse=True)
    for col, kind in enumerate(kinds, 1):
        for place, way in enumerate(ways):
            own = sorted((n for n in one.lines if n["mask"] == kind and n["way"] == way), key=lambda n: -n["share"])
            figure.add_scatter(
                x=[story.percent(line["share"]) for line in own],
                y=[line[figure_of] for line in own],
                name=way,
                legendgroup=way,
                showlegend=legend and col == 1,
                mode="lines+markers",
                line={"color": CATEGORICAL[place % len(CATEGORICAL)], "width": 2, "dash": _DASHES[place % 3]},
                marker={"size": 7},
                customdata=[(line[RECALL], line["found"], line["p50_ms"], line["p95_ms"]) for line in own],
                hovertemplate=f"<b>{way}</b>, %{{x}} kept<br>recall %{{customdata[0]:.3f}}, "
                "%{customdata[1]:.1f} found<br>%{customdata[2]:.3g} ms, 95 of 100 below %{customdata[3]:.3g}"
                "<extra></extra>",
                row=1,
                col=col,
            )
        figure.update_xaxes(
            type="category",
            categoryorder="array",
            categoryarray=[story.percent(share) for share in shares],
            title={"text": "items kept", "standoff": 6},
            row=1,
            col=col,
        )
    if figure_of == "p50_ms":
        figure.update_yaxes(**look.log_axis([line[figure_of] for line in one.lines]))
    else:
        figure.update_yaxes(range=[-0.04, 1.04])
    figure.update_yaxes(title={"text": axis}, row=1, col=1)
    figure.update_annotations(font={"size": 13})
    figure.update_layout(
        height=460 if legend else 340,
        margin={"l": 0, "r": 0, "t": 28, "b": 0},
        legend={"orientation": "h", "y": -0.22, "yanchor": "top"},
        uirevision="conditions",
    )
    st.plotly_chart(figure, key=f"conditions-{figure_of}", config={"displayModeBar": False})
