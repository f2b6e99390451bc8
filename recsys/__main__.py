"""The command line: `python -m recsys COMMAND`. Everything a page shows can be had here too.

With `--json` one JSON document goes to stdout (its schema: docs/schema.md) and progress to stderr. Exit code 0, or 2
with one sentence on stderr.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from recsys.errors import TastespaceError
from recsys.settings import DEFAULT_BLEND, DEFAULT_K, DEFAULT_LAM, Settings


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    arguments = _parser().parse_args(argv)
    settings = Settings.from_env()
    for name in ("text_encoder", "image_encoder"):
        if getattr(arguments, name, None) is not None:
            settings = replace(settings, **{name: getattr(arguments, name)})
    try:
        document = arguments.run(arguments, settings)
    except TastespaceError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped. What is finished is kept; the same command goes on from there.", file=sys.stderr)
        return 130
    if document is not None:
        print(json.dumps(document, ensure_ascii=False) if arguments.json else _readable(document))
    return 0


class _Parser(argparse.ArgumentParser):
    """argparse says `usage: ...` and then the reason; here the reason comes first and in one sentence."""

    def error(self, message: str) -> None:
        self.exit(2, f"{message[:1].upper()}{message[1:]}. See: {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m recsys", description="Tastespace on the command line.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="print one JSON document")
        sub.set_defaults(run=run)
        return sub

    def on_catalog(sub: argparse.ArgumentParser) -> None:
        sub.add_argument("--catalog", required=True, metavar="C", help="the catalog's name; see `catalogs`")

    def listing(
        sub: argparse.ArgumentParser, default_k: int = DEFAULT_K, otherwise: str = "the catalog's default"
    ) -> None:
        sub.add_argument("--space", metavar="S", help=f"text, image, blend, mf or two_tower; {otherwise} otherwise")
        sub.add_argument("--k", type=int, default=default_k, metavar="N", help=f"length of the list ({default_k})")

    def blending(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--blend",
            type=float,
            default=DEFAULT_BLEND,
            metavar="W",
            help="words against picture, 0 to 1 (%(default)s)",
        )

    def asking(sub: argparse.ArgumentParser) -> None:
        for flag, what in (("like", "an item they like"), ("dislike", "an item they dislike")):
            sub.add_argument(f"--{flag}", action="append", default=[], metavar="ID", help=f"{what} (repeatable)")
        sub.add_argument("--wish", default="", metavar="TEXT", help="what they ask for, in words")
        sub.add_argument(
            "--category", action="append", default=[], metavar="X", help="a category they chose (repeatable)"
        )
        sub.add_argument("--user", metavar="ID", help="a user whom the catalog knows, by all their ratings")
        sub.add_argument(
            "--about", action="append", default=[], metavar="FACT", help="such as age:25-34, for two_tower (repeatable)"
        )
        blending(sub)
        sub.add_argument(
            "--lam",
            type=float,
            default=DEFAULT_LAM,
            metavar="F",
            help="1 = more alike ... 0 = more varied (%(default)s)",
        )
        sub.add_argument(
            "--where", action="append", default=[], metavar="COND", help="such as 'year>=1990' (repeatable)"
        )
        listing(sub, otherwise="what measured best for so many likes")

    command("catalogs", _catalogs, "List the catalogs and what is built of each.")

    sub = command("build", _build, "Fetch, embed, project and store catalogs; goes on where it was stopped.")
    sub.add_argument("--catalog", action="append", metavar="C", help="only this one (repeatable)")
    sub.add_argument("--force", action="store_true", help="build a new version even if nothing changed")
    sub.add_argument("--text-encoder", metavar="M", help="a sentence-transformers model: hub name or folder")
    sub.add_argument("--image-encoder", metavar="M", help="an open_clip model: ARCHITECTURE/PRETRAINED")

    sub = command("align", _align, "Learn the head that puts pictures into the space of words.")
    sub.add_argument("--seed", type=int, default=0)
    sub.add_argument("--out", type=Path, metavar="FILE", help="where to write the head; the packaged one by default")

    sub = command("search", _search, "Find the items nearest to words, a picture, or both.")
    on_catalog(sub)
    sub.add_argument("text", nargs="?", default="", metavar="TEXT")
    sub.add_argument("--image", type=Path, metavar="FILE", help="a picture to search by")
    listing(sub)

    sub = command("similar", _similar, "Find the items nearest to an item.")
    on_catalog(sub)
    sub.add_argument("item", metavar="ITEM")
    listing(sub)

    sub = command("related", _related, "Look up the items most alike an item, in the lists made by the build.")
    on_catalog(sub)
    sub.add_argument("item", metavar="ITEM")
    sub.add_argument("--space", metavar="S", help="by which vectors; the catalog's own choice by default")
    sub.add_argument("--k", type=int, default=10, metavar="N", help="length of the list (%(default)s)")

    for name, run, text in (
        ("recommend", _recommend, "Recommend to a profile."),
        ("explain", _explain, "Tell why an item is in a profile's list, or at which stage it fell and why."),
    ):
        sub = command(name, run, text)
        on_catalog(sub)
        if name == "explain":
            sub.add_argument("--item", required=True, metavar="ID", help="the item in question")
        asking(sub)
        sub.add_argument("--diversity", default="mmr", metavar="M", help="plain, mmr, dpp or cap (%(default)s)")
        sub.add_argument(
            "--tower",
            action="append",
            default=[],
            metavar="S",
            help="a space; several are fused (repeatable)",
        )
        sub.add_argument("--engine", default="qdrant", metavar="E", help="what retrieves (%(default)s)")
        sub.add_argument(
            "--filtering",
            default="inside",
            metavar="F",
            help="inside, before or after retrieval (%(default)s)",
        )
        sub.add_argument("--cap", type=int, metavar="N", help="at most N of a category go on from the filters")
        sub.add_argument(
            "--vectors",
            default="recompute",
            metavar="P",
            help="how the user's point is kept: recompute, ttl, incremental or nightly (%(default)s)",
        )
        sub.add_argument("--seen", action="store_true", help="show again what the profile rated")
        sub.add_argument("--ranker", default="none", metavar="R", help="none, gbdt or dnn (%(default)s)")
        sub.add_argument(
            "--sizes", metavar="N,N,N[,K]", help="what retrieval, filters and ranker let out, and the list's length"
        )

    sub = command("train", _train, "Teach the model of a learned space; the next build serves it.")
    sub.add_argument("--catalog", default="movies", metavar="C", help="the catalog's name (%(default)s)")
    sub.add_argument("--model", required=True, metavar="M", help="als or two-tower")
    sub.add_argument("--continue", dest="further", action="store_true", help="go on from what was learned before")
    sub.add_argument("--interactions", type=Path, metavar="FILE", help="more ratings to learn from: CSV or Parquet")

    sub = command("evaluate", _evaluate, "Measure models by a protocol, and keep the record for the pages.")
    on_catalog(sub)
    sub.add_argument(
        "--protocol",
        required=True,
        metavar="P",
        help="ms-75-25, chronological, cold-users, cold-items, continue, ranking, funnel",
    )
    sub.add_argument("--model", action="append", default=[], metavar="M", help="only this one (repeatable)")
    sub.add_argument("--tune", action="store_true", help="first search each grid within the training data")
    sub.add_argument("--out", type=Path, metavar="DIR", help="where the record goes; the data folder by default")

    sub = command("import", _import, "Make a catalog of a table of one's own, or tell what would come of it.")
    sub.add_argument("--name", required=True, metavar="N", help="the catalog's name: a-z, 0-9, - and _")
    sub.add_argument("--items", type=Path, required=True, metavar="FILE", help="CSV, Parquet or JSON Lines")
    sub.add_argument("--images", type=Path, metavar="ZIP|DIR", help="pictures, by the names in a column or by ids")
    sub.add_argument("--vectors", type=Path, metavar="FILE.npy", help="vectors of one's own, one a row of the table")
    sub.add_argument("--interactions", type=Path, metavar="FILE", help="who rated what: user, item, rating, time")
    sub.add_argument("--users", type=Path, metavar="FILE", help="who they are: age, gender, occupation, region")
    sub.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="ROLE=COLUMN",
        help="such as title=NAME or interactions.item_id=NAME (repeatable)",
    )
    sub.add_argument(
        "--facet", action="append", default=[], metavar="COLUMN=KIND", help="such as colour=category (repeatable)"
    )
    sub.add_argument("--text-encoder", metavar="M", help="a sentence-transformers model: hub name or folder")
    sub.add_argument("--image-encoder", metavar="M", help="an open_clip model: ARCHITECTURE/PRETRAINED")
    sub.add_argument("--label", default="", metavar="TEXT", help="what a person reads; made of the name by default")
    sub.add_argument("--licence", default="", metavar="TEXT", help="under which terms the data may be used")
    sub.add_argument("--check", action="store_true", help="only report what would come of it")

    sub = command("remove", _remove, "Remove an imported catalog, and all that was built and learned of it.")
    on_catalog(sub)

    sub = command("export", _export, "Write a catalog's items and vectors, rows aligned.")
    on_catalog(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="DIR")

    sub = command("pack", _pack, "Put a built catalog into one file, for a machine that cannot build it.")
    on_catalog(sub)
    sub.add_argument("--out", type=Path, required=True, metavar="FILE")

    sub = command("unpack", _unpack, "Take a built catalog out of a packed file.")
    sub.add_argument("file", type=Path, metavar="FILE")

    lesson = commands.add_parser("cold-start", help="What is shown to somebody, or of something, that is new.")
    parts = lesson.add_subparsers(dest="part", required=True, metavar="PART", parser_class=_Parser)
    for name, default, text in (
        ("story", "movies", "Tell a newcomer's story: after each answer the list, what entered and left, the point."),
        ("item", "movies", "Place a new item: its neighbours, and whom it would reach."),
        ("onboarding", "movies", "Measure what asking first by each strategy is worth to held-out users."),
        ("users", "movies", "Measure what each model finds for new users after m ratings of theirs."),
        ("items", "movies", "Measure what each model does with items that nobody has rated."),
        ("population", "clipart", "Simulate people with a known truth: how much of the best list do m likes get?"),
    ):
        sub = parts.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="print one JSON document")
        sub.add_argument("--catalog", default=default, metavar="C", help="the catalog's name (%(default)s)")
        sub.set_defaults(run=_cold_start)
        if name == "story":
            sub.add_argument(
                "--answer",
                action="append",
                metavar="KIND:VALUE",
                help="such as like:222 (repeatable); empty for a newcomer",
            )
            sub.add_argument("--user", metavar="ID", help="a real user, by their first ratings")
            sub.add_argument("--off", action="append", default=[], metavar="KIND", help="leave answers of a kind out")
            sub.add_argument("--blend", type=float, default=DEFAULT_BLEND, metavar="W")
            sub.add_argument("--lam", type=float, default=DEFAULT_LAM, metavar="F")
            listing(sub)
        if name == "item":
            for field in ("title", "description", "tags"):
                sub.add_argument(f"--{field}", metavar="TEXT")
            sub.add_argument("--image", type=Path, metavar="FILE")

    text = "Tell what keeping user vectors saves, and how stale they get while likes arrive."
    sub = command("user-vectors", _user_vectors, text)
    on_catalog(sub)
    sub.add_argument("--user", metavar="ID", help="whose likes arrive; a ready one, or a simulated person's, otherwise")
    sub.add_argument("--space", metavar="S", help="by which vectors; the catalog's own choice by default")
    sub.add_argument(
        "--ttl", type=float, default=300, metavar="SECONDS", help="how long a vector is kept (%(default)s)"
    )

    lesson = commands.add_parser("diversity", help="What variety costs, by several methods.")
    parts = lesson.add_subparsers(dest="part", required=True, metavar="PART", parser_class=_Parser)
    for name, text in (
        ("compare", "One profile's lists by several methods, with relevance, distance and overlap."),
        ("shop", "Coverage, Gini, relevance and distance over many people's lists, each method at each setting."),
    ):
        sub = parts.add_parser(name, help=text, description=text)
        sub.add_argument("--json", action="store_true", help="print one JSON document")
        sub.add_argument("--method", action="append", metavar="M", help="plain, mmr, dpp or cap; all otherwise")
        sub.set_defaults(run=_diversity)
        on_catalog(sub)
        if name == "compare":
            asking(sub)
        else:
            blending(sub)
            sub.add_argument("--lam", type=float, metavar="F", help="one more setting than the ten")
            listing(sub)

    bench = commands.add_parser("bench", help="Measure.", description="Measure.")
    kinds = bench.add_subparsers(dest="bench", required=True, metavar="WHAT", parser_class=_Parser)
    for name, text in (
        ("app", "the running app, in a real browser"),
        ("store", "Qdrant Edge against qdrant-client's local mode"),
        ("build", "rates of the encoders, seconds of each step"),
        ("diversity", "the methods of diversity, a list and a slider of them"),
        ("lessons", "the two lesson pages, in a real browser"),
        ("retrieval", "the engines of retrieval: recall, times, memory"),
        ("conditions", "search under conditions: filter first, inside, after"),
        ("visitors", "one visitor's likes while another has engines measured, in two browsers"),
        ("related", "related items: look-ups, and whether they are exact"),
        ("funnel", "the funnel under load: times of each stage, more and more clients, memory"),
        ("map", "the map in a real browser: frames while it is panned, and lassos"),
        ("import", "importing a large table that is made up: seconds, memory, and lists afterwards"),
    ):
        sub = kinds.add_parser(name, help=text, description=f"Measure {text}.")
        sub.add_argument("--json", action="store_true", help="print one JSON document")
        sub.set_defaults(run=_bench)
        if name == "store":
            sub.add_argument("--points", type=int, nargs="+", default=[4_000, 100_000], metavar="N")
        if name == "funnel":
            sub.add_argument("--catalog", action="append", default=[], metavar="C", help="only this one (repeatable)")
            sub.add_argument("--requests", type=int, default=1000, metavar="N", help="how many (%(default)s)")
            sub.add_argument("--clients", default="1,4,16", metavar="N,N", help="at once (%(default)s)")
            sub.add_argument("--synthetic", type=int, metavar="N", help="grow the catalog to so many items first")
            sub.add_argument("--engine", default="qdrant", metavar="E", help="what retrieves (%(default)s)")
            sub.add_argument("--minutes", type=float, default=0, metavar="M", help="then go on, watching memory")
            sub.add_argument("--cache", action="store_true", help="also measure what kept user vectors save")
            sub.add_argument("--out", type=Path, metavar="DIR", help="where the records go; the data folder by default")
        if name == "import":
            sub.add_argument("--items", type=int, default=100_000, metavar="N", help="rows (%(default)s)")
            sub.add_argument("--vectors", type=int, metavar="D", help="bring vectors of D dimensions, embed nothing")
            sub.add_argument("--keep", type=Path, metavar="DIR", help="leave the catalog in this data folder")
        if name in ("app", "visitors", "map"):
            sub.add_argument("--catalog", default="clipart", metavar="C")
        if name in ("retrieval", "conditions"):
            sub.add_argument("--catalog", metavar="C", help="the catalog to measure on, or to grow vectors from")
            sub.add_argument("--space", metavar="S", help="one of its spaces; all of them in turn otherwise")
            sub.add_argument("--synthetic", metavar="N,D", help="so many vectors of D dimensions, grown from real ones")
            sub.add_argument("--seed", type=int, default=0, metavar="N", help="of vectors and queries (%(default)s)")
            sub.add_argument("--out", type=Path, metavar="DIR", help="keep records here, and go on from them")
        if name == "retrieval":
            sub.add_argument("--sizes", metavar="N,N", help="several numbers of synthetic vectors, one after the other")
            sub.add_argument("--engine", action="append", metavar="E", help="only this one (repeatable)")
            sub.add_argument(
                "--build", action="append", metavar="A=N", help="a build-time argument, as M=16 (repeatable)"
            )
            sub.add_argument("--minutes", type=float, default=20, metavar="M", help="most for an engine (%(default)s)")
            sub.add_argument("--anew", action="store_true", help="measure again what the folder holds already")
    return parser


def _funnel(settings: Settings, name: str):
    from recsys.funnel import Funnel
    from recsys.store import open_store
    from recsys.version import open_current
    from recsys.wishes import Wishes

    version = open_current(settings, name)
    wishes = Wishes(version)
    return Funnel(version, open_store(settings, version.shard, version.collection), wishes), wishes


def _catalogs(arguments, settings: Settings) -> dict:
    from recsys.build import overview

    return {"catalogs": overview(settings)}


def _build(arguments, settings: Settings) -> dict:
    from recsys.build import build_all

    return {"catalogs": build_all(settings, arguments.catalog, force=arguments.force)}


def _align(arguments, settings: Settings) -> dict:
    from recsys.build import align

    return align(settings, arguments.seed, arguments.out)


def _search(arguments, settings: Settings) -> dict:
    from recsys.errors import InvalidInput
    from recsys.profile import Profile

    profile = Profile().wishing(arguments.text)
    funnel, wishes = _funnel(settings, arguments.catalog)
    if arguments.image is not None:
        profile = replace(profile, picture=wishes.add_picture(_picture(arguments.image)))
    if not profile:
        raise InvalidInput("There is nothing to search for.", "Give words, or a picture with --image FILE.")
    return _listed(funnel, profile, arguments, lam=1.0)


def _picture(path: Path):
    from recsys.errors import InvalidInput
    from recsys.sources.pictures import open_upload

    try:
        return open_upload(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"The picture {path.name} cannot be read: {error.strerror}.") from error


def _similar(arguments, settings: Settings) -> dict:
    from recsys.profile import Profile

    funnel, _ = _funnel(settings, arguments.catalog)
    return _listed(funnel, Profile(likes=(arguments.item,)), arguments, lam=1.0)


def _related(arguments, settings: Settings) -> dict:
    from recsys.errors import InvalidInput
    from recsys.retrieval.precomputed import LENGTH

    funnel, _ = _funnel(settings, arguments.catalog)
    version = funnel.version
    space = version.has_space(arguments.space or version.default_space)
    if not 1 <= arguments.k <= LENGTH:
        raise InvalidInput(f"The lists have {LENGTH} places; {arguments.k} cannot be shown.", f"Ask for 1 to {LENGTH}.")
    rows, scores = funnel.related(arguments.item, space, arguments.k)
    titles = version.catalog.items["title"].to_numpy()
    items = [
        {"item_id": str(version.item_ids[row]), "title": titles[row], "score": float(score)}
        for row, score in zip(rows, scores, strict=True)
    ]
    return {"catalog": version.name, "version": version.id, "space": space, "item": arguments.item, "items": items}


def _recommend(arguments, settings: Settings) -> dict:
    from recsys.explain import as_document

    return as_document(*_answered(arguments, settings))


def _explain(arguments, settings: Settings) -> dict:
    from recsys.explain import why_document

    return why_document(*_answered(arguments, settings), arguments.item)


def _answered(arguments, settings: Settings):
    """The funnel and its answer to what `recommend` and `explain` ask."""
    funnel, _ = _funnel(settings, arguments.catalog)
    request = _request(arguments, funnel.version)
    space, *also = arguments.tower or [request.space or funnel.best_space(request.profile)]
    request = replace(
        request,
        space=space,
        also=tuple(dict.fromkeys(s for s in also if s != space)),
        engine=arguments.engine,
        filtering=arguments.filtering,
        cap=arguments.cap,
        seen=arguments.seen,
        ranker=arguments.ranker,
        diversity=arguments.diversity,
        vectors=arguments.vectors,
    )
    if arguments.sizes is not None:
        *sizes, k = _sizes(arguments.sizes, request.k)
        request = replace(request, sizes=type(request.sizes)(*sizes), k=k)
    return funnel, funnel.recommend(request, visitor=_visitor(funnel, request))


def _visitor(funnel, request):
    """Who asks, by the pattern that keeps their point; None where it is computed for each request.

    A command keeps nothing for the next one, so only people whom the catalog knows have a point already: by night.
    """
    from recsys.user_vectors import PATTERNS, RECOMPUTE, Visitor

    if request.vectors == RECOMPUTE or request.vectors not in PATTERNS:
        return None
    visitor = Visitor(said=request.profile)
    if request.profile.person is not None:
        for space in (request.space, *request.also):
            funnel.pattern(replace(request, space=space)).night([visitor])
    return visitor


def _sizes(text: str, k: int) -> list[int]:
    """Four sizes from `1000,200,20,10`; the last one, the list's length, may be left out."""
    from recsys.errors import InvalidInput, quoted

    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) not in (3, 4):
        raise InvalidInput(f"The sizes {quoted(text)} cannot be read.", "Write them like 1000,200,20,10.")
    return sizes if len(sizes) == 4 else [*sizes, k]


