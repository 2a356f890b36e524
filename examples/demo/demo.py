"""The demo: one algo from Rust source to fills on recorded market data, every command as a user would type it.

It uses a throwaway configuration and state folder, so that a stack or a configuration of yours is left alone; only
the caches (control plane, cargo) are shared. DEMO_JSON=PATH also writes the figures as JSON. Exit code 0 only when
every step worked and no process is left.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).resolve().parents[1] / "maker"
NAME = "maker"
EVENT_SECONDS = 360  # six minutes of recorded order flow
PACE = 20


class StepError(Exception):
    """A command of the demo ended with an exit code other than 0."""


class Demo:
    """Runs commands in the example's folder, prints each with its output and remembers how long it took."""

    def __init__(self, home: Path) -> None:
        self.seconds: dict[str, float] = {}
        self.states: list[str] = []
        sequence = Path(sys.executable).with_name("sequence")
        self.program = str(sequence)
        self.env = {
            **os.environ,
            "SEQUENCE_CONFIG": str(home / "config.toml"),
            "XDG_STATE_HOME": str(home / "state"),
            "PATH": f"{sequence.parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *arguments: str) -> str:
        """One `sequence` command, shown; its standard output."""
        print(f"\n\033[1m$ sequence {shlex.join(arguments)}\033[0m", flush=True)
        began = time.monotonic()
        process = subprocess.run(
            [self.program, *arguments], cwd=EXAMPLE, env=self.env, stdout=subprocess.PIPE, text=True
        )
        print(process.stdout, end="", flush=True)
        step = next(word for word in arguments if not word.startswith("-"))
        self.seconds[step] = round(self.seconds.get(step, 0.0) + time.monotonic() - began, 2)
        if process.returncode != 0:
            raise StepError(f"sequence {shlex.join(arguments)} ended with exit code {process.returncode}")
        return process.stdout

    def status(self) -> dict[str, Any]:
        """`sequence status -o json` of the deployment, not shown."""
        command = [self.program, "--sandbox", "status", NAME, "-o", "json"]
        done = subprocess.run(command, cwd=EXAMPLE, env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise StepError(f"sequence status: {done.stderr}")
        status: dict[str, Any] = json.loads(done.stdout)
        if not self.states or self.states[-1] != status["state"]:
            self.states.append(status["state"])
        return status

    def until_the_feed_ended(self, limit: float = 300) -> dict[str, Any]:
        """Wait for the end of the recording by event time; the status at that point."""
        print(
            f"\nfeeding {EVENT_SECONDS // 60} recorded minutes at {PACE} times the pace of time …", flush=True
        )
        began = time.monotonic()
        while True:
            status = self.status()
            feeds = [instance["feed"]["state"] for instance in status["instances"]]
            if feeds and all(state == "ended" for state in feeds):
                self.seconds["trade"] = round(time.monotonic() - began, 2)
                return status
            if time.monotonic() - began > limit:
                raise StepError(f"the feed did not end within {limit:.0f} s: {feeds}")
            time.sleep(0.5)


@contextmanager
def throwaway_home() -> Iterator[Path]:
    home = Path(tempfile.mkdtemp(prefix="sequence-demo-"))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def figures(demo: Demo, status: dict[str, Any]) -> dict[str, Any]:
    """The figures of DEMO_JSON; money in integers of 1e-9 quote currency."""
    totals = status["totals"]
    latencies = [i["callback_latency_ns"]["p50"] for i in status["instances"] if i["callback_latency_ns"]]
    return {
        "deployment": status["deployment"],
        "sha256": status["sha256"],
        "state_history": demo.states,
        "instances": [{key: i[key] for key in ("label", "venue", "live")} for i in status["instances"]],
        "orders": totals["orders"],
        "fills": totals["fills"],
        "pnl_1e9": totals["pnl_1e9"],
        "callbacks": totals["callbacks"],
        "callback_p50_ns": max(latencies, default=None),
        "seconds": demo.seconds,
    }


def table(result: dict[str, Any]) -> str:
    live = sum(1 for instance in result["instances"] if instance["live"])
    rows = [
        ("deployment", f"{result['deployment']}  wasm {result['sha256'][:12]}"),
        ("states", " → ".join(result["state_history"])),
        ("instances live", f"{live} of {len(result['instances'])}"),
        ("orders", f"{result['orders']:,}"),
        ("fills", f"{result['fills']:,}"),
        ("PnL", f"{result['pnl_1e9'] / 1e9:,.2f} USD, after fees, marked to mid"),
        ("callbacks", f"{result['callbacks']:,}"),
        ("callback p50", f"{result['callback_p50_ns'] / 1000:.1f} µs"),
        ("seconds", ", ".join(f"{step} {taken}" for step, taken in result["seconds"].items())),
    ]
    return "\n".join(f"  {name:<16}{value}" for name, value in rows)


def play(demo: Demo) -> dict[str, Any]:
    """The whole story; the figures at the end of the recording."""
    feed = ["--feed", "replay", "--pace", str(PACE), "--gate", "1", "--feed-until", str(EVENT_SECONDS)]
    demo.run("up", "--detach", "--venue", "kraken", *feed)
    demo.run("build")
    demo.run("--sandbox", "deploy", "--skip-build")
    demo.status()
    demo.run("--sandbox", "start")
    status = demo.until_the_feed_ended()
    demo.run("--sandbox", "status")
    demo.run("--sandbox", "logs", "--limit", "10")
    demo.run("--sandbox", "stop")
    demo.status()
    result = figures(demo, status)
    demo.run("--sandbox", "undeploy", "--yes")
    return result


def main() -> int:
    began = time.monotonic()
    with throwaway_home() as home:
        demo = Demo(home)
        try:
            result = play(demo)
            failed = None
        except (StepError, KeyboardInterrupt) as error:
            failed = error
        try:
            demo.run("down", "--purge")
        except StepError as error:
            failed = failed or error
    if failed is not None:
        print(f"\nerror: the demo failed: {failed}", file=sys.stderr)
        return 1
    result["seconds"]["total"] = round(time.monotonic() - began, 2)
    print(f"\n\033[1mWhat happened\033[0m\n{table(result)}")
    if target := os.environ.get("DEMO_JSON"):
        Path(target).write_text(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
