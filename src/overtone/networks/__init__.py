"""Floor 1: encoders and decoders, masks, the averaging teacher, the canonical projection."""

from overtone.networks.canonical import CanonicalProjection, class_sums
from overtone.networks.dropout import Dropout
from overtone.networks.encoder import Activation, Decoder, Encoder, GlobalBatchNorm
from overtone.networks.masking import MaskValue, bernoulli_mask
from overtone.networks.teacher import Teacher, ramp

__all__ = [
    "Activation",
    "CanonicalProjection",
    "Decoder",
    "Dropout",
    "Encoder",
    "GlobalBatchNorm",
    "MaskValue",
    "Teacher",
    "bernoulli_mask",
    "class_sums",
    "ramp",
]
