"""Venue ids the platform documents. Others are let through, since venues are added without us; near misses are not."""

VENUES = (
    "binance",
    "bitget",
    "bybit",
    "coinbase",
    "cryptocom",
    "dex_ethereum",
    "hyperliquid",
    "kalshi",
    "kraken",
    "okx",
    "polymarket",
    "solana",
)

UPPER_CASE_SYMBOLS = frozenset({"binance", "bitget", "bybit", "coinbase", "cryptocom", "kraken", "okx"})
"""Venues whose symbols are upper case throughout, so that `btc-usd` there is a slip."""
