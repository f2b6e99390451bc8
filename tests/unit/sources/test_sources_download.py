"""Downloads, with stand-ins for pip and apt-get: scripts that the code runs as it runs the real ones."""

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recsys.errors import CatalogError
from recsys.sources import download

GOOD = b"the real thing"
SHA = hashlib.sha256(GOOD).hexdigest()
WHEEL = "thing-1.0-py3-none-any.whl"
DEB = "thing_1.0-1_all.deb"


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Installs a script in pip's place; each run leaves a line in the log that is returned."""

    def install(body: str) -> Path:
        log = tmp_path / "runs"
        log.touch()
        fake = script(tmp_path / "bin" / "python", f'echo "$@" >> {log}\nrun=$(wc -l < {log})\n{body}')
        monkeypatch.setattr(download.sys, "executable", str(fake))
        return log

    return install


@pytest.fixture
def apt(tmp_path, monkeypatch):
    """The same in apt-get's place."""

    def install(body: str) -> Path:
        log = tmp_path / "runs"
        log.touch()
        script(tmp_path / "bin" / "apt-get", f'echo "$@" >> {log}\n{body}')
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
        return log

    return install


def wheel(folder: Path, **more) -> Path:
    return download.fetch_wheel("thing==1.0", WHEEL, SHA, folder, **more)


def deb(folder: Path) -> Path:
    return download.fetch_deb("thing", "1:1.0-1", SHA, folder)


def runs(log: Path) -> list[str]:
    return log.read_text().splitlines()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_wheel_is_fetched_once_and_then_reused(tmp_path, pip):
    log = pip(f"printf '{GOOD.decode()}' > {WHEEL}")
    folder = tmp_path / "deep" / "downloads"
    assert wheel(folder).read_bytes() == GOOD
    assert wheel(folder) == folder / WHEEL
    assert len(runs(log)) == 1
    assert "--no-deps" in runs(log)[0] and "--only-binary=:all:" in runs(log)[0] and runs(log)[0].endswith("thing==1.0")
    assert names(folder) == [WHEEL]


def test_a_file_brought_by_hand_is_used_without_fetching(tmp_path, pip):
    log = pip("exit 1")
    (tmp_path / WHEEL).write_bytes(GOOD)
    assert wheel(tmp_path) == tmp_path / WHEEL
    assert runs(log) == []


def test_a_damaged_file_is_replaced(tmp_path, pip):
    pip(f"printf '{GOOD.decode()}' > {WHEEL}")
    (tmp_path / WHEEL).write_bytes(GOOD[:-1])
    assert wheel(tmp_path).read_bytes() == GOOD


def test_a_corrupt_download_is_fetched_a_second_time(tmp_path, pip):
    log = pip(f"[ $run = 1 ] && printf 'half' > {WHEEL} || printf '{GOOD.decode()}' > {WHEEL}")
    assert wheel(tmp_path / "d").read_bytes() == GOOD
    assert len(runs(log)) == 2


def test_two_corrupt_downloads_are_an_error_and_leave_nothing(tmp_path, pip):
    log = pip(f"printf 'half' > {WHEEL}")
    with pytest.raises(CatalogError, match="damaged twice") as caught:
        wheel(tmp_path / "d")
    assert WHEEL in caught.value.way_out and str(tmp_path / "d") in caught.value.way_out
    assert len(runs(log)) == 2 and names(tmp_path / "d") == []


def test_a_failure_says_why_and_the_way_out(tmp_path, pip):
    pip('echo "WARNING: retrying"; echo "ERROR: No matching distribution found" >&2; echo "[notice] x" >&2; exit 1')
    with pytest.raises(CatalogError, match="No matching distribution found") as caught:
        wheel(tmp_path / "d")
    assert "by hand" in caught.value.way_out
    assert names(tmp_path / "d") == []


def test_a_full_disk_is_told_as_such(tmp_path, pip):
    pip('echo "ERROR: Could not install: [Errno 28] No space left on device" >&2; exit 2')
    with pytest.raises(CatalogError, match="is full") as caught:
        wheel(tmp_path / "d")
    assert "TASTESPACE_DATA" in caught.value.way_out


def test_a_disk_that_fills_as_the_file_is_named_is_told_as_such(tmp_path, pip, monkeypatch):
    pip(f"printf '{GOOD.decode()}' > {WHEEL}")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.os, "replace", full)
    with pytest.raises(CatalogError, match="is full"):
        wheel(tmp_path / "d")
    assert names(tmp_path / "d") == []


