"""The ways to lay clips out on a plane, which of them there are on this machine, and their computation."""

from __future__ import annotations

import io
import re
import threading
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from overtone.core import InputError, Progress, ProgressCallback, unknown_name
from overtone.core.documents import Document
from overtone.evaluation.projection import LEAST_ROWS, neighbour_plane

Floats = NDArray[np.floating[Any]]

PCA = "pca"
MOST_TSNE = 5_000
"""Clips that t-SNE lays out, in about a minute."""
_NEAREST = 15
_ONE = threading.Lock()  # two parallel numba kernels at once end the process where it has no OpenMP


@dataclass(frozen=True)
class Layout(Document):
    """A way to lay clips out.

    Attributes:
        name: Its name in requests.
        title: What it is called.
        absent: Why it cannot be chosen, in a sentence; None if it can.
    """

    name: str
    title: str
    absent: str | None = None


def offer_layouts(clips: int) -> tuple[Layout, ...]:
    """All layouts of so many clips, those that cannot be chosen among them."""
    few = f"Neighbourhoods need at least {LEAST_ROWS} embeddings." if 2 * clips < LEAST_ROWS else None
    missing = None if find_spec("umap") else "UMAP needs another package: pip install umap-learn, and start again."
    many = f"t-SNE is for at most {MOST_TSNE:,} clips; UMAP takes more." if clips > MOST_TSNE else None
    return (
        Layout(PCA, "variance (PCA)"),
        Layout("umap", "neighbours (UMAP)", few or missing),
        Layout("tsne", "neighbours (t-SNE)", few or many),
    )


def check_layout(name: str, clips: int) -> None:
    """Whether a layout can be computed.

    Raises:
        InputError: There is none of that name, or it cannot be chosen.
    """
    known = {one.name: one for one in offer_layouts(clips)}
    if name not in known:
        raise unknown_name("layout", name, known)
    if known[name].absent is not None:
        raise InputError(f"{known[name].title}: {str(known[name].absent).rstrip('.')}")


def lay_out(name: str, points: Floats, progress: ProgressCallback | None = None) -> Floats:
    """Lay rows out so that neighbours stay neighbours; distances between groups mean nothing.

    Args:
        name: ``umap`` or ``tsne``.
        points: (n, d) rows.
        progress: Called now and then by UMAP; t-SNE does not say how far it is.

    Returns:
        (n, 2) places, from a fixed seed.

    Raises:
        InputError: The rows are too few, or all the same.

    Source:
        McInnes, Healy & Melville, UMAP, arXiv 1802.03426; van der Maaten & Hinton, t-SNE, JMLR 2008.
    """
    rows = np.ascontiguousarray(points, dtype=np.float32)
    with _ONE:
        found = _umap(rows, progress) if name == "umap" else neighbour_plane(rows)
    if found is None or not np.isfinite(found).all():
        raise InputError("the embeddings are too few or all alike, and have no neighbourhoods to show")
    return found


def _umap(rows: NDArray[np.float32], progress: ProgressCallback | None) -> Floats | None:
    if len(rows) < LEAST_ROWS or np.ptp(rows, axis=0).max() <= 1e-9:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what follows from a fixed seed
        from umap import UMAP

        told = {} if progress is None else {"tqdm_kwds": {"file": _Told(progress), "disable": False}}
        solver = UMAP(n_neighbors=min(_NEAREST, len(rows) - 1), random_state=0, n_jobs=1, **told)
        return np.asarray(solver.fit_transform(rows))


class _Told(io.TextIOBase):
    """Reads the progress bar that UMAP writes."""

    def __init__(self, progress: ProgressCallback) -> None:
        self.progress = progress

    def write(self, text: str) -> int:
        found = re.search(r"(\d+)\s*/\s*(\d+)", text)
        if found:
            self.progress(Progress("map", int(found[1]), int(found[2])))
        return len(text)
