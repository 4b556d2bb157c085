"""How a function becomes an endpoint of the explorer, and in which forms it may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from numpy.typing import NDArray

from overtone.core import InputError
from overtone.explorer import requests
from overtone.explorer.session import Session

Form = Literal["json", "numbers", "file"]
R = TypeVar("R", bound=requests.Asked)
Json = Mapping[str, Any] | Sequence[Any]


class NotFound(InputError):
    """What was asked for is not there."""


@dataclass(frozen=True)
class Download:
    """A file that the browser saves.

    Attributes:
        name: Its name.
        text: What is in it.
        media_type: Of which type it is.
    """

    name: str
    text: str
    media_type: str


Answer = Json | NDArray[Any] | Path | Download
"""JSON, numbers as they are in memory (little-endian), a file to be streamed, or one to be saved."""


@dataclass(frozen=True)
class Endpoint:
    """One address.

    Attributes:
        path: Its path.
        method: Of HTTP.
        request: The type of its parameters: of the query string, or of a JSON body.
        function: Gives the answer.
        gives: In which form.
        takes: What the body of a POST is: JSON, or a file, whose parameters are then in the query string.
    """

    path: str
    method: Literal["GET", "POST"]
    request: type[requests.Asked]
    function: Callable[[Session, Any], Answer]
    gives: Form
    takes: Literal["json", "file"] = "json"

    @property
    def summary(self) -> str:
        """What it answers, in a sentence."""
        return (self.function.__doc__ or "").partition("\n")[0]


ENDPOINTS: list[Endpoint] = []


def endpoint(
    path: str, method: Literal["GET", "POST"] = "GET", gives: Form = "json", takes: Literal["json", "file"] = "json"
) -> Callable[[Callable[[Session, R], Answer]], Callable[[Session, R], Answer]]:
    """Register a function as an endpoint; its second parameter says what may be asked."""

    def register(function: Callable[[Session, R], Answer]) -> Callable[[Session, R], Answer]:
        request = getattr(requests, function.__annotations__["asked"].rpartition(".")[2])
        ENDPOINTS.append(Endpoint(path, method, request, function, gives, takes))
        return function

    return register
