"""What a registry holds and what can be set, read from the sources without importing them, as torch takes seconds.

So a misspelt name is refused at once. The decorators ``@registry.register("name")``, the fields of settings classes
and the signatures of losses are read as text; a contract test checks that this finds what the registries hold.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

CENTRES = {"classes": "Number of classes, C >= 2.", "embedding_dim": "Width of the embeddings, d >= 1."}
"""Settings of every loss that learns a centre for each class."""

ROOT = Path(__file__).resolve().parents[1]
"""The folder of the package."""


class Field(NamedTuple):
    """A setting as its class declares it: annotation and default as written (empty if there is none), and docstring."""

    type: str
    default: str
    description: str


def registered_names(package: str) -> dict[str, str]:
    """Names that the modules of a package register, with the dotted names of what they stand for, in name order.

    Example:
        >>> registered_names("overtone.methods")["cca"]
        'overtone.methods.cca.CCA'
    """
    found: dict[str, str] = {}
    for path in sorted(_path(package).parent.glob("*.py")):
        module = f"{package}.{path.stem}"
        for node in _parse(module).body if path.stem != "__init__" else ():
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
                call = _decorator(node, ".register", "metric_loss")
                if call is not None and call.args:
                    found[ast.literal_eval(call.args[0])] = f"{module}.{node.name}"
    return dict(sorted(found.items()))


def settings_fields(path: str) -> dict[str, Field]:
    """Fields of a settings class and of its bases, or of the function of a loss, in the order of their declaration.

    Example:
        >>> settings_fields("overtone.training.settings.TrainingSettings")["device"].default
        "'auto'"
    """
    function = _loss_function(path)
    if function is not None:
        return _parameters(function)
    fields: dict[str, Field] = {}
    for _, parent in reversed(list(_lineage(path))):
        for node, after in pairwise(parent.body):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                kind = ast.unparse(node.annotation)
                if not kind.startswith("ClassVar"):
                    fields[node.target.id] = Field(kind, _default(node.value), _text(after))
    return fields


def old_names(path: str) -> dict[str, str]:
    """Former names of settings, which are still read, to those of today: ``renamed`` of the class and of its bases."""
    found: dict[str, str] = {}
    for _, parent in _lineage(path):
        for node in parent.body:
            if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "renamed" and node.value is not None:
                found = {**ast.literal_eval(node.value), **found}
    return found


def attribute(path: str, name: str) -> str | None:
    """Dotted name of what a class attribute is set to (``settings_type`` of a method); None where it is not set.

    The signature of a loss declares its settings, so of the function of a loss it is the function itself.
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
    """Whether a class is, or is a subclass of, the class of this package with the plain name ``base``.

    Of the function of a loss a ``MetricLoss`` is made.
    """
    if _loss_function(path) is not None:
        return base == "MetricLoss"
    return any(node.name == base for _, node in _lineage(path))


def _decorator(node: ast.ClassDef | ast.FunctionDef, *endings: str) -> ast.Call | None:
    """The first decorator that is a call of something whose name ends so."""
    calls = (call for call in node.decorator_list if isinstance(call, ast.Call))
    return next((call for call in calls if ast.unparse(call.func).endswith(endings)), None)


def _loss_function(path: str) -> ast.FunctionDef | None:
    """The function with the decorator ``metric_loss`` that a dotted name stands for, if it does."""
    module, _, name = path.rpartition(".")
    for node in _parse(module).body if _exists(module) else ():
        if isinstance(node, ast.FunctionDef) and node.name == name and _decorator(node, "metric_loss") is not None:
            return node
    return None


def _parameters(function: ast.FunctionDef) -> dict[str, Field]:
    """The settings that a loss's signature declares: all parameters but the first, described by its docstring."""
    call = _decorator(function, "metric_loss")
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
    r"""The descriptions in the Args section of a docstring without the indentation of code, each on one line.

    Example:
        >>> argument_docs("Count.\n\nArgs:\n    rows: How many\n        there are.\n")
        {'rows': 'How many there are.'}
    """
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring + "\n", flags=re.M)
    entries = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section[1] if section else "", flags=re.M)
    return {name: " ".join(text.split()).replace("``", "`") for name, text in entries}


def _lineage(path: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """A class and its bases, as far as this package defines them, the nearest first, each behind its module."""
    module, _, name = path.rpartition(".")
    if not _exists(module):
        return
    for node in _parse(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            yield module, node
            for base in node.bases:
                if (resolved := _resolve(module, ast.unparse(base))) is not None:
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
    folder = ROOT.joinpath(*module.split(".")[1:])
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


def _text(node: ast.stmt) -> str:
    """A docstring that stands alone as a statement."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""
