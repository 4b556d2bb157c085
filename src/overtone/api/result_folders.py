"""The folder of a comparison or a diagnosis: whether it can be used, and what is written into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from overtone.core import is_main_process
from overtone.core.outputs import ResultFolder

if TYPE_CHECKING:
    from overtone.experiments import Comparison, Diagnosis

Result = TypeVar("Result", "Comparison", "Diagnosis")
_DOCUMENTS: dict[Literal["compare", "diagnose"], str] = {"compare": "comparison.json", "diagnose": "diagnosis.json"}


def check_folder(
    out: str | Path | None, command: Literal["compare", "diagnose"], resume: bool, overwrite: bool
) -> None:
    """Refuse a folder that cannot be used, before anything is read or trained."""
    if out is not None and is_main_process():
        ResultFolder(Path(out), command, (_DOCUMENTS[command],)).check(resume=resume, overwrite=overwrite)


def publish(result: Result, out: str | Path | None) -> Result:
    """Write ``report.html`` into a result's folder; the result with the report's path."""
    if out is None or not is_main_process():
        return result
    from overtone import report
    from overtone.core.files import write_json, write_text
    from overtone.experiments import Comparison

    result = replace(result, report=Path(out) / "report.html")
    compared = isinstance(result, Comparison)
    page = report.comparison_report(result) if isinstance(result, Comparison) else report.diagnosis_report(result)
    write_text(Path(out) / "report.html", page)
    write_json(Path(out) / ("comparison.json" if compared else "diagnosis.json"), result.to_dict())
    return result


def list_seeds(seeds: int | Sequence[int]) -> list[int]:
    """The seeds themselves, or so many from 0 on."""
    return list(range(seeds) if isinstance(seeds, int) else seeds)
