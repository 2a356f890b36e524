"""Fill a cluster with what the operator needs: resource definitions, rights, keys and accounts."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

import yaml

from sequence_operator import assets
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import CRDS
from sequence_operator.spec.crd import crds
from sequence_operator.spec.names import GROUP, VERSION, Mode

Object = dict[str, Any]

SYSTEM: Final = "sequence-system"  # the operator's own namespace
NAMESPACE: Final = "sequence"  # where deployments and accounts live
ACCOUNT: Final = "sequence-operator"  # the ServiceAccount
MANAGER: Final = "sequence-local"
SECRETS: Final[dict[Mode, str]] = {"live": "sequence-live", "sandbox": "sequence-sandbox"}
POLL_INTERVAL: Final = "2s"  # several decisions need two lists as proof, and lists cost nothing on loopback
LABELS: Final = {"app.kubernetes.io/managed-by": "sequence-local"}


def rights() -> list[Object]:
    """The operator's ServiceAccount with exactly the rules the chart gives it, read from the chart's own file."""
    rules = yaml.safe_load((assets.path("chart") / "files" / "rules.yaml").read_text())
    by_name = [{**rule, "resourceNames": sorted(SECRETS.values())} for rule in rules["secrets"]]
    return [
        _namespace(SYSTEM),
        _namespace(NAMESPACE),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _metadata(ACCOUNT, SYSTEM)},
        *_grant("sequence-operator-system", SYSTEM, rules["system"]),
        *_grant("sequence-operator", NAMESPACE, [*rules["namespaced"], *by_name]),
    ]


def accounts(endpoint: str, keys: dict[Mode, str]) -> list[Object]:
    """A Secret and a PlatformAccount for each key; ``endpoint`` is the platform's base URL."""
    objects: list[Object] = []
    for mode, key in keys.items():
        encoded = base64.b64encode(key.encode()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(SECRETS[mode], NAMESPACE)}
        objects.append({**secret, "type": "Opaque", "data": {"apiKey": encoded}})
        reference = {"name": SECRETS[mode], "key": "apiKey"}
        spec = {"endpoint": endpoint, "mode": mode, "secretRef": reference, "pollInterval": POLL_INTERVAL}
        account = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "PlatformAccount", "spec": spec}
        objects.append({**account, "metadata": _metadata(mode, NAMESPACE)})
    return objects


async def install(client: ClusterClient, endpoint: str, keys: dict[Mode, str]) -> None:
    """Server-side apply of everything; returns when the definitions are served. Raises ClusterError."""
    definitions = crds()
    for definition in definitions:
        await client.apply(definition, manager=MANAGER, force=True)
    for obj in rights():
        await client.apply(obj, manager=MANAGER, force=True)
    for definition in definitions:
        await _established(client, definition["metadata"]["name"])
    for obj in accounts(endpoint, keys):
        await client.apply(obj, manager=MANAGER, force=True)


async def _established(client: ClusterClient, name: str) -> None:
    async with asyncio.timeout(60):
        while True:
            found = await client.get(CRDS, name)
            conditions = (found.get("status") or {}).get("conditions") or []
            if any(c["type"] == "Established" and c["status"] == "True" for c in conditions):
                return
            await asyncio.sleep(0.1)  # between two looks at the condition


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(LABELS)}}


def _metadata(name: str, namespace: str) -> Object:
    return {"name": name, "namespace": namespace, "labels": dict(LABELS)}


def _grant(name: str, namespace: str, rules: list[Object]) -> list[Object]:
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "Role",
        "metadata": _metadata(name, namespace),
        "rules": rules,
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": _metadata(name, namespace),
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": SYSTEM}],
    }
    return [role, binding]
