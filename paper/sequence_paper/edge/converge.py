"""Level-triggered: read what should run on this edge, make it so, and say what was reached.

Nothing here remembers why it was called. At the start of the process, on every wake-up and once a second the whole
desired state of the edge is compared with what is hosted.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Final

from sequence_paper.edge import abi
from sequence_paper.edge.algo_state import StateWriter
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.errors import ModuleRefused
from sequence_paper.edge.guests import Guests, Principal
from sequence_paper.edge.holding import Holding, HoldingKey
from sequence_paper.edge.host import Host
from sequence_paper.edge.hosted import Counts, Hosted, Slot, limits_of, params_of
from sequence_paper.edge.modules import ModuleCache
from sequence_paper.edge.rows import live_order
from sequence_paper.edge.sandbox import Sandbox
from sequence_paper.edge.tracer import RESTARTED, LastStep
from sequence_paper.store import Store
from sequence_paper.store.records import DesiredInstance
from sequence_paper.store.trades import Order, Position
from sequence_paper.store.words import OrderStatus

_DESK: Final = ("", "")
"""Deployment and label of orders that no instance gave."""


class Converger:
    """Brings an ``EdgeCore`` to the desired state of the store. ``converge`` must not run twice at once."""

    def __init__(
        self, core: EdgeCore, host: Host, store: Store, guests: Guests, venue: str, stand_in: str
    ) -> None:
        """``stand_in``: what feeds this edge, for the sentence about symbols it does not have."""
        self._core, self._host, self._store, self._guests = core, host, store, guests
        self._roster = core.roster
        self._venue, self._stand_in = venue, stand_in
        self._modules = ModuleCache(host, store)
        self._resting: dict[tuple[str, str], list[Order]] | None = None
        self._traced: dict[str, LastStep] = {}
        self._taken_over: list[Position] = []

    async def converge(self) -> None:
        """One pass. Raises what the store raises; the next pass starts over."""
        if self._resting is None:
            self._resting = await self._read_resting()
        await self._restore_desks()
        wanted = await asyncio.to_thread(self._store.instances.desired_on, self._roster.edge_id)
        keys = {(want.deployment_id, want.label) for want in wanted}
        self._end_orphans(keys)
        for key, hosted in list(self._roster.hosted.items()):
            if key not in keys:
                self.unload(hosted)
        for want in wanted:
            await self.apply(want)
        self._modules.keep({hosted.want.wasm_sha256 for hosted in self._roster.hosted.values()})

    async def apply(self, want: DesiredInstance) -> None:
        """Bring one instance nearer to its desired state. What it comes to is reached without waiting."""
        key, before = (want.deployment_id, want.label), self._reached(want)
        self._taken_over = []
        try:
            await self._one(want)
        except ModuleRefused as refused:
            self._reject(self._roster.hosted[key], want, str(refused))
        if key in self._roster.hosted and self._reached(want) != before:
            self._core.inputs.applied(want, self._taken_over)

    async def compiled(self, sha256: str) -> bool:
        """Whether a module is ready to be loaded or refused. Waits a moment; raises what the store raises."""
        return await self._modules.ready(sha256)

    def _reached(self, want: DesiredInstance) -> tuple[object, ...]:
        hosted = self._roster.hosted.get((want.deployment_id, want.label))
        if hosted is None:
            return ()
        return (hosted, hosted.status, hosted.applied_revision, hosted.applied_starts, hosted.sandbox is None)

    async def _one(self, want: DesiredInstance) -> None:
        hosted = self._roster.hosted.get((want.deployment_id, want.label))
        if hosted is not None and hosted.want.wasm_sha256 != want.wasm_sha256:
            self.unload(hosted)
            hosted = None
        if hosted is None:
            hosted = await self._load(want)
        if hosted is None:
            return
        if want.desired == "deleted":
            self.unload(hosted)
            # The rows must be final before the registration may go.
            self._core.journal.flush()
            await asyncio.to_thread(
                self._store.instances.removed, self._roster.edge_id, want.deployment_id, want.label
            )
            return
        if hosted.status == "rejected" and self._asked_again(hosted, want):
            self._modules.forget(want.wasm_sha256)
            self._roster.forget(hosted)
            hosted = await self._load(want)
            if hosted is None:
                return
        if hosted.status == "rejected":
            self._acknowledge(hosted, want)
            return
        if want.revision != hosted.applied_revision:
            self._configure(hosted, want)
        await self._run_or_stop(hosted, want)

    def _asked_again(self, hosted: Hosted, want: DesiredInstance) -> bool:
        return want.starts > hosted.applied_starts or want.revision != hosted.applied_revision

    def _acknowledge(self, hosted: Hosted, want: DesiredInstance) -> None:
        """This state is also the answer to the newest wish."""
        if (hosted.applied_revision, hosted.applied_starts) != (want.revision, want.starts):
            hosted.applied_revision, hosted.applied_starts = want.revision, want.starts
            self._roster.set_status(
                hosted, hosted.status, error=hosted.error, pause_reason=hosted.pause_reason
            )

    async def _run_or_stop(self, hosted: Hosted, want: DesiredInstance) -> None:
        hosted.want = want
        if want.desired == "stopped":
            if hosted.status == "running":
                if want.on_stop == "cancel":
                    self._core.callbacks.shutdown(hosted)
                if hosted.status == "running":  # a fault in the shutdown callback has paused it
                    hosted.applied_starts = want.starts
                    self._roster.set_status(hosted, "stopped")
            elif hosted.status == "paused":
                self._roster.set_status(hosted, "stopped", pause_reason=hosted.pause_reason)
            self._acknowledge(hosted, want)
            return
        paused = hosted.status == "paused" or hosted.pause_reason is not None
        if hosted.status == "running" or (paused and want.starts <= hosted.applied_starts):
            self._acknowledge(hosted, want)
            return
        if hosted.sandbox is None:
            if not await self._modules.ready(want.wasm_sha256):
                return
            self._instantiate(hosted, want)
        hosted.applied_starts = want.starts
        self._roster.set_status(hosted, "running")

    # -- loading -----------------------------------------------------------------------------------------------

    async def _load(self, want: DesiredInstance) -> Hosted | None:
        """Make the instance known, with its earlier orders and positions, and load its module; None = not yet.

        Everything that waits comes first: when it fails, nothing has begun. Raises ModuleRefused with the instance
        in the roster.
        """
        rows = await asyncio.to_thread(
            self._store.positions.of_deployment, want.account_id, want.mode, want.name, want.venue
        )
        needed = want.desired != "deleted" and not self._stays_paused(want)
        if needed and not await self._modules.ready(want.wasm_sha256):
            return None
        self._taken_over = rows
        hosted = Hosted(want)
        counts, last = want.last.orders, want.last
        hosted.counts = Counts(counts.submitted, counts.filled, counts.rejected, counts.cancelled)
        # Every order raised one of the two, so no number is used twice.
        hosted.order_number = counts.submitted + counts.rejected
        hosted.update_count, hosted.callbacks = last.update_count, last.callbacks
        hosted.applied_starts = last.applied_starts
        self._roster.add(hosted)
        problem = self._subscribe(hosted, rows)
        self._restore_orders(hosted)
        if want.desired == "deleted":
            return hosted
        if problem:
            raise ModuleRefused("NoSymbol", problem)
        if self._stays_paused(want):
            hosted.applied_revision = want.revision
            self._roster.set_status(hosted, "paused", pause_reason=last.pause_reason)
            return hosted
        self._instantiate(hosted, want)
        # Whether it ever ran decides the word for "loaded, not running".
        seen = last.status in ("running", "stopped", "paused")
        reason = last.pause_reason if last.status == "stopped" else None
        self._roster.set_status(hosted, "stopped" if seen else "accepted", pause_reason=reason)
        return hosted

    @staticmethod
    def _stays_paused(want: DesiredInstance) -> bool:
        """Paused by an earlier process, and nobody started it since."""
        return want.last.status == "paused" and want.starts <= want.last.applied_starts

    def _subscribe(self, hosted: Hosted, positions: list[Position]) -> str:
        """Slots for the symbols; a sentence when one is not served here."""
        want, markets = hosted.want, self._core.markets
        missing = [symbol for symbol in want.symbols if symbol not in markets]
        if missing:
            return (
                f"{', '.join(missing)} not available at {self._venue}: this edge has {', '.join(markets)} "
                f"({self._stand_in})"
            )
        for row in positions:
            self._core.take_over(Holding.restore(row))
        for number, symbol in enumerate(want.symbols, start=1):
            key = HoldingKey(want.account_id, want.mode, want.name, want.venue, symbol)
            holding = self._core.take_over(Holding(key, want.instrument_type))
            market = markets[symbol]
            writer = StateWriter(symbol, number, market.rules)
            hosted.slots.append(Slot(symbol, number, market, holding, writer))
        return ""

    def _instantiate(self, hosted: Hosted, want: DesiredInstance) -> None:
        """A fresh copy of a fetched module with its configuration. Raises ModuleRefused."""
        hosted.sandbox = Sandbox(
            self._host,
            self._modules.get(want.wasm_sha256),
            lambda level, text, cut: self._core.on_log(hosted, level, text, cut),
            lambda to, payload: self._core.post.on_send(hosted, to, payload),
        )
        self._configure(hosted, want)

    def _configure(self, hosted: Hosted, want: DesiredInstance) -> None:
        """Limits, parameters and mesh of the newest revision; the module sees them at its next callback."""
        limits = limits_of(want.risk)
        hosted.gate.limits = limits
        hosted.reduce_only = bool(want.risk.get("reduce_only", False))
        sends = [abi.Peer(peer.label, peer.ordinal + 1) for peer in want.peers]
        hears = [abi.Peer(peer.label, peer.ordinal + 1) for peer in want.hears]
        hosted.sends = {peer.mesh_id: peer.label for peer in sends}
        hosted.hears = {peer.label: peer.mesh_id for peer in hears}
        # The module names senders by the same table, so it lists those it may only listen to as well.
        table = list(dict.fromkeys([*sends, *hears]))
        mesh_id = want.ordinal + 1 if table else 0
        for slot in hosted.slots:
            slot.writer.risk(
                limits.max_position_1e8,
                limits.max_daily_loss_1e9,
                limits.max_order_notional_1e9,
                limits.max_order_rate,
                reduce_only=hosted.reduce_only,
            )
            slot.writer.mesh(mesh_id, table)
        changed = params_of(want.params)
        if changed != hosted.params or (changed and hosted.config_seq == 0):
            hosted.config_seq += 1
            hosted.params = changed
        if hosted.sandbox is not None:
            try:
                region = abi.config(changed, hosted.config_seq, self._core.now_ns)
                hosted.sandbox.mesh(abi.mesh(want.label, mesh_id, table))
            except (ValueError, OverflowError) as error:
                raise ModuleRefused("BadConfiguration", str(error)) from None
            hosted.sandbox.config(region)
        hosted.want = want
        hosted.applied_revision = want.revision
        self._roster.observe(hosted)

    def _reject(self, hosted: Hosted, want: DesiredInstance, why: str) -> None:
        hosted.sandbox = None
        hosted.applied_revision, hosted.applied_starts = want.revision, want.starts
        self._core.executions.sweep(hosted, self._core.now_ns)
        self._roster.set_status(hosted, "rejected", error=why)
        self._roster.log(hosted, 4, f"refused: {why}")

    # -- letting go --------------------------------------------------------------------------------------------

    def unload(self, hosted: Hosted) -> None:
        """Shut down, cancel everything, forget. Its positions stay with the account."""
        self._core.inputs.unloaded(hosted)
        self._core.callbacks.shutdown(hosted)
        self._core.post.links.forget(hosted.want.deployment_id)
        self._roster.forget(hosted)

    async def _read_resting(self) -> dict[tuple[str, str], list[Order]]:
        rows = await asyncio.to_thread(self._store.orders.open_on, self._roster.edge_id)
        self._traced = await asyncio.to_thread(self._store.traces.ends_on, self._roster.edge_id)
        resting: dict[tuple[str, str], list[Order]] = {}
        for row in rows:
            resting.setdefault((row.deployment_id, row.label), []).append(row)
        return resting

    def _restore_orders(self, hosted: Hosted) -> None:
        """Put orders of an earlier process back into the book; what cannot rest ends."""
        for row in (self._resting or {}).pop(hosted.key, []):
            taken = live_order(row).algo_id in hosted.by_algo_id
            self._restore_order(hosted, row, may_rest=not taken)

    async def _restore_desks(self) -> None:
        """Orders that accounts gave without an instance: all of them, or, when this raises, none yet."""
        if self._resting is None or _DESK not in self._resting:
            return
        rows = self._resting[_DESK]
        desks = [await self._guests.get(Principal(row.account_id, row.mode)) for row in rows]
        del self._resting[_DESK]
        for desk, row in zip(desks, rows, strict=True):
            self._restore_order(desk, row, may_rest=True)

    def _restore_order(self, hosted: Hosted, row: Order, *, may_rest: bool) -> None:
        self._core.inputs.outside(row.account_id, row.mode, "an order of an earlier process")
        order, traced = live_order(row), self._traced.get(row.order_id)
        served = any(slot.symbol == order.symbol for slot in hosted.slots)
        rests = row.status != "NEW" and row.tif in ("gtc", "gtd", "post_only") and order.px_1e9 > 0
        if served and rests and may_rest:
            self._core.executions.restore(hosted, order, self._core.now_ns, traced)
        else:
            self._core.executions.end_lost(hosted, order, self._core.now_ns, traced)

    def _end_orphans(self, hosted_here: set[tuple[str, str]]) -> None:
        """Open orders of an earlier process whose instance this edge does not host can only end."""
        assert self._resting is not None  # noqa: S101 - read at the start of the pass
        for key in set(self._resting) - hosted_here:
            for row in self._resting.pop(key):
                status: OrderStatus = "PARTIAL" if row.filled_qty_1e8 else "CANCELLED"
                self._core.journal.order(replace(row, status=status, failure_reason=RESTARTED))
                if row.order_id in self._traced:
                    self._core.tracer.orphan(row, self._traced[row.order_id], self._core.now_ns)
