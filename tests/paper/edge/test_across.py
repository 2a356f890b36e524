"""Instances that compare venues: what they are told, by whom, and what they may do about it."""

from __future__ import annotations

import pytest

from sequence_paper.edge.across import SILENT_NS, STALE_NS
from sequence_paper.edge.host import Host
from sequence_paper.edge.module import Generation

UNIT, SECOND = 10**9, 10**9


def book(edge, venue: str, bid: int, ask: int, *, ts: int = 0, **more) -> dict:
    """What another edge shows: one level a side."""
    return {
        "venue": venue,
        "symbol": "BTC-USD",
        "instrument_type": "spot",
        "ts_ns": edge.core.now_ns + ts,
        "state": "ok",
        "bids": [[bid * UNIT, 10**8]],
        "asks": [[ask * UNIT, 10**8]],
    } | more


def show(edge, venue: str, bid: int, ask: int, **more) -> None:
    symbol = edge.core.across.hear(book(edge, venue, bid, ask, **more), "spot", 0)
    if symbol is not None:
        edge.core.compare(symbol)


SDKS = {"multi03": None, "multi030": {"sdk": "0.3.0"}}


@pytest.mark.parametrize("crate", SDKS)
async def test_a_multi_venue_algo_of_sdk_03_sees_all_venues(edge, algos, crate: str) -> None:
    dep = edge.deploy(algos[crate], metadata=SDKS[crate])
    await edge.converge()
    edge.tick(10)
    show(edge, "binance", 99_998, 100_000)
    edge.tick(20)
    ours = "venue 1 1: 20 99999 100001 100000000"
    assert edge.logs(dep) == [
        "nbbo 1 of 1: bid 99999 x 100000000 at 1, ask 100001 x 100000000 at 1, age 0",
        ours,
        "merged 20 20: 99999 x 100000000, position 0",
        "nbbo 2 of 2: bid 99999 x 100000000 at 1, ask 100000 x 100000000 at 3, age 0",
        ours,
        "venue 3 3: 1 99998 100000 100000000",
        # Ours has this price too; its twentieth level gives way.
        "merged 20 20: 99999 x 100000000, position 0",
        "nbbo 3 of 2: bid 99999 x 100000000 at 1, ask 100000 x 100000000 at 3, age 0",
        ours,
        "venue 3 3: 1 99998 100000 100000000",
        "merged 20 20: 99999 x 100000000, position 0",
    ]
    hosted = edge.get(dep)
    assert (hosted.update_count, hosted.callbacks) == (3, 3)


async def test_an_order_for_our_venue_by_its_id_trades_here(edge, algos) -> None:
    dep = edge.deploy(algos["multi03"])
    await edge.converge()
    show(edge, "binance", 99_990, 100_050)
    (fill,) = edge.fills()
    assert (fill.price_1e9, fill.venue) == (100_001 * UNIT, "kraken")
    assert edge.logs(dep)[-1] == "filled 100001 x 1000000"


async def test_an_ioc_for_another_venue_is_asked_of_the_platform(edge, algos) -> None:
    dep = edge.deploy(algos["multi03"])
    await edge.converge()
    show(edge, "coinbase", 99_990, 100_000)
    (live,) = edge.get(dep).intents.values()
    wanted = live.row
    assert (wanted.intent_id, wanted.venue, wanted.side, wanted.policy) == (1, "coinbase", "buy", "ioc_sweep")
    assert (wanted.qty_1e8, wanted.limit_1e9, edge.orders()) == (1_000_000, 100_000 * UNIT, [])


