"""How long messages are under way between an algo and a venue. Every draw is a pure function of what it is for.

Three legs: a book on its way to the edge (``FEED``), a request to the venue (``ENTRY``), the venue's word back
(``RESPONSE``). A draw is keyed by (seed, order, leg, number of the message on that leg), hashed; it does not depend
on what was drawn before, so another order, or another order of calls, changes no figure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from statistics import NormalDist
from types import MappingProxyType
from typing import Any, Final, Protocol

_MS: Final = 10**6
_NORMAL: Final = NormalDist()
_GRAIN_NS: Final = 1_000
"""Draws of the log-normal are whole microseconds, so that the last bit of a machine's ``exp`` changes nothing."""


class Leg(StrEnum):
    FEED = "feed"
    ENTRY = "entry"
    RESPONSE = "response"


class Delay(Protocol):
    """A distribution, by its quantiles."""

    def at(self, quantile: float) -> int:
        """Nanoseconds, >= 0 and never less for a higher quantile. ``quantile`` within (0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    ns: int

    def at(self, quantile: float) -> int:
        return self.ns


@dataclass(frozen=True, slots=True)
class Later:
    """``delay``, and a constant."""

    delay: Delay
    ns: int

    def at(self, quantile: float) -> int:
        return self.delay.at(quantile) + self.ns


@dataclass(frozen=True, slots=True)
class LogNormal:
    """``base_ns`` plus exp(N(ln ``median_ns``, ``sigma``))."""

    base_ns: int
    median_ns: int
    sigma: float

    def at(self, quantile: float) -> int:
        tail = self.median_ns * math.exp(self.sigma * _NORMAL.inv_cdf(quantile))
        return self.base_ns + round(tail / _GRAIN_NS) * _GRAIN_NS


@dataclass(frozen=True, slots=True)
class Table:
    """Measured delays, each as likely as the next; between two of them along the straight line."""

    sorted_ns: tuple[int, ...]

    def at(self, quantile: float) -> int:
        place = quantile * (len(self.sorted_ns) - 1)
        low = int(place)
        high = min(low + 1, len(self.sorted_ns) - 1)
        return self.sorted_ns[low] + int((self.sorted_ns[high] - self.sorted_ns[low]) * (place - low))


@dataclass(frozen=True, slots=True)
class Latency:
    """The legs of one venue. ``profile``: as ``parse`` takes it."""

    profile: str
    legs: Mapping[Leg, Delay]
    seed: int = 0

    def draw(self, key: str, leg: Leg, number: int = 0) -> int:
        """Nanoseconds of the ``number``-th message about ``key`` on a leg."""
        return self.legs[leg].at(_uniform(self.seed, key, leg, number))


def _uniform(seed: int, key: str, leg: Leg, number: int) -> float:
    """Within (0, 1), both ends excluded."""
    data = b"\0".join((leg.encode(), str(number).encode(), key.encode()))
    word = blake2b(data, digest_size=8, key=str(seed).encode()[:64]).digest()
    return ((int.from_bytes(word, "little") >> 12) + 0.5) / 2**52


def _venue(feed_ms: float, entry_ms: float, response_ms: float) -> Mapping[Leg, Delay]:
    def leg(median_ms: float) -> Delay:
        # Half of the typical time cannot be beaten, the other half varies with a long tail.
        half = int(median_ms * _MS) // 2
        return LogNormal(half, half, 0.6)

    return MappingProxyType(
        {Leg.FEED: leg(feed_ms), Leg.ENTRY: leg(entry_ms), Leg.RESPONSE: leg(response_ms)}
    )


VENUES: Final[Mapping[str, Mapping[Leg, Delay]]] = MappingProxyType(
    {"kraken": _venue(5, 8, 5), "coinbase": _venue(4, 6, 4), "binance": _venue(3, 5, 3)}
)
"""Assumed, not measured: an edge in the venue's region, on the public gateways. Medians in milliseconds."""


class LatencyError(ValueError):
    """A profile that makes no sense; the text says why."""


def parse(profile: str, venue: str, seed: int) -> Latency | None:
    """``none`` · ``venue`` · ``constant:MS`` or ``constant:FEED,ENTRY,RESPONSE`` (ms) · ``table:FILE``.

    None for ``none``. A table is JSON: ``{"feed": [ns, ...], "entry": [...], "response": [...]}``, what was measured.
    Raises LatencyError.
    """
    kind, _, rest = profile.partition(":")
    if profile == "none":
        return None
    if profile == "venue" and venue in VENUES:
        return Latency(profile, VENUES[venue], seed)
    if kind == "constant":
        return Latency(profile, dict(zip(Leg, _constants(rest), strict=True)), seed)
    if kind == "table":
        return Latency(profile, _tables(Path(rest)), seed)
    raise LatencyError(f"there is no latency profile {profile!r} for {venue}")


def later(base: Latency | None, more_ms: float) -> Latency:
    """As ``base``, every message so much later. Raises LatencyError."""
    ns = int(more_ms * _MS)
    if ns < 0:
        raise LatencyError(f"{more_ms:g} ms more is less")
    legs: Mapping[Leg, Delay] = base.legs if base is not None else dict.fromkeys(Leg, Constant(0))
    profile = f"{base.profile if base is not None else 'none'}+{more_ms:g}"
    return Latency(profile, {leg: Later(legs[leg], ns) for leg in Leg}, base.seed if base is not None else 0)


def _constants(text: str) -> Sequence[Delay]:
    try:
        delays = [Constant(int(float(part) * _MS)) for part in text.split(",")]
    except (ValueError, OverflowError):
        raise LatencyError(f"{text!r} is not one or three numbers of milliseconds") from None
    if len(delays) not in (1, 3) or any(delay.ns < 0 for delay in delays):
        raise LatencyError(f"{text!r} is not one or three numbers of milliseconds")
    return delays * 3 if len(delays) == 1 else delays


def _tables(path: Path) -> Mapping[Leg, Delay]:
    try:
        measured: Any = json.loads(path.read_text())
        return {leg: Table(tuple(sorted(_delays(measured[leg])))) for leg in Leg}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LatencyError(f"{path} is no table of latencies: {error!r}") from None


def _delays(numbers: list[object]) -> list[int]:
    delays = [ns for ns in numbers if type(ns) is int and ns >= 0]
    if not delays or len(delays) != len(numbers):
        raise ValueError("a leg needs at least one delay, all whole nanoseconds")
    return delays
