"""Changes to valid inputs: of values and shapes, of documents, and of bytes."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import numpy as np

Arrays = dict[str, Any]
Random = random.Random

NAMES = (
    *("", " ", "a,b", 'quote"d', "new\nline", "tab\there", "\x1b[31mred\x1b[0m", "\x9b2J", "\u202eevil"),
    *("=cmd|' /C calc'!A0", "+1+1", "-3DGy5Kn6ug", "@SUM(1)", "<script>alert(1)</script>", "../../etc/passwd"),
    *(
        "/etc/passwd",
        "x" * 5000,
        "nan",
        "-1",
        "0",
        "é",
        "日本",
        "\U0001f600",
        "a\\",
        "\\N",
        "&amp;",
        "]]>",
        "%s",
        "{0}",
    ),
    *("\ufffe", "null", "none", "[bold]x[/bold]"),
)
KEYS = ("audio_train", "ids_audio", "present_audio", "groups", "labels", "is_test", "media_audio", "events_audio")
NUMBERS = (0, -1, 1, 2, 1e-300, 1e300, 1e38, -1e38, float("nan"), float("inf"), -float("inf"), 2**31, 2**53, 0.5)
KINDS = ("f2", "f4", "f8", "i1", "u1", "u2", "i4", "i8", "u8", ">f4", ">i4", "?", "c8", "U5", "S5", "f8", "M8[s]", "V4")


def mutate_arrays(rng: Random, arrays: Arrays) -> Arrays:
    """One to three changes to arrays by key."""
    arrays = dict(arrays)
    for _ in range(rng.randint(1, 3)):
        if not arrays:
            break
        key = rng.choice(list(arrays))
        change = rng.choice(_ARRAY_CHANGES)
        try:
            with np.errstate(all="ignore"):
                change(rng, arrays, key)
        except (ValueError, TypeError, OverflowError, IndexError, MemoryError):  # not possible for this array
            continue
    return arrays


def _cells(rng: Random, arrays: Arrays, key: str) -> None:
    values = np.array(arrays[key])
    for _ in range(rng.choice((1, 1, 3, values.size))):
        place = tuple(rng.randrange(size) for size in values.shape)
        values[place] = rng.choice(NAMES) if values.dtype.kind == "U" else rng.choice(NUMBERS)
    arrays[key] = values


def _names(rng: Random, arrays: Arrays, key: str) -> None:
    size = len(np.atleast_1d(arrays[key]))
    arrays[key] = np.array([rng.choice((*NAMES, f"n{row}", f"n{row}", f"n{row}")) for row in range(size)])


def _kind(rng: Random, arrays: Arrays, key: str) -> None:
    with np.errstate(all="ignore"):
        arrays[key] = np.asarray(arrays[key]).astype(rng.choice(KINDS))


def _shape(rng: Random, arrays: Arrays, key: str) -> None:
    values = np.asarray(arrays[key])
    arrays[key] = rng.choice(
        (
            lambda: values[:0],
            lambda: values[:1],
            lambda: values[: len(values) // 2],
            lambda: values[..., None],
            lambda: values[None],
            lambda: values.T,
            lambda: values.ravel(),
            lambda: np.concatenate([values, values]),
            lambda: np.stack([values] * 3, axis=1),
            lambda: values.reshape(-1)[0],
            lambda: values[::-1],
            lambda: values[..., :0],
            lambda: np.broadcast_to(values.reshape(-1)[0], values.shape).copy(),
            lambda: np.asfortranarray(values),
        )
    )()


def _scale(rng: Random, arrays: Arrays, key: str) -> None:
    values = np.asarray(arrays[key])
    with np.errstate(all="ignore"):
        arrays[key] = rng.choice((1e-30, 1e30, 1e-8, 1e8, 0.0, -1.0)) * values.astype(float)


def _columns(rng: Random, arrays: Arrays, key: str) -> None:
    values = np.array(arrays[key])
    one, other = rng.randrange(values.shape[1]), rng.randrange(values.shape[1])
    values[:, one] = rng.choice(
        (values[:, other], values[:, other] + 1e-9, np.zeros(len(values)), np.full(len(values), 1e7))
    )
    arrays[key] = values


def _rename(rng: Random, arrays: Arrays, key: str) -> None:
    arrays[rng.choice((*NAMES[:20], *KEYS))] = arrays.pop(key)


def _drop(rng: Random, arrays: Arrays, key: str) -> None:
    del arrays[key]


def _copy(rng: Random, arrays: Arrays, key: str) -> None:
    arrays[rng.choice(list(arrays))] = arrays[key]


def _labels(rng: Random, arrays: Arrays, key: str) -> None:
    size = len(np.atleast_1d(next(iter(arrays.values()))))
    made = (
        lambda: np.full(size, -1),
        lambda: np.arange(size),
        lambda: np.zeros(size, int),
        lambda: np.arange(size)[:, None] % 3,
        lambda: np.eye(3)[np.arange(size) % 3],
        lambda: np.full((size, 3), 1 / 3),
        lambda: np.arange(size) % 3 - 1,
        lambda: np.arange(size) / 2,
        lambda: np.array([2**62 + row for row in range(size)]),
        lambda: np.full(size, 2**63, np.uint64),
        lambda: np.array([rng.choice(NAMES) for _ in range(size)]),
        lambda: np.array([1000000 * row for row in range(size)]),
    )
    arrays[rng.choice(("y", "labels", "label"))] = rng.choice(made)()


_ARRAY_CHANGES: tuple[Callable[[Random, Arrays, str], None], ...] = (
    *(_cells, _cells, _names, _kind, _kind, _shape, _shape),
    *(_scale, _columns, _rename, _drop, _copy, _labels),
)


def mutate_bytes(rng: Random, content: bytes) -> bytes:
    """One to four changes to a file: cut, changed, repeated, and numbers in headers."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        if not data:
            break
        rng.choice(_BYTE_CHANGES)(rng, data)
    return bytes(data)


