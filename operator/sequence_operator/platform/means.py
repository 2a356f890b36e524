"""What an account can trade with: connected venues, limits that hold for all its deployments, capital.

The shapes of these answers are not fixed by the platform's documents, so they are read with tolerance: what is not
understood is None, which means that the platform did not say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_GONE = frozenset({"disconnected", "disabled", "failed", "expired", "revoked", "error"})


@dataclass(frozen=True, slots=True)
class Capital:
    """USD × 10^9. available None: the platform sets no bound. nav: value of cash and positions, None when not told."""

    available_usd_1e9: int | None = None
    nav_usd_1e9: int | None = None


def connected_venues(value: object) -> frozenset[str] | None:
    """Venue ids of `GET /v1/credentials`: a list, bare or under `credentials` or `venues`, of names or of objects with
    `venue`. An object that says that it is not connected does not count."""
    rows = value
    if isinstance(value, Mapping):
        rows = next((value[key] for key in ("credentials", "venues") if key in value), None)
    if not isinstance(rows, list):
        return None
    named = [(row, row) if isinstance(row, str) else (_venue(row), row) for row in rows]
    if any(not name for name, _ in named):
        return None
    return frozenset(str(name).lower() for name, row in named if _connected(row))


def account_limits(value: object) -> Mapping[str, int] | None:
    """Limits of `GET /v1/risk_limits`, bare or under `limits` or `risk_limits`, named as in a deployment's `risk`.

    Only whole numbers above 0 are limits; {} says that the account has none. One that is given and cannot be read
    makes all of them untold: taking it for absent would be taking a limit for none.
    """
    if not isinstance(value, Mapping):
        return None
    nested = next((value[key] for key in ("limits", "risk_limits") if key in value), value)
    if not isinstance(nested, Mapping):
        return None
    found: dict[str, int] = {}
    for key, held in nested.items():
        if held is None or not str(key).startswith("max_"):
            continue
        number = int(held) if isinstance(held, float) and held.is_integer() else held
        if not isinstance(number, int) or isinstance(number, bool):
            return None
        if number > 0:
            found[str(key)] = number
    return found


def capital(value: object) -> Capital | None:
    """`capital` of `GET /v1/account`."""
    if not isinstance(value, Mapping):
        return None
    told = value.get("capital")
    if isinstance(told, Mapping) and "available_usd_1e9" in told:
        available = told["available_usd_1e9"]
        if available is not None and _money(available) is None:
            return None
        return Capital(_money(available), _money(told.get("nav_usd_1e9")))
    return None


def _venue(row: object) -> str | None:
    name = row.get("venue") if isinstance(row, Mapping) else None
    return name if isinstance(name, str) else None


def _connected(row: object) -> bool:
    if not isinstance(row, Mapping):
        return True
    status = row.get("status")
    told_off = row.get("connected") is False or (isinstance(status, str) and status.lower() in _GONE)
    return not told_off


def _money(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or math.isfinite(value) else None