def _train(arguments, settings: Settings) -> dict:
    from recsys.learning import train
    from recsys.progress import Progress
    from recsys.version import open_current

    version = open_current(settings, arguments.catalog)
    return train(settings, version, arguments.model, arguments.further, arguments.interactions, Progress())


def _evaluate(arguments, settings: Settings) -> dict:
    return _measured(settings, arguments.catalog, arguments.protocol, arguments.model, arguments.out, arguments.tune)


def _measured(settings: Settings, name: str, protocol: str, models=(), out: Path | None = None, tune: bool = False):
    from recsys.learning import measure
    from recsys.progress import Progress
    from recsys.version import open_current

    version = open_current(settings, name)
    if protocol == "funnel":
        from recsys.lessons.stages import worth_of_stages

        return worth_of_stages(settings, version, out, Progress())
    return measure(settings, version, protocol, models, out, tune, Progress())


def _request(arguments, version):
    from recsys.errors import InvalidInput
    from recsys.funnel import Request
    from recsys.profile import Profile
    from recsys.where import Where

    known = version.facets.counts(version.catalog.categories)
    for category in arguments.category:
        if category not in known:
            raise InvalidInput(
                f"The catalog {version.name} has no category {category!r}.", f"It has: {', '.join(map(str, known))}."
            )
    both = set(arguments.like) & set(arguments.dislike)
    if both:
        raise InvalidInput(f"{sorted(both)[0]} cannot be both liked and disliked.", "Leave one of the two out.")
    profile = Profile(
        likes=tuple(dict.fromkeys(arguments.like)),
        dislikes=tuple(dict.fromkeys(arguments.dislike)),
        categories=tuple(dict.fromkeys(arguments.category)),
        person=arguments.user,
    ).wishing(arguments.wish)
    for fact in arguments.about:
        profile = profile.knowing(*_fact(fact, version))
    where = Where.parse(arguments.where, version.catalog)
    return Request(profile, arguments.space, arguments.blend, arguments.lam, where, arguments.k)


