"""Estimates: what building an offer will make, and how many seconds and bytes it will take on this machine."""

from contextlib import suppress

import numpy as np

from recsys.build import MAX_LEARNED, MAX_LISTED, MAX_RANKED, PICTURE, THUMBNAIL, ranks
from recsys.encoders.revision import split_revision
from recsys.errors import CatalogError, InvalidInput
from recsys.learning import MIN_ITEMS, MIN_PEOPLE, SIMULATED_LIKES, SIMULATED_PEOPLE
from recsys.models import SPACES, create
from recsys.projection import MAX_FIT
from recsys.rates import ALWAYS, REFERENCE, embedding, rates
from recsys.retrieval.precomputed import LENGTH
from recsys.settings import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER, Settings
from recsys.sources.imported.archive import open_pictures
from recsys.sources.imported.check import Checked
from recsys.sources.pictures import picture_and_thumbnail
from recsys.store import EXACT_BELOW
from recsys.version import Version, built_names, current_path

PACKAGED = {("text", DEFAULT_TEXT_ENCODER): 384, ("image", DEFAULT_IMAGE_ENCODER): 384}
"""Dimensions of the encoders that come along."""
USUAL_DIM = 768
"""What is reckoned with for an encoder that built nothing here yet."""
IN_WORDS = {
    "given": "own vectors",
    "text": "words",
    "image": "pictures",
    "blend": "both",
    "mf": "factors",
    "two_tower": "two towers",
}
"""What spaces are called on pages."""
DRAWN = 12
"""Pictures that are drawn to see how large they become."""
MODEL_BYTES, MODEL_BYTES_ITEM = 600_000, 2_500
"""What the models of the learned spaces take, however few items there are, and for each."""
SHARD_BYTES = 500_000
"""What the store takes, however few items there are."""


def estimate(settings: Settings, checked: Checked, check_s: float = 0.0) -> dict:
    """What will be built of an offer, and what that will take on this machine.

    Args:
        settings: folders and encoders.
        checked: the offer.
        check_s: seconds that checking it took; an import checks again.

    Returns:
        `spaces` (space, dim or None where nobody knows it yet, and what makes it), `plan`: sentences on what will be
        built, `steps` (step, items, seconds, and whether this machine measured the rate), `seconds` and `bytes` of all,
        `guessed`: sentences on what was never measured here, and `skipped`: what a catalog of this size goes without.
    """
    n, known, reads, pictures = len(checked.catalog), rates(settings), checked.reads, checked.report.pictures
    interactions, people = checked.catalog.interactions is not None, checked.report.people
    enough = not interactions or people >= MIN_PEOPLE
    learns = MIN_ITEMS <= n <= MAX_LEARNED and enough
    ranked = learns and ranks(checked.offer.name, n, interactions)
    listed = n <= MAX_LISTED
    text = checked.offer.text_encoder or settings.text_encoder
    image = checked.offer.image_encoder or settings.image_encoder
    spaces = _spaces(settings, checked, text, image, learns)
    fresh = ~checked.catalog.items["text"].isin(_texts_before(settings, checked)) if reads.text else np.zeros(n, bool)
    characters = int(checked.catalog.items["text"].str.len()[fresh].sum())
    maps = len(spaces) + 1  # each in two dimensions, the first one in three, too
    work = {
        "start up": (1, "start up", 1),
        "draw pictures": (pictures, "draw pictures", pictures),
        "embed texts": (int(np.sum(fresh)), embedding("characters", text), characters),
        "embed pictures": (pictures * reads.image, embedding("pictures", image), pictures),
        "learn items": (n * learns, "learn items", n + ALWAYS["learn items"]),
        "rank items": (n * ranked, "rank items", n + ALWAYS["rank items"]),
        "map points": (min(n, MAX_FIT) * maps, "map points", min(n, MAX_FIT) * maps),
        "place points": (max(0, n - MAX_FIT) * maps, "place points", max(0, n - MAX_FIT) * maps),
        "relate items": (n * len(spaces) * listed, "relate pairs", n * n * len(spaces)),
    }
    stored = "index items" if n >= EXACT_BELOW else "store items"
    work[stored] = (n * len(spaces), stored, n * len(spaces))
    steps = [{"step": "check rows", "items": checked.report.given, "seconds": round(check_s, 1), "measured": True}]
    for step, (items, rate, units) in work.items():
        if items:
            speed, measured = known.get(rate) or (_speed_of_the_usual(step, known), False)
            steps.append({"step": step, "items": int(items), "seconds": round(units / speed, 1), "measured": measured})
    strangers = {
        text: bool(characters) and embedding("characters", text) not in known,
        image: reads.image and embedding("pictures", image) not in known,
    }
    skipped = {
        f"With more than {MAX_LEARNED:,} items no space is learned from ratings.": n > MAX_LEARNED,
        f"With more than {MAX_RANKED:,} items no ranker is learned.": n > MAX_RANKED,
        "Without anybody's interactions no ranker is learned: it would know made-up people.": not interactions,
        f"With more than {MAX_LISTED:,} items related ones are compared when they are asked for.": not listed,
        f"The map lays out {MAX_FIT:,} of the items; the others are placed among them.": n > MAX_FIT,
        f"Fewer than {MIN_ITEMS} items tell nothing of taste: no space is learned.": n < MIN_ITEMS,
        f"Fewer than {MIN_PEOPLE} people tell nothing of taste: no space and no ranker is learned.": not enough,
    }
    return {
        "spaces": spaces,
        "plan": _plan(checked, spaces, learns, ranked),
        "seconds": round(sum(step["seconds"] for step in steps), 1),
        "bytes": _bytes(checked, spaces, learns, ranked, listed),
        "steps": steps,
        "guessed": [
            f"How fast {encoder} is here is not measured yet, so the time is a guess: by the encoder that comes along. "
            "A larger one may take many times as long."
            for encoder, stranger in strangers.items()
            if stranger
        ],
        "skipped": [sentence for sentence, holds in skipped.items() if holds],
    }


