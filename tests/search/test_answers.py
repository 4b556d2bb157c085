"""Queries by id and by vectors, the chance level, the audit and the exports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest

from overtone import load
from overtone.core import InputError
from overtone.search import (
    Audit,
    Indexing,
    SearchResult,
    Store,
    audit_store,
    export_store,
    open_store,
    search_ids,
    search_vectors,
)
from overtone.search.audit import common_filters
from overtone.search.chance import chance_level

from .conftest import make_items


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Twelve hundred items whose two vectors agree, shifted so that any two vectors point a similar way."""
    random = np.random.default_rng(0)
    shared = 1.0 + random.standard_normal((1200, 16))
    items = make_items(1200)
    vectors = {name: shared + 0.3 * random.standard_normal(shared.shape) for name in ("audio", "visual")}
    with open_store(tmp_path / "store", create=True) as opened:
        opened.add(items.ids, vectors, items.metadata)
        yield opened


@pytest.mark.parametrize(
    ("source", "target", "found"),
    [
        (None, None, (("audio", "visual"), ("audio", "visual"))),
        ("audio", None, (("audio",), ("visual",))),
        ("visual", None, (("visual",), ("audio",))),
        ("audio", "audio", (("audio",), ("audio",))),
        ("audio", "audio,visual", (("audio",), ("audio", "visual"))),
        (("audio", "visual"), ["visual"], (("audio", "visual"), ("visual",))),
    ],
)
def test_ways_to_search(store: Store, source: object, target: object, found: tuple[tuple[str, ...], ...]) -> None:
    result = search_ids(store, ["clip-0-5", "clip-0-9"], 3, from_modality=source, to_modality=target)
    assert (result.from_modality, result.to_modality) == found
    assert [one.query for one in result.queries] == ["clip-0-5", "clip-0-9"]
    assert all(len(one.hits) == 3 for one in result.queries)
    assert all(one.query not in {hit.id for hit in one.hits} for one in result.queries)


def test_scores_are_those_of_the_definition(store: Store) -> None:
    items = store.get(["clip-0-5", "clip-0-9"])
    query = items.vectors["audio"][:1] + items.vectors["visual"][:1]
    query /= np.linalg.norm(query)
    wanted = np.mean([query[0] @ items.vectors[name][1] for name in ("audio", "visual")])
    result = search_ids(store, ["clip-0-5"], 1199)
    (hit,) = [hit for hit in result.queries[0].hits if hit.id == "clip-0-9"]
    assert hit.score == pytest.approx(wanted, abs=1e-6)
    assert result.chance is not None
    assert hit.above_chance == pytest.approx((hit.score - result.chance.mean) / result.chance.std)


