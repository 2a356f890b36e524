"""Market data over REST. Edges are played: their books come over the real bus, as the test wants them."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import nats
import orjson
import pytest

from sequence_paper.mesh.wire import book_subject
from support.paper import Paper
from support.processes import wait_until
from support.tiny_edge import TinyEdge

UNIT, COIN = 10**9, 10**8
VENUES = ("bybit", "bitget")


class Shows:
    """Shows the books given to `set` again and again, as edges do, until it is closed."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._books: dict[tuple[str, str], bytes] = {}
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    def set(self, venue: str, bids: list, asks: list, *, symbol: str = "TWO-USD", state: str = "ok") -> None:
        book = {
            "venue": venue,
            "symbol": symbol,
            "instrument_type": "spot",
            "edge_id": f"venue-edge-{venue}",
            "ts_ns": 1_700_000_000 * 10**9,
            "sent_ns": time.time_ns(),
            "seq": 1,
            "state": state,
            "bids": [[int(px * UNIT), int(sz * COIN)] for px, sz in bids],
            "asks": [[int(px * UNIT), int(sz * COIN)] for px, sz in asks],
        }
        self._books[(venue, symbol)] = orjson.dumps(book)

    def end(self, venue: str, symbol: str = "TWO-USD") -> None:
        del self._books[(venue, symbol)]

    def close(self) -> None:
        self._end.set()
        self._thread.join(10)

    async def _run(self) -> None:
        client = await nats.connect(self._url)
        while not self._end.is_set():
            for (venue, symbol), book in tuple(self._books.items()):
                await client.publish(book_subject(venue, symbol), book)
            await client.flush()
            await asyncio.sleep(0.05)
        await client.close()


@pytest.fixture(scope="module", autouse=True)
def played(paper: Paper) -> Iterator[None]:
    edges = [TinyEdge(paper.db, paper.nats_url, venue, ["TWO-USD", "ODD/USD"]).start() for venue in VENUES]
    yield
    for edge in edges:
        edge.stop()


@pytest.fixture
def shows(paper: Paper) -> Iterator[Shows]:
    shows = Shows(paper.nats_url)
    yield shows
    shows.close()


def until(desk: Any, path: str, what: Any) -> Any:
    def look() -> Any:
        answer = desk.ok("GET", path)
        return answer if what(answer) else None

    return wait_until(look, f"{path} as expected")


def test_a_quote_is_the_best_of_all_venues_and_says_where_it_comes_from(desk, shows):
    shows.set("bybit", [(99, 1), (98, 2)], [(101, 1)])
    shows.set("bitget", [(98, 3)], [(100.5, 2), (101, 4)])
    quote = until(desk, "/quotes/TWO-USD", lambda q: len(q["venues"]) == 2 and q["nbbo"]["ask"] == 100.5)
    assert (quote["source"], quote["crossed"]) == ("edge_nbbo", False)
    assert quote["nbbo"]["bid"] == 99.0
    assert quote["nbbo"]["mid"] == 99.75
    assert quote["nbbo"]["spread_bps"] == pytest.approx(1.5 / 99.75 * 1e4)
    assert quote["nbbo"]["bid_px_1e9"] == 99 * UNIT
    assert quote["book"]["bids"] == [[99.0, 1.0], [98.0, 5.0]]
    assert quote["book"]["asks"] == [[100.5, 2.0], [101.0, 5.0]]
    assert quote["book"]["asks_1e9_1e8"] == [[100_500_000_000, 2 * COIN], [101 * UNIT, 5 * COIN]]
    assert quote["venues"]["bitget"]["ask_size"] == 2.0
    assert quote["venues"]["bitget"]["usable"] is True
    assert desk.ok("GET", "/quotes/TWO-USD?depth=1")["book"]["bids"] == [[99.0, 1.0]]


def test_venues_that_cross_leave_no_middle(desk, shows):
    shows.set("bybit", [(105, 1)], [(106, 1)])
    shows.set("bitget", [(98, 3)], [(100, 2)])
    quote = until(desk, "/quotes/TWO-USD", lambda q: q["crossed"])
    assert (quote["nbbo"]["bid"], quote["nbbo"]["ask"]) == (105.0, 100.0)
    assert (quote["nbbo"]["mid"], quote["nbbo"]["spread_bps"]) == (0.0, 0.0)
    (fair,) = desk.ok("GET", "/fair_price?underlying=TWO")["fair_prices"]
    assert fair["fair_price"] is None


def test_a_venue_without_believable_data_does_not_count(desk, shows):
    shows.set("bybit", [(99, 1)], [(101, 1)])
    shows.set("bitget", [(100, 3)], [(100.5, 2)], state="gap")
    quote = until(desk, "/quotes/TWO-USD", lambda q: q["venues"].get("bitget", {}).get("state") == "gap")
    assert quote["nbbo"]["bid"] == 99.0
    assert quote["venues"]["bitget"]["usable"] is False
    assert quote["venues"]["bitget"]["bid"] == 100.0
    (fair,) = until(desk, "/fair_price?underlying=TWO", lambda f: f["fair_prices"])["fair_prices"]
    assert (fair["fair_price"], fair["venues"]) == (100.0, ["bybit"])


