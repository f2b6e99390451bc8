"""The view: everything that a link carries. Pure functions between a `View`, a URL's values and a shell command.

What comes from a link is untrusted: each value that cannot be used becomes a sentence, and the rest is kept.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from recsys.errors import InvalidInput, quoted
from recsys.models import MODELS
from recsys.models import SPACES as LEARNED
from recsys.profile import MAX_WISH, Profile
from recsys.retrieval import ENGINES, engine_class
from recsys.settings import DEFAULT_BLEND, DEFAULT_K, DEFAULT_LAM
from recsys.ui import pipeline as pipelines
from recsys.ui.pipeline import Pipeline
from recsys.version import Version
from recsys.where import Where

MAX_K = 40
MAX_STEPS = 60
METHODS = ("mmr", "dpp")
ALL_METHODS = ("mmr", "dpp", "cap")
STRATEGIES = ("popular", "cover", "medoids", "entropy", "random")
DOMAIN_WISH = "cosy winter evening"
PARTS = {
    "cold_start": ("user", "item", "domain", "population", "measured"),
    "retrieval": ("speed", "engine", "growth", "conditions", "inside"),
    "funnel": ("request", "why", "worth", "load"),
    "catalogs": ("here", "add"),
}
"""The parts of the pages that have some, the first one first."""
INSIDES = ("cells", "graph")
DEFAULT_PROBES, MAX_PROBES = 3, 64
GROWN, SIZES = "1000,128", "1000,4000,16000,64000,100000"
"""What the command of growth measures: numbers of synthetic vectors, and their dimensions."""
PROTOCOLS = ("ms-75-25", "chronological")
ORDERS = ("random", "chronological")
MAX_CONDITIONS = 20
_FLAGS = ("seen", "cache")
_STEP = re.compile(r"[1-9][0-9]?")
_LABORATORY = ("data", "engine", "inside")
_DATA = re.compile(r"[a-z0-9][a-z0-9_-]{0,80}")
_KNOB = re.compile(r"([a-zA-Z_]{1,30})=([0-9]{1,9})")
_GROWN = re.compile(r"(.+)-([^-]+)-([0-9]+)x([0-9]+)")


@dataclass(frozen=True)
class View:
    """What a visitor looks at. Two visitors with one view see the same.

    Attributes:
        catalog: name of the catalog.
        profile: who the list is for.
        space: the space that is searched and drawn; None takes the catalog's default.
        blend: weight of words against picture in the blend.
        lam: MMR's lambda.
        where: conditions on facets.
        k: length of the list.
        item: the item whose panel is open, or None.
        colour: the facet that colours the map, or None for the catalog's categories.
        dims: 2 or 3, the map's dimensions.
        tour: the step of the tour, from 1; None off the tour.
        story: a newcomer's answers, in order (see `recsys.lessons.story`); None for the ready story.
        frame: how many of them are told; None for all.
        user: a real user whose story is told instead; None for none.
        off: kinds of answers that the list leaves out of account.
        strategy: how the onboarding grid is chosen; None for the best measured one.
        part: which part of a page is shown; None, or one of another page, for the first. See `part_of`.
        draft: a new item's title, description and tags.
        methods: the diversity methods beside the plain list.
        watched: the one of them that is watched while it chooses; None for the first.
        step: how many picks are shown of the list that is being chosen.
        protocol: by which models are compared; None for the published split.
        models: the two that are held side by side; empty for the two best.
        order: in which a newcomer's ratings are revealed; None for at random.
        data: on which vectors engines are compared, `CATALOG-SPACE` or `CATALOG-SPACE-NxD` for synthetic ones; None
            for the catalog's default space.
        engine: the engine that is looked at; None for the page's choice.
        knobs: its query-time arguments, `name=value`, each a stop of the knob; what is absent is at its default.
        build: its build-time arguments, in the same way.
        inside: which kind of engine is opened, `cells` or `graph`; None for the first.
        probes: how many cells are looked into there.
        pipeline: how the funnel of the Funnel page is set, and what is looked at in it.
    """

    catalog: str
    profile: Profile = field(default_factory=Profile)
    space: str | None = None
    blend: float = DEFAULT_BLEND
    lam: float = DEFAULT_LAM
    where: Where = Where()
    k: int = DEFAULT_K
    item: str | None = None
    colour: str | None = None
    dims: int = 2
    tour: int | None = None
    story: tuple[str, ...] | None = None
    frame: int | None = None
    user: str | None = None
    off: tuple[str, ...] = ()
    strategy: str | None = None
    part: str | None = None
    draft: tuple[str, str, str] = ("", "", "")
    methods: tuple[str, ...] = METHODS
    watched: str | None = None
    step: int = 1
    protocol: str | None = None
    models: tuple[str, ...] = ()
    order: str | None = None
    data: str | None = None
    engine: str | None = None
    knobs: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    inside: str | None = None
    probes: int = DEFAULT_PROBES
    pipeline: Pipeline = Pipeline()


def part_of(view: View, page: str) -> str:
    """The part of a page that is shown: the view's own, or the first where it names one of another page."""
    return view.part if view.part in PARTS[page] else PARTS[page][0]


