"""`sequence tca`: the tables word for word, the page as a browser reads it, and what it says when there is nothing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli import tca_text
from sequence_operator.cli.context import save_context
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.tca import check_since, moment_of
from sequence_operator.cli.tca_figures import bps, duration
from sequence_operator.cli.tca_html import document
from sequence_paper.analysis.counts import Counts
from sequence_paper.analysis.facts import HORIZONS_NS, FillFacts, Gap, OrderFacts, Quote
from sequence_paper.analysis.report import explanation, order_row, report
from sequence_paper.analysis.timeline import timeline

from .conftest import KEY, Cli

Golden = Callable[[str, str], None]
USD, BTC, S = 10**9, 10**8, 10**9
T0 = 1_767_571_200 * S
SCOPE = dict.fromkeys(("symbol", "deployment", "venue", "since_ns", "until_ns")) | {"limit": 1000}


def order(number: int, venue: str, price: float, *, maker: bool = False, **more: Any) -> OrderFacts:
    """0.1 BTC decided at 50,000 and bought on odd numbers, sold on even ones."""
    later = {name: Fraction(50_000 * USD + number * USD) for name in HORIZONS_NS} | {"5m": Gap.NO_DATA}
    at = T0 + number * S
    fill = FillFacts(
        f"f{number}",
        int(price * USD),
        BTC // 10,
        8 * USD,
        maker,
        at + S // 4,
        Quote(49_999 * USD, 50_001 * USD),
        later,
    )
    given = {
        "order_id": f"graph:dep_1:{venue}:{number}",
        "deployment": "my-mm",
        "venue": venue,
        "symbol": "BTC-USD",
        "side": 1 if number % 2 else -1,
        "qty_1e8": BTC // 10,
        "status": "FILLED",
        "created_ns": at,
        "ended_ns": at + S // 4,
        "fills": (fill,),
        "decision": Fraction(50_000 * USD),
        "arrival": Fraction(50_000 * USD),
        "end": Fraction(50_002 * USD),
        "quote": Quote(49_999 * USD, 50_001 * USD),
        "nbbo": Quote(49_999 * USD, 50_001 * USD),
        "vwap": Gap.NO_PRINTS,
        "stages": {"decision→submitted": 900 * number, "sent→venue_ack": 40_000 + number},
    }
    return OrderFacts(**(given | more))


def answer(orders: list[OrderFacts], counts: dict[str, Counts], *, detail: bool = True) -> dict[str, Any]:
    """What `/v1/analytics/tca/report` says of them."""
    found = {"scope": SCOPE, **report(orders, counts), **explanation(), "computed_ns": T0 + 900 * S}
    rows = {"rows": [order_row(o) for o in orders if o.fills], "timeline": timeline(orders)}
    return json.loads(json.dumps(found | (rows if detail else {})))


def traded() -> dict[str, Any]:
    orders = [
        order(n, "kraken", 50_000 + (n % 3) * (1 if n % 2 else -1), maker=n % 4 == 0) for n in range(1, 13)
    ]
    paid = Fraction(5000 * USD)
    orders += [order(n, "coinbase", 50_003, cheapest=paid, single=paid + USD) for n in (13, 15)]
    orders += [order(17, "coinbase", 50_200, cheapest=paid, single=paid), order(19, "kraken", 50_100)]
    orders += [order(20, "kraken", 0, fills=(), status="CANCELLED")]
    counts = {
        "kraken": Counts(orders=20, traded=13, filled=13, rejected=1, cancelled=6, wanted=19.0, done=13.0),
        "coinbase": Counts(orders=3, traded=3, filled=3, wanted=3.0, done=3.0),
    }
    return answer(orders, counts)


def nothing(**counts: int) -> dict[str, Any]:
    return answer([], {"kraken": Counts(**counts)} if counts else {})


def named(found: dict[str, Any]) -> dict[str, Any]:
    return {"schema": "tca/v1", "deployment": "my-mm", "mode": "sandbox", **found}


def test_the_tables(golden: Golden) -> None:
    text = tca_text.page(named(traded()))
    golden("tca.txt", text)
    assert max(map(len, text.splitlines())) <= 80


def test_the_formulas(golden: Golden) -> None:
    text = tca_text.page(named(nothing()), explain=True)
    golden("tca-explain.txt", text)
    assert max(map(len, text.splitlines())) <= 80


def test_the_data(golden: Golden) -> None:
    shown = named(traded())
    del shown["rows"], shown["timeline"]
    golden("tca.json", json.dumps(shown, indent=2, ensure_ascii=False) + "\n")


def test_every_documented_field_is_there_and_no_other() -> None:
    text = (Path(__file__).parents[2] / "docs" / "output.md").read_text()
    section = text.split("## `tca/v1`")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    shown = named(traded())
    assert documented == shown.keys() - {"rows", "timeline"}


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({}, "No orders yet."),
        ({"orders": 3, "open": 1, "cancelled": 2}, "Nothing was filled: 1 order open, 2 orders cancelled."),
        ({"orders": 2, "rejected": 2}, "Nothing was filled: 2 orders rejected."),
    ],
)
def test_nothing_traded(counts: dict[str, int], sentence: str) -> None:
    assert tca_text.page(named(nothing(**counts))) == f"my-mm · sandbox\n{sentence}\n"
    assert sentence in document(named(nothing(**counts)), "local")


def test_numbers() -> None:
    assert [bps(x) for x in (None, 0.0, -0.001, -0.006, 1234.5)] == ["-", "0.00", "0.00", "-0.01", "1,234.50"]
    assert [duration(ns) for ns in (None, 999, 1_500, 2_340_000, 7_200 * 10**9)] == [
        "-", "999 ns", "1.5 µs", "2.34 ms", "120 min",
    ]  # fmt: skip


def test_since() -> None:
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert moment_of("90m", now) == "2026-01-05T10:30:00+00:00"
    assert moment_of("2d", now) == "2026-01-03T12:00:00+00:00"
    assert moment_of("2026-01-05T08:00", now) == "2026-01-05T08:00:00+00:00"
    assert moment_of("2026-01-05T08:00+02:00", now) == "2026-01-05T08:00:00+02:00"
    for bad in ("", "1", "h", "1 h", "yesterday", "-1h"):
        with pytest.raises(CliError) as refused:
            check_since(bad)
        assert refused.value.code == 2


# -- the page --------------------------------------------------------------------------------------------------


class Reader(HTMLParser):
    """Tags, attributes and texts of a page; open tags must close in order."""

    VOID = frozenset({"meta", "line", "rect", "circle", "path"})

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


def test_the_page_asks_nobody_for_anything() -> None:
    page = document(named(traded()), "local")
    reader = read(page)
    assert not {tag for tag, _ in reader.tags} & {
        "script",
        "link",
        "img",
        "iframe",
        "a",
        "object",
        "form",
        "use",
    }
    for tag, attributes in reader.tags:
        for name in attributes:
            assert name not in ("src", "href", "xlink:href", "srcset", "action"), tag
            assert not name.startswith("on"), tag
    assert "url(" not in page
    assert "@import" not in page
    assert page.replace('xmlns="http://www.w3.org/2000/svg"', "").count("//") == 0
    assert "default-src 'none'" in page


def test_the_page_says_in_words_what_the_plots_show() -> None:
    reader = read(document(named(traded()), "local"))
    kinds = [tag for tag, _ in reader.tags]
    plots = kinds.count("svg")
    assert plots == 2 + 1 + 1 + 1 + 4
    assert kinds.count("desc") == plots
    assert kinds.count("title") == plots + 1
    assert kinds.count("table") >= 4
    everything = "".join(reader.texts)
    assert "NaN" not in everything
    assert not re.search(r"\binf\b", everything)
    for key in ("cx", "cy", "x", "y", "x1", "x2", "y1", "y2", "width", "height"):
        for tag, attributes in reader.tags:
            if key in attributes and tag != "svg":
                assert re.fullmatch(r"-?\d+\.\d", attributes[key] or ""), (tag, attributes)


def test_every_row_of_a_table_is_as_wide_as_its_head() -> None:
    tables = re.findall(r"<table>(.*?)</table>", document(named(traded()), "local"), re.DOTALL)
    assert len(tables) == 7
    for text in tables:
        head, body = text.split("<tbody>")
        columns = head.count("<th ")
        assert [row.count("<th ") + row.count("<td>") for row in body.split("<tr>")[1:]] == [
            columns
        ] * body.count("<tr>")


def test_nothing_that_others_wrote_becomes_markup() -> None:
    evil = "<script>alert(1)</script>\"'&"
    found = named(traded())
    found["deployment"] = evil
    found["venues"][0]["venue"] = evil
    found["outliers"][0]["node_order_id"] = evil
    found["metrics"]["vwap_bps"]["missing"] = {evil: 2}
    reader = read(document(found, evil))
    assert "script" not in {tag for tag, _ in reader.tags}
    assert "".join(reader.texts).count(evil) >= 4


def test_a_page_with_everything_missing() -> None:
    bare = order(
        1, "kraken", 50_000, decision=Gap.NO_DECISION, arrival=Gap.NO_DATA, quote=Gap.NO_DATA, stages={}
    )
    found = answer([bare], {"kraken": Counts(orders=1, traded=1, filled=1)})
    page = document(named(found), "local")
    assert "no data" in page
    assert "at a cost that cannot be told" in page
    assert "No order has a decision price, so no cost can be summed." in page


# -- the command -----------------------------------------------------------------------------------------------


class Stub:
    """A platform that gives each path one answer; `asked` holds the paths with their queries."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stub.asked.append(self.path)
                missing = {"error": {"code": "NOT_FOUND", "message": "no such path", "details": []}}
                status, body = stub.answers.get(self.path.partition("?")[0], (404, missing))
                sent = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(sent)))
                self.end_headers()
                self.wfile.write(sent)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def stub() -> Iterator[Stub]:
    running = Stub()
    save_context("stub", {"base_url": running.url, "api_key": KEY["live"], "sandbox_api_key": KEY["sandbox"]})
    yield running
    running.server.shutdown()
    running.server.server_close()


