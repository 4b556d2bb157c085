"""Arrays where a file is wanted, lists where names are: one sentence that says what to do, from every verb."""

import inspect
import sys
from typing import Any, get_args

import numpy as np
import pytest

import overtone
from overtone.core import InputError
from overtone.core.annotations import open_annotation
from overtone.features import from_arrays, views_from_arrays

ARRAY = np.zeros((6, 2))
DATA_VERBS = {
    "train": lambda data: overtone.train("cca", data),
    "compare": lambda data: overtone.compare(["cca"], data),
    "tune": lambda data: overtone.tune("cca", data),
    "diagnose": overtone.diagnose,
    "inspect": overtone.inspect,
    "graph": overtone.graph,
    "load": overtone.load,
}
RUN_VERBS = {
    "embed": lambda run: overtone.embed(run, "split-digits"),
    "report_run": lambda run: overtone.report_run(run, "split-digits"),
    "index": lambda run: overtone.index(run, "split-digits"),
    "evaluate": lambda run: overtone.evaluate(run, "split-digits"),
    "events": overtone.events,
    "explore": overtone.explore,
    "find": lambda run: overtone.find("outliers", run, "split-digits"),
    "label": lambda run: overtone.label(run, "split-digits", labels="labels.csv"),
}


OTHERS = {"demo", "search_store", "export", "open_store", "save", "import_plugin", "extract", "simulate"}
"""Verbs that take neither data nor a run first; those of them that take a source have tests of their own below."""


def test_every_verb_is_here():
    verbs = {name for name in overtone.__all__ if inspect.isfunction(getattr(overtone, name))}
    assert verbs == DATA_VERBS.keys() | RUN_VERBS.keys() | OTHERS


@pytest.mark.parametrize("verb", DATA_VERBS)
@pytest.mark.parametrize("data", [ARRAY, None, (ARRAY, ARRAY), {"audio": ARRAY}], ids=lambda data: type(data).__name__)
def test_a_verb_refuses_what_is_no_source_of_data(verb, data):
    with pytest.raises(InputError, match=r"; got \w+; for arrays in memory call"):
        DATA_VERBS[verb](data)


@pytest.mark.parametrize("verb", RUN_VERBS)
@pytest.mark.parametrize("run", [ARRAY, None, 3], ids=lambda run: type(run).__name__)
def test_a_verb_refuses_what_is_no_run(verb, run):
    with pytest.raises(InputError, match=r"^a run is needed; got \w+; name its folder"):
        RUN_VERBS[verb](run)


@pytest.mark.parametrize("settings", [[1], "epochs=2", 7], ids=lambda given: type(given).__name__)
@pytest.mark.parametrize("verb", ["train", "compare", "tune"])
def test_settings_without_names_are_refused(verb, settings):
    call = getattr(overtone, verb)
    with pytest.raises(InputError, match="settings: a mapping is needed; got"):
        call(["cca"] if verb == "compare" else "cca", "split-digits", settings=settings)


def test_the_name_of_a_setting_is_text():
    with pytest.raises(InputError, match="the name of a setting is text; got 1"):
        overtone.train("cca", "split-digits", settings={1: 2})


def test_a_method_that_is_no_name_is_unknown():
    with pytest.raises(InputError, match="unknown method 3; valid: "):
        overtone.train(3, "split-digits")


@pytest.mark.parametrize("read", [from_arrays, views_from_arrays])
def test_arrays_need_names(read):
    with pytest.raises(InputError, match="arrays: arrays need names; got list; give a mapping"):
        read([ARRAY, ARRAY])
    with pytest.raises(InputError, match="arrays: the name of an array is text; got 1; give a mapping"):
        read({1: ARRAY})


def test_a_store_is_named():
    for call in (overtone.open_store, overtone.search_store):
        with pytest.raises(InputError, match="a store has a URI; got ndarray; name a folder"):
            call(ARRAY)


def test_only_features_are_saved(tmp_path):
    with pytest.raises(InputError, match="features are needed; got ndarray; make them of arrays"):
        overtone.save(ARRAY, tmp_path / "clips.npz")
    assert not list(tmp_path.iterdir())


def test_a_plugin_is_named():
    with pytest.raises(InputError, match="a plug-in is a file or a module; got 3"):
        overtone.import_plugin(3)


VERBS = {name: verb for name, verb in vars(overtone.api).items() if inspect.isfunction(verb)} | {
    "load": overtone.load,
    "open_store": overtone.open_store,
}


def _is_plain(verb, parameter):
    """Whether an option has no type of which the verb itself has to say what is wrong, such as features."""
    kind, _ = open_annotation(parameter.annotation, sys.modules[verb.__module__])
    return parameter.name != "progress" and Any not in (kind, *get_args(kind))


OPTIONS = [
    (name, option)
    for name, verb in VERBS.items()
    for option, parameter in inspect.signature(verb).parameters.items()
    if parameter.kind is parameter.KEYWORD_ONLY and _is_plain(verb, parameter)
]


def test_most_options_are_checked():
    assert len(OPTIONS) > 140


@pytest.mark.parametrize(("verb", "option"), OPTIONS)
def test_an_option_of_the_wrong_type_is_refused_before_anything_else(verb, option):
    needed = [
        one for one in inspect.signature(VERBS[verb]).parameters.values() if one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    with pytest.raises(InputError, match=rf"^{option}: .* is needed; got object\.$"):
        VERBS[verb](*[None] * len(needed), **{option: object()})


@pytest.mark.parametrize(("verb", "option"), [(overtone.load, "seed"), (overtone.train, "sequences")])
def test_so_is_an_option_of_reading(verb, option):
    with pytest.raises(InputError, match=rf"^{option}: .* is needed; got object\.$"):
        verb(*["cca", "split-digits"][verb is overtone.load :], **{option: object()})


def test_numbers_of_numpy_are_numbers(tmp_path):
    found = overtone.compare(["cca"], "split-digits", seeds=np.int64(1), seed=np.int32(0), resume=np.bool_(False))
    assert len(found.seeds) == 1
    assert overtone.compare(["cca"], "split-digits", seeds=list(np.arange(1))).seeds == found.seeds


def test_a_query_is_named():
    with pytest.raises(InputError, match="a query is an id, a file or features; got 3; name items"):
        overtone.search_store("store", query=3)
