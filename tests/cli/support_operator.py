"""Someone who writes status as an operator would, by the test's rule, against a real API server."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS

Object = dict[str, Any]
Rule = Callable[[Object], Object | None]
AT = "2026-01-02T03:04:05Z"


def status(
    obj: Object, state: str, ready: tuple[str, str, str] = ("True", "InSync", ""), **more: Any
) -> Object:
    """A status for the present generation: Registered, and Ready and Live as given."""
    generation = obj["metadata"]["generation"]

    def condition(kind: str, value: str, reason: str, message: str = "") -> Object:
        return {
            "type": kind,
            "status": value,
            "reason": reason,
            "message": message,
            "observedGeneration": generation,
            "lastTransitionTime": AT,
        }

    running = state == "Running"
    labels = [(i["label"], i["venue"]) for i in obj["spec"]["instances"]]
    return {
        "observedGeneration": generation,
        "deploymentId": "dep_1",
        "state": state,
        "summary": {
            "instances": f"{len(labels)}/{len(labels)}",
            "wasm": obj["spec"]["artifact"]["sha256"][:12],
        },
        "artifact": {"sha256": obj["spec"]["artifact"]["sha256"], "sizeBytes": 8485},
        "instances": [
            {"label": label, "venue": venue, "edge": f"venue-edge-{venue}", "state": state, "live": running}
            for label, venue in labels
        ],
        "conditions": [
            condition("Ready", *ready),
            condition("Registered", "True", "Registered"),
            condition("Live", str(running), "Running" if running else "Stopped"),
            *([condition("Stalled", "True", ready[1], ready[2])] if ready[0] == "Stalled" else []),
        ],
        **more,
    }


def stalled(reason: str, message: str) -> Rule:
    """Refuse whatever comes, with this reason."""

    def rule(obj: Object) -> Object:
        made = status(obj, "Pending", ("False", reason, message))
        stalled_ = {**made["conditions"][0], "type": "Stalled", "status": "True"}
        return {**made, "conditions": [*made["conditions"], stalled_]}

    return rule


def converge(obj: Object) -> Object:
    """Whatever is desired is reached at once."""
    return status(obj, obj["spec"].get("state", "Stopped"))


class Operator:
    """A thread that applies `rule` to every AlgoDeployment of the namespace, and writes what it returns."""

    def __init__(self, kubeconfig: Path, namespace: str, rule: Rule = converge) -> None:
        self.rule = rule
        self._kubeconfig, self._namespace = kubeconfig, namespace
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), daemon=True)

    def __enter__(self) -> Operator:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)

    async def _work(self) -> None:
        async with await ClusterClient.connect(self._kubeconfig) as client:
            while not self._end.is_set():
                for obj in await client.list(ALGO_DEPLOYMENTS, self._namespace):
                    wanted = self.rule(obj)
                    if wanted is not None and wanted != obj.get("status"):
                        await self._write(client, obj, wanted)
                await asyncio.sleep(0.1)

    async def _write(self, client: ClusterClient, obj: Object, wanted: Object) -> None:
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace", "uid")}
        body = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": metadata, "status": wanted}
        await client.apply_status(body)
