"""Heads on frozen features, one per loss and seed, under one budget: the experiment behind ``overtone diagnose``."""
