"""Words on screen: the field's own in a sentence each, and somebody else's kept from being read as Markdown."""

WORDS = {
    "wish": "An encoder turns your words into a point among the items; the list is what lies nearest.",
    "categories": "Pull your point towards the middle of these categories. Nothing is excluded; conditions do that.",
    "space": "A space is a set of vectors of the items. Items near each other in it are alike in that respect.",
    "blend": "Relevance = w × likeness of the words + (1 − w) × likeness of the pictures.",
    "lam": "Each pick maximises λ × relevance − (1 − λ) × likeness to what was picked before (MMR, 1998).",
    "umap": "UMAP flattens hundreds of dimensions: neighbours mostly stay neighbours, large distances mean little.",
    "funnel": "Many in, few out: find the nearest, drop what may not be shown, rank, and pick a varied list.",
    "measures": "Distance: the mean of 1 − cosine over all pairs of a list. RBO: how much of the plain list's order is "
    "left, its first places counting most (rank-biased overlap, 2010). MMR: maximal marginal relevance (1998). DPP: "
    "determinantal point process, chosen greedily (2018).",
    "simulated": "The data do not have this; it is made up, the same for everyone, so that shop rules can be tried.",
}

SIGNALS = {
    "age": "Age",
    "gender": "Gender",
    "occupation": "Occupation",
    "region": "Region",
    "time": "Time of day",
    "weekend": "Weekend",
}
"""What may be known of a visitor and of the moment; see `recsys.demographics`."""

PUBLIC = (
    "This app is open to the public, so nothing that keeps its cores busy for long is started here. Run your own to do "
    "it: one command, see the README."
)


def plain(text: object) -> str:
    """Somebody's words inside Markdown, as they are: no picture is loaded, no link made, no star lost."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+!|<>~$:&" else c for c in str(text))
