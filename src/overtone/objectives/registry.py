"""The registry of loss terms: what a method adds up."""

from __future__ import annotations

from torch import nn

from overtone.core import Registry

objectives: Registry[type[nn.Module]] = Registry("objective", "overtone.objectives")
"""All loss terms by name; each is a small module around a pure function of the same file."""
