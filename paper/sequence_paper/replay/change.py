"""The one thing that is different in a run that asks "what if": how an order goes to its venue, and to which."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.hosted import LiveOrder
from sequence_paper.replay.aside import Aside
from sequence_paper.store.words import Json
from sequence_paper.venue.latency import Latency, LatencyError, later
from sequence_paper.venue.latency import parse as parse_latency
from sequence_paper.venue.orders import Order, OrderType

Kind = Literal["venue", "latency", "post-only"]
FORMS: Final = "venue=NAME, latency=PROFILE, latency=MS, latency=+MS or post-only"
_KINDS: Final = {kind: kind.name.lower() for kind in OrderType}


class WhatIfError(Exception):
    """A question that cannot be answered; the message says why, ``hint`` what to do.

    ``usage``: it is no question at all.
    """

    def __init__(self, message: str, hint: str = "", *, usage: bool = False) -> None:
        super().__init__(message)
        self.hint, self.usage = hint, usage


@dataclass(frozen=True, slots=True)
class Change:
    """``value``: the venue, or the latency as it was written; empty for post-only."""

    kind: Kind
    value: str = ""

    def __str__(self) -> str:
        return f"{self.kind}={self.value}" if self.value else self.kind


def parse(text: str) -> Change:
    """Raises WhatIfError."""
    kind, equals, value = (part.strip() for part in text.partition("="))
    if kind == "post-only" and not equals:
        return Change("post-only")
    if kind in ("venue", "latency") and value:
        return Change(kind, value)  # type: ignore[arg-type]
    raise WhatIfError(f"{text!r} is no change of an order", f"say {FORMS}", usage=True)


def latency_of(value: str, own: Latency | None, venue: str, seed: int) -> Latency | None:
    """``value``: a profile, milliseconds of each leg, or with a + so many more than ``own``. Raises WhatIfError."""
    number = value.removesuffix("ms")
    try:
        if number.startswith("+"):
            return later(own, float(number))
        return parse_latency(f"constant:{number}" if _is_number(number) else value, venue, seed)
    except (LatencyError, ValueError, OverflowError) as error:
        hint = "none, venue, 5, +5, constant:5,8,5 (ms of the legs feed, entry, response) or table:FILE"
        raise WhatIfError(f"latency={value}: {error}", hint, usage=True) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Changer:
    """Makes the change when the order leaves. ``latency``, ``aside``: what it needs, by its kind.

    ``sent``: how the order left; empty until it has.
    """

    def __init__(
        self, order_id: str, change: Change, core: EdgeCore, latency: Latency | None, aside: Aside | None
    ) -> None:
        self.order_id, self._change, self._core = order_id, change, core
        self._latency, self._aside = latency, aside
        self.sent: Json = {}

    def __call__(self, order: LiveOrder, wanted: Order, now_ns: int) -> Order:
        """As ``VenueLink.change``. Raises WhatIfError."""
        if order.order_id != self.order_id:
            return wanted
        if self._change.kind == "post-only":
            wanted = self._passive(order, wanted)
        elif self._change.kind == "latency":
            self._core.wires.own(order.order_id, self._latency)
        elif self._aside is not None:
            self._aside.reach(now_ns)
            order.elsewhere = self._aside.market
            self._aside.market.holds(wanted.account, wanted.group, self._position(wanted))
            self._core.wires.own(order.order_id, self._latency)
        self.sent = {"order_type": _KINDS[wanted.type]}
        return wanted

    def _position(self, wanted: Order) -> int:
        """What an order that may only reduce would reduce."""
        held = [
            holding.position.qty_1e8
            for key, holding in self._core.holdings.items()
            if f"{key.account_id}/{key.mode}" == wanted.account
            and (key.deployment, key.symbol) == (wanted.group, wanted.symbol)
        ]
        return sum(held)

    @staticmethod
    def _passive(order: LiveOrder, wanted: Order) -> Order:
        if order.type is OrderType.MARKET:
            raise WhatIfError(
                "a market order has no price at which it could rest", "ask for a latency or a venue"
            )
        if order.type is OrderType.POST_ONLY:
            raise WhatIfError("this order is post-only as it is", "ask for a latency or a venue")
        order.type = OrderType.POST_ONLY
        return replace(wanted, type=OrderType.POST_ONLY)
