"""`sequence mesh` word for word, and its JSON as documented."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli import amounts, mesh_text, output
from sequence_operator.cli.mesh import collect

NOW = 1_767_323_105 * 10**9
US, MS = 1_000, 1_000_000
FEED = {"kind": "generated", "state": "live", "source": "generated with seed 1"}


def place(label: str, venue: str, **more: Any) -> dict[str, Any]:
    edge = f"venue-edge-{venue}"
    common = {"region": "local", "status": "running", "alive": True, "feed": FEED}
    return {"label": label, "venue": venue, "edge_id": edge} | common | more


def link(start: str, end: str, **more: Any) -> dict[str, Any]:
    messages = {"sent": 0, "count": 0, "dropped": 0, "lost": 0, "reordered": 0, "reasons": {}}
    messages |= {"p50_ns": None, "p99_ns": None, "last_ns": None} | more.pop("messages", {})
    probes = {"count": 300, "lost": 0, "reordered": 0, "p50_ns": 301 * US, "p99_ns": 950 * US}
    probes |= {"last_ns": NOW - 10**9} | more.pop("probes", {})
    source = "probe" if messages["p50_ns"] is None else "message"
    shown = messages if source == "message" else probes
    return {
        "from": start,
        "to": end,
        **{key: shown[key] for key in ("p50_ns", "p99_ns", "last_ns")},
        "count": messages["count"],
        "dropped": messages["dropped"],
        "source": source,
        "stale": False,
        "allowed": True,
        "offset_ns": -4 * US,
        "offset_bound_ns": 151 * US,
        "messages": messages,
        "probes": probes,
    } | more


ANSWER = {
    "as_of_ns": NOW,
    "window_ns": 300 * 10**9,
    "bus": True,
    "routes": [{"from": "maker", "to": "hedger"}, {"from": "hedger", "to": "maker"}],
    "instances": [
        place("maker", "kraken"),
        place("hedger", "coinbase", status="paused"),
        place("spare", "binance", alive=False, feed=None),
    ],
    "links": [
        link("maker", "hedger", messages={"sent": 1210, "count": 1204, "dropped": 5, "lost": 1, "p50_ns": 298 * US,
             "p99_ns": 1_240 * US, "last_ns": NOW - 3 * 10**9, "reasons": {"inbox_full": 4, "late": 1}}),
        link("hedger", "maker"),
        link("maker", "spare", stale=True, allowed=True, last_ns=NOW - 200 * 10**9),
        link("spare", "maker", allowed=False, p50_ns=None, p99_ns=None, last_ns=None, offset_ns=None,
             offset_bound_ns=None),
        link("hedger", "spare", p50_ns=None, p99_ns=None, last_ns=None, offset_ns=None, offset_bound_ns=None),
        link("spare", "hedger", p50_ns=None, p99_ns=None, last_ns=NOW - 900 * 10**9, stale=True),
    ],
}  # fmt: skip


@pytest.fixture
def data() -> dict[str, Any]:
    return collect("xvenue", "sandbox", "dep_1", ANSWER)


def test_mesh_shows_every_pair_as_what_it_is(
    data: dict[str, Any], golden: Callable[[str, str], None]
) -> None:
    shown = mesh_text.text(data)
    golden("mesh.txt", shown)
    assert max(map(len, shown.splitlines())) <= 110
    states = [mesh_text.state(row) for row in data["links"]]
    assert states == ["live", "live", "stale", "forbidden", "unmeasured", "stale"]


def test_json_is_as_documented(data: dict[str, Any], golden: Callable[[str, str], None]) -> None:
    golden("mesh.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    documented = (Path(__file__).parents[2] / "docs" / "output.md").read_text()
    section = documented.partition("## `mesh/v1`")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z0-9_]+)`", section))
    keys = {"schema"} | set(data) | {k for part in ("instances", "links") for row in data[part] for k in row}
    for row in data["links"]:
        keys |= set(row["messages"]) | set(row["probes"])
    assert keys <= named, f"not in docs/output.md: {sorted(keys - named)}"


def test_two_instances_fit_eighty_columns() -> None:
    pair = ANSWER | {"instances": ANSWER["instances"][:2], "links": ANSWER["links"][:2]}
    shown = mesh_text.text(collect("xvenue", "sandbox", "dep_1", pair))
    assert max(map(len, shown.splitlines())) <= 80, shown


def test_a_platform_that_says_only_what_is_attested_is_shown_too() -> None:
    row = {"from": "a", "to": "b", "p50_ns": 300 * US, "p99_ns": MS, "count": 3, "dropped": 0, "last_ns": NOW}
    places = [{"label": "a", "venue": "kraken", "edge_id": "e", "region": "eu"}]
    data = collect("mm", "live", "dep_1", {"instances": places, "links": [row]})
    assert data["links"][0]["probes"] is None
    shown = mesh_text.text(data)
    assert re.search(r"^a +b +300 µs +1\.00 ms +- +3 +- +0 ", shown, re.MULTILINE)
    assert output.render(output.View(data=data, text=shown), "yaml")


def test_one_instance_has_no_pair_and_a_bus_that_is_away_is_said() -> None:
    data = collect("mm", "live", "dep_1", {"bus": False, "instances": [place("main", "kraken")], "links": []})
    shown = mesh_text.text(data)
    assert "there is no pair" in shown and "AWAY" in shown


def test_a_console_without_unicode_gets_the_same_words(data: dict[str, Any]) -> None:
    shown = mesh_text.text(data).translate(mesh_text.ASCII).replace("µ", "u").replace("·", "-")
    assert shown.isascii(), sorted({c for c in shown if not c.isascii()})
    assert "x forbidden" in shown and "maker -> hedger" in shown


def test_what_a_platform_writes_cannot_steer_the_terminal() -> None:
    evil = [place("a\x1b[31m", "kraken")]
    assert "\x1b" not in mesh_text.text(collect("mm", "live", "dep_1", {"instances": evil, "links": []}))


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (None, "-"),
        (0, "0 ns"),
        (999, "999 ns"),
        (1_000, "1.00 µs"),
        (9_994, "9.99 µs"),
        (99_960, "100 µs"),
        (312_400, "312 µs"),
        (999_400, "999 µs"),
        (999_500, "1.00 ms"),
        (12_345_678, "12.3 ms"),
        (2_500_000_000, "2.50 s"),
        (7_200_000_000_000, "7,200 s"),
    ],
)
def test_durations_have_three_digits(nanos: int | None, text: str) -> None:
    assert amounts.duration(nanos) == text
