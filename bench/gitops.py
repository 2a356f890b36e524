"""From a push to its effect on the platform: one limit in one of many algos, by webhook and by poll.

Everything is real and on this machine: git over HTTP, `sequence up`, paper. The clock runs from the moment the branch
has moved on the server until paper shows the new limit.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.gitops import MODULE, Desk, sequence_toml
from support.gitserver import GitServer
from support.localstack import LocalStack
from support.processes import wait_until

INTERVAL = 10.0  # seconds between two polls, where there is no webhook
BUILD = 'prebuilt = true\nwasm = "algo.wasm"'


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--algos", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder), chosen.algos, chosen.rounds)
    print(json.dumps(result, indent=2))
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def measure(folder: Path, algos: int, rounds: int) -> dict[str, Any]:
    """Seconds by webhook and by poll; bars: 5 s, and the interval plus 5 s."""
    names = [f"algo-{number:03}" for number in range(algos)]
    stack = LocalStack(folder)
    try:
        stack.up("--venue", "kraken")
        with GitServer(folder / "git") as server:
            desk = Desk(stack, server)
            for name in names:
                desk.repo.write(f"{name}/Sequence.toml", sequence_toml(name, build=BUILD))
                desk.repo.write(f"{name}/algo.wasm", MODULE)
            desk.repo.commit("begin")
            desk.source()
            wait_until(lambda: len(desk.versions()) == algos, "all objects", 120)
            stack.kubectl("wait", "--for=condition=Ready", "algo", "--all", "--timeout=300s")
            hooked = [once(desk, names[n % algos], 30 + n, hook=True) for n in range(rounds)]
            desk.source(interval=f"{INTERVAL:.0f}s")
            polled = [once(desk, names[n % algos], 60 + n, hook=False) for n in range(rounds // 2)]
    finally:
        stack.down()
    return {
        "algos": algos,
        "webhook_seconds": spread(hooked),
        "poll_interval_seconds": INTERVAL,
        "poll_seconds": spread(polled),
    }


def once(desk: Desk, name: str, rate: int, *, hook: bool) -> float:
    """Push a new order rate for one algo; seconds until the platform has it."""
    desk.repo.commit(f"{name} {rate}", {f"{name}/Sequence.toml": sequence_toml(name, rate=rate, build=BUILD)})
    began = time.monotonic()
    if hook:
        desk.hook()
    wait_until(lambda: desk.stack.rows(name)[0]["risk"]["max_order_rate"] == rate, f"{name} at {rate}", 120)
    return time.monotonic() - began


def spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "min": round(ordered[0], 2),
        "p50": round(statistics.median(ordered), 2),
        "max": round(ordered[-1], 2),
    }


if __name__ == "__main__":
    sys.exit(main())
