"""The webhook server: a git server announces a push, and the source looks at once instead of at its next interval.

An announcement is believed by its signature only, and only as far as "look again": its content is not read.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from sequence_operator.gitops.tree_server import listen

MAX_BODY = 5 << 20
"""Bytes of an announcement; those of large pushes are refused, and found by the next poll."""


class Hooked(Protocol):
    """A source that takes announcements."""

    @property
    def hook_token(self) -> str | None:
        """What its announcements are signed with; None: unknown or not asked for."""

    def announced(self) -> None:
        """A push was announced."""

    def misannounced(self) -> None:
        """Somebody tried with another token: ours may be out of date."""


class HookServer:
    """POST `/hook/<namespace>/<source>`; ``port`` is the real one after `start` (0 asked for any).

    202 when the announcement is believed, else 403, whether there is such a source or not.
    """

    def __init__(self, find: Callable[[str, str], Hooked | None], host: str, port: int) -> None:
        self._find = find
        self._nobodys = secrets.token_hex(
            32
        )  # compared with where there is no source, so that it takes as long
        self.host, self.port = host, port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be taken."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/hook/{namespace}/{source}", self._take)
        self._runner, self.port = await listen(app, self.host, self.port)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        source = self._find(request.match_info["namespace"], request.match_info["source"])
        token = source.hook_token if source is not None else None
        good = signed(body, request.headers, token or self._nobodys)
        if source is None or token is None or not good:
            if source is not None:
                source.misannounced()
            return web.Response(status=403, text="not announced with the token of a source of this name\n")
        source.announced()
        return web.Response(status=202, text="looking\n")


def signed(body: bytes, headers: Headers, token: str) -> bool:
    """Whether the announcement carries the token (GitLab) or is signed with it (GitHub, Gitea, Forgejo)."""
    wanted = "sha256=" + hmac.new(token.encode(), body, hashlib.sha256).hexdigest()
    signature = headers.get("X-Hub-Signature-256", "")
    by_signature = hmac.compare_digest(signature.encode(errors="replace"), wanted.encode())
    # Of equal length, so that the comparison does not tell how long the token is.
    given = hashlib.sha256(headers.get("X-Gitlab-Token", "").encode(errors="replace")).digest()
    by_token = hmac.compare_digest(given, hashlib.sha256(token.encode()).digest())
    return by_signature or by_token


class Headers(Protocol):
    """Headers of a request."""

    def get(self, key: str, default: str, /) -> str:
        """The value of a header, whatever the case of its name."""
