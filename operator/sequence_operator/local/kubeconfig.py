"""Kubeconfig files of our own; the user's is never read or written."""

from __future__ import annotations

import base64
from pathlib import Path

import yaml

from sequence_operator.local.folders import write_private


def write_kubeconfig(
    path: Path,
    *,
    server: str,
    ca: Path | None,
    insecure: bool = False,
    namespace: str = "default",
    token: str | None = None,
    token_file: Path | None = None,
) -> None:
    """Write ``path`` (0600) with one context ``local``.

    Exactly one of ``token`` (kept inside) and ``token_file`` (a path: clients read it again when it is renewed). The
    authority is embedded, so that the file can be copied by itself; without ``ca`` the system's are trusted.
    """
    if (token is None) == (token_file is None):
        raise ValueError("exactly one of token and token_file")
    user = {"token": token} if token is not None else {"tokenFile": str(token_file)}
    cluster: dict[str, object] = {"server": server}
    if insecure:
        cluster["insecure-skip-tls-verify"] = True
    elif ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca.read_bytes()).decode()
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "local", "user": user}],
        "contexts": [
            {"name": "local", "context": {"cluster": "local", "user": "local", "namespace": namespace}}
        ],
        "current-context": "local",
    }
    write_private(path, yaml.safe_dump(content, sort_keys=False))
