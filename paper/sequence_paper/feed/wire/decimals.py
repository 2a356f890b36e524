"""Decimal strings of a venue as our integers, exactly."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_DECIMAL: Final = re.compile(r"(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,2}))?\Z")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def scaled(text: str, digits: int) -> int:
    """`text` × 10^`digits`. What does not fit is cut off: never more than the venue shows.

    Raises ValueError for anything but a plain, non-negative decimal number.
    """
    found = _DECIMAL.match(text)
    if found is None:
        raise ValueError(f"{text!r} is not a decimal number")
    whole, fraction, exponent = found.group(1), found.group(2) or "", int(found.group(3) or 0)
    shift = digits - len(fraction) + exponent
    number = int(whole + fraction)
    return int(number * 10**shift if shift >= 0 else number // 10**-shift)


def price_1e9(text: str) -> int:
    """A price."""
    return scaled(text, 9)


def qty_1e8(text: str) -> int:
    """A quantity."""
    return scaled(text, 8)


def time_ns(text: str) -> int:
    """RFC 3339 with up to nine digits of a second, UTC. Raises ValueError."""
    stamp, _, fraction = text.removesuffix("Z").partition(".")
    moment = datetime.fromisoformat(stamp).replace(tzinfo=UTC)
    seconds = (moment - _EPOCH).days * 86_400 + (moment - _EPOCH).seconds
    return seconds * 1_000_000_000 + int(fraction[:9].ljust(9, "0") or 0)
