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

WASM = b"\0asm\x01\0\0\0"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres().start()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database: each test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'paper.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url(f"test{next(_numbers)}")


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
