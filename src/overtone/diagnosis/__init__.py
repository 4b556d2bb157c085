"""What a loss does to an embedding, and how it spends its gradient; works alone, on any arrays and losses."""

from overtone.diagnosis.greediness import Greediness, WatchReport
from overtone.diagnosis.recommendation import Recommendation, recommend
from overtone.diagnosis.variance import Variance, variance
from overtone.diagnosis.variance_result import VarianceResult
from overtone.diagnosis.verdict import Evidence, Rule, RuleHit, rule, rules, verdict
from overtone.diagnosis.watch import Watch, watch

__all__ = [
    "Evidence",
    "Greediness",
    "Recommendation",
    "Rule",
    "RuleHit",
    "Variance",
    "VarianceResult",
    "Watch",
    "WatchReport",
    "recommend",
    "rule",
    "rules",
    "variance",
    "verdict",
    "watch",
]
