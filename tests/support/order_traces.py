"""Order traces in tests of the edge: algos that do what a test says, and what must hold for every trace."""

from __future__ import annotations

import itertools
import struct
from typing import Any

from sequence_paper.store.tracing import Trace
from sequence_paper.store.words import OPEN_ORDER_STATUSES
from support import wat

SECOND = 10**9
SENT = ["decision", "submitted", "risk", "routed", "sent", "venue_ack"]
NEW, CANCEL, AMEND = 0, 1, 2


def action(kind: int = NEW, qty: int = 10**6, px: int = 99_000, side: int = 1, how: int = 0) -> bytes:
    """One action on the algo's order 1."""
    return struct.pack("<QQqbBBBBBH", 1, px * SECOND, qty, side, kind, how, 0, 0, 0, 0)


def scripted(*buffers: bytes) -> bytes:
    """An algo that returns these actions on its first book updates, one after another, and then nothing."""
    at, size = 0x101000, 0x400
    data = ""
    for index, one in enumerate(buffers):
        octets = "".join(f"\\{octet:02x}" for octet in struct.pack("<Q", 1) + one)
        data += f'(data (i32.const {at + index * size}) "{octets}")'
    body = f"""
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (select (i32.add (i32.const {at - size}) (i32.mul (global.get $n) (i32.const {size}))) (i32.const 0)
        (i32.le_u (global.get $n) (i32.const {len(buffers)})))"""
    return wat.algo(body, more=f"(global $n (mut i32) (i32.const 0)) {data}")


def traces(edge: Any) -> list[tuple[Any, Trace]]:
    """Oldest first; each is checked for what holds for every trace."""
    edge.journal.flush()
    found = edge.store.traces.page(edge.account, "sandbox", limit=1000)[::-1]
    for order, trace in found:
        well_formed(order, trace)
    return found


def well_formed(order: Any, trace: Trace) -> None:
    """Monotonic, complete for the order's status, and equal to the order's row."""
    assert trace.head.order_id == order.order_id
    stages = [stage for stage, *_ in trace.steps]
    times = [ts for _, ts, _, _ in trace.steps]
    assert times == sorted(times)
    assert sum(b - a for a, b in itertools.pairwise(times)) == times[-1] - times[0]
    details = {stage: detail for stage, _, _, detail in trace.steps}
    fills = [detail for stage, _, _, detail in trace.steps if stage == "fill"]
    assert sum(fill["qty_1e8"] for fill in fills) == order.filled_qty_1e8
    assert sum(fill["fee_1e9"] for fill in fills) == order.fees_1e9
    assert stages[:3] == SENT[:3]
    if order.status == "REJECTED":
        assert stages[-1] == "rejected"
        return
    assert stages[:6] == SENT
    if order.status in OPEN_ORDER_STATUSES:
        assert stages[-1] not in ("cancelled", "rejected")
    elif order.status == "FILLED":
        assert (stages[-1], details["fill"]["remaining_1e8"]) == ("fill", 0)
    else:
        assert stages[-1] == "cancelled"
        assert details["cancelled"]["remaining_1e8"] == order.qty_1e8 - order.filled_qty_1e8
