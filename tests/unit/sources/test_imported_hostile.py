"""Broken and hostile input: each is told in a sentence, nothing is written elsewhere, and nothing is lost."""

import gzip
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from imported_files import (
    GOOD,
    HEADER,
    animated,
    blank_png,
    entity_bomb,
    grey16,
    lines,
    listing,
    many_entries,
    nested_use,
    patched,
    picture,
    svg,
    with_link,
    write,
    zipped,
)

from recsys.errors import InvalidInput
from recsys.importing import offered
from recsys.settings import Settings
from recsys.sources.imported import archive
from recsys.sources.imported.check import Offer
from recsys.sources.imported.source import keep, source_in, switch

NAME = "mine"


@dataclass
class Case:
    """One thing that somebody might bring.

    Attributes:
        what: it, in words.
        bring: writes files into a folder and returns what `Offer` takes besides the name.
        told: part of the sentence, of the refusal or in the report.
        refused: whether all of it is refused; else it is imported with what is left.
        taken: how many items there are then.
        row: the row that the sentence is about.
        name: of the catalog.
        limits: bounds of `archive` that are lowered, so that the case is small.
        titles: what the titles are then.
        pictures: how many items have one.
    """

    what: str
    bring: Callable[[Path], dict]
    told: str = ""
    refused: bool = False
    taken: int = 4
    row: int | None = None
    name: str = NAME
    limits: dict[str, int] = field(default_factory=dict)
    titles: tuple[str, ...] = ()
    pictures: int | None = None


def table(content: str | bytes, encoding: str = "utf-8", name: str = "items.csv") -> Callable[[Path], dict]:
    return lambda folder: {"items": write(folder, name, content, encoding)}


def pictured(members: dict[str, bytes], deflated: bool = False) -> Callable[[Path], dict]:
    """The good table with a ZIP."""
    how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    return lambda d: {"items": write(d, "items.csv", GOOD), "images": zipped(d / "p.zip", members, how)}


def one_picture(data: bytes, name: str = "a.png") -> Callable[[Path], dict]:
    return pictured({name: data, "b.png": picture()})


def with_file(name: str, make: Callable[[Path], Path]) -> Callable[[Path], dict]:
    """The good table with one more file."""
    return lambda d: {"items": write(d, "items.csv", GOOD), name: make(d)}


def mapped(**mapping: str) -> Callable[[Path], dict]:
    return lambda d: {"items": write(d, "items.csv", GOOD), "mapping": mapping}


def rated(content: str) -> Callable[[Path], dict]:
    return with_file("interactions", lambda d: write(d, "i.csv", content))


def vectors(array: np.ndarray) -> Callable[[Path], dict]:
    def save(folder: Path) -> Path:
        np.save(folder / "v.npy", array, allow_pickle=True)
        return folder / "v.npy"

    return with_file("vectors", save)


def linked_folder(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    (folder / "secret.png").write_bytes(picture())
    (folder / "pictures" / "a.png").symlink_to(folder / "secret.png")
    (folder / "pictures" / "b.png").write_bytes(picture())
    return folder / "pictures"


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-30])
    return path


def parquet(frame: pd.DataFrame) -> Callable[[Path], dict]:
    def save(folder: Path) -> dict:
        frame.to_parquet(folder / "items.parquet")
        return {"items": folder / "items.parquet"}

    return save


