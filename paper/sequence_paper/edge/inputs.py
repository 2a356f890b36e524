"""Takes down what an edge is told from outside its feed, so that a run can be repeated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Final

from sequence_paper.edge.hosted import Hosted
from sequence_paper.edge.journal import Journal
from sequence_paper.store.funds import AccountFunds
from sequence_paper.store.heard import KEEP_BYTES, Packer
from sequence_paper.store.inputs import applied_body, funds_body
from sequence_paper.store.records import DesiredInstance, EdgeInput, HeardBlock, HeardKind, InputKind
from sequence_paper.store.switches import KillSwitch
from sequence_paper.store.trades import Position
from sequence_paper.store.words import Json

TOO_MUCH: Final = f"more over the bus than the {KEEP_BYTES >> 20} MiB that are kept of a run"


class InputLog:
    """``place``: how many events were taken in, and the feed's time. Nothing is kept before ``began``."""

    def __init__(self, edge_id: str, journal: Journal, place: Callable[[], tuple[int, int]]) -> None:
        self._edge_id, self._journal, self._place = edge_id, journal, place
        self._run_ns = self._count = 0
        self._said: set[tuple[str, str, str]] = set()
        self._packer = Packer()
        journal.heard = self._block

    def began(self, run_ns: int, about: Json) -> None:
        """The run that starts now. ``about``: what else its outcome depends on."""
        self._run_ns = run_ns
        self._add("", "", "run", about)

    def applied(self, want: DesiredInstance, positions: Sequence[Position]) -> None:
        """An instance was brought to its desired state."""
        self._add(want.account_id, want.mode, "apply", applied_body(want, positions))

    def unloaded(self, hosted: Hosted) -> None:
        """An instance is about to be shut down and forgotten."""
        want = hosted.want
        body = {"deployment_id": want.deployment_id, "label": want.label}
        self._add(want.account_id, want.mode, "unload", body)

    def funded(self, account_id: str, mode: str, funds: AccountFunds) -> None:
        """What an account has was read anew."""
        self._add(account_id, mode, "funds", funds_body(funds))

    def switched(self, account_id: str, mode: str, switch: KillSwitch) -> None:
        """An account's kill switch was put on or cleared."""
        self._add(account_id, mode, "switch", dataclasses.asdict(switch))

    def heard(self, kind: HeardKind, body: Json, owner: tuple[str, str] = ("", "")) -> None:
        """Something came over the bus. ``owner``: account and mode, empty for what concerns everybody."""
        if self._packer.full and owner != ("", ""):
            self.outside(*owner, TOO_MUCH)
        elif self._run_ns and not self._packer.full:
            self._packer.add(self._count, self._place(), owner, kind, body)
            self._count += 1

    @property
    def full(self) -> bool:
        """Whether nothing more that comes over the bus is kept in this run."""
        return self._packer.full

    def reset(self, account_id: str, mode: str) -> None:
        """Nothing of the account's positions is held any more."""
        self._add(account_id, mode, "reset", {})

    def outside(self, account_id: str, mode: str, what: str) -> None:
        """Something reached an account that cannot be repeated; the first of each kind is enough."""
        if (account_id, mode, what) not in self._said:
            self._said.add((account_id, mode, what))
            self._add(account_id, mode, "outside", {"what": what})

    def _block(self) -> HeardBlock | None:
        taken = self._packer.take()
        return None if taken is None else HeardBlock(self._edge_id, self._run_ns, *taken)

    def _add(self, account_id: str, mode: str, kind: InputKind, body: Json) -> None:
        if self._run_ns:
            taken, feed_ns = self._place()
            row = EdgeInput(
                self._edge_id, self._run_ns, self._count, taken, feed_ns, account_id, mode, kind, body
            )
            self._journal.input(row)
            self._count += 1
