"""Building: fetch, draw, embed, learn, rank, project, relate, store; into a new version that then takes over.

The head that aligns pictures with words is learned by `align` and comes with the code, so that every machine has the
same spaces; a new head makes the next build embed the pictures anew.

Every step is cached by the content it was computed from, so a build can be killed anywhere and goes on when it is run
again, and a build of unchanged inputs does nothing.
"""

import ctypes
import errno
import io
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from PIL import Image

from recsys.cache import StepCache, key_of
from recsys.catalog import Catalog
from recsys.encoders import ImageEncoder, TextEncoder, load_image_encoder, load_text_encoder
from recsys.encoders.packaged import HEAD_FILE
from recsys.errors import CatalogError, InvalidInput, TastespaceError
from recsys.evaluation.records import read_records
from recsys.learning import (
    LEARNED,
    RANKED,
    RANKING_FILES,
    Lesson,
    checkpoint,
    lesson_of,
    ranking_keys,
    serving_of,
    teach,
    teach_rankers,
    trained,
)
from recsys.models import SPACES, create, load_model, read_about
from recsys.personas import wishes_of
from recsys.progress import Progress, progress_path
from recsys.projection import MAX_FIT, fit_map
from recsys.ranking import RANKERS
from recsys.ranking import create as create_ranker
from recsys.ranking import read_about as about_ranker
from recsys.ranking.features import FEATURES
from recsys.rates import ALWAYS, embedding, remember
from recsys.retrieval.precomputed import RelatedLists, related_lists
from recsys.retrieval.similarity import unit
from recsys.settings import DEFAULT_IMAGE_ENCODER, DEFAULT_TEXT_ENCODER, Settings
from recsys.sources import SOURCES, Source, sources
from recsys.sources.pictures import picture_and_thumbnail
from recsys.store import EXACT_BELOW, upload_version
from recsys.store.edge import write_shard
from recsys.version import (
    FORMAT,
    MANIFEST,
    BlobFile,
    Version,
    alone,
    built_names,
    bytes_on_disk,
    current_path,
    describe,
    open_current,
    publish,
    write_tables,
)
from recsys.wishes import encode_words, shares_space

_DISK_ERRORS = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS),
    *(errno.ENOTDIR, errno.EEXIST),  # TASTESPACE_DATA names a file
)
TEXT_BATCH = 256
PICTURE_BATCH = 64
DRAW_BATCH = 128
THUMBNAIL = 112
PICTURE = 384
MAP_SEED = 0
MAX_LISTED = 20_000
"""Items of a space whose lists of related items are made beforehand. Their number grows with the square of the items
(20,000: a minute and 24 MB a space; 100,000: half an hour); of more, an item is compared with all others when it is
asked for, which takes 20 ms at 100,000 and is as exact."""
MAX_LEARNED = 20_000
"""Items of a catalog that learns spaces: beyond, the simulated people's tastes alone fill gigabytes."""
MAX_RANKED = 10_000
"""Items of a catalog that learns rankers: their towers hold several tables of items by items."""
# Raise these whenever drawing, projecting or relating gives something else for the same input.
DRAWN = 3
MAPPED = 2
RELATED = 1


def fingerprint(settings: Settings, name: str, source: Source | None = None) -> str:
    """What a catalog's build depends on, as a hash. Needs neither data nor models, so it is instant.

    Args:
        settings: folders and encoders.
        name: the catalog.
        source: where it would come from; None for where it does.
    """
    source = source or sources(settings)[name]
    settings = source.settled(settings)
    return key_of(
        FORMAT,
        source.fingerprint(),
        settings.text_encoder if source.reads_text else None,
        _image_encoder_key(settings) if source.has_pictures else None,
        wishes_of(name),
        [LEARNED, *((model, create(model).settings) for model in SPACES.values())],
        [RANKED, list(FEATURES), *((ranker, create_ranker(ranker).settings) for ranker in RANKERS)],
        [_content_of(checkpoint(settings, name, space)) for space in SPACES],
        read_records(settings, name).get("cold-users"),
        [THUMBNAIL, PICTURE, MAP_SEED, DRAWN, MAPPED, RELATED],
    )


def _content_of(path: Path) -> str | None:
    return key_of(path.read_bytes()) if path.exists() else None


