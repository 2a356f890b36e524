"""Fetching an artifact by url, without becoming somebody's way into the network the operator lives in."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import MAX_WASM_BYTES
from sequence_operator.spec.addresses import Network, refusal

_MAX_REDIRECTS = 5


def _refused(sentence: str) -> ArtifactError:
    return ArtifactError(
        "AddressRefused",
        sentence,
        "serve the file from another address, or start the operator with --allow-address for this one",
    )


class _GuardedResolver(AbstractResolver):
    """Resolves names and drops what must not be contacted; the connection goes to exactly what it returns."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._allowed = allowed

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        reasons = [refusal(host, result["host"], self._allowed) for result in found]
        good = [result for result, reason in zip(found, reasons, strict=True) if reason is None]
        if not good:
            raise _refused(next(reason for reason in reasons if reason))
        return good

    async def close(self) -> None:
        await self._inner.close()


class Downloader:
    """Fetches at most 1 MiB from https addresses (http only where loopback is allowed)."""

    def __init__(self, allowed: Sequence[Network], *, timeout: float = 30.0) -> None:
        self._allowed = allowed
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=10)

    async def fetch(self, url: str) -> bytes:
        """The bytes at ``url``.

        Raises ArtifactError: AddressRefused, TooLarge and DownloadRefused can never get better by themselves,
        DownloadFailed can.
        """
        connector = aiohttp.TCPConnector(resolver=_GuardedResolver(self._allowed), limit=4)
        async with aiohttp.ClientSession(connector=connector, timeout=self._timeout) as session:
            try:
                return await self._follow(session, url)
            except (aiohttp.ClientError, TimeoutError, OSError) as problem:
                raise ArtifactError(
                    "DownloadFailed",
                    f"{url} could not be fetched: {str(problem) or type(problem).__name__}",
                    "check the address from inside the cluster; it is tried again",
                ) from problem

    async def _follow(self, session: aiohttp.ClientSession, url: str) -> bytes:
        for _ in range(_MAX_REDIRECTS + 1):
            self._check(url)
            async with session.get(url, allow_redirects=False) as response:
                if response.status in (301, 302, 303, 307, 308) and "Location" in response.headers:
                    url = urljoin(url, response.headers["Location"])
                    continue
                return await self._body(url, response)
        raise ArtifactError("DownloadRefused", f"{url}: too many redirects", "name the final address")

    def _check(self, url: str) -> None:
        """Scheme and literal addresses; names are checked when they are resolved."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("https", "http") or not host:
            raise ArtifactError("DownloadRefused", f"{url} is not an https address", "use https")
        try:
            reason = refusal(host, host, self._allowed)
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:  # a name
            reason, loopback = None, host == "localhost"
        if reason is not None:
            raise _refused(reason)
        if parts.scheme == "http" and not loopback:
            raise ArtifactError("DownloadRefused", f"{url}: http is for loopback only", "use https")

    async def _body(self, url: str, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            again = response.status >= 500 or response.status in (404, 408, 429)
            raise ArtifactError(
                "DownloadFailed" if again else "DownloadRefused",
                f"{url} answered {response.status}",
                "check the address; private files need a ConfigMap: `sequence deploy` makes one",
            )
        body = bytearray()
        async for chunk in response.content.iter_chunked(65536):
            body += chunk
            if len(body) > MAX_WASM_BYTES:
                raise ArtifactError(
                    "TooLarge",
                    f"{url} has more than {MAX_WASM_BYTES:,} bytes",
                    "build in release mode, with the profile that `sequence init` writes: `sequence build`",
                )
        return bytes(body)


def is_final(problem: ArtifactError) -> bool:
    """Whether trying again cannot help as long as the spec stays as it is."""
    return problem.reason not in (
        "DownloadFailed",
        "InspectionTimeout",
        "InspectionFailed",
        "ArtifactMissing",
    )
