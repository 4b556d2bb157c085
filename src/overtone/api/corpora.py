"""A comparison over several corpora: the same methods on each, and their ranks over all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from overtone.api.parameters import PairReading, Settings
from overtone.core import InputError, Progress, ProgressCallback, is_main_process
from overtone.core.outputs import ResultFolder

if TYPE_CHECKING:
    from overtone.experiments import Comparison, CorpusComparison
    from overtone.features import PairedFeatures


class CompareOptions(PairReading, total=False):
    """Options of :func:`overtone.compare`, where they are explained."""

    seeds: int | list[int]
    ablate: bool
    controls: bool
    settings: Settings
    out: str | Path | None
    tables: str | Path | Sequence[str | Path]
    resume: bool
    overwrite: bool
    workers: int | None
    progress: ProgressCallback | None


CORPORA = "corpora/"
"""The folder, in that of all results, which holds a folder of results for each corpus."""
_FILES = ("comparison.json", "report.html", "ranks.svg", CORPORA)

CompareOne = Callable[[list[str], "PairedFeatures", "Path | None", "ProgressCallback | None"], "Comparison"]
"""Compares methods on one corpus: gets their names, the corpus, a folder, and who takes the progress."""


def name_corpora(sources: Sequence[object]) -> list[str]:
    """A short name for each corpus, which a folder may have: its file's, with the folder's where two are the same.

    Example:
        >>> name_corpora(["a/clips.npz", "b/clips.npz", "split-digits"])
        ['a-clips', 'b-clips', 'split-digits']
    """
    paths = [Path(str(source)) for source in sources]
    stems = [path.stem for path in paths]
    names = [
        f"{path.parent.name}-{path.stem}" if stems.count(path.stem) > 1 and path.parent.name else path.stem
        for path in paths
    ]
    plain = [re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "corpus" for name in names]
    return [f"{name}-{at}" if plain.count(name) > 1 else name for at, name in enumerate(plain, 1)]


def share_embeddings(methods: Sequence[str], corpora: int) -> list[list[str]]:
    """The methods of each corpus: of ``NAME=FILE,FILE`` the first file belongs to the first corpus, and so on.

    Raises:
        InputError: There are not as many files as corpora.

    Example:
        >>> share_embeddings(["cca", "other=a.npz,b.npz"], 2)
        [['cca', 'other=a.npz'], ['cca', 'other=b.npz']]
    """
    found: list[list[str]] = [[] for _ in range(corpora)]
    for method in methods:
        name, given, files = method.partition("=")
        each = files.split(",") if given else []
        if given and len(each) != corpora:
            what = f"{name}: there are {corpora} corpora, and each has embeddings of its own"
            raise InputError(what, got=f"{len(each)} files", fix=f"write {name}=FILE,FILE in the order of DATA")
        for at, words in enumerate(found):
            words.append(f"{name}={each[at]}" if given else method)
    return found


def compare_corpora(
    methods: Sequence[str],
    corpora: Sequence[PairedFeatures],
    compare_one: CompareOne,
    *,
    out: Path | None,
    resume: bool,
    overwrite: bool,
    progress: ProgressCallback | None,
) -> CorpusComparison:
    """Compare methods on each corpus in turn, rank them over all, and write the report of both.

    Raises:
        InputError: As ``compare_one``, or the folder holds something else.
    """
    from overtone.experiments import CorpusComparison

    started = time.perf_counter()
    _refuse_twice(corpora)
    names = name_corpora([data.provenance.source for data in corpora])
    words = share_embeddings(methods, len(corpora))
    found: dict[str, Comparison] = {}
    with _opened(out, resume=resume, overwrite=overwrite):
        for name, data, own in zip(names, corpora, words):
            folder = None if out is None else out / CORPORA / name
            found[name] = compare_one(own, data, folder, _prefixed(progress, name))
        seconds = round(max(time.perf_counter() - started, sum(one.seconds or 0 for one in found.values())), 3)
        return _publish(CorpusComparison.of(found, seconds=seconds), out)


def _refuse_twice(corpora: Sequence[PairedFeatures]) -> None:
    """Refuse a corpus that is there twice: ranks over corpora would count it twice."""
    seen: dict[str, str] = {}
    for origin in (data.provenance for data in corpora):
        if origin.checksum and origin.checksum in seen:
            what = f"{origin.source}: the same data as {seen[origin.checksum]}"
            raise InputError(what, fix="name each corpus once")
        seen[origin.checksum] = origin.source


def check_corpora_folder(out: str | Path | None, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that cannot be used, before anything is read or trained."""
    if out is not None and is_main_process():
        ResultFolder(Path(out), "compare", _FILES[:1]).check(resume=resume, overwrite=overwrite, names=_FILES)


@contextmanager
def _opened(out: Path | None, *, resume: bool, overwrite: bool) -> Iterator[None]:
    """Be the one who writes into the folder."""
    if out is None or not is_main_process():
        yield
        return
    folder = ResultFolder(out, "compare", _FILES[:1])
    with folder.open(_FILES, resume=resume, overwrite=overwrite):
        if overwrite:
            folder.reset(_FILES)
        yield


def _publish(result: CorpusComparison, out: Path | None) -> CorpusComparison:
    """Write what belongs to all corpora; the result with the report's path."""
    if out is None or not is_main_process():
        return result
    from overtone import report
    from overtone.core.files import write_json, write_text

    result = replace(result, report=out / "report.html")
    if result.ranking is not None:
        write_text(out / "ranks.svg", result.plot().svg)
    write_text(out / "report.html", report.corpora_report(result))
    write_json(out / "comparison.json", result.to_dict())
    return result


def _prefixed(progress: ProgressCallback | None, name: str) -> ProgressCallback | None:
    """Progress with the corpus before what is done."""
    if progress is None:
        return None

    def report(step: Progress) -> object:
        return progress(replace(step, label=f"{name}: {step.label}"))

    return report
