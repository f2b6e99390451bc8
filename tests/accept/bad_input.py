"""Bad input on the command line and under a build: a sentence each, and what served before goes on serving."""

import contextlib
import io
import json
import resource
import shutil
import struct
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from recsys.version import built_names

from . import Row
from .command import Answer, call, run
from .sandbox import sandbox

MB = 2**20
ROOM_LEFT = (0, 2 * MB, 4 * MB, 40 * MB)
"""Free bytes on the small disk that a build starts with; each ends it somewhere else."""

ROOM_TO_READ = 1 * MB
"""With less, opening a catalog is refused in a sentence; it serves again once there is room."""


def checks(settings) -> list[Row]:
    """Everything that the command line and a build can be given."""
    names = built_names(settings)
    name = "movies" if "movies" in names else names[0]
    settings = replace(settings, qdrant_url=None)
    return [
        _requests(settings, name),
        _wishes(settings, name),
        *([_pictures(settings, "clipart")] if "clipart" in names else []),
        *_packed(settings, name),
        *([_corrupt_downloads(settings)] if "movies" in names else []),
        _full_disk(settings, name),
    ]


def _requests(settings, name: str) -> Row:
    """Values that cannot be used, each with the command that gives them."""
    listing = ["recommend", "--catalog", name, "--like", _first_id(settings, name)]
    refused = [
        ["recommend", "--catalog", name, "--like", "no such item"],
        ["recommend", "--catalog", name, "--dislike", "../../etc/passwd"],
        ["recommend", "--catalog", "nothing", "--wish", "x"],
        ["recommend", "--catalog", "../" + name, "--wish", "x"],
        ["recommend", "--catalog", "", "--wish", "x"],
        ["recommend", "--catalog", name, "--category", "no such category"],
        ["recommend", "--wish", "x"],
        [*listing, "--space", "sound"],
        [*listing, "--where", "colour=red"],
        [*listing, "--where", "year>=soon"],
        [*listing, "--where", "year>=nan"],
        [*listing, "--where", "in_stock=maybe"],
        [*listing, "--where", "in_stock>=yes"],
        [*listing, "--where", "year"],
        [*listing, "--where", "=1990"],
        [*listing, "--where", "year="],
        [*listing, "--where", ""],
        [*listing, "--lam", "7"],
        [*listing, "--lam", "-1"],
        [*listing, "--lam", "nan"],
        [*listing, "--lam", "more"],
        [*listing, "--blend", "2"],
        [*listing, "--blend", "nan"],
        [*listing, "--k", "0"],
        [*listing, "--k", "-3"],
        [*listing, "--k", "1.5"],
        [*listing, "--dislike", _first_id(settings, name)],
        ["similar", "--catalog", name, "no such item"],
        ["similar", "--catalog", name, "<script>alert(1)</script>"],
        ["search", "--catalog", name, ""],
        ["search", "--catalog", name, " \t\n "],
        ["search", "--catalog", name],
        ["build", "--catalog", "nothing"],
        ["build", "--catalog", "../up"],
        ["export", "--catalog", "nothing", "--out", "never-written"],
        ["export", "--catalog", name, "--out", "/proc/nowhere"],
        ["pack", "--catalog", name, "--out", "/proc/nowhere/file.tar"],
        ["frobnicate"],
        [],
    ]
    wrong = [words for words in refused if not _one_sentence(call(settings, *words))]
    more = call(settings, *listing, "--k", "100000", "--json")
    generous = more.code == 0 and json.loads(more.out)["note"] is not None
    return Row(
        "requests that cannot be answered: exit code 2, one sentence on stderr, nothing on stdout, no traceback",
        f"{len(refused) - len(wrong)} of {len(refused)}"
        + (f"; not so: {' '.join(wrong[0])}" if wrong else "")
        + f"; a list of 100,000 {'ends early and says so' if generous else 'FAILS'}",
        not wrong and generous,
    )


def _one_sentence(answer: Answer) -> bool:
    return answer.is_refusal and len(answer.err.strip().splitlines()) == 1 and len(answer.err) < 700


def _first_id(settings, name: str) -> str:
    return run(settings, "recommend", "--catalog", name, "--k", "1", "--json").document["items"][0]["item_id"]


