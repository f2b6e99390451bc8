"""Observability: each request as a line of JSON in a log, and as Prometheus metrics.

Who asked for what stays out of both: counts of likes and kinds of reasons, no item, no wish, no condition. Profiles are
logged where `TASTESPACE_LOG_PROFILES` asks for it.
"""

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from uuid import uuid4

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

from recsys.funnel import Recommendation
from recsys.settings import Settings
from recsys.version import Version

LOG_BYTES = 10_000_000
"""A log file is turned over when it has grown to so many bytes; three old ones are kept."""
MS = (0.5, 1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 5000)
"""Upper bounds of the histograms' buckets, milliseconds; 200 is the budget."""

_LOG = logging.getLogger(__name__)


class Observer:
    """Writes down what the funnel answers. Thread-safe; it never makes a request fail.

    Args:
        settings: where the log goes, and whether profiles are logged.
    """

    def __init__(self, settings: Settings) -> None:
        self.registry = CollectorRegistry()
        self._with_profiles, self._lines = settings.log_profiles, _lines(settings)

        def named(kind, name: str, what: str, labels: tuple[str, ...] = (), **more):
            return kind(f"tastespace_{name}", what, ("catalog", *labels), registry=self.registry, **more)

        self._requests = named(Counter, "requests", "Requests answered", ("space", "ranker"))
        self._total = named(Histogram, "request_milliseconds", "From a request to its answer", buckets=MS)
        self._stage = named(Histogram, "stage_milliseconds", "One stage of a request", ("stage",), buckets=MS)
        self._dropped = named(Counter, "dropped_items", "Items that a stage dropped", ("stage", "reason"))
        self._degraded = named(Counter, "degraded", "Stages that failed and were passed over")

    def __call__(self, version: Version, answer: Recommendation) -> None:
        """Counts one answer and logs it."""
        try:
            self._count(version, answer)
            if self._lines is not None:
                self._lines.info(json.dumps(line(version, answer, self._with_profiles), ensure_ascii=False))
        except Exception:
            _LOG.warning("a request could not be written down", exc_info=True)

    def _count(self, version: Version, answer: Recommendation) -> None:
        self._requests.labels(version.name, answer.space, answer.request.ranker).inc()
        self._total.labels(version.name).observe(answer.trace.total_ms)
        for stage in answer.trace.stages:
            self._stage.labels(version.name, stage.stage).observe(stage.ms)
            for reason, count in kinds(stage.dropped).items():
                self._dropped.labels(version.name, stage.stage, reason).inc(count)
        if answer.trace.degraded:
            self._degraded.labels(version.name).inc(len(answer.trace.degraded))

    def serve(self, port: int | None) -> bool:
        """Serves the metrics at `http://localhost:PORT/metrics`, to this machine alone; whether it does.

        A port that is taken is no error: of several apps on one machine the first one is watched.
        """
        if port is None:
            return False
        try:
            self._server, _ = start_http_server(port, addr="127.0.0.1", registry=self.registry)
        except OSError as error:
            _LOG.warning("metrics are not served: port %s: %s", port, error.strerror)
            return False
        return True

    def close(self) -> None:
        """Ends the server of metrics, if there is one, and closes the log."""
        server = getattr(self, "_server", None)
        if server is not None:
            server.shutdown()
            server.server_close()
        for handler in self._lines.handlers[:] if self._lines is not None else ():
            self._lines.removeHandler(handler)
            handler.close()


def line(version: Version, answer: Recommendation, with_profiles: bool = False) -> dict:
    """What the log says of one request; see the README, "Watching it run"."""
    request, profile, sizes = answer.request, answer.request.profile, answer.request.sizes
    told = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "request": uuid4().hex[:12],
        "catalog": version.name,
        "version": version.id,
        "spaces": [answer.space, *(space for space in answer.fused if space != answer.space)],
        "engine": request.engine,
        "filtering": request.filtered,
        "ranker": request.ranker,
        "diversity": request.diversity,
        "vectors": request.vectors,
        "missing": 0 if answer.served is None else answer.served.missing,
        "sizes": [sizes.retrieve, sizes.filter, sizes.rank, request.k],
        "likes": len(profile.likes),
        "dislikes": len(profile.dislikes),
        "conditions": len(request.where.conditions),
        "shown": len(answer.picks),
        "stages": [
            {"stage": s.stage, "in": s.n_in, "out": s.n_out, "ms": round(s.ms, 3), "dropped": kinds(s.dropped)}
            for s in answer.trace.stages
        ],
        "total_ms": round(answer.trace.total_ms, 3),
        "degraded": answer.trace.degraded,
    }
    if with_profiles:
        told["profile"] = profile.to_query()
        told["where"] = list(request.where.texts())
        told["items"] = [str(i) for i in version.item_ids[answer.candidates[answer.picks]]]
    return told


def kinds(dropped: dict[str, int]) -> dict[str, int]:
    """Reasons without what a visitor asked for: each broken condition is `breaks a condition`."""
    found: dict[str, int] = {}
    for reason, count in dropped.items():
        kind = "breaks a condition" if reason.startswith("breaks ") else reason
        found[kind] = found.get(kind, 0) + count
    return found


def _lines(settings: Settings) -> logging.Logger | None:
    """The logger of requests, which writes to a file of its own; None where that is off or cannot be written."""
    if settings.log is None:
        return None
    try:
        settings.log.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(settings.log, maxBytes=LOG_BYTES, backupCount=3, encoding="utf-8", delay=True)
    except OSError as error:
        _LOG.warning("requests are not logged: %s", error.strerror)
        return None
    handler.setFormatter(logging.Formatter("%(message)s"))
    handler.handleError = lambda record: None  # a full disk is told elsewhere; requests go on
    logger = logging.Logger("recsys.requests", logging.INFO)  # of its own: what others configure does not change it
    logger.addHandler(handler)
    return logger
