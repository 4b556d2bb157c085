"""What the search uses of Optuna, which is not needed to import this package."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

Choice: TypeAlias = str | int | float | bool | None
"""A value of a setting that is searched."""


class RunningTrial(Protocol):
    """A trial under way."""

    number: int

    def suggest_categorical(self, name: str, choices: Sequence[Choice]) -> Choice:
        """One of the choices."""

    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int:
        """A whole number within the bounds."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """A number within the bounds."""

    def report(self, value: float, step: int) -> None:
        """Tell a score on the way."""

    def should_prune(self) -> bool:
        """Whether to give up."""

    def set_user_attr(self, key: str, value: object) -> None:
        """Keep a value with the trial."""


class TrialState(Protocol):
    """How a trial stands."""

    name: str

    def is_finished(self) -> bool:
        """Whether nothing more comes."""


class StoredTrial(Protocol):
    """A trial of a study, as it is kept."""

    number: int
    state: TrialState
    value: float | None
    params: Mapping[str, object]
    user_attrs: Mapping[str, int | float]
    intermediate_values: Mapping[int, float]


class Study(Protocol):
    """Trials and what suggests them."""

    sampler: object
    user_attrs: Mapping[str, str]

    def get_trials(self, *, deepcopy: bool) -> list[StoredTrial]:
        """All trials so far."""

    def enqueue_trial(self, params: Mapping[str, object], *, skip_if_exists: bool) -> None:
        """Put a trial first."""

    def set_user_attr(self, key: str, value: object) -> None:
        """Keep a value with the study."""

    def optimize(
        self,
        func: Callable[[RunningTrial], float],
        *,
        n_trials: int,
        timeout: float | None,
        callbacks: Sequence[object],
        catch: tuple[type[Exception], ...],
    ) -> None:
        """Run trials."""
