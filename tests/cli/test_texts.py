"""What people read, word for word: status, logs, numbers; and nothing an algo logs can steer the terminal."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.cli import amounts, output, status_text
from sequence_operator.cli.context import Context
from sequence_operator.cli.logs import line
from sequence_operator.cli.output import View, render, table
from sequence_operator.cli.status_data import collect
from sequence_operator.cli.target import Target
from sequence_operator.platform.rows import InstanceRow, OrderCounts, Row

from .support_operator import status

NOW = 1_767_323_105.0  # 2026-01-02T03:05:05Z, a minute after every time stamp of the operator in the tests
Golden = Callable[[str, str], None]


def resource() -> dict[str, Any]:
    sha = "9f2c4e1a77b0" + "0" * 52
    instances = [{"label": label, "venue": venue, "symbols": ["BTC-USD"]} for label, venue in
                 (("maker", "kraken"), ("hedger", "coinbase"))]  # fmt: skip
    return {
        "metadata": {"name": "my-mm.sandbox", "generation": 2, "creationTimestamp": "2026-01-02T00:05:05Z"},
        "spec": {
            "deployment": "my-mm",
            "accountRef": {"name": "desk"},
            "state": "Running",
            "artifact": {"sha256": sha},
            "origin": {"commit": "3c0ffee1" * 5, "dirty": True},
            "instances": instances,
        },
    }


AIM = Target(Context("local", namespace="trading"), "sandbox", "my-mm")
FEED = {"kind": "replay", "state": "live", "source": "replay of a recording standing in for kraken"}


def row() -> Row:
    counts = OrderCounts(open=2, submitted=1200, filled=30, rejected=1, cancelled=1167)
    return Row(
        deployment_id="dep_1",
        instances=(
            InstanceRow("maker", "kraken", "venue-edge-kraken", status="running", warm=True, last_heartbeat=NOW - 1,
                        orders=counts, update_count=9),
            InstanceRow("hedger", "coinbase", "venue-edge-coinbase", status="paused", warm=True,
                        last_heartbeat=NOW - 200, error="lost its feed", pause_reason="DAILY_LOSS_LIMIT",
                        callback_latency_ns={"p50": 3100, "p99": 9000}),
        ),
    )  # fmt: skip


METRICS = {
    "instances": [
        {"label": "maker", "callbacks": 9, "fills": 31, "position_1e8": -1_500_000, "feed": FEED,
         "callback_latency_ns": {"p50": 5120, "p99": 63488}}
    ],
    "totals": {"orders": 1205, "fills": 36, "callbacks": 22252, "pnl_1e9": -31_266_735_405},
}  # fmt: skip

TROUBLE = {
    "pause": {"id": "p-1", "reason": "DAILY_LOSS_LIMIT", "at": "2026-01-02T03:03:05Z"},
    "drift": [
        {"field": "risk.maxOrderRate", "desired": "5", "observed": "50", "since": "2026-01-02T03:03:05Z"}
    ],
    "pending": {"action": "Replace", "from": "a", "to": "b", "at": "2026-01-02T03:04:00Z"},
    "history": [
        {"at": "2026-01-02T03:04:05Z", "event": "Started", "message": "pause p-0 acknowledged"},
        {"at": "2026-01-01T00:00:00Z", "event": "Registered"},
    ],
}


def test_a_deployment_in_trouble(golden: Golden) -> None:
    obj = resource()
    obj["status"] = status(obj, "Degraded", ("False", "Paused", "paused by the platform"), **TROUBLE)
    data = collect(AIM, obj, row(), METRICS, "")
    golden("status-trouble.txt", status_text.detail(data, NOW))
    golden("status-trouble-wide.txt", status_text.detail(data, NOW, wide=True))
    golden("status-trouble.json", json.dumps(data, indent=2) + "\n")


GIT: dict[str, Any] = {
    "override": {"state": "Stopped", "by": "ada@desk", "at": "2026-01-02T03:03:05Z"},
    "rollback": {"to": "a" * 64, "denied": "b" * 64, "by": "ada@desk", "at": "2026-01-02T03:04:05Z"},
    "denied_digests": ["b" * 64],
    "source": {
        "name": "desk",
        "repository": "https://git.example.com/desk/algos.git",
        "path": "algos/my-mm/Sequence.toml",
        "commit": "3c0ffee1" * 5,
        "author": "Eve \x1b]0;owned\x07<eve@example.com>",
        "state_at": "algos/my-mm/Sequence.toml:4:1",
        "present": True,
        "ready": {"status": "False", "reason": "Problems", "message": "1 file has a problem"},
        "problems": [
            {"path": "algos/my-mm/Sequence.toml", "line": 7, "column": 1, "message": "unknown key \x1b[2J"}
        ],
    },
    "build": {
        "name": "build-0123456789ab",
        "phase": "Failed",
        "toolchain": "1.95.0",
        "seconds": 1.5,
        "sandboxed": False,
        "reason": "CompileError",
        "message": "src/lib.rs:3: error[E0308]: mismatched types",
        "log": ["   Compiling my-mm v0.1.0", "error[E0308]: mismatched types", "\x1b[31m --> src/lib.rs:3:5"],
    },
}


def test_a_deployment_from_git_with_everything_that_can_be_said_of_it(golden: Golden) -> None:
    obj = resource()
    history = [
        {
            "at": "2026-01-02T03:04:05Z",
            "event": "Replaced",
            "sha256": "a" * 64,
            "planHash": "0123456789ab",
            "author": "Ada <ada@example.com>",
            "message": "b → a",
        }
    ]
    drift = [
        {"field": "risk.maxOrderRate", "desired": "5", "observed": "3", "since": "2026-01-02T03:03:05Z"},
        {"field": "state", "desired": "Running", "observed": "Stopped", "since": "2026-01-02T03:03:05Z"},
    ]
    obj["status"] = status(obj, "Stopped", history=history, drift=drift)
    shown = status_text.detail(collect(AIM, obj, None, None, "") | GIT, NOW)
    assert "\x1b" not in shown
    golden("status-git.txt", shown)


def test_a_deployment_nobody_has_looked_at(golden: Golden) -> None:
    data = collect(AIM, resource(), None, None, "the platform at http://x cannot be reached")
    golden("status-new.txt", status_text.detail(data, NOW))


def test_a_platform_that_says_nothing_more_leaves_the_operators_word() -> None:
    obj = resource()
    obj["status"] = status(obj, "Running")
    data = collect(AIM, obj, Row("dep_1"), None, "")
    assert [(i["state"], i["live"], i["orders"], i["edge"]) for i in data["instances"]] == [
        ("Running", True, None, "venue-edge-kraken"),
        ("Running", True, None, "venue-edge-coinbase"),
    ]
    assert data["totals"] is None


def test_a_running_instance_that_is_not_fed_is_not_live() -> None:
    cold = Row("dep_1", instances=(InstanceRow("maker", status="running", warm=False),))
    data = collect(AIM, resource(), cold, None, "")
    assert (data["instances"][0]["state"], data["instances"][0]["live"]) == ("Running", False)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"ts_ns": 1_767_323_105_678_000_000, "level": "warn", "label": "maker", "message": "hm"},
         "2026-01-02 03:05:05.678 WARN  maker  hm"),
        ({"message": "bare"}, "- INFO  -  bare"),
        ({"level": "ERROR", "label": "x", "message": "a\x1b[2Jb\nc\x07\td"}, "- ERROR x  a\\x1b[2Jb\\nc\\x07\td"),
    ],
)  # fmt: skip
def test_a_log_line(record: dict[str, Any], expected: str) -> None:
    assert line(record) == expected


@given(message=st.text(max_size=40))
def test_no_message_can_steer_the_terminal(message: str) -> None:
    shown = line({"message": message})
    assert all(c.isprintable() or c == "\t" for c in shown)


@pytest.mark.parametrize(
    ("level", "colour"), [("INFO", "32"), ("WARN", "33"), ("ERROR", "31"), ("DEBUG", "34"), ("TRACE", "90")]
)
def test_levels_are_words_and_colours(level: str, colour: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLICOLOR_FORCE", "1")
    assert f"\x1b[{colour}m{level:<5}\x1b[0m" in line({"level": level, "message": "x"})


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (amounts.money(-1_234_500_000_000), "-1,234.50"),
        (amounts.money(4_999_999), "0.00"),
        (amounts.money(-4_999_999), "0.00"),
        (amounts.money(5_000_000), "0.01"),
        (amounts.money(None), "-"),
        (amounts.quantity(1_000_000), "0.01"),
        (amounts.quantity(-123_456_789_012), "-1,234.56789012"),
        (amounts.quantity(0), "0"),
        (amounts.micros(5120), "5.1 µs"),
        (amounts.age(0, 119), "119s"),
        (amounts.age(0, 120), "2m"),
        (amounts.age(0, 7200), "2h"),
        (amounts.age(0, 200_000), "2d"),
        (amounts.age(10, 0), "0s"),
        (amounts.age(None, 0), "-"),
    ],
)
def test_numbers_for_people(shown: str, expected: str) -> None:
    assert shown == expected


@given(value=st.integers(-(2**63), 2**63))
def test_a_quantity_loses_no_digit(value: int) -> None:
    whole, _, part = amounts.quantity(value).replace(",", "").partition(".")
    assert int(whole + part.ljust(8, "0")) == value


def test_colour_does_not_shift_columns() -> None:
    plain = table(["A", "B"], [["x", "1"], ["long", "2"]])
    painted = table(["A", "B"], [["\x1b[31mx\x1b[0m", "1"], ["long", "2"]])
    assert painted.replace("\x1b[31m", "").replace("\x1b[0m", "") == plain == "A     B\nx     1\nlong  2\n"


VIEW = View(data={"schema": "x/v1", "a": [1]}, columns=("one", "two"), rows=[("1", "2")], wide=1, names=["n"])


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("table", "ONE\n1\n"),
        ("wide", "ONE  TWO\n1    2\n"),
        ("json", '{\n  "schema": "x/v1",\n  "a": [\n    1\n  ]\n}\n'),
        ("yaml", "schema: x/v1\na:\n- 1\n"),
        ("name", "n\n"),
    ],
)
def test_every_output_form(form: output.Format, text: str) -> None:
    assert render(VIEW, form) == text


@pytest.mark.parametrize(("terminal", "lines"), [(True, 4), (False, 1)])
def test_a_long_fact_is_broken_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, terminal: bool, lines: int
) -> None:
    monkeypatch.setattr(output.sys.stdout, "isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    text = "paused by the platform: " + "it did what no algo may do, " * 5
    shown = output.facts([("state", "Paused"), ("ready", text.rstrip(", "))]).splitlines()
    assert len(shown) == 1 + lines
    assert all(line.startswith("       ") for line in shown[2:])
    assert not terminal or max(map(len, shown)) <= 60


@pytest.mark.parametrize(("number", "text"), [(0, "0 fills"), (1, "1 fill"), (1200, "1,200 fills")])
def test_things_are_counted_as_people_do(number: int, text: str) -> None:
    assert output.count(number, "fill") == text
