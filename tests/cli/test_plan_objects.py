"""Objects in a plan, held against what a real API server makes of the same applies."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from sequence_operator.cli.plan_objects import live, merged
from sequence_operator.cluster import ClusterClient
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.spec.names import API_VERSION, SOURCE_LABEL, SOURCE_MANAGER, STATE_MANAGER

Object = dict[str, Any]


def obj(namespace: str, **spec: Any) -> Object:
    body = {
        "deployment": "my-mm",
        "accountRef": {"name": "sandbox"},
        "artifact": {"build": {"url": "https://git.example.com/a.git", "commit": "a" * 40, "path": "a"}},
        "risk": {"maxOrderRate": 5, "maxOpenOrders": 3},
        "instances": [
            {
                "label": "maker",
                "venue": "kraken",
                "symbols": ["BTC-USD", "ETH-USD"],
                "instrumentType": "spot",
            },
            {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"], "instrumentType": "spot"},
        ],
        "params": [{"name": "size", "slot": 0, "int": 3}],
        "mesh": {"routes": [{"from": "maker", "to": "hedger"}]},
        **spec,
    }
    metadata = {"name": "my-mm.sandbox", "namespace": namespace, "labels": {SOURCE_LABEL: "desk"}}
    metadata["annotations"] = {"sequencemkts.com/author": "Ada"}
    given = {key: value for key, value in body.items() if value is not None}
    return {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata, "spec": given}


CHANGES: dict[str, Object] = {
    "nothing": {},
    "a limit goes": {"risk": {"maxOrderRate": 5}},
    "an instance and its route go": {
        "instances": [
            {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"], "instrumentType": "spot"}
        ],
        "mesh": None,
    },
    "parameters go": {"params": [{"name": "gap", "slot": 0, "bps": 2}]},
    "a policy comes": {"onStop": "Cancel", "description": "new"},
}


@pytest.fixture
def applied(controlplane: ControlPlane, crds: list[str], namespace: str) -> Any:
    """Apply objects one after the other, as (manager, object); the last answer."""

    def work(*steps: tuple[str, Object]) -> Object:
        async def run() -> Object:
            found: Object = {}
            async with await ClusterClient.connect(controlplane.kubeconfig) as client:
                for manager, each in steps:
                    found = await client.apply(deepcopy(each), manager=manager, force=True)
            return found

        return asyncio.run(run())

    return work


def book(found: Object, manager: str) -> Object:
    (entry,) = [e for e in found["metadata"]["managedFields"] if e["manager"] == manager]
    fields: Object = _plain(entry["fieldsV1"])
    return fields


def _plain(fields: Object) -> Object:
    """Without the marks of whole containers, which nobody here reads."""
    return {key: _plain(value) for key, value in fields.items() if key != "."}


def test_a_synthetic_object_has_the_owners_that_the_api_server_writes(applied: Any, namespace: str) -> None:
    first = obj(namespace, state="Running")
    real, made = applied((SOURCE_MANAGER, first)), live(first)
    assert book(made, SOURCE_MANAGER) == book(real, SOURCE_MANAGER)


@pytest.mark.parametrize("name", CHANGES)
def test_merging_here_is_merging_there(applied: Any, namespace: str, name: str) -> None:
    first, second = obj(namespace), obj(namespace, **CHANGES[name])
    state: Object = {key: first[key] for key in ("apiVersion", "kind")}
    state |= {"metadata": {"name": "my-mm.sandbox", "namespace": namespace}, "spec": {"state": "Running"}}
    before = applied((SOURCE_MANAGER, first), (STATE_MANAGER, state))
    would = merged(before, second)
    after = applied((SOURCE_MANAGER, second))
    defaults = {key: value for key, value in after["spec"].items() if key not in would["spec"]}
    assert {**would["spec"], **defaults} == after["spec"]
    assert would["metadata"]["labels"] == after["metadata"]["labels"]
    assert would["spec"]["state"] == "Running"
    assert (would["metadata"]["generation"] == before["metadata"]["generation"]) == (name == "nothing")
