"""One algo on the core of an edge, as the edge process puts it together, except that rows end in memory."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from sequence_paper.edge.converge import Converger
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.host import Host
from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.recorder import Recorder
from sequence_paper.feed.events import Event
from sequence_paper.store import Store
from sequence_paper.store.records import EdgeWrites, NewDeployment, NewInstance
from sequence_paper.store.ticks.writing import TickWriter
from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import symbol_rules, venue_fees

VENUE, SYMBOL, EDGE = "kraken", "BTC-USD", "venue-edge-kraken"
PARAMS = [
    {"name": "half_spread_bps", "slot": 0, "type": "int", "value": 1},
    {"name": "qty_1e8", "slot": 1, "type": "int", "value": 1_000_000},
]
"""Of the two-sided maker in tests/algos."""


class Discard:
    """A store that counts what it forgets."""

    orders = fills = 0

    def commit(self, writes: EdgeWrites) -> None:
        self.orders += len(writes.orders)
        self.fills += len(writes.fills)


def market() -> Market:
    """The one market, by the venue's rules."""
    rules, fees = symbol_rules(VENUE, SYMBOL), venue_fees(VENUE)
    assert rules is not None
    assert fees is not None
    return Market(SYMBOL, rules, fees)


class Stage:
    """`ticks`: a folder to record market data in, as an edge does unless told not to."""

    def __init__(self, host: Host, wasm: bytes, opening: Iterable[Event], ticks: Path | None) -> None:
        markets = {SYMBOL: market()}
        self._recorder = None
        if ticks is not None:
            self._recorder = Recorder(markets, TickWriter(ticks, VENUE, time.time_ns(), [SYMBOL], "bench"))
        self.rows = Discard()
        self._journal = Journal(self.rows)
        self._core = EdgeCore(EDGE, VENUE, markets, self._journal, lambda *_: None, self._recorder)
        self._core.prime(opening)
        with tempfile.TemporaryDirectory() as folder:
            store = Store(f"sqlite:///{folder}/paper.db")
            account = store.accounts.ensure("bench", tier="free", rate_limit_qps=None).account_id
            instance = NewInstance("main", VENUE, "spot", [SYMBOL], EDGE)
            new = NewDeployment("bench", wasm, [SYMBOL], [instance], "running", params=PARAMS)
            store.deployments.create(account, "sandbox", new)
            guests = Guests(self._core, store, VENUE, "spot")
            asyncio.run(self._start(Converger(self._core, host, store, guests, VENUE, "bench")))
            store.close()

    async def _start(self, converger: Converger) -> None:
        """A busy machine may compile for longer than one pass waits."""
        while not self._core.roster.running:
            await converger.converge()

    @property
    def hosted(self) -> Hosted:
        (hosted,) = self._core.roster.hosted.values()
        return hosted

    def run(self, slices: Iterable[list[Event]]) -> float:
        """CPU seconds of these; the algo must have survived them."""
        began = time.process_time()
        for events in slices:
            self._core.feed(events)
            self._journal.flush()
            if self._recorder is not None:
                self._recorder.flush()
        used = time.process_time() - began
        assert self.hosted.status == "running", self.hosted.pause_reason
        return used