def _image_encoder_key(settings: Settings) -> str:
    """The setting, and for the packaged encoder the head that `align` may have learned anew."""
    if settings.image_encoder != DEFAULT_IMAGE_ENCODER:
        return settings.image_encoder
    return key_of(settings.image_encoder, HEAD_FILE.read_bytes())


def is_current(settings: Settings, name: str, source: Source | None = None) -> bool:
    """Whether a build of the catalog would have nothing to do; `source` as for `fingerprint`."""
    path = current_path(settings, name)
    if path is None:
        return False
    try:
        return Version(path).manifest["fingerprint"] == fingerprint(settings, name, source)
    except CatalogError:
        return False


def build_all(settings: Settings, names: Sequence[str] | None = None, force: bool = False) -> list[dict]:
    """Builds catalogs one after the other; one that cannot be built does not keep the others from it.

    Args:
        settings: folders and encoders.
        names: which; None for all.
        force: build new versions even where nothing changed.

    Returns:
        What `overview` says of each.

    Raises:
        InvalidInput: no such catalog, or one would be built while the app is public.
        CatalogError: one that was asked for by name could not be built, or none is there to serve.
    """
    failures, known = [], sources(settings)
    for name in names or known:
        if name not in known:
            raise InvalidInput(f"There is no catalog {name} to build.", f"Known: {', '.join(known)}.")
    for name in names or known:
        progress = Progress(progress_path(settings, name))
        try:
            if force or not is_current(settings, name):
                settings.require_private("Builds")
            build(settings, name, progress, force)
            progress.finished()
        except TastespaceError as error:
            progress.failed(error)
            failures.append((name, error))
    # What serves already goes on serving: a moment offline is no reason not to start the app.
    raised = failures[0][1] if failures and (names or not built_names(settings)) else None
    for name, error in failures:
        if error is not raised:
            print(f"{name}: {error}", file=sys.stderr)
    if raised is not None:
        raise raised
    return [row for row in overview(settings) if row["catalog"] in (names or known)]


def build(settings: Settings, name: str, progress: Progress, force: bool = False) -> Version:
    """Builds one catalog, or opens it where it is built already.

    Raises:
        CatalogError: the data cannot be fetched or the disk is full; what served before goes on serving.
        TastespaceError: an encoder cannot be loaded, or a Qdrant server does not answer.
    """
    with disk_errors_explained(), alone(settings, name):
        return build_alone(settings, name, progress, force)


def build_alone(
    settings: Settings,
    name: str,
    progress: Progress,
    force: bool = False,
    source: Source | None = None,
    settle: Callable[[], None] = lambda: None,
) -> Version:
    """`build`, for who holds the catalog's lock already.

    Args:
        settings: folders and encoders.
        name: the catalog.
        progress: told how far it is.
        force: build a new version even where nothing changed.
        source: where the catalog comes from; None for what is kept under its name.
        settle: called once nothing can go wrong any more, a moment before the new version serves.
    """
    home = settings.catalogs / name
    source = source or sources(settings)[name]
    if force or not is_current(settings, name, source):
        for stale in home.glob(".building-*"):
            shutil.rmtree(stale, ignore_errors=True)
        for stale in home.glob(".current-*"):
            stale.unlink(missing_ok=True)
        work = home / f".building-{os.getpid()}"
        try:
            work.mkdir()
            version_id = _write(settings, source, work, progress)["id"]
            upload_version(settings, Version(work), progress)  # before anybody is pointed to it
            settle()
            publish(settings, name, work, version_id)
        finally:  # where it failed: half a version must not go on filling the disk
            shutil.rmtree(work, ignore_errors=True)
    else:
        upload_version(settings, open_current(settings, name), progress)
        settle()
    return open_current(settings, name)


