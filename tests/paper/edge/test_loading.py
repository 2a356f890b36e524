"""What an edge loads until it is ready, seen in a process of its own: here others have loaded more."""

from __future__ import annotations

import json
import subprocess
import sys


def test_it_loads_what_it_needs_and_no_more() -> None:
    lines = ["import json, sys", "import sequence_paper.edge.process", "print(json.dumps(list(sys.modules)))"]
    command = [sys.executable, "-c", "\n".join(lines)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded = {*json.loads(done.stdout)}
    assert {"nats.aio.client", "sequence_paper.store.ticks.writing"} <= loaded
    assert {"aiohttp", "duckdb", "pyarrow", "fastapi"}.isdisjoint(loaded)
