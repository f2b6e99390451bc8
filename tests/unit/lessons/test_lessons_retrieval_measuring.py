"""A measurement beside the app: progress, problems, one at a time, and an end that leaves nothing behind."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from recsys.errors import InvalidInput
from recsys.lessons.retrieval.measuring import Measuring, Told

BAR = r"clipart-text: {}:  33%|████      | {}/3 [00:00<?, ?it/s]\r"
DOCUMENT = {
    "runs": [{"engines": [{"engine": "exhaustive", "error": None}, {"engine": "scann", "error": "It crashed."}]}]
}


def script(text: str) -> list[str]:
    return [sys.executable, "-c", f"import os, sys, time, json\n{text}"]


def until(measuring: Measuring, done) -> Told:
    for _ in range(1000):
        told = measuring.told()
        if done(told):
            return told
        time.sleep(0.01)
    raise AssertionError(f"it stayed at {told}")


def finished(measuring: Measuring) -> Told:
    return until(measuring, lambda told: told.state != "running")


@pytest.fixture
def tmp(tmp_path, monkeypatch) -> Path:
    """The folder for temporary files, as the test's own."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_nothing_is_told_before_the_first(tmp):
    assert Measuring().told() == Told()


def test_how_far_it_is(tmp):
    measuring = Measuring(
        script(f"sys.stderr.write('{BAR.format('faiss-pq', 1)}'); sys.stderr.flush(); time.sleep(60)")
    )
    measuring.start(["--catalog", "clipart"], "clipart-text", ["exhaustive", "faiss-pq"], "me")
    told = until(measuring, lambda told: told.total)
    assert (told.state, told.step, told.done, told.total) == ("running", "clipart-text: faiss-pq", 1, 3)
    assert (told.label, told.engines, told.owner) == ("clipart-text", ("exhaustive", "faiss-pq"), "me")
    with pytest.raises(InvalidInput, match="Somebody else is measuring"):
        measuring.start([], "clipart-text", [], "another")
    measuring.stop()
    assert measuring.told().state == "stopped" and not list(tmp.iterdir())
    measuring.stop()  # twice is no harm


def test_what_went_wrong_by_engine(tmp):
    measuring = Measuring(script(f"print('''{json.dumps(DOCUMENT)}''')"))
    measuring.start([], "clipart-text", ["exhaustive", "scann"], "me")
    told = finished(measuring)
    assert told.state == "finished" and told.problems == {"scann": "It crashed."}
    assert not list(tmp.iterdir())
    measuring.start([], "clipart-text", [], "another")  # the next may begin
    assert finished(measuring).owner == "another"


def test_the_options_come_after_the_command_and_the_document_is_asked_for(tmp):
    measuring = Measuring(script("sys.exit(' '.join(sys.argv[1:]))"))
    measuring.start(["--space", "text"], "clipart-text", [], "me")
    assert finished(measuring).problems == {"": "--space text --json"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            f"sys.stderr.write('{BAR.format('scann', 1)}'); sys.exit('The disk is full. Make room.')",
            "The disk is full. Make room.",
        ),
        ("sys.exit(3)", "It ended early and did not say why."),
        ("os.kill(os.getpid(), 9)", "It ended early and did not say why."),
    ],
)
def test_what_ends_early_says_why(tmp, text, words):
    measuring = Measuring(script(text))
    measuring.start([], "clipart-text", [], "me")
    told = finished(measuring)
    assert told.state == "failed" and told.problems == {"": words}
    assert not list(tmp.iterdir())


@pytest.mark.parametrize("text", ["print('{')", "print('[]')", "print('{\"runs\": 3}')", ""])
def test_a_document_that_cannot_be_read(tmp, text):
    measuring = Measuring(script(text))
    measuring.start([], "clipart-text", [], "me")
    assert finished(measuring).problems == {"": "What was measured cannot be read."}


def test_it_is_of_low_priority_and_its_temporary_files_go_with_it(tmp):
    measuring = Measuring(script("open(os.environ['TMPDIR'] + '/index', 'w').close(); time.sleep(60)"))
    measuring.start([], "clipart-text", [], "me")
    for _ in range(500):
        if list(tmp.glob("*/index")):
            break
        time.sleep(0.01)
    assert list(tmp.glob("*/index"))
    pid = measuring._process.pid
    assert os.getpriority(os.PRIO_PROCESS, pid) == 15
    measuring.stop()
    assert not list(tmp.iterdir()) and not Path(f"/proc/{pid}").exists()
