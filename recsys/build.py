"""Building: fetch -> draw -> embed -> align -> project -> store, into a new version that then takes over.

Every step is cached by the content it was computed from, so a build can be killed anywhere and goes on when it is run
again, and a build of unchanged inputs does nothing.
"""

import errno
import fcntl
import io
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from recsys.cache import StepCache, key_of
from recsys.catalog import Catalog
from recsys.encoders import ImageEncoder, load_image_encoder, load_text_encoder
from recsys.errors import CatalogError, InvalidInput, TastespaceError
from recsys.personas import wishes_of
from recsys.progress import Progress
from recsys.projection import fit_map
from recsys.settings import Settings
from recsys.sources import SOURCES
from recsys.store import upload
from recsys.version import (
    FORMAT,
    MANIFEST,
    BlobFile,
    Version,
    built_names,
    current_path,
    describe,
    open_current,
    publish,
    write_tables,
)
from recsys.wishes import encode_words, shares_space

TEXT_BATCH = 256
PICTURE_BATCH = 64
THUMBNAIL = 112
PICTURE = 448
MAP_SEED = 0


def fingerprint(settings: Settings, name: str) -> str:
    """What a catalog's build depends on, as a hash. Needs neither data nor models, so it is instant."""
    source = SOURCES[name]
    return key_of(
        FORMAT,
        source.fingerprint(),
        settings.text_encoder,
        settings.image_encoder if source.has_pictures else None,
        wishes_of(name),
        [THUMBNAIL, PICTURE, MAP_SEED],
    )


def is_current(settings: Settings, name: str) -> bool:
    """Whether a build of the catalog would have nothing to do."""
    path = current_path(settings, name)
    if path is None:
        return False
    try:
        return Version(path).manifest["fingerprint"] == fingerprint(settings, name)
    except CatalogError:
        return False


def progress_path(settings: Settings, name: str) -> Path:
    """The file in which a build of the catalog tells how far it is."""
    return settings.data / f"progress-{name}.json"


def build_all(settings: Settings, names: Sequence[str] | None = None, force: bool = False) -> list[dict]:
    """Builds catalogs one after the other; one that cannot be built does not keep the others from it.

    Args:
        settings: folders and encoders.
        names: which; None for all.
        force: build new versions even where nothing changed.

    Returns:
        What `overview` says of each.

    Raises:
        InvalidInput: no such catalog.
        CatalogError: none of them could be built, or one that was asked for by name.
    """
    failures = []
    for name in names or SOURCES:
        if name not in SOURCES:
            raise InvalidInput(f"There is no catalog {name} to build.", f"Known: {', '.join(SOURCES)}.")
    for name in names or SOURCES:
        progress = Progress(progress_path(settings, name))
        try:
            build(settings, name, progress, force)
            progress.finished()
        except TastespaceError as error:
            progress.failed(error)
            failures.append((name, error))
            print(f"{name}: {error}", file=sys.stderr)
    if failures and (names or len(failures) == len(SOURCES)):
        raise failures[0][1]
    return [row for row in overview(settings) if row["catalog"] in (names or SOURCES)]


def build(settings: Settings, name: str, progress: Progress, force: bool = False) -> Version:
    """Builds one catalog, or opens it where it is built already.

    Raises:
        CatalogError: the data cannot be fetched or the disk is full; what served before goes on serving.
        TastespaceError: an encoder cannot be loaded, or a Qdrant server does not answer.
    """
    home = settings.catalogs / name
    with _disk_errors_explained(), _alone(home):
        if force or not is_current(settings, name):
            for stale in home.glob(".building-*"):
                shutil.rmtree(stale, ignore_errors=True)
            work = home / f".building-{os.getpid()}"
            work.mkdir()
            manifest = _Build(settings, name, work, progress).run()
            publish(settings, name, work, manifest["id"])
        version = open_current(settings, name)
        if settings.qdrant_url is not None:
            upload(settings, version.collection, version.spaces, version.catalog, progress)
    return version


