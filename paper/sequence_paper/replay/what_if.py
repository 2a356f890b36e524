"""What if one order had gone otherwise: its run twice, as it was and with one change, up to the same moment.

The algo lives on in both. It sees what became of the changed order and may act on it; how its actions differ is told.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

from sequence_paper.analysis.facts import Gap, Value
from sequence_paper.edge.abi import Action
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.hosted import Hosted
from sequence_paper.replay import change as changes
from sequence_paper.replay import life
from sequence_paper.replay.aside import Aside
from sequence_paper.replay.capsule import Capsule, CapsuleError
from sequence_paper.replay.change import Change, Changer, WhatIfError
from sequence_paper.replay.compare import first_other_fill, rows
from sequence_paper.replay.run import Outcome, Stage, latency_of, markets_of
from sequence_paper.replay.source import opened
from sequence_paper.store.records import EdgeInput, Heard
from sequence_paper.store.words import Json
from sequence_paper.venue.latency import Latency, parse

_BURST_NS = 1_000_000_000


def what_if(capsule: Capsule, text: str) -> Json:
    """The answer as `what-if/v1`. Raises WhatIfError and CapsuleError."""
    change = changes.parse(text)
    about = capsule.about
    if "order_id" not in about or "created_ns" not in about:
        raise CapsuleError(
            "this capsule is not of one order", "`sequence trace ORDER_ID --what-if …` makes what is needed"
        )
    with tempfile.TemporaryDirectory() as scratch:
        changed = Changed(capsule, change, Path(scratch))
        try:
            outcome = asyncio.run(changed.run(capsule.feed.to_ns))
        finally:
            changed.close()
        original = _Original(capsule, Path(scratch), changed.until_ns)
        try:
            plain = asyncio.run(original.run(changed.until_ns))
        finally:
            original.close()
    _same(capsule, plain, changed.until_ns)
    return _answer(capsule, change, plain, outcome, original, changed)


class _Actions(EventLog):
    """Remembers what algos did from a moment on."""

    def __init__(self, since_ns: int) -> None:
        super().__init__()
        self._since_ns = since_ns
        self.acts: list[tuple[Any, ...]] = []

    def acted(
        self, ts_ns: int, hosted: Hosted, symbol: str, callback: str, actions: Iterable[Action]
    ) -> None:
        if ts_ns >= self._since_ns:
            instance = f"{hosted.want.name}/{hosted.want.label}"
            self.acts += [(ts_ns, instance, symbol, *action) for action in actions]


class _Original(Stage):
    """The run as it was."""

    def __init__(self, capsule: Capsule, scratch: Path, until_ns: int) -> None:
        self.actions = _Actions(capsule.about["created_ns"])
        super().__init__(capsule, self.actions, scratch, capsule.about["order_id"])
        self.until_ns = until_ns

    def mid(self, symbol: str) -> Value:
        """Of the edge's own venue, now."""
        bid, ask = self.core.markets[symbol].best()
        return Fraction(bid + ask, 2) if bid and ask else Gap.NO_DATA


class Changed(Stage):
    """The run in which one order goes otherwise, until that order is over here and in the run as it was."""

    def __init__(self, capsule: Capsule, change: Change, scratch: Path) -> None:
        about = capsule.about
        self._created_ns, self._ended_ns = about["created_ns"], about["ended_ns"]
        self._aside = _aside(capsule, change, about, scratch)
        self.latency = _latency(capsule, change)
        self.actions = _Actions(about["created_ns"])
        super().__init__(capsule, self.actions, scratch, about["order_id"])
        self.changer = Changer(about["order_id"], change, self.core, self.latency, self._aside)
        self.core.link.change = self.changer

    @property
    def until_ns(self) -> int:
        """Up to where this run came."""
        return self.core.now_ns

    def _enough(self) -> bool:
        return self.core.now_ns >= self._ended_ns and life.ended(self.kept)

    def _at(self, entry: EdgeInput | Heard) -> bool:
        # What the change brings or spares moves the clock between events of the feed, not the events.
        if self.core.now_ns < entry.feed_ns:
            self.core.advance(entry.feed_ns)
        return self.core.taken == entry.taken

    def _side_ns(self) -> int | None:
        """When something comes up at the other venue that the order there may feel."""
        under_way = bool(self.changer.sent) and not life.ended(self.kept)
        return self._aside.next_ns if self._aside is not None and under_way else None

    def _next_due(self) -> int | None:
        times = [at for at in (super()._next_due(), self._side_ns()) if at is not None]
        return min(times) if times else None

    def _waits(self) -> int:
        side = self._side_ns()
        return super()._waits() if side is None else min(super()._waits(), side)

    def _work(self, due: int, until_ns: int) -> None:
        own = super()._next_due()
        if own is None or own > due:
            self._pass(due)
            return
        # While the order lives, one instant at a time; before, and behind it, no further than where that ends.
        near = self._created_ns <= due + _BURST_NS and not life.ended(self.kept)
        bound = due if near else min(due + _BURST_NS, until_ns)
        self._delivery.deliver(due, min(bound, self._ended_ns) if due <= self._ended_ns else bound)

    def _pass(self, ts_ns: int) -> None:
        """What has come up at the other venue by then, or only time."""
        aside = self._aside
        executions = aside.reach(ts_ns) if aside is not None and self._side_ns() is not None else []
        if executions or ts_ns >= super()._waits():
            self.core.advance(ts_ns)
        if executions:
            self.core.callbacks.tell(self.core.link.happened(executions, ts_ns))


