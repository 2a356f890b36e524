"""When two addresses mean the same git repository, whatever the transport: https, ssh and `user@host:path`."""

import re
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

_SCP = re.compile(r"(?:[^/@:]+@)?(?P<host>\[[0-9A-Fa-f:]+\]|[^/@:]+):(?P<path>(?!//).+)\Z", re.DOTALL)
_DEFAULT_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}


class Place(NamedTuple):
    """Where a repository is: `host` in lower case ("" on this machine), `port` None for the transport's own."""

    host: str
    port: int | None
    path: str


def same(one: str, other: str) -> bool:
    """Whether both lead to one repository. User names, `.git` and a slash at the end do not count."""
    return place(one) == place(other)


def place(address: str) -> Place:
    """The repository behind an address; whatever is no URL is a path on this machine."""
    address = address.strip()
    if "://" in address:
        parts = urlsplit(address)
        if parts.scheme == "file":
            return Place("", None, _path(parts.path, local=True))
        try:
            port = parts.port
        except ValueError:
            port = None
        own = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
        return Place((parts.hostname or "").lower(), None if own else port, _path(unquote(parts.path)))
    if found := _SCP.match(address):
        return Place(found["host"].strip("[]").lower(), None, _path(found["path"]))
    return Place("", None, _path(address, local=True))


def without_credentials(address: str) -> str:
    """The address without a password, and without a user name where that is no part of the way (https)."""
    return re.sub(r"(?<=://)[^/@]+@", "", address) if "://" in address else address


def _path(path: str, *, local: bool = False) -> str:
    path = re.sub(r"/+", "/", path).removesuffix("/").removesuffix(".git").removesuffix("/")
    return path if local else path.lstrip("/")
