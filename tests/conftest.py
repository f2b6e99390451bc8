"""What every test shares: a tiny catalog whose expected results can be computed by hand."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.catalog import Catalog, Facet
from recsys.models import Model, model_bytes
from recsys.version import FORMAT, MANIFEST, BlobFile, Version, describe, write_tables

os.environ.setdefault("HF_HUB_OFFLINE", "1")


@pytest.fixture
def tiny_catalog() -> Catalog:
    """Six items, four facets of every kind, one missing value in each."""
    items = pd.DataFrame(
        {
            "title": ["Apple", "Pear", "Cat", "Dog", "Chair", "Riddle"],
            "description": ["", "", "", "", "", ""],
            "tags": [("red", "fruit"), ("green", "fruit"), ("pet",), ("pet", "loud"), ("wood",), ()],
            "image": [None] * 6,
            "category": ["food", "food", "animals", "animals", "home", None],
            "year": [1990.0, 1995.0, 2000.0, 2005.0, 2010.0, np.nan],
            "in_stock": pd.array([True, False, True, True, False, None], dtype="boolean"),
        },
        index=pd.Index(["apple", "pear", "cat", "dog", "chair", "riddle"], name="item_id"),
    )
    facets = (
        Facet("category", "Category", "category"),
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("in_stock", "In stock", "flag", simulated=True),
    )
    return Catalog("tiny", "Tiny", "Six things.", items, facets, categories="category", licence="none")


@pytest.fixture(scope="session")
def write_version():
    """Writes a complete built version into a folder: `write_version(path, catalog, spaces, ...)`."""
    return _write_version


@pytest.fixture(scope="session")
def make_version(tmp_path_factory):
    """Writes a built version into a folder of its own and opens it: `make_version(catalog, spaces, ...)`."""

    def make(catalog: Catalog, spaces: Mapping[str, np.ndarray], **more) -> Version:
        return Version(_write_version(tmp_path_factory.mktemp("version"), catalog, spaces, **more))

    return make


def _write_version(
    path: Path,
    catalog: Catalog,
    spaces: Mapping[str, np.ndarray],
    *,
    version_id: str = "one",
    default_space: str | None = None,
    encoders: Mapping[str, str | None] | None = None,
    wishes: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    pictures: Sequence[bytes | None] | None = None,
    shard: bool = True,
    models: Mapping[str, Model] | None = None,
    simulated: bool = False,
    serving: Sequence[dict] = (),
) -> Path:
    """What a build leaves behind, without models: maps are made of the first components of the vectors.

    Args:
        path: the folder, made where absent.
        catalog: the items.
        spaces: (n, d) by name; the first is the default space unless `default_space` names another.
        version_id: the version's id.
        default_space: the space that a newcomer starts in.
        encoders: names as in the manifest.
        wishes: vectors by space of the wishes that are known without a model, by their words.
        pictures: one an item, used as thumbnails too; None writes no picture files.
        shard: whether to write Qdrant Edge's shard.
        models: by the name of a learned space, the model that made it; its vectors become a space.
        simulated: whether they learned from simulated people.
        serving: which space measured best; see `Version.serving`.
    """
    path.mkdir(parents=True, exist_ok=True)
    learned = {}
    for space, model in (models or {}).items():
        about = {"from": "a few ratings", "simulated": simulated, "seconds": 0.1, "lesson": "none"}
        about |= {"facts": model.facts} if hasattr(model, "facts") else {}
        (path / f"model-{space}.npz").write_bytes(model_bytes(model, **about))
        learned[space] = {"model": model.name, "settings": model.settings, **about}
        spaces = {**spaces, space: model.vectors}
    default = default_space or next(iter(spaces))
    maps = {space: [2, 3] if space == default else [2] for space in spaces}
    write_tables(path, catalog)
    for space, vectors in spaces.items():
        vectors = np.asarray(vectors, dtype=np.float32)
        np.save(path / f"{space}.npy", vectors)
        for dims in maps[space]:
            coords = np.zeros((len(vectors), dims), dtype=np.float32)
            coords[:, : min(dims, vectors.shape[1])] = vectors[:, :dims]
            coords[~vectors.any(axis=1)] = np.nan
            np.save(path / f"map-{space}-{dims}d.npy", coords)
    if pictures is not None:
        BlobFile.write(path / "pictures.bin", pictures)
        BlobFile.write(path / "thumbnails.bin", pictures)
    known = wishes or {}
    halves = {half: np.stack([v[half] for v in known.values()]) for v in known.values() for half in v}
    np.savez(path / "wishes.npz", words=np.array(list(known), dtype=np.str_), **halves)
    if shard:
        from recsys.store.edge import write_shard

        write_shard(path / "shard", {s: np.asarray(v, dtype=np.float32) for s, v in spaces.items()}, catalog)
    manifest = {
        "format": FORMAT,
        "id": version_id,
        "fingerprint": version_id,
        "built_at": "2026-01-01T00:00:00+00:00",
        "seconds": 0.0,
        **describe(catalog),
        "spaces": {s: {"dim": v.shape[1], "items": int(v.any(axis=1).sum())} for s, v in spaces.items()},
        "default_space": default,
        "maps": maps,
        "encoders": dict(encoders or {"text": "none", "image": None, "image_text": None}),
        "rates": {},
        "learned": learned,
        "serving": list(serving),
    }
    (path / MANIFEST).write_text(json.dumps(manifest))
    return path