def test_of_a_symbol(cli: Cli, stub: Stub, tmp_path: Path) -> None:
    found = traded()
    plain = {key: value for key, value in found.items() if key not in ("rows", "timeline")}
    stub.answers = {"/v1/tca": (200, plain), "/v1/analytics/tca/report": (200, found)}
    done = cli("--sandbox", "tca", "--symbol", "BTC-USD")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("all deployments · sandbox\n")
    assert stub.asked == ["/v1/tca?symbol=BTC-USD"]
    shown = json.loads(cli("--sandbox", "tca", "--symbol", "BTC-USD", "-o", "json").out)
    assert shown == {"schema": "tca/v1", "deployment": None, "mode": "sandbox", **plain}
    page = tmp_path / "cost.html"
    drawn = cli("--sandbox", "tca", "--symbol", "BTC-USD", "-o", "json", "--html", str(page))
    assert (drawn.code, drawn.err, json.loads(drawn.out)) == (0, f"wrote {page}\n", shown)
    assert page.read_text().startswith("<!doctype html>")
    assert list(tmp_path.glob(".cost*")) == []
    refused = cli("--sandbox", "tca", "--symbol", "BTC-USD", "--html", str(tmp_path / "no" / "where.html"))
    assert refused.code == 1
    assert refused.err.startswith(
        f"error: cannot write {tmp_path / 'no' / 'where.html'}\ncause: No such file"
    )


