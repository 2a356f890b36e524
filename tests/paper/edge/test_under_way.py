"""An edge with latency: when requests arrive, when the algo hears, and what becomes of what is under way."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from sequence_paper.edge.wires import NEVER_NS, Wires
from sequence_paper.feed.events import Event, FeedState, FeedStatus
from sequence_paper.store import Store
from sequence_paper.venue.latency import Latency, parse
from support.order_traces import AMEND, CANCEL, SECOND, action, scripted, traces
from support.stores import with_tables

MS = 10**6
POST = 4


def legs(feed: float = 1, entry: float = 10, response: float = 5) -> Latency | None:
    return parse(f"constant:{feed},{entry},{response}", "kraken", 1)


def steps(edge) -> list[list[tuple[str, int]]]:
    """(stage, feed time since the start in ms) of each order, from the moment it was sent."""
    return [
        [(stage, (feed - edge.began) // MS) for stage, _, feed, _ in trace.steps if stage not in EARLY]
        for _, trace in traces(edge)
    ]


EARLY = ("decision", "submitted", "risk", "routed")


async def deployed(make_edge, wasm, **more):
    edge = make_edge(latency=legs(**more))
    edge.began = edge.core.now_ns
    dep = edge.deploy(wasm)
    await edge.converge()
    return edge, dep


async def test_an_order_arrives_after_feed_and_entry_and_the_algo_hears_after_response(make_edge):
    edge, dep = await deployed(make_edge, scripted(action(how=POST)))
    edge.tick(0)
    assert [o.status for o in edge.orders()] == ["NEW"]
    edge.tick(11 * MS)  # an event of the instant it arrives at comes before it
    assert len(edge.markets["BTC-USD"].open_orders()) == 1
    edge.tick(16 * MS - 1)
    assert [o.status for o in edge.orders()] == ["NEW"]
    edge.tick(16 * MS)
    assert [o.status for o in edge.orders()] == ["OPEN"]
    assert steps(edge) == [[("sent", 0), ("venue_ack", 11)]]
    assert traces(edge)[0][1].steps[-1][3]["heard_ns"] == edge.began + 16 * MS
    assert len(edge.get(dep).orders) == 1


async def test_an_order_meets_the_book_of_its_arrival_not_of_its_decision(make_edge):
    edge, _ = await deployed(make_edge, scripted(action(px=100_001, how=2)))
    edge.tick(0)
    edge.feed(edge.delta(5 * MS, -1, 100_001, 0))  # the offer it was meant for is gone by then
    edge.core.advance(edge.began + SECOND)
    (order,) = edge.orders()
    assert (order.status, order.filled_qty_1e8, edge.fills()) == ("CANCELLED", 0, [])


async def test_a_fill_before_the_cancel_arrives_wins(make_edge):
    edge, dep = await deployed(make_edge, scripted(action(), action(CANCEL)))
    edge.tick(0)
    edge.tick(20 * MS)  # the cancel leaves, and will arrive at 31 ms
    edge.feed(edge.trade(30 * MS, 98_000, 10**6, -1))
    edge.core.advance(edge.began + SECOND)
    (order,) = edge.orders()
    assert (order.status, order.filled_qty_1e8) == ("FILLED", 10**6)
    assert steps(edge) == [[("sent", 0), ("venue_ack", 11), ("fill", 30)]]
    assert edge.positions()[0].qty_1e8 == 10**6
    assert edge.get(dep).counts.filled == 1


async def test_a_cancel_that_arrives_first_wins(make_edge):
    edge, _ = await deployed(make_edge, scripted(action(), action(CANCEL), action(CANCEL)))
    edge.tick(0)
    edge.tick(20 * MS)
    edge.tick(21 * MS)  # asked again: one is on its way already
    edge.feed(edge.trade(32 * MS, 98_000, 10**6, -1))
    edge.core.advance(edge.began + SECOND)
    assert steps(edge) == [[("sent", 0), ("venue_ack", 11), ("cancelled", 31)]]
    assert edge.fills() == []


async def test_messages_of_one_owner_do_not_overtake_one_another(make_edge):
    edge, _ = await deployed(make_edge, scripted(action(), action(AMEND, px=98_500), action(CANCEL)))
    for ts in (0, 1, 2):
        edge.tick(ts)
    edge.core.advance(edge.began + SECOND)
    assert [stage for stage, _ in steps(edge)[0]] == ["sent", "venue_ack", "amended", "cancelled"]


async def test_an_amend_of_an_order_that_has_filled_meanwhile_is_refused_and_told(make_edge):
    edge, dep = await deployed(make_edge, scripted(action(), action(AMEND, px=98_500)))
    edge.tick(0)
    edge.tick(20 * MS)
    edge.feed(edge.trade(30 * MS, 98_000, 10**6, -1))
    edge.core.advance(edge.began + SECOND)
    assert [o.status for o in edge.orders()] == ["FILLED"]
    assert edge.get(dep).counts.rejected == 1


async def test_what_is_under_way_when_the_edge_dies_has_never_arrived(make_edge):
    edge, _ = await deployed(make_edge, scripted(action()))
    edge.tick(0)
    assert [o.status for o in edge.orders()] == ["NEW"]
    again = make_edge(latency=legs())
    await again.converge()
    assert [(o.status, o.failure_reason) for o in again.orders()] == [("CANCELLED", "EDGE_RESTARTED")]
    assert again.markets["BTC-USD"].open_orders() == []


async def test_what_had_been_heard_when_the_edge_died_rests_again(make_edge):
    edge, _ = await deployed(make_edge, scripted(action()))
    edge.tick(0)
    edge.core.advance(edge.began + 20 * MS)
    assert [o.status for o in edge.orders()] == ["OPEN"]
    again = make_edge(latency=legs())
    await again.converge()
    assert [o.status for o in again.orders()] == ["OPEN"]
    assert len(again.markets["BTC-USD"].open_orders()) == 1


@pytest.mark.parametrize(("at_ms", "filled"), [(5, 0), (13, 0), (40, 10**6)])
async def test_a_sweep_loses_no_fill_that_the_venue_has_made(make_edge, at_ms, filled):
    """Whether the order, its acknowledgement or its fill is under way."""
    edge, dep = await deployed(make_edge, scripted(action()))
    edge.tick(0)
    if filled:
        edge.feed(edge.trade((at_ms - 1) * MS, 98_000, filled, -1))
    edge.core.advance(edge.began + at_ms * MS)
    edge.core.executions.sweep(edge.get(dep), edge.core.now_ns)
    (order,) = edge.orders()
    assert (order.status, order.filled_qty_1e8) == ("FILLED" if filled else "CANCELLED", filled)
    assert [p.qty_1e8 for p in edge.positions()] == ([filled] if filled else [])
    edge.core.advance(edge.began + SECOND)
    assert edge.markets["BTC-USD"].open_orders() == []
    assert len(edge.orders()) == 1
    assert len(edge.fills()) == bool(filled)


async def test_a_fill_that_pauses_the_algo_leaves_no_other_fill_unheard(make_edge):
    """The first of two fills breaks the daily loss limit by its fee, while the second is under way."""
    edge = make_edge(latency=legs())
    edge.began = edge.core.now_ns
    dep = edge.deploy(scripted(action(qty=2 * 10**6)), risk={"max_daily_loss_1e9": 1})
    await edge.converge()
    edge.tick(0)
    edge.core.advance(edge.began + 20 * MS)
    edge.feed(edge.trade(30 * MS, 98_000, 10**6, -1), edge.trade(31 * MS, 98_000, 10**6, -1))
    edge.core.advance(edge.began + SECOND)
    (order,) = edge.orders()
    assert edge.get(dep).status == "paused"
    assert (order.status, order.filled_qty_1e8, len(edge.fills())) == ("FILLED", 2 * 10**6, 2)
    assert edge.positions()[0].qty_1e8 == 2 * 10**6


def test_what_is_heard_may_make_everything_else_heard_once():
    """Also while the wires deliver, and when hearing is nested."""
    wires, heard = Wires(legs(response=1)), []

    def hear(name: str) -> Callable[[int], None]:
        def act(at: int) -> None:
            heard.append(name)
            wires.recall("gone")
            wires.settle("algo", at)

        return act

    for name in "abc":
        wires.to_algo("algo", name, 0, hear(name))
        wires.to_venue("algo", "gone", 0, hear("gone"))
    wires.run(SECOND, lambda _: None)
    assert (heard, wires.due_ns) == (["a", "b", "c"], NEVER_NS)


async def test_at_the_end_of_the_feed_everything_arrives(make_edge):
    edge, _ = await deployed(make_edge, scripted(action()))
    edge.tick(0)
    edge.feed(FeedStatus("BTC-USD", edge.began + 1, FeedState.ENDED))
    edge.core.ended()
    (order,) = edge.orders()
    assert (order.status, order.failure_reason, order.updated_ns) == (
        "REJECTED",
        "STALE_VENUE",
        edge.began + 1,
    )


def busy(edge) -> list[list[Event]]:
    """Events of one instant each: a touch that moves, and prints through what stands ten dollars off."""
    dice = random.Random(5)
    out: list[list[Event]] = []
    for n in range(1, 300):
        ts, side = n * 3 * MS, dice.choice((1, -1))
        out.append([edge.delta(ts, side, 100_000 - side * dice.randint(1, 9), dice.randint(1, 10**8))])
        if n % 4 == 0:
            side = dice.choice((1, -1))
            out[-1].append(edge.trade(ts, 100_000 + side * 15, 10**6, side))
    return out


@pytest.mark.parametrize("cut", ["one by one", "with pauses"])
async def test_how_the_feed_is_cut_into_slices_changes_nothing(in_process_edge, host, algos, tmp_path, cut):
    """Against the same events at once; deployments have other ids then, too."""
    told = []
    for number, how in enumerate(("at once", cut)):
        store = Store(with_tables(tmp_path / f"{number}.db"))
        edge = in_process_edge(store, host, latency=parse("venue", "kraken", 7))
        edge.deploy(algos["maker"], params=(1, 2_000_000))
        await edge.converge()
        instants = busy(edge)
        if how == "at once":
            edge.core.feed([event for instant in instants for event in instant])
        else:
            for instant in instants:
                while how == "with pauses" and edge.core.wires.due_ns < instant[0].ts_ns:
                    edge.core.advance(edge.core.wires.due_ns)
                edge.core.feed(instant)
        told.append(
            [(f.side, f.price_1e9, f.qty_1e8, f.ts_ns, f.mid_1e9, f.certainty) for f in edge.fills()]
            + [(o.client_key, o.status, o.created_ns, o.updated_ns) for o in edge.orders()]
        )
        store.close()
    assert len(told[0]) > 40
    assert told[0] == told[1]