def _wishes(settings, name: str) -> Row:
    """Wishes that are odd and yet wishes: each gets a list."""
    odd = {
        "10,000 characters": "a funny film " * 770,
        "one word of 10,000 letters": "a" * 10_000,
        "right to left": "סרט מצחיק על אהבה",
        "right-to-left override": "\u202efunny\u202c film",
        "<script>": "<script>alert('x')</script>",
        "quotes and SQL": "'; DROP TABLE steps; --",
        "emoji": "🐈🎬❤️",
        "NUL and control characters": "a\x1b[31mcat\x07",
        "starts with a dash": "-funny",
        "half a surrogate pair": "cat \udc80",
    }
    failed = []
    for what, wish in odd.items():
        answer = call(settings, "recommend", "--catalog", name, f"--wish={wish}", "--json", "--k", "3")
        if answer.code or len(answer.document["items"]) != 3 or answer.document["starting"] is not None:
            failed.append(f"{what}: {answer.last_line or 'no list'}")
    return Row(
        f"odd wishes get a list: {', '.join(odd)}",
        f"{len(odd) - len(failed)} of {len(odd)}" + (f"; {failed[0]}" if failed else ""),
        not failed,
    )


def _pictures(settings, name: str) -> Row:
    """Files to search by: those that are no usable picture get a sentence, the others a list."""
    with tempfile.TemporaryDirectory() as folder:
        bad, good = _picture_files(Path(folder))
        refused = [p for p in bad if not _one_sentence(_search_by(settings, name, p))]
        failed = [p for p in good if _search_by(settings, name, p).code]
    return Row(
        "pictures to search by: no picture, truncated, 200 megapixels and absent are refused in a sentence; "
        "CMYK, animated and odd ones work",
        f"{len(bad) - len(refused)} of {len(bad)} refused, {len(good) - len(failed)} of {len(good)} answered"
        + "".join(f"; not so: {p.name}" for p in [*refused, *failed][:3]),
        not refused and not failed,
    )


def _search_by(settings, name: str, picture: Path) -> Answer:
    return call(settings, "search", "--catalog", name, "--image", picture, "--json")


