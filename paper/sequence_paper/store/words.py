"""The words that rows are made of."""

from __future__ import annotations

from typing import Any, Literal

Mode = Literal["live", "sandbox"]
Desired = Literal["running", "stopped", "deleted"]
InstanceStatus = Literal["pending", "accepted", "stopped", "running", "paused", "rejected"]
OnStop = Literal["keep", "cancel"]
InstrumentType = Literal["spot", "perp"]
OrderStatus = Literal["NEW", "OPEN", "PARTIALLY_FILLED", "FILLED", "PARTIAL", "CANCELLED", "REJECTED"]
"""NEW: left the algo, not yet acknowledged. PARTIAL: ended after a part was filled. The last four are final."""

OPEN_ORDER_STATUSES: tuple[OrderStatus, ...] = ("NEW", "OPEN", "PARTIALLY_FILLED")
LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
"""Log levels; the algo interface numbers them 0..4 in this order."""

Json = dict[str, Any]
