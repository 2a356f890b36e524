"""Call budgets: one token bucket per account on the platform, however many objects name that account."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable

from sequence_operator.platform.limiter import RateLimiter
from sequence_operator.spec.resources import PlatformAccountSpec, RateLimit


class Limiters:
    """The buckets of this process."""

    def __init__(self) -> None:
        self._known: dict[Hashable, RateLimiter] = {}

    def for_key(self, endpoint: str, key: str) -> RateLimiter:
        """The bucket for finding out whose key it is; small, for that is one call."""
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._known.setdefault((endpoint, digest), RateLimiter(1.0, 2.0))

    def for_identity(
        self, identity: Hashable, spec: PlatformAccountSpec, profile_qps: float | None
    ) -> RateLimiter:
        """The bucket of an account: what its profile says, else what the object asks for, else 5 a second."""
        asked = spec.rate_limit or RateLimit()
        limiter = self._known.get(identity)
        if limiter is None:
            limiter = RateLimiter(
                asked.requests_per_second, asked.burst, poll_share=min(spec.poll_seconds, 60.0)
            )
            self._known[identity] = limiter
        if profile_qps:
            limiter.configure(profile_qps)
        else:
            limiter.configure(asked.requests_per_second, asked.burst)
        return limiter
