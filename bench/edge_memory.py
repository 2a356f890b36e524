"""Memory and CPU of a real edge process with 1 and with 100 instances: `python -m bench.edge_memory [--json FILE]`.

NATS, the API and one edge on the generated feed at the pace of time (two symbols); every instance is the maker of
tests/algos on one symbol, as a deployment of its own. Memory is the resident set after `--seconds` of running, CPU the
share of one core over these seconds.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.stage import PARAMS, SYMBOL, VENUE

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.algos import build_algos
from support.paper import Paper
from support.processes import wait_until

COUNTS = (0, 1, 100)


def figures(pid: int) -> tuple[float, float]:
    """(CPU seconds so far, resident MiB)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(
        status["VmRSS"].split()[0]
    ) / 1024


def deploy(paper: Paper, key: str, number: int, wasm: str) -> None:
    body = {
        "name": f"maker-{number}",
        "wasm_base64": wasm,
        "symbols": [SYMBOL],
        "instances": [{"label": "main", "venue": VENUE, "symbols": [SYMBOL]}],
        "params": PARAMS,
        "start_immediately": True,
    }
    status, answer, _ = paper.request("POST", "/v1/deployments", key, body)
    assert status < 300, answer


def running(paper: Paper, key: str) -> int:
    (edge,) = paper.request("GET", "/v1/edges", key)[1]["edges"] or [{}]
    return int(edge.get("instances") or 0)


def measure(seconds: float) -> dict[str, Any]:
    """By number of instances."""
    wasm = base64.b64encode(build_algos()["maker"]).decode()
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        paper = Paper(Path(folder), {VENUE: ()}).start()
        try:
            key = paper.key()
            wait_until(lambda: paper.request("GET", "/v1/edges", key)[1]["edges"], "the edge is there")
            for before, count in zip((0, *COUNTS), COUNTS, strict=False):
                for number in range(before, count):
                    deploy(paper, key, number, wasm)
                wait_until(lambda n=count: running(paper, key) == n, f"{count} instances run", timeout=120)
                out[str(count)] = sample(paper, seconds)
        finally:
            paper.stop()
    return out


def sample(paper: Paper, seconds: float) -> dict[str, float]:
    """Of the edge and of the API, over these seconds."""
    pids = {}
    for name, child in {"edge": paper.edges[VENUE], "api": paper.api}.items():
        assert child.process is not None
        pids[name] = child.process.pid
    before, began = {name: figures(pid)[0] for name, pid in pids.items()}, time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - began
    out = {}
    for name, pid in pids.items():
        cpu, rss = figures(pid)
        out[f"{name}_cpu_percent"] = round(100 * (cpu - before[name]) / passed, 1)
        out[f"{name}_rss_mib"] = round(rss)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    text = json.dumps(measure(options.seconds), indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
