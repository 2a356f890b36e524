"""What came over the bus, once more."""

from __future__ import annotations

import orjson

from sequence_paper.edge.core import EdgeCore
from sequence_paper.replay.capsule import CapsuleError
from sequence_paper.store.heard import payload_of
from sequence_paper.store.records import Heard


def hear(core: EdgeCore, heard: Heard) -> None:
    """Bring it to the edge as the bus did. Raises CapsuleError."""
    body = orjson.loads(heard.body)
    if heard.kind == "message":
        hosted = core.roster.hosted.get((body["deployment_id"], body["label"]))
        if hosted is None:
            raise CapsuleError(
                f"a message is for {body['label']}, which is not there", "make the capsule anew"
            )
        core.post.accept(hosted, body["sender"], 0, payload_of(body))
    elif heard.kind == "pools":
        core.across.hear_pools(body)
    elif heard.kind == "silent":
        core.across.forget(body["symbol"], body["venue_id"])
    elif (symbol := core.across.hear(body, body["instrument_type"], 0)) is not None:
        core.compare(symbol)
