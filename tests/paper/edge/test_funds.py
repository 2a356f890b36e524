"""Balances on an edge: read when somebody gives or takes, kept over a death, the same in a repetition."""

from __future__ import annotations

from typing import Any

from sequence_paper.edge.funds import FundsWatch
from sequence_paper.edge.gateway import Gateway
from sequence_paper.edge.resetting import Resetter
from sequence_paper.replay.make import build
from sequence_paper.replay.run import run
from sequence_paper.store.sandbox import Given
from sequence_paper.venue.orders import RejectCode
from support.wat import one_action

SECOND = 10**9
USD = BTC = 10**9


def give(edge: Any, dollars: int | None = None, coins: float | None = None, *, replace: bool = False) -> None:
    rows = [
        Given("kraken", kind, asset, int(qty * 10**8), 10**9, 1)
        for kind, asset, qty in (("fiat", "USD", dollars), ("crypto", "BTC", coins))
        if qty is not None
    ]
    edge.store.sandbox.write(edge.account, rows, replace=replace)


def wallet(edge: Any) -> Any:
    return edge.markets["BTC-USD"].wallets.of(f"{edge.account}/sandbox")


class Hands:
    """Trades at an edge as clients do; the watch of what it has stands beside."""

    def __init__(self, edge: Any) -> None:
        self.edge, self.number = edge, 0
        self.gateway = Gateway(edge.core.roster.edge_id, edge.core, edge.guests, edge.store, self._flush)
        self.gateway.open()
        self.watch = FundsWatch(edge.core, edge.store.funds, "kraken")
        self.watch.begin()

    async def _flush(self) -> None:
        self.edge.journal.flush()

    async def order(self, side: str, qty: float, px: float, **more: Any) -> dict[str, Any]:
        self.number += 1
        asked = {
            "op": "submit",
            "order_id": f"graph:g{self.number}:n:1",
            "parent_id": None,
            "account_id": self.edge.account,
            "mode": "sandbox",
            **dict.fromkeys(("deployment_id", "deployment", "label"), ""),
            "symbol": "BTC-USD",
            "side": side,
            "order_type": "limit",
            "tif": "gtc",
            "qty_1e8": int(qty * 10**8),
            "price_1e9": int(px * 10**9),
            "until_ns": 2**62,
        }
        answer = await self.gateway.answer(asked | more)
        return dict(answer["order"])


async def test_what_is_given_holds_at_once_and_not_only_after_a_start(make_edge) -> None:
    edge = make_edge()
    hands = Hands(edge)
    assert (await hands.order("sell", 5, 100_500))["status"] == "OPEN"  # nothing is counted yet
    give(edge, coins=5.5)
    await hands.watch.read()
    assert wallet(edge).free("BTC") == BTC // 2
    refused = await hands.order("sell", 1, 100_500)
    assert (refused["status"], refused["reject_code"]) == ("REJECTED", RejectCode.INSUFFICIENT_BALANCE)
    give(edge, replace=True)
    await hands.watch.read()
    assert (await hands.order("sell", 1, 100_500))["status"] == "OPEN"


async def test_a_dead_edge_comes_back_with_balances_and_holds(make_edge) -> None:
    edge = make_edge()
    hands = Hands(edge)
    give(edge, dollars=300_000)
    await hands.watch.read()
    await hands.order("buy", 1, 99_000)
    await hands.order("buy", 0.5, 100_001)
    before = (dict(wallet(edge).balances), wallet(edge).held("USD"))
    assert before[0]["USD"] < 250_000 * USD
    edge.store.close()
    edge = make_edge()
    Hands(edge)
    await edge.converge()
    assert (dict(wallet(edge).balances), wallet(edge).held("USD")) == before


async def test_a_reset_brings_what_the_settings_say(make_edge) -> None:
    edge = make_edge()
    hands = Hands(edge)
    give(edge, dollars=200_000)
    await hands.watch.read()
    await hands.order("buy", 0.5, 100_001)
    seed = Given("kraken", "fiat", "USD", 7 * 10**8, 10**9, 1)
    edge.core.observe()  # a mark is written after the rows were wiped
    edge.store.sandbox.reset(edge.account, [seed])
    resetter = Resetter(edge.core, edge.store.sandbox, "kraken", hands._flush, hands.watch.read)
    assert await resetter.answer({"account_id": edge.account}) == {}
    assert wallet(edge).balances == {"USD": 7 * USD}
    assert edge.positions() == []
    assert (await hands.order("sell", 0.1, 99_999, reduce_only=True))["reject_code"] == 2  # nothing is held


async def test_a_good_till_time_order_ends_on_the_feeds_clock_also_after_a_death(make_edge) -> None:
    edge = make_edge()
    hands = Hands(edge)
    sent = [await hands.order("buy", 1, 99_000, tif="gtd", ttl_ms=ms) for ms in (1_500, 60_000)]
    assert [order["status"] for order in sent] == ["OPEN", "OPEN"]
    edge.core.advance(edge.core.now_ns + 3 * SECOND)  # without an event
    first, second = edge.orders()
    assert (first.status, first.failure_reason, first.tif) == ("CANCELLED", "EXPIRED", "gtd")
    assert (second.status, second.expire_ns) == ("OPEN", second.created_ns + 60 * SECOND)
    edge.store.close()
    edge = make_edge()
    Hands(edge)
    await edge.converge()
    edge.tick(30 * SECOND)
    assert edge.orders()[1].status == "OPEN"
    edge.tick(90 * SECOND)
    assert edge.orders()[1].failure_reason == "EXPIRED"


async def test_an_algo_may_say_for_how_long_an_order_is_good(make_edge) -> None:
    edge = make_edge()
    edge.deploy(one_action(ttl_ms=700))
    await edge.converge()
    edge.tick(10)
    (order,) = edge.orders()
    assert (order.tif, order.expire_ns) == ("gtd", order.created_ns + 700 * 10**6)


async def test_a_reduce_only_order_knows_what_algos_and_clients_hold(make_edge) -> None:
    edge = make_edge()
    hands = Hands(edge)
    assert (await hands.order("sell", 1, 101_000, reduce_only=True))["status"] == "REJECTED"
    await hands.order("buy", 0.25, 100_001)
    await hands.order("sell", 1, 101_000, reduce_only=True)
    row = edge.orders()[-1]
    assert (row.status, row.qty_1e8, row.reduce_only) == ("OPEN", 25_000_000, True)
    edge.store.close()
    edge = make_edge()  # and the next process knows it, too
    hands = Hands(edge)
    await edge.converge()
    await hands.order("sell", 0.25, 99_999, order_id="graph:close:n:1")
    rows = {order.order_id: order for order in edge.orders()}
    assert rows[row.order_id].failure_reason == "REDUCE_ONLY"
    assert edge.positions()[0].qty_1e8 == 0


def test_a_repetition_has_the_same_balances(algos) -> None:
    def story(**more: Any) -> tuple[str, int]:
        capsule = build(algos["maker"], venue="kraken", symbols=["BTC-USD"], seconds=8, **more)
        outcome = run(capsule)
        poor = sum(order.failure_reason == "INSUFFICIENT_BALANCE" for order in outcome.kept.orders.values())
        return outcome.log.digest(), poor

    free, rich = story(), story(balances={"USD": 10**9 * USD, "BTC": 10**6 * BTC})
    poor, again = (story(balances={"USD": 1_000 * USD, "BTC": 0}) for _ in range(2))
    assert free == rich
    assert poor == again != free
    assert poor[1] > 0
