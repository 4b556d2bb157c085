"""Arrays where a file is wanted, lists where names are: one sentence that says what to do, from every verb."""

import inspect

import numpy as np
import pytest

import overtone
from overtone.core import InputError
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