class _Steps:
    """Cached steps of one build, and the rates of what had to be computed.

    Attributes:
        rates: items and seconds of each step, as the manifest tells them.
        took: seconds of each step; those that came from the cache are left out.
        measured: units and seconds by rate, as `recsys.rates` remembers them.
    """

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.rates: dict[str, dict] = {}
        self.took: dict[str, float] = {}
        self.measured: dict[str, tuple[int, float]] = {}
        self._cache = StepCache(settings.data / "steps.sqlite")
        self.progress = progress

    def run(
        self,
        step: str,
        keys: list[str],
        compute: Callable[[list[int]], list[bytes]],
        batch: int,
        rate: str = "",
        units: int = 1,
    ) -> list[bytes]:
        """The values of all keys: from the cache, else computed for positions in `keys`, `batch` at a time.

        Measures the rate of that name, where one is named; a key counts for so many units.
        """
        items, seconds = 0, 0.0

        def timed(positions: list[int]) -> list[bytes]:
            nonlocal items, seconds
            start = time.perf_counter()
            values = compute(positions)
            items, seconds = items + len(positions), seconds + time.perf_counter() - start
            return values

        values = self._cache.through(keys, timed, batch, self.progress, step)
        if items:
            self.rates[step] = {"items": items, "seconds": round(seconds, 2)}
            self.took[step] = seconds
            if rate:
                self.measure(rate, items * units, seconds)
        return values

    def measure(self, rate: str, units: int, seconds: float) -> None:
        """Adds to what a rate is measured by."""
        before = self.measured.get(rate, (0, 0.0))
        self.measured[rate] = before[0] + units, before[1] + seconds

    def vectors(
        self, step: str, keys: list[str], encode: Callable[[list[int]], np.ndarray], batch: int, rate: str = ""
    ) -> np.ndarray:
        """`run` for values that are vectors: (n, d) float32."""
        values = self.run(step, keys, lambda at: [v.tobytes() for v in encode(at).astype(np.float32)], batch, rate)
        return np.stack([np.frombuffer(value, dtype=np.float32) for value in values])


def _write(settings: Settings, source: Source, work: Path, progress: Progress) -> dict:
    """Fills the folder `work` with a version and returns its manifest."""
    started, steps, name = time.perf_counter(), _Steps(settings, progress), source.name
    print_, settings = fingerprint(settings, name, source), source.settled(settings)
    catalog = source.load(settings, progress)
    steps.took["fetch"] = time.perf_counter() - started
    write_tables(work, catalog)
    pictures = _draw(steps, source.picture_reader(settings), catalog) if source.has_pictures else None
    if pictures is not None:
        BlobFile.write(work / "pictures.bin", (large for large, _ in pictures))
        BlobFile.write(work / "thumbnails.bin", (small for _, small in pictures))
    spaces, encoders = _embed(steps, settings, source, catalog, pictures)
    default = next(space for space in ("given", "blend", "text") if space in spaces)
    for space, vectors in spaces.items():
        np.save(work / f"{space}.npy", vectors)
    _write_wishes(work / "wishes.npz", wishes_of(name), encoders)
    manifest = {
        "format": FORMAT,
        "id": "unfinished",
        **describe(catalog),
        "spaces": {space: _described(vectors) for space, vectors in spaces.items()},
        "default_space": default,
    }
    (work / MANIFEST).write_text(json.dumps(manifest))
    version = Version(work)
    manifest |= {"learned": {}, "serving": [], "rankers": {}, "lists": len(catalog) <= MAX_LISTED}
    if len(catalog) <= MAX_LEARNED:
        lesson = lesson_of(version)
        manifest |= _learn(steps, settings, version, lesson, spaces)
        if ranks(name, len(catalog), catalog.interactions is not None):
            manifest |= {"rankers": _rank(steps, version, lesson)}
    maps = {space: [2, 3] if space == default else [2] for space in spaces}
    for space, vectors in spaces.items():
        for dims in maps[space]:
            np.save(work / f"map-{space}-{dims}d.npy", _project(steps, space, vectors, dims))
        if manifest["lists"]:
            _relate(steps, space, vectors).write(work, space)
    began = time.perf_counter()
    write_shard(work / "shard", spaces, catalog, progress)
    steps.took["store"] = time.perf_counter() - began
    stored = "index items" if len(catalog) >= EXACT_BELOW else "store items"  # with a graph, or without one
    steps.measure(stored, len(catalog) * len(spaces), steps.took["store"])
    _measure_start(steps, time.perf_counter() - started)
    remember(settings, steps.measured)
    moment = datetime.now(UTC)
    manifest |= {
        "id": f"{moment:%Y%m%d-%H%M%S}-{print_[:6]}",
        "fingerprint": print_,
        "built_at": moment.isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - started, 1),
        "spaces": {space: _described(vectors) for space, vectors in spaces.items()},
        "maps": maps,
        "encoders": encoders,
        "rates": steps.rates,
    }
    (work / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False))
    return manifest


