"""Ours beside NautilusTrader and hftbacktest on the recorded orders: `python -m bench.rivals [--json FILE]`.

All three get the same levels and prints from one file and run the same maker, in turn, `--rounds` times; CPU time of
one core, the best of the rounds with the worst beside it. The others live in environments of their own in the cache
folder, never among our packages; what cannot be installed here is left out with a word. What differs is in `DIFFERS`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.rivals.events import DELTA, LEVEL, TRADE, Row, write
from bench.stage import SYMBOL, VENUE
from sequence_paper.feed.events import BookDelta, BookSnapshot, Trade
from sequence_paper.feed.open import open_feed

HERE = Path(__file__).parent
PACKAGES = {"nautilus_trader": ("1.221.0", "run_nautilus.py"), "hftbacktest": ("2.4.4", "run_hftbacktest.py")}
DIFFERS = {
    "ours": "Python around a WASM callback with fuel per book update; queue position with bounds, consumed levels "
    "remembered, risk limits, a trace and rows of every order",
    "nautilus_trader": "Cython and Rust around a Python strategy; neither queue position nor consumed levels "
    "are modelled; portfolio and cache are kept",
    "hftbacktest": "Rust around a strategy compiled by numba; queue position; no risk limits, records or accounts; "
    "events of one instant are one callback",
}


def rows(seconds: float) -> Iterator[Row]:
    """What our feed makes of the recording."""
    feed = open_feed("replay", venue=VENUE, symbols=[SYMBOL], seed=1)
    for snapshot in feed.prime():
        assert isinstance(snapshot, BookSnapshot)
        for side, levels in ((1, snapshot.bids), (-1, snapshot.asks)):
            yield from ((LEVEL, side, snapshot.ts_ns, px, sz) for px, sz in levels)
    end = feed.about.start_ns + int(seconds * 1e9)
    while (due := feed.peek_ns()) is not None and due < end:
        for event in feed.next_until(due):
            if isinstance(event, BookDelta):
                yield DELTA, event.side, event.ts_ns, event.px_1e9, event.sz_1e8
            elif isinstance(event, Trade):
                yield TRADE, event.aggressor, event.ts_ns, event.px_1e9, event.qty_1e8


def environment(package: str, version: str) -> Path | str:
    """Its interpreter, installed when it is not there yet; or why it cannot be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sequence" / "bench"
    folder = cache / f"{package}-{version}"
    python = folder / "bin" / "python"
    if not (folder / ".installed").exists():
        print(f"   {package} {version} into {folder} (a minute, once)", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        wanted = ["--quiet", "--disable-pip-version-check", "--only-binary=:all:", f"{package}=={version}"]
        done = subprocess.run([python, "-m", "pip", "install", *wanted], capture_output=True, text=True)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        (folder / ".installed").touch()
    return python


def once(command: list[str | Path], events: Path) -> dict[str, Any]:
    """One run in a process of its own."""
    done = subprocess.run([*command, events], stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The run that met the quietest machine."""
    found = max(runs, key=lambda run: run["messages_per_cpu_second"])
    return found | {"worst_round": min(run["messages_per_cpu_second"] for run in runs), "rounds": len(runs)}


def measure(seconds: float, rounds: int) -> dict[str, Any]:
    """By name; what could not be installed has `skipped`."""
    commands: dict[str, list[str | Path]] = {"ours": [sys.executable, "-m", "bench.rivals.run_ours"]}
    out: dict[str, Any] = {}
    for package, (version, script) in PACKAGES.items():
        python = environment(package, version)
        if isinstance(python, str):
            out[package] = {"skipped": f"{package} {version} cannot be installed here: {python}"}
        else:
            commands[package] = [python, HERE / script]
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events.bin"
        write(events, rows(seconds))
        for _ in range(rounds):
            for name, command in commands.items():
                runs[name].append(once(command, events))
    out |= {name: best(each) for name, each in runs.items()}
    return {name: found | {"differs": DIFFERS[name]} for name, found in out.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=600, help="of the recording's 30 minutes")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    text = json.dumps(measure(options.seconds, options.rounds), indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
