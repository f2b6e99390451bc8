"""Words on screen: the field's own in a sentence each, and somebody else's kept from being read as Markdown."""

from recsys.version import Version

WORDS = {
    "wish": "An encoder turns your words into a point among the items; the list is what lies nearest.",
    "categories": "Pull your point towards the middle of these categories. Nothing is excluded; conditions do that.",
    "space": "A space is a set of vectors of the items. Items near each other in it are alike in that respect.",
    "blend": "Relevance = w × likeness of the words + (1 − w) × likeness of the pictures.",
    "lam": "Each pick maximises λ × relevance − (1 − λ) × likeness to what was picked before (MMR, 1998).",
    "lam_of_all": "1: relevance alone; 0: as varied as a method can. What each makes of λ stands beside its name.",
    "umap": "UMAP flattens hundreds of dimensions: neighbours mostly stay neighbours, large distances mean little.",
    "funnel": "Many in, few out: find the nearest, drop what may not be shown, rank, and pick a varied list.",
    "measures": "Distance: the mean of 1 − cosine over all pairs of a list. RBO: how much of the plain list's order is "
    "left, its first places counting most (rank-biased overlap, 2010). MMR: maximal marginal relevance (1998). DPP: "
    "determinantal point process, chosen greedily (2018).",
    "ndcg": "How far up what is to be found stands on the list: 1, all on top; a place counts 1 / log2(place + 1).",
    "novelty": "How little known the listed items are: the mean of −log2 of the share of people who rated them (bits).",
    "calibration": "How far the categories of a list are from those of the likes; 0: the same shares (2018).",
    "serendipity": "Liked, and unlike what was liked before: 1 − cosine, counted for the likes that were held back.",
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

MODELS = {
    "popularity": "The same list for everybody: what most people rated.",
    "content": "What is most alike the things somebody rated, by content.",
    "content-popularity": "What is alike and popular: content plus a share of popularity.",
    "item-knn": "Nearest neighbours: items that were rated by the same people as somebody's own (2001).",
    "sar": "Smart adaptive recommendations: items that share people with somebody's own, recent ratings counting most.",
    "ease": "A linear model: each item is predicted from all others, solved in one step (2019).",
    "edlae": "EASE, held back more on popular items, as if some ratings were dropped while it learns (2020).",
    "als": "Alternating least squares: a vector for each person and item, fitted in turns; near means wanted (2008).",
    "bpr": "Bayesian personalised ranking: vectors taught to put what somebody rated above what not (2009).",
    "two-tower": "A network for people and one for items, which meet in one space.",
    "ensemble": "EDLAE that also learns what else belongs together, and two plain affinities beside it.",
}
"""What each model is, in a sentence."""

PUBLIC_ENGINE = "This app is open to the public, so no index is built here, and Qdrant retrieves."
PUBLIC_USUAL = "This app is open to the public, so this is computed once, for the usual settings."
PUBLIC = (
    "This app is open to the public, so nothing that keeps its cores busy for long is started here. Run your own to do "
    "it: one command, see the README."
)


def by_whom(version: Version, space: str) -> str:
    """Whose taste a learned space is made of, in words that go on from "alike in" or "by"."""
    return "which simulated people like them" if version.learned[space]["simulated"] else "who rated them"


def alike_in(version: Version, space: str) -> str:
    """In what the neighbours of a space are alike, in words that go on from "alike in"."""
    if space in version.learned:
        return by_whom(version, space) + (", and words" if space == "two_tower" else "")
    return {
        "text": "words",
        "image": "looks",
        "blend": "words and looks",
        "given": "the vectors that came with them",
    }[space]


def plain(text: object) -> str:
    """Somebody's words inside Markdown, as they are: no picture is loaded, no link made, no star lost."""
    return "".join(f"\\{c}" if c in r"\`*_{}[]()#+!|<>~$:&" else c for c in str(text))
