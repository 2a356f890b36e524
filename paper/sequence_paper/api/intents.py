"""What algos ask for, as parents. Nothing is stored or sent here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sequence_paper.api.market import VenueBook
from sequence_paper.api.placing import Placement, first_round
from sequence_paper.routing import Pool, Venue
from sequence_paper.store.intents import Intent
from sequence_paper.store.parent_state import NO_LIQUIDITY
from sequence_paper.store.routing import Parent


def parent_of(intent: Intent) -> Parent:
    """What an algo asked for, as a parent: always IOC within its limit, once or until its time is over."""
    chases = intent.policy == "aggressive_chase"
    return Parent(
        order_id=intent.order_id,
        account_id=intent.account_id,
        mode=intent.mode,
        graph_id=intent.graph_id,
        node_id=intent.label,
        content="intent",
        symbol=intent.symbol,
        side=intent.side,
        order_type="limit",
        tif="ioc",
        policy=intent.policy,
        qty_1e8=intent.qty_1e8,
        limit_1e9=intent.limit_1e9,
        venue=intent.venue,
        created_ns=intent.created_ns,
        until_ns=intent.until_ns,
        origin={
            "deployment_id": intent.deployment_id,
            "deployment": intent.deployment,
            "label": intent.label,
            "edge_id": intent.edge_id,
            "intent_id": intent.intent_id,
        },
        more=chases,
        cancel=intent.cancel,
    )


def intent_round(
    parent: Parent, venues: Sequence[Venue], books: Sequence[VenueBook], pools: Sequence[Pool], now_ns: int
) -> Placement:
    """As ``first_round``; what a client would be told at once becomes the reason of its failure."""
    if parent.cancel or now_ns > parent.until_ns:
        return Placement(replace(parent, failure=NO_LIQUIDITY, more=False), None, [])
    if parent.venue is not None and all(venue.name != parent.venue for venue in venues):
        return Placement(replace(parent, failure="BAD_VENUE", more=False), None, [])
    if not venues:
        return Placement(replace(parent, failure="STALE_VENUE", more=False), None, [])
    return first_round(parent, venues, books, pools, now_ns)
