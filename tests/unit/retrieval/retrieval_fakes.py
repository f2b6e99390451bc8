"""Engines that misbehave, each in one way. Worker processes import them by `retrieval_fakes:Class`."""

import ctypes
import errno
import os
import signal
import subprocess
import time

import numpy as np

from recsys.errors import NotBuilt
from recsys.retrieval.base import Knob, checked_knobs, missing
from recsys.retrieval.exhaustive import Exhaustive


class Noisy(Exhaustive):
    """Its native code prints to stdout, what looks like an answer too."""

    def build(self, vectors, folder):
        os.write(1, b'{"told": {"build_s": -1}, "arrays": {}}\n')
        super().build(vectors, folder)

    def search(self, queries, k, **knobs):
        libc = ctypes.CDLL(None)
        libc.printf(b"searching for something\n")
        libc.fflush(None)
        print("and Python too", flush=True)
        return super().search(queries, k, **knobs)


class Missing(Exhaustive):
    def build(self, vectors, folder):
        raise missing("nolib")


class Full(Exhaustive):
    def build(self, vectors, folder):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class NativelyFull(Exhaustive):
    def build(self, vectors, folder):
        raise RuntimeError("Error in write at io.cpp:1: No space left on device")


class Broken(Exhaustive):
    def build(self, vectors, folder):
        raise RuntimeError("assertion\n failed")


class Crashing(Exhaustive):
    def build(self, vectors, folder):
        os.kill(os.getpid(), signal.SIGSEGV)


class Killed(Exhaustive):
    def build(self, vectors, folder):
        os.kill(os.getpid(), signal.SIGKILL)


class Slow(Exhaustive):
    def build(self, vectors, folder):
        self.child = subprocess.Popen(["sleep", "60"])
        (folder / "child").write_text(str(self.child.pid))
        time.sleep(60)


class Hungry(Exhaustive):
    """Holds 200 MB while it builds, and nothing of it afterwards."""

    def build(self, vectors, folder):
        held = np.ones(200_000_000 // 8)
        super().build(vectors, folder)
        del held


class Unreadable(Exhaustive):
    def open(self, folder):
        if (folder / "vectors.npy").exists() and not hasattr(self, "_vectors"):
            raise NotBuilt("The index cannot be read.", "Build it again.")

    def build(self, vectors, folder):
        np.save(folder / "vectors.npy", vectors)


class Wrong(Exhaustive):
    """Finds the farthest."""

    def search(self, queries, k, **knobs):
        rows, scores = super().search(-queries, k)
        return rows, -scores


class Twice(Exhaustive):
    def search(self, queries, k, **knobs):
        rows, scores = super().search(queries, k)
        rows[:, 1] = rows[:, 0]
        return rows, scores


class Outside(Exhaustive):
    def search(self, queries, k, **knobs):
        rows, scores = super().search(queries, k)
        rows[-1, -1] = 10**6
        return rows, scores


class Half(Exhaustive):
    """Looks at the first `percent` of the vectors only, and was told the queries when it was built."""

    name, exact = "half", False
    knobs, defaults = {"percent": Knob((25, 50, 100), "More is found.")}, {"percent": 50}

    def build(self, vectors, folder, known=None):
        assert known is not None and known.ndim == 2
        super().build(vectors, folder)

    def search(self, queries, k, **knobs):
        percent = checked_knobs(self, knobs)["percent"]
        whole = self._vectors
        self._vectors = whole[: len(whole) * percent // 100]
        try:
            return super().search(queries, k)
        finally:
            self._vectors = whole
