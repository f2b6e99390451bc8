"""Reading somebody's table: CSV, Parquet or JSON Lines, in whatever encoding and with whatever between the cells.

A table that can be read at all is read; what is wrong with single rows is told with the row's number, and the other
rows are kept. Rows bear the numbers that a spreadsheet shows: in CSV the header is row 1, elsewhere the first row is 1.
"""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from recsys.errors import InvalidInput, quoted

MAX_BYTES = 4 * 2**30
MAX_ROWS = 2_000_000
MAX_COLUMNS = 200
MAX_CELL = 100_000
"""Characters of one cell; what is longer is cut. No encoder reads a hundredth of it."""
MAX_FIELD = 32 * 2**20
"""Characters between two separators. More is a quotation mark that is never closed, or an attack."""

_SEPARATORS = ",;\t|"
_LOOK = 2**16  # bytes, or lines, of a first look
_BOMS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32", b"\0\0\xfe\xff": "utf-32"} | dict.fromkeys(
    (b"\xff\xfe", b"\xfe\xff"), "utf-16"
)
_OTHERS = {
    b"PK\x03\x04": "a ZIP file or an Excel workbook",
    b"PK\x05\x06": "an empty ZIP file",
    b"\x1f\x8b": "packed with gzip",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"SQLite format 3": "a database",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_WAY_OUT = "Save it as CSV (UTF-8), Parquet or JSON Lines."


@dataclass
class Dropped:
    """What was left out, or altered, for one reason.

    Attributes:
        what: of which table: `items`, `pictures`, `interactions`, `users` or `vectors`.
        reason: in a few words.
        rows: numbers of the rows, ascending.
    """

    what: str
    reason: str
    rows: list[int] = field(default_factory=list)


@dataclass
class Table:
    """A table as it was read.

    Attributes:
        frame: one row a good row, by its number; cells are str, or what Parquet and JSON know of (numbers, lists).
        numbers: of all rows, the dropped ones too, ascending: vectors brought along are in this order.
        dropped: rows that could not be read.
        notes: sentences on how the file was understood.
    """

    frame: pd.DataFrame
    numbers: np.ndarray
    dropped: list[Dropped]
    notes: list[str]


def read_table(path: Path, what: str = "items") -> Table:
    """Reads a table, by what the file holds and not by how it is called.

    Args:
        path: CSV, Parquet or JSON Lines.
        what: what the table tells, for the sentences.

    Raises:
        InvalidInput: it cannot be read, is too large, or has no row.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(_LOOK)
    except OSError as error:
        raise InvalidInput(f"The {what} {path.name} cannot be read: {error.strerror}.") from error
    if size > MAX_BYTES:
        raise InvalidInput(
            f"The {what} have {size / 2**30:.1f} GB; the limit is {MAX_BYTES // 2**30} GB.", "Split the file."
        )
    other = next((kind for magic, kind in _OTHERS.items() if start.startswith(magic)), None)
    if other is not None:
        raise InvalidInput(f"The {what} {path.name} are {other}, not a table.", _WAY_OUT)
    if start.startswith(b"PAR1"):
        table = _read_parquet(path, what)
    else:
        encoding, note = _encoding(path, start)
        with path.open(encoding=encoding, errors="replace", newline="") as text:
            first = text.read(_LOOK).lstrip("\ufeff \t\r\n\0")[:1]
        if _looks_binary(start, encoding):
            raise InvalidInput(f"The {what} {path.name} are no text and no Parquet file.", _WAY_OUT)
        if first == "[":
            raise InvalidInput(
                f"The {what} {path.name} are one JSON list.", "Write one JSON object a line (JSON Lines)."
            )
        if first == "":
            raise InvalidInput(f"The {what} {path.name} are empty.", _WAY_OUT)
        table = (_read_json_lines if first == "{" else _read_csv)(path, encoding, what)
        table.notes[:0] = note
    if table.frame.empty:
        bad = sum(len(d.rows) for d in table.dropped)
        told = f"none of its {bad:,} rows can be read: {table.dropped[0].reason}" if bad else "it has no row"
        raise InvalidInput(f"The {what} {path.name} have nothing to take: {told}.", _WAY_OUT)
    return table


# -- Text -------------------------------------------------------------------------------------------------------------


def _encoding(path: Path, start: bytes) -> tuple[str, list[str]]:
    """The encoding of a text file, and a sentence where it had to be guessed."""
    for mark, encoding in _BOMS.items():
        if start.startswith(mark):
            return encoding, []
    # Text in Latin letters has a zero in every second byte of UTF-16.
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) > 0.3 * max(len(start) // 2, 1) > 4 * min(even, odd):
        encoding = "utf-16-be" if even > odd else "utf-16-le"
        return encoding, [f"{path.name} was read as UTF-16; it does not say so itself."]
    try:
        with path.open(encoding="utf-8", newline="") as text:
            while text.read(2**20):
                pass
        return "utf-8", []
    except UnicodeDecodeError:
        return "cp1252", [f"{path.name} is not UTF-8; it was read as Windows-1252 (Latin-1). Look at its accents."]


def _looks_binary(start: bytes, encoding: str) -> bool:
    """Whether what could be read as text, in some encoding, is none: no text has many control characters."""
    text = start.decode(encoding, errors="replace")
    return sum(c < " " and c not in "\t\r\n" or c == "\ufffd" for c in text) > 0.1 * len(text)


def _separator(sample: str) -> str:
    """What stands between the cells: the mark that splits most rows of a sample into equally many, and most, cells."""

    def fitness(mark: str) -> tuple[float, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
        lines = [line for line in islice(rows, 100) if line]
        widths = [len(line) for line in lines[:-1] or lines]  # the sample may end within a row
        if not widths or widths[0] < 2:
            return 0.0, 0
        return round(widths.count(widths[0]) / len(widths), 1), widths[0]

    return max(_SEPARATORS, key=fitness)


def _read_csv(path: Path, encoding: str, what: str) -> Table:
    """See `read_table`. The standard library's parser, since it knows where each row begins."""
    csv.field_size_limit(MAX_FIELD)
    notes: list[str] = []
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        sample = file.read(_LOOK)
        separator = _separator(sample)
        file.seek(0)
        reader = csv.reader(file, delimiter=separator)
        header = _header(next(iter(reader), []), what, notes)
        columns: list[list[str | None]] = [[] for _ in header]
        numbers: list[int] = []
        ragged, width, number, kept = Dropped(what, ""), len(header), 1, []
        try:
            for number, row in enumerate(reader, start=2):
                if not row:
                    continue  # an empty line
                numbers.append(number)
                if len(row) != width and not _is_padded(row, width):
                    ragged.rows.append(number)
                    continue
                if len(kept) == MAX_ROWS:
                    raise _too_many(what, "rows", MAX_ROWS)
                kept.append(number)
                for column, cell in zip(columns, row, strict=False):
                    column.append(cell)
        except csv.Error as error:
            what_for = f"one cell has more than {MAX_FIELD // 2**20} million characters"
            raise InvalidInput(
                f"The {what} {path.name} cannot be read after row {number:,}: "
                f"{what_for if 'field limit' in str(error) else 'it is no text table'}.",
                "Perhaps a quotation mark is opened there and never closed.",
            ) from error
    if separator != ",":
        notes.append(f"{path.name}: cells are separated by {'tabs' if separator == chr(9) else separator}.")
    ragged.reason = f"not {width} cells, as the header has"
    frame = pd.DataFrame(
        {name: pd.Series(column, dtype=object) for name, column in zip(header, columns, strict=True)}
    ).set_axis(kept)
    return Table(frame, np.array(numbers, dtype=np.int64), [ragged] if ragged.rows else [], notes)


def _is_padded(row: list[str], width: int) -> bool:
    """Whether a row is too long by empty cells only: some programs write them."""
    return len(row) > width and not any(row[width:])


def _header(names: Sequence[object], what: str, notes: list[str]) -> list[str]:
    """Column names: printable, none empty, each once."""
    if len(names) > MAX_COLUMNS:
        raise _too_many(what, "columns", MAX_COLUMNS)
    found: list[str] = []
    for place, raw in enumerate(names, start=1):
        name = " ".join("".join(c if c.isprintable() else " " for c in str(raw)).split())[:100] or f"column {place}"
        if name in found:
            again = next(f"{name} ({n})" for n in range(2, MAX_COLUMNS + 2) if f"{name} ({n})" not in found)
            notes.append(f"The {what} have two columns {quoted(name)}; the later one is called {quoted(again)} here.")
            name = again
        found.append(name)
    if not found:
        raise InvalidInput(f"The {what} have no header.", "Name the columns in the first row.")
    return found


def _too_many(what: str, of: str, most: int) -> InvalidInput:
    return InvalidInput(f"The {what} have more than {most:,} {of}.", "Leave some out.")


def _read_json_lines(path: Path, encoding: str, what: str) -> Table:
    """See `read_table`: one object a line."""
    rows: dict[int, dict] = {}
    numbers: list[int] = []
    names: dict[str, None] = {}
    bad, notes = Dropped(what, "no JSON object"), []
    with path.open(encoding=encoding, errors="replace") as file:
        for number, line in enumerate(_lines(file, what), start=1):
            if not line.strip("\ufeff \t\r\n\0"):
                continue
            numbers.append(number)
            try:
                row = json.loads(line.lstrip("\ufeff"), parse_constant=lambda _: None)
            except (ValueError, RecursionError):
                row = None
            if not isinstance(row, dict):
                bad.rows.append(number)
                continue
            if len(rows) == MAX_ROWS:
                raise _too_many(what, "rows", MAX_ROWS)
            rows[number] = row
            names.update(dict.fromkeys(row))
            if len(names) > MAX_COLUMNS:
                raise _too_many(what, "columns", MAX_COLUMNS)
    keys = list(names)
    frame = pd.DataFrame(
        {
            name: pd.Series([_plain(row.get(key)) for row in rows.values()], dtype=object)
            for key, name in zip(keys, _header(keys or ["nothing"], what, notes), strict=False)
        }
    )
    frame = frame.set_axis(list(rows)) if keys else frame
    return Table(frame, np.array(numbers, dtype=np.int64), [bad] if bad.rows else [], notes)


def _lines(file: io.TextIOBase, what: str) -> Iterator[str]:
    """A file's lines, none longer than `MAX_FIELD`."""
    while line := file.readline(MAX_FIELD):
        if len(line) == MAX_FIELD:
            raise InvalidInput(f"The {what} have a line of more than {MAX_FIELD // 2**20} million characters.")
        yield line


# -- Parquet ----------------------------------------------------------------------------------------------------------


def _read_parquet(path: Path, what: str) -> Table:
    """See `read_table`."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    notes: list[str] = []
    try:
        with ParquetFile(path) as file:
            about = file.metadata
            if about.num_rows > MAX_ROWS:
                raise _too_many(what, "rows", MAX_ROWS)
            if len(file.schema_arrow) > MAX_COLUMNS:
                raise _too_many(what, "columns", MAX_COLUMNS)
            unpacked = sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups))
            if unpacked > MAX_BYTES:
                raise InvalidInput(
                    f"The {what} unpack to {unpacked / 2**30:.1f} GB; the limit is {MAX_BYTES // 2**30} GB.",
                    "Split the file.",
                )
            arrow = file.read()
            names = _header(arrow.column_names, what, notes)
            columns = {name: arrow.column(i).to_pylist() for i, name in enumerate(names)}
    except InvalidInput:
        raise
    except (ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        raise InvalidInput(f"The {what} {path.name} are no Parquet file that can be read.", _WAY_OUT) from error
    frame = pd.DataFrame({name: pd.Series([_plain(v) for v in c], dtype=object) for name, c in columns.items()})
    frame.index = pd.RangeIndex(1, len(frame) + 1)
    return Table(frame, frame.index.to_numpy(dtype=np.int64), [], notes)


def _plain(value: object) -> object:
    """A cell of Parquet or JSON as one of: None, bool, int, float, str, a list of str."""
    match value:
        case None | bool():
            return value
        case str():
            return value if value.isascii() else value.encode(errors="ignore").decode()  # no halves of surrogate pairs
        case int():
            return value if abs(value) < 2**63 else str(value)
        case float():
            return value if np.isfinite(value) else None
        case Decimal():
            return float(value) if value.is_finite() else None
        case datetime() | date():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", errors="replace")
        case list() | tuple():
            return [text for item in value if (text := _text(item))]
        case dict():
            return _text(value)
    return str(value)


def _text(value: object) -> str:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, default=str).encode(errors="ignore").decode()
    return "" if value is None else str(value).encode(errors="ignore").decode()