def _picture_files(folder: Path) -> tuple[list[Path], list[Path]]:
    """Bad and good picture files."""
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    picture = Image.fromarray(noise)
    jpeg, png = io.BytesIO(), io.BytesIO()
    picture.save(jpeg, "JPEG")
    picture.save(png, "PNG")

    def write(file: str, content: bytes) -> Path:
        (folder / file).write_bytes(content)
        return folder / file

    bad = [
        write("letter.png", b"Dear Sir or Madam"),
        write("empty.jpg", b""),
        write("truncated.jpg", jpeg.getvalue()[: len(jpeg.getvalue()) // 2]),
        write("truncated.png", png.getvalue()[: len(png.getvalue()) // 2]),
        write("200-megapixels.png", _blank_png(20_000, 10_000)),
        write("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        folder / "absent.png",
        folder,
    ]
    good = [write("right.jpg", jpeg.getvalue()), folder / "cmyk.jpg", folder / "animated.gif", folder / "grey16.png"]
    picture.convert("CMYK").save(good[1])
    picture.save(good[2], save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])
    Image.fromarray(noise[..., 0].astype(np.uint16) * 256).save(good[3])
    return bad, good


def _blank_png(width: int, height: int) -> bytes:
    """A white PNG of any size, which is a few kB as a file."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    packer = zlib.compressobj(9)
    line = b"\0" + b"\xff" * ((width + 7) // 8)
    rows = b"".join(packer.compress(line) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def _packed(settings, name: str) -> list[Row]:
    """Packed files: the right one serves the same list elsewhere, the others change nothing."""
    asked = ["recommend", "--json", "--catalog", name, "--like", _first_id(settings, name), "--k", "20"]
    reference = call(settings, *asked).document
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        packed = folder / "packed.tar"
        size = call(settings, "pack", "--catalog", name, "--out", packed, "--json").document["bytes"]
        fresh = replace(settings, data=folder / "fresh")
        unpacked = call(fresh, "unpack", packed, "--json")
        arrived = call(fresh, *asked)
        same = unpacked.code == 0 and arrived.code == 0 and arrived.document["items"] == reference["items"]

        elsewhere = replace(settings, data=folder / "elsewhere")
        call(elsewhere, "unpack", packed)
        bad = _bad_packages(folder, packed)
        refused = [p for p in bad if not _one_sentence(call(elsewhere, "unpack", p))]
        serves = call(elsewhere, *asked).document["items"] == reference["items"]
        escaped = list(folder.rglob("escaped"))
        left = [p for p in elsewhere.catalogs.iterdir() if p.name.startswith(".")]
    return [
        Row(
            f"{name}: pack and unpack into an empty data folder give the same list",
            f"{'the same 20 items, scores and reasons' if same else 'NOT the same'}; the file has {size / MB:.1f} MB",
            same,
        ),
        Row(
            f"packed files that are none: {', '.join(p.stem for p in bad)}: a sentence, and nothing changes",
            f"{len(bad) - len(refused)} of {len(bad)} refused"
            + (f"; not so: {refused[0].name}" if refused else "")
            + f"; what served {'serves' if serves else 'does NOT serve'}; "
            f"{len(escaped)} files outside the folder, {len(left)} left behind",
            not refused and serves and not escaped and not left,
        ),
    ]


def _bad_packages(folder: Path, packed: Path) -> list[Path]:
    """Damaged and hostile variants of a packed file."""
    content = packed.read_bytes()
    with tarfile.open(packed) as tar:
        files = [(member, tar.extractfile(member).read()) for member in tar]

    def write(file: str, data: bytes) -> Path:
        (folder / file).write_bytes(data)
        return folder / file

    def rewrite(file: str, changed: Callable[[str, bytes], tuple[str, bytes] | None]) -> Path:
        with tarfile.open(folder / file, "w") as tar:
            for member, data in files:
                result = changed(member.name, data)
                if result is not None:
                    info = tarfile.TarInfo(result[0])
                    info.size = len(result[1])
                    tar.addfile(info, io.BytesIO(result[1]))
        return folder / file

    def flipped(data: bytes) -> bytes:
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 0xFF]) + data[middle + 1 :]

    last = files[-1][0].name
    return [
        write("truncated.tar", content[: len(content) // 2]),
        write("cut-at-the-end.tar", content[:-12_000]),
        write("letter.tar", b"Dear Sir or Madam"),
        write("empty.tar", b""),
        folder / "absent.tar",
        rewrite("without-its-last-file.tar", lambda n, d: None if n == last else (n, d)),
        rewrite("one-byte-flipped.tar", lambda n, d: (n, flipped(d) if n == "text.npy" else d)),
        rewrite("member-outside.tar", lambda n, d: ("../escaped" if n == last else n, d)),
        rewrite("wrong-manifest.tar", lambda n, d: (n, b'{"name": "../x"}' if n == "manifest.json" else d)),
        rewrite("without-manifest.tar", lambda n, d: None if n == "manifest.json" else (n, d)),
    ]


def _corrupt_downloads(settings) -> Row:
    """A byte of a download flips: fetched again, or a sentence; the old version serves either way."""
    with sandbox(settings, ["movies"]) as copy:
        asked = ["recommend", "--json", "--catalog", "movies", "--like", _first_id(copy, "movies")]
        reference = run(copy, *asked).document["items"]
        damaged = sorted(copy.downloads.glob("*.whl"), key=lambda p: p.stat().st_size)[0]
        good = damaged.read_bytes()
        _flip_a_byte(damaged)
        offline = run(copy, "build", "--force", "--catalog", "movies", env={"PIP_NO_INDEX": "1"})
        serves = run(copy, *asked).document["items"] == reference
        if not damaged.exists():
            damaged.write_bytes(good)
        _flip_a_byte(damaged)
        online = run(copy, "build", "--force", "--catalog", "movies")
        refetched = online.code == 0 and damaged.read_bytes() == good
        serves &= run(copy, *asked).document["items"] == reference
    fine = _is_last_word(offline) and serves and (refetched or _is_last_word(online))
    return Row(
        "a corrupt download: fetched again, or a sentence; the old version serves",
        f"without a network: {_told(offline)}; with one: {'fetched again and built' if refetched else _told(online)}; "
        f"{'the old list was served' if serves else 'the old list was NOT served'}",
        fine,
    )


def _flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def _is_last_word(answer: Answer) -> bool:
    """Exit code 2 and no traceback; a build's progress may stand before the sentence."""
    return answer.is_refusal


def _told(answer: Answer) -> str:
    if "Traceback" in answer.err:
        return f"A TRACEBACK: {answer.last_line}"
    return f"exit code {answer.code}, “{answer.last_line}”"


def _full_disk(settings, name: str) -> Row:
    """A build on a disk that gets full: a sentence, and the old version serves."""
    told, wrong, kind = [], [], "a small disk of its own"
    with tempfile.TemporaryDirectory() as folder:
        for room in ROOM_LEFT:
            try:
                answers = _build_on_small_disk(settings, name, Path(folder), room)
            except PermissionError:
                kind = "file size limited, since only root can mount a small disk"
                answers = _build_with_small_files(settings, name, max(room, MB // 2))
            build, serves = answers
            told.append(f"{room / MB:g} MB left: {_told(build)}{'' if serves else ', the old list is NOT served'}")
            if not _is_last_word(build) or not serves:
                wrong.append(told[-1])
    return Row(
        f"{name}: a full disk under a build ({kind}): a sentence, and the old version serves",
        f"{len(told) - len(wrong)} of {len(told)}. " + (wrong[0] if wrong else "; ".join(told)),
        not wrong,
    )


def _build_on_small_disk(settings, name: str, folder: Path, room: int) -> tuple[Answer, bool]:
    with sandbox(settings, [name], within=folder) as whole:
        asked, before = _some_list(whole, name)
        used = int(subprocess.run(["du", "-sB1", str(whole.data)], capture_output=True, text=True).stdout.split()[0])
        with _small_disk(folder, used + room + 96 * MB) as disk:
            subprocess.run(["cp", "-a", "--sparse=auto", f"{whole.data}/.", str(disk)], check=True)
            small = replace(settings, data=disk)
            _fill(disk, room)
            build = run(small, "build", "--force", "--catalog", name)
            serves = True
            if room < ROOM_TO_READ:
                serves = _one_sentence(run(small, *asked))
                (disk / "filler").unlink()
            return build, serves and _still_serves(small, asked, before)


def _fill(disk: Path, room: int) -> None:
    """Leaves that many bytes free on a disk."""
    with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while (left := shutil.disk_usage(disk).free - room) > 0:
            filler.write(bytes(min(left, MB)))


@contextlib.contextmanager
def _small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of about that many bytes, in a file. Not one in memory: that one takes room for holes when read.

    Raises:
        PermissionError: this user cannot mount one.
    """
    image, disk = folder / "disk.img", folder / "disk"
    with image.open("wb") as file:
        file.truncate(size)
    disk.mkdir(exist_ok=True)
    made = subprocess.run(["/usr/sbin/mkfs.ext4", "-q", "-m", "0", str(image)], capture_output=True).returncode == 0
    if not made or subprocess.run(["mount", "-o", "loop", str(image), str(disk)], capture_output=True).returncode:
        raise PermissionError("mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def _build_with_small_files(settings, name: str, limit: int) -> tuple[Answer, bool]:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    with sandbox(settings, [name]) as copy:
        asked, before = _some_list(copy, name)
        build = run(copy, "build", "--force", "--catalog", name, prepare=limited)
        return build, _still_serves(copy, asked, before)


def _some_list(settings, name: str) -> tuple[list[str], dict]:
    """A command that asks for a list, and its document."""
    asked = ["recommend", "--json", "--catalog", name, "--like", _first_id(settings, name)]
    return asked, run(settings, *asked).document


def _still_serves(settings, asked: list[str], before: dict) -> bool:
    """Whether the version of before serves the list of before, and nothing is left of what failed."""
    answer = run(settings, *asked)
    if answer.code or answer.document["items"] != before["items"] or answer.document["version"] != before["version"]:
        return False
    return not list((settings.catalogs / before["catalog"]).glob(".building-*"))
