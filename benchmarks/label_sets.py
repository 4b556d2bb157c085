"""Real label sets with simulated features: which events come together is real, what they look like is drawn.

``llp``       25 classes: LLP's 10,000 clips with labels of the whole clip to train on, and the 1,857 whose events are
              known for each modality to test on.
``audioset``  The 100 most frequent classes: AudioSet's balanced training clips, and 4,000 of its evaluation clips.

With ``-one`` a clip keeps one of its labels, drawn at random, and the others are events that nobody annotated; without
it all are kept, so there is nothing to gain and only harm to be done.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from overtone.features.corpora.simulated import make_features, show_events

Array = np.ndarray[Any, Any]
LABEL_SETS = ("llp", "llp-one", "audioset", "audioset-one")
SIZES, NOISE, PRESENCE = (64, 96), 2.0, (0.9, 0.9)
CLASSES, TESTED = 100, 4000


def label_set(name: str, folder: Path, seed: int) -> dict[str, Array]:
    """Arrays in the plain layout, with the true events for judging.

    Args:
        name: One of ``LABEL_SETS``.
        folder: Where the label files are.
        seed: Of the features, of what is annotated, and of where events show when that is not known.
    """
    source, _, kept = name.partition("-")
    generator = np.random.default_rng(seed)
    events, train, classes = (read_llp if source == "llp" else read_audioset)(folder, generator)
    happens = events[0] | events[1]
    annotated = happens
    if kept == "one":
        main = np.where(happens, generator.random(happens.shape), -1.0).argmax(axis=1)
        annotated = np.eye(len(classes), dtype=bool)[main] & happens
    audio, visual = (make_features(part, size, NOISE, generator) for part, size in zip(events, SIZES))
    return {
        "audio": audio,
        "visual": visual,
        "labels": annotated.astype(np.uint8),
        "class_names": np.array(classes),
        "split": np.where(train, "train", "test"),
        "events_audio": events[0].astype(np.float32),
        "events_visual": events[1].astype(np.float32),
    }


def read_llp(folder: Path, generator: np.random.Generator) -> tuple[tuple[Array, Array], Array, list[str]]:
    """Events per modality, which clips are to train on, and the classes."""
    heard, seen = (read_pairs(folder / f"AVVP_eval_{one}.csv") for one in ("audio", "visual"))
    tested = sorted({clip for clip, _ in heard | seen})
    given = {pair for pair in read_pairs(folder / "AVVP_dataset_full.csv") if pair[0] not in set(tested)}
    clips = sorted({clip for clip, _ in given})
    classes = sorted({name for _, name in heard | seen | given})
    shown = show_events(indicators(given, clips, classes), PRESENCE, generator)
    known = (indicators(pairs, tested, classes) for pairs in (heard, seen))
    audio, visual = (np.concatenate(parts) for parts in zip(shown, known))
    return (audio, visual), np.arange(len(audio)) < len(clips), classes


def read_audioset(folder: Path, generator: np.random.Generator) -> tuple[tuple[Array, Array], Array, list[str]]:
    """Events per modality, which clips are to train on, and the classes; clips with none of these are left out."""
    with np.load(folder / "audioset_multihot.npz", allow_pickle=False) as stored:
        count, names = int(stored["n_classes"]), stored["names"]
        parts = [np.unpackbits(stored[part], axis=1)[:, :count] for part in ("balanced_train", "eval")]
    kept = np.sort(np.argsort(-parts[0].sum(0), kind="stable")[:CLASSES])
    train, test = (part[:, kept].astype(bool) for part in parts)
    train, test = train[train.any(1)], test[test.any(1)][:TESTED]
    shown = show_events(np.concatenate([train, test]), PRESENCE, generator)
    return shown, np.arange(len(shown[0])) < len(train), [str(names[at]) for at in kept]


def read_pairs(path: Path) -> set[tuple[str, str]]:
    """Clips and their classes, from rows with one class or several between commas."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {(row["filename"], name) for row in rows for name in row["event_labels"].split(",")}


def indicators(pairs: set[tuple[str, str]], clips: list[str], classes: list[str]) -> Array:
    """(clips, classes) bool."""
    made = np.zeros((len(clips), len(classes)), dtype=bool)
    numbers, columns = ({name: at for at, name in enumerate(names)} for names in (clips, classes))
    for clip, name in pairs:
        made[numbers[clip], columns[name]] = True
    return made
