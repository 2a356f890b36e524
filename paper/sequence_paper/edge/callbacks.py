"""Runs callbacks: measures them, executes what they decide, tells what came of it, and ends those that misbehave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from sequence_paper.edge import abi
from sequence_paper.edge.errors import AlgoFault
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.executions import Executions, FillNotice, Notice, RejectNotice
from sequence_paper.edge.hosted import Hosted, Slot
from sequence_paper.edge.roster import Roster
from sequence_paper.edge.trace import Decision
from sequence_paper.edge.trading import Trading

P = ParamSpec("P")
T = TypeVar("T")


class Callbacks:
    """``now_ns``: feed time of whatever happens; ``received``: when the edge took it up. Both kept by the owner."""

    def __init__(
        self, roster: Roster, trading: Trading, executions: Executions, log: EventLog | None = None
    ) -> None:
        self._roster, self._trading, self._executions, self._log = roster, trading, executions, log
        self.now_ns = 0
        self.received = time.perf_counter_ns()

    def decide(
        self,
        hosted: Hosted,
        slot: Slot,
        callback: Callable[P, list[abi.Action]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run a callback that may decide something. ``slot``: the symbol it is about."""
        # Spelt out instead of `_call`: most callbacks decide nothing, and these must not pay for one that does.
        clock = time.perf_counter_ns
        began = clock()
        try:
            actions = callback(*args, **kwargs)
        except AlgoFault as fault:
            self._fault(hosted, fault)
            actions = []
        finally:
            ended = clock()
            hosted.latency.add(ended - began)
            hosted.callbacks += 1
        if actions:
            if self._log is not None:
                self._log.acted(self.now_ns, hosted, slot.symbol, callback.__name__, actions)
            decision = Decision(callback.__name__, self.received, began, ended)
            self.tell(self._trading.execute(hosted, actions, slot, self.now_ns, decision))

    def tell(self, notices: Iterable[Notice]) -> None:
        """Deliver fills and rejects. Those callbacks cannot decide anything, so this never recurses."""
        for notice in notices:
            if isinstance(notice, FillNotice):
                self._tell_fill(notice)
            else:
                self._tell_reject(notice)

    def pause(self, hosted: Hosted, reason: str) -> None:
        """Stop an instance until somebody acknowledges; its orders are cancelled, since nobody minds them now."""
        self._roster.set_status(hosted, "paused", pause_reason=reason)
        swept = self._executions.sweep(hosted, self.now_ns)
        self._roster.log(hosted, 4, f"paused: {reason}; {swept} open orders cancelled")
        self._roster.observe(hosted)

    def shutdown(self, hosted: Hosted) -> None:
        """Call the shutdown callback, execute its actions, cancel what is left (a buffer holds 16 actions)."""
        sandbox = hosted.sandbox
        self.received = time.perf_counter_ns()
        if sandbox is not None and hosted.slots:
            self.decide(hosted, hosted.slots[0], sandbox.on_shutdown, hosted.state_of_all())
        self._executions.sweep(hosted, self.now_ns)

    def _call(self, hosted: Hosted, callback: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        started = time.perf_counter_ns()
        try:
            return callback(*args, **kwargs)
        except AlgoFault as fault:
            self._fault(hosted, fault)
            return None
        finally:
            hosted.latency.add(time.perf_counter_ns() - started)
            hosted.callbacks += 1

    def _fault(self, hosted: Hosted, fault: AlgoFault) -> None:
        # Only this instance ends: its memory may be half written, so nothing of it may be called again.
        hosted.sandbox = None
        self.pause(hosted, str(fault))

    def _tell_fill(self, notice: FillNotice) -> None:
        hosted, slot = notice.hosted, notice.slot
        sandbox = hosted.sandbox
        if sandbox is not None:
            fill = abi.fill(
                notice.order_id, notice.px_1e9, notice.qty_1e8, notice.side, notice.ts_ns, slot.symbol_id
            )
            self._call(hosted, sandbox.on_fill, fill, hosted.state(slot))
        if hosted.status == "running":
            refusal = hosted.gate.breached(hosted.session_1e9())
            if refusal is not None:
                self.pause(hosted, f"{refusal.code.name}: {refusal.reason}")

    def _tell_reject(self, notice: RejectNotice) -> None:
        hosted = notice.hosted
        sandbox = hosted.sandbox
        if sandbox is not None:
            reject = abi.reject(notice.order_id, notice.code, notice.slot.symbol_id)
            self._call(hosted, sandbox.on_reject, reject)
        if notice.pause and hosted.status == "running":
            self.pause(hosted, notice.pause)
