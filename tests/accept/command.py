"""Running the command line, in a process of its own or in this one, and what it answered."""

import contextlib
import io
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from recsys.__main__ import main
from recsys.settings import ROOT, Settings


class Answer(NamedTuple):
    """What a command said: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict:
        """The JSON document on stdout."""
        return json.loads(self.out)

    @property
    def is_refusal(self) -> bool:
        """Whether it is a sentence: exit code 2, nothing on stdout, words and no traceback on stderr."""
        return self.code == 2 and not self.out and bool(self.last_line) and "Traceback" not in self.err

    @property
    def last_line(self) -> str:
        """The last line on stderr; what comes before may be progress."""
        lines = self.err.strip().splitlines()
        return lines[-1] if lines else ""


def environment(settings: Settings, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child that works on another data folder."""
    return {**os.environ, "TASTESPACE_DATA": str(settings.data), **(more or {})}


def command(*words: object) -> list[str]:
    """A command line of ours, for `subprocess`."""
    return [sys.executable, "-m", "recsys", *map(str, words)]


def run(
    settings: Settings,
    *words: object,
    env: Mapping[str, str] | None = None,
    prepare: Callable[[], None] | None = None,
    timeout_s: float = 900,
) -> Answer:
    """Runs a command in a process of its own.

    Args:
        settings: whose data folder it works on.
        words: command and arguments.
        env: more environment variables.
        prepare: called in the child before the command starts.
        timeout_s: after which the check fails.
    """
    done = subprocess.run(
        command(*words),
        cwd=ROOT,
        env=environment(settings, env),
        preexec_fn=prepare,
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


def call(settings: Settings, *words: object) -> Answer:
    """Runs a command in this process, which saves the start; an exception counts as a traceback on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with _data_folder(settings), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        except Exception:
            traceback.print_exc()
            code = 1
    return Answer(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def _data_folder(settings: Settings) -> Iterator[None]:
    before = os.environ.get("TASTESPACE_DATA")
    os.environ["TASTESPACE_DATA"] = str(settings.data)
    try:
        yield
    finally:
        if before is None:
            del os.environ["TASTESPACE_DATA"]
        else:
            os.environ["TASTESPACE_DATA"] = before
