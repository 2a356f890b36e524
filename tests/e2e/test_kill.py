"""SIGKILL of every part, before and after every platform call of a deployment's life.

Each of a flock of deployments is brought to stand right before another call, of its registration, start, stop, removal
or a replacement: the part dies once, in the middle of all of these calls. Before: none of them had arrived. After: the
platform did what they say, and nobody heard of it. Whatever died, each deployment gets to its desired state, nothing is
registered twice and nothing is left over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wasmtime

from sequence_operator.artifact.store import configmap
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS
from sequence_operator.spec.names import API_VERSION
from support.api import AWAY
from support.faultproxy import FaultProxy, Held, When
from support.localstack import LocalStack
from support.processes import wait_until

pytestmark = pytest.mark.e2e

CREATE, DELETE = r"^POST /v1/deployments$", r"^DELETE /v1/deployments/[^/]+$"
PATCH = r"^PATCH /v1/deployments/[^/]+$"  # resting orders are to be cancelled by the stop that follows
START, STOP = r"^POST /v1/deployments/[^/]+/start$", r"^POST /v1/deployments/[^/]+/stop$"
REPLACEMENT = (PATCH, STOP, DELETE, CREATE, START)
ALGO = Path(__file__).resolve().parents[2] / "bench" / "algo.wat"
MODULES = [
    configmap(
        wasmtime.wat2wasm(
            ALGO.read_text().replace("(module", f'(module (data (i32.const 0x100000) "{n}")', 1)
        ),
        "sequence",
    )
    for n in (1, 2)
]
ALIVE = {"Running": {"running"}, "Stopped": {"stopped", "accepted"}}
"""What a row says of a deployment in each state."""


class Wish(NamedTuple):
    """What is wanted of a deployment: one of MODULES, Running or Stopped."""

    version: int
    state: str

    @property
    def sha256(self) -> str:
        return str(MODULES[self.version]["metadata"]["name"]).removeprefix("wasm-")


class Flock:
    """Deployments on a proxied account. Each round every call of a life is due for one of them, and leaves as many
    absent, stopped and running as there were.
    """

    def __init__(self, stack: LocalStack, proxy: FaultProxy) -> None:
        self.stack, self.proxy = stack, proxy
        self.wishes: dict[str, Wish | None] = {"absent": None, "stopped-1": Wish(0, "Stopped")}
        self.wishes["stopped-2"] = Wish(0, "Stopped")
        self.wishes |= {f"running-{n}": Wish(0, "Running") for n in range(len(REPLACEMENT) + 1)}
        for name, wish in self.wishes.items():
            self.apply(name, wish)
        self.settle("nothing")

    def round(self) -> dict[str, tuple[str, Wish | None]]:
        """The call to be hit, and what is wanted, by the name of each deployment."""
        (absent,) = (name for name, wish in self.wishes.items() if wish is None)
        stopped = [(name, wish) for name, wish in self.wishes.items() if wish and wish.state == "Stopped"]
        running = [(name, wish) for name, wish in self.wishes.items() if wish and wish.state == "Running"]
        (starts, wish), (goes, _) = stopped
        (stops, last), *replaced = running
        assert len(replaced) == len(REPLACEMENT)
        changes: dict[str, tuple[str, Wish | None]] = {
            absent: (CREATE, Wish(0, "Stopped")),
            starts: (START, wish._replace(state="Running")),
            stops: (STOP, last._replace(state="Stopped")),
            goes: (DELETE, None),
        }
        for call, (name, wish) in zip(REPLACEMENT, replaced, strict=True):
            changes[name] = (call, wish._replace(version=1 - wish.version))
        return changes

    def survives(self, part: str, when: When) -> None:
        """Every call is hit by one death of the part; then all is as it is wanted."""
        assert self.settled(), f"the round before ended badly; {self.tale()}"
        changes, known = self.round(), {name: set(ids) for name, ids in self.proxy.ids.items()}
        before = {name: wish and wish.version for name, wish in self.wishes.items()}
        anew = [name for name, (_, wish) in changes.items() if wish and wish.version != before[name]]
        held = self.proxy.hold({name: call for name, (call, _) in changes.items()})
        for name, (_, wish) in changes.items():
            self.apply(name, wish)
        try:
            held.wait_all()
            if when == "after":
                held.let_through()
            killed = self.stack.kill(part)
        finally:
            held.cut()
        self._arrived(held, when)
        self.stack.back(part, killed)
        self.settle(f"{part} died {when} {changes}")
        registered = {name: len(ids - known.get(name, set())) for name, ids in self.proxy.ids.items()}
        assert Counter(registered) == Counter(anew), "each once"

    @staticmethod
    def _arrived(held: Held, when: When) -> None:
        """Before: none had arrived. After: the platform did what each of them says."""
        if when == "before":
            assert held.answers == {}
        else:
            assert all(200 <= status < 300 for status in held.answers.values()), held.answers

    def apply(self, name: str, wish: Wish | None) -> None:
        self.wishes[name] = wish
        if wish is not None:
            self.stack.api.apply(algo(name, wish))
        elif self.stack.api.find(ALGO_DEPLOYMENTS, f"{name}.sandbox") is not None:
            self.stack.api.delete(ALGO_DEPLOYMENTS, f"{name}.sandbox")

    def settle(self, what: str) -> None:
        try:
            wait_until(self.settled, f"all is as it is wanted after {what}")
        except AssertionError as problem:
            raise AssertionError(f"{problem}; {self.tale()}") from None

    def settled(self) -> bool:
        """Whether platform and cluster have what is wanted, all of it, and nothing else."""
        try:
            rows = self.stack.platform("GET", "/v1/deployments")[1]["deployments"]
            objects = {obj["metadata"]["name"]: obj for obj in self.stack.api.list(ALGO_DEPLOYMENTS)}
        except (*AWAY, AssertionError):
            return False  # a part is still coming back
        twice = [name for name, count in Counter(row["name"] for row in rows).items() if count > 1]
        assert not twice, f"registered twice: {twice}"
        by_name = {row["name"]: row for row in rows}
        wanted = {name: wish for name, wish in self.wishes.items() if wish is not None}
        return (
            set(by_name) == set(wanted)
            and set(objects) == {f"{name}.sandbox" for name in wanted}
            and all(agree(by_name[name], objects[f"{name}.sandbox"], wish) for name, wish in wanted.items())
        )

    def tale(self) -> str:
        """What there is to know when it does not go on."""
        rows = self.stack.platform("GET", "/v1/deployments")[1]["deployments"]
        lines = [f"wanted: {self.wishes}", f"requests: {self.proxy.requests[-20:]}"]
        lines += [f"{row['name']}: {row['status']} {row['wasm_sha256']}" for row in rows]
        for obj in self.stack.api.list(ALGO_DEPLOYMENTS):
            lines.append(f"{obj['metadata']['name']}: {obj.get('status')}")
        return "\n".join(lines)


def agree(row: dict[str, Any], obj: dict[str, Any], wish: Wish) -> bool:
    """Whether one deployment is as it is wanted, and its object says so."""
    status = obj.get("status", {})
    ready = {c["type"]: c["status"] for c in status.get("conditions", [])}.get("Ready")
    return (
        row["wasm_sha256"] == wish.sha256
        and row["status"] in ALIVE[wish.state]
        and status.get("state") == wish.state
        and status.get("observedGeneration") == obj["metadata"]["generation"]
        and ready == "True"
        and status.get("deploymentId") == row["deployment_id"]
        and not status.get("pending")
    )


def algo(name: str, wish: Wish) -> dict[str, Any]:
    module = {"configMapRef": {"name": f"wasm-{wish.sha256}", "key": "algo.wasm"}, "sha256": wish.sha256}
    return {
        "apiVersion": API_VERSION,
        "kind": "AlgoDeployment",
        "metadata": {"name": f"{name}.sandbox"},
        "spec": {
            "deployment": name,
            "accountRef": {"name": "proxied"},
            "state": wish.state,
            "artifact": module,
            "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
            "risk": {"maxOrderRate": 5},
        },
    }


@pytest.fixture(scope="module")
def flock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flock]:
    """On a stack whose operator gives a lost registration 3 s to appear, not 30, lest each round take a minute."""
    stack = LocalStack(tmp_path_factory.mktemp("stack"))
    stack.env |= {"SEQUENCE_OPERATOR_CREATE_GRACE": "3s"}
    try:
        stack.up("--venue", "kraken")
        proxy = FaultProxy(int(stack.endpoint.rpartition(":")[2]))
        account = stack.api.get(PLATFORM_ACCOUNTS, "sandbox")
        spec = {**account["spec"], "endpoint": proxy.url, "pollInterval": "2s"}
        proxied = {
            "apiVersion": API_VERSION,
            "kind": account["kind"],
            "metadata": {"name": "proxied"},
            "spec": spec,
        }
        for obj in (*MODULES, proxied):
            stack.api.apply(obj)
        yield Flock(stack, proxy)
        proxy.close()
    finally:
        stack.down()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("part", ["operator", "paper-api", "edge-kraken", "apiserver"])
def test_one_death_in_the_middle_of_every_call(flock: Flock, part: str, when: When) -> None:
    flock.survives(part, when)
