"""Where the cluster is and who we are there: kubeconfig or the Pod's own ServiceAccount."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import yaml

from sequence_operator.cluster.errors import ClusterError, Kind

if TYPE_CHECKING:
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config.kube_config import KubeConfigLoader as Loader

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CONNECTIONS = 32  # at once; each TLS connection holds some 100 KB
_TOKEN_AGE = 10.0  # seconds a token that was read from a file is used before the file is looked at again


@dataclass(slots=True)
class Connection:
    """A loaded configuration: ``configuration`` is a ``kubernetes.aio.client.Configuration``."""

    configuration: Any
    server: str
    context: str  # the kubeconfig context, or "in-cluster"
    namespace: str  # the context's own namespace, "default" when it names none

    async def token(self) -> str | None:
        """The bearer token to use now, without its scheme; None when certificates identify us."""
        header = await self.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        if not header:
            return None
        scheme, _, token = str(header).partition(" ")
        return token.strip() if scheme.lower() == "bearer" else None

    async def login(self) -> dict[str, Any]:
        """The same connection in the words of ``kopf.ConnectionInfo``, with the token as it is now."""
        known = self.configuration
        return {
            "server": self.server,
            "ca_path": known.ssl_ca_cert or None,
            "insecure": None if known.verify_ssl else True,
            "scheme": "Bearer",
            "token": await self.token(),
            "certificate_path": known.cert_file or None,
            "private_key_path": known.key_file or None,
            "proxy_url": known.proxy or None,
            "default_namespace": self.namespace,
        }


async def load(kubeconfig: str | Path | None, context: str | None, in_cluster: bool | None) -> Connection:
    """Find and load the configuration.

    in_cluster None: a Pod's own account when no kubeconfig was named and the process runs in a Pod.
    Raises ClusterError(NO_CONFIG) that names the file that was looked for.
    """
    if in_cluster is None:
        in_cluster = kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ
    return _load_in_cluster() if in_cluster else await _load_file(kubeconfig, context)


def _configuration() -> Configuration:
    """An empty one whose session asks nobody for anything per request.

    The library's own sessions look into ~/.netrc in a thread before every request; what else they take
    from the environment, the proxy, is set by `_use_proxy`.
    """
    import kubernetes.aio.client as client

    configuration = client.Configuration(connection_pool_maxsize=_CONNECTIONS)
    configuration.client_session_kwargs = {"trust_env": False}
    return configuration


def _use_proxy(configuration: Configuration) -> None:
    """The proxy of the environment (HTTPS_PROXY, NO_PROXY), unless the kubeconfig names one."""
    parts = urlsplit(configuration.host)
    if configuration.proxy or proxy_bypass(parts.netloc):
        return
    configuration.proxy = getproxies().get(parts.scheme)


def _load_in_cluster() -> Connection:
    import kubernetes.aio.config as config

    configuration = _configuration()
    try:
        config.load_incluster_config(client_configuration=configuration)
    except config.ConfigException as problem:
        raise ClusterError(
            Kind.NO_CONFIG,
            f"not running inside a cluster: {problem}",
            "name a kubeconfig file with --kubeconfig",
        ) from problem
    _use_proxy(configuration)
    configuration.refresh_api_key_hook = _token_reader(SERVICE_ACCOUNT / "token")
    namespace = SERVICE_ACCOUNT / "namespace"
    return Connection(
        configuration,
        server=configuration.host,
        context="in-cluster",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
    )


async def _load_file(kubeconfig: str | Path | None, context: str | None) -> Connection:
    import kubernetes.aio.config as config

    paths = _paths(kubeconfig)
    configuration = _configuration()
    try:
        loader = await config.load_kube_config(
            config_file=os.pathsep.join(str(path) for path in paths),
            context=context,
            client_configuration=configuration,
            persist_config=False,
            temp_file_path=tempfile.gettempdir(),
        )
        chosen = loader.current_context
    except (
        config.ConfigException,
        yaml.YAMLError,
        OSError,
        TypeError,
        AttributeError,
        ValueError,
    ) as problem:
        where = ", ".join(str(path) for path in paths)
        raise ClusterError(
            Kind.NO_CONFIG,
            f"cannot use {where}" + (f" with context {context}" if context else "") + f": {problem}",
            "kubectl config get-contexts --kubeconfig " + where,
        ) from problem
    _use_proxy(configuration)
    token_file = _token_file(paths, chosen["context"].get("user"))
    if token_file is not None:
        configuration.refresh_api_key_hook = _token_reader(token_file)
    elif "exec" in (loader._user or ()):
        configuration.refresh_api_key_hook = _plugin_reader(loader)
    return Connection(
        configuration,
        server=configuration.host,
        context=str(chosen.get("name", "")),
        namespace=chosen["context"].get("namespace") or "default",
    )


def _paths(kubeconfig: str | Path | None) -> list[Path]:
    """The files to merge, as kubectl does: the named one, else ``KUBECONFIG``, else ``~/.kube/config``."""
    if kubeconfig is not None:
        wanted = [Path(kubeconfig).expanduser()]
    else:
        variable = os.environ.get("KUBECONFIG", "")
        wanted = [Path(part).expanduser() for part in variable.split(os.pathsep) if part]
        wanted = wanted or [Path("~/.kube/config").expanduser()]
    found = [path for path in wanted if path.is_file()]
    if not found:
        looked = ", ".join(str(path) for path in wanted)
        raise ClusterError(
            Kind.NO_CONFIG,
            f"no kubeconfig: {looked} does not exist",
            "`sequence up` starts a local cluster; for another one name an existing file: `sequence login "
            "--kubeconfig FILE`, or KUBECONFIG and --kubeconfig of the operator",
        )
    return found


def _token_file(paths: list[Path], user: str | None) -> Path | None:
    """The ``tokenFile`` of a kubeconfig user; the client library reads it only once, so we follow it."""
    for path in paths:
        content = yaml.safe_load(path.read_text()) or {}
        for entry in content.get("users") or []:
            if entry.get("name") == user:
                name = (entry.get("user") or {}).get("tokenFile")
                return (path.parent / name) if name else None
    return None


def _token_reader(path: Path) -> Callable[[Configuration], None]:
    """A hook that keeps the token equal to the file, which is replaced when the token is renewed."""
    state = {"read_at": float("-inf")}

    def refresh(configuration: Configuration) -> None:
        now = time.monotonic()
        if now - state["read_at"] < _TOKEN_AGE:
            return
        try:
            token = path.read_text().strip()
        except OSError as problem:
            raise ClusterError(
                Kind.NO_CONFIG, f"cannot read the token file {path}: {problem}", "check that the file exists"
            ) from problem
        configuration.api_key["BearerToken"] = f"Bearer {token}"
        state["read_at"] = now

    return refresh


def _plugin_reader(loader: Loader) -> Callable[[Configuration], Awaitable[None]]:
    """A hook that runs an exec credential plugin again when its token is about to expire."""
    lock = asyncio.Lock()

    async def refresh(configuration: Configuration) -> None:
        async with lock:
            await loader.load_from_exec_plugin()  # returns at once while the present token is good
            configuration.api_key["BearerToken"] = loader.token

    return refresh
