"""The options that several commands share, declared once so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from overtone.core import InputError
from overtone.core.settings import parse_assignments, read_yaml

Method = Annotated[str, typer.Argument(metavar="METHOD", help="A method; `overtone methods` lists them.")]
Data = Annotated[
    str, typer.Argument(metavar="DATA", help="A feature file, a folder, or a built-in corpus such as split-digits.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on standard output and nothing else there.")
]
Modalities = Annotated[
    str | None,
    typer.Option("--modalities", metavar="A,B", help="Names of the two modalities in DATA, if not audio,visual."),
]
Views = Annotated[
    str | None,
    typer.Option(
        "--modalities", metavar="A[,B]", help="Name of the one view in DATA, or of its two modalities, if not told."
    ),
]
Sequences = Annotated[
    str | None,
    typer.Option("--sequences", metavar="mean|keep", help="What becomes of (N, T, d) sequences: averaged, or kept."),
]
View = Annotated[
    str | None, typer.Option("--view", metavar="NAME", help="A published part of the corpus in DATA, such as ave-15.")
]
DataSeed = Annotated[
    int | None,
    typer.Option(
        "--data-seed",
        metavar="N",
        min=0,
        help="Of the 70/30 split where DATA has none, and of a made corpus; by default 0.",
    ),
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", min=0, help="Source of all randomness: the same seed, the same result; by default 0."
    ),
]
Config = Annotated[Path | None, typer.Option("--config", metavar="F.yaml", help="Settings from a YAML file.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One setting, over those of --config; may be repeated."),
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 or auto: a GPU if there is one; by default auto."),
]
Precision = Annotated[
    str | None, typer.Option("--precision", metavar="fp32|bf16", help="Number format of the products in training.")
]
MemoryMb = Annotated[
    int | None,
    typer.Option("--memory-mb", metavar="MB", min=16, help="Memory that one block of similarities may take."),
]


def pair(modalities: str | None) -> tuple[str, str] | None:
    """``"a,b"`` to ``("a", "b")``.

    Raises:
        InputError: These are not two different names.
    """
    if modalities is None:
        return None
    names = _distinct(modalities)
    if len(names) != 2:
        raise InputError(
            "--modalities takes two different names", got=repr(modalities), fix="write for example audio,visual"
        )
    return names[0], names[1]


def views(modalities: str | None) -> tuple[str, ...] | None:
    """``"a"`` to ``("a",)`` and ``"a,b"`` to ``("a", "b")``, for commands that also take a single view.

    Raises:
        InputError: This is neither one name nor two different ones.
    """
    if modalities is None:
        return None
    names = _distinct(modalities)
    if len(names) not in (1, 2):
        fix = "write for example image or audio,visual"
        raise InputError("--modalities takes one name or two different ones", got=repr(modalities), fix=fix)
    return names


def _distinct(modalities: str) -> tuple[str, ...]:
    """The names between the commas; none where one is empty or stands there twice."""
    names = tuple(name.strip() for name in modalities.split(","))
    return names if all(names) and len(set(names)) == len(names) else ()


def reading(modalities: str | None, view: str | None, sequences: str | None, data_seed: int | None) -> dict[str, Any]:
    """The options that say how DATA is read, as :func:`overtone.load` takes them.

    Raises:
        InputError: ``--modalities`` or ``--sequences`` has an impossible value.
    """
    return _read_as(pair(modalities), view, sequences, data_seed)


def viewing(modalities: str | None, view: str | None, sequences: str | None, data_seed: int | None) -> dict[str, Any]:
    """The same as :func:`overtone.features.load_views` takes them, for commands that also take a single view.

    Raises:
        InputError: ``--modalities`` or ``--sequences`` has an impossible value.
    """
    return _read_as(views(modalities), view, sequences, data_seed)


def _read_as(
    modalities: tuple[str, ...] | None, view: str | None, sequences: str | None, data_seed: int | None
) -> dict[str, Any]:
    if sequences not in (None, "mean", "keep"):
        raise InputError("--sequences has two values", got=repr(sequences), valid="mean, keep")
    return given(modalities=modalities, view=view, sequences=sequences, seed=data_seed)


def gathered(config: Path | None, assignments: list[str] | None, **named: Any) -> dict[str, Any]:
    """Settings from the file, over them those of ``--set``, over them the options that have a name of their own.

    Raises:
        InputError: The file cannot be read or an assignment has no ``=``.
    """
    settings = read_yaml(config) if config is not None else {}
    settings.update(parse_assignments(assignments or []))
    return settings | given(**named)


def given(**named: Any) -> dict[str, Any]:
    """Those options that were given on the command line."""
    return {key: value for key, value in named.items() if value is not None}
