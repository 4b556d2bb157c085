"""Weakly paired clips with several events, of which the annotation keeps one: the full truth is known."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from overtone.core import InputError, Settings
from overtone.features.arrays import Values
from overtone.features.corpora import corpora
from overtone.features.parsed_table import INTERACTIONS, STRENGTHS
from overtone.features.splitting import check_seed
from overtone.features.truth import to_pairs


class SimulatorSettings(Settings):
    """What is simulated."""

    classes: int = Field(default=15, ge=2)
    """Number of event classes."""
    train_rows: int = Field(default=3000, ge=1)
    """Clips to train on."""
    test_rows: int = Field(default=1000, ge=1)
    """Clips to test on."""
    interactions: int = Field(default=12, ge=0)
    """Planted pairs: a class in one modality makes another class occur in the other modality, or in the same."""
    within: float = Field(default=0.0, ge=0, le=1)
    """Share of the planted pairs whose source and target are in the same modality."""
    direction: Literal["any", "a2v", "v2a"] = "any"
    """From which modality to which the pairs across modalities lead: any, only a2v (audio to visual), or only v2a."""
    mutual: float = Field(default=0.0, ge=0, le=1)
    """Share of the planted pairs whose reverse is planted, too (it comes on top of their number)."""
    probability: float = Field(default=0.6, gt=0, le=1)
    """Strength of an interaction: the chance that it happens where its source is present."""
    spread: float = Field(default=0.0, ge=0, lt=1)
    """Strengths are drawn evenly from probability ± spread, within 0.01 and 1."""
    chains: bool = True
    """Whether an event that an interaction adds triggers further ones; with many interactions nearly all occur then."""
    background: float = Field(default=0.2, ge=0, le=1)
    """Chance of a second, unrelated event in a clip."""
    presence: float = Field(default=0.9, ge=0, le=1)
    """Chance that an event of a clip shows in a modality (it shows in at least one)."""
    audio_presence: float | None = Field(default=None, ge=0, le=1)
    """The same for audio alone; null: as presence."""
    visual_presence: float | None = Field(default=None, ge=0, le=1)
    """The same for visual alone; null: as presence."""
    annotation: Literal["main", "any", "all"] = "main"
    """What the annotation keeps of a clip: its main event, any one of its events, or all of them."""
    missing: float = Field(default=0.0, ge=0, le=1)
    """Share of the training clips that lose their annotation."""
    faint: float = Field(default=1.0, gt=0, le=1)
    """Loudness of the events that the annotation leaves out, as a share of what it would be; 1: as loud as others."""
    noise: float = Field(default=2.0, ge=0)
    """Standard deviation of the noise per feature, where a class's prototype has entries of standard deviation 1."""
    audio_size: int = Field(default=64, ge=1)
    """Audio features per clip."""
    visual_size: int = Field(default=96, ge=1)
    """Visual features per clip."""


def simulate(settings: SimulatorSettings | None = None, seed: int = 0) -> dict[str, Values]:
    """Simulated clips in the plain layout, for :func:`overtone.features.from_arrays`.

    Each clip has a main event and maybe a second one; each shows in one modality or both. Where the source class i
    of a planted interaction shows in its modality, class j comes into the other modality (by setting, into the same)
    with the probability p. A modality's features are Σ_events loudness · prototype + noise, loudness uniform in
    [0.5, 1.5]. The annotation keeps the main event alone, unless it is set otherwise.

    Args:
        settings: What is simulated.
        seed: The same seed gives the same clips.

    Returns:
        ``audio`` (N, da), ``visual`` (N, dv), ``labels`` (N, C) with one class a row (none where it is missing),
        ``split``, ``class_names``, and for judging only ``events_audio``, ``events_visual`` (N, C),
        ``interactions`` (K, 2), the nodes that each leads from and to, and ``interaction_strengths`` (K,), each p.
        Node i < C is class i in audio, node C + i is class i in visual.

    Raises:
        InputError: More interactions are wanted than there are pairs of classes.

    Example:
        >>> arrays = simulate(SimulatorSettings(train_rows=20, test_rows=10, classes=4, interactions=2), seed=1)
        >>> arrays["audio"].shape, arrays["interactions"].shape
        ((30, 64), (2, 2))
    """
    settings = settings or SimulatorSettings()
    generator = np.random.default_rng(check_seed(seed))
    aside = np.random.default_rng([seed, 1])  # for what is off by default: without it nothing else changes
    rows, classes = settings.train_rows + settings.test_rows, settings.classes
    interactions = _plant(settings, generator, aside)
    main = generator.integers(classes, size=rows)
    happening = np.eye(classes, dtype=bool)[main]
    second = generator.integers(classes, size=rows)
    happening |= np.eye(classes, dtype=bool)[second] & (generator.random((rows, 1)) < settings.background)
    shown = show_events(happening, _presence(settings), generator)
    events = _add_interactions(shown, interactions, settings.chains, generator)
    labels = _annotate(settings.annotation, main, events[0] | events[1], aside)
    volume = np.where(labels, 1.0, settings.faint)
    train = np.arange(rows) < settings.train_rows
    labels[train & (generator.random(rows) < settings.missing)] = 0
    sizes = (settings.audio_size, settings.visual_size)
    heard = [present * volume for present in events]
    audio, visual = (make_features(part, size, settings.noise, generator) for part, size in zip(heard, sizes))
    return {
        "audio": audio,
        "visual": visual,
        "labels": labels,
        "class_names": np.array([f"class {index:02d}" for index in range(classes)]),
        "split": np.where(train, "train", "test"),
        "events_audio": events[0].astype(np.float32),
        "events_visual": events[1].astype(np.float32),
        **dict(zip((INTERACTIONS, STRENGTHS), to_pairs(interactions))),
    }


