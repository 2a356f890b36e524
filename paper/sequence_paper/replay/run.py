"""Repeats the run of a capsule: one process, one thread, as fast as it goes, through the code that ran it first."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.delivery import Delivery
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.journal import Journal
from sequence_paper.replay.capsule import Capsule, CapsuleError
from sequence_paper.replay.hearing import hear
from sequence_paper.replay.source import opened
from sequence_paper.store import Store
from sequence_paper.store.inputs import funded, taken_over, wanted
from sequence_paper.store.records import EdgeInput, EdgeWrites, Heard
from sequence_paper.store.switches import KillSwitch
from sequence_paper.store.tracing import Step, TraceHead
from sequence_paper.store.trades import Fill, Order, Position
from sequence_paper.venue.floor import NotListedError, open_markets
from sequence_paper.venue.latency import Latency, LatencyError, Leg
from sequence_paper.venue.latency import parse as parse_latency
from sequence_paper.venue.market import Market
from sequence_paper.venue.tiers import ScheduleError
from sequence_paper.venue.tiers import parse as parse_fees

_BURST_NS: Final = 1_000_000_000
_EDGE: Final = "replay"


@dataclass(slots=True)
class Kept:
    """What a journal would have stored; of traces only that of the order ``watched``."""

    watched: str = ""
    head: TraceHead | None = None
    steps: list[Step] = field(default_factory=list)
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    positions: dict[tuple[str, str], Position] = field(default_factory=dict)

    def commit(self, writes: EdgeWrites) -> None:
        self.orders |= {row.order_id: row for row in writes.orders}
        self.fills += writes.fills
        self.positions |= {(row.deployment, row.symbol): row for row in writes.positions}
        for head in writes.traces:
            if head.order_id == self.watched:
                self.head = head
        for piece in writes.steps:
            if piece.order_id == self.watched:
                self.steps += piece.steps


@dataclass(frozen=True, slots=True)
class Outcome:
    """``events``: messages of the feed. ``wall_ns``: from the first of them to the last, without compiling.

    ``unheard``: words of the venue that are under way at the end.
    """

    log: EventLog
    kept: Kept
    events: int
    callbacks: int
    wall_ns: int
    faults: list[str]
    unheard: int = 0


def run(capsule: Capsule, log: EventLog | None = None, *, to_ns: int | None = None) -> Outcome:
    """From the beginning to the end of the slice, or to ``to_ns``. Raises CapsuleError."""
    with tempfile.TemporaryDirectory() as scratch:
        stage = Stage(capsule, log or EventLog(), Path(scratch))
        try:
            return asyncio.run(stage.run(capsule.feed.to_ns if to_ns is None else to_ns))
        finally:
            stage.close()


class Stage:
    """One run, in the state it has reached."""

    def __init__(self, capsule: Capsule, log: EventLog, scratch: Path, watched: str = "") -> None:
        self._capsule, self._log = capsule, log
        self.kept = Kept(watched)
        self._host = Host()
        feed = opened(capsule.market, scratch)
        self.journal = Journal(self.kept)
        venue, latency = capsule.venue, latency_of(capsule)
        markets = markets_of(venue, capsule.symbols, capsule.fees)
        self.core = EdgeCore(_EDGE, venue, markets, self.journal, lambda *_: None, log=log, latency=latency)
        self._delivery = Delivery(self.core, feed, capsule.until_ns)
        self._taken_over: list[Position] = []
        # Of a store a converger asks for these three things, and here the inputs have the answers.
        answers = SimpleNamespace(
            artifacts=SimpleNamespace(get=capsule.modules.get),
            positions=SimpleNamespace(of_deployment=lambda *_: self._taken_over),
            instances=SimpleNamespace(removed=lambda *_: None),
        )
        store = cast(Store, answers)
        self._guests = guests = Guests(self.core, store, capsule.venue, "spot")
        self._converger = Converger(self.core, self._host, store, guests, capsule.venue, capsule.feed.words)
        self._finished = False
        self._wall_ns = 0

    def close(self) -> None:
        """Give back what the host holds."""
        self._host.close()

    async def run(self, to_ns: int) -> Outcome:
        """Every input at its place, and the feed between and after them."""
        self._delivery.prime()
        faults: list[str] = []
        told: list[EdgeInput | Heard] = [*self._capsule.inputs, *self._capsule.heard]
        for entry in sorted(told, key=lambda one: one.n):
            if entry.feed_ns > to_ns or self._enough():
                break
            self._reach(entry.feed_ns, entry.taken)
            if self._enough():
                break
            if not self._at(entry):
                raise CapsuleError(
                    f"the feed is another than the one recorded: {self.core.taken} events at {self.core.now_ns}, "
                    f"where {entry.taken} had come at {entry.feed_ns}",
                    "the version of sequence-operator that made the capsule may generate other data",
                )
            await self._apply(entry)
        self._reach(to_ns, None)
        self.journal.flush()
        hosted = self.core.roster.hosted.values()
        faults += [f"{h.want.name}/{h.want.label}: {h.pause_reason}" for h in hosted if h.pause_reason]
        callbacks = sum(h.callbacks for h in hosted)
        unheard = self.core.wires.waiting(Leg.RESPONSE)
        return Outcome(self._log, self.kept, self.core.taken, callbacks, self._wall_ns, faults, unheard)

    def _at(self, entry: EdgeInput | Heard) -> bool:
        """Whether this is the place of an input."""
        return (self.core.taken, self.core.now_ns) == (entry.taken, entry.feed_ns)

    def _enough(self) -> bool:
        """Whether the rest need not be run."""
        return False

    async def _apply(self, entry: EdgeInput | Heard) -> None:
        if isinstance(entry, Heard):
            hear(self.core, self._guests, entry)
        elif entry.kind == "unload":
            key = (entry.body["deployment_id"], entry.body["label"])
            self._converger.unload(self.core.roster.hosted[key])
        elif entry.kind == "funds":
            self.core.fund(entry.account_id, entry.mode, funded(entry.body))
        elif entry.kind == "apply":
            want = wanted(entry.body)
            self._taken_over = taken_over(entry.body)
            while not await self._converger.compiled(want.wasm_sha256):
                pass
            await self._converger.apply(want)
        elif entry.kind == "reset":
            self.core.forget_positions(entry.account_id, entry.mode)
        elif entry.kind == "switch":
            self.core.switches.put(entry.account_id, entry.mode, KillSwitch(**entry.body))
        self.journal.flush()

    def _reach(self, ts_ns: int, taken: int | None) -> None:
        """Deliver what comes until then, but no more than ``taken`` events if that is given."""
        core, delivery, started = self.core, self._delivery, time.perf_counter_ns()
        while (due := self._next_due()) is not None and due <= ts_ns and not self._enough():
            if taken is not None and core.taken >= taken and self._waits() > ts_ns:
                break
            self._work(due, ts_ns)
            self.journal.flush()
        end = delivery.end_ns
        over = delivery.next_due() is None and (end is None or end <= ts_ns)
        if over and self._capsule.feed.cut:
            # The data went on; what is missing of it came later than all that is asked for.
            while (waits := self._waits()) <= ts_ns and not self._enough():
                self._pass(waits)
                self.journal.flush()
        elif over and not self._finished and (taken is None or core.taken < taken):
            delivery.finish()
            self._finished = True
        self._wall_ns += time.perf_counter_ns() - started

    def _next_due(self) -> int | None:
        """When something happens next, None when nothing does any more."""
        return self._delivery.next_due()

    def _waits(self) -> int:
        """When something happens next that is no event of the feed."""
        return min(self.core.next_heartbeat_ns, self.core.wires.due_ns)

    def _work(self, due: int, until_ns: int) -> None:
        """What is due, and more, but nothing after ``until_ns``."""
        self._delivery.deliver(due, min(due + _BURST_NS, until_ns))

    def _pass(self, ts_ns: int) -> None:
        """Time goes on without an event."""
        self.core.advance(ts_ns)


def latency_of(capsule: Capsule) -> Latency | None:
    """Between algos and venue in this run. Raises CapsuleError."""
    try:
        return parse_latency(capsule.latency, capsule.venue, capsule.feed.seed)
    except LatencyError as error:
        raise CapsuleError(str(error), "it was made with --latency table:FILE on another machine") from error


def markets_of(venue: str, symbols: Sequence[str], fees: str) -> dict[str, Market]:
    """Empty, by the rules and fees of the venue. Raises CapsuleError: it does not list a symbol, or no such fees."""
    try:
        return open_markets(venue, symbols, parse_fees(fees, venue))
    except NotListedError as error:
        raise CapsuleError(f"{error} here", "the capsule is of another version") from error
    except ScheduleError as error:
        raise CapsuleError(str(error), "it was made with --fees table:FILE on another machine") from error
