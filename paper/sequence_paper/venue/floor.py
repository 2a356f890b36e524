"""The markets of one venue, with the wallets that they share."""

from __future__ import annotations

from collections.abc import Iterable

from sequence_paper.venue.market import Market
from sequence_paper.venue.rules import symbol_rules
from sequence_paper.venue.tiers import Schedule
from sequence_paper.venue.wallet import Wallets


class NotListedError(LookupError):
    """The venue does not trade this symbol; the text names both."""


def open_markets(venue: str, symbols: Iterable[str], schedule: Schedule) -> dict[str, Market]:
    """By symbol. Raises NotListedError."""
    wallets, markets = Wallets(schedule), dict[str, Market]()
    for symbol in symbols:
        rules = symbol_rules(venue, symbol)
        if rules is None:
            raise NotListedError(f"{venue} does not list {symbol}")
        markets[symbol] = Market(symbol, rules, schedule.tiers[0].fees, wallets=wallets)
    return markets
