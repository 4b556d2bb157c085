"""What a loss does to an embedding, and how it spends its gradient; usable alone, on anyone's arrays and losses."""

from overtone.diagnosis.series import Greediness
from overtone.diagnosis.variance import Variance, VarianceResult, variance
from overtone.diagnosis.watch import Watch, watch

__all__ = ["Greediness", "Variance", "VarianceResult", "Watch", "variance", "watch"]
