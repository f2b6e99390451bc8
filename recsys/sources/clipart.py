"""Clip art: the Open Clip Art Library as Debian packs it, its folders as categories, its RDF as words.

A picture often lies in several folders, as a link or as a copy whose metadata differ. It is one item here: the folder
of the first copy gives the category, and what the other copies add becomes keywords.
"""

import hashlib
import html
import io
import json
import os
import posixpath
import re
import tarfile
import tempfile
import unicodedata
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from recsys.catalog import Catalog, Facet
from recsys.errors import CatalogError
from recsys.settings import Settings
from recsys.sources import simulated
from recsys.sources.download import Progress, explained_disk_errors, fetch_deb

NAME = "clipart"
LABEL = "Clip art"
ABOUT = (
    "Drawings that volunteers gave to the Open Clip Art Library, most of them in 2004 and 2005. Nobody rated them, so "
    "there is no popularity and nothing to learn tastes from: only pictures and words."
)
LICENCE = "Public domain (Creative Commons Public Domain Dedication), declared by each drawing's author."

DEB = {
    "package": "openclipart-svg",
    "version": "1:0.18+dfsg-19",
    "sha256": "989712d90d57dfa3230049f553bb43b76c30ee4d4b8c5f6e106e33f7db5cbdc5",
    "size": 24_919_068,
}
ROOT = "usr/share/openclipart/svg"
FORMAT = 1  # raise it whenever `load` gives something else for the same file

# Buttons, arrows, playing cards, colour ramps: hundreds of near-copies that nobody looks for.
LEFT_OUT = (
    "shapes",
    "computer/icons",
    "computer/buttons",
    "buttons",
    "special/gradients",
    "special/patterns",
    "signs_and_symbols/led",
    "recreation/games/cards",
    "unsorted",
)
PRICES = (0.5, 9.95)

FACETS = (
    Facet("category", "Category", "category", note="The library's top folder."),
    Facet("subcategory", "Subcategory", "category", note="The library's first two folders."),
    Facet("tags", "Keywords", "tags", note="As the authors gave them, and the other folders the drawing lies in."),
    Facet("creator", "Creator", "category", note="The author's name, where it is given."),
    Facet("year", "Year", "number", note="When it was drawn; most drawings bear no date."),
    *simulated.FACETS,
)

_MEMBERS_LIMIT = 100_000_000  # bytes of one file; nothing real comes near
_DC = "{http://purl.org/dc/elements/1.1/}"
_RDF_ITEM = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}li"
_NO_KEYWORDS = frozenset(
    {"hash", "unsorted", "and", "of", "the", "clip art", "clipart", "openclipart", "svg", "image", "inkscape"}
)


def load(settings: Settings, progress: Progress | None = None) -> Catalog:
    """Fetches what is missing and reads the catalog. Draws nothing.

    Args:
        settings: where downloads are kept.
        progress: told how download and reading go on.

    Returns:
        One item a different picture, `image` being the path that `picture_reader` reads.

    Raises:
        CatalogError: the package cannot be fetched or read.
    """
    with zipfile.ZipFile(_pictures(settings, progress)) as archive:
        links = json.loads(archive.read(_LINKS))
        files = {name: archive.read(name) for name in archive.namelist() if name != _LINKS}
    return read(files, links, progress)


def picture_reader(settings: Settings) -> Callable[[str], bytes]:
    """A function that reads the SVG of an item by its `image`; several threads may call it.

    Raises:
        CatalogError: the package cannot be fetched or read.
    """
    archive = zipfile.ZipFile(_pictures(settings, None))

    def read_picture(path: str) -> bytes:
        return archive.read(path)

    return read_picture


# -- The package ------------------------------------------------------------------------------------------------------

_LINKS = "links.json"


def _pictures(settings: Settings, progress: Progress | None) -> Path:
    """The zip of the drawings we use, made from the package where it is absent or cannot be read."""
    path = settings.downloads / f"openclipart-{DEB['sha256'][:12]}-{FORMAT}.zip"
    if not zipfile.is_zipfile(path):
        deb = fetch_deb(folder=settings.downloads, progress=progress, **DEB)
        with explained_disk_errors(settings.downloads):
            repack(deb, path, progress)
    return path


