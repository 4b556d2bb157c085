"""What may be read: files that hold what they declare, and YAML without tricks; and names that may be shown."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from overtone.core import InputError
from overtone.core.printable import format_csv, printable, printable_json, uncomputed
from overtone.core.settings import Settings, parse_assignments, read_yaml
from overtone.core.sources import check_declared, read_text, require_file


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "good").write_text("é")
    for path, said in (
        (tmp_path / "pipe", "is not a file"),
        ("/dev/zero", "is not a file"),
        (tmp_path, "is a folder"),
        (tmp_path / "loop", "cannot be read"),
        (tmp_path / "none", "cannot be read"),
        (tmp_path / ("x" * 300), "cannot be read"),
        ("a\0b", "cannot be read"),
    ):
        with pytest.raises(InputError, match=said):
            require_file(path)
    assert read_text(tmp_path / "good") == "é"


def test_texts_are_utf8_and_of_a_size(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(InputError, match="not valid YAML .byte 3 is not UTF-8"):
        read_text(tmp_path / "latin", "YAML")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(InputError, match="too large for YAML; got 1,073,741,824 bytes"):
        read_text(tmp_path / "large", "YAML")


def test_more_than_a_file_can_hold_is_refused() -> None:
    check_declared(256 << 20, 1, "x")
    check_declared(10**12, 10**11, "x")
    with pytest.raises(InputError, match="x: declares 1,000,000,000 bytes, and the file holds 1,000"):
        check_declared(10**9, 1000, "x")


LINES = [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi")]
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(LINES)


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]\n", "[" * 50_000, "a: 2024-99-99\n", "!!python/name:os.system\n"])
def test_yaml_that_would_never_end_is_refused_at_once(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.yaml").write_text(text)
    start = time.monotonic()
    with pytest.raises(InputError, match=r"s.yaml: not valid YAML"):
        read_yaml(tmp_path / "s.yaml")
    with pytest.raises(InputError, match="--set"):
        parse_assignments([f"a={text}"])
    assert time.monotonic() - start < 5


class Some(Settings):
    epochs: int = 1
    rate: float = 1.0


@pytest.mark.parametrize(
    "values", [{"epochs": 10**20}, {"epochs": -(10**400)}, {"rate": float("nan")}, {"rate": float("inf")}]
)
def test_numbers_that_nothing_can_be_done_with_are_no_settings(values: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"setting '{next(iter(values))}'"):
        Some.build(values)


NAMES = ["a\x1b[2J", "b\x9b31m", "c\u202eevil", "d\rx", "e\ud800", "f\x00", "g\u2028"]


def test_names_cannot_do_anything_to_a_terminal() -> None:
    shown = printable("\n".join(NAMES))
    assert shown.isprintable() or set(shown) - {"\n"} == {one for one in shown if one.isprintable()}
    assert printable("plain é 日本 😀\tx") == "plain é 日本 😀\tx"
    assert "\x9b" not in printable_json('"\x9b"')
    error = str(InputError("bad\x1b[2J\nname", got="\u202e"))
    assert error == "bad\\x1b[2J\\nname; got \\u202e."
    assert len(str(InputError("x" * 10**6, got="y" * 10**6))) < 4000


@pytest.mark.parametrize("cell", ["=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-1+1|x", "\t=1", " =1"])
def test_no_cell_is_a_formula_and_all_come_back(cell: str) -> None:
    text = format_csv([["id"], [cell]])
    assert text.splitlines()[1].lstrip('"').startswith("'")
    assert uncomputed("'" + cell) == cell


@pytest.mark.parametrize("cell", ["-3DGy5Kn6ug", "-1.5", "+49", "clip", "'tis", "a=b", ""])
def test_plain_names_and_numbers_stay_as_they_are(cell: str) -> None:
    assert format_csv([[cell, -1, 0.5]]) == ('"",-1,0.5\n' if not cell else f"{cell},-1,0.5\n") or not cell
    assert uncomputed(cell) == cell