def to_query(view: View) -> dict[str, list[str]]:
    """The view as the values of a link; what is at its default is left out."""
    default = View(view.catalog)
    query = {"catalog": [view.catalog], **view.profile.to_query(), **pipelines.to_query(view.pipeline)}
    if view.where:
        query["where"] = list(view.where.texts())
    if view.story is not None:
        query["story"] = list(view.story) or [""]
    if view.off:
        query["off"] = list(view.off)
    if any(view.draft):
        query["draft"] = list(view.draft)
    if view.methods != METHODS:
        query["method"] = list(view.methods)
    if view.models:
        query["model"] = list(view.models)
    if view.knobs:
        query["knob"] = list(view.knobs)
    if view.build:
        query["build"] = list(view.build)
    for name in ("space", "item", "colour", "user", "strategy", "part", "watched", "protocol", "order", *_LABORATORY):
        if getattr(view, name) is not None:
            query[name] = [getattr(view, name)]
    for name in ("blend", "lam", "k", "dims", "tour", "frame", "step", "probes"):
        if getattr(view, name) != getattr(default, name):
            query[name] = [f"{getattr(view, name):g}"]
    return query


def from_query(query: Mapping[str, Sequence[str]], version: Version) -> tuple[View, list[str]]:
    """Reads a link's values for a catalog that is open.

    Args:
        query: lists of values by name.
        version: the catalog that the link names, or the default one.

    Returns:
        The view of all values that can be used, and a sentence for each that cannot.
    """
    catalog = version.catalog
    categories = set(version.facets.counts(catalog.categories))
    profile, problems = Profile.from_query(query, version, categories, version.people, version.facts)
    if profile.wish and not version.reads_words:
        problems.append("This catalog came with vectors alone, and no model here reads words: the wish was left out.")
        profile = profile.wishing("")

    def last(name: str) -> str | None:
        values = query.get(name, ())
        return values[-1] if values else None

    def number(name: str, low: float, high: float, default: float, what: str) -> float:
        raw = last(name)
        if raw is None:
            return default
        try:
            value = float(raw)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            problems.append(
                f"The link asks for {what} {quoted(raw, 20)}; it lies between {low:g} and {high:g}, "
                f"so {default:g} is used."
            )
            return default
        return value

    def choice(name: str, known: Sequence[str], what: str) -> str | None:
        raw = last(name)
        if raw is None or raw in known:
            return raw
        problems.append(
            f"The link asks for {what} {quoted(raw, 30)}, which {catalog.label} does not have: {', '.join(known)}."
        )
        return None

    def whole(name: str, low: int, high: int, what: str) -> int | None:
        return None if last(name) is None else int(number(name, low, high, high, what))

    item = last("item")
    if item is not None and item not in version:
        problems.append(f"The link opens an item that {catalog.label} does not have: {quoted(item, 40)}.")
        item = None
    conditions, asked = [], list(query.get("where", ()))
    if len(asked) > MAX_CONDITIONS:
        problems.append(f"The link has more than {MAX_CONDITIONS} conditions; the rest was left out.")
    for text in asked[:MAX_CONDITIONS]:
        try:
            conditions.extend(Where.parse([text], catalog))
        except InvalidInput as error:
            problems.append(f"{error.what} It was left out.")
    story = query.get("story")
    if story is not None:
        if len(story) > MAX_STEPS:
            problems.append(f"The link's story has more than {MAX_STEPS} answers; the rest was left out.")
        story = tuple(text[:MAX_WISH] for text in story[:MAX_STEPS] if text)
    draft = tuple(text[:MAX_WISH] for text in (*query.get("draft", ()), "", "", "")[:3])
    part = choice("part", [part for parts in PARTS.values() for part in parts], "the part")
    methods = tuple(dict.fromkeys(m for m in query.get("method", METHODS) if m in ALL_METHODS)) or METHODS
    if set(query.get("method", ())) - set(ALL_METHODS):
        problems.append(f"The link names a method of diversity that there is not; there are {', '.join(ALL_METHODS)}.")
    models = tuple(dict.fromkeys(m for m in query.get("model", ()) if m in MODELS))[:2]
    unknown = [m for m in query.get("model", ()) if m not in MODELS]
    if unknown:
        problems.append(
            f"The link names a model that there is not: {quoted(unknown[0], 30)}. Known: {', '.join(MODELS)}."
        )
    data = last("data")
    if data is not None and not _DATA.fullmatch(data):
        problems.append(f"The link names vectors that there are not: {quoted(data, 30)}.")
        data = None
    engine = last("engine")
    if engine is not None and engine not in ENGINES:
        problems.append(
            f"The link names an engine that there is not: {quoted(engine, 30)}. Known: {', '.join(ENGINES)}."
        )
        engine = None
    knobs, more = _arguments(query.get("knob", ()), engine, "knobs")
    problems += more
    build, more = _arguments(query.get("build", ()), engine, "builds")
    problems += more
    pipeline, more = pipelines.from_query(query, version)
    problems += more
    tour = last("tour")
    if tour is not None and not _STEP.fullmatch(tour):
        problems.append(f"The link asks for a step of the tour that there is not: {quoted(tour, 20)}.")
        tour = None
    return (
        View(
            catalog=version.name,
            profile=profile,
            space=choice("space", list(version.spaces), "the space"),
            blend=round(number("blend", 0, 1, DEFAULT_BLEND, "a blend of"), 2),
            lam=round(number("lam", 0, 1, DEFAULT_LAM, "a lambda of"), 2),
            where=Where(tuple(dict.fromkeys(conditions))),
            k=int(number("k", 1, MAX_K, DEFAULT_K, "a list length of")),
            item=item,
            colour=choice("colour", [f.name for f in catalog.facets], "the colour by"),
            dims=int(choice("dims", ("2", "3"), "a map of dimensions") or 2),
            tour=int(tour) if tour is not None else None,
            story=story,
            frame=whole("frame", 0, MAX_STEPS, "the step of the story"),
            user=last("user"),
            off=tuple(dict.fromkeys(query.get("off", ())))[:MAX_CONDITIONS],
            strategy=choice("strategy", STRATEGIES, "the strategy"),
            part=part,
            draft=draft,
            methods=methods,
            watched=choice("watched", ALL_METHODS, "the watched method"),
            step=whole("step", 0, MAX_K, "the pick") or 1,
            protocol=choice("protocol", PROTOCOLS, "the protocol"),
            models=models,
            order=choice("order", ORDERS, "the order"),
            data=data,
            engine=engine,
            knobs=knobs,
            build=build,
            inside=choice("inside", INSIDES, "a look inside"),
            probes=int(number("probes", 1, MAX_PROBES, DEFAULT_PROBES, "a number of cells of")),
            pipeline=pipeline,
        ),
        problems,
    )


