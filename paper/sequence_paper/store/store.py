"""The store: one object a process opens, one attribute a topic."""

from __future__ import annotations

from sequence_paper.store.accounts import Accounts
from sequence_paper.store.artifacts import Artifacts
from sequence_paper.store.audit import Audit
from sequence_paper.store.costs import Costs
from sequence_paper.store.credentials import Credentials
from sequence_paper.store.database import Database
from sequence_paper.store.deployments import Deployments
from sequence_paper.store.edges import Edges
from sequence_paper.store.funds import Funds
from sequence_paper.store.graphs import Graphs
from sequence_paper.store.heard import save_heard
from sequence_paper.store.inputs import Inputs, save_inputs
from sequence_paper.store.instances import Instances, save_observations
from sequence_paper.store.intents import Intents, save_intents
from sequence_paper.store.logs import Logs, append_logs
from sequence_paper.store.mesh import Mesh, save_mesh
from sequence_paper.store.records import EdgeWrites
from sequence_paper.store.routes import Routes
from sequence_paper.store.sandbox import Sandbox
from sequence_paper.store.switches import Switches
from sequence_paper.store.traces import Traces, save_traces
from sequence_paper.store.trading import (
    Fills,
    Ledger,
    Orders,
    Positions,
    number_in_commit_order,
    save_trading,
)


class Store:
    """Everything paper remembers, at `url` (`sqlite:////path/to/file` or `postgresql://user@host/name`).

    Synchronous and safe to use from several threads and processes; every method is one transaction.
    Opening creates or migrates the tables and raises `StoreError` when the database cannot be used.
    """

    def __init__(self, url: str, *, aside: bool = False) -> None:
        """`aside`: commits never wait for the disk, if somebody calls `checkpoint` in a thread now and then."""
        self._db = Database(url, aside=aside)
        self.accounts = Accounts(self._db)
        self.artifacts = Artifacts(self._db)
        self.deployments = Deployments(self._db)
        self.edges = Edges(self._db)
        self.instances = Instances(self._db)
        self.orders = Orders(self._db)
        self.fills = Fills(self._db)
        self.positions = Positions(self._db)
        self.ledger = Ledger(self._db)
        self.funds = Funds(self._db)
        self.audit = Audit(self._db)
        self.costs = Costs(self._db)
        self.logs = Logs(self._db)
        self.mesh = Mesh(self._db)
        self.traces = Traces(self._db)
        self.routes = Routes(self._db)
        self.graphs = Graphs(self._db)
        self.intents = Intents(self._db)
        self.switches = Switches(self._db)
        self.sandbox = Sandbox(self._db)
        self.inputs = Inputs(self._db)
        self.credentials = Credentials(self._db)

    def commit(self, writes: EdgeWrites) -> None:
        """Write a batch of an edge: all of it, or (when this raises) nothing. Announce only after it returned."""
        with self._db.writing() as connection:
            number_in_commit_order(self._db, connection, writes)
            save_observations(connection, writes.observations)
            save_trading(self._db, connection, writes)
            save_traces(self._db, connection, writes)
            save_mesh(self._db, connection, writes.mesh)
            save_intents(self._db, connection, writes.intents)
            save_inputs(self._db, connection, writes.inputs)
            save_heard(self._db, connection, writes.heard)
            append_logs(self._db, connection, writes.logs)

    def checkpoint(self) -> None:
        """Keep SQLite's log short; see `Database.checkpoint`."""
        self._db.checkpoint()

    def close(self) -> None:
        """Give back every connection."""
        self._db.close()
