"""Drawn covers for items without pictures, films above all: one series, coloured by genre, set in type.

A cover is an SVG of 200 x 300 units. Its title is set in the largest size that fits its box; every line carries its
own length, so that another font than the expected one cannot make it overflow.
"""

import math
import random
import unicodedata
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from html import escape

WIDTH, HEIGHT = 200, 300
MARGIN = 16
BOX = WIDTH - 2 * MARGIN
LEADING = 1.07
SIZES = (60, 52, 45, 40, 36, 32, 29, 26, 23.5, 21, 19, 17, 15.5, 14)
SANS = "'Helvetica Neue',Helvetica,Arial,'Liberation Sans','DejaVu Sans Condensed',sans-serif"
SERIF = "Georgia,'Source Serif 4','Liberation Serif','DejaVu Serif Condensed',serif"

Draw = Callable[[random.Random, str, str, str], str]


@dataclass(frozen=True)
class Style:
    """How a genre looks: the ground, the type on it, two colours for the motif, the motif, and the face.

    `pale` says that the ground is lighter than the type.
    """

    ground: str
    type: str
    first: str
    second: str
    motif: Draw
    serif: bool = False
    pale: bool = False


def cover_svg(title: str, subtitle: str, genre: str, seed: int) -> str:
    """Draws a cover.

    Args:
        title: any text in any script; set in up to seven lines, then cut with an ellipsis.
        subtitle: small, at the top right; the year, for instance.
        genre: one of `GENRES`; another category gets one of their looks that tell no story, always the same, and none
            the plain one.
        seed: chooses composition and variation. The same arguments give the same cover.

    Returns:
        A standalone SVG document, usually below 2 kB.
    """
    style = _style(genre)
    above, mirrored = seed % 2 == 1, seed % 3 == 1
    ground, ink = _colors(style, inverted=seed % 5 in (2, 4))
    size, lines = fit(clean(title) or "Untitled", BOX, 112)
    height = size * LEADING * len(lines)
    # The motif gets all the room that the title leaves; what reaches beyond it is painted over.
    if above:
        baseline, top, bottom = 40 + 0.8 * size, 44 + height, HEIGHT
        veil = f"M0 0h200v{top:.1f}H0z"
    else:
        baseline, top, bottom = HEIGHT - 14 - height + 0.86 * size, 30, HEIGHT - 24 - height
        veil = f"M0 {bottom:.1f}h200V300H0zM0 0h200v30H0z"
    scale = max(1.0, (bottom - top) / 200)
    side = -scale if mirrored else scale
    art = style.motif(random.Random(seed), style.first, style.second, ink)
    place = f"translate({100 - 100 * side:.1f},{(top + bottom) / 2 - 100 * scale:.1f}) scale({side:.3f},{scale:.3f})"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<path fill="{ground}" d="M0 0h200v300H0z"/><g transform="{place}">{art}</g>'
        f'<path fill="{ground}" d="{veil}"/><path stroke="{ink}" stroke-width=".8" d="M16 29.5h168"/>'
        f'<g fill="{ink}" font-family="{SERIF if style.serif else SANS}">'
        f"{_small(genre.upper(), MARGIN, 'start', 104)}{_small(subtitle, WIDTH - MARGIN, 'end', 56)}"
        f'<g font-weight="700" font-size="{size:g}">{_set(lines, size, baseline)}</g></g></svg>'
    )


def _style(genre: str) -> Style:
    if genre in GENRES or not genre:
        return GENRES.get(genre, PLAIN)
    return GENRES[ABSTRACT[zlib.crc32(genre.encode()) % len(ABSTRACT)]]


def _colors(style: Style, inverted: bool) -> tuple[str, str]:
    """Ground and type. Inverted, a dark style goes on paper; a pale one, which paper would drown, is turned round."""
    if not inverted:
        return style.ground, style.type
    return (style.type, style.ground) if style.pale else (PAPER, style.ground)


# ---------------------------------------------------------------------------------------------------------------- type


