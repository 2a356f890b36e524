"""Whose an order, a fill or a position is, in rows that tests write as an edge would."""

from __future__ import annotations

from typing import Final

OWNER: Final = {
    "account_id": "acct_1",
    "mode": "sandbox",
    "deployment_id": "dep_1",
    "deployment": "mm",
    "label": "main",
    "edge_id": "venue-edge-kraken",
    "venue": "kraken",
    "instrument_type": "spot",
    "symbol": "BTC-USD",
}
