"""From stored orders, fills, traces and the recording to the facts that the formulas take. Reads; decides nothing."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from sequence_paper.analysis.alternatives import elsewhere
from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, Gap, OrderFacts, Quote
from sequence_paper.analysis.latency import Step, legs
from sequence_paper.api.tca.recorded import Place, Recorded
from sequence_paper.feed.events import Level
from sequence_paper.routing import Venue
from sequence_paper.store.costs import Traded
from sequence_paper.store.ticks import TickStore
from sequence_paper.store.tracing import Trace
from sequence_paper.store.trades import Fill, Order
from sequence_paper.store.words import OPEN_ORDER_STATUSES
from sequence_paper.venue.rules import symbol_rules, venue_fees

_NO_RUN = 0
"""No edge of the venue had begun: whatever a later run recorded is of another day."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One order with the places where its markets are looked up: its own, and the same symbol elsewhere."""

    order: Order
    fills: Sequence[Fill]
    trace: Trace | None
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


def order_facts(
    traded: Iterable[Traded], traces: Mapping[str, Trace], ticks: TickStore | None
) -> list[OrderFacts]:
    """Facts of orders with their fills, in the same order. `traces`: by order id, as far as there are any."""
    # By venue, the starts of its runs: looked up for every order, so listed once.
    runs = {venue: [run.run_ns for run in ticks.runs(venue)] for venue in ticks.venues()} if ticks else {}
    cases = [_case(order, fills, traces.get(order.order_id), runs) for order, fills in traded]
    recorded = Recorded(ticks)
    for case in cases:
        _wish(case, recorded)
    recorded.fetch()
    return [_facts(case, recorded) for case in cases]


def _case(
    order: Order, fills: Sequence[Fill], trace: Trace | None, runs: Mapping[str, Sequence[int]]
) -> _Case:
    def place(venue: str) -> Place:
        """In the run that was on when the order was traced: a replay shows the same feed time once a run."""
        if trace is None:
            return Place(venue, order.symbol, None)
        known = runs.get(venue, ())
        begun = bisect_right(known, trace.head.at_ns)
        return Place(venue, order.symbol, known[begun - 1] if begun else _NO_RUN)

    others = tuple(place(venue) for venue in runs if venue != order.venue)
    return _Case(order, fills, trace, place(order.venue), others)


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
    head = case.trace.head if case.trace else None
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
        decision=_mid(head.decision_mid_1e9 if head else None, order.decision_mid_1e9) or Gap.NO_DECISION,
        arrival=_mid(head.arrival_mid_1e9 if head else None)
        or (quote if isinstance(quote, Gap) else quote.mid),
        end=recorded.mid(case.own, order.updated_ns) if case.final else Gap.OPEN,
        quote=quote,
        nbbo=_best(quote, [recorded.quote(place, order.created_ns) for place in case.others]),
        vwap=recorded.vwap(case.own, *case.tape) if case.tape else Gap.NO_PRINTS,
        stages=_legs(case.trace),
    )
    if not case.takes:
        return replace(facts, cheapest=Gap.MAKER, single=Gap.MAKER) if case.fills else facts
    found = elsewhere(facts, _books(case, recorded))
    return replace(facts, cheapest=found.cheapest, single=found.single, single_venue=found.single_venue)


def _legs(trace: Trace | None) -> dict[str, int]:
    return legs([Step(stage, ts_ns) for stage, ts_ns, *_ in trace.steps]) if trace else {}


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


def _mid(*kept: int | None) -> Fraction | None:
    """The first that was kept; 0 and None say that a side of the book was empty, or nobody wrote it down."""
    return next((Fraction(mid) for mid in kept if mid), None)


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
    """The own book as the algo saw it when the trace is kept, the others' newest samples before that."""
    books = []
    for place in (case.own, *case.others):
        rules, fees = symbol_rules(place.venue, place.symbol), venue_fees(place.venue)
        levels = _seen(case.trace) if place is case.own else None
        if levels is None and (depth := recorded.depth(place, case.order.created_ns)) is not None:
            levels = depth.bids, depth.asks
        if levels is not None and rules is not None and fees is not None:
            books.append(Venue(place.venue, *levels, rules, fees.taker_ppm))
    return books


def _seen(trace: Trace | None) -> tuple[Sequence[Level], Sequence[Level]] | None:
    book = trace.head.book if trace else None
    if book is None or book["state"] != "ok":
        return None
    return [(px, size) for px, size in book["bids"]], [(px, size) for px, size in book["asks"]]
