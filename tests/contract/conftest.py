"""One platform for the files that ask everything of the official client; each has an account of its own on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.algos import build_algos
from support.paper import Paper
from support.traders import ready

# At twenty times the pace of time resting orders fill within seconds; a recording would end within two minutes.
FEEDS = {"kraken": ("--seed", "7", "--pace", "20"), "coinbase": ("--seed", "7")}


@pytest.fixture(scope="package")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """Both edges beat and show their books."""
    paper = Paper(tmp_path_factory.mktemp("paper"), FEEDS)
    try:
        yield ready(paper.start(), len(FEEDS))
    finally:
        paper.stop()


@pytest.fixture(scope="session")
def wasm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An algo that quotes at the mid."""
    path = tmp_path_factory.mktemp("wasm") / "maker.wasm"
    path.write_bytes(build_algos()["maker"])
    return path
