"""Run every benchmark, one after the other, and write `bench/results/*.json`: `make bench`, about ten minutes.

Each runs in a process of its own, so that none inherits the memory or the warm caches of another.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("results")
RUNS = {
    "operator-1000": ["bench.operator_scale", "--objects", "1000"],
    "operator-5000": ["bench.operator_scale", "--objects", "5000"],
    "edge-callback": ["bench.edge_callback"],
    "feed-throughput": ["bench.feed_throughput"],
    "mesh-hop": ["bench.mesh_hop"],
    "gitops": ["bench.gitops"],
}


def main() -> int:
    """The number of benchmarks that failed; the names of some may be given as arguments."""
    RESULTS.mkdir(exist_ok=True)
    wanted = sys.argv[1:] or list(RUNS)
    unknown = [name for name in wanted if name not in RUNS]
    if unknown:
        print(
            f"error: no benchmark {', '.join(unknown)}\nhint: choose from {', '.join(RUNS)}", file=sys.stderr
        )
        return 2
    failed = 0
    for name in wanted:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-m", *RUNS[name], "--json", str(RESULTS / f"{name}.json")]
        failed += subprocess.run(command, cwd=RESULTS.parents[1]).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
