"""Which orders a request is about, and 404 for what never was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Query

from sequence_paper.api.errors import ApiError, invalid
from sequence_paper.api.platform import Platform, Who
from sequence_paper.store.costs import Scope
from sequence_paper.venue.rules import listed

MAX_ORDERS = 2000
"""Orders with fills that one request looks at closely; counts are over all."""


def _scope(
    who: Who,
    symbol: Annotated[str | None, Query(description="e.g. BTC-USD")] = None,
    deployment: Annotated[
        str | None, Query(description="id or name; a name counts all its registrations")
    ] = None,
    since: Annotated[str | None, Query(description="ISO 8601, or ns since the epoch; feed time")] = None,
    until: Annotated[str | None, Query(description="as since; not included")] = None,
    venue: str | None = None,
) -> Scope:
    return Scope(
        account_id=who.account.account_id,
        mode=who.mode,
        symbol=symbol or None,
        deployment=deployment or None,
        venue=venue or None,
        since_ns=moment_ns("since", since),
        until_ns=moment_ns("until", until),
    )


InScope = Annotated[Scope, Depends(_scope)]
Limit = Annotated[
    int, Query(ge=1, le=MAX_ORDERS, description="newest orders with fills that are looked at closely")
]


def check(here: Platform, scope: Scope) -> None:
    """Raises ApiError 404 for a deployment or a symbol that this account and mode never had. Reads the database."""
    mine = scope.account_id, scope.mode
    if scope.deployment is not None and not here.store.costs.any_of(*mine, deployment=scope.deployment):
        rows = [found.deployment for found in here.store.deployments.all(*mine)]
        registered = {row.deployment_id for row in rows} | {row.name for row in rows}
        if scope.deployment not in registered:
            raise ApiError(
                404, f"no deployment {scope.deployment!r} in this account and mode", field="deployment"
            )
    if scope.symbol is not None:
        symbols = {symbol for _, symbol in listed()} | {s for e in here.fleet().values() for s in e.symbols}
        if scope.symbol not in symbols and not here.store.costs.any_of(*mine, symbol=scope.symbol):
            shown = ", ".join(sorted(symbols))
            raise ApiError(404, f"no symbol {scope.symbol!r} here; there are {shown}", field="symbol")


def moment_ns(field: str, text: str | None) -> int | None:
    """Nanoseconds; a time without a zone is UTC."""
    if not text:
        return None
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise invalid(
            field, f"{text!r} is neither a time such as 2026-01-05T00:00:00Z nor nanoseconds"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 10**9 + moment.microsecond * 1000