def _speed_of_the_usual(step: str, known: dict[str, tuple[float, bool]]) -> float:
    """What the encoder that comes along does a second."""
    usual = {
        "embed texts": embedding("characters", DEFAULT_TEXT_ENCODER),
        "embed pictures": embedding("pictures", DEFAULT_IMAGE_ENCODER),
    }[step]
    return known.get(usual, (REFERENCE[usual], False))[0]


# -- What will be built -----------------------------------------------------------------------------------------------


def _spaces(settings: Settings, checked: Checked, text: str, image: str, learns: bool) -> list[dict]:
    reads, both = checked.reads, checked.reads.text and checked.reads.image
    dims = {"text": _dim(settings, "text", text), "image": _dim(settings, "image", image)}
    found = []
    if checked.vectors is not None:
        found.append({"space": "given", "dim": checked.report.dims, "by": "whoever brought them"})
    if reads.text:
        found.append({"space": "text", "dim": dims["text"], "by": text})
    if reads.image:
        found.append({"space": "image", "dim": dims["image"], "by": image})
    if both:
        known = None not in dims.values()
        found.append({"space": "blend", "dim": sum(dims.values()) if known else None, "by": "these two"})
    if learns:
        for space, model in SPACES.items():
            told = create(model).settings
            found.append({"space": space, "dim": told.get("dim", told.get("factors")), "by": model})
    return found


def _dim(settings: Settings, space: str, encoder: str) -> int | None:
    """Dimensions of an encoder's vectors: as something was built with it here; None where nothing was."""
    if (space, encoder) in PACKAGED:
        return PACKAGED[space, encoder]
    for name in built_names(settings):
        with suppress(CatalogError, OSError, ValueError, KeyError):
            m = Version(current_path(settings, name)).manifest
            if split_revision(m["encoders"][space] or "")[0] == encoder:
                return m["spaces"][space]["dim"]
    return None


