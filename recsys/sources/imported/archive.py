"""Pictures that somebody brings: a ZIP or a folder, read through an index of what may be read, never extracted.

Names within the archive are keys and nothing else: no path is ever made of one, so none can lead anywhere.
"""

import os
import stat
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from recsys.errors import InvalidInput

MAX_PICTURES = 50_000
"""Files of an archive or a folder. A build holds what it draws of them in memory, about 20 kB each."""
MAX_PICTURE = 50 * 2**20
"""Bytes of one picture."""
MAX_TOTAL = 40 * 2**30
"""Bytes of all pictures, unpacked."""
MAX_RATIO = 100
"""Times that a file may be larger than what it is packed to. Deflate packs no picture so well; an SVG perhaps to 20."""

_FREE = 2**20  # bytes within which a ratio does no harm
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz")
_NOISE = ("__macosx", ".ds_store", "thumbs.db", "desktop.ini")
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)


@dataclass(frozen=True)
class Pictures:
    """The pictures of an archive or a folder, by name.

    Attributes:
        refused: why a file is left alone, by its name.
    """

    refused: dict[str, str]
    _read: Callable[[str], bytes]
    _names: dict[str, list[str]]  # every spelling that finds a picture -> the pictures it may mean

    def find(self, name: str) -> str | None:
        """The picture that a cell of a table means: by its whole name, its file name, or that without its ending.

        Exact spelling goes first, then any case.

        Raises:
            InvalidInput: it may mean several.
        """
        asked = name.strip().replace("\\", "/").removeprefix("./")
        for spelling in (asked, PurePosixPath(asked).name):
            for key in (f"={spelling}", spelling.casefold()):
                found = self._names.get(key, [])
                if len(found) == 1:
                    return found[0]
                if found:
                    raise InvalidInput(f"fits {len(found)} pictures")
        return None

    def why_not(self, name: str) -> str:
        """Why a name finds nothing."""
        asked = name.strip().replace("\\", "/").removeprefix("./")
        last = PurePosixPath(asked).name
        for refused, reason in self.refused.items():
            if asked == refused or last and last == PurePosixPath(refused.replace("\\", "/")).name:
                return reason
        return "not among the pictures"

    def read(self, name: str) -> bytes:
        """The bytes of a picture that `find` gave. Threads may call it one at a time.

        Raises:
            InvalidInput: it cannot be read, or is not what the archive says of it.
        """
        return self._read(name)

    def __len__(self) -> int:
        return len({name for found in self._names.values() for name in found})


@contextmanager
def open_pictures(path: Path) -> Iterator[Pictures]:
    """Opens a ZIP file or a folder of pictures.

    Raises:
        InvalidInput: it is neither, or holds too much.
    """
    if path.is_dir():
        yield _in_folder(path)
        return
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no file {path.name}.") from error
    except _BROKEN as error:
        raise InvalidInput(f"{path.name} is no ZIP file that can be read.", "Pack the pictures again.") from error
    with archive:
        yield _in_zip(archive, path.name)


def _in_zip(archive: zipfile.ZipFile, label: str) -> Pictures:
    members = [info for info in archive.infolist() if not info.is_dir()]
    _check_number(len(members), label)
    refused = {info.filename: reason for info in members if (reason := _why_refused(info))}
    good = {info.filename: info for info in members if info.filename not in refused and not _is_noise(info.filename)}
    _check_total(sum(info.file_size for info in good.values()), label)

    def read(name: str) -> bytes:
        try:
            with archive.open(good[name]) as file:
                data = file.read(good[name].file_size + 1)
        except _BROKEN as error:
            raise InvalidInput("damaged in the archive") from error
        if len(data) != good[name].file_size:
            raise InvalidInput("not of the size that the archive says")
        return data

    return Pictures(refused, read, _spellings(good))


def _why_refused(info: zipfile.ZipInfo) -> str:
    """Why a member is left alone; empty for one that may be read."""
    parts = info.filename.replace("\\", "/").split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        return "its name leads out of the archive"
    if kind not in (0, stat.S_IFREG):
        return "a link" if kind == stat.S_IFLNK else "no plain file"
    if info.flag_bits & 0x1:
        return "encrypted"
    if info.filename.lower().endswith(_ARCHIVES):
        return "an archive within the archive"
    if info.file_size > MAX_PICTURE:
        return f"more than {MAX_PICTURE // 2**20} MB"
    if info.file_size > max(_FREE, MAX_RATIO * info.compress_size):
        return f"unpacks to more than {MAX_RATIO} times its size"
    return ""


def _in_folder(folder: Path) -> Pictures:
    refused: dict[str, str] = {}
    good: dict[str, Path] = {}
    count = total = 0
    for root, _, names in os.walk(folder, followlinks=False):
        for name in names:
            path = Path(root) / name
            relative = path.relative_to(folder).as_posix()
            told = path.lstat()
            count += 1
            if stat.S_ISLNK(told.st_mode):
                refused[relative] = "a link"
            elif not stat.S_ISREG(told.st_mode):
                refused[relative] = "no plain file"
            elif told.st_size > MAX_PICTURE:
                refused[relative] = f"more than {MAX_PICTURE // 2**20} MB"
            elif not _is_noise(relative):
                good[relative] = path
                total += told.st_size
        _check_number(count, folder.name)
    _check_total(total, folder.name)

    def read(name: str) -> bytes:
        try:
            # Not through a link that has taken the file's place since.
            with os.fdopen(os.open(good[name], os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                data = file.read(MAX_PICTURE + 1)
        except OSError as error:
            raise InvalidInput("cannot be read") from error
        if len(data) > MAX_PICTURE:
            raise InvalidInput(f"more than {MAX_PICTURE // 2**20} MB")
        return data

    return Pictures(refused, read, _spellings(good))


def _is_noise(name: str) -> bool:
    return any(part in _NOISE or part.startswith("._") for part in name.lower().split("/"))


def _check_number(count: int, label: str) -> None:
    if count > MAX_PICTURES:
        raise InvalidInput(f"{label} has {count:,} files; the limit is {MAX_PICTURES:,}.", "Leave some out.")


def _check_total(size: int, label: str) -> None:
    if size > MAX_TOTAL:
        raise InvalidInput(
            f"{label} unpacks to {size / 2**30:.0f} GB; the limit is {MAX_TOTAL // 2**30} GB.", "Make them smaller."
        )


def _spellings(names) -> dict[str, list[str]]:
    """How each name may be asked for: `=` before what must be spelled exactly."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in names:
        path = PurePosixPath(name)
        for spelling in dict.fromkeys((name, path.name, path.stem)):
            found[f"={spelling}"].append(name)
            found[spelling.casefold()].append(name)
    return dict(found)
