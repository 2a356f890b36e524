"""`sequence capsule` on a real platform: the run of a real edge, repeated here to the last fill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli.context import save_context
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.program import main as replay
from support.paper import Paper
from support.processes import wait_until
from support.traders import quoter

from ..conftest import Cli

DOCS = Path(__file__).parents[3] / "docs" / "output.md"
KEYS = [
    "schema",
    "file",
    "equal",
    "sha256",
    "expected_sha256",
    "differs",
    "fills_differ",
    "feed",
    "from_ns",
    "to_ns",
    "records",
    "events",
    "callbacks",
    "orders",
    "fills",
    "realized_pnl_1e9",
    "fees_1e9",
    "paused",
    "wall_ns",
    "events_per_second",
]


class Remote:
    """An account of this module's own, asked without the command line."""

    def __init__(self, paper: Paper) -> None:
        self._paper, self.key = paper, paper.key("sandbox", account="repeaters")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        status, answer, _ = self._paper.request(method, path, self.key, body)
        assert status < 300, answer
        return answer


@pytest.fixture(scope="module")
def remote(paper: Paper) -> Remote:
    """Its algo has traded and is stopped."""
    remote = Remote(paper)
    body = quoter()
    path = f"/v1/deployments/{remote.ask('POST', '/v1/deployments', body)['deployment_id']}"
    wait_until(lambda: remote.ask("GET", "/v1/fills?limit=5")["total"] >= 3, "it trades", 60)
    remote.ask("POST", f"{path}/stop")
    wait_until(lambda: remote.ask("GET", path)["status"] == "stopped", "it stops")
    return remote


@pytest.fixture(autouse=True)
def desk(paper: Paper, remote: Remote) -> None:
    save_context("desk", {"base_url": paper.url, "sandbox_api_key": remote.key})


def test_an_order_and_what_led_to_it(cli: Cli, remote: Remote) -> None:
    order = next(o for o in remote.ask("GET", "/v1/orders?limit=50")["orders"] if o["status"] == "FILLED")
    result = cli("--sandbox", "capsule", order["order_id"], "--out", "order.seqcap", "-o", "json")
    assert result.code == 0, result.err
    said = json.loads(result.out)
    capsule = capsules.read(Path("order.seqcap"))
    assert said["schema"] == "capsule/v1"
    assert capsule.expected is not None
    assert said["sha256"] == capsule.expected.sha256
    assert capsule.about["order_id"] == order["order_id"]
    assert capsule.stored is not None
    assert len(capsule.stored) == said["fills"] > 0
    assert capsule.stored[-1][1] <= capsule.feed.to_ns
    assert replay(["order.seqcap"]) == 0
    documented = DOCS.read_text().partition("## `capsule/v1`")[2].partition("## `trace/v1`")[0]
    assert [key for key in said if f"`{key}`" not in documented] == []
    assert list(said) == KEYS
    again = cli("--sandbox", "capsule", order["order_id"], "--out", "order.seqcap")
    assert (again.code, "nothing is overwritten" in again.err) == (2, True)


def test_all_the_time_of_a_deployment(cli: Cli, remote: Remote) -> None:
    result = cli("--sandbox", "capsule", "quoter")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    total = remote.ask("GET", "/v1/fills?limit=1")["total"]
    assert lines[0] == "file       quoter.seqcap"
    assert f"{total:,} fills: as the platform stored them" in lines[2]
    assert lines[-1] == "repeat it  python -m sequence_paper.replay quoter.seqcap"
    capsule = capsules.read(Path("quoter.seqcap"))
    assert capsule.inputs[0].kind == "apply"
    assert capsule.stored is not None
    assert len(capsule.stored) == total


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["nobody"], 5, "ran on no edge"),
        (["graph:dep_x:main:1"], 5, "no order"),
        (["quoter", "--to", "2020-01-01"], 6, "is not within it"),
        (["quoter", "--to", "soon"], 2, "neither a time"),
        (["graph:dep_x:main:1", "--to", "1"], 2, "are for a deployment"),
    ],
)
def test_what_cannot_be_made_is_said(cli: Cli, words: list[str], code: int, why: str) -> None:
    result = cli("--sandbox", "capsule", *words, "--out", "x.seqcap")
    assert why in result.err
    assert result.code == code
    assert not list(Path().glob("*x.seqcap*"))


def test_orders_by_rest_are_part_of_a_run(cli: Cli, remote: Remote) -> None:
    order = {
        "symbol": "BTC-USD",
        "side": "buy",
        "qty": "0.001",
        "order_type": "market",
        "venue": "kraken",
    }
    traded = remote.ask("GET", "/v1/fills?limit=1")["total"]
    remote.ask("POST", "/v1/orders", order)
    wait_until(lambda: remote.ask("GET", "/v1/fills?limit=1")["total"] > traded, "it is filled")
    wait_until(lambda: _captured(cli) > traded, "the edge has come so far")


def _captured(cli: Cli) -> int:
    """How many fills the run has by now, as repeated here."""
    Path("y.seqcap").unlink(missing_ok=True)
    result = cli("--sandbox", "capsule", "quoter", "--out", "y.seqcap", "-o", "json")
    assert result.code == 0, result.err
    return int(json.loads(result.out)["fills"])
