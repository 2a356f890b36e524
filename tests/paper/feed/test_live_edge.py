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

from sequence_paper.edge.program import main
from sequence_paper.feed.recording import read_header
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.program import main as replay
from sequence_paper.replay.what_if import what_if
from support.paper import Paper
from support.processes import wait_until
from support.traders import quoter


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
        account = Account(paper)
        account.deploy()
        _fault(venue, "stall?seconds=12")
        wait_until(lambda: edge("suspect"), "silence makes the book suspect")
        wait_until(lambda: edge("live"), "the edge believes the book again")
        more = account.fills() + 2
        wait_until(lambda: account.fills() >= more, "it trades on", 60)
        [recording] = frames.iterdir()
        assert read_header(recording).source == venue
        account.stop()
        account.captured("deployment=quoter", tmp_path / "all.seqcap")
        fills = account.get("/v1/fills?limit=1000")["fills"]  # the newest first
        account.captured(f"node_order_id={fills[0]['node_order_id']}", tmp_path / "order.seqcap")
        # The newest may have been sent so shortly before the stop that it would not have arrived with more latency.
        account.asked(fills[-1]["node_order_id"], tmp_path / "asked.seqcap")
    finally:
        paper.stop()


class Account:
    """Whose algo trades on the live edge, and whose run is repeated from what was recorded."""

    def __init__(self, paper: Paper) -> None:
        self._paper, self._key = paper, paper.key()

    def get(self, path: str) -> Any:
        status, body, _ = self._paper.request("GET", path, self._key)
        assert status == 200, body
        return body

    def fills(self) -> int:
        return int(self.get("/v1/fills?limit=1")["total"])

    def deploy(self) -> None:
        body = quoter(risk={"max_order_notional_1e9": 10**15, "max_position_1e8": 10**9})
        status, answer, _ = self._paper.request("POST", "/v1/deployments", self._key, body)
        assert status < 300, answer
        self._path = f"/v1/deployments/{answer['deployment_id']}"
        wait_until(lambda: self.fills() >= 2, "it trades", 60)

    def stop(self) -> None:
        self._paper.request("POST", f"{self._path}/stop", self._key)
        wait_until(lambda: self.get(self._path)["status"] == "stopped", "it stops")

    def captured(self, what: str, path: Path) -> None:
        """The run comes to the stored fills, and a second time to the same digest."""
        self._fetch(what, path)
        assert replay([str(path), "--seal"]) == 0
        capsule = capsules.read(path)
        assert capsule.feed.live
        assert capsule.stored
        assert replay([str(path)]) == 0

    def asked(self, order_id: str, path: Path) -> None:
        self._fetch(f"node_order_id={order_id}&what_if=latency=200", path)
        answer = what_if(capsules.read(path), "latency=200")
        assert answer["original"]["fills"]
        assert answer["changed"]["arrived_ns"] - answer["changed"]["sent_ns"] == 400_000_000

    def _fetch(self, what: str, path: Path) -> None:
        def fetched() -> bytes | None:
            status, content = self._paper.content(f"/v1/capsules?{what}", self._key)
            if status == 409:
                assert b"too new" in content
                return None
            assert status == 200, content
            return content

        path.write_bytes(wait_until(fetched, "its data is on the disk"))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--feed", "live", "--pace", "20"], "at the pace of time"),
        (["--feed", "generated", "--record", "x"], "only a live feed can be recorded"),
        (["--feed", "dead"], "is not a feed"),
    ],
)
def test_what_cannot_be_fed_is_refused(
    words: list[str], why: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [
        "--venue",
        "kraken",
        "--nats",
        "nats://127.0.0.1:1",
        "--db",
        f"sqlite:///{tmp_path}/paper.db",
    ]
    assert main([*arguments, *words]) == 2
    assert why in capfd.readouterr().err


def _quote(paper: Paper, key: str) -> dict[str, Any] | None:
    quote: dict[str, Any] = paper.request("GET", "/v1/quotes/BTC-USD", key)[1]
    return quote if quote.get("source") == "edge_nbbo" else None


def _fault(venue: str, what: str) -> None:
    with urllib.request.urlopen(f"http{venue.removeprefix('ws')}/fault/{what}", timeout=10) as answer:
        assert json.loads(answer.read()) == {}
