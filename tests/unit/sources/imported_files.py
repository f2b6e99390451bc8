"""Files that somebody might bring, good and hostile."""

import io
import json
import stat
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

HEADER = "id,title,category,picture\n"
GOOD = HEADER + "1,Red shoe,shoes,a.png\n2,Blue shoe,shoes,b.png\n3,Green hat,hats,c.png\n4,Black hat,hats,d.png\n"


def picture(kind: str = "PNG", mode: str = "RGB", size: tuple[int, int] = (24, 16), **save) -> bytes:
    """A small noisy picture."""
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(out, kind, **save)
    return out.getvalue()


def grey16() -> bytes:
    """A PNG of 16 bits."""
    out = io.BytesIO()
    Image.fromarray((np.arange(256, dtype=np.uint16) * 256).reshape(16, 16)).save(out, "PNG")
    return out.getvalue()


def animated() -> bytes:
    """A GIF of three frames."""
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def blank_png(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def svg(inside: str, start: str = "") -> bytes:
    """A drawing."""
    space = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'{start}<svg {space} width="8" height="8">{inside}<rect width="8" height="8" fill="red"/></svg>'.encode()


def nested_use(levels: int) -> bytes:
    """A drawing that draws its last rectangle ten to the power of `levels` times."""
    parts = ['<g id="a0"><rect width="1" height="1"/></g>']
    for level in range(1, levels + 1):
        parts.append(f'<g id="a{level}">' + f'<use xlink:href="#a{level - 1}"/>' * 10 + "</g>")
    return svg("".join(parts))


def entity_bomb() -> bytes:
    """A billion laughs."""
    entities = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
    return svg("<text>&l9;</text>", f'<!DOCTYPE svg [<!ENTITY l0 "laugh">{entities}]>')


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    """A ZIP of members by name, whatever the names are."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo("plain")
            info.filename, info.compress_type = name, compression  # past the cleaning that the constructor does
            archive.writestr(info, data)
    return path


def many_entries(path: Path, n: int) -> Path:
    """A ZIP of n empty members, written by hand: `zipfile` takes seconds for it."""
    local, central = bytearray(), bytearray()
    for i in range(n):
        name = b"%d.png" % i
        facts = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0)
        central += b"PK\x01\x02" + struct.pack("<H", 20) + facts + struct.pack("<HHHII", 0, 0, 0, 0, len(local)) + name
        local += b"PK\x03\x04" + facts + name
    zip64 = struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, n, n, len(central), len(local))
    end64 = struct.pack("<IQI", 0, len(local) + len(central), 1)
    end = struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path.write_bytes(local + central + b"PK\x06\x06" + zip64 + b"PK\x06\x07" + end64 + b"PK\x05\x06" + end)
    return path


def with_link(path: Path, name: str, target: str) -> Path:
    """A ZIP whose one member is a symbolic link."""
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, target)
    return path


def patched(path: Path, flag_bits: int = 0, size: int | None = None) -> Path:
    """A ZIP whose directory says something else of its first member: flags, or the unpacked size."""
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[central + 8] |= flag_bits
    content[6] |= flag_bits
    if size is not None:
        struct.pack_into("<I", content, central + 24, size)
    path.write_bytes(content)
    return path


def write(folder: Path, name: str, content: str | bytes, encoding: str = "utf-8") -> Path:
    """A file."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def lines(*rows: object) -> str:
    """JSON Lines."""
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def listing(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        for path in sorted(folder.rglob("*"))
    }
