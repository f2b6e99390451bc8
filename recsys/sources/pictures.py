"""Pictures: drawing a catalog's SVGs, opening what people bring, and small WebP files for the screens.

Everything that leaves here is RGB on an opaque background: clip art is drawn in black outlines for white paper, and on
a dark card a transparent one would lose them. Screens give the white square rounded corners.
"""

import io
import math
import re
import struct
import warnings
from xml.etree import ElementTree

import numpy as np
import resvg_py
from PIL import Image, ImageOps, UnidentifiedImageError, features

from recsys.errors import InvalidInput

WHITE = (255, 255, 255)
SLATE = (100, 116, 139)  # behind drawings that are white themselves
MARGIN = 1 / 32  # of the square's side, left free on each side of a drawing
MAX_PIXELS = 50_000_000
MAX_SIDE = 1024
THUMBNAIL_QUALITY = 60
MAX_SVG = 5 * 2**20
"""Bytes of a stranger's SVG."""
MAX_ELEMENTS = 100_000
"""Elements that a stranger's SVG may have drawn."""
MAX_DEPTH = 200
"""Elements within elements of it."""

_LOOK = 128  # pixels a side, of the first look
_MAX_DRAWN = 2048  # pixels a side, however small the drawing is on its page
_DARK = 0.1  # from which a pixel can be told from white
_DARK_SHARE = 0.002  # of the pixels: a line or two
_PALE = 0.95  # mean luminance of a drawing that is white itself
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(["AVIF"] if features.check("avif") else []))
_PIXELS = (b"\xff\xd8", b"\x89PNG", b"RIFF", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_ANOTHER = "Choose a JPEG, PNG or WebP picture."


def render_svg(svg: bytes, size: int) -> Image.Image | None:
    """Draws an SVG as large as it fits into a square, whatever page or margin it was drawn on.

    Fonts of the machine are not used, so that the same file gives the same picture everywhere.

    Args:
        svg: the file.
        size: the square's side, pixels.

    Returns:
        An RGB picture of size x size on white (on slate, where the drawing is all white), or None where the file
        cannot be drawn or shows nothing.
    """
    text, inner = _decoded(svg), max(1, round(size * (1 - 2 * MARGIN)))
    side = min(_LOOK, size)
    for _ in range(4):  # a small first look tells where on its page the drawing is: drawing costs by the pixel
        page = _draw(text, side)
        if page is None:
            return None
        box = page.getbbox(alpha_only=True)
        drawn = max(box[2] - box[0], box[3] - box[1]) if box is not None else 0
        if drawn >= inner or side == _MAX_DRAWN:
            break
        # A little more than it takes, so that a rounded guess is seldom too small; thin lines may not show at first.
        side = min(_MAX_DRAWN, math.ceil(1.03 * side * inner / drawn) if drawn else 8 * side)
    if box is None:
        return None
    drawing = ImageOps.contain(page.crop(box), (inner, inner), Image.Resampling.LANCZOS)
    square = Image.new("RGB", (size, size), _background(drawing))
    square.paste(drawing, ((size - drawing.width) // 2, (size - drawing.height) // 2), drawing)
    return square


def _draw(text: str, side: int) -> Image.Image | None:
    """The SVG's page, as large as fits into side x side: RGBA, or None where resvg refuses the file."""
    try:
        # Sizes in pt, mm, cm and in need a dpi; 96 is what CSS means by them.
        png = resvg_py.svg_to_bytes(svg_string=text, width=side, height=side, dpi=96, skip_system_fonts=True)
    except (ValueError, RuntimeError, OSError):
        return None
    return Image.open(io.BytesIO(png)).convert("RGBA")


def _decoded(svg: bytes) -> str:
    """An XML file's text, by the encoding that its first line declares."""
    declared = re.match(rb"""\s*<\?xml[^>]*?encoding=["']([\w.-]+)["']""", svg)
    for encoding in (declared[1].decode() if declared else "utf-8", "utf-8"):
        try:
            return svg.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return svg.decode("latin-1")


def _background(drawing: Image.Image) -> tuple[int, int, int]:
    """White, or slate where nothing of the drawing could be seen on white."""
    pixels = np.asarray(drawing, dtype=np.float32) / 255
    luminance = pixels[..., :3] @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)
    alpha = pixels[..., 3]
    visible_on_white = (alpha * (1 - luminance) > _DARK).mean() > _DARK_SHARE
    is_white = (alpha * luminance).sum() > _PALE * alpha.sum()
    return SLATE if is_white and not visible_on_white else WHITE


def open_upload(data: bytes) -> Image.Image:
    """Opens a picture that somebody uploaded, whatever they call it.

    Args:
        data: the file.

    Returns:
        An RGB picture, upright, on white, at most 1024 pixels a side. `info["note"]` holds a sentence where something
        was left out (an animation's other frames), else "".

    Raises:
        InvalidInput: it is empty, no picture, of more than 50 megapixels, incomplete or damaged.
    """
    if not data:
        raise InvalidInput("The file is empty.", _ANOTHER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's own word on large pictures; ours is an error
        try:
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise _too_large(f"{image.width} x {image.height} pixels")
            frames = getattr(image, "n_frames", 1)
            image.draft("RGB", (MAX_SIDE, MAX_SIDE))  # lets a large JPEG be decoded at a fraction of its size
            image.load()
            picture = _as_rgb(image)
        except InvalidInput:
            raise
        except Image.DecompressionBombError:
            raise _too_large("far more pixels than a screen has") from None
        except UnidentifiedImageError:
            raise InvalidInput("The file is no picture that can be read here.", _ANOTHER) from None
        except (OSError, SyntaxError, ValueError, EOFError, MemoryError, struct.error, IndexError, KeyError, TypeError):
            # What Pillow's decoders raise on damaged files is not documented; these are what they have been seen to.
            raise InvalidInput(
                "The picture is incomplete or damaged.", "Save it again, or choose another one."
            ) from None
    picture.info = {"note": f"Only the first of the {frames} frames is looked at." if frames > 1 else ""}
    return picture


def _too_large(how_large: str) -> InvalidInput:
    limit = f"the limit is {MAX_PIXELS // 1_000_000} megapixels"
    return InvalidInput(f"The picture has {how_large}; {limit}.", "Make it smaller and upload it again.")


def _as_rgb(image: Image.Image) -> Image.Image:
    """A decoded picture of any mode as RGB: upright, on white, at most `MAX_SIDE` a side."""
    orientation = image.getexif()
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    transparent = "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La")
    if image.mode not in ("L", "RGB", "RGBA", "CMYK", "YCbCr"):
        image = image.convert("RGBA" if transparent else "RGB")
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    image = image.convert("RGBA" if transparent else "RGB")
    if transparent:
        image = Image.alpha_composite(Image.new("RGBA", image.size, (*WHITE, 255)), image).convert("RGB")
    if orientation.get(0x0112, 1) != 1:
        image.getexif()[0x0112] = orientation[0x0112]
        image = ImageOps.exif_transpose(image)
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey picture of 16 or 32 bits, or of floats, as 8 bits."""
    grey = np.nan_to_num(np.asarray(image).astype(np.float32))
    highest = float(grey.max(initial=0.0))
    if image.mode.startswith("I;16") or 255 < highest <= 65535:
        full = 65535.0
    else:
        full = 1.0 if image.mode == "F" and highest <= 1 else max(255.0, highest)
    return Image.fromarray((grey.clip(0, full) * (255 / full)).round().astype(np.uint8))


def picture_and_thumbnail(data: bytes, size: int, thumbnail_size: int) -> tuple[bytes, bytes]:
    """An item's picture, SVG or any that `open_upload` opens, as two square WebP files; both empty where it cannot be.

    Args:
        data: the file; empty for none.
        size: side of the large one, pixels.
        thumbnail_size: side of the small one.
    """
    image = square_picture(data, size) if data else None
    return (b"", b"") if image is None else (webp(image), thumbnail(image, thumbnail_size))


def square_picture(data: bytes, size: int) -> Image.Image | None:
    """An item's picture in a white square of size x size, all of it to be seen; None where it cannot be shown."""
    if is_svg(data):
        return render_svg(data, size)
    try:
        picture = open_upload(data)
    except InvalidInput:
        return None
    return ImageOps.pad(picture, (size, size), Image.Resampling.LANCZOS, color=WHITE)


def is_svg(data: bytes) -> bool:
    """Whether a file is a drawing rather than pixels. Its name does not count."""
    return not data.startswith(_PIXELS) and b"ftyp" not in data[4:12] and b"<" in data[:1024]


def problem_with(data: bytes, thoroughly: bool = True) -> str:
    """Why a picture that somebody brings cannot be an item's, in a few words; empty where it can.

    Args:
        data: the file.
        thoroughly: decode all of it; else only what it says of itself is looked at.
    """
    if is_svg(data):
        return svg_problem(data) or ("" if not thoroughly or render_svg(data, _LOOK) else "cannot be drawn")
    if thoroughly:
        try:
            open_upload(data)
        except InvalidInput as error:
            return error.what.rstrip(".")
        return ""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Exception:  # Pillow does not say what it may raise
        return "no picture that can be read here"
    return "" if 0 < image.width * image.height <= MAX_PIXELS else f"{image.width} x {image.height} pixels"


def svg_problem(svg: bytes) -> str:
    """Why a stranger's SVG is not drawn, in a few words; empty for one that may be.

    Scripts do not matter, since nothing here runs them. But what draws would read a file of this machine where the SVG
    names its path, and a drawing that uses itself over and over would keep it busy for ever.
    """
    if len(svg) > MAX_SVG:
        return f"an SVG of more than {MAX_SVG // 2**20} MB"
    try:
        root = ElementTree.fromstring(svg)
    except (ElementTree.ParseError, ValueError, LookupError):
        return "an SVG that cannot be read"
    marked: dict[str, ElementTree.Element] = {}
    for element in root.iter():
        marked.setdefault(element.get("id", ""), element)
        targets = [value for name, value in element.attrib.items() if name.rpartition("}")[2] == "href"]
        points = str(element.tag).rpartition("}")[2] in ("image", "feImage", "use")
        if points and not all(target.strip().startswith(("#", "data:")) for target in targets):
            return "an SVG that points to other files"
        if any("data:image/svg" in target[:40].lower() for target in targets):
            return "an SVG with another one inside"
    return "" if _elements_drawn(root, marked, {}) <= MAX_ELEMENTS else "an SVG that draws the same over and over"


def _elements_drawn(
    root: ElementTree.Element, marked: dict[str, ElementTree.Element], known: dict[int, float], depth: int = 0
) -> float:
    """How many elements are drawn, those that `use` brings in counted each time; infinite where it brings in itself."""
    if id(root) in known:
        return known[id(root)]
    if depth > MAX_DEPTH:
        return math.inf
    known[id(root)] = math.inf  # what is met again on the way to its own end
    total = 1.0 + sum(_elements_drawn(child, marked, known, depth + 1) for child in root)
    if str(root.tag).rpartition("}")[2] == "use":
        for name, target in root.attrib.items():
            if name.rpartition("}")[2] == "href" and target.strip()[1:] in marked:
                total += _elements_drawn(marked[target.strip()[1:]], marked, known, depth + 1)
    known[id(root)] = total
    return total


def thumbnail(image: Image.Image, size: int) -> bytes:
    """A small square WebP of a square picture, about 2 kB at 112 pixels for clip art.

    Args:
        image: an RGB picture.
        size: the side, pixels; a picture that is not square keeps its aspect on white.
    """
    small = ImageOps.contain(image, (size, size), Image.Resampling.LANCZOS)
    if small.size != (size, size):
        small = ImageOps.pad(small, (size, size), color=WHITE)
    return webp(small, THUMBNAIL_QUALITY)


def webp(image: Image.Image, quality: int = 80) -> bytes:
    """A picture as a WebP file."""
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=2)
    return out.getvalue()
