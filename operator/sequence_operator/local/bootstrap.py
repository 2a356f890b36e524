"""Fill a cluster with what the operator needs: resource definitions, rights, keys and accounts."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import CRDS
from sequence_operator.local.rights import NAMESPACE, SECRETS, metadata, policies, rights
from sequence_operator.spec.crd import crds
from sequence_operator.spec.names import GROUP, VERSION, Mode

Object = dict[str, Any]

MANAGER: Final = "sequence-local"
POLL_INTERVAL: Final = "2s"  # several decisions need two lists as proof, and lists cost nothing on loopback


def accounts(endpoint: str, keys: dict[Mode, str]) -> list[Object]:
    """A Secret and a PlatformAccount for each key; ``endpoint`` is the platform's base URL."""
    objects: list[Object] = []
    for mode, key in keys.items():
        encoded = base64.b64encode(key.encode()).decode()
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata(SECRETS[mode], NAMESPACE)}
        objects.append({**secret, "type": "Opaque", "data": {"apiKey": encoded}})
        reference = {"name": SECRETS[mode], "key": "apiKey"}
        spec = {"endpoint": endpoint, "mode": mode, "secretRef": reference, "pollInterval": POLL_INTERVAL}
        account = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "PlatformAccount", "spec": spec}
        objects.append({**account, "metadata": metadata(mode, NAMESPACE)})
    return objects


async def install(client: ClusterClient, endpoint: str, keys: dict[Mode, str]) -> None:
    """Server-side apply of everything; returns when the definitions are served. Raises ClusterError."""
    definitions = crds()
    for definition in definitions:
        await client.apply(definition, manager=MANAGER, force=True)
    for obj in (*rights(), *policies()):
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
