"""A whole edge on a live feed: its venue is the feed server, a process of its own with the venue's protocol."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.feed.recording import read_header
from support.paper import Paper
from support.processes import wait_until


@pytest.fixture
def venue() -> Iterator[str]:
    """The address of a Kraken of ours."""
    command = [
        sys.executable,
        "-m",
        "sequence_paper.feed.server",
        "--venue",
        "kraken",
        "--symbols",
        "BTC-USD",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def test_an_edge_follows_a_live_venue(venue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "SEQUENCE_FEED_KRAKEN", venue)
    frames = tmp_path / "frames"
    feed = ("--feed", "live", "--symbols", "BTC-USD", "--record", str(frames))
    paper = Paper(tmp_path, {"kraken": feed}).start()
    try:
        key = paper.key()

        def edge(state: str) -> dict[str, Any] | None:
            rows = paper.request("GET", "/v1/edges", key)[1]["edges"]
            return next((row for row in rows if row["alive"] and row["feed"]["state"] == state), None)

        live = wait_until(lambda: edge("live"), "the edge has a book")
        assert live["feed"]["kind"] == "live"
        assert live["feed"]["source"] == f"live from {venue}"
        quote = wait_until(lambda: _quote(paper, key), "the API shows its prices")
        assert quote["nbbo"]["bid"] < quote["nbbo"]["ask"]
        _fault(venue, "stall?seconds=12")
        wait_until(lambda: edge("suspect"), "silence makes the book suspect")
        wait_until(lambda: edge("live"), "the edge believes the book again")
    finally:
        paper.stop()
    [recording] = frames.iterdir()
    assert read_header(recording).source == venue


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--feed", "live", "--pace", "20"], "at the pace of time"),
        (["--feed", "generated", "--record", "x"], "only a live feed can be recorded"),
        (["--feed", "dead"], "is not a feed"),
    ],
)
def test_what_cannot_be_fed_is_refused(words: list[str], why: str, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sequence_paper.edge",
        "--venue",
        "kraken",
        "--nats",
        "nats://127.0.0.1:1",
    ]
    command += ["--db", f"sqlite:///{tmp_path}/paper.db", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert why in done.stderr


def _quote(paper: Paper, key: str) -> dict[str, Any] | None:
    quote: dict[str, Any] = paper.request("GET", "/v1/quotes/BTC-USD", key)[1]
    return quote if quote.get("source") == "edge_nbbo" else None


def _fault(venue: str, what: str) -> None:
    with urllib.request.urlopen(f"http{venue.removeprefix('ws')}/fault/{what}", timeout=10) as answer:
        assert json.loads(answer.read()) == {}