def _flip(rng: Random, data: bytearray) -> None:
    for _ in range(rng.choice((1, 1, 4, 16))):
        data[_place(rng, data)] ^= 1 << rng.randrange(8)


def _set(rng: Random, data: bytearray) -> None:
    data[_place(rng, data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x20))


def _cut(rng: Random, data: bytearray) -> None:
    del data[_place(rng, data) :]


def _remove(rng: Random, data: bytearray) -> None:
    at = _place(rng, data)
    del data[at : at + rng.choice((1, 2, 8, 64))]


def _repeat(rng: Random, data: bytearray) -> None:
    at, size = _place(rng, data), rng.choice((1, 8, 64))
    data[at:at] = data[at : at + size] * rng.choice((1, 2, 50))


def _huge(rng: Random, data: bytearray) -> None:
    at, width = _place(rng, data), rng.choice((2, 4, 8))
    data[at : at + width] = rng.choice((b"\xff", b"\x00", b"\x7f")) * width


def _digits(rng: Random, data: bytearray) -> None:
    """A number in a textual header, in as many digits."""
    found = list(re.finditer(rb"\d+", bytes(data[:4096])))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = bytes(rng.choice(b"0123456789") for _ in range(len(one[0])))


def _longer(rng: Random, data: bytearray) -> None:
    """A number in a textual header that becomes enormous, at the cost of blanks behind it."""
    found = list(re.finditer(rb"\d+", bytes(data[:4096])))
    if found:
        one = rng.choice(found)
        data[one.start() : one.end()] = rng.choice((b"99999999999", b"4294967296", b"-1", b"18446744073709551616"))


def _place(rng: Random, data: bytearray) -> int:
    """A place in a file; headers and ends are where structure is."""
    near = rng.randrange(min(256, len(data)))
    return rng.choice((rng.randrange(len(data)), near, len(data) - 1 - near))


_BYTE_CHANGES: tuple[Callable[[Random, bytearray], None], ...] = (
    *(_flip, _flip, _set, _cut, _remove),
    *(_repeat, _huge, _digits, _longer),
)


def mutate_document(rng: Random, value: Any) -> Any:
    """A JSON value with one to three entries missing, of another kind, or of another size."""
    for _ in range(rng.randint(1, 3)):
        value = _mutate_entry(rng, value)
    return value


def _mutate_entry(rng: Random, value: Any) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        value = dict(value)
        if rng.random() < 0.2:
            del value[key]
        elif rng.random() < 0.1:
            value[rng.choice(NAMES)] = value.pop(key)
        else:
            value[key] = _mutate_entry(rng, value[key])
        return value
    if isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return [*value[:at], *([] if rng.random() < 0.3 else [_mutate_entry(rng, value[at])]), *value[at + 1 :]]
    other = (None, True, [], {}, [None], {"a": 1}, 10**20, -(10**20), 1e308, *NUMBERS[:6], *NAMES, "9" * 400, [[[[1]]]])
    return rng.choice(other)
