"""Everything about the search that can be set."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from overtone.core import Settings


def _positive(penalty: float | str) -> float | str:
    """Refuse a penalty that rewards parents, or costs them nothing."""
    if not isinstance(penalty, str) and not penalty > 0:
        raise ValueError("must be above 0")
    return penalty


class GraphSettings(Settings):
    """Settings of a graph search."""

    penalty: Annotated[float | Literal["stability"], AfterValidator(_positive)] = Field(2.0)
    """Penalty discount c: a parent costs c/2 · ln n; 1 is plain BIC, more is sparser; or "stability"."""
    ebic: float = Field(0.0, ge=0, le=10)
    """Weight γ of the extended BIC: a parent costs γ · ln p more; 0 is none, 0.5 to 1 for more variables than rows."""
    mode: Literal[0, 1, 2] = 2
    """Which edges are tucked: 0 covered ones (GRaSP0), 1 also singular ones (GRaSP1), 2 any (GRaSP2)."""
    depth: int = Field(3, ge=1, le=16)
    """Most tucks in a row over orders of equal score."""
    ils_steps: int = Field(20, ge=0)
    """Steps of iterated local search: some variables of the best order are moved at random, and the search goes on."""
    starts: int = Field(1, ge=1)
    """Searches from different orders, of which the best counts; the trees are shared."""
    max_parents: int | None = Field(None, ge=1)
    """Most parents of a variable; by default 40, or fewer where there are few variables or rows."""
    seconds: float | None = Field(None, gt=0)
    """Time budget of the whole call; when it is over, the best graph so far is returned and marked as incomplete."""
    memory_mb: int = Field(512, ge=16)
    """Memory of the search's trees; when it is full they are grown again, which costs time and nothing else."""
    effective_rows: int | None = Field(None, ge=4)
    """Rows that the score believes in, if fewer than there are; for large data whose rows are not independent."""
    random_state: int = Field(0, ge=0)
    """Seed: the same seed gives the same graph, in any process."""
    bootstrap: int = Field(0, ge=0)
    """Resamples for the frequencies of edges; 0 for none, 100 is usual."""
    threshold: float = Field(0.5, ge=0, le=1)
    """With resamples: share of them in which an edge must be present to be kept; 0 keeps the graph of all rows."""
    halves: int = Field(0, ge=0)
    """Random splits into halves for the agreement of their two graphs; 0 for none."""
    stability: float = Field(0.8, gt=0, lt=1)
    """For the penalty "stability": probability with which an edge of one resample must be found in another one."""
    em_starts: int | None = Field(None, ge=1)
    """Of closed soft labels: first guesses of the offsets; by default more where there are fewer classes."""
    processes: int = Field(1, ge=1, le=1024)
    """Processes that share resamples and splits."""


class InferenceSettings(GraphSettings):
    """Settings of the inference of interactions: those of the search, and how presences are told from soft labels."""

    penalty: Annotated[float | Literal["stability"], AfterValidator(_positive)] = Field(8.0)
    """Penalty discount c: a parent costs c/2 · ln n; soft labels are full of small dependences, so it is high."""
    ils_steps: int = Field(0, ge=0)
    """Steps of iterated local search; the resamples make up for them."""
    effective_rows: int | None = Field(20_000, ge=4)
    """Rows that the score believes in at most: with more, a teacher's slightest confusions are edges; null: all."""
    bootstrap: int = Field(100, ge=0)
    """Resamples for the frequencies of edges; 0 believes the one graph of all rows."""
    strength: float = Field(0.8, ge=0)
    """Least weight of an edge: by how many standard deviations its target's presence is higher with its source."""
    labels: Literal["auto", "nodes", "none"] = "auto"
    """Annotated labels as causes in the search ("nodes") or not; "auto": where next to no row has several of them."""
    rounds: int = Field(10, ge=0)
    """Rounds in which the scores are unmixed into presences; 0 leaves them as they are, calibrated only."""
    annotated_quantile: float = Field(0.85, gt=0, lt=1)
    """A class is fully present at this quantile of its scores on rows that are annotated with it."""
    midpoint: float = Field(0.45, gt=0, lt=1)
    """Where, from absence (0) to full presence (1), a class is as likely present as absent."""
    sharpness: float = Field(8.0, gt=0)
    """Steepness of the step from absent to present."""
    ridge: float = Field(0.01, gt=0)
    """Shrinkage of the unmixing, as a share of the mean variance."""
