"""A platform with real edges of three venues, and accounts on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sequence_paper.store import Store
from support.paper import Paper
from support.traders import Trader, ready

FEEDS = {
    "kraken": ("--feed", "generated", "--seed", "7"),
    "coinbase": ("--feed", "generated", "--seed", "7"),
    "binance": ("--feed", "generated", "--seed", "7"),
}


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    paper = Paper(tmp_path_factory.mktemp("platform"), FEEDS)
    try:
        yield ready(paper.start())
    finally:
        paper.stop()


@pytest.fixture
def trader(paper: Paper) -> Trader:
    return Trader(paper)


@pytest.fixture
def new_trader(paper: Paper) -> Callable[..., Trader]:
    return lambda **more: Trader(paper, **more)


@pytest.fixture(scope="module")
def store(paper: Paper) -> Iterator[Store]:
    store = Store(paper.db)
    yield store
    store.close()
