"""``AlgoState``: what a module sees of its position, orders, symbol, limits and mesh."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from sequence_paper.edge import abi
from sequence_paper.venue.rules import SymbolRules


@dataclass(slots=True)
class OpenOrderView:
    """An order as ``AlgoState`` shows it. ``status``: 0 pending, 1 acked, 2 partial, 3 dead. ``qty`` positive."""

    order_id: int
    px_1e9: int
    qty_1e8: int
    filled_1e8: int
    side: int
    status: int


class StateWriter:
    """The 1,576 bytes of ``AlgoState`` of one symbol, kept up to date piece by piece.

    ``data`` is what the module gets; the constant parts are written once, the changing ones by the methods.
    """

    _HEAD = struct.Struct("<qQq")
    _UNREALIZED = struct.Struct("<q")
    _ORDER = struct.Struct("<QQqqbB6x")
    _SESSION = struct.Struct("<qQ")
    _SYMBOL = struct.Struct("<QQQQBB6x")
    _RISK = struct.Struct("<qqQIB3x")
    _MESH = struct.Struct("<QB7x")
    _SYMBOL_ID = struct.Struct("<H6x16s")

    def __init__(self, symbol: str, symbol_id: int, rules: SymbolRules) -> None:
        self.data = bytearray(abi.STATE_SIZE)
        self._SYMBOL.pack_into(
            self.data,
            1336,
            rules.tick_size_1e9,
            rules.lot_size_1e8,
            rules.min_qty_1e8,
            rules.min_notional_1e9,
            rules.price_precision,
            rules.qty_precision,
        )
        self._SYMBOL_ID.pack_into(self.data, 1552, symbol_id, symbol.encode()[:16])

    def position(
        self, position_1e8: int, avg_entry_1e9: int, realized_1e9: int, session_1e9: int, fills: int
    ) -> None:
        self._HEAD.pack_into(self.data, 0, position_1e8, avg_entry_1e9, realized_1e9)
        self._SESSION.pack_into(self.data, 1320, session_1e9, fills)

    def unrealized(self, pnl_1e9: int) -> None:
        self._UNREALIZED.pack_into(self.data, 24, pnl_1e9)

    def orders(self, views: Sequence[OpenOrderView]) -> None:
        """Show at most 32 orders, packed from index 0; sells carry negative quantities, as the crate expects."""
        views = views[: abi.MAX_ORDERS]
        self.data[32:1312] = bytes(1280)
        for index, o in enumerate(views):
            self._ORDER.pack_into(
                self.data,
                32 + 40 * index,
                o.order_id,
                o.px_1e9,
                o.qty_1e8 * o.side,
                o.filled_1e8 * o.side,
                o.side,
                o.status,
            )
        self.data[1312] = len(views)

    def risk(
        self,
        max_position_1e8: int,
        max_daily_loss_1e9: int,
        max_notional_1e9: int,
        max_rate: int,
        *,
        reduce_only: bool = False,
    ) -> None:
        self._RISK.pack_into(
            self.data,
            1376,
            max_position_1e8,
            max_daily_loss_1e9,
            max_notional_1e9,
            min(max_rate, 0xFFFFFFFF),
            reduce_only,
        )

    def mesh(self, mesh_id: int, peers: Sequence[abi.Peer]) -> None:
        self._MESH.pack_into(self.data, 1408, mesh_id, len(peers))
        ids = [peer.mesh_id for peer in peers[: abi.MAX_PEERS]]
        struct.pack_into("<16Q", self.data, 1424, *ids, *(0,) * (abi.MAX_PEERS - len(ids)))
