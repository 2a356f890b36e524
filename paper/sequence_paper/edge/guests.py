"""Those who trade here without an instance of theirs being hosted here: an account's desk, or an instance elsewhere.

To the rest of the edge they look like an instance that nobody calls. Their positions are those of the account and the
deployment's name ("" for the desk), shared with instances of that deployment on this edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sequence_paper.edge.algo_state import StateWriter
from sequence_paper.edge.core import EdgeCore
from sequence_paper.edge.holding import Holding, HoldingKey
from sequence_paper.edge.hosted import Hosted, Slot
from sequence_paper.store import Store
from sequence_paper.store.records import DesiredInstance, Observation
from sequence_paper.store.trades import Position
from sequence_paper.store.words import InstrumentType, Mode


@dataclass(frozen=True, slots=True)
class Principal:
    """For whom an order is. The last three are empty for the account itself."""

    account_id: str
    mode: Mode
    deployment_id: str = ""
    deployment: str = ""
    label: str = ""


class Guests:
    """Made when first asked for; they stay for the life of the process."""

    def __init__(self, core: EdgeCore, store: Store, venue: str, instrument_type: InstrumentType) -> None:
        self._core, self._store = core, store
        self._venue = venue
        self._instrument_type: InstrumentType = instrument_type
        self._known: dict[Principal, Hosted] = {}

    async def get(self, who: Principal) -> Hosted:
        """The instance itself when it is hosted here, else its guest with positions as stored."""
        hosted = self.known(who)
        if hosted is not None:
            return hosted
        rows = await asyncio.to_thread(
            self._store.positions.of_deployment, who.account_id, who.mode, who.deployment, self._venue
        )
        # Somebody else may have come for the same while the rows were read.
        return self.known(who) or self.admit(who, rows)

    def known(self, who: Principal) -> Hosted | None:
        """The instance or the guest, when it is here."""
        return self._core.roster.hosted.get((who.deployment_id, who.label)) or self._known.get(who)

    def admit(self, who: Principal, positions: Sequence[Position]) -> Hosted:
        """One who is not here yet, with what is stored of his positions."""
        body = {"who": asdict(who), "positions": [asdict(row) for row in positions]}
        self._core.inputs.heard("guest", body, (who.account_id, who.mode))
        for row in positions:
            self._core.take_over(Holding.restore(row))
        return self._admit(who)

    def _admit(self, who: Principal) -> Hosted:
        markets = self._core.markets
        guest = Hosted(self._as_instance(who, list(markets)), guest=True)
        for number, (symbol, market) in enumerate(markets.items(), start=1):
            key = HoldingKey(who.account_id, who.mode, who.deployment, self._venue, symbol)
            holding = self._core.take_over(Holding(key, self._instrument_type))
            guest.slots.append(
                Slot(symbol, number, market, holding, StateWriter(symbol, number, market.rules))
            )
        self._known[who] = guest
        self._core.roster.owners[guest.owner] = guest
        return guest

    def _as_instance(self, who: Principal, symbols: list[str]) -> DesiredInstance:
        return DesiredInstance(
            deployment_id=who.deployment_id,
            name=who.deployment,
            account_id=who.account_id,
            mode=who.mode,
            label=who.label,
            ordinal=0,
            venue=self._venue,
            instrument_type=self._instrument_type,
            symbols=symbols,
            desired="stopped",
            revision=0,
            starts=0,
            wasm_sha256="",
            risk={},
            params=[],
            on_stop="keep",
            peers=[],
            hears=[],
            last=Observation(who.deployment_id, who.label, "stopped", False, 0, 0, 0),
        )
