"""A store on each database, and a deployment to write about."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sequence_paper.store import Store
from sequence_paper.store.deployments import Registration
from sequence_paper.store.records import Account, NewDeployment, NewInstance
from support.postgres import Postgres
from support.stores import with_tables

WASM = b"\0asm\x01\0\0\0"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Each test that asks for a database runs on both kinds."""
    return str(request.param)


@pytest.fixture
def empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database without tables."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'paper.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(f"test{next(_numbers)}")


@pytest.fixture(scope="session")
def shared_url(postgres: Postgres) -> str:
    """A database of Postgres that has the tables, and what the test before left in them."""
    url = postgres.url("shared")
    Store(url).close()
    return url


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that has the tables and nothing in them."""
    if kind == "sqlite":
        return with_tables(tmp_path / "paper.db")
    shared: str = request.getfixturevalue("shared_url")
    request.getfixturevalue("postgres").empty("shared")
    return shared


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


@pytest.fixture
def account(store: Store) -> Account:
    return store.accounts.ensure("desk", tier="free", rate_limit_qps=None)


@pytest.fixture
def register(store: Store, account: Account) -> Callable[..., Registration]:
    """Register a deployment with instances `label=venue`; keyword arguments go into `NewDeployment`."""

    def make(name: str = "mm", mode: str = "sandbox", labels: dict[str, str] | None = None, **more):
        instances = [
            NewInstance(label, venue, "spot", ["BTC-USD"], f"venue-edge-{venue}")
            for label, venue in (labels or {"main": "kraken"}).items()
        ]
        given = {"wasm": WASM, "symbols": ["BTC-USD"], "instances": instances, "desired": "stopped"}
        new = NewDeployment(name=name, **(given | more))
        return store.deployments.create(account.account_id, mode, new)

    return make
