"""Stores of every kind with other processes at them: after a kill, while one writes, and while one replaces them."""

from __future__ import annotations

import numpy as np
import pytest

from overtone.core import InputError
from overtone.search import open_store, replace_store

from .conftest import FILTERS, QUERIES, Items, Place, assert_same, brute_force, held, make_items


def test_answers_are_those_of_brute_force_after_a_kill(place: Place) -> None:
    with place.open():
        pass
    with held(place, 1000):
        pass
    items = make_items(1000, 77)
    with open_store(place.uri) as store:
        assert [one for part in store.iterate() for one in part.ids] == items.ids
        for where, keep in FILTERS.items():
            expected = brute_force(store, QUERIES, 10, ("audio",), keep)
            assert_same(store.search(QUERIES, 10, to="audio", where=where or None), expected)
        assert store.delete(items.ids[:10]) == 10
        assert store.count() == 990


def test_while_a_process_writes_others_read_or_are_told(place: Place) -> None:
    with place.open():
        pass
    with held(place, 20):
        if place.one_process:
            with pytest.raises(InputError, match="is open in another process"):
                open_store(place.uri)
        else:
            with open_store(place.uri) as store:
                (hits,) = store.search(QUERIES[0], 20, to="audio")
                assert {hit.id for hit in hits} == set(make_items(20, 77).ids)
    with open_store(place.uri) as store:
        assert store.count() == 20


def fill_replacement(place: Place, *parts: Items) -> None:
    with replace_store(place.uri, settings=place.settings) as store:
        for part in parts:
            store.upsert(*part)


def test_a_replacement_takes_the_place_of_the_store_when_it_is_whole(place: Place) -> None:
    old, new = make_items(30), make_items(12, 1, width=5)
    with place.open() as store:
        store.add(*old)
        store.set_attributes({"run": "a"})
    for _ in range(2):  # the second one replaces a replacement
        with pytest.raises(InputError, match="another width"):
            fill_replacement(place, new, old)
        with open_store(place.uri) as store:
            assert (store.count(), store.info().attributes) == (30, {"run": "a"})
            assert [one for part in store.iterate() for one in part.ids] == old.ids
        with replace_store(place.uri, settings=place.settings) as store:
            assert (store.count(), store.modalities, store.columns) == (0, {}, {})
            store.add(*new)
            store.delete(new.ids[:2])
            store.compact()
            store.refresh()
            assert_same(store.search(np.eye(5), 3, to="audio"), brute_force(store, np.eye(5), 3, ("audio",)))
        with open_store(place.uri) as store:
            assert (store.count(), store.info().attributes) == (10, {})
            assert [one for part in store.iterate() for one in part.ids] == new.ids[2:]
        with replace_store(place.uri) as store:
            store.add(*old)
            store.set_attributes({"run": "a"})


def test_a_replacement_that_is_killed_leaves_the_store(place: Place) -> None:
    with place.open() as store:
        store.add(*make_items(30))
    with held(place, 20, "replace"):
        if not place.one_process:
            with open_store(place.uri) as store:
                assert store.count() == 30
    with open_store(place.uri) as store:
        assert store.count() == 30
    with replace_store(place.uri) as store:
        store.add(*make_items(3))
    with open_store(place.uri) as store:
        assert store.count() == 3


def test_a_replacement_where_there_is_none_makes_one(place: Place) -> None:
    with replace_store(place.uri, settings=place.settings) as store:
        store.add(*make_items(3))
    with open_store(place.uri) as store:
        assert store.count() == 3