def _measure_start(steps: _Steps, seconds: float) -> None:
    """Measures starting up: what no step accounts for, and what the first map took longer than the last.

    Only where models were loaded and maps fitted; what comes from the cache starts nothing.
    """
    maps = [took for step, took in steps.took.items() if step.startswith("map of")]
    if len(maps) > 1 and any(step.startswith("embed") for step in steps.took):
        compiling = max(0.0, maps[0] - maps[-1])
        steps.measure("start up", 1, seconds - sum(steps.took.values()) + compiling)


def _described(vectors: np.ndarray) -> dict[str, int]:
    return {"dim": vectors.shape[1], "items": int(vectors.any(axis=1).sum())}


def _learn(steps: _Steps, settings: Settings, version: Version, lesson: Lesson, spaces: dict[str, np.ndarray]) -> dict:
    """Adds the learned spaces to `spaces`, writes their models and vectors, and returns their part of the manifest."""
    learned = {}
    for space in SPACES if lesson.enough else ():
        kept = trained(settings, version.name, space, lesson)
        if kept is None:
            step = f"learn {SPACES[space]}"
            keys = [key_of(lesson.key(SPACES[space]))]
            (kept,) = steps.run(step, keys, lambda _, space=space: [teach(lesson, space, steps.progress)], batch=1)
        version.model_file(space).write_bytes(kept)
        spaces[space] = np.array(load_model(version.model_file(space), lesson.side).vectors, dtype=np.float32)
        np.save(version.path / f"{space}.npy", spaces[space])
        learned[space] = read_about(version.model_file(space))
    fresh = [steps.took[step] for model in SPACES.values() if (step := f"learn {model}") in steps.took]
    if len(fresh) == len(SPACES):
        steps.measure("learn items", len(lesson.side) + ALWAYS["learn items"], sum(fresh))
    return {"learned": learned, "serving": serving_of(settings, version, lesson) if learned else []}


def ranks(name: str, items: int, interactions: bool) -> bool:
    """Whether rankers are learned for a catalog.

    What somebody brings without interactions has none: what a ranker learned there of made-up people would tell nobody
    anything, and take a third of the import. The catalogs that come with the app show what it looks like.
    """
    return items <= MAX_RANKED and (interactions or name in SOURCES)


def _rank(steps: _Steps, version: Version, lesson: Lesson) -> dict[str, dict]:
    """Writes the rankers and the tables of their features, and returns their part of the manifest."""
    if not lesson.enough:
        return {}

    def compute(positions: list[int]) -> list[bytes]:
        files = teach_rankers(lesson, steps.progress)
        return [files[j] for j in positions]

    files = steps.run("learn to rank", ranking_keys(lesson), compute, batch=len(RANKING_FILES))
    if not all(files):
        return {}
    if "learn to rank" in steps.took:
        steps.measure("rank items", len(lesson.side) + ALWAYS["rank items"], steps.took["learn to rank"])
    paths = [version.features_file, *map(version.ranker_file, RANKERS)]
    for path, content in zip(paths, files, strict=True):
        path.write_bytes(content)
    return {name: about_ranker(version.ranker_file(name)) for name in RANKERS}


def _draw(steps: _Steps, read: Callable[[str], bytes], catalog: Catalog) -> list[tuple[bytes, bytes]]:
    """Each item's picture and thumbnail as WebP; both empty where its picture cannot be drawn."""
    paths = catalog.items["image"].tolist()

    def raw(position: int) -> bytes:  # read when it is needed: together they may be larger than the memory
        return b"" if paths[position] is None else read(paths[position])

    keys = [key_of("draw", DRAWN, PICTURE, THUMBNAIL, raw(position)) for position in range(len(paths))]
    context = get_context("spawn")
    with ProcessPoolExecutor(mp_context=context, initializer=_end_with_parent, initargs=(os.getpid(),)) as pool:

        def draw(positions: list[int]) -> list[bytes]:
            drawn = pool.map(
                picture_and_thumbnail, [raw(i) for i in positions], repeat(PICTURE), repeat(THUMBNAIL), chunksize=8
            )
            return [_joined(*pair) for pair in drawn]

        return [_split(pair) for pair in steps.run("draw pictures", keys, draw, DRAW_BATCH, "draw pictures")]


