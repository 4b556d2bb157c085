"""Files of media, changed part by part: chunks of WAV and PNG, segments of JPEG, boxes of MP4."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from fuzz.mutate import Random, mutate_bytes

Parts = list[tuple[bytes, bytes]]
"""Name and content of each part, in their order."""

_NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    255,
    256,
    0x7FFF,
    0xFFFF,
    0x10000,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    44_100,
    2_147_483_629,
)
"""What numbers in a header become; the last one is a prime: as a rate it shares no factor with any other."""


@dataclass(frozen=True)
class Container:
    """How a kind of file is taken apart and put together.

    Attributes:
        split: Content to parts.
        join: Parts to content, with the right lengths and checksums.
        little: Whether numbers have their least byte first.
    """

    split: Callable[[bytes], Parts]
    join: Callable[[Parts], bytes]
    little: bool = False


def mutate_container(rng: Random, content: bytes, suffix: str) -> bytes:
    """One to three changes to the parts of a file; what has no parts is changed byte by byte."""
    kind = CONTAINERS.get(suffix)
    if kind is None:
        return mutate_bytes(rng, content)
    try:
        parts = kind.split(content)
    except (struct.error, ValueError, IndexError):
        return mutate_bytes(rng, content)
    for _ in range(rng.randint(1, 3)):
        if parts:
            _CHANGES[rng.randrange(len(_CHANGES))](rng, parts, kind)
    joined = kind.join(parts)
    return mutate_bytes(rng, joined) if rng.random() < 0.15 else joined


def _drop(rng: Random, parts: Parts, _: Container) -> None:
    del parts[rng.randrange(len(parts))]


def _repeat(rng: Random, parts: Parts, _: Container) -> None:
    at = rng.randrange(len(parts))
    parts[at:at] = [parts[at]] * rng.choice((1, 2, 100))


def _swap(rng: Random, parts: Parts, _: Container) -> None:
    one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[one], parts[other] = parts[other], parts[one]


def _rename(rng: Random, parts: Parts, _: Container) -> None:
    at = rng.randrange(len(parts))
    parts[at] = (rng.choice((parts[rng.randrange(len(parts))][0], b"junk"[: len(parts[at][0])])), parts[at][1])


def _content(rng: Random, parts: Parts, _: Container) -> None:
    at = rng.randrange(len(parts))
    parts[at] = (parts[at][0], mutate_bytes(rng, parts[at][1]))


def _empty(rng: Random, parts: Parts, _: Container) -> None:
    at = rng.randrange(len(parts))
    parts[at] = (parts[at][0], b"")


def _number(rng: Random, parts: Parts, kind: Container) -> None:
    """A number among the first of a part: sizes, rates, counts and depths stand there."""
    at = rng.randrange(min(4, len(parts))) if rng.random() < 0.6 else rng.randrange(len(parts))
    name, data = parts[at]
    width = rng.choice((1, 2, 2, 4, 4))
    if len(data) < width:
        return
    place = rng.randrange(0, min(len(data) - width, 64) + 1)
    place -= place % width if rng.random() < 0.8 else 0
    value = rng.choice(_NUMBERS) % (1 << 8 * width)
    parts[at] = (name, data[:place] + value.to_bytes(width, "little" if kind.little else "big") + data[place + width :])


_CHANGES = (_drop, _repeat, _swap, _rename, _content, _content, _empty, _number, _number, _number, _number)


def _split_riff(content: bytes) -> Parts:
    parts, at = [], 12
    while at + 8 <= len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        parts.append((content[at : at + 4], content[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return parts


def _join_riff(parts: Parts) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body


_PNG = b"\x89PNG\r\n\x1a\n"


def _split_png(content: bytes) -> Parts:
    parts, at = [], len(_PNG)
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        parts.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + size]))
        at += 12 + size
    return parts


def _join_png(parts: Parts) -> bytes:
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return _PNG + b"".join(chunks)


def _split_jpeg(content: bytes) -> Parts:
    """Segments; the last one, of the scan, holds all that follows."""
    parts, at = [], 2
    while at + 4 <= len(content):
        size = int.from_bytes(content[at + 2 : at + 4], "big")
        end = len(content) if content[at + 1] == 0xDA else at + 2 + size
        parts.append((content[at : at + 2], content[at + 4 : end]))
        at = end
    return parts


def _join_jpeg(parts: Parts) -> bytes:
    """With right lengths, but for a scan, whose header's length is 12 with three components."""
    made = b"\xff\xd8"
    for name, data in parts:
        size = 12 if name == b"\xff\xda" else min(len(data) + 2, 0xFFFF)
        made += name + struct.pack(">H", size) + data
    return made


_NESTED = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_END = b"\0end"
"""Name of what closes a box that holds boxes."""


def _split_mp4(content: bytes) -> Parts:
    """Boxes; one that holds boxes is opened, and closed by a part of its own."""
    parts, at = [], 0
    while at + 8 <= len(content):
        size, name = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        size = size if size >= 8 else len(content) - at
        data = content[at + 8 : at + size]
        parts += [(name, b""), *_split_mp4(data), (_END, b"")] if name in _NESTED else [(name, data)]
        at += size
    return parts


def _join_mp4(parts: Parts) -> bytes:
    """With right sizes; boxes that were never closed end with the file, and what closes none is left out."""
    open_boxes: list[tuple[bytes, bytes]] = [(b"", b"")]
    for name, data in parts:
        if name in _NESTED and not data:
            open_boxes.append((name, b""))
            continue
        if name == _END:
            if len(open_boxes) == 1:
                continue
            name, data = open_boxes.pop()
        outer, inside = open_boxes[-1]
        open_boxes[-1] = (outer, inside + struct.pack(">I", 8 + len(data)) + name + data)
    while len(open_boxes) > 1:
        name, data = open_boxes.pop()
        outer, inside = open_boxes[-1]
        open_boxes[-1] = (outer, inside + struct.pack(">I", 8 + len(data)) + name + data)
    return open_boxes[0][1]


CONTAINERS = {
    ".wav": Container(_split_riff, _join_riff, little=True),
    ".png": Container(_split_png, _join_png),
    ".jpg": Container(_split_jpeg, _join_jpeg),
    ".mp4": Container(_split_mp4, _join_mp4),
}
"""Suffix to how such a file is taken apart."""
