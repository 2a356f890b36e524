"""Whether what is stored of trading adds up, to the last unit. Pure: rows in, differences out.

Orders, fills, positions and the ledger tell of the same events, each in its own words. Fills are booked anew in the
order in which they were stored, from the last reset of their account on; the others must say what follows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sequence_paper.feed.events import Side
from sequence_paper.store.audit import Rows
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.trading import entries_of
from sequence_paper.venue.position import Position as Booked
from sequence_paper.venue.position import after_fill
from sequence_paper.venue.wallet import assets

_TRADING: Final = ("trade", "fee", "rebate")
_WITHOUT_FILLS: Final = ("NEW", "OPEN", "CANCELLED", "REJECTED")


class Holder(NamedTuple):
    """Whose position."""

    account_id: str
    mode: str
    deployment: str
    venue: str
    symbol: str


class Place(NamedTuple):
    """Where an asset lies."""

    account_id: str
    mode: str
    venue: str
    asset: str


class Difference(NamedTuple):
    """`what` of `where` is `found` and should be `expected`."""

    what: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} is {self.found}, not {self.expected}"


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what does not add up."""

    orders: int
    fills: int
    positions: int
    ledger: int
    differences: list[Difference]


def reconcile(rows: Rows) -> Report:
    """Every difference there is."""
    found = [
        *_doubled(rows),
        *_orders(rows),
        *_ledger(rows),
        *_positions(rows),
        *_cash(rows),
        *_deposits(rows),
    ]
    return Report(len(rows.orders), len(rows.fills), len(rows.positions), len(rows.ledger), found)


def _doubled(rows: Rows) -> Iterator[Difference]:
    names = (
        [("order", order.order_id) for order in rows.orders]
        + [("fill", fill.fill_id) for fill in rows.fills]
        + [("ledger row", entry.entry_id) for entry in rows.ledger]
    )
    for (what, name), count in Counter(names).items():
        if count > 1:
            yield Difference(f"number of {what}s", name, "1", str(count))


def _orders(rows: Rows) -> Iterator[Difference]:
    """Each order against its own fills."""
    by_order: dict[str, list[Fill]] = defaultdict(list)
    for fill in rows.fills:
        by_order[fill.order_id].append(fill)
    for order in rows.orders:
        yield from _order(order, by_order.pop(order.order_id, []))
    for order_id, fills in by_order.items():
        yield Difference("order", order_id, "stored", f"missing, with {len(fills)} fills")


