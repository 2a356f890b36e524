"""Byte layouts of everything that crosses into a module: writers for inputs, a reader for actions.

The layouts are those of the public crate ``sequence-algo-sdk`` 0.4.0, little-endian ``repr(C)``. Older crates read a
prefix of ``AlgoState``, so the newest layout serves them all. Unused fields and padding are written as zero. Units:
``_1e9`` prices and money, ``_1e8`` quantities, ns since the Unix epoch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final, NamedTuple

from sequence_paper.edge.errors import AlgoFault

MAX_LEVELS: Final = 20
MAX_ORDERS: Final = 32
MAX_ACTIONS: Final = 16
MAX_PEERS: Final = 16
MAX_PAYLOAD: Final = 256
MAX_PARAMS: Final = 32

BOOK_SIZE: Final = 656
STATE_SIZE: Final = 1576
FILL_SIZE: Final = 40
REJECT_SIZE: Final = 16
FEATURES_SIZE: Final = 256
CONFIG_SIZE: Final = 304
MESH_SIZE: Final = 688
ACTION_SIZE: Final = 32
ACTIONS_SIZE: Final = 520

FEATURES_AT: Final = 0x1A000
CONFIG_AT: Final = 0x24000
MESH_AT: Final = 0x24200
FIXED_START: Final = 0x8000
FIXED_END: Final = 0x25000

VENUE_IDS: Final = {
    "kraken": 1,
    "coinbase": 2,
    "binance": 3,
    "bitget": 4,
    "cryptocom": 5,
    "bitmart": 6,
    "dex": 7,
    "okx": 8,
    "bybit": 9,
    "hyperliquid": 17,
}
"""Wire ids of the venues an instance can be deployed to."""

_SIDE = struct.Struct("<40Q")
_BOOK_END = struct.Struct("<BBH4xQ")
_BOOK_END_AT: Final = 2 * _SIDE.size
_ZEROS: Final = (0,) * 40
_FILL = struct.Struct("<QQqQbH5x")
_REJECT = struct.Struct("<QBH5x")
_CONFIG = struct.Struct("<BBH4xQ32q32s")
_MESH_HEAD = struct.Struct("<32sQB7x")
_MESH_PEER = struct.Struct("<32sQ")
_ACTION = struct.Struct("<QQqbBBBBBH")
_COUNT = struct.Struct("<I")
_F64 = struct.Struct("<d")
_I64 = struct.Struct("<q")
_PARAM_TAGS: Final = {"int": 0, "float": 1, "bool": 2, "bps": 3}


class Param(NamedTuple):
    """A live parameter in its slot (0..31). ``type``: int, float, bool or bps."""

    name: str
    slot: int
    type: str
    value: int | float | bool


class Peer(NamedTuple):
    """An entry of the mesh table. ``mesh_id``: non-zero, unique in the deployment."""

    label: str
    mesh_id: int


class Action(NamedTuple):
    """One entry of the action buffer. ``kind``: 0 new, 1 cancel, 2 amend, 3 intent."""

    order_id: int
    px_1e9: int
    qty_1e8: int
    side: int
    kind: int
    order_type: int
    venue_id: int
    pool_idx: int
    symbol_idx: int
    ttl_ms: int


NEW: Final = 0
CANCEL: Final = 1
AMEND: Final = 2
INTENT: Final = 3


def book(
    bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]], symbol_id: int, recv_ns: int
) -> bytes:
    """``L2Book`` (656 bytes) of at most 20 (px_1e9, sz_1e8) levels a side, best first; more are cut."""
    bids = bids[:MAX_LEVELS]
    asks = asks[:MAX_LEVELS]
    end = _BOOK_END.pack(len(bids), len(asks), symbol_id, recv_ns)
    return b"".join((_side(bids), _side(asks), end))


class BookRegion:
    """As ``book``, of a symbol whose levels its market keeps packed."""

    def __init__(self) -> None:
        self._data = bytearray(BOOK_SIZE)
        self._counts = (0, 0)

    def show(self, levels: bytearray, counts: tuple[int, int]) -> None:
        """20 levels of each side in bytes, and how many there are."""
        self._data[:_BOOK_END_AT] = levels
        self._counts = counts

    def of(self, symbol_id: int, recv_ns: int) -> bytearray:
        """What was shown last, for an instance that knows the symbol by this number; valid until the next call."""
        bids, asks = self._counts
        _BOOK_END.pack_into(self._data, _BOOK_END_AT, bids, asks, symbol_id, recv_ns)
        return self._data


def _side(levels: Sequence[tuple[int, int]]) -> bytes:
    return _SIDE.pack(*chain.from_iterable(levels), *_ZEROS[2 * len(levels) :])


def fill(order_id: int, px_1e9: int, qty_1e8: int, side: int, recv_ns: int, symbol_id: int) -> bytes:
    """``Fill`` (40 bytes): ``qty_1e8`` is the executed quantity, positive; the direction is ``side``."""
    return _FILL.pack(order_id, px_1e9, qty_1e8, recv_ns, side, symbol_id)


def reject(order_id: int, code: int, symbol_id: int) -> bytes:
    """``Reject`` (16 bytes)."""
    return _REJECT.pack(order_id, code, symbol_id)


def config(params: Iterable[Param], update_seq: int, update_ns: int) -> bytes:
    """``ConfigRegion`` version 1 (304 bytes). ``update_seq`` counts changes, modulo 2^16; unset slots are 0.

    Raises ValueError for a slot outside 0..31 or a value that does not fit 64 bits.
    """
    slots = [0] * MAX_PARAMS
    tags = bytearray(MAX_PARAMS)
    count = 0
    for param in params:
        if not 0 <= param.slot < MAX_PARAMS:
            raise ValueError(f"parameter {param.name!r}: slot {param.slot} is outside 0..{MAX_PARAMS - 1}")
        slots[param.slot] = _slot_value(param)
        tags[param.slot] = _PARAM_TAGS[param.type]
        count = max(count, param.slot + 1)
    return _CONFIG.pack(1, count, update_seq & 0xFFFF, update_ns, *slots, bytes(tags))


def _slot_value(param: Param) -> int:
    if param.type == "float":
        bits: int = _I64.unpack(_F64.pack(float(param.value)))[0]
        return bits
    value = int(param.value)
    low, high = (-(1 << 31), (1 << 31) - 1) if param.type == "bps" else (-(1 << 63), (1 << 63) - 1)
    if not low <= value <= high:
        raise ValueError(f"parameter {param.name!r}: {value} does not fit {param.type}")
    return value


def mesh(label: str, mesh_id: int, peers: Sequence[Peer]) -> bytes:
    """``MeshTable`` (688 bytes); all zero without a mesh (``mesh_id`` 0). At most 16 peers."""
    if mesh_id == 0:
        return bytes(MESH_SIZE)
    if len(peers) > MAX_PEERS:
        raise ValueError(f"{len(peers)} mesh peers; the module's table holds {MAX_PEERS}")
    out = bytearray(MESH_SIZE)
    _MESH_HEAD.pack_into(out, 0, label.encode(), mesh_id, len(peers))
    for index, peer in enumerate(peers):
        _MESH_PEER.pack_into(out, 48 + 40 * index, peer.label.encode(), peer.mesh_id)
    return bytes(out)


def actions(buffer: bytes | memoryview) -> list[Action]:
    """Decode a ``WasmActions`` buffer of 520 bytes; blanked (all-zero) entries are left out.

    Raises AlgoFault for a count above 16, or a kind, order type or side that no SDK helper can produce: such a
    buffer is not a decision of the algo but garbage, so nothing of it may be executed.
    """
    (count,) = _COUNT.unpack_from(buffer)
    if not count:
        return []
    if count > MAX_ACTIONS:
        raise AlgoFault("GARBAGE_ACTIONS", f"action count {count} is above {MAX_ACTIONS}")
    out: list[Action] = []
    for fields in _ACTION.iter_unpack(buffer[8 : 8 + ACTION_SIZE * count]):
        side, kind = fields[3], fields[4]
        if kind == NEW:
            sound = (side == 1 or side == -1) and fields[5] <= 4
            if not sound and not any(fields):
                continue
        else:
            sound = kind < INTENT or (kind == INTENT and side in (1, -1))
        action = tuple.__new__(Action, fields)  # as ``Action._make``, whose own check takes twice as long
        if not sound:
            raise AlgoFault("GARBAGE_ACTIONS", _garbage(action, len(out)))
        out.append(action)
    return out


def _garbage(action: Action, index: int) -> str:
    if action.kind > INTENT:
        problem = f"kind {action.kind}"
    elif action.side not in (1, -1):
        problem = f"side {action.side}"
    else:
        problem = f"order type {action.order_type}"
    return f"action {index} has {problem}, which no SDK helper writes"
