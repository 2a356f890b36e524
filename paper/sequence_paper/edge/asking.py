"""From an action of kind 3 to the row that asks the platform to trade anywhere."""

from __future__ import annotations

import time
from typing import Final

from sequence_paper.edge import abi
from sequence_paper.edge.hosted import Hosted
from sequence_paper.store.intents import Intent
from sequence_paper.store.routing import Policy

SWEEP: Final = 0
POLICIES: Final[dict[int, Policy]] = {SWEEP: "ioc_sweep", 1: "aggressive_chase"}
_SWEEP_NS: Final = 10 * 10**9
_CHASE_NS: Final = 86_400 * 10**9
"""Of an intent without a time of its own."""
_VENUES: Final = {number: venue for venue, number in abi.VENUE_IDS.items()}


def venue_named(venue_id: int) -> str | None:
    """The venue of an intent; None for one that no venue has. 0, the router, is not asked here."""
    return _VENUES.get(venue_id)


def new_intent(hosted: Hosted, edge_id: str, action: abi.Action, symbol: str, number: int) -> Intent:
    """What an action asks for; checked before."""
    want, now = hosted.want, time.time_ns()
    policy = POLICIES[action.order_type]
    lasts = action.ttl_ms * 10**6 or (_SWEEP_NS if policy == "ioc_sweep" else _CHASE_NS)
    return Intent(
        order_id=f"graph:{want.deployment_id}:{want.label}:{number}.0",
        graph_id=f"{want.deployment_id}.{want.label}.{number}",
        account_id=want.account_id,
        mode=want.mode,
        deployment_id=want.deployment_id,
        deployment=want.name,
        label=want.label,
        edge_id=edge_id,
        intent_id=action.order_id,
        symbol=symbol,
        side="buy" if action.side > 0 else "sell",
        policy=policy,
        qty_1e8=action.qty_1e8,
        limit_1e9=action.px_1e9,
        venue=venue_named(action.venue_id) if action.venue_id else None,
        created_ns=now,
        until_ns=now + lasts,
    )
