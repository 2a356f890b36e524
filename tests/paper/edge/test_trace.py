"""The life of an order: complete, on one clock that never steps back, in the store together with the order itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from sequence_paper.edge.announce import announcements
from sequence_paper.feed.generated import open_generated
from sequence_paper.store import Store
from sequence_paper.store.records import EdgeWrites
from support.order_traces import AMEND, CANCEL, SECOND, SENT, action, scripted, traces
from support.stores import with_tables


async def test_a_resting_order_is_followed_from_the_book_to_its_fill(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5, 2_000_000), metadata={"commit": "abc", "uid": "u1"})
    await edge.converge()
    edge.tick(10)
    edge.feed(edge.trade(20, 99_940, 3_000_000, -1))  # prints through the bid
    (bid, trace), (ask, other) = traces(edge)
    assert [stage for stage, *_ in trace.steps] == [*SENT, "fill"]
    detail = {stage: detail for stage, _, _, detail in trace.steps}
    market = edge.markets["BTC-USD"]
    assert detail["decision"]["callback"] == "on_book"
    assert detail["decision"]["book_seq"] == trace.head.book["seq"] == market.book_seq
    assert (detail["decision"]["mid_1e9"], detail["routed"]["mid_1e9"]) == (100_000 * SECOND,) * 2
    decided = detail["decision"]
    assert decided["callback_end_ns"] - decided["callback_start_ns"] == decided["callback_ns"] > 0
    assert trace.steps[0][1] <= decided["callback_start_ns"]
    assert decided["callback_end_ns"] == trace.steps[1][1]
    assert detail["submitted"] == {
        "client_id": bid.client_key,
        "side": "buy",
        "order_type": "post_only",
        "qty_1e8": 2_000_000,
        "price_1e9": bid.price_1e9,
    }
    assert detail["risk"] == {"passed": True, "checks": {"max_open_orders": 32}}
    # Somebody's one bitcoin stands at that price already.
    assert detail["venue_ack"] == {
        "price_1e9": bid.price_1e9,
        "qty_1e8": 2_000_000,
        "ahead_1e8": 0,
        "rests": True,
    }
    (fill,) = edge.fills()
    assert detail["fill"] == {
        "fill_id": fill.fill_id,
        "price_1e9": fill.price_1e9,
        "qty_1e8": fill.qty_1e8,
        "fee_1e9": fill.fee_1e9,
        "liquidity": "maker",
        "remaining_1e8": 0,
        "feed_state": "ok",
        "certainty": "certain",
    }
    assert [feed for _, _, feed, _ in trace.steps] == [bid.created_ns] * 6 + [fill.ts_ns]
    head = trace.head
    assert (head.deployment_id, head.metadata) == (dep, {"commit": "abc", "uid": "u1"})
    assert head.wasm_sha256 == edge.get(dep).want.wasm_sha256
    assert head.decision_mid_1e9 == head.arrival_mid_1e9 == bid.decision_mid_1e9
    assert ask.status == "OPEN"
    assert other.steps[0][1:3] == trace.steps[0][1:3]  # one callback decided both


async def test_the_book_is_the_one_the_algo_saw(edge, algos) -> None:
    edge.deploy(algos["single01"])
    await edge.converge()
    edge.tick(10)
    shown = edge.markets["BTC-USD"].top(20)
    edge.feed(edge.delta(20, -1, 100_001, 5), edge.delta(20, 1, 99_999, 7))
    ((_, trace),) = traces(edge)
    book = trace.head.book
    assert ([(*level,) for level in book["bids"]], [(*level,) for level in book["asks"]]) == shown
    assert (book["state"], book["ts_ns"]) == ("ok", trace.steps[0][2])
    assert [stage for stage, *_ in trace.steps] == [*SENT, "fill"]


async def test_amends_and_a_cancel_name_the_callback_that_asked(edge) -> None:
    edge.deploy(scripted(action(), action(AMEND, 2 * 10**6), action(AMEND, 0), action(CANCEL)))
    await edge.converge()
    for at in (10, 20, 30, 40):
        edge.tick(at)
    ((order, trace),) = traces(edge)
    assert [stage for stage, *_ in trace.steps] == [*SENT, "amended", "amend_rejected", "cancelled"]
    amended, refused, cancelled = trace.steps[6:]
    assert amended[3]["qty_1e8"] == order.qty_1e8 == 2 * 10**6
    assert (amended[3]["kept_place"], amended[3]["by"], amended[3]["callback"]) == (False, "algo", "on_book")
    assert trace.steps[5][1] <= amended[3]["asked_ns"] <= amended[1]
    assert (refused[3]["check"], refused[3]["name"], refused[3]["wanted_qty_1e8"]) == (
        "request",
        "INVALID_PARAMS",
        0,
    )
    assert (cancelled[3]["reason"], cancelled[3]["by"]) == ("REQUESTED", "algo")
    assert refused[1] <= cancelled[3]["asked_ns"] <= cancelled[1]


async def test_an_order_that_a_stop_cancels_was_not_cancelled_by_the_algo(edge) -> None:
    dep = edge.deploy(scripted(action()))
    await edge.converge()
    edge.tick(10)
    edge.store.deployments.delete(edge.account, "sandbox", dep, set())
    await edge.converge()
    ((_, trace),) = traces(edge)
    assert trace.steps[-1][3] == {
        "reason": "REQUESTED",
        "remaining_1e8": 10**6,
        "possible_1e8": 0,
        "by": "edge",
    }


async def test_a_remainder_ends_with_its_reason(edge) -> None:
    edge.deploy(scripted(action(px=100_001, qty=3 * 10**8, how=2)))  # IOC for three times what is there
    await edge.converge()
    edge.tick(10)
    ((order, trace),) = traces(edge)
    assert order.status == "PARTIAL"
    assert [stage for stage, *_ in trace.steps] == [*SENT, "fill", "cancelled"]
    assert trace.steps[-1][3] == {"reason": "IOC_REMAINDER", "remaining_1e8": 2 * 10**8, "possible_1e8": 0}


LIMITS = [
    ({"max_order_notional_1e9": SECOND}, "max_order_notional_1e9", 990 * SECOND, SECOND),
    ({"max_position_1e8": 10**5}, "max_position_1e8", 10**6, 10**5),
    ({"max_price_deviation_bps": 1}, "max_price_deviation_bps", 99, 1),
]


@pytest.mark.parametrize(("risk", "check", "value", "limit"), LIMITS, ids=[row[1] for row in LIMITS])
async def test_a_refusal_names_the_limit_and_what_was_held_against_it(
    edge, risk: dict[str, int], check: str, value: int, limit: int
) -> None:
    edge.deploy(scripted(action()), risk=risk)
    await edge.converge()
    edge.tick(10)
    ((order, trace),) = traces(edge)
    assert [stage for stage, *_ in trace.steps] == ["decision", "submitted", "risk", "rejected"]
    refused, rejected = trace.steps[2][3], trace.steps[3][3]
    assert (refused["passed"], refused["check"], refused["value"], refused["limit"]) == (
        False,
        check,
        value,
        limit,
    )
    assert refused["checks"][check] == limit
    assert (rejected["by"], rejected["code"], rejected["name"]) == (
        "edge",
        order.reject_code,
        order.failure_reason,
    )


async def test_a_venue_refuses_with_its_own_word(edge) -> None:
    edge.deploy(scripted(action(px=100_001, how=4)))  # post-only at the ask
    await edge.converge()
    edge.tick(10)
    ((order, trace),) = traces(edge)
    assert [stage for stage, *_ in trace.steps] == [*SENT[:5], "rejected"]
    assert (trace.steps[-1][3]["by"], trace.steps[-1][3]["code"]) == ("venue", order.reject_code)


async def test_a_flood_of_rejects_leaves_as_many_traces_as_orders(edge) -> None:
    edge.deploy(scripted(*(action(qty=0) for _ in range(8))))
    await edge.converge()
    for at in range(8):
        edge.tick(10 + at)
    assert len(traces(edge)) == len(edge.orders()) == 3


async def test_a_flood_of_amends_is_counted_but_not_stored(edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sequence_paper.edge.tracer.MAX_STEPS", 8)
    edge.deploy(scripted(action(), *(action(AMEND, 10**6 + n * 10**5) for n in range(1, 6)), action(CANCEL)))
    await edge.converge()
    for at in range(7):
        edge.tick(10 + at)
    ((_, trace),) = traces(edge)
    assert Counter(stage for stage, *_ in trace.steps)["amended"] == 2
    assert trace.steps[-1][0] == "cancelled"
    assert trace.steps[-1][3]["skipped_amends"] == 3


async def test_a_quiet_callback_leaves_nothing(edge, algos) -> None:
    edge.deploy(algos["pair"])
    await edge.converge()
    edge.tick(10)
    assert traces(edge) == []


async def test_steps_are_told_once_they_are_stored(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    commit, failing = edge.store.commit, True

    def flaky(writes: EdgeWrites) -> None:
        if failing:
            raise ConnectionError
        commit(writes)

    edge.store.commit = flaky
    told: list[tuple[str, Any]] = []
    edge.journal.after_flush = lambda writes: told.extend(announcements(writes))
    edge.tick(10)
    with pytest.raises(ConnectionError):
        edge.journal.flush()
    assert not told
    failing = False
    found = traces(edge)
    steps = [orjson.loads(payload) for subject, payload in told if subject == f"trace.{dep}"]
    assert [(step["order_id"], step["n"]) for step in steps] == [
        (trace.head.order_id, n) for _, trace in found for n in range(6)
    ]
    stored = [step for _, trace in found for step in trace.steps]
    assert [(s["stage"], s["ts_ns"], s["feed_ns"], s["detail"]) for s in steps] == stored
    assert {step["label"] for step in steps} == {"main"}


async def test_a_whole_run_is_traced(host: Any, algos: Any, in_process_edge: Any, tmp_path: Path) -> None:
    feed = open_generated(venue="kraken", symbols=["BTC-USD"], seed=3)
    edge = in_process_edge(Store(with_tables(tmp_path / "long.db")), host, ("BTC-USD",))
    edge.core.prime(feed.prime())
    edge.deploy(algos["maker"], params=(0,))
    await edge.converge()
    edge.core.feed(feed.next_until(edge.core.now_ns + 30 * SECOND))
    found = traces(edge)
    assert len(found) == len(edge.orders()) > 20
    fills = {
        detail["fill_id"] for _, trace in found for stage, _, _, detail in trace.steps if stage == "fill"
    }
    assert fills == {fill.fill_id for fill in edge.fills()} != set()
    edge.store.close()
