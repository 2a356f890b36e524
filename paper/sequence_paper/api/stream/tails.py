"""Rows that a client gets without a gap, at its own speed: fills of an account, log lines of a deployment."""

from __future__ import annotations

from collections.abc import Callable

from sequence_paper.api.stream.channels import Channel
from sequence_paper.api.stream.frames import row_frame
from sequence_paper.store import Store
from sequence_paper.store.records import Caller
from sequence_paper.store.views import fill_view, log_view
from sequence_paper.store.words import Json

PAGE = 100
"""Rows of one channel that a client has in memory at most."""

Read = Callable[[int], list[tuple[int, Json]]]


class Tail:
    """Reads on from a number. `due`: there may be more to read.

    Numbers are given in the order in which rows become readable, so nothing appears later below the cursor.
    """

    def __init__(self, name: str, cursor: int, read: Read) -> None:
        self.name, self.cursor, self.due = name, cursor, True
        self._read = read

    def page(self) -> list[tuple[int, str]]:
        """The next rows as frames, with their numbers; reads the database. The cursor moves with `sent`."""
        return [(seq, row_frame(self.name, row, seq)) for seq, row in self._read(self.cursor)]

    def sent(self, seq: int) -> None:
        """That row has been given to the client."""
        self.cursor = seq


def tail_of(channel: Channel, caller: Caller, store: Store, after: int | None) -> Tail:
    """A reader of what comes after now, or after the number where the client was. Reads the database."""
    mine = (caller.account.account_id, caller.mode)
    if channel.name == "fills":

        def fills(cursor: int) -> list[tuple[int, Json]]:
            return [(seq, fill_view(fill)) for seq, fill in store.fills.after(*mine, cursor, PAGE)]

        return Tail(channel.name, store.fills.head(*mine) if after is None else after, fills)

    def lines(cursor: int) -> list[tuple[int, Json]]:
        found = store.logs.read(channel.about, limit=PAGE, after=cursor)
        return [(stored.seq, log_view(stored)) for stored in found]

    return Tail(channel.name, store.logs.head(channel.about) if after is None else after, lines)
