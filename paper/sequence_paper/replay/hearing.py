"""What came over the bus, once more."""

from __future__ import annotations

import orjson

from sequence_paper.edge import outside
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.guests import Guests, Principal
from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.outside import LegFill, Progress
from sequence_paper.replay.capsule import CapsuleError
from sequence_paper.store.heard import payload_of
from sequence_paper.store.records import Heard
from sequence_paper.store.trades import Order, Position
from sequence_paper.store.words import Json


def hear(core: EdgeCore, guests: Guests, heard: Heard) -> None:
    """Bring it to the edge as the bus did. Raises CapsuleError."""
    body, kind = orjson.loads(heard.body), heard.kind
    if kind == "message":
        hosted = core.roster.hosted.get((body["deployment_id"], body["label"]))
        core.post.accept(_here(hosted, body["label"]), body["sender"], 0, payload_of(body))
    elif kind == "pools":
        core.across.hear_pools(body)
    elif kind == "silent":
        core.across.forget(body["symbol"], body["venue_id"])
    elif kind == "guest":
        guests.admit(Principal(**body["who"]), [Position(**row) for row in body["positions"]])
    elif kind == "order":
        _order(core, guests, body)
    elif kind == "intent":
        _intent(core, body)
    elif kind == "cancel":
        outside.cancel(core, ("", ""), body["order_id"], body["symbol"])
    elif kind == "amend":
        outside.amend(core, ("", ""), body["order_id"], body["symbol"], body["qty_1e8"], body["px_1e9"])
    elif (symbol := core.across.hear(body, body["instrument_type"], 0)) is not None:
        core.compare(symbol)


def _order(core: EdgeCore, guests: Guests, body: Json) -> None:
    row = Order(**body["row"])
    who = Principal(row.account_id, row.mode, row.deployment_id, row.deployment, row.label)
    outside.place(core, _here(guests.known(who), row.order_id), row, body["asked"])


def _intent(core: EdgeCore, body: Json) -> None:
    hosted = core.roster.hosted.get((body.pop("deployment_id"), body.pop("label")))
    live = hosted.intents.get(body.pop("order_id")) if hosted is not None else None
    if hosted is None or live is None:
        return  # its algo asks for something else in this run
    slot = next(slot for slot in hosted.slots if slot.symbol == live.row.symbol)
    fills = [LegFill(**fill) for fill in body.pop("fills")]
    outside.tell(core, hosted, slot, live, Progress(fills=fills, **body))


def _here(hosted: Hosted | None, whose: str) -> Hosted:
    if hosted is None:
        raise CapsuleError(f"something is for {whose}, which is not there", "make the capsule anew")
    return hosted
