"""What a loss does to an embedding, and how it spends its gradient; usable alone, on anyone's arrays and losses."""

from overtone.diagnosis.evidence import Evidence
from overtone.diagnosis.recommendation import recommend
from overtone.diagnosis.rule import Hit, Rule, rule, rules
from overtone.diagnosis.series import Greediness
from overtone.diagnosis.variance import Variance, VarianceResult, variance
from overtone.diagnosis.verdict import verdict
from overtone.diagnosis.watch import Watch, watch

__all__ = [
    "Evidence",
    "Greediness",
    "Hit",
    "Rule",
    "Variance",
    "VarianceResult",
    "Watch",
    "recommend",
    "rule",
    "rules",
    "variance",
    "verdict",
    "watch",
]
