"""The explorer's server: a thread that answers on one address until it is closed."""

from __future__ import annotations

import atexit
import secrets
import socket
import threading
import time
from contextlib import ExitStack
from html import escape
from types import TracebackType
from typing import TYPE_CHECKING

from overtone.core import InputError
from overtone.explorer.session import Session

if TYPE_CHECKING:
    import uvicorn

PORT = 8765
"""The port that is tried first."""
_START_SECONDS, _STOP_SECONDS = 10.0, 5.0


class Explorer:
    """A page that shows a session, served until it is closed. In a notebook it shows itself.

    Args:
        session: What is shown.
        host: The address to listen on; another one than loopback needs a token, which the printed address has.
        port: The port; None for 8765, or if that is in use any free one.

    Attributes:
        closing: What ends with the server, such as stores.

    Raises:
        InputError: The address cannot be listened on, or what the server needs is not installed.
    """

    def __init__(self, session: Session, host: str = "127.0.0.1", port: int | None = None) -> None:
        try:
            import uvicorn

            from overtone.explorer.app import make_app
            from overtone.explorer.guard import Access
        except ImportError as error:
            raise InputError(f"the explorer needs {error.name}", fix="pip install 'overtone[web]'") from None
        self.session, self.host = session, host
        self._socket = _listen(host, port)
        self.port: int = self._socket.getsockname()[1]
        self.token = None if is_loopback(host) else secrets.token_urlsafe(24)
        self.closing = ExitStack()
        app = make_app(session, Access(self.port, self.token))
        config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)
        self._thread.start()
        _await_start(self._server)
        atexit.register(self.close)

    @property
    def url(self) -> str:
        """The address to open, with the token if one is needed."""
        name = "localhost" if self.host in ("127.0.0.1", "localhost") else self.host
        if name in ("0.0.0.0", "::"):
            name = socket.gethostname()
        name = f"[{name}]" if ":" in name else name
        return f"http://{name}:{self.port}/" + ("" if self.token is None else f"?token={self.token}")

    def wait(self) -> None:
        """Return when the server is closed."""
        while self._thread.is_alive():
            self._thread.join(0.5)

    def close(self) -> None:
        """Stop the server; nothing if it is stopped already."""
        atexit.unregister(self.close)
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        self._server.force_exit = True  # a client that reads a long answer slowly is not waited for
        self._thread.join(_STOP_SECONDS)
        self._socket.close()
        self.closing.close()

    def __enter__(self) -> Explorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _repr_html_(self) -> str:
        url = escape(self.url, quote=True)
        frame = f'<iframe src="{url}" width="100%" height="720" style="border:0" title="Overtone explorer"></iframe>'
        return f'{frame}<p><a href="{url}" target="_blank" rel="noopener">Open in a tab of its own</a></p>'

    def __repr__(self) -> str:
        return f"Explorer({self.url})"


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    return host in ("127.0.0.1", "localhost", "::1")


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens; on the usual port, or a free one where no port is asked for."""
    for chosen in [PORT, 0] if port is None else [port]:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, chosen))
        except (OSError, OverflowError) as error:
            listening.close()
            if port is not None or chosen == 0:
                reason = getattr(error, "strerror", None) or error
                what = f"{host}:{chosen}: cannot be listened on ({reason})"
                raise InputError(what, fix="choose another --port or --host") from None
        else:
            return listening
    raise AssertionError("a free port is always tried last")


def _await_start(server: uvicorn.Server) -> None:
    end = time.monotonic() + _START_SECONDS
    while not server.started and time.monotonic() < end:
        time.sleep(0.01)
