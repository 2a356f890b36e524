"""What trading cost, as the API answers it from rows that edges wrote: scope, isolation, what is missing."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import nats
import orjson
import pytest

from sequence_paper.mesh.wire import order_subject, tca_subject
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.views import order_view
from support.rows import OWNER

from .conftest import nats_url

BTC, USD, S = 10**8, 10**9, 10**9
T0 = 1_767_571_200 * S  # 2026-01-05T00:00:00Z
PATHS = (
    "/tca",
    "/analytics/tca",
    "/analytics/tca/report",
    "/analytics/tca/timeseries",
    "/analytics/tca/venues",
    "/analytics/tca/quality",
    "/analytics/execution",
)


class Book:
    """Writes orders of a deployment, each with one fill or none."""

    def __init__(self, desk: Any) -> None:
        self.desk, self.row, self.number = desk, desk.create("mm"), 0

    def order(
        self, price: int | None, *, at: int = 0, fee: int = 0, status: str = "FILLED", **more: Any
    ) -> str:
        """A buy of 0.1 BTC decided at 50,000, filled at `price` (None: not at all); `at`: seconds after T0."""
        self.number += 1
        order_id = f"graph:{self.row['deployment_id']}:main:{self.number}"
        qty = BTC // 10
        owner = (
            OWNER
            | {
                "account_id": self.desk.account.account_id,
                "mode": self.desk.mode,
                "deployment_id": self.row["deployment_id"],
                "side": "buy",
            }
            | more
        )
        filled = qty if price is not None else 0
        ts = T0 + at * S
        order = Order(
            **owner,
            order_id=order_id,
            order_type="limit",
            tif="ioc",
            price_1e9=51_000 * USD,
            qty_1e8=qty,
            filled_qty_1e8=filled,
            filled_notional_1e9=(price or 0) * USD // 10,
            fees_1e9=fee,
            status=status,
            created_ns=ts,
            updated_ns=ts,
            decision_mid_1e9=50_000 * USD,
        )
        fills = []
        if price is not None:
            fills = [
                Fill(
                    **owner,
                    fill_id=f"{order_id}/{qty}",
                    order_id=order_id,
                    price_1e9=price * USD,
                    qty_1e8=qty,
                    fee_1e9=fee,
                    liquidity="taker",
                    realized_pnl_1e9=0,
                    ts_ns=ts,
                )
            ]
        self.desk.store.commit(EdgeWrites(orders=[order], fills=fills))
        return order_id


@pytest.fixture
def book(desk: Any) -> Book:
    return Book(desk)


@pytest.mark.parametrize("path", PATHS)
def test_an_account_that_never_traded(desk: Any, path: str) -> None:
    found = desk.ok("GET", path)
    assert found["scope"]["limit"] == 1000
    if path == "/tca":
        assert found["implementation_shortfall_bps"] is None
        assert found["metrics"]["arrival_bps"]["n"] == 0
        assert found["venues"] == []


def test_costs_from_rows(book: Book) -> None:
    # 5,010 - 5,000 of 5,000 paid is 20 bps, its fee of 13 is 26 bps; the other order bought at the mid, free of charge.
    book.order(50_100, fee=13 * USD, at=1)
    book.order(50_000, at=2)
    book.order(None, status="REJECTED", at=3)
    book.order(None, status="CANCELLED", at=4)
    found = book.desk.ok("GET", "/tca?symbol=BTC-USD")
    assert found["metrics"]["shortfall_bps"]["mean"] == pytest.approx(23)
    assert found["metrics"]["shortfall_bps"]["n"] == 2
    assert found["metrics"]["paper_fees_bps"]["mean"] == pytest.approx(13)
    assert found["fees"]["taker_1e9"] == 13 * USD
    assert found["orders"] == {
        "matched": 4, "traded": 2, "filled": 2, "rejected": 1, "cancelled": 1, "open": 0,
        "analysed": 2, "analysed_unfilled": 1,
    }  # fmt: skip
    [kraken] = found["venues"]
    assert (kraken["reject_rate"], kraken["fill_rate"], kraken["share"]) == (0.25, pytest.approx(2 / 3), 1)
    # Nothing was recorded here: what needs the market is missing, with the reason, and not zero.
    for key in ("arrival_bps", "effective_bps", "regret_bps"):
        assert found["metrics"][key]["mean"] is None
        assert found["metrics"][key]["missing"] == {"no data at that time": 2}
    assert all(row["markout_bps"]["n"] == 0 for row in found["horizons"])
    assert {formula["key"] for formula in found["formulas"]} >= set(found["metrics"])
    assert "mark-outs are P&L" in found["sign"]


def test_the_scope(book: Book) -> None:
    for second in range(4):
        book.order(50_000, at=second)
    book.order(50_000, at=9, venue="coinbase")
    deployment = book.row["deployment_id"]
    for query, matched in (
        ("", 5),
        ("?venue=coinbase", 1),
        (f"?deployment={deployment}", 5),
        ("?deployment=mm", 5),
        ("?symbol=ETH-USD", 0),
        ("?since=2026-01-05T00:00:02Z", 3),
        ("?since=2026-01-05T00:00:02&until=2026-01-05T01:00:03%2B01:00", 1),
        (f"?until={T0 + S}", 1),
    ):
        assert book.desk.ok("GET", f"/tca{query}")["orders"]["matched"] == matched, query
    limited = book.desk.ok("GET", "/analytics/tca/report?limit=2")
    assert (limited["orders"]["analysed"], limited["orders"]["traded"]) == (2, 5)
    assert [row["venue"] for row in limited["rows"]] == ["coinbase", "kraken"]  # the newest


def test_what_cannot_be_asked(book: Book) -> None:
    book.order(50_000)
    desk = book.desk
    assert desk.error(404, "GET", "/tca?deployment=nobody")["error"]["details"][0]["field"] == "deployment"
    unknown = desk.error(404, "GET", "/tca?symbol=DOGE-USD")["error"]["message"]
    assert "no symbol 'DOGE-USD' here; there are BTC-USD, ETH-USD" in unknown
    assert desk.error(422, "GET", "/tca?since=yesterday")["error"]["details"][0]["field"] == "since"
    assert desk.error(422, "GET", "/tca?limit=2001")["error"]["details"][0]["field"] == "limit"
    assert desk.error(501, "GET", "/analytics/portfolio")["error"]["code"] == "NOT_IMPLEMENTED"


def test_a_deployment_without_orders_is_empty_and_not_unknown(desk: Any) -> None:
    row = desk.create("quiet")
    assert desk.ok("GET", f"/tca?deployment={row['deployment_id']}")["orders"]["matched"] == 0
    assert desk.ok("GET", "/tca?deployment=quiet")["orders"]["matched"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_accounts_and_modes_see_their_own(book: Book, new_desk: Any, path: str) -> None:
    book.order(50_100)
    stranger = new_desk()
    assert stranger.error(404, "GET", f"{path}?deployment={book.row['deployment_id']}")
    assert stranger("GET", path)[1] | {"computed_ns": 0} == new_desk()("GET", path)[1] | {"computed_ns": 0}
    status, found, _ = book.desk("GET", "/tca", key=book.desk.other_mode())
    assert (status, found["orders"]["matched"]) == (200, 0)


def test_cost_over_time_adds_up(book: Book) -> None:
    for second in range(450):
        book.order(50_000 + second, at=second, fee=USD)
    found = book.desk.ok("GET", "/analytics/tca/timeseries")
    assert found["every"] == 3
    assert [point["orders"] for point in found["points"]] == list(range(3, 451, 3))
    assert found["points"][-1]["cost_1e9"] == sum(range(450)) * USD // 10 + 450 * USD
    assert found["points"][-1]["fees_1e9"] == 450 * USD
    assert found["left_out"] == 0


async def test_a_report_for_each_order_that_ended_with_a_fill(book: Book) -> None:
    mine = book.desk.account.account_id, book.desk.mode
    unfilled, filled = book.order(None, status="CANCELLED"), book.order(50_100, fee=USD)
    announced = [
        orjson.dumps(order_view(order))
        for order_id in (unfilled, filled)
        for order in book.desk.store.orders.page(*mine, limit=1, offset=0, order_id=order_id)[0]
    ]
    client = await nats.connect(nats_url(book.desk.paper))
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(message: Any) -> None:
        heard.put_nowait(orjson.loads(message.data))

    await client.subscribe(tca_subject(*mine), cb=hear)
    try:
        report = None
        async with asyncio.timeout(30):
            while report is None:  # the API may not have heard yet that it should listen
                for payload in announced:
                    await client.publish(order_subject(*mine), payload)
                with contextlib.suppress(TimeoutError):
                    report = await asyncio.wait_for(heard.get(), 3)
    finally:
        await client.close()
    assert report["node_order_id"] == filled
    assert report["achieved_vwap_1e9"] == 50_100 * USD
    assert report["benchmark_vwap_1e9"] is None  # nothing was recorded here
    assert report["implementation_shortfall_bps"] == pytest.approx(22)
    assert (report["fees_1e9"], report["venue_mix"]) == (USD, {"kraken": 1.0})
