"""What the lists and reads have shown of one deployment since our last write to it.

One `Sight` per custom resource lives in the controller's memory; every method returns a new one. After a restart it
begins empty, which is safe: nothing is believed absent or present before a list of this process said so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sequence_operator.reconcile.row import Row


class Presence(StrEnum):
    PRESENT = "Present"
    ABSENT = "Absent"  # at least one list says so; not yet proof that it is gone
    UNKNOWN = "Unknown"  # no answer since our last write


class Source(StrEnum):
    """Where the row came from. An answer to a write may say less than a list or a read does."""

    LIST = "List"
    GET = "Get"
    ANSWER = "Answer"


@dataclass(frozen=True, slots=True)
class Sight:
    """Facts about one name, all of them newer than `written_at`.

    written_at:      when our last platform write for this key ended; the start of the process when there was none.
    row, source:     the deployment as last seen, and in which kind of answer.
    absent_lists:    lists in a row without the name.
    lists_without_id: lists in a row without the recorded deployment id (the name may be somebody else's by now).
    not_found_id:    id for which a read answered 404.
    deleted_id:      id whose delete the platform acknowledged.
    refused_at:      `pending.at` of a registration that the platform certainly did not execute.
    ours_id:         id that this process registered or adopted; outlives later writes.
    after:           class name of our last write ("Stop", …); `row` is its answer while `source` is ANSWER.
    began_at:        start of the process, once something was written; created_at: when our last create ended.
    previous:        the row before our last writes, until it is seen again: what was unregistered could look like this.
    """

    written_at: datetime
    row: Row | None = None
    source: Source = Source.LIST
    absent_lists: int = 0
    lists_without_id: int = 0
    not_found_id: str = ""
    deleted_id: str = ""
    refused_at: datetime | None = None
    ours_id: str = ""
    after: str = ""
    previous: Row | None = None
    began_at: datetime | None = None
    created_at: datetime | None = None

    @property
    def presence(self) -> Presence:
        if self.row is not None:
            return Presence.PRESENT
        return Presence.ABSENT if self.absent_lists else Presence.UNKNOWN

    def gone(self, deployment_id: str) -> bool:
        """Proof that the deployment of this id exists no more: two lists without it and a 404."""
        return bool(deployment_id) and self.lists_without_id >= 2 and self.not_found_id == deployment_id

    def listed(
        self,
        began_at: datetime,
        rows: Iterable[Row],
        *,
        name: str,
        deployment_id: str | None,
        uid: str,
        doubtful: bool = False,
    ) -> Sight:
        """After a list of the account. `name`: on the platform; `deployment_id`: the recorded one; `uid`: of the custom
        resource; `doubtful`: see `doubtful_list`. A list begun before our last write ended says nothing. An answer
        304 is the same list once more: pass the same rows with the new `began_at`."""
        if began_at < self.written_at:
            return self
        row = find_row(rows, name=name, deployment_id=deployment_id, uid=uid)
        if row is None and doubtful:
            return self
        without_id = (
            0 if row is not None and row.deployment_id == deployment_id else self.lists_without_id + 1
        )
        if row is None:
            return replace(self, row=None, absent_lists=self.absent_lists + 1, lists_without_id=without_id)
        found_again = row.deployment_id in (self.not_found_id, self.deleted_id)
        return replace(
            self,
            row=row,
            source=Source.LIST,
            absent_lists=0,
            lists_without_id=without_id,
            previous=None,
            not_found_id="" if found_again else self.not_found_id,
            deleted_id="" if found_again else self.deleted_id,
        )

    def got(self, began_at: datetime, row: Row) -> Sight:
        """After a read by id that found it."""
        if began_at < self.written_at:
            return self
        return replace(
            self,
            row=row,
            source=Source.GET,
            absent_lists=0,
            lists_without_id=0,
            not_found_id="",
            deleted_id="",
        )

    def not_found(self, began_at: datetime, deployment_id: str) -> Sight:
        """After a read by id that answered 404."""
        if began_at < self.written_at:
            return self
        row = None if self.row is not None and self.row.deployment_id == deployment_id else self.row
        return replace(self, row=row, not_found_id=deployment_id)

    def wrote(
        self,
        ended_at: datetime,
        *,
        row: Row | None = None,
        deleted_id: str = "",
        ours_id: str = "",
        after: str = "",
    ) -> Sight:
        """After a write that was executed, or may have been: everything seen before is out of date.

        row: the platform's answer, when it gave one. deleted_id: of an acknowledged delete. ours_id: of an
        acknowledged registration or adoption. after: class name of the action.
        """
        return Sight(
            written_at=ended_at,
            row=row,
            source=Source.ANSWER,
            deleted_id=deleted_id,
            ours_id=ours_id or self.ours_id,
            after=after,
            previous=self.row if self.row is not None else self.previous,
            began_at=self.began_at or self.written_at,
            created_at=ended_at if after == "Register" else self.created_at,
        )

    def adopted(self, deployment_id: str) -> Sight:
        """After an adoption that needed no call: the row stays as seen."""
        return replace(self, ours_id=deployment_id)

    def refused(self, pending_at: datetime | None = None) -> Sight:
        """After a write that was certainly not executed: what was seen before still holds.
        `pending_at`: of the registration that was refused."""
        return self if pending_at is None else replace(self, refused_at=pending_at)


def find_row(rows: Iterable[Row], *, name: str, deployment_id: str | None, uid: str) -> Row | None:
    """The row of a custom resource in a list: by recorded id, else by our uid under our name, else by name."""
    best: tuple[int, Row] | None = None
    for row in rows:
        if deployment_id and row.deployment_id == deployment_id:
            return row
        if row.name != name:
            continue
        rank = 1 if row.metadata is not None and row.metadata.uid == uid else 2
        if best is None or rank < best[0]:
            best = (rank, row)
    return best[1] if best else None


def doubtful_list(previous_count: int | None, count: int) -> bool:
    """An empty list right after a non-empty one needs confirming by another before it counts as absence.
    `previous_count`: rows in the list before, None when there was none."""
    return count == 0 and bool(previous_count)
