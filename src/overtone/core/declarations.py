"""What a registry holds and what can be set, read from the sources without importing them.

Importing the methods imports torch, which takes seconds. A misspelt name should be refused at once, and ``--help``
should appear at once. So the decorators ``@registry.register("name")`` and the fields of settings classes are read as
text; so is the signature of a loss, ``@metric_loss("name")``, which declares its settings. A contract test checks that
this finds what the imported registries hold.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

CENTRES = {
    "classes": "Number of classes, C >= 2.",
    "embedding_dim": "Width of the embeddings, d >= 1.",
}
"""Settings of every loss that learns a centre for each class."""

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the package."""


class Field(NamedTuple):
    """A setting as its class declares it.

    Attributes:
        type: The annotation as written.
        default: The default as written; empty if there is none.
        description: The field's docstring.
    """

    type: str
    default: str
    description: str


class _ClassSource(NamedTuple):
    """A class and the module that defines it."""

    module: str
    node: ast.ClassDef


def registered_names(package: str) -> dict[str, str]:
    """Names that the modules of a package register.

    Args:
        package: Dotted name (``"overtone.methods"``).

    Returns:
        Each name with the dotted name of the class or function it stands for, in name order.

    Example:
        >>> registered_names("overtone.methods")["cca"]
        'overtone.methods.cca.CCA'
    """
    found: dict[str, str] = {}
    for path in sorted(_path(package).parent.glob("*.py")):
        module = f"{package}.{path.stem}"
        for node in _parse(module).body if path.stem != "__init__" else ():
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                found |= dict.fromkeys(_registrations(node), f"{module}.{node.name}")
    return dict(sorted(found.items()))


def settings_fields(path: str) -> dict[str, Field]:
    """Fields of a settings class and of its bases, in the order of their declaration.

    Args:
        path: Dotted name of the class; or of the function of a loss, whose signature declares them.

    Returns:
        Field names to what is declared.

    Example:
        >>> settings_fields("overtone.training.settings.TrainingSettings")["device"].default
        "'auto'"
    """
    function = _loss_function(path)
    if function is not None:
        return _parameters(function)
    fields: dict[str, Field] = {}
    for source in reversed(list(_lineage(path))):
        body = source.node.body
        for at, node in enumerate(body):
            if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
                continue
            kind = ast.unparse(node.annotation)
            if not kind.startswith("ClassVar"):
                after = body[at + 1] if at + 1 < len(body) else None
                fields[node.target.id] = Field(kind, _default(node.value), _text(after))
    return fields


def old_names(path: str) -> dict[str, str]:
    """Names under which settings of a class are still read although they are called otherwise today.

    Args:
        path: Dotted name of the class.

    Returns:
        Old name to today's: ``renamed`` of the class and of its bases.
    """
    found: dict[str, str] = {}
    for source in _lineage(path):
        for node in source.node.body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "renamed" and node.value is not None:
                found = {**ast.literal_eval(node.value), **found}
    return found


def attribute(path: str, name: str) -> str | None:
    """What a class attribute names: ``settings_type`` of a method, for example.

    Args:
        path: Dotted name of the class.
        name: The attribute, looked for in the class and then in its bases.

    Returns:
        Dotted name of the thing it is set to; None where it is not set. For the function of a loss the function
        itself, as its signature declares the settings.
    """
    if _loss_function(path) is not None:
        return path
    for module, node in _lineage(path):
        for statement in node.body:
            targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Name) and any(isinstance(t, ast.Name) and t.id == name for t in targets):
                return _resolve(module, value.id)
    return None


def descends(path: str, base: str) -> bool:
    """Whether a class is a subclass of another one of this package.

    Args:
        path: Dotted name of the class.
        base: Plain name of the other one.

    Returns:
        True also for the class itself, and for the function of a loss, of which a ``MetricLoss`` is made.
    """
    if _loss_function(path) is not None:
        return base == "MetricLoss"
    return any(source.node.name == base for source in _lineage(path))


def _registrations(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    """First arguments of the decorators that end in ``.register``, and of ``metric_loss``."""
    for call in node.decorator_list:
        if isinstance(call, ast.Call) and ast.unparse(call.func).endswith((".register", "metric_loss")) and call.args:
            yield ast.literal_eval(call.args[0])


def _loss_function(path: str) -> ast.FunctionDef | None:
    """The function with the decorator ``metric_loss`` that a dotted name stands for, if it does."""
    module, _, name = path.rpartition(".")
    for node in _parse(module).body if _exists(module) else ():
        if isinstance(node, ast.FunctionDef) and node.name == name and _loss_call(node) is not None:
            return node
    return None


def _loss_call(node: ast.FunctionDef) -> ast.Call | None:
    calls = [call for call in node.decorator_list if isinstance(call, ast.Call)]
    return next((call for call in calls if ast.unparse(call.func).endswith("metric_loss")), None)


def _parameters(function: ast.FunctionDef) -> dict[str, Field]:
    """The settings that a loss's signature declares: all parameters but the first, described by its docstring."""
    call = _loss_call(function)
    centres = call is not None and any(keyword.arg == "centres" for keyword in call.keywords)
    described = argument_docs(ast.get_docstring(function) or "")
    parameters = function.args.args[1:]
    defaults = [None] * (len(parameters) - len(function.args.defaults)) + list(function.args.defaults)
    fields = {name: Field("int", "", about) for name, about in CENTRES.items()} if centres else {}
    for parameter, default in zip(parameters, defaults):
        kind = ast.unparse(parameter.annotation) if parameter.annotation is not None else ""
        fields[parameter.arg] = Field(kind, _default(default), described.get(parameter.arg, ""))
    return fields


def argument_docs(docstring: str) -> dict[str, str]:
    """The descriptions in the Args section of a docstring.

    Args:
        docstring: Without the indentation of the code.

    Returns:
        Each argument's description, on one line.

    Example:
        >>> argument_docs("Count.\\n\\nArgs:\\n    rows: How many\\n        there are.\\n")
        {'rows': 'How many there are.'}
    """
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring + "\n", flags=re.M)
    entries = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section[1] if section else "", flags=re.M)
    return {name: " ".join(text.split()).replace("``", "`") for name, text in entries}


def _lineage(path: str) -> Iterator[_ClassSource]:
    """A class and its bases, as far as this package defines them, the nearest first."""
    module, _, name = path.rpartition(".")
    if not _exists(module):
        return
    for node in _parse(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield _ClassSource(module, node)
            for base in node.bases:
                resolved = _resolve(module, ast.unparse(base))
                if resolved is not None:
                    yield from _lineage(resolved)
            return
    through = _resolve(module, name)  # the package exports it from one of its modules
    if through is not None and through != path:
        yield from _lineage(through)


def _resolve(module: str, name: str) -> str | None:
    """The dotted name that a plain name stands for in a module; None for what is not of this package."""
    for node in _parse(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return f"{module}.{name}"
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("overtone"):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return f"{node.module}.{alias.name}"
    return None


def _path(module: str) -> Path:
    parts = module.split(".")[1:]
    folder = ROOT.joinpath(*parts)
    return folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")


def _exists(module: str) -> bool:
    return module.split(".")[0] == "overtone" and _path(module).is_file()


@cache
def _parse(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def _default(value: ast.expr | None) -> str:
    """The default as written: the first argument of ``Field(...)``, or the value itself."""
    if isinstance(value, ast.Call):
        return ast.unparse(value.args[0]) if value.args else ""
    return "" if value is None else ast.unparse(value)


def _text(node: ast.stmt | None) -> str:
    """A docstring that stands alone as a statement."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""
