"""Every registered store gives the answers of brute force, and says in one sentence what it cannot take."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from overtone.core import InputError
from overtone.search import Store, open_store, store_exists, stores

from .conftest import CASES, FILTERS, QUERIES, Place, assert_same, brute_force, make_items, run_worker


def filled(place: Place, count: int = 1000) -> Store:
    """A store with items of several writes, some of them replaced and some deleted."""
    store, items = place.open(), make_items(count)
    for start in range(0, count, count // 2):
        part = items.part(start, start + count // 2)
        assert store.add(*part) == count // 2
    again = items.part(100, 200)
    store.upsert(again.ids, {name: -rows for name, rows in again.vectors.items()}, again.metadata)
    assert store.delete(items.ids[300:350]) == 50
    return store


def test_every_kind_is_tried() -> None:
    assert {kind for kind, _ in CASES} == set(stores)


def test_answers_are_those_of_brute_force_before_and_after_reopening(place: Place, tmp_path: Path) -> None:
    store = filled(place)
    np.save(tmp_path / "queries.npy", QUERIES)
    wanted = {}
    for where, keep in FILTERS.items():
        for to in (("visual",), ("audio",), ("audio", "visual")):
            expected = brute_force(store, QUERIES, 10, to, keep)
            for queries in (QUERIES, QUERIES[:1]):
                assert_same(store.search(queries, 10, to=to, where=where or None), expected[: len(queries)])
            wanted[where, to] = expected
        assert store.count(where or None) == sum(keep is None or keep(row) for row in metadata(store))
    store.close()
    reopened = open_store(place.uri)
    for (where, to), expected in wanted.items():
        assert_same(reopened.search(QUERIES, 10, to=to, where=where or None), expected)
    reopened.close()
    found = json.loads(run_worker("search", place.uri, tmp_path / "queries.npy", *FILTERS).stdout)
    assert found == [[[one for one, _ in hits] for hits in wanted[where, ("visual",)]] for where in FILTERS]


def metadata(store: Store) -> list[dict[str, object]]:
    return [row for part in store.iterate() for row in part.metadata.to_pylist()]


def test_answers_stay_after_compaction(place: Place) -> None:
    with filled(place) as store:
        expected = brute_force(store, QUERIES, 7, ("visual",))
        order = [one for part in store.iterate() for one in part.ids]
        store.compact()
        assert [one for part in store.iterate(123) for one in part.ids] == order
        assert_same(store.search(QUERIES, 7, to="visual"), expected)
        assert store.count() == store.info().items == 950


def test_more_items_asked_for_than_there_are(place: Place) -> None:
    items = make_items(5)
    with place.open() as store:
        store.add(*items)
        (hits,) = store.search(QUERIES[0], 50, to="audio")
        assert {hit.id for hit in hits} == set(items.ids)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


def test_what_is_stored_comes_back(place: Place) -> None:
    items = make_items(200)
    with place.open() as store:
        store.add(*items)
        found = store.get([items.ids[150], items.ids[3], items.ids[150]])
        assert found.ids == (items.ids[150], items.ids[3], items.ids[150])
        for name, rows in items.vectors.items():
            unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
            np.testing.assert_allclose(found.vectors[name], unit[[150, 3, 150]], atol=1e-3)
        assert found.metadata.to_pylist()[1] == {name: values[3] for name, values in items.metadata.items()}
        (hits,) = store.search(items.vectors["audio"][3], 1, to="audio")
        assert hits[0].metadata == {name: values[3] for name, values in items.metadata.items()}
        assert hits[0].score == pytest.approx(1, abs=1e-3)


def test_hundred_unicode_ids(place: Place) -> None:
    signs = ["é", "ß", "日本", "🐕", "'", '"', "\\", "%", "_", " ", "\t", "\n", "/", "א", "e\u0301", ",", "null", "NaN"]
    ids = [f"{sign}{number}" for number in range(6) for sign in signs][:100]
    items = make_items(100)
    with place.open() as store:
        store.add(ids, items.vectors, {"label": ids})
        assert [part for record in store.iterate() for part in record.ids] == ids
        assert list(store.get(ids[::-1]).ids) == ids[::-1]
        found = store.search(items.vectors["visual"], 1, to="visual")
        assert [hits[0].id for hits in found] == ids
        assert store.known([*ids, "no"]) == ids
        for one in ids[:20]:
            quoted = one.replace("'", "''")
            assert store.count(f"label = '{quoted}'") == 1
        assert store.delete(ids[:50]) == 50
        assert store.known(ids) == ids[50:]


def test_empty_store(place: Place) -> None:
    with place.open() as store:
        assert store.search(QUERIES, 3) == [()] * len(QUERIES)
        assert (store.count(), store.info().items, list(store.iterate())) == (0, 0, [])
        assert store.delete(["a"]) == 0
        assert store.add([], {"audio": np.zeros((0, 4))}) == 0
        with pytest.raises(InputError, match="no item 'a'"):
            store.get(["a"])
        items = make_items(3)
        store.add(*items)
        store.delete(items.ids)
        assert store.search(QUERIES, 3, to="audio") == [()] * len(QUERIES)
        assert store.count() == 0
    assert store_exists(place.uri)


def test_an_id_that_is_there_is_refused_and_nothing_is_added(place: Place) -> None:
    items = make_items(20)
    with place.open() as store:
        store.add(*items.part(0, 10))
        with pytest.raises(InputError, match=r"row 0, id 'clip-0-5': is in the store already \(and 4 more\); upsert"):
            store.add(*items.part(5, 15))
        with pytest.raises(InputError, match=r"row 2, id 'a': stands in row 0, too"):
            store.upsert(["a", "b", "a"], {name: rows[:3] for name, rows in items.vectors.items()})
        assert store.count() == 10


def test_upsert_replaces_vectors_and_metadata(place: Place) -> None:
    items = make_items(20)
    with place.open() as store:
        store.add(*items)
        new = {name: -rows[:5] for name, rows in items.vectors.items()}
        assert store.upsert(items.ids[:5], new, {"label": ["new"] * 5}) == 5
        assert store.count() == 20
        found = store.get(items.ids[:5])
        assert found.metadata["label"].to_pylist() == ["new"] * 5
        assert found.metadata["number"].to_pylist() == [None] * 5
        (hits,) = store.search(new["audio"][0], 1, to="audio")
        assert hits[0].id == items.ids[0]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused_by_row_and_id(place: Place, bad: float) -> None:
    items = make_items(10)
    items.vectors["visual"][7, 2] = bad
    with place.open() as store:
        with pytest.raises(InputError, match=r"visual, row 7, id 'clip-0-7': NaN or infinite"):
            store.add(*items)
        assert store.count() == 0
        store.add(*items.part(0, 7))
        with pytest.raises(InputError, match=r"queries, row 1: NaN or infinite"):
            store.search([[1.0] * 16, [bad] * 16], to="audio")


def test_vectors_of_another_width_or_modality_are_refused(place: Place) -> None:
    items, other = make_items(4), make_items(4, 1, width=5)
    with place.open() as store:
        store.add(*items)
        with pytest.raises(InputError, match=r"another width than the store's; got 5; valid: 16"):
            store.add(*other)
        with pytest.raises(InputError, match=r"another width than the store's; got 5; valid: 16"):
            store.search(other.vectors["audio"], to="audio")
        with pytest.raises(InputError, match=r"unknown modality 'text'; valid: audio, visual"):
            store.add(["x"], {"text": np.ones((1, 16))})
        with pytest.raises(InputError, match=r"unknown modality 'vidual'.*did you mean 'visual'"):
            store.search(QUERIES, to="vidual")
        with pytest.raises(InputError, match=r"metadata 'label': another type than in the store; got int64"):
            store.add(["x"], {"audio": np.ones((1, 16))}, {"label": [1]})
        assert store.count() == 4


def test_items_may_lack_a_modality(place: Place) -> None:
    items = make_items(60)
    has = {"audio": np.arange(60) % 3 != 0, "visual": np.arange(60) % 3 != 1}
    with place.open() as store:
        store.add(*items, present=has)
        (hits,) = store.search(QUERIES[0], 60, to="audio")
        assert {hit.id for hit in hits} == {one for one, there in zip(items.ids, has["audio"]) if there}
        (both,) = store.search(QUERIES[0], 60, to=("audio", "visual"))
        query = QUERIES[0] / np.linalg.norm(QUERIES[0])
        for hit in both:
            row = items.ids.index(hit.id)
            rows = [items.vectors[name][row] for name in has if has[name][row]]
            cosines = [one @ query / np.linalg.norm(one) for one in rows]
            assert hit.score == pytest.approx(np.mean(cosines), abs=1e-3)
        with pytest.raises(InputError, match="row 1, id 'b': has no modality at all"):
            store.add(["a", "b"], {"audio": np.ones((2, 16))}, present={"audio": [True, False]})


def test_columns_that_come_later_are_null_before(place: Place) -> None:
    items = make_items(20)
    with place.open() as store:
        store.add(items.ids[:10], {name: rows[:10] for name, rows in items.vectors.items()}, {"size": [1] * 10})
        store.add(
            items.ids[10:],
            {name: rows[10:] for name, rows in items.vectors.items()},
            {"size": [0.5] * 10, "place": ["x"] * 10},
        )
        assert store.columns == {"size": "double", "place": "string"}
        counts = {"place = 'x'": 10, "place is null": 10, "size = 1": 10, "size < 0.75": 10, "not place = 'x'": 0}
        assert {where: store.count(where) for where in counts} == counts


def test_attributes_stay(place: Place) -> None:
    with place.open() as store:
        store.set_attributes({"run": "a"})
        store.add(*make_items(3))
        store.set_attributes({"source": "b"})
    with open_store(place.uri) as store:
        assert store.info().attributes == {"run": "a", "source": "b"}


def test_sample_is_without_replacement_and_by_seed(place: Place) -> None:
    with filled(place, 400) as store:
        found = store.sample(50, seed=1)
        assert len(set(found.ids)) == len(found) == 50
        assert found.ids == store.sample(50, seed=1).ids != store.sample(50, seed=2).ids
        assert len(store.sample(10_000)) == store.count()


def test_there_is_no_store(place: Place) -> None:
    assert not store_exists(place.uri)
    with pytest.raises(InputError, match="no store"):
        place.open(create=False)


def test_unknown_kind() -> None:
    with pytest.raises(InputError, match=r"unknown store 'flatt'.*did you mean 'flat'"):
        open_store("flatt:somewhere")


def test_a_column_without_values_has_no_type_yet(place: Place) -> None:
    with place.open() as store:
        store.add(["a"], {"audio": np.ones((1, 4))}, {"number": [None], "label": ["x"]})
        assert store.columns == {"label": "string"}
        store.add(["b"], {"audio": np.ones((1, 4))}, {"number": [1.5]})
        assert store.columns == {"label": "string", "number": "double"}
        assert store.get(["a", "b"]).metadata["number"].to_pylist() == [None, 1.5]
