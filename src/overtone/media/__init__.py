"""Media: images on disk become rows of features; layouts say where the images are, backbones what they look like."""

from overtone.media.backbones import Backbone, TrainedBackbone, backbone_of, backbones
from overtone.media.catalogue import Catalogue
from overtone.media.extracting import extract, record_of
from overtone.media.layouts import Layout, catalogue_of, layouts
from overtone.media.outline import outlined

__all__ = [
    "Backbone",
    "Catalogue",
    "Layout",
    "TrainedBackbone",
    "backbone_of",
    "backbones",
    "catalogue_of",
    "extract",
    "layouts",
    "outlined",
    "record_of",
]
