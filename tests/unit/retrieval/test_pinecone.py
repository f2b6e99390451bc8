"""Pinecone against a stand-in for its client, which takes what client 10.2 takes and searches exactly."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from recsys.errors import MissingExtra, NotBuilt, StoreUnavailable
from recsys.retrieval import NOTHING, create

KEY = "not-a-real-key"
VECTORS = np.array([[1, 0], [0, 1], [2, 0], [0, 0]], dtype=np.float32)


class PineconeError(Exception):
    """As the client's."""


class Cloud:
    """The service: what was made there, and how it misbehaves."""

    def __init__(self) -> None:
        self.made: dict[str, dict] = {}
        self.documents: dict[str, list[float]] = {}
        self.unseen = 0
        self.refused = 0
        self.down = False

    def client(self, api_key: str, timeout: float):
        if self.down:
            raise PineconeError(f"key {api_key} refused")
        assert api_key == KEY and timeout > 0
        indexes = SimpleNamespace(exists=self.made.__contains__, create=self.create)
        return SimpleNamespace(indexes=indexes, index=self.index, close=lambda: None)

    def create(self, *, name: str, schema: dict, deployment: dict, timeout: int) -> None:
        assert name.isascii() and name == name.lower() and len(name) <= 45 and "_" not in name
        (self.field,) = schema["fields"]
        self.made[name] = {**schema["fields"][self.field], **deployment}

    def index(self, name: str):
        documents = SimpleNamespace(batch_upsert=self.batch_upsert, search=self.search)
        return SimpleNamespace(documents=documents, describe_index_stats=self.stats, close=lambda: None)

    def batch_upsert(self, *, namespace: str, documents: list[dict], batch_size: int, show_progress: bool):
        for document in documents:
            values = document[self.field]
            assert isinstance(document["_id"], str) and set(document) == {"_id", self.field}
            assert any(values), "the service refuses vectors of zeros"
            self.documents[document["_id"]] = values
        return SimpleNamespace(failed_item_count=self.refused)

    def stats(self):
        self.unseen -= 1
        return SimpleNamespace(total_vector_count=len(self.documents) - (self.unseen >= 0))

    def search(self, *, namespace: str, score_by: list[dict], top_k: int, timeout: float):
        if self.down:
            raise PineconeError(f"key {KEY} refused")
        (by,) = score_by
        assert by["type"] == "dense_vector" and by["field"] == self.field and 1 <= top_k <= 10_000
        assert any(by["values"]), "the service refuses vectors of zeros"
        scores = {row: float(np.dot(by["values"], values)) for row, values in self.documents.items()}
        best = sorted(scores, key=lambda row: -scores[row])[:top_k]
        return SimpleNamespace(matches=[SimpleNamespace(id=row, score=scores[row]) for row in best])


@pytest.fixture
def cloud(monkeypatch):
    service, package = Cloud(), ModuleType("pinecone")
    package.Pinecone, package.PineconeError = service.client, PineconeError
    monkeypatch.setitem(sys.modules, "pinecone", package)
    monkeypatch.setenv("PINECONE_API_KEY", KEY)
    monkeypatch.setattr("recsys.retrieval.pinecone.time.sleep", lambda seconds: None)
    return service


def test_built_searched_and_opened(cloud, tmp_path):
    engine = create("pinecone")
    engine.build(VECTORS, tmp_path)
    (index,) = cloud.made.values()
    assert index == {
        "type": "dense_vector",
        "dimension": 3,
        "metric": "dotproduct",
        "deployment_type": "managed",
        "cloud": "aws",
        "region": "us-east-1",
    }
    rows, scores = engine.search(np.array([[1, 0.5], [-1, -2]]), 5)
    assert rows.tolist() == [[2, 0, 1, 3, NOTHING], [3, 0, 1, 2, NOTHING]]
    assert scores.tolist() == [[2, 1, 0.5, 0, -np.inf], [0, -1, -2, -2, -np.inf]]
    engine.close()
    opened = create("pinecone")
    opened.open(tmp_path)
    opened.use_threads(2)
    assert opened.search(np.array([[1, 0.5], [-1, -2]]), 5)[0].tolist() == rows.tolist()


def test_zero_queries_find_something_of_score_zero(cloud, tmp_path):
    engine = create("pinecone")
    engine.build(VECTORS, tmp_path)
    rows, scores = engine.search(np.zeros((1, 2)), 3)
    assert (rows >= 0).all() and len(set(rows[0])) == 3 and scores.tolist() == [[0, 0, 0]]


def test_the_same_vectors_take_the_same_index(cloud, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        create("pinecone").build(VECTORS, tmp_path / folder)
    assert len(cloud.made) == 1
    (tmp_path / "c").mkdir()
    create("pinecone").build(VECTORS + 1, tmp_path / "c")
    assert len(cloud.made) == 2


def test_it_waits_until_all_are_to_be_found(cloud, tmp_path):
    cloud.unseen = 3
    create("pinecone").build(VECTORS, tmp_path)
    assert cloud.unseen < 0


def test_it_does_not_wait_for_ever(cloud, tmp_path, monkeypatch):
    cloud.unseen = 10**9
    monkeypatch.setattr("recsys.retrieval.pinecone.READY_S", 0)
    with pytest.raises(StoreUnavailable, match="too long"):
        create("pinecone").build(VECTORS, tmp_path)


def test_vectors_that_were_not_taken(cloud, tmp_path):
    cloud.refused = 2
    with pytest.raises(StoreUnavailable, match="did not take 2"):
        create("pinecone").build(VECTORS, tmp_path)


def test_a_service_that_is_away_is_told_without_the_key(cloud, tmp_path):
    engine = create("pinecone")
    engine.build(VECTORS, tmp_path)
    cloud.down = True
    for ask in (
        lambda: engine.search(VECTORS, 1),
        lambda: engine.build(VECTORS, tmp_path),
        lambda: engine.open(tmp_path),
    ):
        with pytest.raises(StoreUnavailable, match="PINECONE_API_KEY") as told:
            ask()
        assert KEY not in str(told.value) and told.value.__suppress_context__


def test_an_index_that_is_gone(cloud, tmp_path):
    with pytest.raises(NotBuilt, match="no index of pinecone"):
        create("pinecone").open(tmp_path)
    create("pinecone").build(VECTORS, tmp_path)
    cloud.made.clear()
    with pytest.raises(NotBuilt, match="any more"):
        create("pinecone").open(tmp_path)


@pytest.mark.parametrize("do", [lambda e, p: e.build(VECTORS, p), lambda e, p: e.open(p)])
def test_without_a_key_or_the_package_it_says_what_it_needs(cloud, tmp_path, monkeypatch, do):
    monkeypatch.setenv("PINECONE_API_KEY", "")
    with pytest.raises(MissingExtra, match=r"the key is missing.*pip install.*PINECONE_API_KEY"):
        do(create("pinecone"), tmp_path)
    monkeypatch.setitem(sys.modules, "pinecone", None)
    with pytest.raises(MissingExtra, match=r"the package is missing.*pip install.*PINECONE_API_KEY"):
        do(create("pinecone"), tmp_path)


def test_what_cannot_be_asked(cloud, tmp_path):
    engine = create("pinecone")
    engine.build(VECTORS, tmp_path)
    for queries, k, knobs in (
        (np.ones((1, 3)), 1, {}),
        (VECTORS * np.nan, 1, {}),
        (VECTORS, 0, {}),
        (VECTORS, 1, {"ef": 3}),
    ):
        with pytest.raises(ValueError, match="expected"):
            engine.search(queries, k, **knobs)
