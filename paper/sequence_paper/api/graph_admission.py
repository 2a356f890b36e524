"""Whether a graph can be traded here, and what it would cost now. Nothing is stored or sent."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sequence_paper.api.errors import refused
from sequence_paper.api.graph_bodies import Draft, edge_view
from sequence_paper.api.graph_facts import lot_1e8, smallest
from sequence_paper.api.offers import offers
from sequence_paper.api.order_bodies import Wanted
from sequence_paper.api.placing import decide, node_placement
from sequence_paper.api.platform import Platform
from sequence_paper.graphs import Pacing, Problem, check
from sequence_paper.routing import Venue, decision_row
from sequence_paper.routing.supply import best_levels
from sequence_paper.store.records import Caller
from sequence_paper.store.words import Json
from sequence_paper.venue.fees import notional_1e9


def graph_preview(here: Platform, who: Caller, draft: Draft) -> Json:
    """What every node would cost if it were sent whole and now, and all of them together."""
    now = time.time_ns()
    admitted(here, who, draft, now)
    mine = (who.account.account_id, who.mode)
    nodes = []
    for want, pacing in zip(draft.wanted, draft.pacings, strict=True):
        offered = offers(here.market, want.symbol, now)
        parent = node_placement(want, *mine, "preview", "", offered, [], now).parent
        decision = decide(parent, parent.qty_1e8, offered[0], here.pools.of(want.symbol))
        waits = any(edge.target == want.node_id and not edge.cancels for edge in draft.edges)
        nodes.append(
            {
                "node_id": want.node_id,
                "symbol": want.symbol,
                "activation": "wait" if waits else "root",
                "num_slices": None if pacing is None else pacing.slices,
                "interval_ms": None if pacing is None else pacing.interval_ns // 10**6,
                "failure_reason": parent.failure,
                "estimated_fee_1e9": decision.fees_1e9,
                "estimated_total_1e9": decision.total_1e9,
                "candidate_venues": [leg.venue for leg in decision.legs],
                **decision_row(decision),
            }
        )
    return {
        "nodes": nodes,
        "edges": [edge_view(edge) for edge in draft.edges],
        "estimated_fee_1e9": sum(node["estimated_fee_1e9"] for node in nodes),
    }


def admitted(here: Platform, who: Caller, draft: Draft, now_ns: int) -> list[int]:
    """The lots of its nodes. Raises 422 for what cannot be traded here, and for more than the graph's own bound."""
    problems = []
    if draft.sandbox and who.mode == "live":
        problems.append(
            Problem("is_sandbox", "a live key trades live: use a seq_test_ key for sandbox orders")
        )
    lots, money = [], 0
    for number, want in enumerate(draft.wanted):
        venues, _ = offers(here.market, want.symbol, now_ns)
        problems += _place_problems(f"nodes.{number}.instrument", want, venues)
        problems += _slice_problems(f"nodes.{number}.execution.pacing", want, draft.pacings[number], venues)
        lots.append(lot_1e8(want, venues))
        money += notional_1e9(_price(want, venues), want.qty_1e8)
    known = {problem.field for problem in problems}
    problems += [one for one in check(draft.nodes(lots), (), ["root"] * len(lots)) if one.field not in known]
    if draft.max_notional_1e9 is not None and money > draft.max_notional_1e9:
        problems.append(
            Problem("risk.admission.max_notional_usd", f"its nodes are worth {money} (_1e9), more than that")
        )
    if problems:
        raise refused(problems)
    return lots


def _place_problems(at: str, want: Wanted, venues: Sequence[Venue]) -> list[Problem]:
    names = sorted(venue.name for venue in venues)
    if not names:
        return [Problem(f"{at}.symbol", f"no venue trades {want.symbol} here")]
    if want.venue is not None and want.venue not in names:
        there = ", ".join(names)
        return [Problem(f"{at}.venue", f"{want.venue} does not trade {want.symbol} here; {there} do")]
    return []


def _slice_problems(at: str, want: Wanted, pacing: Pacing | None, venues: Sequence[Venue]) -> list[Problem]:
    least = smallest(want, venues)
    if pacing is None or least is None or want.qty_1e8 // pacing.slices >= least:
        return []
    small = f"slices are below {least} (_1e8), the smallest order that a venue takes now"
    return [Problem(f"{at}.uniform.num_slices", small)]


def _price(want: Wanted, venues: Sequence[Venue]) -> int:
    bid, ask = best_levels([venue for venue in venues if not venue.problem])
    return want.limit_1e9 or (ask if want.side == "buy" else bid)