def _fact(text: str, version) -> tuple[str, str]:
    from recsys.errors import InvalidInput, quoted

    signal, _, group = text.partition(":")
    known = version.facts
    if group not in known.get(signal, ()):
        told = "; ".join(f"{name}: {', '.join(groups)}" for name, groups in known.items()) or "none"
        raise InvalidInput(f"The fact {quoted(text)} tells {version.name} nothing.", f"Known as SIGNAL:GROUP: {told}.")
    return signal, group


def _listed(funnel, profile, arguments, **request) -> dict:
    from recsys.explain import as_document
    from recsys.funnel import Request

    answer = funnel.recommend(Request(profile, space=arguments.space, k=arguments.k, **request))
    return as_document(funnel, answer)


def _import(arguments, settings: Settings) -> dict:
    from recsys.importing import cancellable, offered, run
    from recsys.progress import Progress
    from recsys.sources.imported.check import Offer

    paths = {name: getattr(arguments, name) for name in ("items", "images", "vectors", "interactions", "users")}
    words = {name: getattr(arguments, name) for name in ("text_encoder", "image_encoder", "label", "licence")}
    mapping, facets = (_pairs(flag, getattr(arguments, flag)) for flag in ("map", "facet"))
    offer = Offer(arguments.name, mapping=mapping, facets=facets, **paths, **words)
    if arguments.check:
        return offered(settings, offer, Progress()).report.document()
    with cancellable():
        return run(settings, offer)