@corpora.register("simulated")
def simulated(seed: int) -> dict[str, Values]:
    """The simulator with its default settings."""
    return simulate(seed=seed)


def _plant(settings: SimulatorSettings, generator: np.random.Generator, aside: np.random.Generator) -> Values:
    """(2C, 2C) strengths of the planted interactions, never from a class to itself."""
    count = settings.classes
    between = ~np.eye(count, dtype=bool)
    nothing = np.zeros_like(between)
    forth, back = (between if settings.direction in ("any", way) else nothing for way in ("a2v", "v2a"))
    inside = round(settings.within * settings.interactions)
    drawn = [
        _draw(np.block([[nothing, forth], [back, nothing]]), settings.interactions - inside, "across", generator),
        _draw(np.block([[between, nothing], [nothing, between]]), inside, "within", aside),
    ]
    chosen = np.zeros((2 * count, 2 * count), dtype=bool)
    chosen.flat[np.concatenate(drawn)] = True
    chosen |= (chosen & (aside.random(chosen.shape) < settings.mutual)).T
    strengths = settings.probability + settings.spread * aside.uniform(-1.0, 1.0, chosen.shape)
    return np.where(chosen, strengths.clip(0.01, 1.0), 0.0)


def _draw(possible: Values, wanted: int, where: str, generator: np.random.Generator) -> Values:
    """Flat indices of ``wanted`` entries, drawn from the true entries of a matrix."""
    places = np.flatnonzero(possible)
    if wanted > len(places):
        what = f"{len(possible) // 2} classes have only {len(places)} possible interactions {where} modalities"
        raise InputError(what, got=wanted, fix="plant fewer")
    return generator.choice(places, wanted, replace=False) if wanted else places[:0]


def _presence(settings: SimulatorSettings) -> tuple[float, float]:
    """Chances that an event shows in audio and in visual."""
    own = settings.audio_presence, settings.visual_presence
    audio, visual = (settings.presence if chance is None else chance for chance in own)
    return audio, visual


def show_events(
    happening: Values, presence: tuple[float, float], generator: np.random.Generator
) -> tuple[Values, Values]:
    """Where each event shows; one that would show nowhere shows in one modality at random."""
    in_audio, in_visual = generator.random((2, *happening.shape)) < np.reshape(presence, (2, 1, 1))
    coin = generator.random(happening.shape) < 0.5
    nowhere = ~in_audio & ~in_visual
    return happening & (in_audio | (nowhere & coin)), happening & (in_visual | (nowhere & ~coin))


def _annotate(kept: str, main: Values, happens: Values, generator: np.random.Generator) -> Values:
    """(N, C) labels of clips whose events are known."""
    if kept == "all":
        return happens.astype(np.uint8)
    if kept == "any":
        main = np.where(happens, generator.random(happens.shape), -1.0).argmax(axis=1)
    return np.eye(happens.shape[1], dtype=np.uint8)[main]


def _add_interactions(
    shows: tuple[Values, Values], interactions: Values, chains: bool, generator: np.random.Generator
) -> tuple[Values, Values]:
    """All events in each modality: the given ones, and those that interactions add, directly or in a chain."""
    present = np.concatenate(shows, axis=1)
    links = len(interactions) if chains else 1
    sources, targets = np.nonzero(interactions)
    works = generator.random((len(present), len(sources))) < interactions[sources, targets]
    becomes = np.eye(len(interactions), dtype=np.float32)[targets]
    for _ in range(links):
        added = present | ((present[:, sources] & works).astype(np.float32) @ becomes > 0)
        if (added == present).all():
            break
        present = added
    audio, visual = np.split(present, 2, axis=1)
    return audio, visual


def make_features(events: Values, size: int, noise: float, generator: np.random.Generator) -> Values:
    """(N, size) float32: prototypes of the events present, each with its volume and strength, and noise."""
    prototypes = generator.standard_normal((events.shape[1], size))
    strength = generator.uniform(0.5, 1.5, events.shape)
    features: Values = (events * strength) @ prototypes
    features += noise * generator.standard_normal(features.shape)
    return features.astype(np.float32)
