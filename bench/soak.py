"""A million events of a feed with random trading and many deaths; then everything has to add up to the last unit.

`python -m bench.soak [--events N] [--deaths N] [--latency PROFILE] [--json FILE]`; exit code 1 when it does not.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.day import Day, figures
from sequence_paper.analysis.reconcile import lines


def soak(events: int, deaths: int, seed: int, latency: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        day = Day(Path(folder), seed, latency=latency, odds=0.01)
        began = time.perf_counter()
        try:
            report = asyncio.run(day.run(events, deaths))
            seconds = time.perf_counter() - began
            print("\n".join(lines(report)))
            found = figures(day, report)
        finally:
            day.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found | {"seed": seed, "latency": latency, "seconds": round(seconds, 1), "peak_mib": peak}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--deaths", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency", default="venue")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    found = soak(options.events, options.deaths, options.seed, options.latency)
    text = json.dumps(found, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")
    return 1 if found["differences"] or found["lost"] else 0


if __name__ == "__main__":
    sys.exit(main())
