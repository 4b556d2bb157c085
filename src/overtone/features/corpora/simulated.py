"""Weakly paired clips with several events, of which the annotation keeps one: the full truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from overtone.core import InputError, Settings
from overtone.features.corpora import corpora
from overtone.features.splitting import valid_seed

Values = np.ndarray[Any, Any]


class SimulatorSettings(Settings):
    """What is simulated."""

    classes: int = Field(default=15, ge=2)
    """Number of event classes."""
    train_rows: int = Field(default=3000, ge=1)
    """Clips to train on."""
    test_rows: int = Field(default=1000, ge=1)
    """Clips to test on."""
    interactions: int = Field(default=12, ge=0)
    """Planted pairs: a class in one modality brings another class into the other modality."""
    probability: float = Field(default=0.6, gt=0, le=1)
    """Chance that a planted interaction happens where its source is present."""
    background: float = Field(default=0.2, ge=0, le=1)
    """Chance of a second, unrelated event in a clip."""
    presence: float = Field(default=0.9, ge=0, le=1)
    """Chance that an event of a clip shows in a modality (it shows in at least one)."""
    missing: float = Field(default=0.0, ge=0, le=1)
    """Share of the training clips that lose their annotation."""
    noise: float = Field(default=2.0, ge=0)
    """Standard deviation of the noise per feature, where a class's prototype has entries of standard deviation 1."""
    audio_size: int = Field(default=64, ge=1)
    """Audio features per clip."""
    visual_size: int = Field(default=96, ge=1)
    """Visual features per clip."""


def simulate(settings: SimulatorSettings | None = None, seed: int = 0) -> dict[str, Any]:
    """Simulated clips in the plain layout, for :func:`overtone.features.from_arrays`.

    Each clip has a main event and maybe a second one; each shows in one modality or both. Where the source class i
    of a planted interaction shows in its modality, class j comes into the other modality with the probability p.
    A modality's features are Σ_events strength · prototype + noise, strength uniform in [0.5, 1.5]. The annotation is
    the main event alone.

    Args:
        settings: What is simulated.
        seed: The same seed gives the same clips.

    Returns:
        ``audio`` (N, da), ``visual`` (N, dv), ``labels`` (N, C) with one class a row (none where it is missing),
        ``split``, ``class_names``, and for judging only ``events_audio``, ``events_visual`` (N, C) and
        ``interactions`` (2C, 2C): entry [i, C + j] is p if class i in audio brings class j into visual, [C + i, j]
        the reverse.

    Raises:
        InputError: More interactions are wanted than there are pairs of classes.

    Example:
        >>> arrays = simulate(SimulatorSettings(train_rows=20, test_rows=10, classes=4, interactions=2), seed=1)
        >>> arrays["audio"].shape, int((arrays["interactions"] > 0).sum())
        ((30, 64), 2)
    """
    settings = settings or SimulatorSettings()
    generator = np.random.default_rng(valid_seed(seed))
    rows, classes = settings.train_rows + settings.test_rows, settings.classes
    interactions = _planted(settings, generator)
    main = generator.integers(classes, size=rows)
    happening = np.eye(classes, dtype=bool)[main]
    second = generator.integers(classes, size=rows)
    happening |= np.eye(classes, dtype=bool)[second] & (generator.random((rows, 1)) < settings.background)
    events = _with_interactions(_shown(happening, settings.presence, generator), interactions, generator)
    labels = np.eye(classes, dtype=np.uint8)[main]
    train = np.arange(rows) < settings.train_rows
    labels[train & (generator.random(rows) < settings.missing)] = 0
    sizes = (settings.audio_size, settings.visual_size)
    audio, visual = (_features(present, size, settings.noise, generator) for present, size in zip(events, sizes))
    return {
        "audio": audio,
        "visual": visual,
        "labels": labels,
        "class_names": [f"class {index:02d}" for index in range(classes)],
        "split": np.where(train, "train", "test"),
        "events_audio": events[0].astype(np.float32),
        "events_visual": events[1].astype(np.float32),
        "interactions": interactions.astype(np.float32),
    }


@corpora.register("simulated")
def simulated(seed: int) -> Mapping[str, Any]:
    """The simulator with its default settings."""
    return simulate(seed=seed)


def _planted(settings: SimulatorSettings, generator: np.random.Generator) -> Values:
    """(2C, 2C) probabilities of the planted interactions, always from one modality to the other, never i to i."""
    count = settings.classes
    between = ~np.eye(count, dtype=bool)
    nothing = np.zeros_like(between)
    possible = np.flatnonzero(np.block([[nothing, between], [between, nothing]]))
    if settings.interactions > len(possible):
        raise InputError(
            f"{count} classes have only {len(possible)} possible interactions",
            got=settings.interactions,
            fix="plant fewer",
        )
    planted = np.zeros((2 * count, 2 * count))
    planted.flat[generator.choice(possible, settings.interactions, replace=False)] = settings.probability
    return planted


def _shown(happening: Values, presence: float, generator: np.random.Generator) -> tuple[Values, Values]:
    """Where each event shows; one that would show nowhere shows in one modality at random."""
    heard, seen = generator.random((2, *happening.shape)) < presence
    coin = generator.random(happening.shape) < 0.5
    nowhere = ~heard & ~seen
    return happening & (heard | (nowhere & coin)), happening & (seen | (nowhere & ~coin))


def _with_interactions(
    shows: tuple[Values, Values], interactions: Values, generator: np.random.Generator
) -> tuple[Values, Values]:
    """All events in each modality: those that happened and those that interactions brought, directly or in a chain."""
    present = np.concatenate(shows, axis=1)
    sources, targets = np.nonzero(interactions)
    works = generator.random((len(present), len(sources))) < interactions[sources, targets]
    becomes = np.eye(len(interactions), dtype=np.float32)[targets]
    while True:
        brought = present | ((present[:, sources] & works).astype(np.float32) @ becomes > 0)
        if (brought == present).all():
            audio, visual = np.split(present, 2, axis=1)
            return audio, visual
        present = brought


def _features(events: Values, size: int, noise: float, generator: np.random.Generator) -> Values:
    """(N, size) float32: prototypes of the events present, each with its strength, and noise."""
    prototypes = generator.standard_normal((events.shape[1], size))
    strength = generator.uniform(0.5, 1.5, events.shape)
    features: Values = (events * strength) @ prototypes
    features += noise * generator.standard_normal(features.shape)
    return features.astype(np.float32)