def _end_with_parent(parent: int) -> None:
    """Lets a worker end when its parent is killed; it would wait for work forever."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:  # killed while the worker was still starting: no signal will come any more
        os._exit(1)


def _embed(
    steps: _Steps,
    settings: Settings,
    source: Source,
    catalog: Catalog,
    pictures: list[tuple[bytes, bytes]] | None,
) -> tuple[dict[str, np.ndarray], dict[str, str | None]]:
    """The content spaces, (n, d) float32 by name, and the names of the encoders that made them."""
    names: dict[str, str | None] = {"text": None, "image": None, "image_text": None}
    spaces = {} if source.vectors is None else {"given": source.vectors(settings)}
    texts = catalog.items["text"].tolist()
    if source.reads_text:
        encoder = load_text_encoder(settings.text_encoder)
        names["text"], spaces["text"] = encoder.name, _embed_texts(steps, encoder, texts)
    if pictures is not None and source.reads_pictures:
        viewer = load_image_encoder(settings.image_encoder)
        names |= {"image": viewer.name, "image_text": viewer.text_name}
        spaces["image"] = _embed_pictures(steps, viewer, [large for large, _ in pictures])
        if "text" in spaces:
            second, absent = spaces["image"].copy(), np.flatnonzero(~spaces["image"].any(axis=1))
            if len(absent):  # an item without a picture is told to the image encoder in words
                told = [texts[i] for i in absent]
                second[absent] = spaces["text"][absent] if shares_space(names) else viewer.encode_queries(told)
            spaces["blend"] = np.hstack([spaces["text"], second])
    return spaces, names


def _embed_texts(steps: _Steps, encoder: TextEncoder, texts: list[str]) -> np.ndarray:
    keys, characters = [key_of("text", encoder.name, text) for text in texts], 0

    def encode(positions: list[int]) -> np.ndarray:
        nonlocal characters
        fresh = [texts[i] for i in positions]
        characters += sum(map(len, fresh))
        return encoder.encode_items(fresh)

    vectors = steps.vectors("embed texts", keys, encode, TEXT_BATCH)
    if characters:
        steps.measure(embedding("characters", encoder.name), characters, steps.took["embed texts"])
    return vectors


def _embed_pictures(steps: _Steps, encoder: ImageEncoder, pictures: list[bytes]) -> np.ndarray:
    """(n, d) float32; a zero row where there is no picture."""
    present = [i for i, picture in enumerate(pictures) if picture]
    keys = [key_of("picture", encoder.name, pictures[i]) for i in present]
    vectors = np.zeros((len(pictures), encoder.dim), dtype=np.float32)
    vectors[present] = steps.vectors(
        "embed pictures",
        keys,
        lambda at: encoder.encode_items([_opened(pictures[present[i]]) for i in at]),
        PICTURE_BATCH,
        embedding("pictures", encoder.name),
    )
    return vectors


def _opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture))


def _project(steps: _Steps, space: str, vectors: np.ndarray, dims: int) -> np.ndarray:
    key, step = key_of("map", MAPPED, vectors.tobytes(), dims, MAP_SEED), f"map of {space} in {dims}D"
    began = placing = 0.0

    def told(done: int, total: int, what: str) -> None:
        nonlocal placing
        if what == "place points" and not placing:
            placing = time.perf_counter()
        steps.progress(done, total, what)

    def fit(_: list[int]) -> list[bytes]:
        nonlocal began
        began = time.perf_counter()
        return [fit_map(vectors, dims, MAP_SEED, told if len(vectors) > MAX_FIT else None).tobytes()]

    (coords,) = steps.run(step, [key], fit, batch=1)
    if step in steps.took:
        fitting = placing - began if placing else steps.took[step]
        if any(other != step for other in steps.took if other.startswith("map of")):  # the first one compiles
            steps.measure("map points", min(len(vectors), MAX_FIT), fitting)
        if placing:
            steps.measure("place points", len(vectors) - MAX_FIT, steps.took[step] - fitting)
    return np.frombuffer(coords, dtype=np.float32).reshape(-1, dims)


def _relate(steps: _Steps, space: str, vectors: np.ndarray) -> RelatedLists:
    """The items most alike each item by cosine; the lists of unchanged vectors are not made again."""
    key = key_of("related", RELATED, vectors.shape[1], vectors.tobytes())
    (lists,) = steps.run(
        f"related items by {space}",
        [key],
        lambda _: [RelatedLists(*related_lists(unit(vectors))).to_bytes()],
        batch=1,
        rate="relate pairs",
        units=len(vectors) ** 2,
    )
    return RelatedLists.from_bytes(lists, len(vectors))


def _write_wishes(path: Path, wishes: Sequence[str], encoders: dict[str, str | None]) -> None:
    """Encodes the wishes of personas and examples now, so that a demo never waits for a model."""
    vectors = encode_words(list(wishes), encoders) if wishes else []
    halves = {half: np.stack([v[half] for v in vectors]) for half in (vectors[0] if vectors else ())}
    np.savez(path, words=np.array(wishes, dtype=np.str_), **halves)


def _joined(large: bytes, small: bytes) -> bytes:
    return len(large).to_bytes(4, "big") + large + small


def _split(pair: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(pair[:4], "big")
    return pair[4:end], pair[end:]


@contextmanager
def disk_errors_explained() -> Iterator[None]:
    """Turns what a disk or its permissions refuse into a sentence."""
    try:
        yield
    except OSError as error:
        short_write = "requested and" in str(error)  # how NumPy tells of a full disk
        if error.errno not in _DISK_ERRORS and not short_write:
            raise
        raise CatalogError(
            f"The build cannot write to the data folder: {error.strerror or 'the disk is full'}.",
            "What served before goes on serving. Make room, or point TASTESPACE_DATA elsewhere, and build again.",
        ) from error


def overview(settings: Settings) -> list[dict]:
    """What is known of each catalog, built or not: a row each, with `built`, counts, spaces, encoders and licence."""
    rows = []
    for name in dict.fromkeys((*sources(settings), *built_names(settings))):
        path = current_path(settings, name)
        if path is None:
            rows.append({"catalog": name, "built": False, "build": f"python -m recsys build --catalog {name}"})
            continue
        try:
            m = Version(path).manifest
        except CatalogError as error:
            again = f"python -m recsys build --catalog {name}"
            rows.append({"catalog": name, "built": False, "problem": str(error), "build": again})
            continue
        rows.append(
            {
                "catalog": name,
                "built": True,
                "version": m["id"],
                **{key: m[key] for key in ("items", "interactions", "users", "spaces", "default_space", "encoders")},
                "built_at": m["built_at"],
                "seconds": m["seconds"],
                "bytes": bytes_on_disk(path),
                "licence": m["licence"],
                "citation": m["citation"],
            }
        )
    return rows


def align(settings: Settings, seed: int = 0, out: Path | None = None) -> dict:
    """Learns the head of the packaged image encoder from the clip art's picture-caption pairs.

    Args:
        settings: where the data is.
        seed: of split, weights and batches.
        out: the file to write; None replaces the packaged head.

    Returns:
        The report: held-out recall@1, @5 and @10 from text to picture, how many pairs were used, the file.
    """
    from recsys.encoders import align as learning
    from recsys.encoders.lite0_minilm import load_lite0_minilm

    progress = Progress()
    steps, source = _Steps(settings, progress), SOURCES["clipart"]
    catalog = source.load(settings, progress)
    pictures = [large for large, _ in _draw(steps, source.picture_reader(settings), catalog)]
    present = [i for i, picture in enumerate(pictures) if picture]
    texts = [catalog.items["text"].iat[i] for i in present]
    encoder = load_lite0_minilm()
    features = steps.vectors(
        "features of pictures",
        [key_of("features", encoder.features_name, pictures[i]) for i in present],
        lambda at: encoder.features([_opened(pictures[present[i]]) for i in at]),
        PICTURE_BATCH,
    )
    # Not from the cache: a text's vector depends a little on the batch it was in, and the head must come out the same.
    vectors = load_text_encoder(DEFAULT_TEXT_ENCODER).encode_items(texts)
    out = out or learning.HEAD_FILE
    return {**learning.align(features, vectors, texts, seed, out, progress), "out": str(out)}
