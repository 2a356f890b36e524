"""Two real edges and NATS: every pair is measured while the algos are silent, and what fails is seen and heals."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

from sequence_paper.api.mesh_view import STALE_NS
from sequence_paper.mesh import connection
from sequence_paper.mesh.direct import DirectClient
from sequence_paper.mesh.wire import flow_subject
from sequence_paper.store import Store
from support.algos import build_algos
from support.paper import Paper
from support.processes import wait_until

VENUES = ("kraken", "coinbase")
_numbers = itertools.count(1)
Row = dict[str, Any]


class Mesh:
    """One deployment on two edges, as the API shows it."""

    def __init__(self, paper: Paper, algo: str, labels: dict[str, str], routes: list[Row] | None) -> None:
        self.paper, self.key = paper, paper.key(account=f"desk{next(_numbers)}")
        wait_until(
            lambda: [row["alive"] for row in self._get("/v1/edges")["edges"]] == [True] * len(VENUES),
            "the edges announce themselves",
        )
        body = {
            "name": "mesh",
            "wasm_base64": base64.b64encode(build_algos()[algo]).decode(),
            "symbols": ["BTC-USD"],
            "instances": [
                {"label": label, "venue": venue, "symbols": ["BTC-USD"]} for label, venue in labels.items()
            ],
            "mesh": None if routes is None else {"routes": routes},
            "start_immediately": True,
        }
        status, answer, _ = paper.request("POST", "/v1/deployments", self.key, body)
        assert status == 201, answer
        self.id = answer["deployment_id"]

    def _get(self, path: str) -> Any:
        status, answer, _ = self.paper.request("GET", path, self.key)
        assert status == 200, answer
        return answer

    def view(self) -> Row:
        return self._get(f"/v1/deployments/{self.id}/mesh")

    def links(self) -> dict[tuple[str, str], Row]:
        return {(link["from"], link["to"]): link for link in self.view()["links"]}

    def clocks(self) -> dict[str, Row]:
        rows = self._get("/v1/edges")["edges"]
        return {row["edge_id"]: clock for row in rows for clock in row["clock"]}

    def until(
        self, fact: Callable[[dict[tuple[str, str], Row]], Any], what: str
    ) -> dict[tuple[str, str], Row]:
        """Wait for something about the links; returns the links that showed it."""

        def looked() -> Any:
            links = self.links()
            return links if fact(links) else None

        found = wait_until(looked, f"{what}: {self.links()}")
        assert found is not None
        return found


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    paper = Paper(tmp_path_factory.mktemp("mesh"), dict.fromkeys(VENUES, ("--symbols", "BTC-USD")))
    try:
        yield paper.start()
    finally:
        paper.stop()


@pytest.fixture
def make_mesh(paper: Paper) -> Iterator[Callable[..., Mesh]]:
    """Deploy on an account of its own; it goes with the test, and edges that were ended meanwhile start again."""
    made: list[Mesh] = []

    def make(algo: str, labels: dict[str, str], routes: list[Row] | None = None) -> Mesh:
        made.append(Mesh(paper, algo, labels, routes))
        return made[-1]

    yield make
    for edge in paper.edges.values():
        if not edge.running():
            edge.start()
    for mesh in made:
        paper.request("DELETE", f"/v1/deployments/{mesh.id}", mesh.key)


def test_pairs_whose_algos_are_silent_are_measured_all_the_time(make_mesh) -> None:
    """Between edges, on one edge, allowed or not: p50 and p99 of probes, and both clocks within their bounds."""
    labels = {"a": "kraken", "b": "coinbase", "c": "kraken"}
    mesh = make_mesh("maker", labels, [{"from": "a", "to": "b"}])
    links = mesh.until(lambda found: all(link["probes"]["count"] >= 3 for link in found.values()), "probed")
    assert set(links) == {(x, y) for x in labels for y in labels if x != y}
    assert [pair for pair, link in links.items() if link["allowed"]] == [("a", "b")]
    for link in links.values():
        assert (link["source"], link["count"]) == ("probe", 0)
        assert link["p50_ns"] <= link["p99_ns"]
    apart, together = links[("a", "b")], links[("a", "c")]
    assert apart["p50_ns"] > 10_000, "two processes and a server between them"
    assert together["p50_ns"] < apart["p50_ns"]
    assert (together["offset_ns"], together["offset_bound_ns"]) == (0, 0)
    # One machine, one clock: the truth is 0, and it must be within what is said.
    for clock in wait_until(lambda: len(found := mesh.clocks()) == 2 and found, "both edges tell").values():
        assert abs(clock["offset_ns"]) <= clock["bound_ns"]
    before = links[("a", "b")]["probes"]["last_ns"]
    mesh.until(lambda found: found[("a", "b")]["probes"]["last_ns"] > before, "it goes on")


def test_the_figures_are_those_of_the_stored_samples(make_mesh) -> None:
    """Recomputed here from rows alone."""
    mesh = make_mesh("pair", {"left": "kraken", "right": "coinbase"})
    mesh.until(lambda found: all(link["count"] >= 3 for link in found.values()), "messages both ways")
    for edge in mesh.paper.edges.values():
        edge.stop()
    store = Store(mesh.paper.db)
    try:
        slots, tallies = store.mesh.slots(mesh.id), store.mesh.tallies(mesh.id)
    finally:
        store.close()
    for (start, end), link in mesh.links().items():
        samples = sorted(
            index for slot in slots[(start, end)] for index, n in slot.counts.items() for _ in range(n)
        )
        counted = {t.event: t.n for t in tallies if (t.from_label, t.to_label) == (start, end)}
        assert link["count"] == counted["delivered"] >= len(samples) > 0
        middle = samples[len(samples) // 2]
        shift = max(0, (middle >> 4) - 1)
        assert link["p50_ns"] == (middle - (shift << 4)) << shift


def test_a_bus_that_goes_away_is_seen_and_nothing_is_uncounted(make_mesh) -> None:
    mesh = make_mesh("pair", {"left": "kraken", "right": "coinbase"})
    mesh.until(lambda found: all(link["count"] >= 2 for link in found.values()), "messages both ways")
    mesh.paper.nats.kill()
    wait_until(lambda: mesh.view()["bus"] is False, "the API says so")
    links = mesh.until(
        lambda found: all(
            link["stale"] and link["messages"]["reasons"].get("bus_away", 0) and link["probes"]["lost"]
            for link in found.values()
        ),
        "stale, with what was lost",
    )
    assert all(link["last_ns"] < mesh.view()["as_of_ns"] - STALE_NS for link in links.values())
    mesh.paper.nats.start()
    known = {pair: link["count"] for pair, link in links.items()}
    mesh.until(
        lambda found: all(not link["stale"] and link["count"] > known[pair] for pair, link in found.items()),
        "it heals",
    )


def test_an_edge_that_dies_is_shown_with_its_age_and_what_it_missed_is_lost(make_mesh) -> None:
    mesh = make_mesh("pair", {"left": "kraken", "right": "coinbase"})
    mesh.until(lambda found: all(link["count"] >= 2 for link in found.values()), "messages both ways")
    mesh.paper.edges["coinbase"].kill()
    links = mesh.until(lambda found: all(link["stale"] for link in found.values()), "stale both ways")
    assert [place["alive"] for place in mesh.view()["instances"]] == [True, False]
    mesh.until(
        lambda found: (
            found[("left", "right")]["messages"]["sent"] > links[("left", "right")]["messages"]["sent"] + 1
        ),
        "the other goes on sending",
    )
    mesh.paper.edges["coinbase"].start()
    back = mesh.until(
        lambda found: (
            all(not link["stale"] for link in found.values())
            and found[("left", "right")]["messages"]["lost"] > 0
        ),
        "it is back, and knows that it missed some",
    )
    assert back[("left", "right")]["messages"]["reordered"] == 0

    def adds_up(found: dict[tuple[str, str], Row]) -> bool:
        ours = found[("left", "right")]["messages"]
        return bool(ours["count"] + ours["lost"] + ours["dropped"] == ours["sent"])

    mesh.until(adds_up, "what was sent is all accounted for, once both edges have stored the same second")


async def test_who_watches_hears_of_every_message(make_mesh) -> None:
    mesh = await asyncio.to_thread(make_mesh, "pair", {"left": "kraken", "right": "coinbase"})
    heard: list[Row] = []

    async def away() -> None:
        """Nothing depends on it."""

    command = mesh.paper.api.command
    nats_url = command[command.index("--nats") + 1]
    client = DirectClient()
    assert await connection.connect(client, nats_url, "watcher", away)
    await client.hear(flow_subject(mesh.id), lambda _, data: heard.append(orjson.loads(data)))

    async def both_ways() -> None:
        while {(flow["from"], flow["to"]) for flow in heard} < {("left", "right"), ("right", "left")}:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    await asyncio.wait_for(both_ways(), 60)
    await client.close()
    for flow in heard:
        assert (flow["bytes"], flow["dropped"], flow["skipped"]) == (8, False, 0)
        assert flow["latency_ns"] is None or flow["latency_ns"] >= 0