def _plan(checked: Checked, spaces: list[dict], learns: bool, ranked: bool) -> list[str]:
    """What will be built, in sentences."""
    content = [space for space in spaces if space["space"] not in SPACES]
    learned = [space for space in spaces if space["space"] in SPACES]
    report = checked.report
    if checked.catalog.interactions is not None:
        who = f"{report.interactions:,} interactions of {report.people:,} people, who came along"
    else:
        likes = min(SIMULATED_LIKES, len(checked.catalog))
        who = f"{SIMULATED_PEOPLE:,} simulated people with {likes} likes each, since nobody's interactions came along"
    start = next(name for name in ("given", "blend", "text") if name in {space["space"] for space in spaces})
    ranking = "two, which learn from the same people" if ranked else "none"
    return [
        f"Spaces: {'; '.join(map(_described, content))}.",
        f"Learned spaces: {'; '.join(map(_described, learned))}. They learn from {who}."
        if learns
        else "Learned spaces: none.",
        f"Rankers: {ranking}.",
        f"Maps: each space in 2D; {IN_WORDS[start]} in 3D, too.",
    ]


def _described(space: dict) -> str:
    dims = "dimensions not known yet" if space["dim"] is None else f"{space['dim']:,} dimensions"
    return f"{IN_WORDS.get(space['space'], space['space'])} ({dims}, by {space['by']})"


# -- What it will take ------------------------------------------------------------------------------------------------


def _bytes(checked: Checked, spaces: list[dict], learns: bool, ranked: bool, listed: bool) -> int:
    """What the version, the step cache and the kept files will take."""
    n, dims = len(checked.catalog), {space["space"]: space["dim"] or USUAL_DIM for space in spaces}
    vectors = 4 * n * sum(dims.values())
    # Whatever encoders, projection, relating and learning gave is in the version and in the cache.
    embedded = 4 * n * sum(dims.get(space, 0) for space in ("text", "image"))
    lists = 12 * min(LENGTH, n) * n * len(spaces) * listed
    learned = (MODEL_BYTES + MODEL_BYTES_ITEM * n) * learns + 4 * n * n * ranked  # rankers: items by items
    both = lists + learned + 8 * n * (len(spaces) + 1) + checked.report.pictures * _drawn_bytes(checked)
    kept = _picture_bytes(checked) + 4 * n * checked.report.dims
    stored = vectors + SHARD_BYTES
    return int(vectors + stored + embedded + 2 * both + kept + 4 * _table_bytes(checked))


def _drawn_bytes(checked: Checked) -> int:
    """What a picture and its thumbnail take once they are drawn: the mean of a few of them."""
    names = checked.catalog.items["image"].dropna().tolist()
    if checked.offer.images is None or not names:
        return 0
    sizes = []
    with open_pictures(checked.offer.images) as pictures:
        for place in np.linspace(0, len(names) - 1, min(len(names), DRAWN)).astype(int):
            with suppress(InvalidInput, OSError):
                sizes.append(sum(map(len, picture_and_thumbnail(pictures.read(names[place]), PICTURE, THUMBNAIL))))
    return int(np.mean(sizes)) if sizes else 0


def _texts_before(settings: Settings, checked: Checked) -> set[str]:
    """Texts whose vectors the step cache has: the version that now serves was made of them by the same encoder."""
    path = current_path(settings, checked.offer.name)
    with suppress(CatalogError, OSError, ValueError, KeyError):
        if path is not None:
            version = Version(path)
            encoder = checked.offer.text_encoder or settings.text_encoder
            if split_revision(version.manifest["encoders"]["text"] or "")[0] == encoder:
                return set(version.catalog.items["text"])
    return set()


def _table_bytes(checked: Checked) -> int:
    given = (checked.offer.items, checked.offer.interactions, checked.offer.users)
    return sum(path.stat().st_size for path in given if path is not None)


def _picture_bytes(checked: Checked) -> int:
    path = checked.offer.images
    if path is None:
        return 0
    return path.stat().st_size if path.is_file() else sum(f.lstat().st_size for f in path.rglob("*") if f.is_file())
