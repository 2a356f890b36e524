"""Several processes on one database: opening, writing at once, and being killed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from sequence_paper.store import Store, StoreError

# Opens when told to, so that several do it at the same moment.
_OPEN = """
import sys
from sequence_paper.store import Store
print("ready", flush=True)
sys.stdin.readline()
store = Store(sys.argv[1])
store.edges.all()
print("open")
"""

# Changes a deployment again and again; each change reads first and then writes.
_CHANGE = """
import sys
from sequence_paper.store import Store
from sequence_paper.store.deployments import Change
url, account, deployment, label, count = sys.argv[1:]
store = Store(url)
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(count)):
    store.deployments.change(account, "sandbox", deployment, lambda _: Change({"metadata": {label: n}}, {}), None)
"""

# Writes batches of one order, one fill and one log line, and prints the number of each batch once it is acknowledged.
_WRITE = """
import sys, itertools
from sequence_paper.store import Store
from sequence_paper.store.records import EdgeWrites, LogLine
from sequence_paper.store.trades import Order, Fill
url, account, deployment, label, count = sys.argv[1:]
store = Store(url)
print("ready", flush=True)
sys.stdin.readline()
owner = dict(account_id=account, mode="sandbox", deployment_id=deployment, deployment="mm", label=label,
             edge_id="e", venue="kraken", instrument_type="spot", symbol="BTC-USD", side="buy")
for n in itertools.count() if count == "0" else range(int(count)):
    order = Order(order_id=f"graph:{label}:x:{n}", order_type="limit", tif="gtc", price_1e9=1, qty_1e8=1,
                  filled_qty_1e8=0, filled_notional_1e9=0, fees_1e9=0, status="OPEN", created_ns=n,
                  updated_ns=n, **owner)
    fill = Fill(fill_id=f"{label}-{n}", order_id=order.order_id, price_1e9=1, qty_1e8=1, fee_1e9=0,
                liquidity="maker", realized_pnl_1e9=0, ts_ns=n, **owner)
    store.commit(EdgeWrites(orders=[order], fills=[fill], logs=[LogLine(deployment, label, "e", 2, str(n), n)]))
    print(n, flush=True)
"""


@pytest.fixture
def url(empty_url: str) -> str:
    """A database of the test's own, which its processes make, and where no last word of a killed one meets others."""
    return empty_url


def run(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_once(script: str, *many: tuple[str, ...]) -> list[subprocess.Popen[str]]:
    """Start one process for each tuple of arguments and let them go together."""
    children = [run(script, *arguments) for arguments in many]
    for child in children:
        assert child.stdout.readline() == "ready\n", child.stderr.read()
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    return children


def all_ended_well(children: list[subprocess.Popen[str]]) -> None:
    for child in children:
        _, err = child.communicate(timeout=60)
        assert child.returncode == 0, err


def test_processes_that_open_an_empty_database_at_once_all_succeed(url):
    all_ended_well(at_once(_OPEN, *[(url,)] * 3))
    Store(url).close()


def test_processes_that_write_at_once_never_fail_and_lose_nothing(url, store, account, register):
    deployment_id = register(labels={"a": "kraken", "b": "coinbase", "c": "binance"}).deployment.deployment_id
    children = at_once(_WRITE, *[(url, account.account_id, deployment_id, label, "25") for label in "abc"])
    seen: list[int] = []
    while any(child.poll() is None for child in children):  # a reader that follows while they write
        seen += [s.seq for s in store.logs.read(deployment_id, limit=500, after=seen[-1] if seen else 0)]
    all_ended_well(children)
    seen += [s.seq for s in store.logs.read(deployment_id, limit=500, after=seen[-1] if seen else 0)]
    assert seen == list(range(1, 76))
    assert store.orders.page(account.account_id, "sandbox", limit=1, offset=0)[1] == 75


def test_changes_that_read_first_are_never_lost_among_writers(url, store, account, register):
    deployment_id = register().deployment.deployment_id
    mine = (url, account.account_id, deployment_id)
    writers = at_once(_WRITE, (*mine, "main", "40"))
    all_ended_well([*at_once(_CHANGE, (*mine, "a", "25"), (*mine, "b", "25")), *writers])
    found = store.deployments.get(account.account_id, "sandbox", deployment_id)
    assert found.deployment.revision == 51


def test_kill_9_in_the_middle_of_writing_loses_nothing_acknowledged(url, store, account, register):
    deployment_id = register().deployment.deployment_id
    child = run(_WRITE, url, account.account_id, deployment_id, "main", "0")
    child.stdin.write("\n")
    child.stdin.flush()
    lines = [child.stdout.readline() for _ in range(25)]
    child.kill()
    rest = child.stdout.read()  # `communicate` would leave out what was read ahead of the lines
    child.communicate(timeout=30)
    acknowledged = [int(n) for n in re.findall(r"^\d+$", "".join(lines) + rest, re.MULTILINE)]
    mine = (account.account_id, "sandbox")
    orders, total = store.orders.page(*mine, limit=10_000, offset=0)
    assert {o.created_ns for o in orders} >= set(acknowledged)
    assert len(acknowledged) >= 24
    # Nothing is there by half: as many fills and log lines as orders.
    assert store.fills.page(*mine, limit=1, offset=0)[1] == total
    assert store.logs.head(deployment_id) == total
    assert total <= len(acknowledged) + 1


def test_a_database_of_a_newer_release_is_refused(url, store):
    store.close()
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+pg8000:"))
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO schema_version VALUES (99)"))
    engine.dispose()
    with pytest.raises(StoreError, match="schema version 99"):
        Store(url)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("mysql://host/x", "mysql"),
        ("sqlite://", "in-memory"),
        ("sqlite:////proc/nowhere/paper.db", "/proc/nowhere"),
        ("postgresql://postgres@127.0.0.1:1/x", "cannot open"),
    ],
)
def test_an_unusable_url_is_refused_with_the_reason(bad, reason):
    with pytest.raises(StoreError, match=re.escape(reason)):
        Store(bad)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    path = tmp_path / "paper.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreError, match="cannot open"):
        Store(f"sqlite:///{path}")


def test_a_checkpoint_aside_brings_what_was_committed_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "paper.db"
    store = Store(f"sqlite:///{path}", aside=True)

    def log_grows() -> bool:
        """By a commit. After a checkpoint the next one begins the log anew."""
        log = path.with_name("paper.db-wal")
        before = log.stat().st_size
        store.accounts.ensure(f"at-{before}", tier="free", rate_limit_qps=None)
        return log.stat().st_size > before

    with store._db._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA wal_autocheckpoint").scalar() == 0
    store.checkpoint()
    assert log_grows(), "one commit is not worth the disk"
    while store._db._committed < 100:
        assert log_grows()
    before = path.stat().st_size
    store.checkpoint()
    assert path.stat().st_size > before
    assert not log_grows()
    store.close()
