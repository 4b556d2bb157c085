"""One file per metric; each files itself in :data:`overtone.evaluation.metric.metrics`."""