@dataclass
class _Build:
    """One build on its way: what its steps share."""

    settings: Settings
    name: str
    work: Path
    progress: Progress
    rates: dict[str, dict] = field(default_factory=dict)

    def run(self) -> dict:
        """Fills the folder `work` and returns the manifest that it wrote there."""
        started, source = time.perf_counter(), SOURCES[self.name]
        self.cache = StepCache(self.settings.data / "steps.sqlite")
        catalog = source.load(self.settings, self.progress)
        pictures = self._draw(source, catalog) if source.has_pictures else None
        spaces, names = self._embed(catalog, pictures)
        default = "blend" if "blend" in spaces else "text"
        maps = self._project(spaces, default)
        self._wishes(names)
        self._store(spaces, catalog)
        moment = datetime.now(UTC)
        print_ = fingerprint(self.settings, self.name)
        manifest = {
            "format": FORMAT,
            "id": f"{moment:%Y%m%d-%H%M%S}-{print_[:6]}",
            "fingerprint": print_,
            "built_at": moment.isoformat(timespec="seconds"),
            "seconds": round(time.perf_counter() - started, 1),
            **describe(catalog),
            "spaces": {space: {"dim": v.shape[1], "items": int(v.any(axis=1).sum())} for space, v in spaces.items()},
            "default_space": default,
            "maps": maps,
            "encoders": names,
            "rates": self.rates,
        }
        (self.work / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False))
        return manifest

    def _draw(self, source, catalog: Catalog) -> list[tuple[bytes, bytes]]:
        """Each item's picture and thumbnail as WebP; both empty where its picture cannot be drawn."""
        from recsys.sources.pictures import render_svg, thumbnail, webp

        read = source.picture_reader(self.settings)
        raw = [read(path) for path in catalog.items["image"]]

        def draw(positions: list[int]) -> list[bytes]:
            drawn = []
            for i in positions:
                image = render_svg(raw[i], PICTURE)
                drawn.append(_joined(webp(image), thumbnail(image, THUMBNAIL)) if image is not None else b"")
            return drawn

        keys = [key_of("draw", 1, PICTURE, THUMBNAIL, svg) for svg in raw]
        return [_split(pair) for pair in self._step("draw pictures", keys, draw, PICTURE_BATCH)]

    def _embed(
        self, catalog: Catalog, pictures: list[tuple[bytes, bytes]] | None
    ) -> tuple[dict[str, np.ndarray], dict[str, str | None]]:
        """The spaces' vectors, and the names of the encoders that made them."""
        texts = catalog.items["text"].tolist()
        encoder = load_text_encoder(self.settings.text_encoder)
        names: dict[str, str | None] = {"text": encoder.name, "image": None, "image_text": None}
        spaces = {
            "text": self._vectors(
                "embed texts",
                [key_of("text", encoder.name, text) for text in texts],
                lambda positions: encoder.encode_items([texts[i] for i in positions]),
                TEXT_BATCH,
            )
        }
        if pictures is not None:
            viewer = load_image_encoder(self.settings.image_encoder)
            names |= {"image": viewer.name, "image_text": viewer.text_name}
            spaces["image"] = self._embed_pictures(viewer, [large for large, _ in pictures])
            BlobFile.write(self.work / "pictures.bin", (large for large, _ in pictures))
            BlobFile.write(self.work / "thumbnails.bin", (small for _, small in pictures))
            spaces["blend"] = self._blend(viewer, spaces["text"], spaces["image"], texts, shares_space(names))
        return spaces, names

    def _embed_pictures(self, encoder: ImageEncoder, pictures: list[bytes]) -> np.ndarray:
        """(n, d) float32; a zero row where there is no picture."""
        from PIL import Image

        present = [i for i, picture in enumerate(pictures) if picture]

        def encode(positions: list[int]) -> np.ndarray:
            return encoder.encode_items([Image.open(io.BytesIO(pictures[present[i]])) for i in positions])

        keys = [key_of("picture", encoder.name, pictures[i]) for i in present]
        vectors = np.zeros((len(pictures), encoder.dim), dtype=np.float32)
        vectors[present] = self._vectors("embed pictures", keys, encode, PICTURE_BATCH)
        return vectors

    def _blend(
        self, encoder: ImageEncoder, text: np.ndarray, image: np.ndarray, texts: list[str], shared: bool
    ) -> np.ndarray:
        """[text ; image]; an item without a picture is described to the image encoder in words instead."""
        second = image.copy()
        absent = np.flatnonzero(~image.any(axis=1))
        if len(absent):
            second[absent] = text[absent] if shared else encoder.encode_queries([texts[i] for i in absent])
        return np.hstack([text, second])

    def _vectors(self, step: str, keys: list[str], encode: Callable[[list[int]], np.ndarray], batch: int) -> np.ndarray:
        def compute(positions: list[int]) -> list[bytes]:
            return [row.tobytes() for row in encode(positions).astype(np.float32)]

        return np.stack([np.frombuffer(v, dtype=np.float32) for v in self._step(step, keys, compute, batch)])

    def _step(self, step: str, keys: list[str], compute: Callable[[list[int]], list[bytes]], batch: int) -> list[bytes]:
        """The values of all keys, from the cache where it has them; keeps the rate of what was computed."""
        clock = {"items": 0, "seconds": 0.0}

        def timed(positions: list[int]) -> list[bytes]:
            start = time.perf_counter()
            values = compute(positions)
            clock["items"] += len(positions)
            clock["seconds"] += time.perf_counter() - start
            return values

        values = self.cache.through(keys, timed, batch, self.progress, step)
        if clock["items"]:
            self.rates[step] = {"items": clock["items"], "seconds": round(clock["seconds"], 2)}
        return values

    def _project(self, spaces: dict[str, np.ndarray], default: str) -> dict[str, list[int]]:
        """Writes vectors and maps; returns the dimensions of each space's maps."""
        maps = {space: [2, 3] if space == default else [2] for space in spaces}
        for space, vectors in spaces.items():
            np.save(self.work / f"{space}.npy", vectors)
            for dims in maps[space]:

                def fit(_, vectors=vectors, dims=dims) -> list[bytes]:
                    return [fit_map(vectors, dims, MAP_SEED).astype(np.float32).tobytes()]

                (coords,) = self._step(
                    f"map {space} in {dims}D", [key_of("map", 1, vectors.tobytes(), dims, MAP_SEED)], fit, 1
                )
                np.save(
                    self.work / f"map-{space}-{dims}d.npy", np.frombuffer(coords, dtype=np.float32).reshape(-1, dims)
                )
        return maps

    def _wishes(self, names: dict[str, str | None]) -> None:
        """Encodes the wishes of the personas and examples, so that a demo never waits for a model."""
        words = wishes_of(self.name)
        vectors = encode_words(list(words), names) if words else []
        halves = vectors[0] if vectors else {}
        np.savez(
            self.work / "wishes.npz",
            words=np.array(words, dtype=np.str_),
            **{half: np.stack([v[half] for v in vectors]) for half in halves},
        )

    def _store(self, spaces: dict[str, np.ndarray], catalog: Catalog) -> None:
        from recsys.store.edge import write_shard

        write_tables(self.work, catalog)
        write_shard(self.work / "shard", spaces, catalog, self.progress)


