"""Turns: at most so many at once, and whoever came first goes first."""

from collections import deque
from threading import Lock


class Turns:
    """A gate for threads. Unlike a semaphore, which lets in who happens to be awake, it lets nobody overtake.

    Args:
        at_once: how many may be inside, 1 or more.

    Raises:
        ValueError: fewer.
    """

    def __init__(self, at_once: int) -> None:
        if at_once < 1:
            raise ValueError(f"expected 1 or more at once, got {at_once}")
        self._free, self._waiting, self._lock = at_once, deque[Lock](), Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._free:
                self._free -= 1
                return
            mine = Lock()
            mine.acquire()
            self._waiting.append(mine)
        mine.acquire()  # released by whoever leaves and hands the place on

    def __exit__(self, *_) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
