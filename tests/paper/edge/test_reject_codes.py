"""Every reject code of the interface at its cause, or the reason why nothing here can cause it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.edge.funds import FundsWatch
from sequence_paper.edge.gateway import Gateway
from sequence_paper.edge.switches import SwitchWatch
from sequence_paper.feed.events import FeedState, FeedStatus
from sequence_paper.store.sandbox import Given
from sequence_paper.venue.orders import RejectCode
from support.wat import one_action

DOC = Path(__file__).parents[3] / "docs" / "paper.md"


async def too_poor(edge: Any, algos: Any) -> None:
    edge.store.sandbox.write(
        edge.account, [Given("kraken", "fiat", "USD", 5 * 10**8, 10**9, 1)], replace=False
    )
    FundsWatch(edge.core, edge.store.funds, "kraken").begin()
    edge.deploy(one_action())
    await edge.converge()
    edge.tick(10)


async def impossible(edge: Any, algos: Any) -> None:
    edge.deploy(one_action(qty=0))
    await edge.converge()
    edge.tick(10)


async def too_large(edge: Any, algos: Any) -> None:
    edge.deploy(one_action(), risk={"max_order_notional_1e9": 1})
    await edge.converge()
    edge.tick(10)


async def too_long(edge: Any, algos: Any) -> None:
    edge.deploy(one_action(), risk={"max_position_1e8": 1})
    await edge.converge()
    edge.tick(10)


async def killed(edge: Any, algos: Any) -> None:
    edge.deploy(one_action())
    await edge.converge()
    edge.store.switches.put_on(edge.account, "sandbox", "enough")
    await SwitchWatch(edge.core.switches, edge.store).read()
    edge.tick(10)


async def too_far(edge: Any, algos: Any) -> None:
    edge.deploy(one_action(px=90_000 * 10**9), risk={"max_price_deviation_bps": 100})
    await edge.converge()
    edge.tick(10)


async def lost_before(edge: Any, algos: Any) -> None:
    """The session's loss belongs to the deployment's name: it holds for whoever comes after under it."""
    loser = edge.deploy(algos["faulty"], params=(5,), name="mm")
    await edge.converge()
    edge.tick(10)
    edge.store.deployments.delete(edge.account, "sandbox", loser, set())
    await edge.converge()
    edge.deploy(one_action(order_id=9), name="mm", risk={"max_daily_loss_1e9": 1})
    await edge.converge()
    edge.tick(20)
    (hosted,) = edge.core.roster.hosted.values()
    assert hosted.status == "paused"


async def nowhere(edge: Any, algos: Any) -> None:
    edge.deploy(one_action(venue=2))
    await edge.converge()
    edge.tick(10)


async def in_doubt(edge: Any, algos: Any) -> None:
    """Called by the book of one symbol, it trades another whose feed has a hole."""
    edge.deploy(one_action(symbol=2), symbols=["BTC-USD", "ETH-USD"])
    await edge.converge()
    edge.feed(FeedStatus("ETH-USD", edge.core.now_ns + 1, FeedState.GAP))
    edge.tick(10)


CAUSES: dict[RejectCode, Callable[[Any, Any], Awaitable[None]]] = {
    RejectCode.INSUFFICIENT_BALANCE: too_poor,
    RejectCode.INVALID_PARAMS: impossible,
    RejectCode.RISK_CHECK_FAILED: too_large,
    RejectCode.POSITION_LIMIT: too_long,
    RejectCode.KILL_SWITCH: killed,
    RejectCode.PRICE_DEVIATION: too_far,
    RejectCode.DAILY_LOSS_LIMIT: lost_before,
    RejectCode.BAD_VENUE: nowhere,
    RejectCode.STALE_VENUE: in_doubt,
}

ELSEWHERE = {RejectCode.NETWORK}
"""Of orders that had to travel: see below."""

NEVER = {
    RejectCode.UNKNOWN,
    RejectCode.RATE_LIMIT,
    RejectCode.EXCHANGE_BUSY,
    RejectCode.AUTH,
}


@pytest.mark.parametrize("code", CAUSES, ids=lambda code: code.name)
async def test_a_code_has_its_cause(edge, algos, code: RejectCode) -> None:
    await CAUSES[code](edge, algos)
    order = edge.orders()[-1]
    assert (order.status, order.failure_reason, order.reject_code) == ("REJECTED", code.name, int(code))


def test_every_code_has_a_cause_or_a_reason_why_it_has_none() -> None:
    assert set(CAUSES) | ELSEWHERE | NEVER == set(RejectCode)
    rows = [line for line in DOC.read_text().splitlines() if line.startswith("| ")]
    for code in RejectCode:
        assert any(line.startswith(f"| {int(code)} ") and code.name in line for line in rows), code
    for code in NEVER:
        assert any(code.name in line and "never" in line for line in rows), code


async def test_an_order_that_travelled_too_long_is_the_networks(edge) -> None:
    async def flush() -> None:
        edge.journal.flush()

    gateway = Gateway(edge.core.roster.edge_id, edge.core, edge.guests, edge.store, flush)
    gateway.open()
    asked = {
        "op": "submit",
        "order_id": "graph:g:n:1",
        "parent_id": "graph:g:n:0",
        "account_id": edge.account,
        "mode": "sandbox",
        "deployment_id": "",
        "deployment": "",
        "label": "",
        "symbol": "BTC-USD",
        "side": "buy",
        "order_type": "limit",
        "tif": "ioc",
        "qty_1e8": 10**6,
        "price_1e9": 100_001 * 10**9,
        "until_ns": 1,
    }
    answer = await gateway.answer(asked)
    assert (answer["order"]["status"], answer["order"]["reject_code"]) == ("REJECTED", RejectCode.NETWORK)
    assert edge.fills() == []
