"""Every figure that paper is held to, in one run: `make bench-paper`, about four minutes (and some for the first one).

Each part runs in a process of its own, one after the other; `bench/results/paper.json` has all they said. The bars are
what we promise on a quiet machine of two cores, so the table says how loaded it was: at a load above 2 other programs
were measured along with ours, unless `nice -n -15 make bench-paper` put them behind.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

RESULT = Path(__file__).parent / "results" / "paper.json"
PARTS = {
    "edge_callback": ["--seconds", "300"],
    "rivals": [],
    "mesh_hop": [],
    "edge_memory": [],
}


class Bar(NamedTuple):
    """`sign` 1: at most, -1: at least."""

    what: str
    unit: str
    value: Callable[[dict[str, Any]], float]
    sign: int
    bound: float


BARS = (
    Bar("callback p50", "µs", lambda r: r["edge_callback"]["callback"]["p50_ns"] / 1000, 1, 4),
    Bar("callback p99", "µs", lambda r: r["edge_callback"]["callback"]["p99_ns"] / 1000, 1, 12),
    Bar(
        "replay, everything",
        "messages/s",
        lambda r: r["edge_callback"]["edge_replay"]["messages_per_cpu_second"],
        -1,
        25_000,
    ),
    Bar("mesh hop p50, two edges", "µs", lambda r: r["mesh_hop"]["edges"]["p50_mean_ns"] / 1000, 1, 400),
    Bar("edge with 100 instances", "MiB", lambda r: r["edge_memory"]["100"]["edge_rss_mib"], 1, 300),
)


def part(name: str, arguments: list[str]) -> dict[str, Any]:
    """What one benchmark measured, and the load around it."""
    print(f"== {name}", flush=True)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "figures.json"
        command = [sys.executable, "-m", f"bench.{name}", "--json", str(file), *arguments]
        subprocess.run(command, cwd=RESULT.parents[2], check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return found | {"load": {"before": before, "after": os.getloadavg()[0], "cores": os.cpu_count()}}


def table(result: dict[str, Any]) -> list[str]:
    """For people; the last word of a line with a bar says whether it holds."""
    lines = [f"{'':28}{'measured':>12}  {'bar':<22}"]
    for bar in BARS:
        value = bar.value(result)
        holds = value * bar.sign <= bar.bound * bar.sign
        words = f"{'≤' if bar.sign > 0 else '≥'} {bar.bound:,} {bar.unit}"
        lines.append(f"{bar.what:28}{value:>12,.1f}  {words:<22}{'holds' if holds else 'MISSED'}")
    ways = result["mesh_hop"]["ways"]["idle"]["direct"]
    lines.append(
        f"{'mesh hop p50, bare processes':28}{ways['p50_ns'] / 1000:>12,.1f}  µs, p99 {ways['p99_ns'] / 1000:,.0f}"
    )
    lines.append("")
    lines.append(
        "the same 10 minutes of recorded orders, as levels and prints, from memory; one core, best of the rounds:"
    )
    for name, found in sorted(result["rivals"].items()):
        if name == "load":
            continue
        if "skipped" in found:
            lines.append(f"  {found['skipped']}")
            continue
        about = f"{name} {found['version']}"
        lines.append(
            f"  {about:26}{found['messages_per_cpu_second']:>12,} messages/s (worst {found['worst_round']:,}), "
            f"{found['callbacks']:,} callbacks, {found['orders']} orders, {found['fills']} fills, "
            f"{found['peak_mib']} MiB\n      {found['differs']}"
        )
    loads = [value for name in PARTS for value in list(result[name]["load"].values())[:2]]
    load = f"load of the machine {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores"
    lines.append(f"\n{load}, priority {-result['nice']:+d} against its other programs")
    return lines


def main() -> int:
    """Also 0 when a bar is missed: that is a figure, not a failure."""
    result: dict[str, Any] = {
        "machine": f"{platform.machine()} {platform.python_version()}",
        "nice": os.nice(0),
    }
    for name, arguments in PARTS.items():
        result[name] = part(name, arguments)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print("\n" + "\n".join(table(result)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
