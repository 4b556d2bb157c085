"""The cellar: errors in one sentence, registries that fill themselves, settings that refuse what they do not know."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field, ValidationError

from overtone.core import InputError, Registry, Settings, unknown_name
from overtone.core.settings import parse_assignments, read_yaml, rename, share_settings


def test_an_input_error_is_one_sentence_of_its_parts() -> None:
    error = InputError("clips.h5, key 'audio', row 3: NaN.", got="nan", valid="numbers", fix="drop the row.")
    assert str(error) == "clips.h5, key 'audio', row 3: NaN; got nan; valid: numbers; drop the row."
    assert isinstance(error, ValueError)
    assert str(InputError("x", got=0, fix="did you mean 'y'?")) == "x; got 0; did you mean 'y'?"
    assert str(InputError("x")) == "x."


def test_an_unknown_name_lists_what_there_is_and_proposes_only_what_is_close() -> None:
    assert str(unknown_name("method", "dca", ["dcca", "cca"])) == (
        "unknown method 'dca'; valid: cca, dcca; did you mean 'dcca'?"
    )
    assert "did you mean" not in str(unknown_name("method", "zebra", ["cca"]))
    assert str(unknown_name("method", "x", [])) == "unknown method 'x'; valid: none."


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package of two modules, each of which registers one thing when it is imported."""
    home = tmp_path / "shelf"
    home.mkdir()
    (home / "__init__.py").write_text(
        "from overtone.core import Registry\nthings = Registry('thing', 'shelf')\nimported = []\n"
    )
    for name in ("b", "a"):
        (home / f"{name}.py").write_text(
            f"import shelf\nshelf.imported.append('{name}')\n@shelf.things.register('{name}-thing')\nclass T: ...\n"
        )
    monkeypatch.syspath_prepend(tmp_path)
    for module in ("shelf", "shelf.a", "shelf.b"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    return "shelf"


def test_a_registry_imports_its_package_on_first_use_and_not_before(package: str) -> None:
    import shelf

    assert shelf.imported == []
    assert list(shelf.things) == ["a-thing", "b-thing"]
    assert len(shelf.things) == 2
    assert sorted(shelf.imported) == ["a", "b"]
    assert [name for name, _ in shelf.things.items()] == ["a-thing", "b-thing"]
    assert shelf.things["a-thing"].__module__ == "shelf.a"
    assert "c-thing" not in shelf.things
    with pytest.raises(InputError, match=r"unknown thing 'a-thin'; valid: a-thing, b-thing; did you mean 'a-thing'\?"):
        shelf.things["a-thin"]
    for module in ("shelf", "shelf.a", "shelf.b"):
        sys.modules.pop(module, None)


def test_two_things_of_one_name_are_a_mistake() -> None:
    registry: Registry[type] = Registry("thing", "overtone.core")
    assert registry.register("x")(int) is int
    registry.register("x")(int)  # the same again, as after a reload, is none
    with pytest.raises(RuntimeError, match="two things are called 'x'"):
        registry.register("x")(str)


class Some(Settings):
    """Settings of a test."""

    rate: float = Field(0.5, gt=0)
    """A rate, > 0."""
    width: int | None = None
    """A width; null: by size."""
    kinds: list[str] = Field(default_factory=lambda: ["a"])
    """Some kinds."""


def test_settings_are_built_checked_and_frozen() -> None:
    some = Some.build({"rate": "0.25", "width": 3})
    assert (some.rate, some.width, some.kinds) == (0.25, 3, ["a"])
    assert Some.build() == Some()
    with pytest.raises(ValidationError):
        some.rate = 1.0


def test_a_misspelt_setting_is_refused_with_the_closest() -> None:
    with pytest.raises(InputError, match=r"unknown setting in run.yaml 'rte'; .*did you mean 'rate'\?"):
        Some.build({"rte": 1}, where="run.yaml")


@pytest.mark.parametrize("value", [0, "fast", None, float("nan")])
def test_a_value_that_does_not_fit_is_named_with_what_would(value: object) -> None:
    with pytest.raises(InputError, match=r"run.yaml: setting 'rate': .*; got .*; valid: A rate, > 0\.") as caught:
        Some.build({"rate": value}, where="run.yaml")
    assert repr(value) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_changed_copy_is_checked_too() -> None:
    some = Some.build({"width": 3})
    assert some.changed(rate=2).rate == 2
    assert some.changed(rate=2).width == 3
    assert some.rate == 0.5
    with pytest.raises(InputError, match="'rate'"):
        some.changed(rate=-1)
    with pytest.raises(InputError, match="did you mean 'width'"):
        some.changed(widht=1)


class Renamed(Some):
    """Settings of which one, and a value of another, had other names."""

    renamed: ClassVar = {"speed": "rate"}
    renamed_values: ClassVar = {"mode": {"quick": "fast"}}
    mode: str = "slow"
    """slow or fast."""


class More(Renamed):
    """Settings that inherit old names and have one more."""

    renamed: ClassVar = {"breadth": "width"}


def test_an_old_name_is_read_with_one_sentence(caplog: pytest.LogCaptureFixture) -> None:
    assert More.build({"speed": 0.25, "breadth": 3, "mode": "quick"}, where="run.yaml") == More(
        rate=0.25, width=3, mode="fast"
    )
    assert caplog.messages == [
        "run.yaml: 'speed' is now called 'rate', 'breadth' is now called 'width', "
        "the value 'quick' of 'mode' is now called 'fast'"
    ]


def test_todays_names_are_read_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert Renamed.build({"rate": 0.25, "mode": "fast"}) == Renamed(rate=0.25, mode="fast")
    assert caplog.messages == []


def test_an_old_name_beside_the_new_one_is_refused() -> None:
    with pytest.raises(InputError, match="run.yaml: 'speed' is the old name of 'rate', and both are given"):
        Renamed.build({"rate": 0.5, "speed": 0.25}, where="run.yaml")


def test_a_name_that_is_neither_old_nor_new_is_refused_with_the_closest() -> None:
    with pytest.raises(InputError, match="unknown setting in settings 'rte'; .*did you mean 'rate'"):
        Renamed.build({"rte": 1, "speed": 0.25})
    with pytest.raises(InputError, match="unknown setting in settings 'breadth'"):
        Renamed.build({"breadth": 1})  # the old name of a subclass


def test_names_can_be_looked_up_before_settings_are_built() -> None:
    names = ("speed", "rate", "breadth", "nothing")
    assert [More.current_name(name) for name in names] == ["rate", "rate", "width", None]
    assert [More.accepts(name) for name in names] == [True, True, True, False]
    assert rename({"x": 1, "speed": 2, "mode": "quick"}, Some, More) == {"x": 1, "rate": 2, "mode": "fast"}
    assert list(rename({"speed": 1, "width": 2}, More)) == ["rate", "width"]


def test_the_table_has_name_type_default_and_description() -> None:
    assert Some.table() == [
        ("rate", "float", "0.5", "A rate, > 0."),
        ("width", "int | None", "null", "A width; null: by size."),
        ("kinds", "list[str]", "['a']", "Some kinds."),
    ]


def test_assignments_are_yaml_scalars() -> None:
    given = ["a=1", "b=1.5", "c=true", "d=null", "e=x=y", "f=[1, 2]", " g =", "h=1e-3"]
    values = parse_assignments(given)
    assert values == {
        "a": 1, "b": 1.5, "c": True, "d": None, "e": "x=y", "f": [1, 2], "g": "", "h": "1e-3",
    }  # fmt: skip
    assert Some.build({"rate": values["h"]}).rate == 0.001  # YAML 1.1 takes it for a string; the setting's type decides


@pytest.mark.parametrize("item", ["epochs", "=3", " =3"])
def test_an_assignment_without_key_or_sign_is_refused(item: str) -> None:
    with pytest.raises(InputError, match="--set takes key=value; got .*--set epochs=20"):
        parse_assignments([item])


def test_an_assignment_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(InputError, match="--set epochs: .*not valid YAML"):
        parse_assignments(["epochs=[1, 2"])


def test_yaml_files(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text("rate: 0.25\nwidth: 3\n", encoding="utf-8")
    assert read_yaml(path) == {"rate": 0.25, "width": 3}
    path.write_text("# nothing\n", encoding="utf-8")
    assert read_yaml(path) == {}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: [1,\n", "not valid YAML, line 3"),
        (b"- a\n- b\n", "must hold a mapping of settings; got list"),
        (b"a: \xff\xfe\n", "not valid YAML"),
        (b"a: 1\nb: 2\na: 3\n", "not valid YAML, line 1; got 'a' is given twice; say it once"),
        (b"a: {b: 1, b: 2}\n", "'b' is given twice"),
        (b"1: 2\n", "the name of a setting is text; got 1"),
        (b"yes: 2\n", "the name of a setting is text; got True"),
        (b"!!python/object/apply:os.getcwd []\n", "not valid YAML, line 1"),
    ],
)
def test_yaml_that_cannot_be_used(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_yaml(path)
    assert "s.yaml" in str(caught.value)


def test_a_yaml_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.yaml: cannot be read .*check the path"):
        read_yaml(tmp_path / "none.yaml")


OWNERS = {"cca": {"ridge", "width"}, "dcca": {"rate", "width"}}


def share(values: dict[str, object]) -> dict[str, dict[str, object]]:
    return share_settings(values, OWNERS, [More], what="method", others=["metric"])


def test_settings_are_shared_out_among_those_that_have_them() -> None:
    assert share({"width": 3, "ridge": 0.1}) == {"cca": {"width": 3, "ridge": 0.1}, "dcca": {"width": 3}}
    assert share({"width": 3, "cca.width": 4})["cca"] == {"width": 4}
    assert share({"cca": {"width": 4}, "width": 3}) == {"cca": {"width": 4}, "dcca": {"width": 3}}
    assert share({"speed": 2, "dcca": {"breadth": 5}}) == {"cca": {}, "dcca": {"rate": 2, "width": 5}}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"widht": 3}, "unknown setting of cca, dcca 'widht'.*did you mean 'width'"),
        ({"cca.rate": 3}, "unknown setting of cca 'rate'"),
        ({"dcca": {"ridge": 3}}, "unknown setting of dcca 'ridge'"),
        ({"metric.margin": 3}, "setting 'metric.margin' is for a method that is not compared; valid: cca, dcca"),
    ],
)
def test_settings_that_nobody_has_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        share(values)


@pytest.mark.parametrize(
    ("items", "values"),
    [
        (["a.b=1", "a.c=2", "a.b=3"], {"a": {"b": 3, "c": 2}}),
        (["a={b: 1}", "a.c.d=x"], {"a": {"b": 1, "c": {"d": "x"}}}),
        (["a.b=1", "a=2"], {"a": 2}),
        (["a=2", "a.b=1"], {"a": {"b": 1}}),
    ],
)
def test_a_dot_leads_into_a_mapping(items: list[str], values: dict[str, object]) -> None:
    assert parse_assignments(items) == values


def test_defaults_are_shown_as_yaml_has_them() -> None:
    class Kinds(Settings):
        flag: bool = True
        """A flag."""
        size: int | None = None
        """A size."""

    assert [row[2] for row in Kinds.table()] == ["true", "null"]


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_are_no_numbers(value: bool) -> None:
    for name in ("rate", "width"):
        with pytest.raises(InputError, match=f"setting '{name}': is a number; got {str(value).lower()}"):
            Some.build({name: value})
