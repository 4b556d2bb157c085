"""How the parameters of the verbs appear on the command line, declared in their signatures.

The help of an option is the first sentence of its entry under ``Args`` in the verb's docstring; its default is the
signature's. Nothing here imports torch or numpy, so that ``--help`` appears at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypedDict

if TYPE_CHECKING:
    from overtone.features import PairedFeatures

TRAINING = "overtone.training.settings.TrainingSettings"
PROBES = "overtone.experiments.probes.settings.HeadSettings"
DIFFUSION = "overtone.evaluation.diffusion.DiffusionSettings"
GRAPHS = "overtone.graphs.settings.GraphSettings"


@dataclass(frozen=True)
class Param:
    """A parameter that the command line has, too.

    Attributes:
        metavar: What stands for its value in the help.
        option: The option's name where it is not the parameter's.
        minimum: The least value of a number.
        many: Whether the option may be repeated.
        old: A former name of the option, still accepted.
        help: Its help where no docstring has it.
    """

    metavar: str = ""
    option: str | None = None
    minimum: int | None = None
    many: bool = False
    old: str | None = None
    help: str | None = None


@dataclass(frozen=True)
class Settable:
    """Settings: ``--config`` and ``--set`` on the command line, and some with an option of their own.

    Attributes:
        path: Dotted name of the settings class that describes these.
        named: Options with a name of their own, each with the setting's name.
    """

    path: str = TRAINING
    named: Mapping[str, str] = field(default_factory=dict)


def named(*names: str, **others: str) -> dict[str, str]:
    """Options called as the settings are, and others with the setting they set."""
    return {**{name: name for name in names}, **others}


Settings = Mapping[str, Any] | None
Data = Annotated["str | Path | PairedFeatures", Param("DATA")]
"""Features, or where :func:`overtone.load` finds them."""
Seeds = Annotated[int | list[int], Param("N", minimum=1)]
Workers = Annotated[int | None, Param("N", minimum=1)]
Flag = Annotated[bool, Param()]
OutFile = Annotated[str | Path | None, Param("F", option="--out")]
Tables = Annotated[str | Path | Sequence[str | Path], Param("FILE", option="--table", many=True)]
"""Files for tables of the result."""
Track = Annotated[str | Sequence[str], Param("NAME[:PLACE]", many=True)]
"""Trackers that get the figures of every epoch, too."""
OutFolder = Annotated[str | Path | None, Param("FOLDER", option="--out")]


_SUBSET = Param("NAME", old="--view", help="A published part of the corpus in DATA, such as ave-15.")
_SEQUENCES = Param(
    "mean|keep", help="What becomes of (N, T, d) sequences: their mean over time (the default), or kept."
)
_SEED_HELP = "Seed of the 70/30 split where DATA has none, and of a generated corpus; by default 0."
_SEED = Param("N", option="--data-seed", minimum=0, help=_SEED_HELP)
_MISSING = Param("refuse|nan", help="What a row of NaN means: an error (the default), or a clip without that modality.")
_PAIR = Param("A,B", help="Names of the two modalities in DATA, if not audio,visual.")
_VIEWS = Param("A[,B]", help="Name of the one view in DATA, or of its two modalities, where that is not clear.")


_LABELS = Param("KEY", option="--labels", help="Key of the labels in DATA, where it is not one of the usual ones.")
_IDS = Param("KEY", option="--ids", help="Key of the clips' ids in DATA, where it is not one of the usual ones.")
_GROUP_HELP = "Key of what clips belong together, which no made split cuts; of a modality: clips with equal rows."
_GROUP = Param("KEY", option="--group", help=_GROUP_HELP)
_CLASS_NAMES = Param("FILE", help="Names of the classes: a text file with one a line, or a JSON list.")
_THRESHOLD_HELP = "Soft labels from this value on count as labels; by default they stay soft."
_THRESHOLD = Param("T", help=_THRESHOLD_HELP)
_METADATA_HELP = "Further columns of the clips: a table (.csv, .tsv, .jsonl, .parquet), joined by id or row by row."
_METADATA = Param("F", help=_METADATA_HELP)
_CLIPS = Param("auto|rows|columns", help="Where the clips of MATLAB matrices are, if that cannot be told.")


class Reading(TypedDict, total=False):
    """How data are read, besides the names of modalities; as :func:`overtone.load` takes it."""

    subset: Annotated[str | None, _SUBSET]
    sequences: Annotated[Literal["mean", "keep"], _SEQUENCES]
    seed: Annotated[int, _SEED]
    missing: Annotated[Literal["refuse", "nan"], _MISSING]
    label_key: Annotated[str | None, _LABELS]
    id_key: Annotated[str | None, _IDS]
    group_key: Annotated[str | None, _GROUP]
    class_names: Annotated[str | Path | None, _CLASS_NAMES]
    label_threshold: Annotated[float | None, _THRESHOLD]
    clips: Annotated[Literal["auto", "rows", "columns"], _CLIPS]
    metadata: Annotated[str | Path | None, _METADATA]


class PairReading(Reading, total=False):
    """How two modalities are read."""

    modalities: Annotated[tuple[str, str] | None, _PAIR]


class ViewReading(Reading, total=False):
    """How one view or two modalities are read."""

    modalities: Annotated[tuple[str, ...] | None, _VIEWS]
