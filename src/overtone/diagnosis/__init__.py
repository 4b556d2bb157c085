"""What a loss does to an embedding, and how it spends its gradient; usable alone, on anyone's arrays and losses."""

from overtone.diagnosis.variance import Variance, VarianceResult, variance

__all__ = ["Variance", "VarianceResult", "variance"]
