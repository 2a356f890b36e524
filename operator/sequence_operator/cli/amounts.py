"""Integers of the wire in the form people read. Display only: nothing is computed from these strings."""

from datetime import UTC, datetime


def quantity(value_1e8: int | None) -> str:
    """`1_000_000` -> `0.01`; `-` when unknown."""
    return "-" if value_1e8 is None else _decimal(value_1e8, 8)


def money(value_1e9: int | None) -> str:
    """`-1_234_500_000_000` -> `-1,234.50`: cents, rounded half away from zero."""
    if value_1e9 is None:
        return "-"
    cents = (abs(value_1e9) + 5_000_000) // 10_000_000
    sign = "-" if value_1e9 < 0 and cents else ""
    return f"{sign}{cents // 100:,}.{cents % 100:02d}"


def price(value_1e9: int | None) -> str:
    """`97_000_100_000_000` -> `97,000.10`: every digit there is, at least cents; `-` when unknown."""
    if value_1e9 is None:
        return "-"
    whole, _, part = _decimal(value_1e9, 9).partition(".")
    return f"{whole}.{part:0<2}"


def _decimal(value: int, places: int) -> str:
    whole, part = divmod(abs(value), 10**places)
    digits = f"{part:0{places}d}".rstrip("0")
    return ("-" if value < 0 else "") + f"{whole:,}" + (f".{digits}" if digits else "")


def micros(ns: int | float | None) -> str:
    """Nanoseconds as microseconds with one decimal."""
    return "-" if ns is None else f"{ns / 1000:.1f} µs"


def age(since: float | None, now: float) -> str:
    """Seconds between two Unix times in one unit: `4s`, `3m`, `5h`, `2d`; `-` when unknown."""
    if since is None:
        return "-"
    seconds = max(0.0, now - since)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"


def unix(rfc3339: str | None) -> float | None:
    """Unix time of a time stamp of the cluster."""
    return datetime.fromisoformat(rfc3339).timestamp() if rfc3339 else None


def clock(ns: int) -> str:
    """Nanoseconds since the epoch as UTC with milliseconds."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ns // 1_000_000 % 1000:03d}"


def duration(ns: int | None) -> str:
    """Three digits in the unit that fits: `850 ns`, `312 µs`, `1.24 ms`, `2.50 s`; `-` when unknown."""
    if ns is None:
        return "-"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if ns < 999.5 * size:
            return _three(ns / size) + f" {unit}" if size > 1 else f"{ns} ns"
    return _three(ns / 1e9) + " s"


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"
