"""One token bucket per account: `qps` tokens a second, at most twice as many at once."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """Whether a request may pass; `retry_after` is in seconds, 0 when it may."""

    allowed: bool
    capacity: int
    remaining: int
    retry_after: float

    def headers(self) -> dict[str, str]:
        """`X-RateLimit-Limit` (requests at once), `X-RateLimit-Remaining`; if refused `Retry-After` (seconds)."""
        shown = {
            "X-RateLimit-Limit": str(self.capacity),
            "X-RateLimit-Remaining": str(self.remaining),
        }
        if not self.allowed:
            shown["Retry-After"] = str(max(1, math.ceil(self.retry_after)))
        return shown


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Limiter:
    """Buckets by account id. A changed `qps` takes effect with the next request."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def take(self, account_id: str, qps: int) -> Grant:
        """Take a token if there is one."""
        now, capacity = self._clock(), 2 * qps
        bucket = self._buckets.setdefault(account_id, _Bucket(capacity, now))
        bucket.tokens = min(capacity, bucket.tokens + (now - bucket.at) * qps)
        bucket.at = now
        if bucket.tokens < 1:
            return Grant(False, capacity, 0, (1 - bucket.tokens) / qps)
        bucket.tokens -= 1
        return Grant(True, capacity, int(bucket.tokens), 0.0)