def _pairs(flag: str, texts: Sequence[str]) -> dict[str, str]:
    """`--map` and `--facet`: the last equals sign splits a facet, whose kind has none; the first one a role."""
    from recsys.errors import InvalidInput, quoted

    pairs: dict[str, str] = {}
    for text in texts:
        key, found, value = text.partition("=") if flag == "map" else text.rpartition("=")
        if not found or not key:
            raise InvalidInput(f"--{flag} cannot be {quoted(text)}.", f"Write it like --{flag} title=NAME.")
        if key in pairs:
            raise InvalidInput(f"--{flag} names {quoted(key)} twice.", "Leave one of the two out.")
        pairs[key] = value
    return pairs


def _remove(arguments, settings: Settings) -> dict:
    from recsys.importing import remove

    return remove(settings, arguments.catalog)


def _export(arguments, settings: Settings) -> dict:
    from recsys.carry import export
    from recsys.version import open_current

    return export(open_current(settings, arguments.catalog), arguments.out)


def _pack(arguments, settings: Settings) -> dict:
    from recsys.carry import pack
    from recsys.version import open_current

    return pack(open_current(settings, arguments.catalog), arguments.out)


def _unpack(arguments, settings: Settings) -> dict:
    from recsys.carry import unpack

    return unpack(settings, arguments.file)


