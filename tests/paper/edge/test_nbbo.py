"""``NbboSnapshot`` and ``VenueBooks``, against the offsets of the published crates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.edge import abi, nbbo
from sequence_paper.edge.nbbo import VenueBook

KRAKEN = VenueBook(1, [(100, 5), (99, 1)], [(103, 6)], 0)
COINBASE = VenueBook(2, [(101, 7), (99, 2)], [(104, 2**33)], 1234)
BINANCE = VenueBook(3, [], [(103, 9)], 70_000)
ALL = [KRAKEN, COINBASE, BINANCE]

OFFSETS = {
    # size, venue_bid_px, venue_ask_px, venue_bid_sz, venue_ask_sz, venue_update_ms, recv_ns
    "0.3.0": (nbbo.SDK_030, 480, 56, 184, 312, 376, 440, 472),
    "0.3.2": (nbbo.SDK_03, 592, 64, 224, 384, 464, 544, 584),
    "0.4.0": (nbbo.SDK_04, 616, 64, 224, 384, 464, 544, 584),
}


def number(data: bytes, at: int, size: int = 8) -> int:
    return int.from_bytes(data[at : at + size], "little")


@pytest.mark.parametrize("sdk", OFFSETS)
def test_a_snapshot_has_every_field_where_the_crate_reads_it(sdk: str) -> None:
    layout, size, bid_px, ask_px, bid_sz, ask_sz, ages, recv = OFFSETS[sdk]
    data = layout.snapshot(ALL, 2, 2**32 + 9, 77)
    assert len(data) == size
    assert [number(data, at) for at in (0, 8, 16, 24)] == [101, 103, 7, 6]
    assert (data[32], data[33], data[34], number(data, 36, 4)) == (1, 0, 3, 9)
    assert list(data[40:44]) == [1, 2, 3, 0]
    assert [number(data, bid_px + 8 * i) for i in range(4)] == [100, 101, 0, 0]
    assert [number(data, ask_px + 8 * i) for i in range(4)] == [103, 104, 103, 0]
    assert [number(data, bid_sz + 4 * i, 4) for i in range(4)] == [5, 7, 0, 0]
    assert [number(data, ask_sz + 4 * i, 4) for i in range(4)] == [6, 2**32 - 1, 9, 0]
    assert [number(data, ages + 2 * i, 2) for i in range(4)] == [0, 1234, 65_535, 0]
    assert number(data, recv) == 77
    assert data[35] == (2 if sdk == "0.4.0" else 0)
    assert data[592:] == (b"\xff" * 20 + bytes(4) if sdk == "0.4.0" else b"")


@pytest.mark.parametrize(
    ("layout", "size", "ids", "books"),
    [(nbbo.SDK_030, 11_176, 664, 680), (nbbo.SDK_03, 13_808, 664, 688), (nbbo.SDK_04, 13_832, 665, 712)],
    ids=["0.3.0", "0.3.2", "0.4.0"],
)
def test_venue_books_have_every_book_where_the_crate_reads_it(
    layout: nbbo.Layout, size: int, ids: int, books: int
) -> None:
    data = layout.books(ALL, 2, 77)
    assert (len(data), data[656], list(data[ids : ids + 4])) == (size, 3, [1, 2, 3, 0])
    for slot, venue in enumerate(ALL):
        at = books + slot * abi.BOOK_SIZE
        assert data[at : at + abi.BOOK_SIZE] == abi.book(venue.bids, venue.asks, 2, 77)
    assert not any(data[books + 3 * abi.BOOK_SIZE :])
    assert data[: abi.BOOK_SIZE] == abi.book([(101, 7), (100, 5), (99, 3)], [(103, 15), (104, 2**33)], 2, 77)
    assert nbbo.VENUE_BOOKS_AT + size <= 0x14000
    if layout is nbbo.SDK_04:
        assert number(data, 658, 2) == 2
        assert data[685:705] == b"\xff" * 20


@pytest.mark.parametrize("layout", [nbbo.SDK_030, nbbo.SDK_03, nbbo.SDK_04])
def test_a_side_that_nobody_has_names_a_slot_that_exists(layout: nbbo.Layout) -> None:
    data = layout.snapshot([VenueBook(3, [], [(5, 1)], 0)], 1, 1, 1)
    assert (number(data, 0), number(data, 16), data[32], data[33]) == (0, 0, 0, 0)
    assert layout.snapshot([], 1, 1, 1)[32:35] == bytes(3)
    assert layout.books([], 1, 1)[656] == 0


sides = st.lists(
    st.tuples(st.integers(1, 30), st.integers(1, 9)), max_size=25, unique_by=lambda level: level[0]
)


@given(st.lists(sides, max_size=5), st.booleans())
def test_merging_adds_what_stands_at_one_price_and_cuts_at_twenty(
    books: list[list[tuple[int, int]]], highest: bool
) -> None:
    books = [sorted(book, reverse=highest) for book in books]
    found = nbbo.merged(books, highest=highest)
    shown = [level for book in books for level in book[:20]]
    prices = sorted({px for px, _ in shown}, reverse=highest)[:20]
    assert found == [(px, sum(size for at, size in shown if at == px)) for px in prices]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20))
def test_the_best_of_both_sides_is_that_of_some_venue(touches: list[tuple[int, int]]) -> None:
    venues = [
        VenueBook(i, [(bid, 1)] if bid else [], [(ask, 1)] if ask else [], 0)
        for i, (bid, ask) in enumerate(touches, start=1)
    ]
    data = nbbo.SDK_04.snapshot(venues, 1, 1, 1)
    bids, asks = [bid for bid, _ in touches if bid], [ask for _, ask in touches if ask]
    assert number(data, 0) == max(bids, default=0)
    assert number(data, 8) == min(asks, default=0)
    if bids:
        assert touches[data[32]][0] == max(bids)
    if asks:
        assert touches[data[33]][1] == min(asks)