def _order(order: Order, fills: Sequence[Fill]) -> Iterator[Difference]:
    filled = 0
    for fill in fills:
        filled += fill.qty_1e8
        if fill.fill_id != f"{order.order_id}/{filled}":  # it says what was filled by then
            yield Difference("filled quantity at a fill", fill.fill_id, str(filled), fill.fill_id)
        whose = (fill.account_id, fill.mode, fill.venue, fill.symbol, fill.side)
        if whose != (order.account_id, order.mode, order.venue, order.symbol, order.side):
            yield Difference("owner of a fill", fill.fill_id, f"that of {order.order_id}", str(whose))
    sums = {
        "filled quantity": (filled, order.filled_qty_1e8),
        "filled notional": (sum(f.price_1e9 * f.qty_1e8 // 10**8 for f in fills), order.filled_notional_1e9),
        "fees": (sum(f.fee_1e9 for f in fills), order.fees_1e9),
    }
    for what, (expected, found) in sums.items():
        if expected != found:
            yield Difference(what, order.order_id, str(expected), str(found))
    whole = "none" if not filled else "all" if filled == order.qty_1e8 else "a part"
    said = "none" if order.status in _WITHOUT_FILLS else "all" if order.status == "FILLED" else "a part"
    if whole != said or filled > order.qty_1e8:
        yield Difference(
            f"what is filled of {order.qty_1e8}", order.order_id, f"{said} ({order.status})", str(filled)
        )


def _ledger(rows: Rows) -> Iterator[Difference]:
    """Every fill has its rows, and every row of trading its fill."""
    expected = {entry.entry_id: entry for fill in rows.fills for entry in entries_of(fill)}
    for entry in rows.ledger:
        if entry.kind in _TRADING:
            wanted = expected.pop(entry.entry_id, None)
            if entry != wanted:
                yield Difference("ledger row", entry.entry_id, str(wanted), str(entry))
    for entry_id, wanted in expected.items():
        yield Difference("ledger row", entry_id, str(wanted), "missing")


def _positions(rows: Rows) -> Iterator[Difference]:
    """What fills since the last reset come to."""
    booked, counts = _book(rows)
    held = {Holder(p.account_id, p.mode, p.deployment, p.venue, p.symbol): p for p in rows.positions}
    for whose in sorted(booked.keys() | held.keys()):
        position, row = booked.get(whose, Booked()), held.get(whose)
        if row is None:
            yield Difference("position", "/".join(whose), str(position), "missing")
            continue
        figures = {
            "quantity": (position.qty_1e8, row.qty_1e8),
            "cost": (position.cost_1e9, position.cost_1e9 if row.cost_1e9 is None else row.cost_1e9),
            "realized result": (position.realized_1e9, row.realized_pnl_1e9),
            "fees": (position.fees_1e9, row.fees_1e9),
            "number of fills": (counts[whose], row.fill_count),
        }
        for what, (expected, found) in figures.items():
            if expected != found:
                yield Difference(what, "/".join(whose), str(expected), str(found))


def _book(rows: Rows) -> tuple[dict[Holder, Booked], Counter[Holder]]:
    """The ledger says where between the fills the resets were."""
    by_id = {fill.fill_id: fill for fill in rows.fills}
    booked: dict[Holder, Booked] = {}
    counts = Counter[Holder]()
    for entry in rows.ledger:
        if entry.kind == "reset":
            for whose in [w for w in booked if (w.account_id, w.mode) == (entry.account_id, entry.mode)]:
                del booked[whose], counts[whose]
        elif entry.kind == "trade" and entry.entry_id.endswith("/0"):
            fill = by_id.get(entry.ref)
            if fill is not None:
                whose = Holder(fill.account_id, fill.mode, fill.deployment, fill.venue, fill.symbol)
                side: Side = 1 if fill.side == "buy" else -1
                booked[whose] = after_fill(
                    booked.get(whose, Booked()), side, fill.price_1e9, fill.qty_1e8, fill.fee_1e9
                )
                counts[whose] += 1
    return booked, counts


def _cash(rows: Rows) -> Iterator[Difference]:
    """Sums of the ledger without what was given, against the positions: coins held, money spent and made, fees."""
    moved, held = Counter[Place](), Counter[Place]()
    for entry in rows.ledger:
        if entry.kind != "deposit":
            moved[Place(entry.account_id, entry.mode, entry.venue, entry.asset)] += entry.amount_1e9
    for row in rows.positions:
        if row.cost_1e9 is None:
            return  # of before it was kept: only its average is known
        base, quote = assets(row.symbol)
        held[Place(row.account_id, row.mode, row.venue, base)] += row.qty_1e8 * 10
        money = row.realized_pnl_1e9 - row.cost_1e9 - row.fees_1e9
        held[Place(row.account_id, row.mode, row.venue, quote)] += money
    for place in sorted(moved.keys() | held.keys()):
        if moved[place] != held[place]:
            yield Difference("balance", "/".join(place), str(held[place]), str(moved[place]))


def _deposits(rows: Rows) -> Iterator[Difference]:
    booked = Counter[tuple[str, str, str]]()
    for entry in rows.ledger:
        if entry.kind == "deposit":
            booked[entry.account_id, entry.venue, entry.asset] += entry.amount_1e9
    for place in sorted(booked.keys() | rows.given.keys()):
        if booked[place] != rows.given.get(place, 0):
            yield Difference("deposits", "/".join(place), str(rows.given.get(place, 0)), str(booked[place]))


def lines(report: Report, most: int = 50) -> Iterable[str]:
    """For people."""
    looked = f"{report.orders} orders, {report.fills} fills, {report.positions} positions, {report.ledger} ledger rows"
    if not report.differences:
        yield f"{looked}: all adds up"
        return
    yield f"{looked}: {len(report.differences)} differences"
    for difference in report.differences[:most]:
        yield f"  {difference}"
    if len(report.differences) > most:
        yield f"  … and {len(report.differences) - most} more"
