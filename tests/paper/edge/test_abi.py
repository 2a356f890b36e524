"""Byte layouts, against offsets and bytes of the published crate."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.edge import abi
from sequence_paper.edge.algo_state import OpenOrderView, StateWriter
from sequence_paper.edge.errors import AlgoFault
from sequence_paper.venue.rules import symbol_rules

U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)


def _u64(data: bytes | bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _i64(data: bytes | bytearray, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little", signed=True)


def _buffer(*actions: bytes, count: int | None = None) -> bytes:
    body = b"".join(actions).ljust(512, b"\xee")
    return struct.pack("<II", len(actions) if count is None else count, 0) + body


LIMIT_BUY = bytes.fromhex("0700000000000000 00e8764817000000 00e1f50500000000 01 00 00 00 00 00 0000")
INTENT = bytes.fromhex("0100000000000000 6f00000000000000 6400000000000000 01 03 01 03 00 00 dc05")


def test_actions_of_the_crate_are_read_field_by_field() -> None:
    buy, intent = abi.actions(_buffer(LIMIT_BUY, INTENT))
    assert buy == abi.Action(7, 100 * 10**9, 10**8, 1, abi.NEW, 0, 0, 0, 0, 0)
    assert intent == abi.Action(1, 111, 100, 1, abi.INTENT, 1, 3, 0, 0, 1500)


def test_blanked_and_stale_entries_are_no_actions() -> None:
    assert abi.actions(_buffer(bytes(32), LIMIT_BUY)) == abi.actions(_buffer(LIMIT_BUY))
    assert abi.actions(_buffer(LIMIT_BUY, LIMIT_BUY, count=0)) == []


@pytest.mark.parametrize(
    ("buffer", "says"),
    [
        (_buffer(count=17), "17 is above 16"),
        (_buffer(count=2**32 - 1), "above 16"),
        (_buffer(LIMIT_BUY[:25] + b"\x09" + LIMIT_BUY[26:]), "kind 9"),
        (_buffer(LIMIT_BUY[:26] + b"\x05" + LIMIT_BUY[27:]), "order type 5"),
        (_buffer(LIMIT_BUY, LIMIT_BUY[:24] + b"\x02" + LIMIT_BUY[25:]), "action 1 has side 2"),
    ],
)
def test_garbage_is_a_fault_and_not_an_action(buffer: bytes, says: str) -> None:
    with pytest.raises(AlgoFault, match=says) as fault:
        abi.actions(buffer)
    assert fault.value.code == "GARBAGE_ACTIONS"


@given(st.binary(min_size=520, max_size=520))
def test_any_buffer_is_read_or_refused(buffer: bytes) -> None:
    try:
        actions = abi.actions(buffer)
    except AlgoFault:
        return
    assert len(actions) <= int.from_bytes(buffer[:4], "little") <= 16
    assert all(
        a.kind <= 3 and (a.kind != abi.NEW or (a.side in (1, -1) and a.order_type <= 4)) for a in actions
    )


levels = st.lists(st.tuples(U64, U64), max_size=25)


@given(levels, levels, st.integers(0, 65535), U64)
def test_a_book_shows_twenty_levels_a_side_and_zeroes_the_rest(
    bids: list[tuple[int, int]], asks: list[tuple[int, int]], symbol_id: int, now: int
) -> None:
    data = abi.book(bids, asks, symbol_id, now)
    assert len(data) == abi.BOOK_SIZE
    for side, at in ((bids, 0), (asks, 320)):
        shown = [(_u64(data, at + 16 * i), _u64(data, at + 16 * i + 8)) for i in range(20)]
        assert shown == (side[:20] + [(0, 0)] * 20)[:20]
    assert (data[640], data[641]) == (min(20, len(bids)), min(20, len(asks)))
    assert int.from_bytes(data[642:644], "little") == symbol_id
    assert _u64(data, 648) == now


def test_fill_and_reject() -> None:
    fill = abi.fill(9, 10**14, 5, -1, 77, 3)
    assert struct.unpack("<QQqQbH5x", fill) == (9, 10**14, 5, 77, -1, 3)
    assert (fill[32], fill[33], len(fill)) == (0xFF, 3, abi.FILL_SIZE)
    reject = abi.reject(2**64 - 1, 104, 300)
    assert (_u64(reject, 0), reject[8], reject[9:11], len(reject)) == (2**64 - 1, 104, b"\x2c\x01", 16)


@given(st.lists(st.tuples(st.integers(0, 31), I64), max_size=32, unique_by=lambda p: p[0]))
def test_parameters_land_in_their_slots(values: list[tuple[int, int]]) -> None:
    data = abi.config([abi.Param(f"p{s}", s, "int", v) for s, v in values], 70_000, 5)
    assert len(data) == abi.CONFIG_SIZE
    slots = dict(values)
    assert [_i64(data, 16 + 8 * i) for i in range(32)] == [slots.get(i, 0) for i in range(32)]
    assert int.from_bytes(data[2:4], "little") == 70_000 % 65_536
    assert data[1] == max(slots, default=-1) + 1


def test_parameter_types() -> None:
    params = [
        abi.Param("f", 0, "float", 1.5),
        abi.Param("b", 1, "bool", True),
        abi.Param("s", 2, "bps", -12),
    ]
    data = abi.config(params, 1, 0)
    assert struct.unpack_from("<dqq", data, 16) == (1.5, 1, -12)
    assert data[272:276] == bytes([1, 2, 3, 0])
    for bad in (
        abi.Param("x", 32, "int", 1),
        abi.Param("x", 0, "bps", 2**31),
        abi.Param("x", 0, "int", 2**63),
    ):
        with pytest.raises(ValueError, match="'x'"):
            abi.config([bad], 1, 0)


def test_mesh_table() -> None:
    data = abi.mesh("maker", 1, [abi.Peer("h" * 32, 2), abi.Peer("b", 3)])
    assert (data[:6], _u64(data, 32), data[40]) == (b"maker\0", 1, 2)
    assert (data[48:80], _u64(data, 80), data[88:90], _u64(data, 120)) == (b"h" * 32, 2, b"b\0", 3)
    assert abi.mesh("alone", 0, []) == bytes(abi.MESH_SIZE)


def test_state_offsets() -> None:
    rules = symbol_rules("kraken", "BTC-USD")
    assert rules is not None
    writer = StateWriter("BTC-USD", 7, rules)
    writer.position(-5, 6, 7, -8, 9)
    writer.unrealized(-10)
    writer.risk(11, 12, 13, 14)
    writer.mesh(15, [abi.Peer("a", 16)])
    writer.orders([OpenOrderView(17, 18, 19, 4, -1, 2)] * 40)
    data = writer.data
    assert len(data) == abi.STATE_SIZE
    assert (_i64(data, 0), _u64(data, 8), _i64(data, 16), _i64(data, 24)) == (-5, 6, 7, -10)
    assert struct.unpack_from("<QQqqbB", data, 32) == (17, 18, -19, -4, -1, 2)
    assert data[1312] == 32
    assert (_i64(data, 1320), _u64(data, 1328)) == (-8, 9)
    assert (_u64(data, 1336), data[1368]) == (rules.tick_size_1e9, rules.price_precision)
    assert struct.unpack_from("<qqQI", data, 1376) == (11, 12, 13, 14)
    assert (_u64(data, 1408), data[1416], _u64(data, 1424)) == (15, 1, 16)
    assert (data[1552], bytes(data[1560:1576])) == (7, b"BTC-USD".ljust(16, b"\0"))
    writer.orders([])
    assert data[32:1313] == bytes(1281)