def clean(text: str) -> str:
    """Text on one line, without what XML forbids."""
    kept = (" " if unicodedata.category(c) in ("Cc", "Cs", "Cn", "Zl", "Zp", "Zs") else c for c in text)
    return " ".join("".join(kept).split())


@lru_cache(maxsize=4096)
def advance(char: str) -> float:
    """About how wide a character is set in a bold face, in em."""
    if char in "iljI.,:;'’!|`":
        return 0.33
    if char in 'ftr()[]-/" °“”':
        return 0.40 if char != " " else 0.30
    if char in "mwMW@%—…&":
        return 0.93
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0.0
    if unicodedata.east_asian_width(char) in "WF":
        return 1.05
    if char.isupper():
        return 0.72
    return 0.60


@lru_cache(maxsize=8192)
def measure(text: str) -> float:
    """About how wide a text is set, in em."""
    return sum(map(advance, text))


def fit(text: str, width: float, height: float) -> tuple[float, list[str]]:
    """The largest size at which a text fits a box, and its lines there, about equally long.

    Args:
        text: words on one line.
        width: of the box.
        height: of the box; at the smallest size, what does not fit is cut with an ellipsis.
    """
    words = text.split(" ")
    for size in SIZES:
        room = width / size
        most = int(height / (size * LEADING))
        lines = wrap(words, room)
        if len(lines) <= most and all(measure(line) <= room for line in lines):
            return size, _balance(words, lines, room)
    lines = wrap(_breakable(words, room), room)
    if len(lines) > most:
        last = lines[most - 1]
        while measure(last + "…") > room:
            last = last[:-1]
        lines = [*lines[: most - 1], last.rstrip() + "…"]
    return size, lines


def wrap(words: list[str], room: float) -> list[str]:
    """Words in lines, as many to a line as go; a word wider than the room has its own."""
    lines, line, used = [], "", 0.0
    for word in words:
        width = measure(word)
        if line and used + 0.3 + width <= room:
            line, used = f"{line} {word}", used + 0.3 + width
        else:
            if line:
                lines.append(line)
            line, used = word, width
    return [*lines, line]


def _balance(words: list[str], lines: list[str], room: float) -> list[str]:
    low = max(max(map(measure, words)), measure(" ".join(words)) / len(lines))
    for share in (0.0, 0.15, 0.3, 0.5, 0.75):
        tried = wrap(words, low + share * (room - low))
        if len(tried) == len(lines):
            return tried
    return lines


def _breakable(words: list[str], room: float) -> list[str]:
    """The words, those that are wider than a line cut into pieces between characters."""
    pieces = []
    for word in words:
        piece = ""
        for char in word:
            if piece and advance(char) and measure(piece) + advance(char) > room:
                pieces.append(piece)
                piece = ""
            piece += char
        pieces.append(piece)
    return pieces


