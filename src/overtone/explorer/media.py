"""Media of clips: only files inside the declared folders, only kinds that a browser shows."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from overtone.core.documents import Document

MediaKind = Literal["image", "audio", "video", "text"]
_KINDS: tuple[MediaKind, ...] = ("image", "audio", "video")
_TEXT = frozenset({"text/plain", "text/csv", "application/json"})


@dataclass(frozen=True)
class Medium(Document):
    """The medium of one modality of a clip.

    Attributes:
        modality: Of which modality.
        name: Name of the file.
        kind: How a browser shows it; None for a file that it cannot show.
        found: Whether the file is there, in a declared folder.
    """

    modality: str
    name: str
    kind: MediaKind | None
    found: bool


@dataclass(frozen=True)
class MediaRoots:
    """Folders whose files may be read.

    Attributes:
        folders: The folders; without any, no medium is read.
    """

    folders: tuple[Path, ...] = ()

    def find(self, path: str) -> Path | None:
        """The file of a path as it was stored: absolute, or relative to one of the folders; None if it is not there.

        Links and ``..`` are resolved first: what lies outside of the folders is not there.
        """
        for folder in self.folders:
            root = folder.resolve()
            try:
                place = (root / path).resolve()
                inside = place.is_relative_to(root) and place.is_file()
            except (OSError, ValueError, RuntimeError):  # a name with a null byte, too long, or a circle of links
                continue
            if inside:
                return place
        return None

    def describe(self, modality: str, path: str) -> Medium:
        """What is known of a medium."""
        return Medium(modality, Path(path).name, media_kind(path), self.find(path) is not None)


def media_type(path: str | Path) -> str | None:
    """The media type of a file that a browser may be given, by its suffix; None for all others."""
    found, encoding = mimetypes.guess_type(str(path))
    if found is None or encoding is not None or media_kind(path) is None:
        return None
    return "text/plain" if media_kind(path) == "text" else found


def media_kind(path: str | Path) -> MediaKind | None:
    """Whether a file is an image, a sound, a video or a text, by its suffix.

    Example:
        >>> media_kind("a.png"), media_kind("a.wav"), media_kind("a.html")
        ('image', 'audio', None)
    """
    found, _ = mimetypes.guess_type(str(path))
    if found in _TEXT:
        return "text"
    for kind in _KINDS:
        if str(found).startswith(f"{kind}/"):
            return kind
    return None