def flipped(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    return path


CASES = [
    # -- Archives
    Case("a member that climbs out", pictured({"../a.png": picture()}), "leads out of the archive", row=2, pictures=0),
    Case("an absolute member", pictured({"/etc/a.png": picture()}), "leads out of the archive", row=2, pictures=0),
    Case("a member with a drive", pictured({"C:/a.png": picture()}), "leads out of the archive", row=2, pictures=0),
    Case("a member with backslashes", pictured({"x\\..\\..\\a.png": picture()}), "leads out of the archive", row=2),
    Case(
        "a cell that climbs out",
        table(HEADER + "1,A,x,../../etc/passwd\n2,B,x,b.png\n"),
        "no pictures were given",
        taken=2,
    ),
    Case(
        "a cell that climbs out of a folder",
        lambda d: {
            "items": write(d, "i.csv", HEADER + "1,A,x,../secret.png\n2,B,x,b.png\n"),
            "images": linked_folder(d),
        },
        "not among the pictures",
        taken=2,
        row=2,
        pictures=1,
    ),
    Case(
        "a link in a ZIP",
        with_file("images", lambda d: with_link(d / "p.zip", "a.png", "/etc/passwd")),
        "a link",
        row=2,
    ),
    Case("a link in a folder", with_file("images", linked_folder), "a link", row=2, pictures=1),
    Case(
        "a bomb by ratio", pictured({"a.png": bytes(30 * 2**20)}, deflated=True), "more than 100 times its size", row=2
    ),
    Case(
        "a bomb in total",
        pictured({"a.png": picture(), "b.png": picture()}),
        "unpacks to",
        True,
        limits={"MAX_TOTAL": 999},
    ),
    Case(
        "a picture that is too large", one_picture(bytes(2000)), "more than 0 MB", row=2, limits={"MAX_PICTURE": 1500}
    ),
    Case(
        "a nested archive", pictured({"a.zip": b"PK", "a.png": picture()}), "an archive within the archive", pictures=1
    ),
    Case(
        "an encrypted member",
        with_file("images", lambda d: patched(zipped(d / "p.zip", {"a.png": picture()}), flag_bits=1)),
        "encrypted",
        row=2,
    ),
    Case("100,000 entries", with_file("images", lambda d: many_entries(d / "p.zip", 100_000)), "100,000 files", True),
    Case(
        "names that differ by case",
        lambda d: {
            "items": write(d, "i.csv", HEADER + "1,A,x,A.PNG\n2,B,x,a.png\n"),
            "images": zipped(d / "p.zip", {"a.png": picture(), "A.png": picture()}),
        },
        "fits 2 pictures",
        taken=2,
        row=2,
        pictures=1,
    ),
    Case(
        "a damaged member",
        with_file("images", lambda d: flipped(zipped(d / "p.zip", {"a.png": picture()}))),
        "damaged in the archive",
        row=2,
    ),
    Case(
        "a member that is longer than it says",
        with_file("images", lambda d: patched(zipped(d / "p.zip", {"a.png": picture()}), size=10)),
        "the archive",
        row=2,
    ),
    Case(
        "a truncated ZIP",
        with_file("images", lambda d: cut(zipped(d / "p.zip", {"a.png": picture()}))),
        "no ZIP file",
        True,
    ),
    Case("no ZIP at all", with_file("images", lambda d: write(d, "p.zip", "Dear Sir")), "no ZIP file", True),
    Case("an absent ZIP", with_file("images", lambda d: d / "absent.zip"), "no file absent.zip", True),
    Case("an empty ZIP", pictured({}), "No item has a picture"),
    # -- Tables
    Case("Latin-1", table(GOOD.replace("Red", "Café"), "latin-1"), "not UTF-8", titles=("Café shoe",)),
    Case("UTF-16 with a mark", table(GOOD.replace("Red", "Café"), "utf-16"), titles=("Café shoe",)),
    Case("UTF-16 without a mark", table(GOOD.replace("Red", "Café"), "utf-16-le"), "UTF-16", titles=("Café shoe",)),
    Case("UTF-8 with a mark", table(GOOD, "utf-8-sig"), titles=("Red shoe",)),
    Case("semicolons", table(GOOD.replace(",", ";")), "separated by ;", titles=("Red shoe",)),
    Case("tabs", table(GOOD.replace(",", "\t")), "separated by tabs", titles=("Red shoe",)),
    Case("ragged rows", table(GOOD + "5,Too\n6,Too,many,cells,here\n"), "not 4 cells", row=6),
    Case("10 MB in one cell", table(GOOD + f"5,{'x' * 10**7},hats,e.png\n"), "cut at 300 characters", taken=5, row=6),
    Case("a cell without end", table(GOOD + '5,"' + "x" * 33 * 2**20), "never closed", refused=True),
    Case(
        "a quotation mark that is not closed",
        table(GOOD + '5,"Open,hats,e.png\n6,Lost,hats,f.png\n'),
        "not 4 cells",
        row=6,
    ),
    Case("formula cells", table(GOOD.replace("Red", "=1+1 Red")), "look like formulas", titles=("=1+1 Red shoe",)),
    Case("NUL bytes", table(GOOD.replace("Red", "R\0d")), titles=("R d shoe",)),
    Case("nothing", table(b""), "are empty", refused=True),
    Case("white space alone", table(b" \n\t\n"), "are empty", refused=True),
    Case("a header alone", table(HEADER), "it has no row", refused=True),
    Case(
        "a workbook", lambda d: {"items": zipped(d / "items.csv", {"xl/workbook.xml": b""})}, "an Excel workbook", True
    ),
    Case("a packed table", table(gzip.compress(GOOD.encode())), "packed with gzip", refused=True),
    Case("a PDF", table(b"%PDF-1.7"), "a PDF, not a table", refused=True),
    Case("a picture as a table", table(picture()), "a picture, not a table", refused=True),
    Case("a folder as a table", lambda d: {"items": d}, "cannot be read", refused=True),
    Case("an absent table", lambda d: {"items": d / "absent.csv"}, "cannot be read", refused=True),
    Case("random bytes", table(np.random.default_rng(0).bytes(5000)), "no text and no Parquet", refused=True),
    Case("1,000 columns", table(",".join(f"c{i}" for i in range(1000)) + "\n"), "more than 200 columns", refused=True),
    Case("two columns of one name", table(GOOD.replace("category", "title")), "two columns", titles=("Red shoe",)),
    Case("a nameless column", table(GOOD.replace("category", "")), titles=("Red shoe",)),
    Case("one JSON list", table(json.dumps([{"id": 1}])), "one JSON list", refused=True),
    Case(
        "broken lines of JSON",
        table(lines({"id": 1, "title": "A"}, "{broken", "[1]")),
        "no JSON object",
        taken=1,
        row=2,
    ),
    Case(
        "JSON without end within itself",
        table(lines({"id": 1, "title": "A"}, '{"id":' + "[" * 100_000)),
        "no JSON object",
        taken=1,
        row=2,
    ),
    Case("half a surrogate pair", table('{"id": "1", "title": "cat \\ud800"}\n'), taken=1, titles=("cat",)),
    Case("a number that is none", table('{"id": 1, "title": "A", "price": Infinity}\n'), taken=1, titles=("A",)),
    Case("a broken Parquet", table(b"PAR1" + bytes(200)), "no Parquet file", refused=True),
    Case("Parquet with lists", parquet(pd.DataFrame({"id": [1], "title": ["A"], "tags": [["x", "y"]]})), taken=1),
    # -- Ids
    Case("ids that come twice", table(GOOD + "1,Again,hats,e.png\n"), "the same id as an earlier row", row=6),
    Case("empty ids", table(GOOD + " ,Nobody,hats,e.png\n"), "no id", row=6),
    Case(
        "an id of a million characters",
        table(GOOD + f"{'9' * 10**6},Long,hats,e.png\n"),
        "more than 200 characters",
        row=6,
    ),
    Case("an id with control characters", table(GOOD + '"a\nb",Two lines,hats,e.png\n'), "control characters", row=6),
    Case("ids that look like paths", table(GOOD.replace("\n1,", "\n../../etc/passwd,")), titles=("Red shoe",)),
    Case("ids that look like HTML", table(GOOD.replace("\n1,", "\n<script>alert(1)</script>,")), titles=("Red shoe",)),
    Case(
        "no usable id",
        lambda d: {"items": write(d, "items.csv", "no,title\n,A\n,B\n"), "mapping": {"id": "no"}},
        "No row has an id",
        refused=True,
    ),
    Case("no ids", table("title,kind\nA,x\nB,x\n"), "called by their row numbers", taken=2),
    # -- Titles
    Case("markup", table(GOOD.replace("Red", "<img onerror=x> **Red**")), titles=("<img onerror=x> **Red** shoe",)),
    Case("control characters", table(GOOD.replace("Red", "R\x1b[31med")), titles=("R [31med shoe",)),
    Case("a right-to-left override", table(GOOD.replace("Red", "\u202eRed")), titles=("Red shoe",)),
    Case("Hebrew", table(GOOD.replace("Red shoe", "נעל")), titles=("\u2068נעל\u2069",)),
    Case("an empty title", table(GOOD.replace("Red shoe", "")), "no title", row=2, titles=("1",)),
    Case(
        "Russian", table(GOOD.replace("shoe", "красный башмак").replace("hat", "чёрная шляпа")), "The texts look like"
    ),
    # -- Pictures
    Case("a wrong suffix", one_picture(picture("JPEG")), pictures=2),
    Case(
        "a truncated JPEG",
        one_picture(picture("JPEG", size=(99, 99))[:900]),
        "incomplete or damaged",
        row=2,
        pictures=1,
    ),
    Case("a letter", one_picture(b"Dear Sir or Madam"), "no picture", row=2, pictures=1),
    Case("an empty picture", one_picture(b""), "empty", row=2, pictures=1),
    Case("CMYK", one_picture(picture("JPEG", "CMYK")), pictures=2),
    Case("16 bits", one_picture(grey16()), pictures=2),
    Case("an animation", one_picture(animated()), pictures=2),
    Case("0 x 0 pixels", one_picture(blank_png(0, 0)), row=2, pictures=1),
    Case("200 megapixels", one_picture(blank_png(20_000, 10_000)), "megapixels", row=2, pictures=1),
    Case("an SVG with a script", one_picture(svg("<script>alert(1)</script>"), "a.png"), pictures=2),
    Case(
        "an SVG that reads files", one_picture(svg('<image xlink:href="/etc/x.png"/>')), "points to other files", row=2
    ),
    Case(
        "an SVG that hides what it reads",
        one_picture(svg('<image href="&f;"/>', '<!DOCTYPE svg [<!ENTITY f "/etc/x.png">]>')),
        "points to other files",
        row=2,
    ),
    Case(
        "an SVG within an SVG",
        one_picture(svg('<image href="data:image/svg+xml;base64,"/>')),
        "another one inside",
        row=2,
    ),
    Case("an SVG that draws for ever", one_picture(nested_use(9)), "over and over", row=2, pictures=1),
    Case("an SVG of entities", one_picture(entity_bomb()), "cannot be read", row=2, pictures=1),
    Case(
        "addresses",
        lambda d: {
            "items": write(d, "i.csv", HEADER + "1,A,x,http://localhost/a.png\n"),
            "images": zipped(d / "p.zip", {"b.png": picture()}),
        },
        "nothing is fetched",
        taken=1,
        row=2,
    ),
    # -- People
    Case("interactions with unknown items", rated("user,item\nu,1\nu,99\n"), "unknown item", row=3),
    Case("interactions that fit nothing", rated("user,item\nu,98\nu,99\n"), "2 unknown item", refused=True),
    Case("interactions of nobody", rated("item,stars\n1,5\n"), "no column user_id", refused=True),
    Case("interactions in the future", rated("user,item,time\nu,1,1\nu,2,99999999999\n"), "time in the future", row=3),
    Case("ratings that are no numbers", rated("user,item,rating\nu,1,5\nu,2,great\n"), "no rating", row=3),
    Case(
        "users alone",
        with_file("users", lambda d: write(d, "u.csv", "user_id,age\nu,30\n")),
        "Users without",
        refused=True,
    ),
    # -- Mapping
    Case(
        "a column mapped twice", mapped(title="title", description="title"), "both title and description", refused=True
    ),
    Case("an unknown column", mapped(title="titel"), "Did you mean “title”?", refused=True),
    Case("an unknown role", mapped(colour="title"), "nothing called “colour”", refused=True),
    Case(
        "an unknown kind of facet",
        lambda d: {"items": write(d, "items.csv", GOOD), "facets": {"category": "colour"}},
        "cannot be “colour”",
        refused=True,
    ),
    # -- Names
    Case("no name", table(GOOD), "has no name", refused=True, name=""),
    Case("a name that climbs out", table(GOOD), "cannot be called “../x”", refused=True, name="../x"),
    Case("an absolute name", table(GOOD), "cannot be called", refused=True, name="/tmp/x"),
    Case("a name with blanks", table(GOOD), "cannot be called", refused=True, name="My Shop"),
    Case("a name without end", table(GOOD), "cannot be called", refused=True, name="x" * 10_000),
    Case("a name that is taken", table(GOOD), "comes with the app", refused=True, name="movies"),
    # -- Vectors
    Case("fewer vectors than rows", vectors(np.ones((3, 8))), "3 vectors and 4 rows", refused=True),
    Case("vectors in a pickle", vectors(np.array([{}], dtype=object)), "cannot be read", refused=True),
    Case("one vector alone", vectors(np.ones(4)), "no matrix of numbers", refused=True),
    Case("words for vectors", vectors(np.array([["a", "b"]] * 4)), "no matrix of numbers", refused=True),
    Case("vectors of one dimension", vectors(np.ones((4, 1))), "1 dimensions", refused=True),
    Case("zeros alone", vectors(np.zeros((4, 8))), "None of the vectors", refused=True),
    Case(
        "a vector that is not finite",
        vectors(np.vstack([np.ones((3, 8)), np.full((1, 8), np.nan)])),
        "not finite",
        row=5,
    ),
]


def test_there_are_many_cases_and_each_is_another():
    assert len({case.what for case in CASES}) == len(CASES) >= 60


@pytest.fixture
def settings(tmp_path) -> Settings:
    """An app in which somebody has imported a catalog before."""
    settings = Settings(data=tmp_path / "data")
    (tmp_path / "before").mkdir()
    take(settings, Offer(NAME, write(tmp_path / "before", "items.csv", "id,title\n1,Older\n")))
    return settings


def take(settings: Settings, offer: Offer):
    """Checks and keeps an offer, as an import does before it builds."""
    checked = offered(settings, offer)
    home = settings.imports / offer.name
    (home / ".incoming-1").mkdir(parents=True)
    keep(checked, home / ".incoming-1")
    switch(settings, offer.name, home / ".incoming-1")
    return checked


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_each_is_told_and_harms_nothing(case, settings, tmp_path, monkeypatch):
    for limit, value in case.limits.items():
        monkeypatch.setattr(archive, limit, value)
    (tmp_path / "brought").mkdir()
    given = case.bring(tmp_path / "brought")
    before = listing(tmp_path)
    try:
        checked = take(settings, Offer(case.name, **given))
    except InvalidInput as error:
        assert case.refused, error
        assert case.told in str(error) and "\n" not in str(error) and len(str(error)) < 700
        assert listing(tmp_path) == before
        return
    assert not case.refused
    report = checked.report
    sentences = [*report.notes, *report.warnings, *(d.reason for d in report.dropped)]
    assert any(case.told in sentence for sentence in sentences) or not case.told, sentences
    if case.row is not None:
        (dropped,) = [d for d in report.dropped if case.told in d.reason][:1]
        assert dropped.rows[0] == case.row
    assert len(checked.catalog) == report.taken == case.taken
    assert tuple(checked.catalog.items["title"][: len(case.titles)]) == case.titles
    assert case.pictures in (None, report.pictures)
    # Nothing was written elsewhere, and what was kept can be read again.
    own = f"data/imports/{case.name}/"
    assert {k: v for k, v in listing(tmp_path).items() if not k.startswith(own)} == {
        k: v for k, v in before.items() if not k.startswith(own)
    }
    again = source_in(settings.imports / case.name / "current", case.name).load(settings)
    assert again.items.index.tolist() == checked.catalog.items.index.tolist()
    assert again.items["title"].tolist() == checked.catalog.items["title"].tolist()
    lines = report.csv().splitlines()
    assert not [line for line in lines if line.split(",")[-1].lstrip('"').startswith(("=", "+", "-", "@"))]
