"""The deterministic heart of an edge: events in, callbacks, orders and rows out. No I/O, and no clock but
for measuring.

A book update is all consecutive events with one time stamp: they are applied first, then each instance that watches
a changed book is called once, in a fixed order (account, deployment name, label), and its actions are executed
before the next instance is called. Heartbeats come once per second of feed time. Fills and rejects are delivered
after the callback that caused them was worked off completely.

Instances that compare venues are told of the books of all of them after that, and whenever another venue's comes in.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import orjson

from sequence_paper.edge import abi
from sequence_paper.edge.across import Across
from sequence_paper.edge.board import Board
from sequence_paper.edge.callbacks import Callbacks
from sequence_paper.edge.event_log import EventLog
from sequence_paper.edge.executions import Executions
from sequence_paper.edge.holding import Holding, HoldingKey
from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.inputs import TOO_MUCH, InputLog
from sequence_paper.edge.journal import Journal
from sequence_paper.edge.post import Post, Send
from sequence_paper.edge.recorder import Recorder
from sequence_paper.edge.roster import Roster
from sequence_paper.edge.switches import Switches
from sequence_paper.edge.tracer import Tracer
from sequence_paper.edge.trading import Trading
from sequence_paper.edge.venue_link import VenueLink
from sequence_paper.edge.wires import Wires
from sequence_paper.feed.events import BookDelta, BookSnapshot, Event, FeedState, Trade
from sequence_paper.store.funds import AccountFunds
from sequence_paper.store.records import HeardKind
from sequence_paper.store.words import Json
from sequence_paper.venue.latency import Latency
from sequence_paper.venue.market import Market

SECOND_NS: Final = 10**9
MAX_HEARTBEATS: Final = 5
"""Caught up at once after a gap in the data; the others of the gap are left out."""


class EdgeCore:
    """Everything one edge hosts. ``taken``: events so far, which together with ``now_ns`` is a place in the feed.

    ``recorder``: takes down what the market showed, if anybody wants that; ``log``: everything that happens.
    ``latency``: between algos and the venue; None = all at once.
    """

    def __init__(
        self,
        edge_id: str,
        venue: str,
        markets: Mapping[str, Market],
        journal: Journal,
        send: Send,
        recorder: Recorder | None = None,
        log: EventLog | None = None,
        latency: Latency | None = None,
    ) -> None:
        self.markets = markets
        self.journal = journal
        self.holdings: dict[HoldingKey, Holding] = {}
        self.roster = Roster(edge_id, journal)
        self.tracer = Tracer(journal)
        self.inputs = InputLog(edge_id, journal, lambda: (self.taken, self.now_ns))
        self.wires = Wires(latency)
        self.executions = Executions(edge_id, markets, journal, self.roster, self.tracer, self.wires, log)
        self.link = VenueLink(
            markets, self.executions, self.wires, lambda notices: self.callbacks.tell(notices)
        )
        self.switches = Switches(self.inputs.switched)
        trading = Trading(venue, self.link, self.executions, self.roster.log, self.tracer, self.switches)
        self.callbacks = Callbacks(self.roster, trading, self.executions, log)
        self.post = Post(self.roster, self.callbacks, send, log, self.inputs)
        self.board = Board(markets, self.roster)
        self.across = Across(
            venue,
            markets,
            self.roster,
            self.callbacks,
            lambda symbol: self.board.region(symbol, self.now_ns),
            self._saw_others,
            self._keep,
        )
        self.next_heartbeat_ns = 0
        self.taken = 0
        self._books = {symbol: abi.BookRegion() for symbol in markets}
        self._recorder = recorder
        self._log = log

    @property
    def now_ns(self) -> int:
        """Feed time: the newest event or heartbeat."""
        return self.callbacks.now_ns

    def take_over(self, holding: Holding) -> Holding:
        """A position of whoever trades here from now on; what this process already holds is newer."""
        held, key = self.holdings.setdefault(holding.key, holding), holding.key
        if held is holding and key.symbol in self.markets:
            account = f"{key.account_id}/{key.mode}"
            self.markets[key.symbol].holds(account, key.deployment, holding.position.qty_1e8)
        return held

    def forget_position(self, holding: Holding) -> None:
        """Nothing was ever traded of it."""
        holding.reset()
        key = holding.key
        if key.symbol in self.markets:
            self.markets[key.symbol].holds(f"{key.account_id}/{key.mode}", key.deployment, 0)

    def forget_positions(self, account_id: str, mode: str) -> None:
        """Nothing was ever traded by an account, of which nobody trades now."""
        self.inputs.reset(account_id, mode)
        for key, holding in self.holdings.items():
            if (key.account_id, key.mode) == (account_id, mode):
                self.forget_position(holding)

    def settle(self, account_id: str, mode: str) -> None:
        """Let an account hear all that the venue has said to it until now."""
        for hosted in tuple(self.roster.owners.values()):
            if hosted.account == f"{account_id}/{mode}":
                self.wires.settle(hosted.owner, self.now_ns)

    def fund(self, account_id: str, mode: str, funds: AccountFunds) -> None:
        """What an account has here, as the store has it once the account has settled and nothing waits in the journal.

        So the venue's own count and the ledger are of the same moment.
        """
        self.settle(account_id, mode)
        account = f"{account_id}/{mode}"
        for market in self.markets.values():  # one venue: they share the wallet
            market.wallets.of(account).load(funds.balances_1e9, funds.volume_1e9)
        for market in self.markets.values():
            market.hold_again(account)
        self.inputs.funded(account_id, mode, funds)

    def prime(self, events: Iterable[Event], start_ns: int = 0) -> None:
        """Load the first snapshots without calling anybody. ``start_ns``: when a feed begins that has none yet."""
        self._reach(start_ns)
        for event in events:
            self._reach(event.ts_ns)
            if self._log is not None:
                self._log.took(event)
            self.markets[event.symbol].on_event(event)
        self.next_heartbeat_ns = (self.now_ns // SECOND_NS + 1) * SECOND_NS
        if self._recorder is not None:
            self._recorder.second(self.now_ns)

    def feed(self, events: Sequence[Event]) -> None:
        """Deliver time-ordered events, and the heartbeats that fall between them."""
        self.callbacks.received = time.perf_counter_ns()
        changed: dict[str, None] = {}
        markets, callbacks, recorder, log = self.markets, self.callbacks, self._recorder, self._log
        wires = self.wires
        self.taken += len(events)
        for event in events:
            now = event.ts_ns
            if now != callbacks.now_ns:
                if changed:
                    self._deliver_books(changed)
                    changed = {}
                else:
                    self.post.deliver_local()  # what a fill has made an algo say, wherever the feed is cut
                if now >= self.next_heartbeat_ns:
                    self._heartbeats(now)
                if now > wires.due_ns:
                    self._arrive(now - 1)
                self._reach(now)
            if log is not None:
                log.took(event)
            executions = markets[event.symbol].on_event(event)
            if executions:
                callbacks.tell(self.link.happened(executions, now))
            if type(event) is BookDelta or type(event) is BookSnapshot:
                changed[event.symbol] = None
            elif type(event) is Trade:
                self.board.trade(event)
                if recorder is not None:
                    recorder.trade(event)
            elif recorder is not None:
                recorder.best(event.symbol, now)
        if changed:
            self._deliver_books(changed)
        else:
            self.post.deliver_local()
        self._arrive(self.now_ns)

    def ended(self) -> None:
        """Time stands still from now on: what is under way arrives, and what is sent later does at once."""
        self.wires.cut(self.now_ns)
        self.post.deliver_local()

    def compare(self, symbol: str) -> None:
        """Another venue's book of a symbol came in. Must not be called during a callback."""
        self.callbacks.received = time.perf_counter_ns()
        self.across.deliver((symbol,))
        self.post.deliver_local()

    def advance(self, ts_ns: int) -> None:
        """Time passed without an event up to ``ts_ns``."""
        self.callbacks.received = time.perf_counter_ns()
        if ts_ns >= self.next_heartbeat_ns:
            self._heartbeats(ts_ns)
        self._arrive(ts_ns)
        self._reach(ts_ns)

    def observe(self) -> None:
        """Put every instance's present figures, the marks of what is held, and the mesh into the journal."""
        for hosted in self.roster.hosted.values():
            self.roster.observe(hosted)
            for slot in hosted.slots:
                holding, mark = slot.holding, slot.mark()
                if holding.position.qty_1e8 and mark and mark != holding.mark_1e9:
                    holding.mark_1e9 = mark
                    self.journal.position(holding.row())
        self.journal.mesh(self.post.links.save())

    def on_log(self, hosted: Hosted, level: int, text: bytes, cut: bool) -> None:
        """A record of the algo, possibly cut inside a character. Called during a callback: only queued."""
        message = text.decode("utf-8", errors="replace").replace("\0", "�")
        self.roster.log(
            hosted, level if 0 <= level <= 4 else 2, message + "… [truncated]" if cut else message
        )

    def _keep(self, kind: HeardKind, body: Json) -> None:
        """The view beyond this venue changed."""
        self.inputs.heard(kind, body)
        if self._log is not None:
            self._log.heard(self.now_ns, kind, orjson.dumps(body))
        for hosted, _ in self.roster.comparing(body["symbol"]):
            self._saw_others(hosted)

    def _saw_others(self, hosted: Hosted) -> None:
        if self.inputs.full:
            self.inputs.outside(hosted.want.account_id, hosted.want.mode, TOO_MUCH)

    def _reach(self, ts_ns: int) -> None:
        if ts_ns > self.callbacks.now_ns:
            self.callbacks.now_ns = ts_ns

    def _arrive(self, until_ns: int) -> None:
        """Messages between algos and the venue that are due by then."""
        if self.wires.due_ns <= until_ns and self.wires.run(until_ns, self._reach):
            self.post.deliver_local()

    def _deliver_books(self, symbols: Iterable[str]) -> None:
        now, decide, recorder = self.now_ns, self.callbacks.decide, self._recorder
        for symbol in symbols:
            if recorder is not None:
                recorder.best(symbol, now)
            market = self.markets[symbol]
            if market.feed_state is not FeedState.OK:
                self.board.suspect(symbol)
                continue
            features = self.board.book(symbol, now)
            watching = self.roster.watching(symbol)
            if not watching:
                continue
            book = self._books[symbol]
            book.show(market.packed.data, market.packed.counts)
            for hosted, slot in tuple(watching):
                sandbox = hosted.sandbox
                if hosted.status != "running" or sandbox is None:
                    continue
                hosted.update_count += 1
                region = book.of(slot.symbol_id, now)
                decide(hosted, slot, sandbox.on_book, region, hosted.state(slot), features)
        self.across.deliver(symbols)
        self.post.deliver_local()

    def _heartbeats(self, until_ns: int) -> None:
        if until_ns - self.next_heartbeat_ns >= MAX_HEARTBEATS * SECOND_NS:
            self.next_heartbeat_ns = (until_ns // SECOND_NS - MAX_HEARTBEATS + 1) * SECOND_NS
        while self.next_heartbeat_ns <= until_ns:
            self._arrive(self.next_heartbeat_ns)
            self._reach(self.next_heartbeat_ns)
            self.next_heartbeat_ns += SECOND_NS
            self._heartbeat()

    def _heartbeat(self) -> None:
        now = self.now_ns
        if self._recorder is not None:
            self._recorder.second(now)
        self.board.second(now)
        for market in self.markets.values():
            if expired := market.elapse(now):
                self.callbacks.tell(self.link.happened(expired, now))
        if self._log is not None:
            self._log.second(now)
        for hosted in tuple(self.roster.running):
            for slot in hosted.slots:
                slot.holding.roll(now)
            sandbox = hosted.sandbox
            if hosted.status != "running" or sandbox is None or not sandbox.module.heartbeats:
                continue
            first = hosted.slots[0]
            features = self.board.region(first.symbol, now) if sandbox.module.features else b""
            self.callbacks.decide(hosted, first, sandbox.on_heartbeat, hosted.state_of_all(), features)
        self.post.deliver_local()
