"""Addresses of repositories: which are taken, and to which IP address a connection goes."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from sequence_operator.gitops.errors import GitError
from sequence_operator.spec.addresses import Network, refusal

Scheme = Literal["https", "http", "ssh"]

_SCP = re.compile(
    r"(?P<user>[A-Za-z0-9_][A-Za-z0-9._-]*)@(?P<host>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<path>[^/-].*)\Z"
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\Z|[0-9A-Fa-f:.]+\Z")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\Z")
_PORTS = {"https": 443, "http": 80, "ssh": 22}
_HINT = "write https://host/path, ssh://user@host/path or user@host:path, without credentials"


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository's address, taken apart. url: as git gets it."""

    url: str
    scheme: Scheme
    host: str
    port: int
    user: str = ""

    @property
    def origin(self) -> str:
        """`https://host:port/`, to which credentials are bound."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}/"


def parse_url(url: str) -> Remote:
    """Raises GitError (UrlRefused) for what is neither https, ssh nor http, or carries credentials."""
    if not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url) or url.startswith("-"):
        raise _refused(url, "has characters that no address of a repository needs")
    if found := _SCP.match(url):
        return Remote(url, "ssh", found["host"], 22, found["user"])
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused(url, "is no address of a repository") from None
    if parts.scheme not in ("https", "http", "ssh") or not _HOST.match(host) or parts.path in ("", "/"):
        raise _refused(url, "is no address of a repository over https or ssh")
    if parts.password is not None or (parts.scheme != "ssh" and parts.username is not None):
        raise GitError(
            "UrlRefused",
            "spec.url carries credentials",
            "keep them in the Secret that spec.secretRef names",
            final=True,
        )
    if parts.username is not None and not _USER.match(parts.username):
        raise _refused(url, "has a user name that ssh could take for something else")
    if parts.query or parts.fragment or parts.path.startswith("/-"):
        raise _refused(url, "has more than a path behind its host")
    scheme: Scheme = "https" if parts.scheme == "https" else "http" if parts.scheme == "http" else "ssh"
    return Remote(url, scheme, host, port or _PORTS[scheme], parts.username or "")


@dataclass(frozen=True, slots=True)
class Way:
    """How a remote is reached: by one of these addresses, which were checked, or by a proxy, which resolves itself."""

    addresses: tuple[str, ...]
    proxy: str = ""


def way_to(remote: Remote, allowed: Sequence[Network]) -> Way:
    """Resolve and check. Raises GitError: AddressRefused, UrlRefused, or FetchFailed when the name means nothing.

    The environment's proxies (HTTPS_PROXY, HTTP_PROXY, NO_PROXY, ALL_PROXY) count for https and http.
    """
    proxy = _proxy(remote)
    addresses = _resolved(remote, needed=not proxy)
    reasons = [refusal(remote.host, address, allowed) for address in addresses]
    good = [address for address, reason in zip(addresses, reasons, strict=True) if reason is None]
    if addresses and not good:
        raise GitError(
            "AddressRefused",
            next(reason for reason in reasons if reason),
            "serve the repository from another address, or start the operator with --allow-address for this one",
            final=True,
        )
    if remote.scheme == "http" and not (good and all(ipaddress.ip_address(a).is_loopback for a in good)):
        raise GitError("UrlRefused", f"{remote.url}: http is for loopback only", "use https", final=True)
    return Way((), proxy) if proxy else Way(tuple(good))


def _proxy(remote: Remote) -> str:
    """The proxy for this remote, "" for none. Decided here only, so that curl cannot decide otherwise."""
    if remote.scheme == "ssh" or proxy_bypass(remote.host):
        return ""
    proxies = getproxies_environment()
    if "REQUEST_METHOD" in os.environ:  # as curl and urllib do: a CGI's header would be taken for a proxy
        proxies.pop("http", None)
    return proxies.get(remote.scheme) or proxies.get("all") or ""


def _resolved(remote: Remote, *, needed: bool) -> list[str]:
    try:
        found = socket.getaddrinfo(remote.host, remote.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        if not needed:
            return []  # the proxy knows names that we do not
        said = getattr(problem, "strerror", None) or str(problem)
        raise GitError(
            "FetchFailed", f"{remote.host} cannot be resolved: {said}", "check spec.url; it is tried again"
        ) from None
    return list(dict.fromkeys(str(each[4][0]).partition("%")[0] for each in found))


def _refused(url: str, why: str) -> GitError:
    shown = "".join(character if character.isprintable() else "?" for character in url[:200])
    if "@" in shown and "://" in shown:  # it may be a mistyped credential
        shown = "spec.url"
    return GitError("UrlRefused", f"{shown} {why}", _HINT, final=True)
