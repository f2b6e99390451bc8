"""What a server can do to us, played by the stand-in over real HTTP: retried or told in a sentence, never the key."""

import traceback

import numpy as np
import pytest
from standin import serving

from recsys.errors import NotBuilt, StoreUnavailable
from recsys.settings import Settings
from recsys.store import client as client_module
from recsys.store import open_store, upload
from recsys.store.client import PAUSES_S, READ_TIMEOUT_S, TRIES, ClientStore, Connection

KEY = "secret-key-123"
SPACES = {"text": np.eye(6, 4, dtype=np.float32)}
QUERY = np.array([0.1, 0.4, 0.2, 0.3])


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(client_module, "PAUSES_S", (0.01, 0.02))


@pytest.fixture
def server():
    with serving() as stand_in:
        stand_in.key = KEY
        yield stand_in


@pytest.fixture
def configuration(server):
    return Settings(qdrant_url=server.url, qdrant_api_key=KEY)


@pytest.fixture
def store(server, configuration, tiny_catalog, tmp_path):
    upload(configuration, "tiny-1", SPACES, tiny_catalog)
    opened = open_store(configuration, tmp_path, "tiny-1")
    server.requests.clear()
    return opened


@pytest.mark.parametrize("trouble", ["fail_next", "drop_next"])
def test_a_passing_trouble_is_not_seen(server, store, trouble):
    setattr(server, trouble, TRIES - 1)
    assert store.nearest("text", QUERY, 2)[0].tolist() == [1, 3]
    assert server.requests == ["POST /collections/tiny-1/points/query"] * TRIES


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_lasting_trouble_is_told_after_three_tries(server, store, status):
    server.fail_next, server.fail_status = 99, status
    with pytest.raises(StoreUnavailable, match=f"The Qdrant server at {server.url} does not answer. Start it"):
        store.count()
    assert len(server.requests) == TRIES


def test_a_hanging_server_is_told_in_the_end(server, configuration, store):
    impatient = ClientStore(Connection.server(configuration, timeout_s=1), "tiny-1")
    server.requests.clear()
    server.hang = True
    with pytest.raises(StoreUnavailable, match="does not answer"):
        impatient.nearest("text", QUERY, 2)
    assert len(server.requests) == TRIES


def test_a_hanging_server_costs_at_most_seven_seconds():
    assert len(PAUSES_S) == TRIES - 1
    assert TRIES * READ_TIMEOUT_S + sum(PAUSES_S) < 7


def test_no_server(tmp_path):
    with serving() as stopped:
        pass
    with pytest.raises(StoreUnavailable, match="does not answer.*unset QDRANT_URL"):
        open_store(Settings(qdrant_url=stopped.url), tmp_path, "tiny-1")


def test_something_else_answers(server, store):
    server.garbage = True
    with pytest.raises(StoreUnavailable, match="does not answer"):
        store.count()


@pytest.mark.parametrize("key", [None, "wrong-key-456"])
def test_a_wrong_key_is_told_at_once_and_not_repeated(server, tmp_path, key):
    with pytest.raises(StoreUnavailable, match="refuses the key. Set QDRANT_API_KEY") as caught:
        open_store(Settings(qdrant_url=server.url, qdrant_api_key=key), tmp_path, "tiny-1")
    assert len(server.requests) == 1
    assert "wrong-key-456" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}ü"])
def test_a_key_that_cannot_be_sent_is_not_repeated(server, tmp_path, key):
    with pytest.raises(StoreUnavailable, match="characters that no key has") as caught:
        open_store(Settings(qdrant_url=server.url, qdrant_api_key=key), tmp_path, "tiny-1")
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert server.requests == []


@pytest.mark.parametrize("trouble", ["fail_next", "drop_next"])
def test_no_failure_shows_the_key(server, store, trouble):
    setattr(server, trouble, 99)
    with pytest.raises(StoreUnavailable) as caught:
        store.count()
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["ftp://somewhere", "http://[", "http://host:port"])
def test_an_address_that_is_none(tmp_path, url):
    with pytest.raises(StoreUnavailable, match="QDRANT_URL is not an address"):
        open_store(Settings(qdrant_url=url), tmp_path, "tiny-1")


def test_a_password_in_the_address_is_not_shown(server, tmp_path):
    address = server.url.replace("http://", "http://someone:password@")
    with pytest.raises(StoreUnavailable) as caught:
        open_store(Settings(qdrant_url=address), tmp_path, "tiny-1")
    assert "password" not in str(caught.value) and server.url in str(caught.value)


def test_a_missing_collection_names_the_build(configuration, server, tmp_path):
    with pytest.raises(NotBuilt, match="has no collection tiny-2. Build it: python -m recsys build"):
        open_store(configuration, tmp_path, "tiny-2")
    assert len(server.requests) == 1


def test_a_request_the_server_refuses(server, store):
    server.fail_next, server.fail_status = 1, 400
    with pytest.raises(StoreUnavailable, match=r"refuses the request \(status 400\)"):
        store.count()
    assert len(server.requests) == 1


def test_upload_goes_in_batches_survives_trouble_and_tells_progress(server, configuration, tiny_catalog, monkeypatch):
    monkeypatch.setattr(client_module, "BATCH", 4)
    told = []

    def progress(*step):
        told.append(step)
        server.drop_next = 2

    upload(configuration, "tiny-1", SPACES, tiny_catalog, progress)
    server.drop_next = 0
    assert told == [(4, 6, "items stored"), (6, 6, "items stored")]
    assert server.requests.count("PUT /collections/tiny-1/points?wait=true") == 1 + TRIES


def test_a_complete_collection_is_left_alone(server, store, configuration, tiny_catalog):
    upload(configuration, "tiny-1", SPACES, tiny_catalog)
    assert not [request for request in server.requests if request.startswith(("PUT", "DELETE"))]


def test_an_upload_that_broke_off_is_started_afresh(server, configuration, tiny_catalog, tmp_path, monkeypatch):
    monkeypatch.setattr(client_module, "BATCH", 4)

    def killed(*step):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upload(configuration, "tiny-1", SPACES, tiny_catalog, killed)
    assert open_store(configuration, tmp_path, "tiny-1").count() == 4
    upload(configuration, "tiny-1", SPACES, tiny_catalog)
    assert open_store(configuration, tmp_path, "tiny-1").count() == 6
