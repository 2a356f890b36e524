"""What has happened and is not yet stored. Nothing of it may be announced before ``flush`` returned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from sequence_paper.store.intents import Intent
from sequence_paper.store.mesh_records import MeshWrites
from sequence_paper.store.records import EdgeInput, EdgeWrites, HeardBlock, LogLine, Observation
from sequence_paper.store.tracing import TraceHead, TraceSteps
from sequence_paper.store.trades import Fill, Order, Position

MAX_LOGS: Final = 2_000
"""Log records of one instance waiting for one flush; an algo that writes more loses the newest, and is told so."""


class Commits(Protocol):
    """The part of the store a journal needs."""

    def commit(self, writes: EdgeWrites) -> None:
        """One transaction."""
        ...


class Journal:
    """Collects the newest state of every row; ``flush`` writes all of it in one transaction.

    ``before_flush`` may add what must be true together with what waits; ``after_flush`` hears what is stored now.
    ``heard`` is asked what has come over the bus since it was asked last: that waits for nobody, and goes along.
    """

    def __init__(self, store: Commits) -> None:
        self._store = store
        self.before_flush: Callable[[], None] | None = None
        self.after_flush: Callable[[EdgeWrites], None] | None = None
        self.heard: Callable[[], HeardBlock | None] = lambda: None
        self._clear()

    def _clear(self) -> None:
        self._orders: dict[str, Order] = {}
        self._fills: list[Fill] = []
        self._positions: dict[tuple[str, ...], Position] = {}
        self._observations: dict[tuple[str, str], Observation] = {}
        self._mesh = MeshWrites()
        self._logs: list[LogLine] = []
        self._traces: list[TraceHead] = []
        self._steps: dict[str, TraceSteps] = {}
        self._intents: dict[str, Intent] = {}
        self._inputs: list[EdgeInput] = []
        self._blocks: list[HeardBlock] = []
        self._waiting: Counter[tuple[str, str]] = Counter()

    @property
    def trading(self) -> bool:
        """Whether orders, fills or intents wait: then nobody may hear of what followed from them."""
        return bool(self._orders or self._fills or self._intents)

    @property
    def pending(self) -> bool:
        return bool(
            self.trading
            or self._inputs
            or self._steps
            or self._positions
            or self._observations
            or self._mesh
            or self._logs
        )

    def order(self, row: Order) -> None:
        self._orders[row.order_id] = row

    def fill(self, row: Fill) -> None:
        self._fills.append(row)

    def intent(self, row: Intent) -> None:
        self._intents[row.order_id] = row

    def input(self, row: EdgeInput) -> None:
        """It is stored before or with whatever follows from it."""
        self._inputs.append(row)

    def position(self, row: Position) -> None:
        self._positions[(row.account_id, row.mode, row.deployment, row.venue, row.symbol)] = row

    def observe(self, row: Observation) -> None:
        self._observations[(row.deployment_id, row.label)] = row

    def mesh(self, writes: MeshWrites) -> None:
        self._mesh.add(writes)

    def log(self, row: LogLine) -> None:
        """Keep a record, or count it as dropped when this instance has too many waiting."""
        key = (row.deployment_id, row.label)
        self._waiting[key] += 1
        if self._waiting[key] <= MAX_LOGS:
            self._logs.append(row)

    def trace(self, head: TraceHead) -> None:
        """The first word about an order; its steps follow."""
        self._traces.append(head)

    def steps(self, more: TraceSteps) -> None:
        """What happened to an order since the last call."""
        waiting = self._steps.setdefault(more.order_id, more)
        if waiting is not more:
            waiting.steps += more.steps

    def flush(self) -> bool:
        """Store everything; True when there was something. On an error everything stays here, and it raises."""
        if (block := self.heard()) is not None:
            self._blocks.append(block)
        if not self.pending and not self._blocks:
            return False
        if self.before_flush is not None:
            self.before_flush()
        writes = EdgeWrites(
            orders=list(self._orders.values()),
            fills=self._fills,
            positions=list(self._positions.values()),
            observations=list(self._observations.values()),
            mesh=self._mesh,
            logs=self._logs + self._dropped(),
            traces=self._traces,
            steps=list(self._steps.values()),
            intents=list(self._intents.values()),
            inputs=self._inputs,
            heard=self._blocks,
        )
        self._store.commit(writes)
        self._clear()
        if self.after_flush is not None:
            self.after_flush(writes)
        return True

    def _dropped(self) -> list[LogLine]:
        newest = {(line.deployment_id, line.label): line for line in self._logs}
        return [
            LogLine(
                *key,
                newest[key].edge_id,
                3,
                f"{count - MAX_LOGS} log records dropped: at most {MAX_LOGS} are kept between two writes",
                newest[key].ts_ns,
            )
            for key, count in self._waiting.items()
            if count > MAX_LOGS
        ]
