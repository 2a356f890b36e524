"""git's surroundings for one request: its configuration, its environment and its credentials, all of our making.

Credentials stand in files of mode 0600 in a folder that lives as long as the request: never in an argument list or an
environment, where other processes could read them.
"""

from __future__ import annotations

import base64
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path

from sequence_operator.gitops.errors import GitError
from sequence_operator.gitops.urls import Remote, Way

USERNAME, PASSWORD, BEARER, CA = "username", "password", "bearerToken", "ca.crt"
IDENTITY, KNOWN_HOSTS = "identity", "known_hosts"

_OPTIONS: tuple[tuple[str, str, str], ...] = (
    ("core", "hooksPath", "/dev/null"),
    ("core", "fsmonitor", "false"),
    ("core", "bigFileThreshold", "16m"),  # larger contents are streamed, not held in memory
    ("credential", "helper", ""),
    ("gc", "auto", "0"),
    ("maintenance", "auto", "false"),
    ("fetch", "writeCommitGraph", "false"),
    ("fetch", "unpackLimit", "1"),  # what arrives stays one file, for which there is a limit
    ("fetch", "recurseSubmodules", "false"),
    ("submodule", "recurse", "false"),
    ("pack", "threads", "1"),
    ("protocol", "version", "2"),
    ("safe", "directory", "*"),  # a cache on a volume may belong to another uid
    ("http", "followRedirects", "false"),
    ("http", "lowSpeedLimit", "200"),
    ("http", "lowSpeedTime", "30"),
    ("http", "userAgent", "sequence-operator"),
)


def surroundings(folder: Path, remote: Remote, way: Way, secret: Mapping[str, str]) -> dict[str, str]:
    """Write the files that git needs into `folder` (private to this request) and return git's environment.

    Raises GitError (SecretInvalid) when the Secret does not hold what this kind of address needs.
    """
    home = folder / "home"
    home.mkdir(mode=0o700)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "TMPDIR": str(folder),
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(folder / "config"),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "SSH_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": remote.scheme,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PYTHON_REFRESH": "quiet",
    }
    options = list(_OPTIONS)
    if remote.scheme == "ssh":
        environment |= {"GIT_SSH_COMMAND": _ssh(folder, remote, way, secret), "GIT_SSH_VARIANT": "ssh"}
    else:
        if way.proxy:
            environment[f"{remote.scheme}_proxy"] = way.proxy
        else:
            pinned = ",".join(f"[{address}]" if ":" in address else address for address in way.addresses)
            options.append(("http", "curloptResolve", f"{remote.host}:{remote.port}:{pinned}"))
        if secret.get(CA):
            _private(folder / "ca.crt", secret[CA])
            environment["GIT_SSL_CAINFO"] = str(
                folder / "ca.crt"
            )  # an inherited one would win over the configuration
        options += _http(remote, secret)
    _private(
        folder / "config",
        "".join(f"[{section}]\n\t{key} = {_quoted(value)}\n" for section, key, value in options),
    )
    return environment


def _http(remote: Remote, secret: Mapping[str, str]) -> list[tuple[str, str, str]]:
    section = f'http "{remote.origin}"'
    header = ""
    if token := secret.get(BEARER, "").strip():
        header = f"Bearer {token}"
    elif password := secret.get(PASSWORD, "").strip():
        pair = f"{secret.get(USERNAME, '').strip() or 'git'}:{password}"
        header = "Basic " + base64.b64encode(pair.encode()).decode()
    elif secret and not secret.get(CA):
        keys = f"{USERNAME} and {PASSWORD}, or {BEARER}"
        raise GitError(
            "SecretInvalid",
            f"the Secret for {remote.scheme} has none of the keys it needs: {keys}",
            "store them there",
            final=True,
        )
    if re.search(r"[^\x20-\x7e]", header):
        raise GitError(
            "SecretInvalid",
            "the credentials in the Secret have line breaks or other control characters",
            "store them on one line",
            final=True,
        )
    return [(section, "extraHeader", f"Authorization: {header}")] if header else []


def _ssh(folder: Path, remote: Remote, way: Way, secret: Mapping[str, str]) -> str:
    """The command git uses for ssh: one key, one list of known hosts, one address, and nobody's configuration."""
    missing = [key for key in (IDENTITY, KNOWN_HOSTS) if not secret.get(key, "").strip()]
    if missing:
        raise GitError(
            "SecretInvalid",
            f"the Secret for ssh has no {' and no '.join(missing)}",
            "store a private key without passphrase as identity, and what `ssh-keyscan HOST` prints as known_hosts",
            final=True,
        )
    identity, hosts = folder / "identity", folder / "known_hosts"
    _private(identity, secret[IDENTITY].strip() + "\n")
    _private(hosts, secret[KNOWN_HOSTS].strip() + "\n")
    # Host keys are looked up by the name in the URL, while the connection goes to the address that was checked.
    alias = remote.host if remote.port == 22 else f"[{remote.host}]:{remote.port}"
    options = {
        "HostName": way.addresses[0],
        "HostKeyAlias": alias,
        "IdentityFile": str(identity),
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": str(hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "CheckHostIP": "no",
        "BatchMode": "yes",
        "PreferredAuthentications": "publickey",
        "ConnectTimeout": "15",
        "ServerAliveInterval": "10",
        "ServerAliveCountMax": "3",
        "ControlPath": "none",
        "ProxyCommand": "none",
        "PermitLocalCommand": "no",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
        "LogLevel": "ERROR",
    }
    parts = [
        "ssh",
        "-F",
        "/dev/null",
        *(part for key, value in options.items() for part in ("-o", f"{key}={value}")),
    ]
    return shlex.join(parts)


def _private(path: Path, content: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)


def _quoted(value: str) -> str:
    """A value as git's configuration files write it; it has no line breaks."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