def _joined(large: bytes, small: bytes) -> bytes:
    return len(large).to_bytes(4, "big") + large + small


def _split(pair: bytes) -> tuple[bytes, bytes]:
    end = 4 + int.from_bytes(pair[:4], "big")
    return pair[4:end], pair[end:]


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Lets one process at a time build a catalog; a second one waits, and then finds the work done."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _disk_errors_explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        raise CatalogError(
            f"The build cannot write to the data folder: {error.strerror}.",
            "What served before goes on serving. Make room, or point TASTESPACE_DATA elsewhere, and build again.",
        ) from error


def overview(settings: Settings) -> list[dict]:
    """What is known of each catalog, built or not: a row each, with `built`, counts, spaces, encoders and licence."""
    rows = []
    for name in dict.fromkeys((*SOURCES, *built_names(settings))):
        path = current_path(settings, name)
        if path is None:
            rows.append({"catalog": name, "built": False, "build": f"python -m recsys build --catalog {name}"})
            continue
        m = Version(path).manifest
        rows.append(
            {
                "catalog": name,
                "built": True,
                "version": m["id"],
                **{key: m[key] for key in ("items", "interactions", "users", "spaces", "default_space", "encoders")},
                "built_at": m["built_at"],
                "seconds": m["seconds"],
                "bytes": sum(f.stat().st_size for f in path.rglob("*") if f.is_file()),
                "licence": m["licence"],
                "citation": m["citation"],
            }
        )
    return rows


def align(settings: Settings, seed: int, out: Path | None) -> dict:
    """Learns the head of the packaged image encoder from the clip art's picture-caption pairs.

    Args:
        settings: where the data is.
        seed: of split, weights and batches.
        out: the file to write; None replaces the packaged head.

    Returns:
        The report: held-out recall@1, @5, @10 from text to picture, and how many pairs were used.
    """
    raise NotImplementedError
