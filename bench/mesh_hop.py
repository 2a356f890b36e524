"""One way of a mesh message between two processes: `python bench/mesh_hop.py [--json FILE] [--seconds N]`.

edges: two real edges, NATS and the API. Two instances send each other eight bytes on every heartbeat, twenty times a
second (simulated clocks paced x20). The time runs from the sender's host call to just before the receiver's callback,
as `GET /v1/deployments/{id}/mesh` shows it. Each direction is corrected by the measured offset of the two clocks, whose
error moves time from one direction to the other: on one machine the mean of both has none.

ways: two bare processes and NATS. A message by nats-py's own publish and subscribe and one by `DirectClient`, in turn,
so that both meet the same machine; the spread is over rounds. `busy`: the sender works for 1 ms after sending, as an
edge does that writes to its database.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from nats.aio.client import Client

from sequence_paper.mesh.direct import DirectClient
from support.algos import build_algos
from support.paper import Paper
from support.processes import free_port, listening, wait_until

VENUES = {"left": "kraken", "right": "coinbase"}
ROUNDS, MESSAGES = 7, 150
_TIME = struct.Struct("<Q")


def edges(seconds: float) -> dict[str, Any]:
    """What the platform itself measures."""
    feed = ("--symbols", "BTC-USD", "--pace", "20", "--gate", "1")
    with tempfile.TemporaryDirectory() as folder:
        paper = Paper(Path(folder), dict.fromkeys(VENUES.values(), feed)).start()
        try:
            links = _links(paper, seconds)
        finally:
            paper.stop()
    kept = ("from", "to", "count", "dropped", "p50_ns", "p99_ns", "offset_ns", "offset_bound_ns")
    return {
        "p50_mean_ns": statistics.mean(link["p50_ns"] for link in links),
        "p99_mean_ns": statistics.mean(link["p99_ns"] for link in links),
        "links": [{key: link[key] for key in kept} for link in links],
        "probes": [link["probes"] for link in links],
    }


def _links(paper: Paper, seconds: float) -> list[dict[str, Any]]:
    key = paper.key()
    wait_until(lambda: len(paper.request("GET", "/v1/edges", key)[1]["edges"]) == len(VENUES), "the edges")
    body = {
        "name": "hop",
        "wasm_base64": base64.b64encode(build_algos()["pair"]).decode(),
        "symbols": ["BTC-USD"],
        "instances": [{"label": lb, "venue": v, "symbols": ["BTC-USD"]} for lb, v in VENUES.items()],
        "start_immediately": True,
    }
    _, registered, _ = paper.request("POST", "/v1/deployments", key, body)
    path = f"/v1/deployments/{registered['deployment_id']}/mesh"

    def links() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = paper.request("GET", path, key)[1]["links"]
        return found if all(link["count"] >= seconds * 18 for link in found) else None

    return wait_until(links, "enough messages were measured", timeout=seconds * 2 + 60) or []


def ways() -> dict[str, Any]:
    """nats-py's way and ours, in turn."""
    port = free_port()
    server = subprocess.Popen(
        [Path(sys.executable).with_name("nats-server"), "-a", "127.0.0.1", "-p", str(port)],
        stderr=subprocess.DEVNULL,
    )
    url = f"nats://127.0.0.1:{port}"
    try:
        wait_until(lambda: listening(port), "NATS listens")
        peer = subprocess.Popen([sys.executable, __file__, "--answer", url], stdout=subprocess.PIPE)
        try:
            assert peer.stdout is not None
            peer.stdout.readline()  # it says when it listens
            found: dict[str, Any] = uvloop.run(_compare(url))
        finally:
            peer.kill()
            peer.wait()
    finally:
        server.kill()
        server.wait()
    return found


async def _compare(url: str) -> dict[str, Any]:
    plain, direct = Client(), DirectClient()
    await plain.connect(url)
    await direct.connect(url)
    got: asyncio.Queue[int] = asyncio.Queue()

    async def put(message: Any) -> None:
        got.put_nowait(_TIME.unpack(message.data)[0])

    await plain.subscribe("took.*", cb=put)

    async def by_plain() -> None:
        await plain.publish("plain.to", _TIME.pack(time.time_ns()))

    async def by_direct() -> None:
        direct.send("direct.to", _TIME.pack(time.time_ns()))

    found: dict[str, Any] = {}
    for busy_ns in (0, 1_000_000):
        rounds: dict[str, list[list[int]]] = {"nats-py": [], "direct": []}
        for _ in range(ROUNDS):
            taken: dict[str, list[int]] = {"nats-py": [], "direct": []}
            for _ in range(MESSAGES):
                for name, send in (("nats-py", by_plain), ("direct", by_direct)):
                    taken[name].append(await _once(send, got, busy_ns))
            for name, samples in taken.items():
                rounds[name].append(sorted(samples))
        found["busy" if busy_ns else "idle"] = {name: _spread(each) for name, each in rounds.items()}
    return found


async def _once(send: Callable[[], Awaitable[None]], got: asyncio.Queue[int], busy_ns: int) -> int:
    await send()
    until = time.perf_counter_ns() + busy_ns
    while time.perf_counter_ns() < until:
        pass
    took = await got.get()
    await asyncio.sleep(0.002)
    return took


def _spread(rounds: list[list[int]]) -> dict[str, int]:
    p50s = sorted(samples[len(samples) // 2] for samples in rounds)
    p99s = sorted(samples[len(samples) * 99 // 100] for samples in rounds)
    middle = len(rounds) // 2
    return {
        "p50_ns": p50s[middle],
        "p50_least_ns": p50s[0],
        "p50_most_ns": p50s[-1],
        "p99_ns": p99s[middle],
        "rounds": len(rounds),
        "messages": sum(map(len, rounds)),
    }


async def _answer(url: str) -> None:
    """The other process: tells how long each message took to its callback."""
    plain, direct = Client(), DirectClient()
    await plain.connect(url)
    await direct.connect(url)

    async def heard(message: Any) -> None:
        took = time.time_ns() - _TIME.unpack(message.data)[0]
        await plain.publish("took.plain", _TIME.pack(took))

    def heard_directly(_: str, data: bytes) -> None:
        took = time.time_ns() - _TIME.unpack(data)[0]
        direct.send("took.direct", _TIME.pack(took))

    await plain.subscribe("plain.to", cb=heard)
    await direct.hear("direct.to", heard_directly)
    await plain.flush()
    await direct.flush()
    print("ready", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--answer", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        uvloop.run(_answer(options.answer))
        return
    before = os.getloadavg()[0]
    found = {"ways": ways(), "edges": edges(options.seconds)}
    found["load"] = {"before": before, "after": os.getloadavg()[0], "cores": os.cpu_count()}
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