def _arguments(texts: Sequence[str], engine: str | None, which: str) -> tuple[tuple[str, ...], list[str]]:
    """An engine's `knobs` or `builds` from a link, in the engine's order; a sentence about what cannot be used."""
    if not texts:
        return (), []
    if engine is None:
        return (), ["The link sets arguments of an engine that it does not name; they were left out."]
    known, found, problems = getattr(engine_class(engine), which), {}, []
    for text in texts:
        match = _KNOB.fullmatch(text)
        if match and match[1] in known and int(match[2]) in known[match[1]].values:
            found[match[1]] = int(match[2])
        else:
            has = "; ".join(f"{name}={'|'.join(map(str, knob.values))}" for name, knob in known.items()) or "nothing"
            problems = [f"The link asks {engine} for {quoted(text, 30)}; it takes {has}."]
    return tuple(f"{name}={found[name]}" for name in known if name in found), problems


def to_command(view: View, page: str = "recommend") -> str:
    """The command that prints what a page shows of a view.

    Args:
        view: what is shown.
        page: `recommend` (also for the map), `diversity`, `shop` (a part of that), `cold_start`, `models`, `retrieval`,
            `funnel` or `catalogs`.
    """
    if page == "catalogs":
        return _joined(["catalogs"], [])
    if page == "diversity":
        methods = [("method", method) for method in ("plain", *view.methods)]
        return _joined(["diversity", "compare"], [*_asked(view), *methods])
    if page == "shop":
        methods = [("method", method) for method in view.methods]
        asked = [option for option in _asked(view) if option[0] in ("catalog", "space", "blend", "lam", "k")]
        return _joined(["diversity", "shop"], [*asked, *methods])
    if page == "models":
        return _joined(["evaluate"], [("catalog", view.catalog), ("protocol", view.protocol or PROTOCOLS[0])])
    if page == "cold_start" and view.part == "domain":
        return _joined(["recommend"], _asked(in_a_new_domain(view)))
    if page == "cold_start":
        return _joined(["cold-start", _COLD_START[part_of(view, page)]], _told(view))
    if page == "retrieval" and view.part == "conditions":
        return _joined(["bench", "conditions"], _measured(replace(view, engine=None)))
    if page == "retrieval":
        return _joined(["bench", "retrieval"], _measured(view))
    if page == "funnel":
        return _funnel(view)
    return _joined(["recommend"], _asked(view))


