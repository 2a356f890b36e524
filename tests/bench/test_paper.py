"""What `make bench-paper` says of figures: a bar that is missed is never said to hold, what was left out is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.paper import PARTS, table
from bench.rivals.events import DELTA, LEVEL, TRADE, read, write
from bench.rivals.maker import quotes, stale


def result(p50_ns: int = 3_000, per_second: int = 30_000) -> dict[str, Any]:
    other = {"version": "1", "messages_per_cpu_second": 90_000, "worst_round": 80_000, "callbacks": 5}
    other |= {"orders": 4, "fills": 3, "peak_mib": 200, "differs": "much"}
    ways = {"idle": {"direct": {"p50_ns": 200_000, "p99_ns": 500_000}}}
    parts: dict[str, Any] = {
        "edge_callback": {
            "callback": {"p50_ns": p50_ns, "p99_ns": 12_000},
            "edge_replay": {"messages_per_cpu_second": per_second},
        },
        "rivals": {
            "ours": other,
            "nautilus_trader": other,
            "hftbacktest": {"skipped": "no wheel for this Python"},
        },
        "mesh_hop": {"edges": {"p50_mean_ns": 400_001}, "ways": ways},
        "edge_memory": {"100": {"edge_rss_mib": 94}},
    }
    assert parts.keys() == PARTS.keys()
    load = {"load": {"before": 0.5, "after": 7.25, "cores": 2}}
    return {"nice": -15} | {name: part | load for name, part in parts.items()}


def ends(lines: list[str], of: str) -> str:
    (line,) = [line for line in lines if line.startswith(of)]
    return line.split()[-1]


def test_a_bar_holds_up_to_its_bound_and_not_beyond() -> None:
    lines = table(result())
    assert ends(lines, "callback p99") == "holds"
    assert ends(lines, "mesh hop p50, two edges") == "MISSED"
    assert ends(table(result(p50_ns=4_001)), "callback p50") == "MISSED"
    assert ends(table(result(per_second=24_999)), "replay") == "MISSED"
    assert ends(table(result(per_second=25_000)), "replay") == "holds"


def test_load_and_what_was_left_out_are_told() -> None:
    text = "\n".join(table(result()))
    assert "no wheel for this Python" in text
    assert "load of the machine 0.5 to 7.2 on" in text
    assert "priority +15 against" in text


def test_others_get_exactly_our_events(tmp_path: Path) -> None:
    rows = [
        (LEVEL, 1, 5, 10**14, 3),
        (DELTA, -1, 1_777_689_384_676_000_000, 78_324 * 10**9, 0),
        (TRADE, 1, 6, 7, 8),
    ]
    assert write(tmp_path / "events", rows) == 3
    assert list(read(tmp_path / "events")) == rows


def test_quotes_lie_a_basis_point_outside_the_mid_and_move_when_they_are_as_far_off() -> None:
    bid, ask = quotes(99_999.9, 100_000.1)
    assert (bid, ask) == (999_900, 1_000_100)
    assert not stale(bid, bid + 99)
    assert stale(bid, bid + 101)
