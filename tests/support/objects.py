"""Good custom resources that use every field, and edits that change them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sequence_operator.spec.builds import build_name
from sequence_operator.spec.names import API_VERSION

Edit = Callable[[dict[str, Any]], Any]
SHA = "9f2c4e1a77b0" + "0" * 52


def deployment(edit: Edit | None = None) -> dict[str, Any]:
    """An AlgoDeployment that uses every field of the spec, after `edit` changed its spec."""
    spec: dict[str, Any] = {
        "deployment": "my-mm",
        "description": "two-sided quotes on two venues",
        "accountRef": {"name": "sandbox"},
        "state": "Stopped",
        "artifact": {"configMapRef": {"name": f"wasm-{SHA}", "key": "algo.wasm"}, "sha256": SHA},
        "origin": {
            "repository": "https://git.example.com/desk/algos.git",
            "commit": "3c0ffee1" * 5,
            "path": "algos/my-mm/Sequence.toml",
            "dirty": False,
        },
        "instances": [
            {
                "label": "maker",
                "venue": "kraken",
                "symbols": ["BTC-USD"],
                "instrumentType": "spot",
                "risk": {"maxOrderRate": 5},
                "params": [{"name": "spread", "bps": 12}],
            },
            {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD", "ETH-USD"]},
        ],
        "risk": {
            "maxPosition1e8": 200_000_000,
            "maxOrderNotional1e9": 50_000_000_000_000,
            "maxOrderRate": 20,
            "maxDailyLoss1e9": 500_000_000_000,
            "maxPriceDeviationBps": 100,
            "maxOpenOrders": 32,
        },
        "params": [{"name": "size", "slot": 0, "int": 3}, {"name": "spread", "slot": 1, "bps": 10}],
        "mesh": {"routes": [{"from": "maker", "to": "hedger"}]},
        "suspend": False,
        "onStop": "Keep",
        "driftPolicy": "Correct",
        "deletionPolicy": "Undeploy",
        "adopt": False,
    }
    if edit:
        edit(spec)
    return {
        "apiVersion": API_VERSION,
        "kind": "AlgoDeployment",
        "metadata": {"name": "my-mm.sandbox"},
        "spec": spec,
    }


def account(edit: Edit | None = None) -> dict[str, Any]:
    """A PlatformAccount that uses every field of the spec, after `edit` changed its spec."""
    spec: dict[str, Any] = {
        "endpoint": "http://127.0.0.1:50052",
        "mode": "sandbox",
        "secretRef": {"name": "sequence-sandbox", "key": "apiKey"},
        "pollInterval": "10s",
        "rateLimit": {"requestsPerSecond": 5, "burst": 10},
        "allowUnverified": ["Risk"],
    }
    if edit:
        edit(spec)
    return {
        "apiVersion": API_VERSION,
        "kind": "PlatformAccount",
        "metadata": {"name": "sandbox"},
        "spec": spec,
    }


def source(edit: Edit | None = None) -> dict[str, Any]:
    """An AlgoSource that uses every field of the spec, after `edit` changed its spec."""
    spec: dict[str, Any] = {
        "url": "https://git.example.com/desk/algos.git",
        "ref": {"branch": "main"},
        "paths": ["**/Sequence.toml"],
        "interval": "1m",
        "secretRef": {"name": "desk-git"},
        "webhook": {"secretRef": {"name": "desk-hook", "key": "token"}},
        "verify": {"mode": "HEAD", "secretRef": {"name": "desk-signers"}},
        "accountRef": {"name": "sandbox"},
        "adopt": "Never",
        "prune": True,
        "suspend": False,
    }
    if edit:
        edit(spec)
    return {"apiVersion": API_VERSION, "kind": "AlgoSource", "metadata": {"name": "desk"}, "spec": spec}


def build(edit: Edit | None = None) -> dict[str, Any]:
    """An AlgoBuild, after `edit` changed its spec; its name is what its unedited inputs give."""
    spec: dict[str, Any] = {
        "treeDigest": SHA,
        "treeUrl": f"http://trees.sequence-system.svc:8080/trees/trading/{SHA}.tar.gz",
        "commit": "3c0ffee1" * 5,
        "path": "algos/my-mm",
        "toolchain": "1.95.0",
    }
    name = build_name(spec["treeDigest"], spec["path"], spec["toolchain"])
    if edit:
        edit(spec)
    return {"apiVersion": API_VERSION, "kind": "AlgoBuild", "metadata": {"name": name}, "spec": spec}


def put(*path: str | int, value: Any) -> Edit:
    """An edit that sets `spec.<path>`."""

    def edit(spec: dict[str, Any]) -> None:
        target: Any = spec
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value

    return edit


def drop(*path: str | int) -> Edit:
    def edit(spec: dict[str, Any]) -> None:
        target: Any = spec
        for part in path[:-1]:
            target = target[part]
        del target[path[-1]]

    return edit


def both(*edits: Edit) -> Edit:
    def edit(spec: dict[str, Any]) -> None:
        for one in edits:
            one(spec)

    return edit
