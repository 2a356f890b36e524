"""The price behind all venues: one random walk per symbol, the same in every process that knows the seed.

A Brownian bridge on a dyadic grid. Each grid point is the middle of its two neighbours of the next coarser grid
plus noise drawn for this very point from a hash of (seed, symbol, index), so the price at any moment follows from the
moment alone: no history, no order of calls, no shared state. Anchors are ``2**17`` slots of 100 ms apart (3.6 h) and
independent, so the walk never drifts away.

Only + - * / and square roots are used, which IEEE arithmetic defines exactly: the same prices on every machine.
"""

from __future__ import annotations

import hashlib
import math
import random
from functools import lru_cache

SLOT_NS = 100_000_000
_ANCHOR = 1 << 17


def draws(*key: object) -> random.Random:
    """A generator that depends on nothing but ``key`` (ints and strings). Use only ``.random()`` of it."""
    text = "|".join(map(str, key)).encode()
    return random.Random(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), "big"))


def normal(rng: random.Random) -> float:
    """Close to a standard normal: twelve uniforms. Within +-6, no transcendental function."""
    return sum(rng.random() for _ in range(12)) - 6.0


class LatentPrice:
    """Relative price of ``key`` around 0: ``price = base * (1 + at(...))``. ``sigma``: per square-root second."""

    def __init__(self, seed: int, key: str, sigma: float) -> None:
        self._seed = seed
        self._key = key
        self._slot_sigma = sigma * math.sqrt(SLOT_NS / 1e9)
        self._anchor_sigma = self._slot_sigma * math.sqrt(_ANCHOR / 2)
        # Neighbouring slots share all but one of their 17 ancestors.
        self._point = lru_cache(maxsize=256)(self._compute)

    def at(self, ts_ns: int) -> float:
        """Value at a time, linear between the slots' edges."""
        slot, into = divmod(ts_ns, SLOT_NS)
        left, right = self._point(slot), self._point(slot + 1)
        return left + (right - left) * (into / SLOT_NS)

    def _compute(self, slot: int) -> float:
        noise = normal(draws(self._seed, "latent", self._key, slot))
        if slot % _ANCHOR == 0:
            return self._anchor_sigma * noise
        half = slot & -slot
        middle = (self._point(slot - half) + self._point(slot + half)) / 2
        return middle + self._slot_sigma * math.sqrt(half / 2) * noise
