"""One way of a mesh message between two edge processes: `python bench/mesh_hop.py [--json FILE] [--seconds N]`.

Two real edges, NATS and the API. Two instances send each other eight bytes on every heartbeat, twenty times a second
(simulated clocks paced x20). The time runs from the sender's host call to just before the receiver's callback, as the
receiving edge measures it; both ends are on this machine, so it is one clock.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.algos import build_algos
from support.paper import Paper
from support.processes import wait_until

VENUES = {"left": "kraken", "right": "coinbase"}


def measure(paper: Paper, seconds: float) -> list[dict[str, Any]]:
    key = paper.key()
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
        enough = len(found) == 2 and all(link["count"] >= seconds * 18 for link in found)
        return found if enough else None

    return wait_until(links, "enough messages were measured", timeout=seconds * 2 + 60) or []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    feed = ("--symbols", "BTC-USD", "--pace", "20", "--gate", "1")
    with tempfile.TemporaryDirectory() as folder:
        paper = Paper(Path(folder), dict.fromkeys(VENUES.values(), feed)).start()
        try:
            text = json.dumps({"links": measure(paper, options.seconds)}, indent=1)
        finally:
            paper.stop()
    print(text)
    if options.json:
        options.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
