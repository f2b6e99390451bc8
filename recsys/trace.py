"""Traces: what each stage of a request took in and let out, which items it dropped and why, and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Stage:
    """What one stage did.

    Attributes:
        stage: its name.
        n_in: how many items went in.
        n_out: how many came out.
        drops: why the others did not: the rows (m,) int64 of each reason, in the order in which reasons were checked.
            Every dropped item has exactly one. Empty for the stage `user`, which has no items.
        ms: milliseconds.
        last: score of the last item that came out, where the stage cuts by score; None elsewhere.
    """

    stage: str
    n_in: int
    n_out: int = 0
    drops: dict[str, np.ndarray] = field(default_factory=dict)
    ms: float = 0.0
    last: float | None = None

    def drop(self, reason: str, rows: np.ndarray) -> None:
        """Says why some items did not come out; nothing where there are none."""
        if len(rows):
            self.drops[reason] = np.concatenate([self.drops[reason], rows]) if reason in self.drops else rows

    @property
    def dropped(self) -> dict[str, int]:
        """How many items each reason kept back."""
        return {reason: len(rows) for reason, rows in self.drops.items()}


@dataclass
class Trace:
    """The stages of one request, in order.

    Attributes:
        stages: what each did.
        degraded: sentences on stages that failed and what was done instead; empty where all went well.
        total_ms: milliseconds from the request to the answer, what lies between the stages included.
    """

    stages: list[Stage] = field(default_factory=list)
    degraded: list[str] = field(default_factory=list)
    total_ms: float = 0.0

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Times the whole request."""
        start = time.perf_counter()
        yield
        self.total_ms = (time.perf_counter() - start) * 1000

    @contextmanager
    def stage(self, name: str, n_in: int) -> Iterator[Stage]:
        """Times one stage; the caller fills in what came out and why the rest did not."""
        stage = Stage(name, n_in)
        start = time.perf_counter()
        yield stage
        stage.ms = (time.perf_counter() - start) * 1000
        self.stages.append(stage)

    def fate(self, row: int) -> tuple[str, str] | None:
        """Which stage dropped an item, and why; None for one that came out of the last."""
        for stage in self.stages:
            for reason, rows in stage.drops.items():
                if row in rows:
                    return stage.stage, reason
        return None
