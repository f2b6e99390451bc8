"""Imports beside the app: started, told, cancelled, failed; and the words around them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recsys.errors import InvalidInput
from recsys.progress import progress_path
from recsys.settings import Settings
from recsys.sources.imported.check import Offer
from recsys.sources.imported.report import Report
from recsys.sources.imported.tables import Dropped
from recsys.ui.catalogs import add, running
from recsys.ui.catalogs.running import Imports, forget_uploads, upload_folder


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def imports(settings, monkeypatch):
    """`imports(code)`: imports whose process runs that Python code instead."""

    def make(code: str) -> Imports:
        monkeypatch.setattr(running, "begin", lambda offer: subprocess.Popen([sys.executable, "-c", code]))
        return Imports(settings)

    return make


def offer(name: str = "shop") -> Offer:
    return Offer(name, Path("items.csv"), label="My shop")


def uploaded(settings: Settings, visitor: str = "me") -> Path:
    folder = upload_folder(settings, visitor)
    folder.mkdir(parents=True)
    (folder / "items.csv").write_text("id\n")
    return folder


def ended(imports: Imports, name: str = "shop"):
    for _ in range(1000):
        (told,) = [one for one in imports.told() if one.name == name]
        if told.state != "running":
            return told
        time.sleep(0.01)
    raise AssertionError("it should have ended")


def test_an_import_ends_and_its_files_go(settings, imports):
    one, folder = imports("pass"), uploaded(settings)
    one.start(offer(), folder)
    told = ended(one)
    assert (told.state, told.label, told.problem) == ("finished", "My shop", "") and not folder.exists()
    one.forget("shop")
    assert one.told() == []


def test_one_of_a_name_and_two_in_all(settings, imports):
    one = imports("import time; time.sleep(60)")
    one.start(offer(), uploaded(settings, "a"))
    with pytest.raises(InvalidInput, match="shop is being imported right now"):
        one.start(offer(), uploaded(settings, "b"))
    one.start(offer("other"), uploaded(settings, "c"))
    with pytest.raises(InvalidInput, match="2 imports run already"):
        one.start(offer("third"), uploaded(settings, "d"))
    assert upload_folder(settings, "d").exists()  # whoever was refused keeps the files
    one.forget("shop")
    assert len(one.told()) == 2  # what runs is not forgotten
    for name, visitor in (("shop", "a"), ("other", "c")):
        one.cancel(name)
        assert ended(one, name).state == "cancelled" and not upload_folder(settings, visitor).exists()


def test_a_failure_is_told_in_its_own_words(settings, imports):
    progress_path(settings, "shop").write_text(json.dumps({"state": "failed", "what": "No row.", "way_out": "Map it."}))
    one = imports("raise SystemExit(2)")
    one.start(offer(), uploaded(settings))
    told = ended(one)
    assert (told.state, told.problem) == ("failed", "No row. Map it.")


@pytest.fixture
def failed(settings, imports):
    one = imports("raise SystemExit(2)")
    one.start(offer(), uploaded(settings))
    assert ended(one).state == "failed"
    return one, upload_folder(settings, "me")


def test_files_of_what_failed_go_when_nobody_wants_them(failed):
    one, folder = failed
    assert folder.exists()
    one.forget("shop")
    assert not folder.exists() and one.told() == []


def test_files_of_what_failed_go_back_to_whom_they_belong(settings, failed):
    one, folder = failed
    one.forget("shop", keep=True)
    assert folder.exists() and one.told() == []
    one.start(offer(), folder)  # once more, with the same files
    ended(one)
    one.start(offer(), uploaded(settings, "somebody-else"))
    ended(one)
    assert not folder.exists()  # nobody came back for them


def test_a_process_that_was_killed_is_no_success(settings, imports):
    one = imports("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    one.start(offer(), uploaded(settings))
    assert "stopped from outside" in ended(one).problem


def test_files_that_nobody_came_back_for_go(settings):
    old, new = uploaded(settings, "old"), uploaded(settings, "new")
    long_ago = time.time() - 2 * running.A_DAY
    os.utime(old, (long_ago, long_ago))
    forget_uploads(settings)
    assert not old.exists() and new.exists()


@pytest.mark.parametrize(
    ("given", "name"),
    [("items.csv", "items.csv"), ("../../etc/passwd", "etc_passwd"), ("..", "items"), ("a b\n.zip", "a_b_.zip")],
)
def test_a_file_is_kept_under_a_name_that_leads_nowhere(given, name):
    assert add.safe_name(given, "items") == name
    assert len(add.safe_name("x" * 500 + ".csv", "items")) == 60


@pytest.mark.parametrize(
    ("file", "name"),
    [("My Shop 2024.csv", "my-shop-2024"), ("ÄÖÜ.csv", "mine"), ("-_-.csv", "mine"), ("a" * 99, "a" * 41)],
)
def test_a_name_is_suggested(file, name):
    assert add.suggested_name(file) == name


def test_the_command_has_the_owners_file_names():
    offered = Offer("shop", Path("/uploads/x/my items.csv"), Path("/uploads/y/p.zip"), mapping={"title": "name"})
    assert add.command(offered) == (
        "python -m recsys import --name shop --items 'my items.csv' --images=p.zip --map=title=name"
    )


@pytest.mark.parametrize(("seconds", "words"), [(40.4, "40 s"), (125, "2 minutes"), (7200, "2.0 hours")])
def test_durations(seconds, words):
    assert add.duration(seconds) == words


def test_a_report_as_csv_has_no_formula():
    report = Report("shop", 9, dropped=[Dropped("items", "=cmd()", [3, 7])], warnings=["@warning"])
    assert report.csv().splitlines() == [
        "table,row,reason",
        "items,3,'=cmd()",
        "items,7,'=cmd()",
        ",,'@warning",
    ]
