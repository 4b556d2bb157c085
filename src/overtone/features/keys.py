"""Keys of the plain layout: what the arrays of a source are called."""

from __future__ import annotations

from overtone.features.base import EVENTS
from overtone.features.parsed_table import INTERACTIONS, STRENGTHS

LABELS = (
    *("labels", "y", "lab", "label", "Y", "gt", "gnd", "targets", "target", "labs", "category", "categories"),
    *("class", "class_id", "class_label", "cls", "ground_truth", "groundtruth", "label_id", "Label", "Labels"),
)
LENGTHS = ("_length", "_lengths", "_len", "_lens")
"""Ends of the key that holds the number of steps of each sequence of a modality."""
IDS = ("ids", "id", "video_id", "clip_id", "clip_ids", "video_ids")
GROUPS = "groups"
MEDIA = "media_"
PRESENT = "present_"
META = "meta_"
"""Beginning of the key of a column of metadata."""
OWN_IDS = "ids_"
ROLES = {*LABELS, *IDS, "split", "is_test", "class_names", "modalities", GROUPS, INTERACTIONS, STRENGTHS}
PREFIXES = (EVENTS, MEDIA, PRESENT, META, OWN_IDS)
