"""Two flocks of deployments, in the middle of every call of whose lives something can die at once.

Each deployment is brought to stand right before another call: of its registration, start, stop or removal, or of a
replacement. Those of the one flock have not arrived when it happens; of the other, the platform did what they say, and
nobody heard of it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import wasmtime

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.spec.names import API_VERSION
from support.api import AWAY, Api
from support.faultproxy import FaultProxy
from support.processes import wait_until

CREATE, DELETE = r"^POST /v1/deployments$", r"^DELETE /v1/deployments/[^/]+$"
PATCH = r"^PATCH /v1/deployments/[^/]+$"  # resting orders are to be cancelled by the stop that follows
GET = r"^GET /v1/deployments/[^/]+$"  # the proof that what was removed is gone
START, STOP = r"^POST /v1/deployments/[^/]+/start$", r"^POST /v1/deployments/[^/]+/stop$"
REPLACEMENT = (PATCH, STOP, DELETE, CREATE, START)
WHENS = ("before", "after")
_ALGO = (Path(__file__).resolve().parents[2] / "bench" / "algo.wat").read_text()
_MODULES = [
    wasmtime.wat2wasm(_ALGO.replace("(module", f'(module (data (i32.const 0x100000) "{n}")', 1))
    for n in (1, 2)
]
_ALIVE = {"Running": {"running"}, "Stopped": {"stopped", "accepted"}}
"""What a row says of a deployment in each state."""


class Place(Protocol):
    """Where it happens; `back` waits until the part runs again as another process."""

    api: Api

    def all_rows(self) -> list[dict[str, Any]]: ...
    def kill(self, name: str) -> int: ...
    def back(self, name: str, old_pid: int) -> None: ...


class Wish(NamedTuple):
    """What is wanted of a deployment: the number of a module, and Running or Stopped."""

    version: int
    state: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(_MODULES[self.version]).hexdigest()


Change = tuple[str, Wish | None]
"""The call to be hit, and what is wanted from now on."""


def changes(wishes: Mapping[str, Wish | None], replacement: Sequence[str]) -> dict[str, Change]:
    """For each deployment of a flock, so that every call of a life is due for one of them. Afterwards as many are
    absent, stopped and running as before.
    """
    present = {name: wish for name, wish in wishes.items() if wish is not None}
    stopped = ((name, wish) for name, wish in present.items() if wish.state == "Stopped")
    running = ((name, wish) for name, wish in present.items() if wish.state == "Running")
    found: dict[str, Change] = {name: (CREATE, Wish(0, "Stopped")) for name in wishes.keys() - present.keys()}
    (starts, wish), (goes, _), (went, _) = stopped
    found |= {starts: (START, wish._replace(state="Running")), goes: (DELETE, None), went: (GET, None)}
    (stops, wish), *replaced = running
    found[stops] = (STOP, wish._replace(state="Stopped"))
    for call, (name, wish) in zip(replacement, replaced, strict=True):
        found[name] = (call, wish._replace(version=1 - wish.version))
    return found


class Flocks:
    """On the account `proxied`, whose endpoint is the proxy. replacement: the calls of one, in their order."""

    def __init__(self, place: Place, proxy: FaultProxy, replacement: Sequence[str] = REPLACEMENT) -> None:
        self.place, self.proxy, self.replacement = place, proxy, replacement
        for module in _MODULES:
            place.api.apply(configmap(module, place.api.namespace))
        first = [None] * 2 + [Wish(0, "Stopped")] * 3 + [Wish(0, "Running")] * (len(replacement) + 1)
        self.wishes = {f"{when}-{n}": wish for when in WHENS for n, wish in enumerate(first)}
        for name, wish in self.wishes.items():
            if wish is not None:
                self.apply(name, wish)
        self.settle("the beginning")

    def survive(self, part: str) -> None:
        """Every call is hit by one death of the part. Then all is as it is wanted, and was registered only once."""
        assert self.settled(), f"the round before ended badly; {self.tale()}"
        due: dict[str, Change] = {}
        for when in WHENS:
            flock = {name: wish for name, wish in self.wishes.items() if name.startswith(when)}
            due |= changes(flock, self.replacement)
        known = {name: len(ids) for name, ids in self.proxy.ids.items()}
        versions = {name: wish.version for name, wish in self.wishes.items() if wish is not None}
        anew = {name for name, (_, wish) in due.items() if wish and wish.version != versions.get(name)}
        killed = self._hit(part, due)
        self.place.back(part, killed)
        self.settle(f"{part} died at {due}")
        registered = {name: len(ids) - known.get(name, 0) for name, ids in self.proxy.ids.items()}
        assert registered == {name: int(name in anew) for name in registered}

    def _hit(self, part: str, due: Mapping[str, Change]) -> int:
        held = self.proxy.hold({name: call for name, (call, _) in due.items()})
        for name, (_, wish) in due.items():
            self.apply(name, wish)
        try:
            held.wait_all()
            held.let_through(name for name in due if name.startswith("after"))
            killed = self.place.kill(part)
        finally:
            held.cut()
        assert all(name.startswith("after") for name in held.answers)
        done = [
            status == 404 if due[name][0] == GET else status < 300 for name, status in held.answers.items()
        ]
        assert all(done), held.answers
        return killed

    def apply(self, name: str, wish: Wish | None) -> None:
        self.wishes[name] = wish
        if wish is None:
            self.place.api.delete(ALGO_DEPLOYMENTS, f"{name}.sandbox")
        else:
            self.place.api.apply(self._object(name, wish))

    @staticmethod
    def _object(name: str, wish: Wish) -> dict[str, Any]:
        module = {"configMapRef": {"name": f"wasm-{wish.sha256}", "key": "algo.wasm"}, "sha256": wish.sha256}
        spec = {
            "deployment": name,
            "accountRef": {"name": "proxied"},
            "state": wish.state,
            "artifact": module,
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxOrderRate": 5},
        }
        metadata = {"name": f"{name}.sandbox"}
        return {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata, "spec": spec}

    def settle(self, what: str) -> None:
        try:
            wait_until(self.settled, f"all is as it is wanted after {what}")
        except AssertionError as problem:
            raise AssertionError(f"{problem}; {self.tale()}") from None

    def settled(self) -> bool:
        """Whether platform and cluster have what is wanted of the flocks, all of it, and nothing else."""
        try:
            rows = [row for row in self.place.all_rows() if row["name"] in self.wishes]
            listed = self.place.api.list(ALGO_DEPLOYMENTS)
        except (*AWAY, AssertionError):
            return False  # a part is still coming back
        twice = [name for name, count in Counter(row["name"] for row in rows).items() if count > 1]
        assert not twice, f"registered twice: {twice}"
        by_name = {row["name"]: row for row in rows}
        objects = {
            obj["spec"]["deployment"]: obj for obj in listed if obj["spec"]["deployment"] in self.wishes
        }
        wanted = {name: wish for name, wish in self.wishes.items() if wish is not None}
        return by_name.keys() == objects.keys() == wanted.keys() and all(
            _agree(by_name[name], objects[name], wish) for name, wish in wanted.items()
        )

    def tale(self) -> str:
        """What there is to know when it does not go on."""
        lines = [f"wanted: {self.wishes}", f"requests: {self.proxy.requests[-20:]}"]
        lines += [f"{row['name']}: {row['status']} {row['wasm_sha256']}" for row in self.place.all_rows()]
        for obj in self.place.api.list(ALGO_DEPLOYMENTS):
            lines.append(f"{obj['metadata']['name']}: {obj.get('status')}")
        return "\n".join(lines)


def _agree(row: dict[str, Any], obj: dict[str, Any], wish: Wish) -> bool:
    """Whether one deployment is as it is wanted, and its object says so."""
    status = obj.get("status", {})
    ready = {c["type"]: c["status"] for c in status.get("conditions", [])}.get("Ready")
    return (
        row["wasm_sha256"] == wish.sha256
        and row["status"] in _ALIVE[wish.state]
        and status.get("state") == wish.state
        and status.get("observedGeneration") == obj["metadata"]["generation"]
        and ready == "True"
        and status.get("deploymentId") == row["deployment_id"]
        and not status.get("pending")
    )
