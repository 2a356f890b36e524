"""From a wanted order and the books of now to a parent, its route and its legs. Nothing is stored or sent here."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.market import VenueBook
from sequence_paper.api.offers import kept
from sequence_paper.api.order_bodies import Wanted
from sequence_paper.feed.events import BUY, SELL, Side
from sequence_paper.routing import Decision, Pool, Venue, decision_row, route
from sequence_paper.routing.supply import best_levels
from sequence_paper.store.parent_state import NO_LIQUIDITY
from sequence_paper.store.routing import Parent, Route, RouteLeg
from sequence_paper.store.words import Json, Mode
from sequence_paper.venue.fees import notional_1e9
from sequence_paper.venue.rules import venue_fees

SEND_NS: Final = 10 * 10**9
"""How long a leg may still reach its edge; what took longer is refused there and given up here."""


@dataclass(frozen=True, slots=True)
class Placement:
    """What is stored in one transaction."""

    parent: Parent
    route: Route | None
    legs: list[RouteLeg]


def new_parent(
    want: Wanted,
    account_id: str,
    mode: Mode,
    graph_id: str,
    content: str,
    venues: Sequence[Venue],
    now_ns: int,
) -> Parent:
    """Sized and limited by the books. Raises 422 for what cannot be an order here."""
    if want.sandbox and mode == "live":
        raise invalid("sandbox", "a live key trades live: use a seq_test_ key for sandbox orders")
    if not venues:
        raise invalid("symbol", f"no venue trades {want.symbol} here")
    names = sorted(venue.name for venue in venues)
    if want.venue is not None and want.venue not in names:
        raise invalid("venue", f"{want.venue} does not trade {want.symbol} here; {', '.join(names)} do")
    bid, ask = best_levels([venue for venue in venues if not venue.problem])
    side = _side(want.side)
    touch = ask if side == BUY else bid
    qty = want.qty_1e8 or (want.notional_1e9 * 10**8 // touch if touch else 0)
    if not qty:
        raise ApiError(503, f"no venue shows a price of {want.symbol} now: nothing to size the notional by")
    money = notional_1e9(want.limit_1e9 or touch, qty)
    if want.max_notional_1e9 is not None and money > want.max_notional_1e9:
        raise invalid("risk.admission.max_notional_usd", f"the order is worth {money} (_1e9), more than that")
    limit = want.limit_1e9 or _protected(side, want.max_slippage_bps, bid, ask)
    return replace(_unsized(want, account_id, mode, graph_id, content, now_ns), qty_1e8=qty, limit_1e9=limit)


def node_placement(
    want: Wanted,
    account_id: str,
    mode: Mode,
    graph_id: str,
    content: str,
    offered: tuple[Sequence[Venue], Sequence[VenueBook]],
    pools: Sequence[Pool],
    now_ns: int,
) -> Placement:
    """An order that nobody waits for: what a client would be told at once becomes the reason of its failure."""
    venues, books = offered
    try:
        parent = new_parent(want, account_id, mode, graph_id, content, venues, now_ns)
        return first_round(parent, venues, books, pools, now_ns)
    except ApiError as error:
        why = "STALE_VENUE" if error.status == 503 or not venues else "INVALID_PARAMS"
        bare = _unsized(want, account_id, mode, graph_id, content, now_ns)
        return Placement(replace(bare, failure=why, more=False), None, [])


def order_id_of(want: Wanted, account_id: str, mode: Mode, graph_id: str) -> str:
    """Two accounts may choose the same graph id; their orders must not have the same one."""
    tag = hashlib.sha256(f"{account_id}/{mode}".encode()).hexdigest()[:8] + "." if want.graph_id else ""
    return f"graph:{graph_id}:{want.node_id}:{tag}0"


def _unsized(want: Wanted, account_id: str, mode: Mode, graph_id: str, content: str, now_ns: int) -> Parent:
    """As it was asked for."""
    return Parent(
        order_id=order_id_of(want, account_id, mode, graph_id),
        account_id=account_id,
        mode=mode,
        graph_id=graph_id,
        node_id=want.node_id,
        content=content,
        symbol=want.symbol,
        side=want.side,
        order_type="market" if want.limit_1e9 is None else "limit",
        tif="ioc" if want.chase else want.tif,
        policy="aggressive_chase" if want.chase else "sor",
        qty_1e8=want.qty_1e8,
        limit_1e9=want.limit_1e9,
        venue=want.venue,
        created_ns=now_ns,
        until_ns=now_ns + (want.horizon_ms * 10**6 if want.chase and want.horizon_ms else SEND_NS),
        more=want.chase,
        terms=_terms(want),
    )


def _terms(want: Wanted) -> Json | None:
    asked: Json = {"ttl_ms": want.ttl_ms, "expire_ns": want.expire_ns, "reduce_only": want.reduce_only}
    return {name: value for name, value in asked.items() if value} or None


def _protected(side: Side, max_slippage_bps: int | None, bid: int, ask: int) -> int | None:
    """The worst price against the mid; None without a bound."""
    if max_slippage_bps is None:
        return None
    if not (bid and ask):
        raise ApiError(503, "there is no mid now to bound the slippage by")
    return (bid + ask) * (10_000 + side * max_slippage_bps) // 20_000


def first_round(
    parent: Parent, venues: Sequence[Venue], books: Sequence[VenueBook], pools: Sequence[Pool], now_ns: int
) -> Placement:
    """The parent with its legs, or with the reason why it has none."""
    decision = decide(parent, parent.qty_1e8, venues, pools)
    parts = _parts(parent, decision, venues)
    if parent.tif == "fok" and len(parts) > 1:
        raise invalid(
            "tif", "the route has several venues, which cannot fill all or nothing together: name one"
        )
    why = "" if parts else _why_not(venues, parent, decision)
    if why and not (parent.more and why == NO_LIQUIDITY):  # what chases waits for somebody to offer
        parent = replace(parent, failure=why, more=False)
    return Placement(
        parent, _route(parent, 1, decision, books, now_ns), _legs(parent, 1, 1, parts, books, now_ns)
    )


def later_round(
    parent: Parent,
    number: int,
    leg_number: int,
    rest_1e8: int,
    venues: Sequence[Venue],
    books: Sequence[VenueBook],
    now_ns: int,
) -> Placement | None:
    """What is left of a chasing order, by the books of now; None when nothing can be had within its limit."""
    decision = decide(parent, rest_1e8, venues)
    parts = _parts(parent, decision, venues)
    if not parts:
        return None
    route_of = _route(parent, number, decision, books, now_ns)
    return Placement(parent, route_of, _legs(parent, number, leg_number, parts, books, now_ns))


def decide(parent: Parent, qty_1e8: int, venues: Sequence[Venue], pools: Sequence[Pool] = ()) -> Decision:
    """A named venue is the only one used; the alternatives are those of all, and of pools, which are only priced."""
    side = _side(parent.side)
    limit = parent.limit_1e9 or 0
    everywhere = route(side, qty_1e8, venues, pools, limit_1e9=limit)
    if parent.venue is None:
        return everywhere
    named = [
        v if v.name == parent.venue else replace(v, problem=f"the order names {parent.venue}") for v in venues
    ]
    here = route(side, qty_1e8, named, limit_1e9=limit)
    return replace(
        here,
        alternatives=everywhere.alternatives,
        pools=everywhere.pools,
        bid_1e9=everywhere.bid_1e9,
        ask_1e9=everywhere.ask_1e9,
    )


def _side(word: str) -> Side:
    return BUY if word == "buy" else SELL


def _parts(parent: Parent, decision: Decision, venues: Sequence[Venue]) -> dict[str, tuple[int, int]]:
    """(quantity, price or 0) by venue."""
    limit = parent.limit_1e9 or 0
    if parent.venue is not None:
        usable = any(venue.name == parent.venue and not venue.problem for venue in venues)
        return {parent.venue: (decision.qty_1e8, limit)} if usable else {}
    if parent.tif == "post_only":
        resting = _resting(venues, decision.qty_1e8, limit)
        return {resting: (decision.qty_1e8, limit)} if resting else {}
    chases = parent.policy == "aggressive_chase"
    parts = {leg.venue: (leg.qty_1e8, leg.worst_px_1e9 if chases else limit) for leg in decision.legs}
    if parent.tif in ("gtc", "gtd") and decision.unfilled_1e8:
        resting = _resting(venues, decision.unfilled_1e8, limit, parts)
        if resting:
            parts[resting] = (parts.get(resting, (0, 0))[0] + decision.unfilled_1e8, limit)
    return parts


def _resting(
    venues: Sequence[Venue], qty_1e8: int, limit_1e9: int, parts: Mapping[str, tuple[int, int]] | None = None
) -> str:
    """Where what nobody offers within the limit waits: the lowest maker fee of those that accept it; "" for none."""
    found = []
    for venue in venues:
        fees = venue_fees(venue.name)
        whole = venue.rules.whole_lots(qty_1e8 + (parts or {}).get(venue.name, (0, 0))[0])
        fits = whole and not venue.rules.too_small(limit_1e9, whole)
        if fees is not None and fits and not venue.problem:
            found.append((fees.maker_ppm, venue.name))
    return min(found)[1] if found else ""


def _why_not(venues: Sequence[Venue], parent: Parent, decision: Decision) -> str:
    asked = [venue for venue in venues if parent.venue in (None, venue.name)]
    if all(venue.problem for venue in asked):
        return "STALE_VENUE"
    small = any("minimum" in why or "one lot" in why for why in decision.skipped.values())
    return "INVALID_PARAMS" if small else NO_LIQUIDITY


def _route(parent: Parent, number: int, decision: Decision, books: Sequence[VenueBook], now_ns: int) -> Route:
    return Route(
        parent.order_id,
        number,
        parent.account_id,
        parent.mode,
        now_ns,
        decision_row(decision),
        kept(books, now_ns),
    )


def _legs(
    parent: Parent,
    number: int,
    first: int,
    parts: Mapping[str, tuple[int, int]],
    books: Iterable[VenueBook],
    now_ns: int,
) -> list[RouteLeg]:
    edges = {book.venue: book.edge_id for book in books}
    stem = parent.order_id.removesuffix("0")
    return [
        RouteLeg(
            order_id := f"{stem}{leg_number}",
            parent.order_id,
            number,
            edges[venue],
            venue,
            _request(parent, order_id, qty, px, now_ns),
            _until(parent, now_ns),
        )
        for leg_number, (venue, (qty, px)) in enumerate(sorted(parts.items()), start=first)
    ]


def _until(parent: Parent, now_ns: int) -> int:
    """How long a leg may begin: what chases for hours does not wait so long for one edge."""
    return min(parent.until_ns, now_ns + SEND_NS)


def _request(parent: Parent, order_id: str, qty_1e8: int, px_1e9: int, now_ns: int) -> Json:
    """What the edge is asked."""
    origin = parent.origin or {}
    return {
        "op": "submit",
        "order_id": order_id,
        "parent_id": parent.order_id,
        "account_id": parent.account_id,
        "mode": parent.mode,
        "deployment_id": origin.get("deployment_id", ""),
        "deployment": origin.get("deployment", ""),
        "label": origin.get("label", ""),
        "client_key": origin.get("intent_id", 0),
        "symbol": parent.symbol,
        "side": parent.side,
        "order_type": "limit" if px_1e9 else "market",
        "tif": parent.tif,
        "price_1e9": px_1e9 or None,
        "qty_1e8": qty_1e8,
        "until_ns": _until(parent, now_ns),
        "created_ns": parent.created_ns,
        "decided_ns": now_ns,
        **(parent.terms or {}),
    }