def test_without_any_there_is_no_price_and_old_quotes_are_left_out(desk, shows):
    shows.set("bybit", [(99, 1)], [(101, 1)])
    until(desk, "/quotes?symbols=TWO-USD", lambda q: q["quotes"] and q["quotes"][0]["source"] == "edge_nbbo")
    shows.end("bybit")
    gone = until(desk, "/quotes/TWO-USD?nowait=true", lambda q: q["source"] == "unavailable")
    assert set(gone["nbbo"].values()) == {None}
    assert (gone["book"]["bids"], gone["ts_ns"]) == ([], None)
    assert gone["venues"]["bybit"]["bid"] == 99.0, "what was last shown stays readable"
    assert gone["venues"]["bybit"]["age_ms"] >= 1900
    assert desk.ok("GET", "/quotes?symbols=TWO-USD")["count"] == 1
    assert desk.ok("GET", "/quotes?symbols=TWO-USD&max_age_s=1")["quotes"] == []
    assert desk.ok("GET", "/quotes?max_age_s=0") == {"quotes": [], "count": 0}
    assert desk.ok("GET", "/quotes?symbol=TWO-USD,NOBODY-USD")["count"] == 1


def test_a_quote_waits_for_the_first_book(desk, shows):
    answered: list[Any] = []
    asking = threading.Thread(target=lambda: answered.append(desk.ok("GET", "/quotes/ODD%2FUSD")))
    assert desk.ok("GET", "/quotes/ODD%2FUSD?nowait=true")["source"] == "unavailable"
    asking.start()
    shows.set("bybit", [(9, 1)], [(10, 1)], symbol="ODD/USD")
    asking.join(30)
    assert answered[0]["nbbo"]["bid"] == 9.0


def test_a_symbol_that_nobody_trades_is_not_found(desk):
    error = desk.error(404, "GET", "/quotes/DOGE-USD")["error"]["message"]
    assert "no edge trades DOGE-USD" in error
    assert "TWO-USD" in error
    assert desk("GET", "/quotes/TWO-USD?depth=101")[0] == 422
    assert desk("GET", "/pairs/DOGE-USD/venues")[0] == 404


def test_a_batch_has_an_error_in_the_place_of_what_it_cannot_say(desk, shows):
    shows.set("bybit", [(99, 1), (98, 1)], [(101, 1)])
    until(desk, "/quotes/TWO-USD", lambda q: q["source"] == "edge_nbbo")
    body = {"symbols": ["DOGE-USD", "TWO-USD"], "depth": 1, "nowait": True, "concurrency": 8, "unknown": 1}
    batch = desk.ok("POST", "/quotes_batch", body)
    assert batch["count"] == 2
    assert batch["quotes"][0] == {"symbol": "DOGE-USD", "error": "no edge trades DOGE-USD"}
    assert batch["quotes"][1]["book"]["bids"] == [[99.0, 1.0]]
    perp = desk.ok("POST", "/quotes_batch", {"symbols": ["TWO-USD"], "instrument_type": "perp"})["quotes"][0]
    assert perp["error"] == "no edge trades TWO-USD as perp"
    assert desk("POST", "/quotes_batch", {"symbols": ["X"] * 2001})[0] == 422


def test_what_is_listed_where_by_which_rules_and_fees(desk):
    rows = {row["symbol"]: row for row in desk.ok("GET", "/symbols")}
    assert rows["BTC-USD"]["base"] == "BTC"
    assert {"kraken", "coinbase"} <= set(rows["BTC-USD"]["venues"])
    pair = {row["venue"]: row for row in desk.ok("GET", "/pairs/BTC-USD/venues")["venues"]}
    assert pair["kraken"]["tick_size_1e9"] == 100_000_000
    assert pair["kraken"]["maker_bps"] == 16.0
    assert pair["kraken"]["connected"] is True
    assert desk.ok("GET", "/pairs/ODD%2FUSD/venues")["venues"][0]["lot_size_1e8"] is None
    fees = desk.ok("GET", "/fees?ticker=BTC-USD&venues=coinbase,nowhere,bybit")["fees"]
    assert [(row["venue"], row["maker_bps"], row["taker_bps"]) for row in fees] == [
        ("coinbase", 40.0, 60.0),
        ("nowhere", None, None),
        ("bybit", None, None),
    ]
    assert [row["venue"] for row in desk.ok("GET", "/fees?ticker=ETH-USD")["fees"]] == ["kraken"]
    assert desk.ok("GET", "/fees?ticker=DOGE-USD")["fees"] == []


def test_a_venue_shows_how_its_markets_stand(desk, shows):
    shows.set("bybit", [(99, 1)], [(101, 1)])

    def market(answer: Any) -> Any:
        venue = next(row for row in answer["venues"] if row["venue"] == "bybit")
        return next(row for row in venue["markets"] if row["symbol"] == "TWO-USD")

    fresh = market(until(desk, "/venues", lambda answer: market(answer)["usable"]))
    assert fresh["state"] == "ok"
    shows.end("bybit")
    until(desk, "/venues", lambda answer: not market(answer)["usable"])


def test_market_data_needs_a_key(desk):
    for path in ("/quotes", "/quotes/TWO-USD", "/symbols", "/fees?ticker=X", "/fair_price"):
        assert desk("GET", path, key="seq_test_" + "0" * 64)[0] == 401