def repack(deb: Path, path: Path, progress: Progress | None = None) -> None:
    """Copies the drawings out of a Debian package into a zip, which has random access and one name to switch.

    The zip holds the files by their path below the clip-art folder and `links.json`, path to path.

    Raises:
        CatalogError: the package cannot be read.
    """
    files, links = wanted(members(deb, progress))
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".repacking-", delete=False) as file:
        try:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
                archive.writestr(_LINKS, json.dumps(links))
            os.chmod(file.name, 0o644)
            file.close()
            os.replace(file.name, path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def members(deb: Path, progress: Progress | None = None) -> Iterator[tuple[str, bytes | str]]:
    """The SVGs of a Debian package below the clip-art folder.

    Args:
        deb: the package: an ar archive with a `data.tar`.
        progress: told the bytes read.

    Yields:
        The path below the clip-art folder, and its bytes or, for a link, the path that it leads to. What leads out
        of the folder, and what is neither a file nor a symbolic link, is passed over.

    Raises:
        CatalogError: the package cannot be read.
    """
    try:
        with deb.open("rb") as file:
            offset, size, mode = _data_tar(file)
            file.seek(offset)
            with tarfile.open(fileobj=_Part(file, size, progress), mode=mode) as archive:
                for member in archive:
                    path = _below_root(member.name)
                    if path is None or not path.endswith(".svg"):
                        continue
                    if member.isfile() and member.size <= _MEMBERS_LIMIT:
                        yield path, archive.extractfile(member).read()
                    elif member.issym():
                        target = _below_root(posixpath.join(posixpath.dirname(member.name), member.linkname))
                        if target is not None and not member.linkname.startswith("/"):
                            yield path, target
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise CatalogError(
            f"{deb.name} cannot be read as a Debian package.", f"Delete {deb} and build again."
        ) from error


def _data_tar(file: io.BufferedReader) -> tuple[int, int, str]:
    """Where a Debian package keeps its files: offset and size in bytes, and tarfile's mode to read them."""
    if file.read(8) != b"!<arch>\n":
        raise ValueError("expected an ar archive")
    while len(header := file.read(60)) == 60:
        name, size = header[:16].decode("ascii").strip().rstrip("/"), int(header[48:58])
        if name.startswith("data.tar"):
            modes = {"": "r|", ".gz": "r|gz", ".bz2": "r|bz2", ".xz": "r|xz"}
            return file.tell(), size, modes[name.removeprefix("data.tar")]
        file.seek(size + size % 2, io.SEEK_CUR)
    raise ValueError("expected a data.tar")


class _Part(io.RawIOBase):
    """The next `size` bytes of a file, as a file of their own that tells how far it was read."""

    def __init__(self, file: io.BufferedReader, size: int, progress: Progress | None) -> None:
        self._file, self._left, self._size, self._progress = file, size, size, progress

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        if self._progress is not None:
            self._progress(self._size - self._left, self._size, "unpack drawings")
        return data


def _below_root(name: str) -> str | None:
    """A member's path below the clip-art folder, or None where it lies elsewhere."""
    path = posixpath.normpath(name)
    return path.removeprefix(f"{ROOT}/") if path.startswith(f"{ROOT}/") else None


def wanted(members: Iterable[tuple[str, bytes | str]]) -> tuple[dict[str, bytes], dict[str, str]]:
    """The files and the links of the folders we use, links led to their end, sorted by path.

    A file of a folder that is left out comes along where a link of another folder leads to it.
    """
    contents = dict(members)
    links: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for path in sorted(contents):
        if _left_out(path):
            continue
        end, steps = path, 0
        while isinstance(contents.get(end), str) and steps < 8:
            end, steps = contents[end], steps + 1
        if isinstance(content := contents.get(end), bytes):
            files[end] = content
            if end != path:
                links[path] = end
    return dict(sorted(files.items())), links


def _left_out(path: str) -> bool:
    return any(path.startswith(f"{folder}/") for folder in LEFT_OUT)


# -- The items --------------------------------------------------------------------------------------------------------


@dataclass
class Drawing:
    """One picture: what the copy that gives it its place says, and what the others add.

    Attributes:
        path: of its file.
        place: path that gives it its category; another one than `path` where only a link lies in a folder we use.
        title, description, creator, year: from its metadata, as they stand there (the year NaN where unknown).
        keywords: cleaned, without repetition.
    """

    path: str
    place: str
    title: str
    description: str
    creator: str
    year: float
    keywords: dict[str, None] = field(default_factory=dict)


def read(files: dict[str, bytes], links: dict[str, str], progress: Progress | None = None) -> Catalog:
    """The catalog of some SVG files.

    Args:
        files: SVGs by path.
        links: path to path of a file.
        progress: told how many files are read.
    """
    drawings = _drawings(files, links, progress)
    creators = _usual_spellings([clean_creator(d.creator) for d in drawings])
    titles = _titles(drawings)
    places = [d.place.rpartition("/")[0].split("/") for d in drawings]
    ids = _ids(titles, [folders[-1] for folders in places])
    items = pd.DataFrame(
        {
            "title": titles,
            "description": [clean_description(d.description, t) for d, t in zip(drawings, titles, strict=True)],
            "tags": pd.Series([tuple(d.keywords) for d in drawings], dtype=object),
            "image": pd.Series([d.path for d in drawings], dtype=object),
            "category": pd.Series([folder_label(folders[0]) for folders in places], dtype=object),
            "subcategory": pd.Series(["/".join(map(folder_label, folders[:2])) for folders in places], dtype=object),
            "creator": pd.Series(creators, dtype=object),
            "year": np.array([d.year for d in drawings], dtype=np.float64),
        }
    )
    items["text"] = [text_of(row) for row in items.itertuples()]
    items.index = pd.Index(ids, name="item_id", dtype=object)
    for name, column in simulated.columns(NAME, ids, *PRICES).items():
        items[name] = column
    return Catalog(NAME, LABEL, ABOUT, items, FACETS, categories="category", licence=LICENCE)


def text_of(row) -> str:
    """What the text encoder reads of an item: title, folders, keywords, description, no word group twice."""
    words = dict.fromkeys((*row.subcategory.split("/"), *row.tags))
    return ". ".join(part for part in (row.title, ", ".join(words), row.description) if part)


def _drawings(files: dict[str, bytes], links: dict[str, str], progress: Progress | None) -> list[Drawing]:
    """One drawing a different picture in the public domain, sorted by place."""
    places = {path: path for path in files if not _left_out(path)}
    linked: dict[str, list[str]] = defaultdict(list)
    for link, path in links.items():
        linked[path].append(link)
    found: dict[str, Drawing] = {}
    # The deepest folder says most, so the copy that lies there gives the picture its place.
    order = sorted(files, key=lambda path: (path not in places, -path.count("/"), path))
    for i, path in enumerate(order):
        if progress is not None and i % 100 == 0:
            progress(i, len(order), "read drawings")
        try:
            root = ElementTree.fromstring(files[path])
        except ElementTree.ParseError:
            continue
        if not in_public_domain(root):
            continue
        place = places.get(path) or min(linked[path], key=lambda link: (-link.count("/"), link))
        drawing = Drawing(
            path=path,
            place=place,
            title=_first(root, "title"),
            description=_first(root, "description"),
            creator=_first(root, "creator"),
            year=year_of(_first(root, "date")),
        )
        drawing = found.setdefault(picture_key(files[path]), drawing)
        words = [li.text or "" for subject in root.iter(f"{_DC}subject") for li in subject.iter(_RDF_ITEM)]
        for other in (place, *linked[path]):
            if other.rpartition("/")[0] != drawing.place.rpartition("/")[0]:
                words += map(folder_label, other.split("/")[:-1])
        drawing.keywords.update(dict.fromkeys(clean_keywords(words, _first(root, "creator"))))
    if progress is not None:
        progress(len(order), len(order), "read drawings")
    return sorted(found.values(), key=lambda drawing: drawing.place)


def _first(root: ElementTree.Element, name: str) -> str:
    """The text of the first Dublin Core element of a name, mended."""
    element = next(root.iter(f"{_DC}{name}"), None)
    return "" if element is None else mended("".join(element.itertext()))


def mended(text: str) -> str:
    """A text without what an upload form did to it: entities, UTF-8 read as Latin-1, Perl's `HASH(0x...)`."""
    text = " ".join(html.unescape(re.sub(r"HASH\(0x[0-9a-f]+\)", "", text, flags=re.IGNORECASE)).split())
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def picture_key(svg: bytes) -> str:
    """Equal for two files that differ in nothing but metadata, comments and white space."""
    bare = re.sub(rb"<((?:\w+:)?metadata)\b.*?</\1\s*>|<!--.*?-->", b"", svg, flags=re.DOTALL)
    return hashlib.sha256(b" ".join(bare.split())).hexdigest()


def in_public_domain(root: ElementTree.Element) -> bool:
    """Whether every licence that the metadata name is the public domain; none counts as the library's own."""
    named = [
        value
        for element in root.iter()
        if isinstance(element.tag, str) and element.tag.rpartition("}")[2].lower() == "license"
        for value in element.attrib.values()
        if value
    ]
    return all(re.sub(r"[^a-z]", "", value.lower()).endswith("publicdomain") for value in named)


def clean_keywords(words: Iterable[str], creator: str = "") -> list[str]:
    """Keywords as people write them: lower case, blanks for underscores; without the library's own noise."""
    phrases = [phrase for word in words for phrase in re.split(r"[,;/]", word.replace("_", " "))]
    # Four words and more are a list whose commas got lost.
    lists = [phrase.split() if len(phrase.split()) > 3 else [phrase] for phrase in phrases]
    keywords = dict.fromkeys(" ".join(word.casefold().strip(" .=").split()) for words in lists for word in words)
    return [word for word in keywords if word != creator.casefold() and _is_keyword(word)]


def _is_keyword(word: str) -> bool:
    return (
        word not in _NO_KEYWORDS
        and len(word) <= 40
        and re.search(r"[^\W\d_]{2}", word) is not None
        and re.search(r"[@()]|^0x[0-9a-f]+$|https?:|www\.", word) is None
    )


_USELESS = re.compile(
    r"\S@\S|hereby released|^EPS converted|^(Made|Created|Drawn) (with|in|using) |public domain", re.IGNORECASE
)


def clean_description(description: str, title: str) -> str:
    """A description that says more than the title, without addresses and terms; else empty."""
    same = description.casefold().strip(" .") == title.casefold().strip(" .")
    if same or _USELESS.search(description) or not re.search(r"[^\W\d_]{3}", description):
        return ""
    text = re.sub(r"\s*\(?https?://\S+\)?", "", description).strip()
    return text if len(text) <= 400 else f"{text[:399].rsplit(' ', 1)[0]}…"


def clean_creator(creator: str) -> str | None:
    """An author's name without addresses and remarks: "Jakob [j@x.org]" becomes "Jakob"."""
    name = re.sub(r"mailto:|https?://(www\.)?|\s*[\[(<].*$", "", creator) or creator.strip("[]()<> ")
    name = " ".join(re.sub(r"(\S+)@\S+", r"\1", name).replace(",", " ").split()).strip(" .-<>")
    return name if re.search(r"[^\W\d_]", name) else None


def _usual_spellings(names: list[str | None]) -> list[str | None]:
    """The names, each as it is spelled most often: "A.J. Ashton" and "Ashton AJ" become "AJ Ashton"."""

    def key(name: str) -> tuple[str, ...]:
        return tuple(sorted(set(re.sub(r"[.'\"]", "", _plain(name)).split()) - {"architetto"}))

    spellings: dict[tuple[str, ...], Counter] = defaultdict(Counter)
    for name in names:
        if name is not None:
            spellings[key(name)][name] += 1
    usual = {
        key: min(counts, key=lambda name: (-counts[name], name.isupper(), name)) for key, counts in spellings.items()
    }
    return [None if name is None else usual[key(name)] for name in names]


def year_of(date: str) -> float:
    """The year of a date in any order, if it is one between 1990 and 2006, when the collection was closed."""
    found = re.search(r"(?<!\d)(199\d|200[0-6])", date) or re.fullmatch(r"\d\d?[-/.]\d\d?[-/.](0[0-6])", date)
    return float("nan") if found is None else float(found[1]) % 2000 + 2000 if len(found[1]) == 2 else float(found[1])


def folder_label(folder: str) -> str:
    """A folder's name for people: "signs_and_symbols" becomes "signs and symbols"."""
    return " ".join(re.split(r"[_\-\s]+", folder.lower())).strip()


# -- Titles and ids ---------------------------------------------------------------------------------------------------

# What some collections put around every file name.
_FRAME = re.compile(r"^(aiga|bb|svg|sport|chesspieces)[_-]|_\d_symbol_\d+c?m_bwh$|-md(-v[\d.]+)?$", re.IGNORECASE)
_NO_TITLE = re.compile(
    r"^clipart by |@|https?:|^(untitled|r1[56] .*|drawing|new document.*|svg|part of the flat.*"
    r"|(svg )?road signs|map symbols|lemon svg theme|etiquette icons)$",
    re.IGNORECASE,
)


def _titles(drawings: list[Drawing]) -> list[str]:
    """Titles for people. Where one is a collection's name, or none, the file name gives a better one."""
    derived = [title_from_file(d.path, d.creator) for d in drawings]
    together: dict[str, list[str]] = defaultdict(list)
    for drawing, name in zip(drawings, derived, strict=True):
        together[drawing.title.casefold()].append(name.casefold())

    def title(drawing: Drawing, name: str) -> str:
        given, names = drawing.title, together[drawing.title.casefold()]
        named = re.fullmatch(r"Clipart by .+? - (.+)", given)
        if named and len(names) == 1:
            given, names = named[1], [""]
        # Three or more drawings of one title whose files mostly have names of their own: a collection.
        collection = len(names) >= 3 and len(set(names)) > len(names) / 2
        useless = not given or _NO_TITLE.search(given) or given.casefold() == drawing.creator.casefold()
        folder = folder_label(drawing.place.split("/")[-2])
        candidates = (name, folder) if useless else (name, given) if collection else (given, name, folder)
        cleaned = [clean_title(candidate, drawing.creator) for candidate in candidates]
        return next(c for c in (*cleaned, folder) if len(c) >= 2 or c == cleaned[-1])

    return [title(drawing, name) for drawing, name in zip(drawings, derived, strict=True)]


def clean_title(title: str, creator: str = "") -> str:
    """A title without underscores, its author and the library's name; first letter large, at most 80 characters."""
    text = " ".join(title.replace("_", " ").split())
    text = re.sub(r"\s*[-(]?\s*(open ?clip ?art( library)?|clip ?art|in svg format)\)?$", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^0\d+ ", "", text)
    words, authors = text.split(), set(re.findall(r"\w+", _plain(creator)))
    bare = len(words)
    while bare > 1 and _plain(words[bare - 1]).strip("()") in authors:
        bare -= 1
    if len(words) - bare >= 2:  # one word may belong to the title: "Linda", "Park"
        text = " ".join(words[:bare])
    text = text if len(text) <= 80 else f"{text[:79].rsplit(' ', 1)[0]}…"
    return text[:1].upper() + text[1:]


def title_from_file(path: str, creator: str) -> str:
    """The words of a file name, less its numbering and its author: "hat_nicu_bucu_01.svg" by Nicu Buculei: "hat"."""
    stem = _FRAME.sub("", path.rpartition("/")[2].removesuffix(".svg"))
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", stem)
    words = [word for word in re.split(r"[_\-\s.]+", stem) if word]
    authors = re.findall(r"\w+", _plain(creator))
    initials = "".join(author[0] for author in authors)

    def is_author(word: str) -> bool:
        word = _plain(word)
        return word == initials or any(author.startswith(word) for author in authors)

    while len(words) > 1 and (re.fullmatch(r"\d+[a-z]?|[a-z]|bw", words[-1]) or is_author(words[-1])):
        words.pop()
    if words and (numbered := re.fullmatch(r"(\D{4,}?)\d+|(\D+?)0\d+", words[-1])):
        words[-1] = numbered[1] or numbered[2]
    return "" if len(words) == 1 and is_author(words[0]) else " ".join(words)


def _plain(text: str) -> str:
    """Lower case without accents."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).lower()


def _ids(titles: list[str], folders: list[str]) -> list[str]:
    """A short unique id for each title: its words, then with the folder's, then with a number."""
    taken: dict[str, None] = {}
    for title, folder in zip(titles, folders, strict=True):
        base = slug(title)
        candidate, number = base, 2
        if candidate in taken and not base.endswith(slug(folder)):
            base = candidate = slug(f"{base} {folder}", 60)
        while candidate in taken:
            candidate, number = f"{base}-{number}", number + 1
        taken[candidate] = None
    return list(taken)


def slug(text: str, limit: int = 40) -> str:
    """A text as `[a-z0-9-]+`, cut at a word's end."""
    words = re.sub(r"[^a-z0-9]+", "-", _plain(text.replace("ß", "ss").replace("'", ""))).strip("-") or "drawing"
    return words if len(words) <= limit else words[: limit + 1].rpartition("-")[0] or words[:limit]