def _cold_start(arguments, settings: Settings) -> dict:
    if arguments.part in ("users", "items"):
        return _measured(settings, arguments.catalog, f"cold-{arguments.part}")
    funnel, wishes = _funnel(settings, arguments.catalog)
    version = funnel.version
    if arguments.part == "onboarding":
        from recsys.lessons.onboarding import compare

        return compare(version)
    if arguments.part == "population":
        from recsys.lessons.population import population

        return population(version)
    if arguments.part == "item":
        from recsys.lessons.new_item import READY, Draft, as_document, compose

        picture = None if arguments.image is None else wishes.add_picture(_picture(arguments.image))
        fields = arguments.title, arguments.description, arguments.tags
        draft = Draft(*(field or "" for field in fields), picture)
        if picture is None and fields == (None, None, None):
            draft = READY.get(version.name, draft)
        return as_document(version, compose(funnel, draft))
    from recsys.errors import InvalidInput
    from recsys.lessons.priors import learn_priors
    from recsys.lessons.story import READY, as_story, of_user, read_steps

    priors = None if version.catalog.interactions is None else learn_priors(version)
    if arguments.user is not None:
        steps, _ = of_user(version, arguments.user)
    else:
        ready = arguments.answer is None
        texts = READY.get(version.name, ()) if ready else filter(None, arguments.answer)
        steps, problems = read_steps(texts, version, priors)
        if problems and not ready:
            raise InvalidInput(problems[0])
    space = arguments.space or version.default_space
    asked = {"blend": arguments.blend, "lam": arguments.lam, "k": arguments.k}
    return as_story(funnel, priors, steps, space, arguments.off, **asked)


