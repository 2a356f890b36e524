"""Filters, bars, lines and panels: from what is known to what is read."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.watch.rows import SECOND, START, edge, fill, link, model, order
from sequence_operator.cli.watch import lines, panels, view
from sequence_operator.cli.watch.filters import Filter, parse
from sequence_operator.cli.watch.header import header
from sequence_operator.cli.watch.model import Model
from sequence_operator.cli.watch.spark import sparkline


@pytest.mark.parametrize(
    ("typed", "text", "fits"),
    [
        ("", "anything", True),
        ("rej", "REJECTED sell", True),
        ("^rej", "order rejected", False),
        ("!rej", "order rejected", False),
        ("!rej", "order filled", True),
        ("-l maker", "words of another", False),
        ("-f rjd", "rejected", True),
        ("-f djr", "rejected", False),
        ("[", "anything", True),
    ],
)
def test_filter(typed: str, text: str, fits: bool) -> None:
    assert parse(typed).fits(text, "hedger") is fits


def test_a_bad_expression_says_so() -> None:
    assert "not a regular expression" in parse("[").problem
    assert parse("-l maker").fits("", "maker")


@pytest.mark.parametrize(
    ("values", "width", "shown"),
    [((), 3, "   "), ((1, 2, 4), 3, "▃▅█"), ((9, 1, None, 2), 3, "▅ █"), ((0, 0), 4, "  ▁▁"), ((5,), 0, "")],
)
def test_sparkline(values: tuple[float | None, ...], width: int, shown: str) -> None:
    assert sparkline(values, width) == shown


@given(st.lists(st.none() | st.integers(0, 10**9), max_size=40), st.integers(0, 30), st.booleans())
def test_a_sparkline_is_as_wide_as_asked_and_its_greatest_is_full(
    values: list[int | None], width: int, unicode: bool
) -> None:
    text = sparkline(values, width, unicode=unicode)
    assert len(text) == width
    known = [value for value in values[-width:] if value] if width else []
    if known:
        assert ("█" if unicode else "%") in text
    if not unicode:
        assert text.isascii()


def test_panels_show_what_is_known() -> None:
    made = _busy()
    trading = panels.build("orders", made, Filter(), 5.0)
    assert trading.title == "orders and fills · 1 open · 1 fill"
    assert [line.cells[1].text for line in trading.lines] == ["rejected", "open", "fill", "filled"]
    assert trading.lines[0].cells[-1].text == "POSITION_LIMIT"
    assert trading.lines[2].cells[-1].text == "maker fee 0.08"
    assert trading.lines[2].key == "graph:dep_1:maker:1"
    edges = panels.build("edges", made, Filter(), 5.0)
    assert [[cell.text for cell in line.cells[:6]] for line in edges.lines] == [
        ["kraken", "maker", "running", "live", "2.8 µs", "4.0 µs"],
        ["coinbase", "hedger", "EDGE GONE", "live", "2.8 µs", "9.0 µs"],
    ]
    mesh = panels.build("mesh", made, Filter(), 5.0)
    assert [[cell.text for cell in line.cells[:6]] for line in mesh.lines] == [
        ["maker", "hedger", "310.0 µs", "1200.0 µs", "12", "0"],
        ["hedger", "maker", "310.0 µs", "1200.0 µs", "no route", "0"],
    ]
    assert mesh.lines[0].cells[6].text == "00:00:03.000 24 bytes, 312.0 µs"
    assert panels.build("logs", made, Filter(), 5.0).lines[0].cells[3].text == "second"


def test_an_edge_that_tells_nothing_is_not_fresh() -> None:
    edges = panels.build("edges", _busy(), Filter(), 5.1 + panels.FRESH_SECONDS)
    assert edges.lines[0].cells[2].text == "told 2s ago"


def test_a_filter_hides_lines_and_says_so() -> None:
    made = _busy()
    assert len(panels.build("orders", made, parse("reject"), 5.0).lines) == 1
    hidden = panels.build("orders", made, parse("nothing like that"), 5.0)
    assert (hidden.lines, hidden.empty) == ((), "no line fits the filter")
    assert panels.build("orders", model(), Filter(), 5.0).empty == "no order yet"


@pytest.mark.parametrize("width", [40, 80, 94, 120])
@pytest.mark.parametrize("name", panels.NAMES)
def test_every_line_fits_the_width(name: str, width: int) -> None:
    made = _busy()
    made.log({"seq": 99, "ts_ns": START, "level": "WARN", "label": "maker", "message": "x" * 500})
    shown = view.body(panels.build(name, made, Filter(), 5.0), width, 10)
    assert all(len(line) <= width for line in shown)


def test_columns_leave_by_their_rank() -> None:
    made = _busy()
    panel = panels.build("orders", made, Filter(), 5.0)
    titles = [[panel.columns[i].title for i in panels.fitted(panel, width)[0]] for width in (200, 70, 40)]
    assert titles[0] == [column.title for column in panel.columns]
    assert "venue" not in titles[1]
    assert titles[2] == ["time", "what", "side", "qty", "price"]


def test_foreign_text_cannot_steer_the_terminal() -> None:
    made = model()
    made.log({"seq": 1, "ts_ns": START, "level": "INFO", "label": "maker", "message": "\x1b[2Jgone"})
    shown = view.body(panels.build("logs", made, Filter(), 5.0), 80, 5)
    assert "\x1b" not in "".join(line.plain for line in shown)
    assert "\x1b" not in lines.line("log", START, {"message": "\x1b[2Jgone"})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: None, "connecting"),
        (lambda m: m.connected(100.0), "live"),
        (lambda m: m.lost(97.0, "cut"), "STREAM LOST 3s ago"),
        (lambda m: m.polling(99.0, "none"), "no stream: asking every 2 s"),
        (lambda m: m.edge_rows([], False, 1.0), "BUS AWAY"),
        (lambda m: setattr(m, "dropped", 1_200), "1,200 left out"),
    ],
)
def test_the_first_line_says_how_fresh_it_is(change: object, words: str) -> None:
    made = model()
    change(made)  # type: ignore[operator]
    assert words in header(made, 100.0, paused=False).plain
    assert "PAUSED" in header(made, 100.0, paused=True).plain
    assert header(made, 100.0, paused=False, unicode=False).plain.replace("·", "").isascii()


@pytest.mark.parametrize(
    ("kind", "row", "words"),
    [
        ("order", order(1), "OPEN sell 0.0005 BTC-USD @ 97,000.10 post_only graph:dep_1:maker:1"),
        (
            "order",
            order(1, price_1e9=None, tif="ioc"),
            "OPEN sell 0.0005 BTC-USD @ market ioc graph:dep_1:maker:1",
        ),
        ("fill", fill(1), "sell 0.0005 BTC-USD @ 97,000.10 maker fee 0.08 graph:dep_1:maker:1"),
        ("mesh", {"from": "a", "to": "b", "bytes": 8, "latency_ns": 312_000}, "-> b 8 bytes 312.0 µs"),
        ("mesh", {"from": "a", "to": "b", "bytes": 8, "dropped": True}, "-> b 8 bytes dropped"),
        ("latency", edge("kraken", 4_000), "callback p50 2.8 µs p99 4.0 µs feed live"),
        ("latency", edge("kraken", 4_000, alive=False), "edge is gone"),
        ("log", {"level": "WARN", "message": "late"}, "WARN  late"),
        ("status", {"status": "paused", "pause_reason": "KILL_SWITCH"}, "paused · KILL_SWITCH"),
        ("lost", {"text": "the stream ended"}, "the stream ended"),
    ],
)
def test_a_line_of_words(kind: str, row: dict[str, object], words: str) -> None:
    assert lines.words(kind, row) == words
    assert lines.line(kind, START, row).startswith("2026-01-05 00:00:00.000 ")
    assert json.loads(lines.as_json(kind, START, row)) == {
        "schema": "watch/v1",
        "kind": kind,
        "at_ns": START,
        "data": row,
    }


def _busy() -> Model:
    made = model()
    made.order(order(1, status="FILLED", filled_qty_1e8=50_000))
    made.fill(fill(1))
    made.order(order(2))
    made.order(order(3, status="REJECTED", failure_reason="POSITION_LIMIT", label="hedger", side="buy"))
    made.edge_rows([edge("kraken", 4_000), edge("coinbase", 9_000, alive=False)], True, 5.0)
    made.mesh({"kind": "links", "links": [link("maker", "hedger"), link("hedger", "maker", allowed=False)]})
    flow = {"kind": "flow", "from": "maker", "to": "hedger", "bytes": 24, "latency_ns": 312_000}
    made.mesh(flow | {"at_ns": START + 3 * SECOND})
    made.log({"seq": 1, "ts_ns": START, "level": "INFO", "label": "maker", "message": "first"})
    made.log({"seq": 2, "ts_ns": START, "level": "INFO", "label": "maker", "message": "second"})
    return made
