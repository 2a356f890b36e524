"""Kill switches as an edge knows them: read from the store twice a second and whenever the bus says so.

What an edge cut off from the bus misses it has within that half second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from sequence_paper.edge.store_watch import StoreWatch
from sequence_paper.store import Store
from sequence_paper.store.switches import KillSwitch
from sequence_paper.venue.orders import RejectCode
from sequence_paper.venue.risk import Refusal

_LOOK_SECONDS: Final = 0.5


class Switches:
    """Asked before anything new leaves. ``changed``: told of each that was put on or cleared."""

    def __init__(self, changed: Callable[[str, str, KillSwitch], None] = lambda *_: None) -> None:
        self._changed = changed
        self._active: dict[tuple[str, str], KillSwitch] = {}

    def hold(self, active: Mapping[tuple[str, str], KillSwitch]) -> None:
        """From now on exactly these are on."""
        for key in sorted(self._active.keys() | active.keys()):
            if active.get(key) != self._active.get(key):
                self.put(*key, active.get(key, KillSwitch()))

    def put(self, account_id: str, mode: str, switch: KillSwitch) -> None:
        """One of them, on or off."""
        self._changed(account_id, mode, switch)
        if switch.active:
            self._active[account_id, mode] = switch
        else:
            self._active.pop((account_id, mode), None)

    def refusal(self, account_id: str, mode: str) -> Refusal | None:
        """None while the account may send."""
        switch = self._active.get((account_id, mode))
        if switch is None:
            return None
        return Refusal(RejectCode.KILL_SWITCH, switch.sentence(), check="kill_switch")


class SwitchWatch(StoreWatch):
    """Keeps a ``Switches`` as the store has it."""

    def __init__(self, switches: Switches, store: Store) -> None:
        super().__init__("kill switches", _LOOK_SECONDS, self._read)
        self._switches, self._store = switches, store

    async def _read(self, _: str) -> None:
        self._switches.hold(await asyncio.to_thread(self._store.switches.active))
