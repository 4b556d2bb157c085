"""Overtone aligns two modalities into one searchable space and says honestly how good that space is."""

__version__ = "0.1.0"
