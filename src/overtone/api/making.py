"""Verbs that make data: features from images, and corpora whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from overtone.api.reading import log
from overtone.features import Features, PairedFeatures, SimulatorSettings, from_arrays, save_arrays
from overtone.features import simulate as simulated
from overtone.training.distribution import find_device


def extract(
    source: str | Path,
    out: str | Path,
    *,
    device: str = "auto",
    resume: bool = False,
    **options: Any,
) -> Features:
    """Turn images into a file of features with a frozen backbone.

    Args:
        source: A folder of images, a data set as it unpacks, or an npz of images.
        out: File to write; its suffix says the format.
        device: Where the backbone computes; ``"auto"`` is a GPU if there is one.
        resume: Go on with an extraction that was interrupted.
        options: What :func:`overtone.media.extract` takes besides (``backbone``, ``settings``, ``layout``, ``split``,
            ``limit``, ``seed``, ``batch_size``, ``threads``, ``skip_broken``, ``overwrite``, ``progress``).

    Returns:
        What was written: features of one view, ``image``.

    Raises:
        InputError: The source, a name, a setting or the file cannot be used, or an image cannot be decoded.
    """
    from overtone import media

    features = media.extract(source, out, device=str(find_device(device)), resume=resume, **options)
    for note in features.provenance.notes:
        log.info(note)
    return features


def extraction(out: str | Path) -> dict[str, Any]:
    """How the features in a file were made.

    Args:
        out: A file that :func:`extract` wrote.

    Returns:
        Choices, figures and what was left out, ready for JSON.

    Raises:
        InputError: There is no record beside the file.
    """
    from overtone import media

    return media.record_of(out)


def simulate(
    *, out: str | Path | None = None, settings: Mapping[str, Any] | None = None, seed: int = 0
) -> PairedFeatures:
    """Simulate clips whose events and interactions are known in full, of which the annotation tells a part.

    Args:
        out: File for the corpus in the plain layout (npz, h5, parquet or safetensors by suffix); None writes none.
        settings: Setting names to values, of :class:`overtone.features.SimulatorSettings`.
        seed: The same seed gives the same clips.

    Returns:
        The corpus; its ``truth`` holds ``events_audio``, ``events_visual`` and ``interactions``.

    Raises:
        InputError: A setting cannot be used, or the file cannot be written.
    """
    arrays = simulated(SimulatorSettings.build(settings, where="the simulator's settings"), seed)
    if out is not None:
        save_arrays(arrays, out)
    return from_arrays(arrays, source="simulated" if out is None else str(out))