def test_vectors_find_their_own_item_far_above_chance(store: Store) -> None:
    items = store.get(["clip-0-5", "clip-0-9"])
    result = search_vectors(store, {"audio": items.vectors["audio"]}, 1, where="number < 100")
    assert [one.hits[0].id for one in result.queries] == ["clip-0-5", "clip-0-9"]
    assert [one.query for one in result.queries] == ["0", "1"]
    assert result.items == 100
    assert all(hit.above_chance > 2 for one in result.queries for hit in one.hits)
    assert SearchResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_chance_level_is_that_of_all_pairs(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    rows = 1.0 + random.standard_normal((300, 8))
    with open_store(tmp_path / "s", create=True) as store:
        store.add(list(map(str, range(300))), {"audio": rows, "visual": -rows})
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        others = (unit @ -unit.T)[~np.eye(300, dtype=bool)]
        level = chance_level(store, ("audio",), ("visual",))
        assert level is not None
        assert (level.mean, level.std) == pytest.approx((others.mean(), others.std()), abs=1e-5)
        assert level.pairs == 300 * 299
        store.delete(list(map(str, range(298))))
        assert chance_level(store, ("audio",), ("visual",)) is None


def test_wrong_queries_are_answered_in_a_sentence(store: Store) -> None:
    with pytest.raises(InputError, match=r"no item 'clip-0-5x', and no file of that name; did you mean 'clip-0-5'"):
        search_ids(store, ["clip-0-5x"])
    with pytest.raises(InputError, match=r"unknown modality of the query 'adio'.*did you mean 'audio'"):
        search_ids(store, ["clip-0-5"], from_modality="adio")
    with pytest.raises(InputError, match=r"unknown modality of flat:.*'text'; valid: audio, visual"):
        search_ids(store, ["clip-0-5"], to_modality="text")
    with pytest.raises(InputError, match=r"k is the number of items per query; got 0"):
        store.search(np.ones(16), 0)
    store.add(["deaf"], {"audio": np.ones((1, 16)), "visual": np.ones((1, 16))}, present={"audio": [False]})
    with pytest.raises(InputError, match=r"query 'deaf': lacks audio; query by the modality that it has"):
        search_ids(store, ["deaf"], from_modality="audio")


def test_audit_of_an_exact_store(store: Store) -> None:
    found = audit_store(store, queries=20)
    assert {one.where for one in found.searches} == {None, *common_filters(store)}
    assert common_filters(store) == ["\"label\" = 'cat'", "\"label\" = 'dog'", '"rare" = false', '"rare" = true']
    assert all(one.exact for one in found.searches)
    assert [one.items for one in found.searches if one.where == '"rare" = true'] == [12, 12]
    assert found.verdict.startswith("Exact: in 10 searches every one of the 10 nearest items was found")
    assert Audit.from_dict(found.to_dict()) == found


def test_audit_sees_what_a_store_loses(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    search = type(store).search

    def lossy(self: Store, queries: object, k: int = 10, *, where: str | None = None, **options: object) -> object:
        found = search(self, queries, k, where=where, **options)
        return [hits[: len(hits) // 2] if where else hits for hits in found]

    monkeypatch.setattr(type(store), "search", lossy)
    found = audit_store(store, where=["label = 'dog'", "number < 0"], queries=20)
    assert [(one.where, one.recall, one.short) for one in found.searches[:3]] == [
        (None, 1.0, 0.0),
        ("label = 'dog'", 0.5, 1.0),
        ("number < 0", 1.0, 0.0),
    ]
    assert (
        "finds 100.0 % of the nearest items without a filter, and 50.0 % under the filter label = 'dog'"
        in found.verdict
    )


def test_export_for_embedding_atlas(store: Store, tmp_path: Path) -> None:
    table = pyarrow.parquet.read_table(export_store(store, tmp_path / "a.parquet"))
    assert table.num_rows == 1200
    rows = np.array(table["vector_audio"].to_pylist())
    neighbours = table["neighbors_audio"].to_pylist()[7]
    scores = rows @ rows[7]
    scores[7] = -1
    assert neighbours["ids"] == np.argsort(-scores)[:15].tolist()
    np.testing.assert_allclose(neighbours["distances"], 1 - np.sort(scores)[::-1][:15], atol=1e-5)


def test_export_as_npz_is_read_again(store: Store, tmp_path: Path) -> None:
    data = load(export_store(store, tmp_path / "a.npz"))
    assert data.ids == tuple(make_items(1200).ids)
    assert data.class_names == ("cat", "dog")
    np.testing.assert_allclose(data.modalities["audio"], store.get(data.ids).vectors["audio"], atol=1e-6)


def test_export_for_fiftyone_and_the_projector(store: Store, tmp_path: Path) -> None:
    found = json.loads(export_store(store, tmp_path / "a.json").read_text(encoding="utf-8"))
    assert len(found["samples"]) == 1200
    assert found["samples"][1]["ground_truth"] == {"_cls": "Classification", "label": "dog"}
    assert len(found["samples"][1]["embedding_audio"]) == 16
    assert set(found["sample_fields"]) <= set(found["samples"][1])
    folder = export_store(store, tmp_path / "projector")
    lines = (folder / "audio_metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["id\tnumber\tlength\tlabel\trare", "clip-0-0\t0\t0.0\tcat\tFalse"]
    assert len(lines) == 1201
    assert np.loadtxt(folder / "audio.tsv").shape == (1200, 16)
    assert 'tensor_path: "audio.tsv"' in (folder / "projector_config.pbtxt").read_text(encoding="utf-8")
    with pytest.raises(InputError, match="exists and is not an empty folder"):
        export_store(store, folder)
    with pytest.raises(InputError, match=r"no program is known for this suffix; got suffix '\.xyz'"):
        export_store(store, tmp_path / "a.xyz")


def test_export_for_fiftyone_declares_its_fields_and_has_one_kind_of_media(tmp_path: Path) -> None:
    columns = {
        "tags": ["x", "y"],
        "a.b": [1, 2],
        "_a_b": [0.5, None],
        "label": [3, None],
        "media_audio": ["s.wav", None],
    }
    with open_store(tmp_path / "store", create=True) as store:
        store.add(["a", "b"], {"audio": np.eye(2)}, {**columns, "media_visual": ["v.mp4", None]}, present={})
        found = json.loads(export_store(store, tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [one["filepath"] for one in found["samples"]] == ["v.mp4", "b.mp4"]
    assert found["samples"][0]["ground_truth"]["label"] == "3"
    assert [found["samples"][0][name] for name in ("column_tags", "a_b", "column_a_b")] == ["x", 1, 0.5]
    fields = {name: kind.replace("fiftyone.core.fields.", "") for name, kind in found["sample_fields"].items()}
    assert fields.pop("ground_truth") == "EmbeddedDocumentField(fiftyone.core.labels.Classification)"
    assert fields.pop("embedding_audio") == "ListField(FloatField)"
    assert fields == {
        "clip_id": "StringField",
        "column_tags": "StringField",
        "a_b": "IntField",
        "column_a_b": "FloatField",
        "media_audio": "StringField",
        "media_visual": "StringField",
    }


def test_indexing_is_a_document(store: Store) -> None:
    found = Indexing(store.info(), 3, 0.5, audit_store(store, queries=2))
    assert Indexing.from_dict(json.loads(json.dumps(found.to_dict()))) == found