def test_a_folder_that_is_not_ours_is_told_as_such(tmp_path, pip, monkeypatch):
    pip("exit 0")

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(CatalogError, match="cannot be written to"):
        wheel(tmp_path / "d")


def test_progress_counts_bytes_up_to_the_total(tmp_path, pip):
    pip(f"printf 'the real' > part; sleep 0.4; rm part; printf '{GOOD.decode()}' > {WHEEL}")
    told = []
    wheel(tmp_path / "d", progress=lambda *step: told.append(step), size=len(GOOD))
    assert {(total, what) for _, total, what in told} == {(len(GOOD), f"fetching {WHEEL}")}
    assert told[-1][0] == len(GOOD)
    assert any(0 < done <= len(GOOD) for done, _, _ in told[:-1])


def test_a_killed_download_leaves_no_file_under_the_final_name(tmp_path):
    fake = script(tmp_path / "bin" / "python", f"printf 'half' > {WHEEL}; touch {tmp_path}/begun; sleep 20")
    code = (
        "import sys; from pathlib import Path; from recsys.sources import download;"
        f"sys.executable = {str(fake)!r};"
        f"download.fetch_wheel('thing==1.0', {WHEEL!r}, {SHA!r}, Path({str(tmp_path / 'd')!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # the process and the script that it runs
        process.wait()
    left = list((tmp_path / "d").iterdir())
    assert [path.name for path in left if not path.name.startswith(".fetching-")] == []
    os.utime(left[0], (0, 0))  # long ago
    (tmp_path / "d" / WHEEL).write_bytes(GOOD)
    wheel(tmp_path / "d")
    assert names(tmp_path / "d") == [WHEEL]


def test_an_interrupt_ends_the_child_and_leaves_nothing(tmp_path, pip):
    pip(f"echo $$ > {tmp_path}/pid; exec sleep 20")

    def interrupted(*_):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wheel(tmp_path / "d", progress=interrupted)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert names(tmp_path / "d") == []


def test_a_deb_is_fetched_by_version(tmp_path, apt):
    log = apt(f"printf '{GOOD.decode()}' > thing_1%3a1.0-1_all.deb")
    assert deb(tmp_path / "d") == tmp_path / "d" / DEB
    assert deb(tmp_path / "d").read_bytes() == GOOD
    assert runs(log) == ["--quiet download thing=1:1.0-1"]


@pytest.mark.parametrize("name", [DEB, "thing_1%3a1.0-1_all.deb"])
def test_a_deb_brought_by_hand_may_bear_either_name(tmp_path, apt, name):
    log = apt("exit 100")
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_bytes(GOOD)
    assert deb(tmp_path / "d").name == name
    assert runs(log) == []


def test_empty_package_lists_are_made_up_for_by_lists_of_our_own(tmp_path, apt):
    log = apt(
        'case "$*" in\n'
        f"  *Dir::State::lists=*download*) printf '{GOOD.decode()}' > thing_1%3a1.0-1_all.deb ;;\n"
        "  *update*) ;;\n"
        '  *) echo "E: Unable to locate package thing" >&2; exit 100 ;;\n'
        "esac"
    )
    assert deb(tmp_path / "d").read_bytes() == GOOD
    assert [line.split()[-1] for line in runs(log)] == ["thing=1:1.0-1", "update", "thing=1:1.0-1"]
    assert names(tmp_path / "d") == [DEB]


def test_a_version_that_is_gone_names_the_way_out(tmp_path, apt):
    apt("echo \"E: Version '1:1.0-1' for 'thing' was not found\" >&2; exit 100")
    with pytest.raises(CatalogError, match="was not found") as caught:
        deb(tmp_path / "d")
    assert "apt-get update" in caught.value.way_out and DEB in caught.value.way_out


def test_a_machine_without_apt_get_names_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CatalogError, match="no apt-get") as caught:
        deb(tmp_path / "d")
    assert "by hand" in caught.value.way_out


def test_a_command_that_hangs_is_given_up(tmp_path, pip, monkeypatch):
    pip("exec sleep 20")
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    with pytest.raises(CatalogError, match="no answer"):
        wheel(tmp_path / "d")