def _user_vectors(arguments, settings: Settings) -> dict:
    from recsys.lessons.user_vectors import as_document, person_of, tell

    funnel, _ = _funnel(settings, arguments.catalog)
    person = person_of(funnel.version, arguments.user)
    return as_document(funnel.version, tell(funnel, person, arguments.space, arguments.ttl))


def _diversity(arguments, settings: Settings) -> dict:
    from recsys.diversity import METHODS
    from recsys.lessons.diversity import SHOP_LAMS, compared, ready, shop, with_setting

    funnel, _ = _funnel(settings, arguments.catalog)
    methods = arguments.method or list(METHODS)
    if arguments.part == "shop":
        lams = SHOP_LAMS if arguments.lam is None else with_setting(arguments.lam)
        return shop(funnel, methods, lams, space=arguments.space, blend=arguments.blend, k=arguments.k)
    request = _request(arguments, funnel.version)
    profile, space = ready(funnel.version, request.profile, request.space)
    return compared(funnel, replace(request, profile=profile, space=space or funnel.best_space(profile)), methods)


def _bench_funnel(arguments, settings: Settings) -> dict:
    from recsys.bench.funnel import bench_funnel
    from recsys.progress import Progress

    return bench_funnel(
        settings,
        arguments.catalog,
        _at_least_one(arguments.requests, "requests"),
        [_at_least_one(n, "clients") for n in arguments.clients.split(",")],
        arguments.synthetic,
        arguments.minutes,
        arguments.out,
        arguments.cache,
        arguments.engine,
        Progress(),
    )


