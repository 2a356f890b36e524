"""What a venue charges, by how much an account has traded there within 30 days.

``base`` is the entry rate for everybody. ``tiers`` are schedules that the venues have published with these entry rates;
they change them, so a schedule of one's own can be given (``table:FILE``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from sequence_paper.venue.rules import Fees, venue_fees

_PPM: Final = 10**6
_UNIT: Final = 10**9


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates from a volume on (``_1e9``, of the quote currency)."""

    from_1e9: int
    fees: Fees


@dataclass(frozen=True, slots=True)
class Schedule:
    """``tiers`` ascend, the first begins at 0. ``profile``: as ``parse`` takes it."""

    profile: str
    tiers: tuple[Tier, ...]

    @property
    def flat(self) -> bool:
        """Whether volume makes no difference."""
        return len(self.tiers) == 1

    @property
    def worst_ppm(self) -> int:
        """The highest rate anybody may be charged; a rebate is none."""
        return max(0, *(max(tier.fees.maker_ppm, tier.fees.taker_ppm) for tier in self.tiers))

    def at(self, volume_1e9: int) -> Fees:
        """The rates of an account that has traded so much."""
        return next(tier.fees for tier in reversed(self.tiers) if tier.from_1e9 <= volume_1e9)


class ScheduleError(ValueError):
    """Fees that make no sense; the text says why."""


def flat(fees: Fees) -> Schedule:
    """The same for everybody."""
    return Schedule("base", (Tier(0, fees),))


def parse(profile: str, venue: str) -> Schedule:
    """``base`` · ``tiers`` · ``table:FILE``. Raises ScheduleError.

    A table is JSON: ``{"kraken": [[0, 1600, 2600], [50000, 1400, 2400]], ...}``: from a volume on (whole units of the
    quote currency), maker and taker rate in parts per million; a maker rate below 0 is a rebate.
    """
    kind, _, name = profile.partition(":")
    fees = venue_fees(venue)
    if profile == "base" and fees is not None:
        return flat(fees)
    if profile == "tiers" and venue in _TIERS:
        return Schedule(profile, _schedule(_TIERS[venue]))
    if kind == "table" and name:
        return Schedule(profile, _read(Path(name), venue))
    raise ScheduleError(f"fees {profile!r} are neither base, tiers nor table:FILE")


def _read(path: Path, venue: str) -> tuple[Tier, ...]:
    try:
        rows: Any = json.loads(path.read_text())[venue]
        return _schedule([(int(volume), int(maker), int(taker)) for volume, maker, taker in rows])
    except OSError as error:
        raise ScheduleError(f"{path} cannot be read: {error.strerror}") from None
    except ScheduleError as error:
        raise ScheduleError(f"{path}, {venue}: {error}") from None
    except (KeyError, TypeError, ValueError):
        why = f'{path} has no fees of {venue} like {{"{venue}": [[0, 1600, 2600], [50000, 1400, 2400]]}}'
        raise ScheduleError(why) from None


def _schedule(rows: Sequence[tuple[int, int, int]]) -> tuple[Tier, ...]:
    volumes = [volume for volume, _, _ in rows]
    if not rows or volumes[0] != 0 or any(later <= earlier for earlier, later in pairwise(volumes)):
        raise ScheduleError("volumes begin at 0 and ascend")
    for _, maker, taker in rows:
        if not (-_PPM < maker < _PPM and 0 <= taker < _PPM) or maker + taker < 0:
            raise ScheduleError(f"rates {maker} and {taker}: a rebate may not exceed what the taker pays")
    return tuple(Tier(volume * _UNIT, Fees(maker, taker)) for volume, maker, taker in rows)


_TIERS: Final = MappingProxyType(
    {
        "kraken": (
            (0, 1600, 2600),
            (50_000, 1400, 2400),
            (100_000, 1200, 2200),
            (250_000, 1000, 2000),
            (500_000, 800, 1800),
            (1_000_000, 600, 1600),
            (2_500_000, 400, 1400),
            (5_000_000, 200, 1200),
            (10_000_000, 0, 1000),
        ),
        "coinbase": (
            (0, 4000, 6000),
            (10_000, 2500, 4000),
            (50_000, 1500, 2500),
            (100_000, 1000, 2000),
            (1_000_000, 800, 1800),
            (15_000_000, 600, 1600),
            (75_000_000, 300, 1200),
            (250_000_000, 0, 800),
            (400_000_000, 0, 500),
        ),
        "binance": (
            (0, 1000, 1000),
            (1_000_000, 900, 1000),
            (5_000_000, 800, 1000),
            (20_000_000, 420, 600),
            (100_000_000, 420, 540),
            (150_000_000, 360, 480),
            (400_000_000, 300, 420),
            (800_000_000, 240, 360),
            (2_000_000_000, 180, 300),
            (4_000_000_000, 120, 240),
        ),
    }
)
