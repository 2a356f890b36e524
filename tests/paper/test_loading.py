"""What a program loads until it is ready, seen in a process of its own: here others have loaded more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ONLY_WHEN_ASKED_FOR = {
    "aiohttp",
    "duckdb",
    "pyarrow",
    "httpx",
    "nats.js.api",
    "sqlalchemy.dialects.postgresql",
}


def loaded(*lines: str) -> set[str]:
    """The modules of a fresh interpreter after these lines."""
    program = "\n".join(["import json, sys", *lines, "print(json.dumps(list(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return {*json.loads(done.stdout)}


@pytest.mark.parametrize(
    ("program", "needs", "spares"),
    [
        ("edge", {"nats.aio.client", "wasmtime", "sequence_paper.store.ticks.writing"}, {"fastapi"}),
        ("api", {"nats.aio.client", "fastapi"}, {"wasmtime", "rich", "sequence_paper.edge.core"}),
        ("keys", {"sequence_paper.store"}, {"nats", "pydantic", "wasmtime"}),
    ],
)
def test_it_loads_what_it_needs_and_no_more(program: str, needs: set[str], spares: set[str]) -> None:
    found = loaded(f"import sequence_paper.{program}.program")
    assert needs <= found
    assert not found & (ONLY_WHEN_ASKED_FOR | spares)


def test_what_was_spared_is_there_for_who_asks() -> None:
    found = loaded(
        "from pathlib import Path",
        "from sequence_paper.mesh.library import Client",
        "from sequence_paper.store.ticks import TickStore",
        "import nats, nats.js, nats.aio.client",
        "assert nats.aio.client.nats.js.api.Header.STATUS == 'Status'",
        "assert nats.js.JetStreamContext is type(Client().jetstream())",
        "assert TickStore(Path('/nowhere')).runs('kraken') == []",
    )
    assert {"nats.js.api", "duckdb", "pyarrow"} <= found
