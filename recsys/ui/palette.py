"""Colours with a meaning. The theme itself is in .streamlit/config.toml."""

CATEGORICAL = (
    "#108d7a",
    "#dd8540",
    "#4e59b6",
    "#dfba35",
    "#8d4483",
    "#9cc0ec",
    "#a04408",
    "#5eaeae",
    "#b095fc",
    "#a27427",
    "#8881b9",
    "#2fd3a6",
)
"""Twelve colours for a facet's values, most frequent first. Found by a search that keeps the two nearest apart, in
OKLab, to a normal eye and to a protan, a deutan and a tritan one (Machado, Oliveira & Fernandes 2009, severity 1).
All can be seen on the light and on the dark background."""

OTHER = "#9b968c"
"""For the rest: a thirteenth value, or an unknown one."""
