"""The bus, an edge or the API goes, is seen to be gone, and comes back: what matters is complete at the end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.paper import Paper
from support.processes import wait_until

FEED = ("--seed", "7", "--pace", "5")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """A platform of one edge that a test may break, and has whole again at its end."""
    paper = Paper(tmp_path_factory.mktemp("alone"), {"kraken": FEED})
    try:
        yield paper.start()
    finally:
        paper.stop()


@pytest.fixture
def trading(alone, new_trader, algos):
    """(trader, deployment id): it has traded."""
    trader = new_trader(alone)
    wait_until(lambda: any(row["alive"] for row in trader.get("/edges")["edges"]), "the edge is there")
    dep = trader.deploy(algos["maker"])
    wait_until(lambda: trader.get("/fills?limit=1")["total"] > 0, "it trades")
    yield trader, dep
    alone.request("DELETE", f"/v1/deployments/{dep}", trader.key)


def test_without_the_bus_fills_come_all_the_same(alone, trading):
    trader, dep = trading
    listener = trader.listen("edges", "fills", f"logs:{dep}", "prices:BTC-USD")
    listener.first("edges", lambda state: state["bus"])
    listener.first("prices:BTC-USD", lambda price: price["source"] == "edge_nbbo")
    alone.nats.kill()
    gone = listener.first("edges", lambda state: not state["bus"])
    assert gone["edges"][0]["alive"], "the edge is there, it only cannot be heard"
    before = len(listener.data("fills"))
    wait_until(lambda: len(listener.data("fills")) > before, "fills go on")
    wait_until(lambda: listener.data("prices:BTC-USD")[-1]["source"] == "unavailable", "no price is believed")
    alone.nats.start()
    wait_until(lambda: listener.data("edges")[-1]["bus"], "the bus is back")
    wait_until(lambda: listener.data("prices:BTC-USD")[-1]["source"] == "edge_nbbo", "prices are back")
    trader.stop(dep)
    everything = trader.fills()
    first = listener.data("fills")[0]
    wait_until(lambda: listener.data("fills")[-1] == everything[-1], "all fills")
    assert listener.data("fills") == everything[everything.index(first) :]


def test_an_edge_that_dies_is_seen_and_comes_back(alone, trading):
    trader, dep = trading
    listener = trader.listen("edges", "prices:BTC-USD", "fills", f"deployment:{dep}")
    listener.first("prices:BTC-USD", lambda price: price["source"] == "edge_nbbo")
    alone.edges["kraken"].kill()
    gone = listener.first("edges", lambda state: not state["edges"][0]["alive"])
    assert gone["bus"] is True
    assert gone["edges"][0]["callback_latency_ns"] is None
    assert trader.get("/edges")["edges"][0]["alive"] is False
    wait_until(lambda: listener.data("prices:BTC-USD")[-1]["source"] == "unavailable", "no price is believed")
    assert trader.get("/quotes/BTC-USD?nowait=true")["source"] == "unavailable"
    alone.edges["kraken"].start()
    wait_until(lambda: listener.data("edges")[-1]["edges"][0]["alive"], "the edge is back")
    wait_until(lambda: listener.data("prices:BTC-USD")[-1]["source"] == "edge_nbbo", "prices are back")
    listener.first(f"deployment:{dep}", lambda event: event.get("status") == "running")
    before = len(listener.data("fills"))
    wait_until(lambda: len(listener.data("fills")) > before, "it trades again")


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_after_a_restart_of_the_api_a_client_goes_on_where_it_was(alone, trading, end):
    trader, dep = trading
    first = trader.listen("fills", f"logs:{dep}")
    wait_until(lambda: len(first.data("fills")) > 2 and first.data(f"logs:{dep}"), "some rows")
    assert getattr(alone.api, end)() in (None, 0), "an open stream keeps it from ending well"
    wait_until(first.closed.is_set, "the client sees it")
    alone.api.start()
    wait_until(alone.api_healthy, "the API is back")

    def last(channel: str) -> int:
        return [frame["seq"] for frame in first.frames if frame.get("channel") == channel][-1]

    after = {name: last(name) for name in ("fills", f"logs:{dep}")}
    second = trader.listen("fills", f"logs:{dep}", after=after)
    trader.stop(dep)
    everything, lines = trader.fills(), trader.logs(dep)
    for channel, all_rows in (("fills", everything), (f"logs:{dep}", lines)):
        seen = first.data(channel)
        missing = all_rows[all_rows.index(seen[-1]) + 1 :]
        wait_until(lambda c=channel, m=missing: len(second.data(c)) >= len(m), "what was missed")
        assert second.data(channel) == missing
        assert all_rows[all_rows.index(seen[0]) :] == seen + missing
