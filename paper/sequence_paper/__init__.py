"""Paper: our own implementation of the trading platform. Real algos and market data, no real orders."""

__version__ = "0.1.0"
