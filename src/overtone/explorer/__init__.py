"""The explorer: a page on loopback that shows both modalities, answers questions, and plays what clips hold."""

from overtone.explorer.server import Explorer
from overtone.explorer.session import Session, open_session

__all__ = ["Explorer", "Session", "open_session"]
