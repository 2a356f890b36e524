"""The mesh as the API shows it, recomputed from what is stored."""

from __future__ import annotations

import itertools
import time

import pytest

from sequence_paper.api.mesh_view import STALE_NS, clocks, mesh_view
from sequence_paper.histogram import bucket, lower_edge
from sequence_paper.mesh.window import WINDOW_NS
from sequence_paper.store.mesh_records import EdgeLink, EdgeSlot, MeshSlot, MeshTally, MeshWrites
from sequence_paper.store.records import EdgeWrites, NewDeployment, NewInstance

from .conftest import WASM

KRAKEN, COINBASE = "venue-edge-kraken", "venue-edge-coinbase"
US = 1_000
_numbers = itertools.count(1)


@pytest.fixture
def pair(desk):
    """A deployment on two edges whose routes lead one way."""
    instances = [
        {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"]},
        {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"]},
    ]
    return desk.create(instances=instances, mesh={"routes": [{"from": "maker", "to": "hedger"}]})


@pytest.fixture
def stored(desk):
    """The same on two edges that no other test writes about."""
    number = next(_numbers)
    places = [("maker", f"edge-{number}-a"), ("hedger", f"edge-{number}-b")]
    instances = [NewInstance(label, "kraken", "spot", ["BTC-USD"], edge) for label, edge in places]
    mesh = {"routes": [{"from": "maker", "to": "hedger"}]}
    new = NewDeployment("pair", WASM, ["BTC-USD"], instances, "running", mesh=mesh)
    return desk.store.deployments.create(desk.account.account_id, desk.mode, new)


@pytest.fixture
def view(desk, stored):
    """The answer's own function at a time of choice."""

    def at(now: int):
        mine = (desk.account.account_id, desk.mode, stored.deployment.deployment_id)
        found = desk.store.deployments.get(*mine)
        links = mesh_view(desk.store, {}, found, now)["links"]
        return {(link["from"], link["to"]): link for link in links}

    return at


def write(desk, **more) -> None:
    desk.store.commit(EdgeWrites(mesh=MeshWrites(**more)))


def floor(nanos: int) -> int:
    """What a histogram makes of a latency."""
    return lower_edge(bucket(nanos))


def test_every_ordered_pair_has_a_row_before_anything_was_measured(desk, pair):
    answer = desk.ok("GET", f"/deployments/{pair['deployment_id']}/mesh")
    links = {(link["from"], link["to"]): link for link in answer["links"]}
    assert set(links) == {("maker", "hedger"), ("hedger", "maker")}
    assert [links[p]["allowed"] for p in (("maker", "hedger"), ("hedger", "maker"))] == [True, False]
    assert links[("maker", "hedger")]["messages"]["count"] == 0
    assert (answer["bus"], answer["window_ns"]) == (True, WINDOW_NS)
    assert answer["instances"][1] | {"feed": None, "status": ""} == {
        "label": "hedger",
        "venue": "coinbase",
        "edge_id": COINBASE,
        "region": "local",
        "alive": True,
        "feed": None,
        "status": "",
    }


def test_probes_speak_for_a_silent_pair_and_grow_stale(desk, stored, view):
    now = time.time_ns()
    edges = [instance.edge_id for instance in stored.instances]
    write(
        desk,
        edge_slots=[EdgeSlot(*edges, now, {bucket(300 * US): 9, bucket(900 * US): 1}, 2, 1)],
        edge_links=[EdgeLink(*edges, -40, 150 * US, now)],
    )
    link = view(now + STALE_NS)[("maker", "hedger")]
    assert (link["source"], link["stale"], link["count"], link["last_ns"]) == ("probe", False, 0, now)
    assert (link["p50_ns"], link["p99_ns"]) == (floor(300 * US), floor(900 * US))
    assert link["probes"] | {"count": 10, "lost": 2, "reordered": 1} == link["probes"]
    assert (link["offset_ns"], link["offset_bound_ns"]) == (-40, 150 * US)
    assert view(now + STALE_NS + 1)[("maker", "hedger")]["stale"]
    gone = view(now + WINDOW_NS)[("maker", "hedger")]
    assert (gone["stale"], gone["p50_ns"], gone["last_ns"]) == (True, None, now)  # no figure, only its age


def test_messages_speak_for_themselves_and_every_drop_is_named(desk, stored, view):
    now, labels = time.time_ns(), (stored.deployment.deployment_id, "maker", "hedger")
    edges = [instance.edge_id for instance in stored.instances]
    events = {"sent": 12, "delivered": 7, "lost": 1, "inbox_full": 3, "late": 1, "reordered": 1}
    write(
        desk,
        tallies=[MeshTally(*labels, event, n, now + n) for event, n in events.items()],
        slots=[MeshSlot(*labels, now, {bucket(400 * US): 7})],
        edge_slots=[EdgeSlot(*edges, now, {bucket(300 * US): 10}, 0, 0)],
    )
    link = view(now)[("maker", "hedger")]
    assert (link["source"], link["p50_ns"], link["last_ns"]) == ("message", floor(400 * US), now + 7)
    assert (link["count"], link["dropped"]) == (7, 4)
    assert link["messages"] == {
        "sent": 12,
        "count": 7,
        "dropped": 4,
        "lost": 1,
        "reordered": 1,
        "reasons": {"inbox_full": 3, "late": 1},
        "p50_ns": floor(400 * US),
        "p99_ns": floor(400 * US),
        "last_ns": now + 7,
    }
    later = view(now + WINDOW_NS)[("maker", "hedger")]
    assert (later["source"], later["count"], later["messages"]["p50_ns"]) == ("probe", 7, None)


def test_edges_tell_the_clocks_of_the_others(desk):
    now = time.time_ns()
    write(
        desk,
        edge_links=[
            EdgeLink(COINBASE, KRAKEN, 25 * US, 150 * US, now),
            EdgeLink(COINBASE, COINBASE, 0, 0, now),
        ],
    )
    (row,) = clocks(desk.store, now + STALE_NS)[COINBASE]
    assert (row["edge_id"], row["offset_ns"], row["bound_ns"], row["stale"]) == (
        KRAKEN,
        25 * US,
        150 * US,
        False,
    )
    rows = {edge["edge_id"]: edge for edge in desk.ok("GET", "/edges")["edges"]}
    assert [clock["edge_id"] for clock in rows[COINBASE]["clock"]] == [KRAKEN]


def test_somebody_elses_deployment_has_no_mesh(desk, pair, new_desk):
    new_desk().error(404, "GET", f"/deployments/{pair['deployment_id']}/mesh")
