"""From stored orders, fills, traces and the recording to the facts that the formulas take. Reads; decides nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sequence_paper.analysis.alternatives import elsewhere
from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, Gap, OrderFacts, Quote, Value
from sequence_paper.api.tca.recorded import Place, Recorded
from sequence_paper.routing import Venue
from sequence_paper.store.ticks import TickStore
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES
from sequence_paper.venue.rules import symbol_rules, venue_fees

Traded = tuple[Order, list[Fill]]


@dataclass(frozen=True, slots=True)
class _Case:
    """One order with the places where its markets are looked up: its own, and the same symbol elsewhere."""

    order: Order
    fills: Sequence[Fill]
    own: Place
    others: tuple[Place, ...]

    @property
    def final(self) -> bool:
        return self.order.status not in OPEN_ORDER_STATUSES

    @property
    def tape(self) -> tuple[int, int] | None:
        """The interval of prints to compare with: after the order arrived, up to its last fill."""
        last = max((fill.ts_ns for fill in self.fills), default=0)
        since = self.order.created_ns + 1
        return (since, last) if last >= since else None

    @property
    def takes(self) -> bool:
        """Whether it is compared with what could have been taken elsewhere."""
        return bool(self.fills) and all(fill.liquidity == "taker" for fill in self.fills)


def order_facts(traded: Iterable[Traded], ticks: TickStore | None) -> list[OrderFacts]:
    """Facts of orders with their fills, in the same order."""
    venues = ticks.venues() if ticks is not None else []
    cases = [_case(order, fills, venues) for order, fills in traded]
    recorded = Recorded(ticks)
    for case in cases:
        _wish(case, recorded)
    recorded.fetch()
    return [_facts(case, recorded) for case in cases]


def _case(order: Order, fills: Sequence[Fill], venues: Sequence[str]) -> _Case:
    own = Place(order.venue, order.symbol, None)
    return _Case(order, fills, own, tuple(Place(v, order.symbol, None) for v in venues if v != order.venue))


def _wish(case: _Case, recorded: Recorded) -> None:
    order = case.order
    for place in (case.own, *case.others):
        recorded.want_quote(place, order.created_ns)
        if case.takes:
            recorded.want_depth(place, order.created_ns)
    if case.final:
        recorded.want_quote(case.own, order.updated_ns)
    for fill in case.fills:
        recorded.want_quote(case.own, _met_ns(fill))
        for tau in HORIZONS_NS.values():
            recorded.want_quote(case.own, fill.ts_ns + tau)
    if case.tape:
        recorded.want_vwap(case.own, *case.tape)


def _met_ns(fill: Fill) -> int:
    """When to look for the quote that a fill met. A maker is hit by the event that also moves the book: before it."""
    return fill.ts_ns - 1 if fill.liquidity == "maker" else fill.ts_ns


def _facts(case: _Case, recorded: Recorded) -> OrderFacts:
    order = case.order
    quote = recorded.quote(case.own, order.created_ns)
    facts = OrderFacts(
        order_id=order.order_id,
        deployment=order.deployment,
        label=order.label,
        venue=order.venue,
        symbol=order.symbol,
        side=1 if order.side == "buy" else -1,
        qty_1e8=order.qty_1e8,
        status=order.status,
        created_ns=order.created_ns,
        ended_ns=order.updated_ns,
        fills=tuple(_fill(fill, case.own, recorded) for fill in case.fills),
        final=case.final,
        decision=_decision(order),
        arrival=quote if isinstance(quote, Gap) else quote.mid,
        end=recorded.mid(case.own, order.updated_ns) if case.final else Gap.OPEN,
        quote=quote,
        nbbo=_best(quote, [recorded.quote(place, order.created_ns) for place in case.others]),
        vwap=recorded.vwap(case.own, *case.tape) if case.tape else Gap.NO_PRINTS,
        failure=order.failure_reason or "",
    )
    if not case.takes:
        return replace(facts, cheapest=Gap.MAKER, single=Gap.MAKER) if case.fills else facts
    found = elsewhere(facts, _books(case, recorded))
    return replace(facts, cheapest=found.cheapest, single=found.single, single_venue=found.single_venue)


def _fill(fill: Fill, place: Place, recorded: Recorded) -> FillFacts:
    return FillFacts(
        fill_id=fill.fill_id,
        price_1e9=fill.price_1e9,
        qty_1e8=fill.qty_1e8,
        fee_1e9=fill.fee_1e9,
        maker=fill.liquidity == "maker",
        ts_ns=fill.ts_ns,
        at=recorded.quote(place, _met_ns(fill)),
        later={name: recorded.mid(place, fill.ts_ns + tau) for name, tau in HORIZONS_NS.items()},
    )


def _decision(order: Order) -> Value:
    return Fraction(order.decision_mid_1e9) if order.decision_mid_1e9 else Gap.NO_DECISION


def _best(own: Quote | Gap, others: Sequence[Quote | Gap]) -> Quote | Gap:
    """The best bid and ask of all; as old as the oldest of them."""
    if isinstance(own, Gap):
        return own
    quotes = [own, *(quote for quote in others if not isinstance(quote, Gap))]
    if len(quotes) == 1:
        return Gap.ONE_VENUE
    bid, ask = max(quote.bid_1e9 for quote in quotes), min(quote.ask_1e9 for quote in quotes)
    return Quote(bid, ask, max(quote.age_ns for quote in quotes))


def _books(case: _Case, recorded: Recorded) -> list[Venue]:
    books = []
    for place in (case.own, *case.others):
        depth = recorded.depth(place, case.order.created_ns)
        rules, fees = symbol_rules(place.venue, place.symbol), venue_fees(place.venue)
        if depth is not None and rules is not None and fees is not None:
            books.append(Venue(place.venue, depth.bids, depth.asks, rules, fees.taker_ppm))
    return books
