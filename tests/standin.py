"""A stand-in for a Qdrant server, on a real socket: no Qdrant runs here.

It speaks the few calls of Qdrant's REST interface that `recsys.store.client` makes, answers them with
qdrant-client's in-process re-implementation, and can be told to misbehave.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pydantic import BaseModel
from qdrant_client import QdrantClient, models


class StandIn:
    """The server's state and its switches.

    Attributes:
        url: where it listens.
        requests: method and path of every request that arrived, in order.
        key: what the header `api-key` must hold; None lets everybody in.
        fail_next: how many of the next requests to answer with `fail_status`.
        drop_next: how many of the next connections to close without an answer.
        hang: whether requests are left without an answer until the stand-in stops.
        garbage: whether to answer with a page that is not JSON.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.key: str | None = None
        self.fail_next = 0
        self.fail_status = 503
        self.drop_next = 0
        self.hang = False
        self.garbage = False
        self.url = ""
        self.stopped = threading.Event()
        self._client = QdrantClient(":memory:")
        self._lock = threading.Lock()

    def answer(self, method: str, path: str, body: dict) -> object:
        """Qdrant's answer to a request.

        Raises:
            NotImplementedError: a call this stand-in does not know.
            LookupError: no such collection.
        """
        _, _, collection, *rest = path.split("?")[0].split("/")
        call = (method, *rest)
        client = self._client
        with self._lock:
            if call == ("DELETE",):
                return client.delete_collection(collection)
            if call == ("PUT",):
                vectors = {name: models.VectorParams(**params) for name, params in body["vectors"].items()}
                return client.create_collection(collection, vectors_config=vectors)
            if call == ("GET", "exists"):
                return models.CollectionExistence(exists=client.collection_exists(collection))
            if not client.collection_exists(collection):
                raise LookupError(f"Collection `{collection}` doesn't exist!")
            if call == ("GET",):
                return client.get_collection(collection)
            if call == ("PUT", "index"):
                return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)
            if call == ("PUT", "points"):
                return client.upsert(collection, [models.PointStruct(**point) for point in body["points"]])
            if call == ("POST", "points", "count"):
                request = models.CountRequest(**body)
                return client.count(collection, count_filter=request.filter)
            if call == ("POST", "points", "query"):
                request = models.QueryRequest(**body)
                return client.query_points(
                    collection,
                    query=request.query,
                    using=request.using,
                    query_filter=request.filter,
                    limit=request.limit,
                    with_payload=request.with_payload,
                )
        raise NotImplementedError(f"the stand-in does not know {method} {path}")


@contextmanager
def serving():
    """Runs a stand-in on a free port of this machine and stops it afterwards."""
    stand_in = StandIn()

    class Handler(_Handler):
        state = stand_in

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        stand_in.stopped.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: StandIn

    def _serve(self) -> None:
        state = self.state
        state.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if state.hang:
            state.stopped.wait(60)
            self.close_connection = True
        elif state.drop_next > 0:
            state.drop_next -= 1
            self.close_connection = True
        elif state.fail_next > 0:
            state.fail_next -= 1
            self._reply(state.fail_status, {"status": {"error": "told to fail"}})
        elif state.garbage:
            self._send(200, b"<html>not Qdrant</html>", "text/html")
        elif state.key is not None and self.headers.get("api-key") != state.key:
            self._reply(401, {"status": {"error": "Must provide an API key or an Authorization bearer token"}})
        else:
            self._answer(json.loads(body) if body else {})

    def _answer(self, body: dict) -> None:
        try:
            result = self.state.answer(self.command, self.path, body)
        except LookupError as error:
            self._reply(404, {"status": {"error": str(error)}})
        except Exception as error:
            self._reply(400, {"status": {"error": str(error)}})
        else:
            if isinstance(result, BaseModel):
                result = result.model_dump(mode="json")
            self._reply(200, {"result": result, "status": "ok", "time": 0.0})

    def _reply(self, status: int, document: dict) -> None:
        self._send(status, json.dumps(document).encode(), "application/json")

    def _send(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, *args) -> None:
        """Keeps the tests' output clean."""