async def test_books_that_cannot_be_believed_are_left_out(edge, algos) -> None:
    dep = edge.deploy(algos["multi03"])
    await edge.converge()

    def venues() -> list[str]:
        before = len(edge.logs(dep))
        edge.tick(edge.core.now_ns % SECOND + 10)
        return [line.split()[1] for line in edge.logs(dep)[before:] if line.startswith("venue")]

    show(edge, "binance", 99_990, 100_050, ts=-STALE_NS)
    show(edge, "okx", 99_990, 100_050, ts=STALE_NS + 1_000)
    assert venues() == ["1"]  # one is too old, the other of a time that is not ours
    show(edge, "okx", 99_990, 100_050, ts=-STALE_NS // 2)
    show(edge, "coinbase", 99_990, 100_050)
    assert venues() == ["1", "2", "8"]
    show(edge, "coinbase", 99_990, 100_050, state="gap")
    assert venues() == ["1", "8"]
    edge.core.across.forget_silent(SILENT_NS)
    assert venues() == ["1", "8"]
    edge.core.across.forget_silent(SILENT_NS + 1)
    assert venues() == ["1"]


@pytest.mark.parametrize(
    "more",
    [
        {"venue": "kraken"},
        {"venue": "nowhere"},
        {"symbol": "DOGE-USD"},
        {"symbol": "ETH-USD"},
        {"instrument_type": "perp"},
    ],
)
async def test_books_that_concern_nobody_call_nobody(edge, algos, more: dict) -> None:
    dep = edge.deploy(algos["multi03"])
    await edge.converge()
    told = book(edge, "binance", 99_990, 100_050) | more
    assert edge.core.across.hear(told, "spot", 0) is None
    assert edge.get(dep).callbacks == 0


@pytest.mark.parametrize("what", [{}, {"bids": None}, {"bids": [["x", 1]]}, [], {"ts_ns": "soon"}])
def test_what_is_no_book_is_told_so(edge, what) -> None:
    told = what if not what else book(edge, "binance", 1, 2) | what
    with pytest.raises(ValueError, match="not a book"):
        edge.core.across.hear(told, "spot", 0)


async def test_an_algo_of_sdk_04_that_wrote_the_callback_is_called_after_its_book(edge, algos) -> None:
    dep = edge.deploy(algos["look04"])
    await edge.converge()
    edge.tick(10)
    show(edge, "coinbase", 99_998, 100_000)
    micro = 100_000 * UNIT
    assert edge.logs(dep)[1:] == [
        f"nbbo 1 of 1: ask {100_001 * UNIT} at 1 region 255, symbol 1 1 1, micro {micro}",
        f"venue 1 region 255: {100_001 * UNIT} x 100000000",
        f"nbbo 2 of 2: ask {100_000 * UNIT} at 2 region 255, symbol 1 1 1, micro {micro}",
        f"venue 1 region 255: {100_001 * UNIT} x 100000000",
        f"venue 2 region 255: {100_000 * UNIT} x 100000000",
    ]
    assert edge.logs(dep)[0].startswith(f"features 1 micro {micro} ofi ")
    assert edge.core.roster.compared == {"BTC-USD"}


async def test_an_algo_that_did_not_write_the_callback_costs_nobody_anything(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    show(edge, "binance", 99_990, 100_050)
    edge.tick(10)
    assert edge.get(dep).callbacks == 1
    assert edge.core.roster.compared == set()


@pytest.mark.parametrize(
    ("crate", "generation", "nbbo", "features"),
    [
        ("multi03", Generation.G3_MULTI, True, False),
        ("multi030", Generation.G3_MULTI, True, False),
        ("look04", Generation.G4, True, True),
        ("v3", Generation.G3_V3, False, True),
        ("maker", Generation.G4, False, False),
        ("pair", Generation.G4, False, False),
        ("same04", Generation.G4, False, False),
        ("single03", Generation.SINGLE, False, False),
    ],
)
def test_what_a_module_looks_at_is_read_from_its_code(
    algos, host: Host, crate: str, generation: Generation, nbbo: bool, features: bool
) -> None:
    module = host.load(algos[crate])
    assert (module.generation, module.nbbo, module.features) == (generation, nbbo, features)