_COLD_START = {"user": "story", "item": "item", "population": "population", "measured": "users"}


def in_a_new_domain(view: View) -> View:
    """What a catalog is asked on its first day, when nothing but the wish is known: as Cold start asks each of them."""
    return replace(view, profile=Profile(wish=view.profile.wish or DOMAIN_WISH), space=None, where=Where())


def _asked(view: View) -> list[tuple[str, str]]:
    """What is asked of the funnel, as options."""
    return [
        ("catalog", view.catalog),
        *(("like", item) for item in view.profile.likes),
        *(("dislike", item) for item in view.profile.dislikes),
        *(("wish", wish) for wish in [view.profile.wish] if wish),
        *(("category", category) for category in view.profile.categories),
        *(("user", person) for person in [view.profile.person] if person is not None),
        *(("about", f"{signal}:{group}") for signal, group in view.profile.about),
        *(("space", space) for space in [view.space] if space is not None),
        *(("blend", f"{blend:g}") for blend in [view.blend] if blend != DEFAULT_BLEND),
        ("lam", f"{view.lam:g}"),
        *(("where", text) for text in view.where.texts()),
        ("k", str(view.k)),
    ]


def _funnel(view: View) -> str:
    part, pipeline = part_of(view, "funnel"), view.pipeline
    if part == "worth":
        return _joined(["evaluate"], [("catalog", view.catalog), ("protocol", "funnel")])
    if part == "load":
        return _joined(["bench", "funnel"], [("catalog", view.catalog), ("cache", "")])
    asked = replace(view, where=Where()) if "filter" in pipeline.off else view
    options = [option for option in _asked(asked) if option[0] not in ("space", "k")]
    towers = [] if view.space is None else dict.fromkeys([view.space, *pipeline.also])
    options += [*(("tower", space) for space in towers), *pipeline.options(view.k)]
    if part == "why" and pipeline.asked is not None:
        return _joined(["explain"], [("catalog", view.catalog), ("item", pipeline.asked), *options[1:]])
    return _joined(["recommend"], options)


def _told(view: View) -> list[tuple[str, str]]:
    """What is told on Cold start, as options."""
    options = [("catalog", view.catalog)]
    if view.part == "item":
        if not any(view.draft):
            return options  # the ready one, to the command too
        fields = [(name, text) for name, text in zip(("title", "description", "tags"), view.draft, strict=True)]
        return [*options, *([one for one in fields if one[1].strip()] or [("title", "")])]
    if view.part in ("population", "measured"):
        return options
    if view.user is not None:
        options.append(("user", view.user))
    elif view.story is not None:
        options += [("answer", text) for text in view.story or ("",)]
    options += [("off", kind) for kind in view.off]
    # In a learned space no story is told: there the page and the command take the catalog's default.
    options += [("space", space) for space in [view.space] if space is not None and space not in LEARNED]
    options += [("blend", f"{blend:g}") for blend in [view.blend] if blend != DEFAULT_BLEND]
    return [*options, ("lam", f"{view.lam:g}"), ("k", str(view.k))]


def _measured(view: View) -> list[tuple[str, str]]:
    """On which vectors engines are measured, and which of them, as options."""
    own = [("engine", view.engine), *(("build", text) for text in view.build)] if view.engine is not None else []
    if view.part == "growth":
        return [("synthetic", GROWN), ("sizes", SIZES)]
    if view.data is None:
        return [("catalog", view.catalog), *own]
    grown = _GROWN.fullmatch(view.data)
    if grown is not None:
        catalog, space, n, dims = grown.groups()
        return [("catalog", catalog), ("space", space), ("synthetic", f"{n},{dims}"), *own]
    catalog, _, space = view.data.rpartition("-")
    return [("catalog", catalog or view.catalog), ("space", space), *own]


def _joined(command: list[str], options: list[tuple[str, str]]) -> str:
    words = ["python", "-m", "recsys", *command]
    for name, value in options:
        if name in _FLAGS:
            words.append(f"--{name}")
            continue
        # A value that begins with a dash would be taken for an option.
        words += [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]
    return shlex.join(words)