def _latency(capsule: Capsule, change: Change) -> Latency | None:
    own = latency_of(capsule)
    if change.kind == "latency":
        return changes.latency_of(change.value, own, capsule.venue, capsule.feed.seed)
    if change.kind == "venue" and own is not None and own.profile == "venue":
        return parse("venue", change.value, own.seed)  # what that venue is assumed to take
    return own


def _aside(capsule: Capsule, change: Change, about: Json, scratch: Path) -> Aside | None:
    if change.kind != "venue":
        return None
    venue, symbol = change.value, about["symbol"]
    if venue == capsule.venue:
        raise WhatIfError(f"this order went to {venue}", "name another venue", usage=True)
    market = capsule.aside
    if market is None or market.venue != venue:
        raise WhatIfError(f"nothing of the market at {venue} is in this capsule")
    if symbol not in market.symbols:
        raise WhatIfError(
            f"the edge at {venue} follows {', '.join(market.symbols)}, not {symbol}", "name another venue"
        )
    [there] = markets_of(venue, [symbol], capsule.fees).values()
    aside = Aside(venue, opened(market, scratch), there)
    if aside.begins_ns > about["created_ns"]:
        raise WhatIfError(
            f"the data of {venue} begins at {aside.begins_ns}, after this order was decided at "
            f"{about['created_ns']} (feed time, ns)",
            "ask about a later order",
        )
    return aside


def _same(capsule: Capsule, plain: Outcome, until_ns: int) -> None:
    """The run without the change must be the one that was. Raises WhatIfError."""
    ours = rows(plain.kept.fills)
    stored = [row for row in capsule.stored or [] if row[1] <= until_ns]
    other = first_other_fill(stored, ours, plain.unheard)
    about, order = capsule.about, plain.kept.orders.get(capsule.about["order_id"])
    if not other and order is None:
        other = "the order does not come up in the repetition"
    elif not other and order is not None and order.status != about["status"]:
        other = f"the order ended {about['status']}, in the repetition {order.status}"
    if other:
        raise WhatIfError(f"without the change the run already comes to something else: {other}")


def _answer(
    capsule: Capsule, change: Change, plain: Outcome, outcome: Outcome, original: _Original, changed: Changed
) -> Json:
    about, order = capsule.about, plain.kept.orders[capsule.about["order_id"]]
    if not changed.changer.sent and order.status != "REJECTED":
        raise WhatIfError(
            "this order was not sent by an algo of its edge", "ask about an order that an algo has sent"
        )
    if not changed.changer.sent:
        raise WhatIfError(
            "this order never left its edge, so no way to a venue changes it: "
            f"{order.failure_reason or order.status}",
            "the trace says which limit refused it",
        )
    mid = original.mid(order.symbol)
    own = capsule.latency
    kind = order.order_type if order.order_type == "market" else order.tif
    before = life.told(plain.kept, venue=capsule.venue, latency=own, order_type=kind, end_mid=mid)
    after = life.told(
        outcome.kept,
        venue=change.value if change.kind == "venue" else capsule.venue,
        latency=changed.latency.profile if changed.latency is not None else "none",
        order_type="post_only" if change.kind == "post-only" else kind,
        end_mid=mid,
    )
    return {
        "schema": "what-if/v1",
        "order_id": order.order_id,
        "deployment": about["deployment"],
        "label": about["label"],
        "symbol": order.symbol,
        "side": order.side,
        "qty_1e8": order.qty_1e8,
        "price_1e9": order.price_1e9,
        "change": str(change),
        "decided_ns": order.created_ns,
        "until_ns": changed.until_ns,
        "decision_mid_1e9": order.decision_mid_1e9 or None,
        "until_mid_1e9": None if isinstance(mid, Gap) else round(mid),
        "repeated": {"fills": len(plain.kept.fills), "events": plain.events},
        "original": before,
        "changed": after,
        "difference": life.difference(before, after),
        "algo": _algo(original.actions.acts, changed.actions.acts),
        "source": capsule.aside.feed.words if capsule.aside is not None else capsule.feed.words,
    }


def _algo(before: list[tuple[Any, ...]], after: list[tuple[Any, ...]]) -> Json:
    """What all algos of the account did from the decision on, in both runs."""
    parted = next(
        (
            min(one[0] for one in pair if one is not None)
            for pair in zip_longest(before, after)
            if len({*pair}) > 1
        ),
        None,
    )
    return {"actions_original": len(before), "actions_changed": len(after), "differs_from_ns": parted}
