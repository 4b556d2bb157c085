"""Methods over several corpora: a comparison on each, and mean ranks over all."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from overtone.core.documents import Document
from overtone.core.results import Record, Result, counted
from overtone.evaluation import find_metric
from overtone.evaluation.rank_tests import RankTest, rank_methods
from overtone.experiments.results import Comparison
from overtone.experiments.scores import RANKED_BY
from overtone.plots import Plot, draw_ranks


@dataclass(frozen=True, repr=False)
class CorpusComparison(Document, Result):
    """Methods over several corpora.

    Attributes:
        corpora: Corpus to the comparison on it.
        metric: What methods are ranked by on every corpus.
        ranking: Mean ranks and their test; None where fewer than two methods were trained on all corpora.
        seconds: Time it took.
        report: The report's file, once there is one.
    """

    corpora: dict[str, Comparison]
    metric: str = "map"
    ranking: RankTest | None = None
    seconds: float | None = None
    report: Path | None = None

    @property
    def methods(self) -> list[str]:
        """Methods on all corpora, without controls: the best mean rank first where there are ranks."""
        if self.ranking is not None:
            return list(self.ranking.ranks)
        return _shared(self.corpora)

    @property
    def best(self) -> str | None:
        """The method with the best mean rank."""
        return next(iter(self.methods), None)

    def __getitem__(self, corpus: str) -> Comparison:
        return self.corpora[corpus]

    def mean(self, method: str) -> float:
        """Mean over the corpora of a method's score."""
        values = [one.methods[method].value(self.metric) for one in self.corpora.values()]
        return sum(values) / len(values)

    def headline(self) -> str:
        """Methods, corpora, and the best mean rank."""
        best = "" if self.ranking is None else f"; best mean rank by {self.metric}: {self.best}"
        methods, corpora = counted(len(self.methods), "method"), counted(len(self.corpora), "corpus", "corpora")
        return f"{methods} on {corpora}{best}"

    def iter_records(self) -> Iterator[Record]:
        """The rows of each comparison, with its corpus."""
        for corpus, comparison in self.corpora.items():
            for record in comparison.iter_records():
                yield {"corpus": corpus, **record}

    def shown_records(self) -> Iterator[Record]:
        """A row per method: its score on each corpus, and its mean rank."""
        for method in self.methods:
            scores = {corpus: one.methods[method].value(self.metric) for corpus, one in self.corpora.items()}
            rank = None if self.ranking is None else self.ranking.ranks[method]
            yield {"method": method, **scores, "mean_rank": rank}

    def plot(self) -> Plot:
        """The critical difference diagram: mean ranks, and bars over methods that do not differ significantly."""
        ranking = self.ranking or RankTest(dict.fromkeys(self.methods, 1.0), len(self.corpora), 0.0)
        metric = find_metric(self.metric)
        name = self.metric if metric is None else metric.title
        title = f"Mean ranks by {name} over {len(self.corpora)} corpora"
        return draw_ranks(ranking.ranks, ranking.critical_difference, title=title)

    @classmethod
    def of(cls, corpora: Mapping[str, Comparison], seconds: float | None = None) -> CorpusComparison:
        """The comparisons, ranked by the first metric that all of them have."""
        several = dict(corpora)
        known = [{key for result in one.methods.values() for key in result.scores} for one in several.values()]
        metric = next((key for key in RANKED_BY if all(key in keys for keys in known)), "map")
        scores = {
            method: [one.methods[method].value(metric) for one in several.values()] for method in _shared(several)
        }
        whole = {method: values for method, values in scores.items() if all(map(math.isfinite, values))}
        ranking = rank_methods(whole) if len(whole) > 1 and len(several) > 1 else None
        return cls(several, metric, ranking, seconds=seconds)


def _shared(corpora: Mapping[str, Comparison]) -> list[str]:
    """Methods that every comparison has, without controls, in the order of the first."""
    own = {name for one in corpora.values() for names in one.controls.values() for name in names}
    first = next(iter(corpora.values()), Comparison())
    return [name for name in first.methods if name not in own and all(name in one.methods for one in corpora.values())]
