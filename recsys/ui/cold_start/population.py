"""A simulated population: how soon is a list as good as it can be?"""

import streamlit as st

from recsys.funnel import Funnel
from recsys.lessons.population import population as simulate
from recsys.ui.palette import CATEGORICAL
from recsys.ui.words import plain
from recsys.version import Version


@st.cache_data(max_entries=8, show_spinner="Simulating 200 people ...")
def _simulated(_version: Version, version_id: str) -> dict:
    return simulate(_version)


def population(funnel: Funnel) -> None:
    """Made-up people with a known truth: how much of the best possible list somebody with m likes gets."""
    import plotly.graph_objects as go

    from recsys.ui.charts import draw

    version = funnel.version
    told = _simulated(version, f"{version.name}@{version.id}")
    st.info(
        f"**Simulated.** {told['users']} people whose true tastes are mixtures of directions of the space, drawn from "
        "a seed. Only because we made them up do we know the ten best items for each: 100% is that list, 0% ten "
        "random items, below is worse than random. What is missing to 100% is called regret.",
        icon=":material/science:",
    )
    curve = told["curve"]
    figure = go.Figure()
    for name, label, hue in (
        ("content", "by content, as on the Recommend page", CATEGORICAL[0]),
        ("popular", "what most of the others like, the same for everybody", "#9b968c"),
    ):
        figure.add_scatter(
            x=[p["m"] for p in curve], y=[p[name] for p in curve], name=label, mode="lines+markers", line={"color": hue}
        )
    figure.add_scatter(
        x=[p["m"] for p in curve] + [p["m"] for p in reversed(curve)],
        y=[p["high"] for p in curve] + [p["low"] for p in reversed(curve)],
        fill="toself",
        mode="none",
        fillcolor="rgba(16,141,122,0.18)",
        name="the middle 95% of the people",
        hoverinfo="skip",
    )
    st.markdown("**How soon is a list as good as it can be?**")
    st.caption(_said(curve))
    y = "share of the best possible list (0 = random)"
    draw(figure, "population", "likes that are known (m)", y, height=380, y_format=".0%")
    for person in told["examples"][:3]:
        st.caption(f"Simulated person: drawn to {plain(_directions(person))}.")
    st.caption(
        f"The same on the command line: `python -m recsys cold-start population --catalog {version.name} --json`"
    )


def _said(curve: list[dict]) -> str:
    """What the lists by content are worth without a like, with one and with the most."""
    after = [
        f"after {p['m']} like{'' if p['m'] == 1 else 's'} {p['content']:.0%}"
        for p in curve
        if p["m"] in (1, curve[-1]["m"])
    ]
    return (
        "Without any like, the list is the shop's starting list, which knows nothing of these people and is worth "
        f"{curve[0]['content']:.0%} of the best one; {', '.join(after)}."
    )


def _directions(person: dict) -> str:
    return ", ".join(f"{d['name']} ({d['weight']:.0%})" for d in person["directions"] if d["weight"] >= 0.005)
