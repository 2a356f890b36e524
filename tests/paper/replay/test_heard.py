"""What came over the bus, and kill switches, are part of a run: kept as it happens, and brought again at its place."""

from __future__ import annotations

import asyncio
import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.edge import outside
from sequence_paper.edge.gateway import Gateway
from sequence_paper.edge.guests import Guests
from sequence_paper.edge.outside import LegFill, Progress
from sequence_paper.edge.switches import SwitchWatch
from sequence_paper.mesh.wire import MeshMessage
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.capture import CaptureError, capture, run_at
from sequence_paper.replay.compare import expected_of, rows
from sequence_paper.replay.run import run
from sequence_paper.store import heard
from sequence_paper.store.heard import Packer, unpacked
from sequence_paper.store.records import NewDeployment, NewInstance
from support import wat
from support.algos import build_algos

from .conftest import EDGE, SECOND, Run, deploy

UNIT, BTC = 10**9, 10**8
ETH = 10**18


def obedient() -> bytes:
    """It buys at the market whenever it is sent a message."""
    buy = struct.pack("<Q", 1) + struct.pack("<QQqbBBBBBH", 1, 0, 10**6, 1, 0, 1, 0, 0, 0, 0)
    octets = "".join(f"\\{octet:02x}" for octet in buy)
    return wat.module(
        f"""{wat.STACK} {wat.MEMORY} (data (i32.const 0x101000) "{octets}")
        (func (export "algo_on_book_v3") (param i32 i32) (result i32) (i32.const 0))
        (func (export "algo_on_message") (param i64 i32 i32 i32) (result i32) (i32.const 0x101000)) {wat.REST}"""
    )


def deploy_pair(run: Run, account: str) -> str:
    """`near` is here, `far` at another edge, and tells it what to do."""
    instances = [
        NewInstance("near", "kraken", "spot", ["BTC-USD"], EDGE),
        NewInstance("far", "coinbase", "spot", ["BTC-USD"], "venue-edge-coinbase"),
    ]
    routes = {"routes": [{"from": "far", "to": "near"}]}
    new = NewDeployment("pair", obedient(), ["BTC-USD"], instances, "running", mesh=routes)
    return run.store.deployments.create(account, "sandbox", new).deployment.deployment_id


def tell(run: Run, deployment_id: str, number: int) -> None:
    message = MeshMessage(1, number, 5, b"now\n\x00\xff")
    run.core.post.receive((deployment_id, "near"), "far", message)


def show(run: Run, ask: int, **more: Any) -> None:
    """Coinbase's edge shows a book."""
    book = {"venue": "coinbase", "symbol": "BTC-USD", "instrument_type": "spot", "state": "ok", "seq": 1}
    levels = {"bids": [[(ask - 10) * UNIT, BTC]], "asks": [[ask * UNIT, BTC]], "ts_ns": run.core.now_ns}
    symbol = run.core.across.hear(book | levels | more, "spot", heard_ns=0)
    if symbol is not None:
        run.core.compare(symbol)


def pools(run: Run, reserve: int) -> None:
    pool = {
        "name": "amm",
        "address": "0xAB" + "00" * 18 + "CD",
        "base_first": True,
        "base_reserve": str(reserve * ETH),
        "quote_reserve": str(10_000_000 * 10**6),
        "base_decimals": 18,
        "quote_decimals": 6,
        "fee_ppm": 3000,
        "gas_1e9": 13_230_000_000,
        "gas_units": 180_000,
        "source": "test",
    }
    run.core.across.hear_pools({"symbol": "BTC-USD", "chain": None, "pools": [pool], "at_ns": 1})


class Desk:
    """An account's own orders, by REST, and what it asks for an algo's order."""

    def __init__(self, run: Run, account: str) -> None:
        async def flush() -> None:
            run.core.journal.flush()

        self._run, self._account = run, account
        guests = Guests(run.core, run.store, "kraken", "spot")
        self._gateway = Gateway(EDGE, run.core, guests, run.store, flush)
        self._gateway.open()

    async def submit(self, number: int, *, tif: str, away: int = 0) -> Any:
        bid, ask = self._run.core.markets["BTC-USD"].best()
        return await self._ask(
            "submit",
            f"graph:desk:own:{number}",
            parent_id="graph:desk:own:0",
            account_id=self._account,
            mode="sandbox",
            deployment_id="",
            deployment="",
            label="",
            symbol="BTC-USD",
            side="buy",
            order_type="limit",
            tif=tif,
            qty_1e8=10**7,
            price_1e9=bid - away * UNIT if away else ask,
            until_ns=2**63 - 1,
        )

    async def amend(self, number: int, qty: int) -> Any:
        return await self._ask("amend", f"graph:desk:own:{number}", qty_1e8=qty, price_1e9=0)

    async def cancel(self, order_id: str) -> Any:
        return await self._ask("cancel", order_id)

    async def _ask(self, op: str, order_id: str, **more: Any) -> Any:
        answer = await self._gateway.answer({"op": op, "order_id": order_id, **more})
        return answer["order"]


def report(run: Run, *, ended: bool) -> None:
    """What the platform has made of an intent at another venue: a part is bought, the rest is not."""
    hosted = next(h for h in run.core.roster.running if h.want.name == "asks")
    [live] = hosted.intents.values()
    fills = [] if ended else [LegFill(1, 70_000 * UNIT, 300_000, run.core.now_ns, away=True)]
    told = Progress(fills, told_seq=7, ended=ended, code=105 if ended else None)
    outside.tell(run.core, hosted, hosted.slots[0], live, told)


