"""Media: images on disk become rows of features. Layouts find the images, backbones describe them."""

from overtone.media.backbones import Backbone, TrainedBackbone, backbones, make_backbone
from overtone.media.catalogue import Catalogue
from overtone.media.extracting import extract, read_record
from overtone.media.layouts import Layout, layouts, read_catalogue
from overtone.media.outline import outline_features

__all__ = [
    "Backbone",
    "Catalogue",
    "Layout",
    "TrainedBackbone",
    "backbones",
    "extract",
    "layouts",
    "make_backbone",
    "outline_features",
    "read_catalogue",
    "read_record",
]
