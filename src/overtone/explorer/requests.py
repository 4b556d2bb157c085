"""What may be asked of the explorer: every parameter with its type and bounds, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
from pydantic import Field

MOST_ROWS = 1_000_000
"""Clips that one request may name."""
MOST_DESCRIBED = 500
"""Clips whose metadata one request gets."""
MOST_NEIGHBOURS = 200
MOST_QUERIES = 50
"""Clips of an uploaded file whose answers are shown."""

Row = Annotated[int, Field(ge=0, le=2**40)]
RunNumber = Annotated[int, Field(ge=0, le=1, description="Number of the run, from 0.")]
Name = Annotated[str, Field(min_length=1, max_length=4096)]
Neighbours = Annotated[int, Field(ge=1, le=MOST_NEIGHBOURS, description="Most clips.")]


class Asked(pydantic.BaseModel):
    """Base of all requests: an unknown parameter is an error."""

    model_config = pydantic.ConfigDict(extra="forbid")


class Nothing(Asked):
    """A request without parameters."""


class OfRun(Asked):
    """About one of the runs."""

    run: RunNumber = 0


Layout = Annotated[Literal["pca", "umap", "tsne"], Field(description="How clips are laid out.")]


class OfMap(OfRun):
    """One of a run's maps."""

    layout: Layout = "pca"
    centred: Annotated[bool, Field(description="Whether each modality lies around its own mean.")] = False


class OfColumn(Asked):
    """A column, of the clips or of a run."""

    name: Name
    run: Annotated[int | None, Field(ge=0, le=1)] = None


class ComputedColumn(OfRun):
    """A column of a run that is computed when somebody asks."""

    name: Name


class LayOut(OfRun):
    """A layout to be computed."""

    layout: Layout
    centred: Annotated[bool, Field(description="Whether each modality lies around its own mean.")] = False


class Where(Asked):
    """A filter, as `overtone search --where` takes it."""

    where: Annotated[str, Field(min_length=1, max_length=10_000)]


class Text(Asked):
    """Words to look for in ids and metadata."""

    text: Annotated[str, Field(min_length=1, max_length=1000)]


class Rows(Asked):
    """Some clips by their numbers."""

    rows: Annotated[list[Row], Field(max_length=MOST_DESCRIBED)]


class OfClip(OfRun):
    """A clip by its id."""

    id: Name
    k: Neighbours = 12


class Like(OfRun):
    """More clips like some."""

    rows: Annotated[list[Row], Field(min_length=1, max_length=10_000)]
    k: Neighbours = 24
    from_modality: Annotated[str | None, Field(max_length=200)] = None
    to_modality: Annotated[str | None, Field(max_length=200)] = None


class Upload(OfRun):
    """A file whose clips are the query: features, or an image, a sound, a video or a text."""

    name: Annotated[str, Field(min_length=1, max_length=1000, description="The file's name; its suffix counts.")]
    k: Neighbours = 24
    content: Annotated[bytes, Field(min_length=1)]


class Find(OfRun):
    """Something to look for among the clips."""

    kind: Literal["duplicates", "outliers", "mismatched"]


class OfMedium(Asked):
    """A medium of a clip."""

    id: Name
    modality: Annotated[str, Field(min_length=1, max_length=200)]


class Export(Asked):
    """Clips to write into a file."""

    rows: Annotated[list[Row], Field(min_length=1, max_length=MOST_ROWS)]
    format: Literal["csv", "txt", "json"] = "csv"


def explain(error: pydantic.ValidationError) -> str:
    """The first thing that is wrong with a request, in one sentence."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the request"
    return f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}."