@pytest.fixture
async def edge(begin, store, account, maker) -> Run:
    """A run in which all of it happened, between and within the events of the feed."""
    run = begin(100)
    await run.at(1.0)
    deployment = deploy_pair(run, account)
    deploy(store, account, build_algos()["multi03"], "compares")
    deploy(store, account, build_algos()["look04"], "looks")
    deploy(store, account, maker, "quotes")
    await run.at(2.013)
    watch, desk = SwitchWatch(run.core.switches, store), Desk(run, account)
    for n in range(1, 60):
        await run.at(2.013 + n * 0.137)
        if n % 3 == 0:
            tell(run, deployment, n)
        if n > 5:
            show(run, 90_000 + n, state="ok" if n % 7 else "gap")
        if n % 10 == 0:
            pools(run, n)
        if n == 30:
            run.core.across.forget_silent(10 * SECOND)
        if n == 12:
            assert (await desk.submit(1, tif="gtc", away=5))["status"] == "OPEN"
            assert (await desk.submit(2, tif="ioc"))["filled_qty_1e8"]
        if n == 14:
            assert (await desk.amend(1, 10**7 // 2))["status"] == "OPEN"
            quotes = next(h for h in run.core.roster.running if h.want.name == "quotes")
            assert (await desk.cancel(next(iter(quotes.orders))))["status"] == "CANCELLED"
        if n == 16:
            assert (await desk.cancel("graph:desk:own:1"))["status"] == "CANCELLED"
        if n == 44:  # the cheapest is elsewhere, and may not be what was shown
            show(run, 70_000, venue="binance")
            deploy(store, account, build_algos()["multi03"], "asks")
        if n in (49, 51):
            report(run, ended=n == 51)
        if n in (35, 40):
            (store.switches.put_on if n == 35 else lambda *_: store.switches.clear(account, "sandbox"))(
                account, "sandbox", "out of hand"
            )
            await watch.read()
    await run.at(12.0)
    return run


async def test_a_run_is_repeated_with_all_that_it_heard(edge: Run, account: str, tmp_path: Path) -> None:
    """Record by record, in every process."""
    capsule = capture(edge.store, run_at(edge.store, EDGE, 100), account, "sandbox", edge.core.now_ns, {})
    kinds = {one.kind for one in capsule.heard}
    assert kinds == {"message", "book", "pools", "silent", "guest", "order", "cancel", "amend", "intent"}
    assert [entry.body["active"] for entry in capsule.inputs if entry.kind == "switch"] == [True, False]
    outcome = await asyncio.to_thread(run, capsule)
    assert outcome.log.digest() == edge.log.digest()
    names = {row[0].partition("/")[0] for row in rows(outcome.kept.fills)}
    assert {"", "pair", "compares"} <= names
    assert capsule.stored == rows(outcome.kept.fills)
    refused = [o for o in outcome.kept.orders.values() if o.failure_reason == "KILL_SWITCH"]
    assert refused
    for left_out in [("message",), ("book", "silent"), ("pools", "silent"), ("cancel", "amend")]:
        deaf = replace(capsule, heard=[one for one in capsule.heard if one.kind not in left_out])
        assert (await asyncio.to_thread(run, deaf)).log.digest() != edge.log.digest(), left_out
    for owner in [("acct_other", "sandbox"), (account, "live")]:  # messages are their account's alone
        began = run_at(edge.store, EDGE, 100)
        others = edge.store.inputs.heard(began, *owner, to_ns=edge.core.now_ns)
        assert {one.kind for one in others} == {"book", "pools", "silent"}
    path = tmp_path / "heard.seqcap"
    capsules.write(path, replace(capsule, expected=expected_of(outcome.log)))
    assert capsules.read(path).heard == capsule.heard
    for hash_seed in ("0", "1", "random"):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "sequence_paper.replay", str(path), "--json"],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, json.loads(done.stdout)["equal"]) == (0, True), done.stderr


async def test_what_is_heard_is_bounded(begin, store, account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "KEEP_BYTES", 1_000)
    edge = begin(100)
    await edge.at(1.0)
    deploy(store, account, build_algos()["multi03"], "compares")
    await edge.at(2.0)
    for n in range(200):
        show(edge, 90_000 + n * n % 97)
        if n % 10 == 0:
            edge.core.journal.flush()
    until = await edge.at(3.0)
    began = run_at(store, EDGE, 100)
    with pytest.raises(CaptureError, match="more over the bus than"):
        capture(store, began, account, "sandbox", until, {})
    kept = store.inputs.heard(began, account, "sandbox", until)
    assert 20 < len(kept) < 200
    assert capture(store, began, "acct_other", "sandbox", until, {}).stored == []


def test_pieces_are_read_as_far_as_there_are_any() -> None:
    packer, pieces = Packer(), []
    for n in range(10):
        packer.add(n, (n, n * SECOND), ("", ""), "book", {"n": n, "text": "a\nb"})
        if n % 3 == 2:
            pieces.append(packer.take())
    assert [piece[0] for piece in pieces if piece] == [0, 3, 6]
    contents = [piece[1] for piece in pieces if piece]
    assert [one.n for one in unpacked(contents, "a", "live", 10 * SECOND)] == list(range(9))
    assert [one.n for one in unpacked(contents[:1], "a", "live", SECOND)] == [0, 1]
    rest = packer.take()
    assert rest is not None and rest[0] == 9
    assert packer.take() is None
