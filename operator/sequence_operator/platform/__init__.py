"""Typed async client of the trading platform's REST API; the only room that knows its wire."""

from sequence_operator.platform.client import Listing, NotModified, PlatformClient
from sequence_operator.platform.errors import PlatformError, Unreachable
from sequence_operator.platform.limiter import Lane, RateLimiter
from sequence_operator.platform.means import Capital
from sequence_operator.platform.rows import Account, Row

__all__ = [
    "Account",
    "Capital",
    "Lane",
    "Listing",
    "NotModified",
    "PlatformClient",
    "PlatformError",
    "RateLimiter",
    "Row",
    "Unreachable",
]
