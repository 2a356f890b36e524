"""One platform with real edges of three venues for all files, and accounts on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from support.paper import Paper
from support.traders import Trader, ready

FEEDS = {
    "kraken": ("--feed", "generated", "--seed", "7"),
    "coinbase": ("--feed", "generated", "--seed", "7"),
    "binance": ("--feed", "generated", "--seed", "7"),
}


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    paper = Paper(tmp_path_factory.mktemp("platform"), FEEDS)
    try:
        yield paper.start()
    finally:
        paper.stop()


@pytest.fixture
def paper(platform: Paper) -> Paper:
    """The platform of all files, with the books of all venues: a test may end processes of it that it starts again."""
    return ready(platform)


@pytest.fixture
def trader(paper: Paper) -> Trader:
    return Trader(paper)


@pytest.fixture
def new_trader(paper: Paper) -> Callable[..., Trader]:
    return lambda **more: Trader(paper, **more)
