"""What only `milvus` has: its filter language, its addresses, and messages where it is not there."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from overtone.core import InputError
from overtone.search import open_store
from overtone.search.milvus.address import split_address
from overtone.search.milvus.filter import to_milvus
from overtone.search.where import parse_where


@pytest.mark.parametrize(
    ("text", "milvus"),
    [
        ("a > 3", 'exists meta["a"] and meta["a"] > 3'),
        ("a = 'it''s'", 'exists meta["a"] and meta["a"] == "it\'s"'),
        ("a != '\"x\\'", r'exists meta["a"] and meta["a"] != "\"x\\"'),
        ("good", 'exists meta["good"] and meta["good"] == true'),
        ("not good", 'exists meta["good"] and not (meta["good"] == true)'),
        (
            '"two words" in (1, 2.5)',
            'exists meta["two words"] and (meta["two words"] == 1 or meta["two words"] == 2.5)',
        ),
        ("a is null or a like 'x%'", '(not exists meta["a"]) or (exists meta["a"] and meta["a"] like "x%")'),
        ("not (a is null and b = 1)", '(exists meta["a"]) or (exists meta["b"] and not (meta["b"] == 1))'),
    ],
)
def test_filters_in_the_language_of_milvus(text: str, milvus: str) -> None:
    assert to_milvus(parse_where(text)) == milvus


def test_addresses(tmp_path: Path) -> None:
    assert split_address(str(tmp_path / "a")) == (str(tmp_path / "a.db"), "overtone")
    assert split_address(str(tmp_path / "a.db")) == (str(tmp_path / "a.db"), "overtone")
    assert split_address("http://127.0.0.1:19530") == ("http://127.0.0.1:19530", "overtone")
    assert split_address("https://host:1/clips/") == ("https://host:1", "clips")


def test_without_the_packages_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pymilvus" else find(name))
    with pytest.raises(InputError, match=r"pymilvus is not installed; pip install 'overtone\[milvus\]'"):
        open_store(f"milvus:{tmp_path / 'a'}", create=True)


def test_a_server_that_does_not_answer_is_one_sentence() -> None:
    if importlib.util.find_spec("pymilvus") is None:
        pytest.skip("pymilvus is not installed")
    with pytest.raises(InputError, match=r"milvus:http://127.0.0.1:9: cannot be opened .*OVERTONE_MILVUS_TOKEN"):
        open_store("milvus:http://127.0.0.1:9/clips")
