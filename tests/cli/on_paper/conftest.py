"""One platform for the files that need its API, and an edge on which something trades."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.paper import Paper


@pytest.fixture(scope="package")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """Its market is generated: a recording would be over before the last file."""
    feed = ["--feed", "generated", "--seed", "7", "--pace", "20", "--symbols", "BTC-USD"]
    running = Paper(tmp_path_factory.mktemp("paper"), {"kraken": feed})
    try:
        yield running.start()
    finally:
        running.stop()