def test_since_counts_from_the_time_of_the_market_data(cli: Cli, stub: Stub) -> None:
    stub.answers = {
        "/v1/tca": (200, nothing()),
        "/v1/edges": (200, {"edges": [{"feed": {"clock_ns": T0}}, {"feed": {"clock_ns": T0 + 60 * S}}, {}]}),
    }
    assert cli("--sandbox", "tca", "--symbol", "BTC-USD", "--since", "1h").code == 0
    assert stub.asked[-1] == "/v1/tca?symbol=BTC-USD&since=2026-01-04T23:01:00%2B00:00"


def test_what_goes_wrong(cli: Cli, stub: Stub) -> None:
    lacking = cli("--sandbox", "tca", "--symbol", "BTC-USD")
    assert (lacking.code, lacking.out) == (1, "")
    assert lacking.err.startswith("error: this platform has no cost analysis\ncause: no such path\nhint: ")
    unknown = {"field": "symbol", "message": "no symbol 'DOGE-USD' here; there are BTC-USD"}
    error = {"code": "NOT_FOUND", "message": unknown["message"], "details": [unknown]}
    stub.answers = {"/v1/tca": (404, {"error": error})}
    done = cli("--sandbox", "tca", "--symbol", "DOGE-USD")
    assert (done.code, done.err.splitlines()[0]) == (5, f"error: {unknown['message']}")
    stub.answers = {"/v1/tca": (200, {"shape": "of its own"})}
    foreign = cli("--sandbox", "tca", "--symbol", "BTC-USD")
    assert (foreign.code, "in a form of its own" in foreign.err) == (1, True)
    assert (
        json.loads(cli("--sandbox", "tca", "--symbol", "BTC-USD", "-o", "json").out)["shape"] == "of its own"
    )
    assert cli("--sandbox", "tca", "--symbol", "BTC-USD", "--since", "soon").code == 2
    nowhere = cli("--sandbox", "tca")
    assert (nowhere.code, "which deployment?" in nowhere.err) == (2, True)