def _set(lines: list[str], size: float, baseline: float) -> str:
    return "".join(
        f'<text x="{MARGIN}" y="{baseline + i * size * LEADING:.1f}" textLength="{max(1, measure(line) * size):.1f}" '
        f'lengthAdjust="spacingAndGlyphs">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )


def _small(text: str, x: float, anchor: str, room: float) -> str:
    text, size = clean(text), 9
    while text and measure(text) * size > room:
        text = text.rstrip("…")[:-1].rstrip() + "…" if len(text) > 2 else ""
    width = measure(text) * size
    length = f'textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs"' if text else ""
    return f'<text x="{x}" y="22" font-size="{size}" text-anchor="{anchor}" {length}>{escape(text)}</text>'


# -------------------------------------------------------------------------------------------------------------- motifs
# Each draws on 200 x 200 units in two colours and the colour of the type; what leaves the square bleeds off the cover.


def _path(fill: str, d: str) -> str:
    return f'<path fill="{fill}" d="{d}"/>'


def _lines(stroke: str, width: float, d: str) -> str:
    return f'<path fill="none" stroke="{stroke}" stroke-width="{width:g}" d="{d}"/>'


def _disc(x: float, y: float, r: float) -> str:
    return f"M{x - r:g} {y:g}a{r:g} {r:g} 0 1 1 {2 * r:g} 0a{r:g} {r:g} 0 1 1 {-2 * r:g} 0z"


def _rays(rng: random.Random, a: str, b: str, ink: str) -> str:
    x, y, n = rng.choice((20, 60, 180)), 190, 9
    at = [math.pi * (1 + i / n) for i in range(n + 1)]
    points = [(x + 330 * math.cos(t), y + 330 * math.sin(t)) for t in at]
    wedges = "".join(
        f"M{x} {y}L{p[0]:.0f} {p[1]:.0f}L{q[0]:.0f} {q[1]:.0f}z"
        for p, q in zip(points[::2], points[1::2], strict=False)
    )
    return _path(a, wedges) + _path(b, _disc(x, y, 46))


def _peaks(rng: random.Random, a: str, b: str, ink: str) -> str:
    x = rng.randint(60, 120)
    return (
        _path(ink, _disc(x + 40, 62, 26))
        + _path(a, f"M-20 200 {x} 70 {x + 130} 200z")
        + _path(b, f"M{x - 10} 200 {x + 78} 108 {x + 170} 200z")
    )


def _bounce(rng: random.Random, a: str, b: str, ink: str) -> str:
    phase = rng.choice((0.2, 0.6, 2.2))
    dots = [(8 + 38 * i, 150 - round(105 * abs(math.sin(phase + 0.8 * i))), 14 + 6 * i) for i in range(6)]
    return "".join(_path((a, ink, b)[i % 3], _disc(x, y, r)) for i, (x, y, r) in enumerate(dots))


def _tiles(rng: random.Random, a: str, b: str, ink: str) -> str:
    quarter = (
        "h50a50 50 0 0 1-50 50z",
        "h50v50a50 50 0 0 1-50-50z",
        "m50 0v50h-50a50 50 0 0 1 50-50z",
        "v50h50a50 50 0 0 0-50-50z",
    )
    paths = {a: "", b: "", ink: ""}
    for i in range(16):
        paths[rng.choice((a, a, b, ink))] += f"M{i % 4 * 50} {i // 4 * 50}{rng.choice(quarter)}"
    return "".join(_path(fill, d) for fill, d in paths.items() if d)


def _smile(rng: random.Random, a: str, b: str, ink: str) -> str:
    tilt = rng.choice((-12, 0, 10))
    face = _path(a, "M28 96h144a72 72 0 0 1-144 0z") + _path(b, "M64 134a36 30 0 0 1 72 0a72 72 0 0 1-72 0z")
    return f'<g transform="rotate({tilt} 100 100)">{face}{_path(ink, _disc(62, 58, 15) + _disc(138, 58, 15))}</g>'


def _print(rng: random.Random, a: str, b: str, ink: str) -> str:
    x, y = rng.randint(70, 130), rng.randint(95, 120)
    rings = "".join(_disc(x + 2 * i, y + 3 * i, 12 + 13 * i) for i in range(9))
    return _lines(a, 5, rings) + _path(b, _disc(x, y, 7))


def _grid(rng: random.Random, a: str, b: str, ink: str) -> str:
    one = rng.randrange(8, 40)
    cells = [(22 + i % 7 * 26, 22 + i // 7 * 26) for i in range(49)]
    dots = "".join(f"M{x} {y}h0" for i, (x, y) in enumerate(cells) if i != one)
    return _lines(a, 9, dots).replace("/>", ' stroke-linecap="round"/>') + _path(b, _disc(*cells[one], 17))


def _pair(rng: random.Random, a: str, b: str, ink: str) -> str:
    r, dx, y = rng.randint(54, 66), rng.randint(28, 40), rng.randint(92, 108)
    half = math.sqrt(r * r - dx * dx)
    lens = f"M100 {y - half:.1f}A{r} {r} 0 0 1 100 {y + half:.1f}A{r} {r} 0 0 1 100 {y - half:.1f}z"
    return _path(a, _disc(100 - dx, y, r)) + _path(b, _disc(100 + dx, y, r)) + _path(ink, lens)


def _moon(rng: random.Random, a: str, b: str, ink: str) -> str:
    stars = "".join(
        f"M{x} {y - s}Q{x} {y} {x + s} {y}Q{x} {y} {x} {y + s}Q{x} {y} {x - s} {y}Q{x} {y} {x} {y - s}z"
        for x, y, s in ((rng.randint(20, 180), rng.randint(16, 186), rng.choice((6, 9, 14))) for _ in range(7))
    )
    return _path(b, stars) + _path(a, "M122 30a72 72 0 1 0 56 108a62 62 0 0 1-56-108z")


def _blinds(rng: random.Random, a: str, b: str, ink: str) -> str:
    x = rng.randint(40, 110)
    slats = "".join(f"M-10 {y}L210 {y - 22}v9L-10 {y + 9}z" for y in range(8, 240, 18))
    return _path(a, f"M{x} 0h70l60 200H{x - 90}z") + _path(b, _disc(x + 36, 86, 34)) + _path("#111214", slats)


def _teeth(rng: random.Random, a: str, b: str, ink: str) -> str:
    up = "".join(f"L{x + 14} {rng.randint(64, 98)}L{x + 28} 0" for x in range(0, 200, 28))
    down = "".join(f"L{x + 14} {rng.randint(112, 142)}L{x + 28} 200" for x in range(0, 200, 28))
    return _path(b, _disc(100, 104, 52)) + _path(ink, _disc(100, 104, 15)) + _path(a, f"M0 0{up}z M0 200{down}z")


def _bars(rng: random.Random, a: str, b: str, ink: str) -> str:
    heights = [rng.randint(30, 170) for _ in range(9)]
    loud = max(range(9), key=heights.__getitem__)
    bars = [f"M{19 + 18 * i} 190v{-h}h13v{h}z" for i, h in enumerate(heights)]
    return (
        _path(a, "".join(d for i, d in enumerate(bars) if i != loud))
        + _path(b, bars[loud])
        + _lines(ink, 1, "M10 190h180")
    )


def _key(rng: random.Random, a: str, b: str, ink: str) -> str:
    frames = "".join(f"M{100 - s} {100 - s}h{2 * s}v{2 * s}h{-2 * s}z" for s in range(98, 50, -12))
    tilt = rng.choice((0, 0, 8, -8))
    hole = _disc(100, 84, 20) + "M92 96h16l12 44H80z"
    return f'<g transform="rotate({tilt} 100 100)">{_lines(a, 4, frames)}</g>' + _path(b, hole)


def _lean(rng: random.Random, a: str, b: str, ink: str) -> str:
    r = rng.choice((-8, 0, 8))
    left, right = "M100 176V76a38 38 0 1 0-72 20q14 40 72 80z", "M100 176V76a38 38 0 1 1 72 20q-14 40-72 80z"
    return f'<g transform="rotate({r} 100 100)">{_path(a, left)}{_path(b, right)}</g>'


def _orbit(rng: random.Random, a: str, b: str, ink: str) -> str:
    tilt, x = rng.randint(-34, -14), rng.randint(120, 168)
    rings = "".join(f'<ellipse cx="100" cy="100" rx="{r}" ry="{r * 0.34:.0f}"/>' for r in (84, 104, 124))
    return (
        f'<g transform="rotate({tilt} 100 100)" fill="none" stroke="{ink}" stroke-width="2">{rings}</g>'
        + _path(a, _disc(100, 100, 50))
        + _path(b, _disc(x, 48, 11) + _disc(34, 158, 6))
    )


def _spiral(rng: random.Random, a: str, b: str, ink: str) -> str:
    turn = rng.choice((9, 11, -10))
    return "".join(
        f'<g transform="rotate({i * turn} 100 100)">'
        + _path((a, b)[i % 2], f"M{100 - s} {100 - s}h{2 * s}v{2 * s}h{-2 * s}z")
        + "</g>"
        for i, s in enumerate((118, 98, 80, 65, 51, 39, 28, 18, 9))
    )


def _fronts(rng: random.Random, a: str, b: str, ink: str) -> str:
    y = rng.randint(84, 108)
    ours = "".join(f"M{x} {y - 50}h20l38 50-38 50h-20l38-50z" for x in (-42, -4, 34))
    theirs = "".join(f"M{x} {y - 50}h-20l-38 50 38 50h20l-38-50z" for x in (166, 204))
    return _path(a, ours) + _path(b, theirs) + _lines(ink, 2, "M-20 182h240M-20 190h240")


def _horizon(rng: random.Random, a: str, b: str, ink: str) -> str:
    x = rng.randint(70, 130)
    mesa = _path(b, "M-40 134h120l14-24h44l10 24h92v90H-40z")
    return _path(a, _disc(x, 92, 58)) + mesa + _lines(b, 4, "M0 98h200M0 112h200M0 125h200")


def _circle(rng: random.Random, a: str, b: str, ink: str) -> str:
    x, y = rng.randint(80, 120), rng.randint(90, 110)
    return _path(a, _disc(x, y, 70)) + _path(b, f"M{x - 70} {y}a70 70 0 0 0 140 0z")


PAPER = "#f4efe4"
PLAIN = Style("#4a4d52", "#f4efe4", "#8f9297", "#c9c4b8", _circle)
GENRES = {
    "Action": Style("#c93a22", "#fff3e2", "#e8642f", "#ffc24b", _rays),
    "Adventure": Style("#1d6b64", "#fbe9c6", "#0f4a47", "#e59a3c", _peaks),
    "Animation": Style("#2b59c3", "#fff6e0", "#ffcb3d", "#ff7a59", _bounce),
    "Children's": Style("#e8a423", "#2a2140", "#d9502f", "#fff0cf", _tiles, pale=True),
    "Comedy": Style("#f2c12e", "#2b2118", "#e0572f", "#fbf3df", _smile, pale=True),
    "Crime": Style("#23262b", "#ece5d8", "#6d747d", "#d8432e", _print),
    "Documentary": Style("#dcd5c5", "#26241f", "#8d8778", "#c0442a", _grid, pale=True),
    "Drama": Style("#3b2f4f", "#f5e9da", "#8a5a83", "#d98a5f", _pair, serif=True),
    "Fantasy": Style("#2d2a6e", "#f3e7ff", "#e7c15a", "#9d8df1", _moon, serif=True),
    "Film-Noir": Style("#191a1d", "#eee9df", "#d8cfbd", "#8c8473", _blinds, serif=True),
    "Horror": Style("#160f12", "#f6e3dc", "#7d1420", "#d92b2b", _teeth),
    "Musical": Style("#7a1f5c", "#ffe9f0", "#c2478f", "#ffcf5c", _bars),
    "Mystery": Style("#173a4a", "#eaf1ee", "#3f7f8e", "#f0b94d", _key, serif=True),
    "Romance": Style("#f0b8ae", "#4d1626", "#b3263f", "#e2604f", _lean, serif=True, pale=True),
    "Sci-Fi": Style("#0f1b3d", "#e3ecff", "#4f7df0", "#ff8a5c", _orbit),
    "Thriller": Style("#a8b52a", "#17190b", "#20240f", "#cdd94c", _spiral, pale=True),
    "War": Style("#4f5638", "#f0ead2", "#2f3521", "#c8462e", _fronts),
    "Western": Style("#d9793a", "#fff1dc", "#fbd07c", "#7a2f1a", _horizon, serif=True),
}
"""The genres of MovieLens; each has colours and a motif."""
ABSTRACT = ("Action", "Adventure", "Animation", "Children's", "Crime", "Documentary", "Drama", "Thriller", "War")
"""Looks that suit anything: the others show a smile, a moon or teeth."""
