"""What worker processes say to the one that started them: JSON and tensors, through a pipe."""

from __future__ import annotations

import importlib
import json
import logging
import threading
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from overtone.core.files import json_text, plain_tensors
from overtone.core.progress import Progress

if TYPE_CHECKING:  # importing torch takes seconds
    from torch import Tensor


@dataclass(frozen=True)
class Message:
    """One of: progress; a record of the log; the result of a unit; the error that ended it."""

    progress: Progress | None = None
    record: logging.LogRecord | None = None
    tensors: dict[str, Tensor] | None = None
    values: dict[str, Any] = field(default_factory=dict)
    error: BaseException | None = None


class Messenger:
    """Sends messages from a worker; what the worker logs goes the same way."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.lock = connection, threading.Lock()
        log = logging.getLogger("overtone")
        log.handlers, log.propagate = [_Forward(self)], False

    def progress(self, progress: Progress) -> None:
        """Report progress."""
        self._send({"progress": asdict(progress)})

    def record(self, record: logging.LogRecord) -> None:
        """Hand on what was logged."""
        self._send({"record": {"name": record.name, "levelno": record.levelno, "msg": record.getMessage()}})

    def result(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Deliver a unit; the values come out as they would of a file of JSON."""
        from safetensors.torch import save

        self._send({"order": list(tensors), "values": json_text(values)}, save(plain_tensors(tensors)))

    def error(self, error: BaseException) -> None:
        """Say what ended a unit."""
        told: dict[str, Any] = {"module": type(error).__module__, "name": type(error).__qualname__, "text": str(error)}
        if isinstance(error, OSError):
            told["system"] = [error.errno, error.strerror, None if error.filename is None else str(error.filename)]
        self._send({"error": {**told, "trace": "".join(traceback.format_exception(error))}})

    def _send(self, header: Mapping[str, Any], *parts: bytes) -> None:
        with self.lock:
            self.connection.send_bytes(json.dumps(header, default=float).encode())
            for part in parts:
                self.connection.send_bytes(part)


class _Forward(logging.Handler):
    def __init__(self, messenger: Messenger) -> None:
        super().__init__()
        self.messenger = messenger

    def emit(self, record: logging.LogRecord) -> None:
        self.messenger.record(record)


def read_message(connection: Connection) -> Message:
    """The next message of a worker.

    Raises:
        EOFError, OSError: The worker has ended.
    """
    header = json.loads(connection.recv_bytes())
    if "progress" in header:
        return Message(progress=Progress(**header["progress"]))
    if "record" in header:
        return Message(record=logging.makeLogRecord(header["record"]))
    if "error" in header:
        return Message(error=_rebuild(**header["error"]))
    from safetensors.torch import load

    tensors = load(connection.recv_bytes())
    return Message(tensors={name: tensors[name] for name in header["order"]}, values=json.loads(header["values"]))


class _Trace(Exception):
    """Where in the worker an error was raised."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _rebuild(
    module: str, name: str, text: str, trace: str, system: tuple[int, str, str | None] | None = None
) -> BaseException:
    """The error of a worker, of the same type where that can be made of its message alone."""
    kind = getattr(importlib.import_module(module), name, None)
    error: BaseException
    if system is not None:
        error = OSError(*system)
    elif kind is not None and kind.__str__ is BaseException.__str__:
        error = kind.__new__(kind)
        error.args = (text,)
    else:
        error = RuntimeError(f"{name}: {text}")
    error.__cause__ = _Trace(trace)
    return error
