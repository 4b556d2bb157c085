"""Media: videos, sounds, images and texts on disk become rows of features.

Layouts find the clips, decoding reads them, backbones describe them.
"""

from overtone.media.backbones import Backbone, backbones, make_backbone
from overtone.media.catalogue import Catalogue
from overtone.media.extracting import extract, read_record
from overtone.media.layouts import Layout, layouts, read_catalogue
from overtone.media.outline import outline_features

__all__ = [
    "Backbone",
    "Catalogue",
    "Layout",
    "backbones",
    "extract",
    "layouts",
    "make_backbone",
    "outline_features",
    "read_catalogue",
    "read_record",
]
