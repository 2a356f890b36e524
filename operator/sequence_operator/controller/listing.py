"""The last list of an account's deployments, indexed, and how it changes what is known of each of our
objects.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from sequence_operator.controller.state import Entry
from sequence_operator.platform.rows import Row
from sequence_operator.reconcile.sight import doubtful_list


class Shown(IntEnum):
    """What a list meant to one object: nothing, what it waits for whatever that is, or something new."""

    NOTHING = 0
    AWAITED = 1
    NEWS = 2


@dataclass(slots=True)
class LastList:
    """Rows by name and id, and when the call for them began.

    touched: names we wrote to since, with the end of that write: for a name in it this list is out of
    date, also for an object that is created only now.
    """

    began_at: datetime | None = None
    count: int | None = None
    doubtful: bool = False
    etag: str | None = None
    by_name: dict[str, list[Row]] = field(default_factory=dict)
    by_id: dict[str, Row] = field(default_factory=dict)
    touched: dict[str, datetime] = field(default_factory=dict)

    def replace(self, rows: Iterable[Row], began_at: datetime, etag: str | None) -> None:
        """A whole new list."""
        self.by_name, self.by_id = {}, {}
        for row in rows:
            self.by_id[row.deployment_id] = row
            if row.name is not None:
                self.by_name.setdefault(row.name, []).append(row)
        self.doubtful = doubtful_list(self.count, len(self.by_id))
        self.count = len(self.by_id)
        self.etag = etag
        self._confirm(began_at)

    def confirm(self, began_at: datetime) -> None:
        """The platform says that nothing changed: the same rows, seen again now."""
        self.doubtful = False
        self._confirm(began_at)

    def _confirm(self, began_at: datetime) -> None:
        self.began_at = began_at
        self.touched = {name: at for name, at in self.touched.items() if at > began_at}

    def forget(self) -> None:
        """Another account answers now: nothing that was listed counts."""
        self.began_at = self.count = self.etag = None
        self.by_name, self.by_id, self.touched = {}, {}, {}

    def show(self, entry: Entry) -> Shown:
        """Put what this list says of one object into its sight; whether, and why, that can matter to a pass."""
        if self.began_at is None or self.touched.get(entry.deployment, self.began_at) > self.began_at:
            return Shown.NOTHING
        candidates = list(self.by_name.get(entry.deployment, ()))
        recorded = self.by_id.get(entry.deployment_id or "")
        if recorded is not None and recorded not in candidates:
            candidates.append(recorded)
        news = entry.see(
            entry.sight.listed(
                self.began_at,
                candidates,
                name=entry.deployment,
                deployment_id=entry.deployment_id,
                uid=entry.uid,
                doubtful=self.doubtful,
            )
        )
        if news:
            return Shown.NEWS
        return Shown.AWAITED if entry.waiting else Shown.NOTHING
