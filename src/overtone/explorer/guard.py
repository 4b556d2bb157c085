"""Who may ask: hosts, origins, a token for other addresses, bounded bodies, and the headers of every answer."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 32 << 20
"""Bytes of a request's body."""
COOKIE = "overtone-token"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Access:
    """Who may ask.

    Attributes:
        port: Of the server.
        token: What a browser must know; None on loopback.
    """

    port: int
    token: str | None = None

    def allows_host(self, host: str) -> bool:
        """Whether a request may name a host: another name than loopback's is how a foreign page reaches in.

        With a token any host may be named: a foreign page does not know the token.
        """
        return self.token is not None or host.lower() in {f"{name}:{self.port}" for name in _LOOPBACK} | set(_LOOPBACK)

    def allows_token(self, given: str) -> bool:
        """Whether a token is the right one."""
        return self.token is None or hmac.compare_digest(given.encode(), self.token.encode())


class Guard:
    """Refuses requests before the application sees them, and sets headers on all answers.

    Args:
        app: The application.
        access: Who may ask.
        policy: The content security policy of the page.
    """

    def __init__(self, app: ASGIApp, access: Access, policy: str) -> None:
        self.app, self.access, self.policy = app, access, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        send = self._with_headers(send)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self.app(scope, _Bounded(receive), send)

    def _refusal(self, scope: Scope) -> Response | None:
        """Why a request is not answered; None if it is."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.access.allows_host(host):
            return PlainTextResponse("This explorer answers to localhost only.\n", 403)
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return PlainTextResponse("Requests from other pages are not answered.\n", 403)
        if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
            return PlainTextResponse("Requests from other pages are not answered.\n", 403)
        if self.access.token is not None and (refusal := self._check_token(scope, headers)) is not None:
            return refusal
        length = headers.get("content-length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > LARGEST_BODY:
            return PlainTextResponse(f"A request may have {LARGEST_BODY >> 20} MB.\n", 413)
        return None

    def _check_token(self, scope: Scope, headers: Headers) -> Response | None:
        known = cookie_parser(headers.get("cookie", "")).get(COOKIE)
        if known is not None and self.access.allows_token(known):
            return None
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if not given or not self.access.allows_token(given):
            return PlainTextResponse("A token is needed: open the address that overtone explore has printed.\n", 401)
        answer = RedirectResponse("/", 303)  # the token is kept out of the address bar and of links
        answer.set_cookie(COOKIE, given, httponly=True, samesite="strict")
        return answer

    def _with_headers(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", self.policy)
                headers.setdefault("cache-control", "no-cache")
                headers["x-content-type-options"] = "nosniff"
                headers["referrer-policy"] = "no-referrer"
                headers["cross-origin-resource-policy"] = "same-origin"
            await send(message)

        return sending


class _Bounded:
    """Receives a body of bounded size, whatever its header says."""

    def __init__(self, receive: Receive) -> None:
        self.receive, self.seen = receive, 0

    async def __call__(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.seen += len(message.get("body", b""))
            if self.seen > LARGEST_BODY:
                raise BodyTooLarge
        return message


class BodyTooLarge(Exception):
    """A body without a length is longer than it may be."""


def policy(script_hashes: Sequence[str] = (), nonce: str | None = None) -> str:
    """The content security policy: nothing from elsewhere, no scripts but the page's own files.

    Args:
        script_hashes: SHA-256 (base64) of scripts that stand in the page itself: its import map.
        nonce: What a style sheet must bear that is made by a script of the page; None: there is none.
    """
    scripts = " ".join(["'self'", *(f"'sha256-{one}'" for one in script_hashes)])
    parts = {
        "default-src": "'none'",
        "script-src": scripts,
        "style-src": "'self'" if nonce is None else f"'self' 'nonce-{nonce}'",
        "img-src": "'self' data: blob:",
        "media-src": "'self' blob:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        # notebooks show it inline: in a browser, and in an editor
        "frame-ancestors": "'self' http://localhost:* http://127.0.0.1:* vscode-webview:",
    }
    return "; ".join(f"{name} {value}" for name, value in parts.items())


SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""The policy of media: a file of others runs nothing, even one that is a document, such as SVG."""
