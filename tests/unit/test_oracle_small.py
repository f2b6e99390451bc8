"""The acceptance's brute force on a small catalog: it agrees with the command line, and can fail."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from accept.oracle import Exported, Tally, expected_list, random_asks

from recsys.__main__ import main
from recsys.catalog import Catalog, Facet
from recsys.settings import Settings
from recsys.version import publish

N = 60
WISH = {"text": np.array([1.0, 2, 0, -1]), "image": np.array([0.0, 1, 1, 0])}


@pytest.fixture(scope="module")
def small(write_version, tmp_path_factory):
    """A built catalog of sixty items: its settings and what `export` wrote of it."""
    rng = np.random.default_rng(3)
    names = [f"i{n}" for n in range(N)]
    items = pd.DataFrame(
        {
            "title": names,
            "description": "",
            "tags": [tuple(t for t in ("red", "blue", "a, b") if rng.random() < 0.4) for _ in names],
            "image": None,
            "category": [None if rng.random() < 0.2 else str(rng.choice(["food", "pets"])) for _ in names],
            "year": np.where(rng.random(N) < 0.2, np.nan, rng.integers(1980, 1990, N)),
            "in_stock": pd.array([None if (u := rng.random()) < 0.2 else u < 0.7 for _ in names], dtype="boolean"),
        },
        index=pd.Index(names, name="item_id"),
    )
    facets = (
        Facet("category", "Category", "category"),
        Facet("tags", "Tags", "tags"),
        Facet("year", "Year", "number"),
        Facet("in_stock", "In stock", "flag"),
    )
    catalog = Catalog("small", "Small", "", items, facets, "category", "none")
    text, image = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in rng.normal(size=(2, N, 4)))
    second = image.copy()
    second[:5], image[:5] = text[:5], 0
    spaces = {"text": text, "image": image, "blend": np.hstack([text, second])}
    settings = Settings(data=tmp_path_factory.mktemp("small"))
    home = settings.catalogs / "small"
    publish(settings, "small", write_version(home / ".building", catalog, spaces, wishes={"tea": WISH}), "one")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TASTESPACE_DATA", str(settings.data))
        patch.delenv("QDRANT_URL", raising=False)
        assert main(["export", "--catalog", "small", "--out", str(settings.data / "out"), "--json"]) == 0
    return (
        settings,
        Exported.read(settings.data / "out", "category"),
        json.loads((home / "current" / "manifest.json").read_text())["facets"],
    )


def test_the_command_line_equals_brute_force(small, monkeypatch, capsys):
    settings, exported, facets = small
    monkeypatch.setenv("TASTESPACE_DATA", str(settings.data))
    monkeypatch.delenv("QDRANT_URL", raising=False)
    asks = [replace(ask, wish="tea" if ask.wish else "") for ask in random_asks(exported, facets, seed=1, profiles=5)]
    tally, mistaken = Tally(), Tally()
    for ask in asks[::5]:
        capsys.readouterr()
        assert main(ask.words("small")) == 0
        document = json.loads(capsys.readouterr().out)
        tally.compare(document, expected_list(exported, ask, WISH if ask.wish else {}), exported)
        other = replace(ask, dislikes=ask.likes, likes=ask.dislikes, lam=1 - ask.lam)
        mistaken.compare(document, expected_list(exported, other, WISH if ask.wish else {}), exported)
    assert tally.lists == len(asks[::5]) == tally.same + tally.tied == tally.figures
    # The comparison tells another request's list from the right one.
    assert len(mistaken.other) > tally.lists / 2 > mistaken.figures