def _at_least_one(given: int | str, what: str) -> int:
    from recsys.errors import InvalidInput, quoted

    try:
        n = int(given)
    except ValueError:
        n = 0
    if n < 1:
        raise InvalidInput(f"{quoted(str(given))} {what} cannot be measured.", "Give a number of 1 or more.")
    return n


def _bench(arguments, settings: Settings) -> dict:
    if arguments.bench == "store":
        from recsys.bench.store import bench_store

        return bench_store(sizes=tuple(arguments.points))
    if arguments.bench == "build":
        from recsys.bench.build import bench_build

        return bench_build(settings)
    if arguments.bench == "import":
        from recsys.bench.importing import bench_import

        dims = None if arguments.vectors is None else _at_least_one(arguments.vectors, "dimensions")
        return bench_import(settings, _at_least_one(arguments.items, "items"), dims, arguments.keep)
    if arguments.bench == "diversity":
        from recsys.bench.diversity import bench_diversity

        return bench_diversity()
    if arguments.bench == "lessons":
        from recsys.bench.lessons import bench_lessons

        return bench_lessons(settings)
    if arguments.bench == "retrieval":
        return _bench_retrieval(arguments, settings)
    if arguments.bench == "conditions":
        return _bench_conditions(arguments, settings)
    if arguments.bench == "visitors":
        from recsys.bench.visitors import bench_visitors

        return bench_visitors(settings, arguments.catalog)
    if arguments.bench == "map":
        from recsys.bench.map import bench_map

        return bench_map(settings, arguments.catalog)
    if arguments.bench == "funnel":
        return _bench_funnel(arguments, settings)
    if arguments.bench == "related":
        from recsys.bench.related import bench_related

        return bench_related(settings)
    from recsys.bench.app import bench_app

    return bench_app(settings, arguments.catalog)


