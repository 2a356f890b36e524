"""What an account can trade with, read rarely, and the preflight's answers that follow from it for one deployment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from sequence_operator.platform.client import PlatformClient
from sequence_operator.platform.errors import PlatformError
from sequence_operator.platform.means import Capital
from sequence_operator.reconcile.model import Desired
from sequence_operator.reconcile.preflight import ARTIFACT, NAME, Check, Inputs, Result, preflight

log = structlog.get_logger(__name__)

_EVERY = 300.0  # seconds between two looks
_SOON = 30.0  # while some deployment is held up by what was seen
_SILENT = 3600.0  # on a platform that tells none of it

_UNTOLD = {
    NAME: "decided by the list of the account's deployments",
    ARTIFACT: "decided when the WASM is inspected",
}


@dataclass(slots=True)
class Means:
    """Venues, limits and capital as the platform last told them; None: it does not say, or was not asked yet."""

    venues: frozenset[str] | None = None
    limits: Mapping[str, int] | None = None
    capital: Capital | None = None
    read_at: datetime | None = None
    doubted: bool = False  # something was refused because of it

    @property
    def told(self) -> bool:
        return not (self.venues is None and self.limits is None and self.capital is None)

    def due(self, now: datetime) -> bool:
        """Whether it is time for another look."""
        if self.read_at is None:
            return True
        wait = (_SOON if self.doubted else _EVERY) if self.told else _SILENT
        return (now - self.read_at).total_seconds() >= wait

    async def read(self, client: PlatformClient, account: str, now: datetime) -> None:
        """Ask for all of it. What cannot be had now stays as it was; the next look is due later all the same."""
        self.read_at, self.doubted = now, False
        try:
            self.venues = await client.connected_venues()
            self.limits = await client.risk_limits()
            self.capital = await client.capital()
        except PlatformError as problem:
            log.warning("means of the account unreadable", account=account, problem=str(problem))

    def checks(self, desired: Desired) -> tuple[Check, ...]:
        """The preflight as far as the operator takes part in it: the core itself sees to names and artifacts."""
        if not self.told or desired.mode is None:
            return ()
        found = preflight(
            Inputs(
                spec=desired.spec,
                mode=desired.mode,
                venues=self.venues,
                capital=self.capital,
                limits=self.limits,
                untold=_UNTOLD,
            )
        )
        self.doubted = self.doubted or any(check.result is Result.FAILED for check in found)
        return found
