"""What a person lays over the spec until the next commit: a stop, and an earlier module. Both are annotations.

They are merged in, not applied: server-side apply by `start` and `stop` would take back what it does not name.
"""

import getpass
import json
import socket
from datetime import UTC, datetime
from typing import Any

from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.client import STATE
from sequence_operator.spec.names import OVERRIDE, ROLLBACK

Object = dict[str, Any]


async def override_stop(client: ClusterClient, obj: Object, at: str) -> Object:
    """Stop it whatever the spec says, until the commit changes. Raises ClusterError."""
    commit = (obj["spec"].get("origin") or {}).get("commit") or ""
    return await _annotate(client, obj, OVERRIDE, {"state": "Stopped", "commit": commit, **_signed(at)})


async def roll_back(client: ClusterClient, obj: Object, to: str, denied: str, at: str) -> Object:
    """Run the module `to` in place of `denied` ("" when unknown), until the commit of the artifact changes."""
    from sequence_operator.reconcile.effective import artifact_commit
    from sequence_operator.spec.resources import AlgoDeployment

    commit = artifact_commit(AlgoDeployment.model_validate(obj).spec)
    return await _annotate(
        client, obj, ROLLBACK, {"to": to, "denied": denied, "commit": commit, **_signed(at)}
    )


async def remove(client: ClusterClient, obj: Object, *annotations: str) -> Object:
    """Take annotations away, where they are. Raises ClusterError."""
    present = obj["metadata"].get("annotations") or {}
    gone = {name: None for name in annotations if name in present}
    return await client.merge(obj, {"metadata": {"annotations": gone}}, manager=STATE) if gone else obj


def in_force(obj: Object) -> dict[str, Any]:
    """`{"override": …, "rollback": …}`: what holds now, each None when nothing does."""
    annotations = obj["metadata"].get("annotations") or {}
    if OVERRIDE not in annotations and ROLLBACK not in annotations:
        return {"override": None, "rollback": None}
    # The models cost a fifth of a second, and most objects have none of this.
    from sequence_operator.reconcile.effective import effective
    from sequence_operator.spec.resources import AlgoDeployment

    found = effective(AlgoDeployment.model_validate(obj))
    stop, back = found.override, found.rollback
    return {
        "override": {"state": "Stopped", "by": stop.by, "at": stop.at} if stop else None,
        "rollback": {"to": back.to, "denied": back.denied, "by": back.by, "at": back.at} if back else None,
    }


def now() -> str:
    """This moment as annotations have it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def _annotate(client: ClusterClient, obj: Object, name: str, content: dict[str, str]) -> Object:
    text = json.dumps(content, sort_keys=True)
    return await client.merge(obj, {"metadata": {"annotations": {name: text}}}, manager=STATE)


def _signed(at: str) -> dict[str, str]:
    return {"by": f"{getpass.getuser()}@{socket.gethostname()}", "at": at}
