"""What to try, and the tour of five minutes through it."""

from collections.abc import Collection
from dataclasses import dataclass

from recsys.profile import Profile
from recsys.ui.link import View
from recsys.ui.pipeline import Pipeline
from recsys.where import Condition, Where

MILLION = "clipart-text-1000000x128"
"""Synthetic vectors that the project has records of."""


@dataclass(frozen=True)
class Try:
    """A ready state and what to see in it.

    Attributes:
        label: what the button says.
        look_for: one sentence or two on what to see.
        view: the state.
        page: where it is seen.
    """

    label: str
    look_for: str
    view: View
    page: str = "recommend"


_BAKER = Profile(likes=("loaf-of-bread", "pumpkin-pie"))
_TRIES = {
    ("recommend", "clipart"): [
        Try(
            "A wish in words",
            "No picture is called “music for dancing”; the encoder puts words and pictures into one space.",
            View("clipart", Profile(wish="music for dancing")),
        ),
        Try(
            "Only the looks count",
            "Compared by pictures alone: what comes is drawn alike, whatever it is called.",
            View("clipart", Profile(likes=("pumpkin",)), space="image"),
        ),
        Try(
            "Too many flags",
            "One liked flag, ten flags. Drag the slider to “more varied” and watch when something else comes in.",
            View("clipart", Profile(likes=("flag-of-brazil",)), lam=1.0),
        ),
    ],
    ("recommend", "movies"): [
        Try(
            "All the Star Treks",
            "One like, and the nearest list is a series. Drag the slider until the list is one you would watch.",
            View("movies", Profile(likes=("222",)), space="text", lam=1.0),
        ),
        Try(
            "What others rated",
            "Two likes, and no word counts: these are rated by those who rated them. Compare by Words: what is lost?",
            View("movies", Profile(likes=("98", "127"))),
        ),
        Try(
            "Only the old ones",
            "The same taste under a condition: the list keeps to films before 1960 and still looks for love stories.",
            View(
                "movies",
                Profile(likes=("88",), wish="a funny love story"),
                where=Where((Condition("year", "<=", (1960.0,)),)),
            ),
        ),
    ],
    ("map", "clipart"): [
        Try(
            "Where are you?",
            "The star is you. Your list is ringed: most of it lies close by, as far as two dimensions can show it.",
            View("clipart", Profile(likes=("loaf-of-bread", "pumpkin-pie"))),
            "map",
        ),
        Try(
            "The space of looks",
            "The same items, laid out by their pictures alone: categories dissolve, styles of drawing appear.",
            View("clipart", Profile(likes=("loaf-of-bread", "pumpkin-pie")), space="image"),
            "map",
        ),
        Try(
            "Turn it",
            "Three dimensions hold a little more of the truth: drag to turn the cloud.",
            View("clipart", Profile(likes=("loaf-of-bread", "pumpkin-pie")), dims=3),
            "map",
        ),
    ],
    ("map", "movies"): [
        Try(
            "Between two tastes",
            "Alien and Aladdin are liked: the star stands between their neighbourhoods, and so does the list.",
            View("movies", Profile(likes=("183", "95")), space="text"),
            "map",
        ),
        Try(
            "Old and new",
            "Coloured by year. The text holds the year, and so the space has an old and a new side.",
            View("movies", Profile(likes=("483",)), space="text", colour="year"),
            "map",
        ),
        Try(
            "Turn it",
            "Three dimensions hold a little more of the truth: drag to turn the cloud.",
            View("movies", Profile(likes=("222",)), space="text", dims=3),
            "map",
        ),
    ],
    ("cold_start", "clipart"): [
        Try(
            "Nobody yet",
            "The list knows nothing about you, and says so. Like one drawing: how much of the list does that change?",
            View("clipart", story=()),
            "cold_start",
        ),
        Try(
            "A drawing nobody has seen",
            "It has a place among the others before anybody has liked it. Change its words and watch the star move.",
            View("clipart", part="item"),
            "cold_start",
        ),
        Try(
            "How soon is it good?",
            "Simulated people, whose best list is known: see how much of it the first like buys, and the tenth.",
            View("clipart", part="population"),
            "cold_start",
        ),
    ],
    ("cold_start", "movies"): [
        Try(
            "Nobody yet",
            "The list knows nothing about you, and says so: it goes by what everybody likes. Like one film.",
            View("movies", story=()),
            "cold_start",
        ),
        Try(
            "Be user 196",
            "A real person of 1997. Drag the story back to forget their ratings: how many later likes are still found?",
            View("movies", user="196"),
            "cold_start",
        ),
        Try(
            "A film nobody has seen",
            "Its words put it among the others at once. See whom it would reach on day one.",
            View("movies", part="item"),
            "cold_start",
        ),
    ],
    ("diversity", "clipart"): [
        Try(
            "Nothing but flags",
            "λ is 1: ten flags. Drag “more varied” and see which method is the first to let something else in.",
            View("clipart", Profile(likes=("flag-of-brazil",)), lam=1.0),
            "diversity",
        ),
        Try(
            "A rule instead",
            "The cap lets only so many of one category in. It knows nothing of likeness: see what it leaves.",
            View("clipart", Profile(likes=("flag-of-brazil",)), lam=0.3, methods=("mmr", "cap")),
            "diversity",
        ),
        Try(
            "Two tastes",
            "Bread and a saxophone: does the plain list hold both? Which method brings them together?",
            View("clipart", Profile(likes=("loaf-of-bread", "saxophone")), lam=0.6),
            "diversity",
        ),
    ],
    ("diversity", "movies"): [
        Try(
            "Too many Star Treks",
            "λ is 1, and one Star Trek follows the other. Drag “more varied”: at which λ are there fewer than five?",
            View("movies", Profile(likes=("222", "228")), space="text", lam=1.0),
            "diversity",
        ),
        Try(
            "A rule instead",
            "The cap lets only so many of one genre in. It knows nothing of likeness: see what it leaves.",
            View("movies", Profile(likes=("222", "228")), space="text", lam=0.3, methods=("mmr", "cap")),
            "diversity",
        ),
        Try(
            "All the way",
            "λ is 0: relevance counts for nothing any more. Look at the distance, and at what is on the list.",
            View("movies", Profile(likes=("222", "228")), space="text", lam=0.0),
            "diversity",
        ),
    ],
    ("models", "clipart"): [
        Try(
            "One flag, every space",
            "The liked flag is red on every map: among what does it lie? Lasso its neighbours on one and find them.",
            View("clipart", Profile(likes=("flag-of-brazil",))),
            "models",
        ),
        Try(
            "Where people were asked",
            "The movies have real ratings, so models can be held against each other. Look at the first sentences.",
            View("movies"),
            "models",
        ),
        Try(
            "Two real tastes",
            "Over at the movies: two models, one real person. Look at which of their held-back films each one finds.",
            View("movies", models=("ease", "popularity"), user="196"),
            "models",
        ),
    ],
    ("models", "movies"): [
        Try(
            "Predict the future",
            "What people rated last is to be found, not a random part: who falls least, and does the order change?",
            View("movies", protocol="chronological"),
            "models",
        ),
        Try(
            "Popular against personal",
            "One person, two lists: which of their held-back films does each find? Look for the green ticks.",
            View("movies", models=("ease", "popularity"), user="196"),
            "models",
        ),
        Try(
            "The lonely model",
            "Content knows titles, years and genres alone. How full is its row on the map of overlaps?",
            View("movies", models=("content", "als"), user="405"),
            "models",
        ),
    ],
    **{
        ("retrieval", catalog): [
            Try(
                "A million vectors",
                "Here comparing with all takes long, and engines earn their keep. Which line reaches furthest right?",
                View(catalog, part="speed", data=MILLION),
                "retrieval",
            ),
            Try(
                "What product codes miss",
                "Searched by short codes alone, which of the true ten are lost? Turn rescore up, and look who comes "
                "back.",
                View(catalog, part="engine", engine="faiss-pq", knobs=("rescore=0",)),
                "retrieval",
            ),
            Try(
                "How a graph walks",
                f"From link to link towards the query: count how few of the {items} it is compared with.",
                View(catalog, part="inside", inside="graph"),
                "retrieval",
            ),
        ]
        for catalog, items in (("clipart", "drawings"), ("movies", "films"))
    },
    **{
        ("funnel", catalog): [
            Try(
                "A narrow mouth",
                f"Retrieval lets 50 out instead of {Pipeline().sizes[0]:,}. How much time does that save, and how much "
                "of the list is gone?",
                View(catalog, who, part="request", pipeline=Pipeline((50, 50, 20), stage="retrieve")),
                "funnel",
            ),
            Try(
                "Without a ranker",
                "Rank is off: the order of retrieval is kept. What does the ranker cost, and which places change?",
                View(catalog, who, part="request", pipeline=Pipeline(off=("rank",), stage="rank")),
                "funnel",
            ),
            Try(
                "Where is it?",
                f"{title} is not shown. See how far it came, who stopped it, and what would bring it in.",
                View(catalog, who, part="why", pipeline=Pipeline(asked=item)),
                "funnel",
            ),
        ]
        for catalog, who, item, title in (
            ("clipart", _BAKER, "teapot", "The teapot"),
            ("movies", Profile().being("196"), "302", "L.A. Confidential"),
        )
    },
}

