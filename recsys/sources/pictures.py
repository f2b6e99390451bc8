"""Pictures: drawing a catalog's SVGs, opening what people upload, and small WebP files for the screens.

Everything that leaves here is RGB on an opaque background: clip art is drawn in black outlines for white paper, and on
a dark card a transparent one would lose them. Screens give the white square rounded corners.
"""

import io
import math
import re
import struct
import warnings

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

_LOOK = 128  # pixels a side, of the first look
_MAX_DRAWN = 2048  # pixels a side, however small the drawing is on its page
_DARK = 0.1  # from which a pixel can be told from white
_DARK_SHARE = 0.002  # of the pixels: a line or two
_PALE = 0.95  # mean luminance of a drawing that is white itself
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", *(["AVIF"] if features.check("avif") else []))
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


def picture_and_thumbnail(svg: bytes, size: int, thumbnail_size: int) -> tuple[bytes, bytes]:
    """An SVG as two WebP files; both empty where it cannot be drawn."""
    image = render_svg(svg, size) if svg else None
    return (b"", b"") if image is None else (webp(image), thumbnail(image, thumbnail_size))


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