def _bench_conditions(arguments, settings: Settings) -> dict:
    from recsys.bench.conditions import bench_conditions
    from recsys.progress import Progress

    return bench_conditions(
        settings,
        arguments.catalog,
        arguments.space,
        _synthetic(arguments),
        arguments.out,
        _seed(arguments),
        Progress(),
    )


def _synthetic(arguments) -> tuple[int, ...] | None:
    return None if arguments.synthetic is None else _numbers("--synthetic", arguments.synthetic, "100000,384", 2)


def _seed(arguments) -> int:
    from recsys.errors import InvalidInput

    if arguments.seed < 0:
        raise InvalidInput(f"A seed is 0 or more; {arguments.seed} is not.")
    return arguments.seed


def _bench_retrieval(arguments, settings: Settings) -> dict:
    from recsys.bench.retrieval import bench_retrieval
    from recsys.errors import InvalidInput, quoted
    from recsys.progress import Progress
    from recsys.retrieval import ENGINES

    synthetic = _synthetic(arguments)
    sizes = () if arguments.sizes is None else _numbers("--sizes", arguments.sizes, "1000,10000,100000")
    for name in arguments.engine or ():
        if name not in ENGINES:
            raise InvalidInput(f"There is no engine {quoted(name)}.", f"There are: {', '.join(ENGINES)}.")
    if not 0 < arguments.minutes <= 24 * 60:
        raise InvalidInput(f"An engine cannot be given {arguments.minutes:g} minutes.", "Give more than 0, up to 1440.")
    return bench_retrieval(
        settings,
        arguments.catalog,
        arguments.space,
        synthetic,
        sizes,
        arguments.engine or ENGINES,
        arguments.out,
        _seed(arguments),
        arguments.minutes * 60,
        Progress(),
        _built_with(arguments),
        arguments.anew,
    )


def _built_with(arguments) -> dict[str, int]:
    from recsys.errors import InvalidInput, quoted

    build = {}
    for text in arguments.build or ():
        name, _, value = text.partition("=")
        if not (value.isascii() and value.isdigit()):
            raise InvalidInput(f"--build cannot be {quoted(text)}.", "Give an argument and a number, such as M=16.")
        build[name] = int(value)
    if build and not arguments.engine:
        raise InvalidInput("--build is for engines that are named.", "Add --engine E.")
    return build


def _numbers(flag: str, text: str, example: str, count: int | None = None) -> tuple[int, ...]:
    """Whole numbers above 0 with commas between."""
    from recsys.errors import InvalidInput, quoted

    numbers = tuple(int(part) if part.strip().isascii() and part.strip().isdigit() else 0 for part in text.split(","))
    if not all(numbers) or count not in (None, len(numbers)):
        raise InvalidInput(f"{flag} cannot be {quoted(text)}.", f"Give numbers above 0, such as {example}.")
    return numbers


def _readable(document: dict, indent: str = "") -> str:
    """A document for people: a line an item, nested parts indented."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{indent}{key}:")
            lines += [f"{indent}  " + "  ".join(_cell(v) for v in row.values()) for row in value]
        elif isinstance(value, dict):
            lines += [f"{indent}{key}:", _readable(value, indent + "  ")]
        else:
            lines.append(f"{indent}{key}: {_cell(value)}")
    return "\n".join(lines)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