_TOUR: tuple[Try, ...] = (
    Try(
        "Nobody yet",
        "The list knows nothing about you and says so: one typical picture of each category. Like one.",
        View("clipart"),
    ),
    Try(
        "Words become a point",
        "A wish, and the list is what lies near it. The bar under a card says what its score is made of.",
        View("clipart", Profile(wish="music for dancing")),
    ),
    Try(
        "A like pulls",
        "A liked saxophone joins the wish: your point moves, the list follows. Undo takes it back.",
        View("clipart", Profile(likes=("saxophone",), wish="music for dancing")),
    ),
    Try(
        "Too much of the same",
        "Ten flags are relevant and dull. Drag “more varied”: each pick is now held against those before it.",
        View("clipart", Profile(likes=("flag-of-brazil",)), lam=1.0),
    ),
    Try(
        "See it from above",
        "The same on the map: the star is you, the rings are your list. Click any dot.",
        View("clipart", Profile(likes=("flag-of-brazil",)), lam=0.5),
        "map",
    ),
    Try(
        "Another shop, the same idea",
        "Films by title, year and genre. Set a condition on the left: the list keeps to it and says what it costs.",
        View("movies", Profile(likes=("222",))),
    ),
    Try(
        "A newcomer's story",
        "Drag the replay back to 0 and forward again: each answer moves the list. It begins with what everybody likes.",
        View("movies"),
        "cold_start",
    ),
    Try(
        "What variety costs",
        "Three ways to choose from the same films. Drag the slider on top: which of them first stops the Star Treks?",
        View("movies", Profile(likes=("222", "228")), space="text", lam=1.0),
        "diversity",
    ),
    Try(
        "What people teach",
        "Models that learn from who rated what, asked for ratings that were held back: who leads, and for whom?",
        View("movies", models=("ease", "popularity"), user="196"),
        "models",
    ),
    Try(
        "How are the nearest found?",
        "Every way to find them, measured. Is an index needed for so few? Read, then choose a million vectors.",
        View("clipart"),
        "retrieval",
    ),
    Try(
        "All of it at once",
        "A request through every stage, timed against its budget. Click a stage: who left there, and why?",
        View("movies", Profile().being("196")),
        "funnel",
    ),
    Try(
        "Bring your own",
        "Any table becomes a catalog like these. Try it with the example: change what a column means, watch the cards.",
        View("clipart", part="add"),
        "catalogs",
    ),
)


def tour(built: Collection[str]) -> list[Try]:
    """The stops of the tour through the catalogs that are built."""
    return [stop for stop in _TOUR if stop.view.catalog in built]


def tries(page: str, catalog: str) -> list[Try]:
    """The "Try this" buttons of a page for one catalog; none for one that did not come with the app."""
    if page == "home" and ("recommend", catalog) in _TRIES:  # one of each kind: words, variety, the map
        return [_TRIES["recommend", catalog][0], _TRIES["recommend", catalog][2], _TRIES["map", catalog][0]]
    return _TRIES.get((page, catalog), [])
