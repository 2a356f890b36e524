"""Events in, callbacks and orders out: what an algo does and sees, and what is stored of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sequence_paper.edge.host import Host
from sequence_paper.feed.generated import open_generated
from sequence_paper.mesh.wire import MeshMessage
from sequence_paper.store import Store
from support import wat
from support.stores import with_tables
from support.wat import NEW_ORDER, one_action

SECOND = 10**9


async def test_a_maker_quotes_fills_and_sees_its_position(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5, 2_000_000))
    await edge.converge()
    edge.tick(10)
    assert [(o.side, o.price_1e9, o.status, o.tif) for o in edge.orders()] == [
        ("buy", 99_950 * SECOND, "OPEN", "post_only"),
        ("sell", 100_050 * SECOND, "OPEN", "post_only"),
    ]
    edge.feed(edge.trade(20, 99_940, 3_000_000, -1))  # prints through the bid
    (fill,) = edge.fills()
    bid = edge.orders()[0]
    assert (bid.status, bid.filled_qty_1e8, bid.fees_1e9) == ("FILLED", 2_000_000, fill.fee_1e9)
    assert (fill.side, fill.price_1e9, fill.qty_1e8, fill.liquidity) == (
        "buy",
        99_950 * SECOND,
        2_000_000,
        "maker",
    )
    (position,) = edge.positions()
    assert (position.qty_1e8, position.avg_entry_1e9, position.fill_count) == (2_000_000, 99_950 * SECOND, 1)
    assert position.session_realized_pnl_1e9 == -fill.fee_1e9 == -position.fees_1e9
    assert edge.logs(dep) == ["config 1 half spread 5", "fill 1 qty 2000000 position 2000000"]
    edge.tick(30)  # the filled order is gone from the algo's view, so it quotes that side again
    assert [o.client_key for o in edge.orders() if o.status == "OPEN"] == [2, 3]


async def test_events_of_one_instant_are_one_book_update(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.feed(edge.delta(10, 1, 99_999, 0), edge.delta(10, -1, 100_001, 5), edge.delta(11, 1, 99_998, 5))
    assert edge.get(dep).update_count == 2
    edge.feed(edge.trade(12, 99_998, 1, -1))
    assert edge.get(dep).update_count == 2  # a print is no book update


async def test_heartbeats_come_once_a_second_of_feed_time(edge, algos) -> None:
    dep = edge.deploy(algos["pair"])
    await edge.converge()
    edge.core.advance(edge.core.now_ns + 3 * SECOND)
    assert edge.get(dep).callbacks == 3
    edge.tick(3 * SECOND + 5)
    edge.core.advance(edge.core.now_ns + 3600 * SECOND)
    assert edge.get(dep).callbacks == 4 + 5  # one book, and after a gap no flood


async def test_a_market_order_fills_and_notifies_after_the_callback(edge, algos) -> None:
    dep = edge.deploy(algos["single01"])
    await edge.converge()
    edge.tick(10)
    (fill,) = edge.fills()
    assert (fill.liquidity, fill.price_1e9) == ("taker", 100_001 * SECOND)
    assert edge.logs(dep) == ["filled 1 now 1000000"]
    assert edge.orders()[0].status == "FILLED"


@pytest.mark.parametrize(
    ("wasm", "code"),
    [
        (one_action(qty=0), "INVALID_PARAMS"),
        (one_action(qty=-5), "INVALID_PARAMS"),
        (one_action(px=0), "INVALID_PARAMS"),
        (one_action(px=-1), "INVALID_PARAMS"),
        (one_action(pool=1), "INVALID_PARAMS"),
        (one_action(symbol=2), "INVALID_PARAMS"),
        (one_action(venue=2), "BAD_VENUE"),
        (one_action(qty=1), "INVALID_PARAMS"),
        (one_action(px=100_001 * SECOND, kind_type=4), "INVALID_PARAMS"),
    ],
    ids=[
        "no size",
        "negative size",
        "no price",
        "huge price",
        "pool",
        "symbol",
        "venue",
        "dust",
        "crossing post-only",
    ],
)
async def test_impossible_orders_are_rejected_and_the_algo_goes_on(edge, wasm: bytes, code: str) -> None:
    dep = edge.deploy(wasm)
    await edge.converge()
    edge.tick(10)
    (order,) = edge.orders()
    assert (order.status, order.failure_reason) == ("REJECTED", code)
    hosted = edge.get(dep)
    assert (hosted.status, hosted.counts.rejected, len(hosted.orders)) == ("running", 1, 0)


async def test_an_order_id_is_used_once_at_a_time(edge) -> None:
    dep = edge.deploy(one_action(order_id=2**64 - 1))
    await edge.converge()
    edge.tick(10)
    edge.tick(20)
    first, second = edge.orders()
    assert (first.status, first.client_key) == ("OPEN", 2**64 - 1)
    assert (second.status, second.failure_reason) == ("REJECTED", "INVALID_PARAMS")
    assert list(edge.get(dep).orders) == [first.order_id]


async def test_a_flood_of_rejects_is_counted_but_not_stored(edge) -> None:
    dep = edge.deploy(one_action(qty=0))
    await edge.converge()
    for i in range(50):
        edge.tick(10 + i)
    assert edge.get(dep).counts.rejected == 50
    assert len(edge.orders()) == 3


async def test_an_intent_is_stored_for_the_platform_and_is_open_once(edge) -> None:
    dep = edge.deploy(one_action(kind=3, venue=2, kind_type=1))
    await edge.converge()
    edge.tick(10)
    edge.tick(20)
    (second,) = edge.orders()
    assert (second.status, second.failure_reason) == ("REJECTED", "INVALID_PARAMS")
    (row,) = edge.store.intents.open_on("venue-edge-kraken")
    assert (row.deployment_id, row.intent_id) == (dep, 1)
    assert (row.venue, row.policy) == ("coinbase", "aggressive_chase")
    # It counts as open on its side until the platform has said what became of it.
    hosted = edge.get(dep)
    assert hosted.risk_state(hosted.slots[0]).open_buy_1e8 == row.qty_1e8


@pytest.mark.parametrize(
    ("risk", "code"),
    [
        ({"max_position_1e8": 10**5}, "POSITION_LIMIT"),
        ({"max_order_notional_1e9": SECOND}, "RISK_CHECK_FAILED"),
        ({"max_price_deviation_bps": 1}, "PRICE_DEVIATION"),
        ({"max_open_orders": 1}, "RISK_CHECK_FAILED"),
    ],
)
async def test_limits_hold_before_an_order_leaves(edge, algos, risk: dict[str, int], code: str) -> None:
    dep = edge.deploy(algos["maker"], params=(50,), risk=risk)
    await edge.converge()
    edge.tick(10)
    assert [o.failure_reason for o in edge.orders() if o.status == "REJECTED"][-1] == code
    assert any(code in line for line in edge.logs(dep))


async def test_more_than_32_open_orders_are_refused(edge) -> None:
    # The order id counts up, so that every book update asks for one more resting order.
    wasm = wat.algo(
        "(global.set $id (i64.add (global.get $id) (i64.const 1)))"
        + NEW_ORDER.replace("(i64.const {id})", "(global.get $id)").format(
            px=99_000 * SECOND, qty=10**6, tail=1
        ),
        more="(global $id (mut i64) (i64.const 0))",
    )
    dep = edge.deploy(wasm)
    await edge.converge()
    for i in range(40):
        edge.tick(10 + i * SECOND)
    assert len(edge.get(dep).orders) == 32
    assert {o.reject_code for o in edge.orders() if o.status == "REJECTED"} == {100}


async def test_reduce_only_lets_nothing_but_reductions_pass(edge, algos) -> None:
    holder = edge.deploy(algos["single01"], name="mm")
    await edge.converge()
    edge.tick(10)  # now long 0.01
    edge.store.deployments.delete(edge.account, "sandbox", holder, set())
    await edge.converge()
    edge.deploy(algos["maker"], name="mm", params=(5, 1_000_000), risk={"reduce_only": True})
    await edge.converge()
    edge.tick(20)
    buy, sell = edge.orders()[1:]
    assert (buy.side, buy.status, buy.reject_code) == ("buy", "REJECTED", 100)
    assert (sell.side, sell.status) == ("sell", "OPEN")
    assert edge.core.roster.running[0].state_of_all()[1404] == 1


async def test_a_daily_loss_pauses_and_nothing_stays_open(edge, algos) -> None:
    dep = edge.deploy(algos["faulty"], params=(5,), risk={"max_daily_loss_1e9": SECOND})
    await edge.converge()
    edge.tick(10)  # one market order: its fee alone is above the limit
    hosted = edge.get(dep)
    assert hosted.status == "paused"
    assert hosted.pause_reason is not None and hosted.pause_reason.startswith("DAILY_LOSS_LIMIT")
    edge.tick(20)
    assert len(edge.orders()) == 1


FAULTS = {
    "loops": ("faulty", (1,), "OUT_OF_FUEL in algo_on_book_v3"),
    "panics": ("faulty", (2,), "UNREACHABLE in algo_on_book_v3"),
    "garbage": (wat.garbage(17), (), "GARBAGE_ACTIONS in algo_on_book_v3"),
    "grows": (wat.growing(300), (), "MEMORY_LIMIT in algo_on_book_v3"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_ends_only_the_instance_it_happened_in(edge, algos, name: str) -> None:
    what, params, says = FAULTS[name]
    wasm = algos[what] if isinstance(what, str) else what
    good = edge.deploy(algos["maker"], name="a-good-one", params=(5,))
    bad = edge.deploy(wasm, name="bad", params=params)
    late = edge.deploy(algos["maker"], name="z-another", params=(7,))
    await edge.converge()
    edge.tick(10)
    assert [edge.get(d).status for d in (good, bad, late)] == ["running", "paused", "running"]
    assert [edge.get(d).update_count for d in (good, bad, late)] == [1, 1, 1]
    edge.tick(20)
    assert [edge.get(d).update_count for d in (good, bad, late)] == [2, 1, 2]
    assert any(line.startswith(f"paused: {says}") for line in edge.logs(bad))
    edge.journal.flush()
    stored = edge.store.deployments.get(edge.account, "sandbox", bad)
    assert stored.instances[0].observed.status == "paused"
    assert stored.deployment.pause is not None and stored.deployment.pause["reason"].startswith(says)


async def test_a_fault_takes_the_resting_orders_along(edge) -> None:
    wasm = wat.algo(
        "(global.set $n (i32.add (global.get $n) (i32.const 1)))"
        "(if (i32.gt_u (global.get $n) (i32.const 1)) (then unreachable))"
        + NEW_ORDER.format(id=1, px=99_000 * SECOND, qty=10**6, tail=1),
        more="(global $n (mut i32) (i32.const 0))",
    )
    dep = edge.deploy(wasm)
    await edge.converge()
    edge.tick(10)
    assert edge.orders()[0].status == "OPEN"
    edge.tick(20)
    assert (edge.orders()[0].status, edge.get(dep).status) == ("CANCELLED", "paused")
    assert edge.markets["BTC-USD"].open_orders() == []


async def test_two_symbols_have_their_own_books_positions_and_ids(edge) -> None:
    # Buys 1.0 of whatever symbol id 2 is, whichever book calls.
    dep = edge.deploy(one_action(px=0, kind_type=1, qty=10**8, symbol=2), symbols=["BTC-USD", "ETH-USD"])
    await edge.converge()
    edge.tick(10)
    (order,) = edge.orders()
    assert (order.symbol, order.order_type) == ("ETH-USD", "market")
    assert [(p.symbol, p.qty_1e8) for p in edge.positions()] == [("ETH-USD", 10**8)]
    hosted = edge.get(dep)
    states = [bytes(hosted.state(slot)) for slot in hosted.slots]
    assert [s[1552] for s in states] == [1, 2]
    assert [int.from_bytes(s[:8], "little") for s in states] == [0, 10**8]


def counted(edge, dep: str) -> dict[tuple[str, str], dict[str, int]]:
    """What is stored of each pair of labels."""
    edge.journal.flush()
    found: dict[tuple[str, str], dict[str, int]] = {}
    for tally in edge.store.mesh.tallies(dep):
        found.setdefault((tally.from_label, tally.to_label), {})[tally.event] = tally.n
    return found


async def test_messages_between_instances_of_one_edge_follow_the_routes(edge, algos) -> None:
    dep = edge.deploy(
        algos["pair"], labels=("left", "right"), mesh={"routes": [{"from": "left", "to": "right"}]}
    )
    await edge.converge()
    edge.core.advance(edge.core.now_ns + SECOND)
    lines = edge.logs(dep)
    assert "heard 1 from left bytes 8" in lines
    assert sum("heard" in line for line in lines) == 1  # nothing flows from right to left
    edge.core.observe()
    edge.journal.flush()
    # The host knows the sender of a forbidden message by its label and counts it; the other way one got through.
    assert counted(edge, dep) == {
        ("left", "right"): {"sent": 1, "delivered": 1},
        ("right", "left"): {"no_route": 1},
    }
    (slot,) = edge.store.mesh.slots(dep)[("left", "right")]
    assert sum(slot.counts.values()) == 1


async def test_messages_to_and_from_other_edges(edge, algos) -> None:
    dep = edge.deploy(algos["pair"], labels=("left", "right"))
    await edge.converge()
    left, right = edge.get(dep, "left"), edge.get(dep, "right")
    edge.core.roster.forget(right)  # as if another edge hosted it
    left_with: list[int] = []
    edge.core.post.leave = lambda: left_with.append(len(edge.sent))
    edge.core.advance(edge.core.now_ns + SECOND)
    assert edge.sent == [(dep, "left", "right", (1).to_bytes(8, "little"))]
    edge.core.post.receive(left.key, "right", MeshMessage(1, 1, 5, b"ping"))
    assert edge.sent[1:] == [(dep, "left", "right", b"pong")]
    assert left_with == [1, 2], "each right behind its callback"
    edge.core.post.receive(left.key, "stranger", MeshMessage(1, 1, 5, b"x"))
    edge.core.post.receive(right.key, "left", MeshMessage(1, 1, 5, b"x"))
    edge.core.observe()
    edge.journal.flush()
    assert counted(edge, dep) == {
        ("right", "left"): {"delivered": 1},
        ("stranger", "left"): {"no_route": 1},
        ("left", "right"): {"not_here": 1},
    }


async def test_an_algo_sees_the_messages_of_a_sender_in_their_order_or_not_at_all(edge, algos) -> None:
    dep = edge.deploy(algos["pair"], labels=("left", "right"))
    await edge.converge()
    left = edge.get(dep, "left").key
    for epoch, seq in ((1, 3), (1, 4), (1, 7), (1, 6), (2, 2), (1, 8), (2, 3)):
        edge.core.post.receive(left, "right", MeshMessage(epoch, seq, 5, bytes(seq)))
    edge.core.observe()
    heard = [line for line in edge.logs(dep) if "from right" in line]
    assert [int(line.split()[-1]) for line in heard] == [3, 4, 7, 2, 3]
    # 5 and 6 were missing, then 6 came late; of the new process the first; the old one's 8 came after it.
    assert counted(edge, dep)[("right", "left")] == {"delivered": 5, "lost": 2, "reordered": 2, "late": 2}


async def test_a_flood_of_log_records_is_bounded_and_said(edge, algos) -> None:
    dep = edge.deploy(algos["pair"])
    await edge.converge()
    hosted = edge.get(dep)
    for i in range(2_500):
        edge.core.on_log(hosted, 9, b"caf\xc3", i == 0)
    lines = edge.logs(dep)
    assert edge.store.logs.head(dep) == 2_001
    assert lines[-1] == "500 log records dropped: at most 2000 are kept between two writes"
    first = edge.store.logs.read(dep, limit=1, after=0)[0].line
    assert (first.level, first.message) == (2, "caf�… [truncated]")


async def test_equal_feed_and_configuration_give_equal_rows(
    tmp_path: Path, host: Host, algos: dict[str, bytes], in_process_edge: Callable[..., object]
) -> None:
    def shape(rows: list[object]) -> list[tuple[object, ...]]:
        skipped = ("order_id", "fill_id", "deployment_id", "account_id")
        return [tuple(v for k, v in _fields(row) if k not in skipped) for row in rows]

    async def run(name: str) -> list[list[tuple[object, ...]]]:
        edge = in_process_edge(Store(with_tables(tmp_path / f"{name}.db")), host)
        feed = open_generated(venue="kraken", symbols=["BTC-USD"], seed=3, start_ns=edge.core.now_ns)
        edge.core.prime(feed.prime())
        for deployment, spread in (("a", 0), ("b", 1)):
            edge.deploy(algos["maker"], name=deployment, params=(spread,), risk={"max_position_1e8": 10**7})
        await edge.converge()
        end = edge.core.now_ns + 60 * SECOND
        while (now := feed.peek_ns()) is not None and now < end:
            edge.core.feed(feed.next_until(now + SECOND))
        edge.core.observe()
        return [shape(edge.orders()), shape(edge.fills()), shape(edge.positions())]

    first, second = await run("one"), await run("two")
    assert first == second
    assert all(first), "a run without orders, fills or positions proves nothing"


def _fields(row: object) -> list[tuple[str, object]]:
    return [(name, getattr(row, name)) for name in row.__dataclass_fields__]  # type: ignore[attr-defined]
