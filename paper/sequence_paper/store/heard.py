"""Table `edge_heard`: what came to an edge over the bus (books of other venues, pools, messages), run by run.

It comes often and repeats itself much, so the entries of a run are one Zstandard stream, cut where a transaction ends.
"""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import orjson
import sqlalchemy as sa
import zstandard

from sequence_paper.store.database import Database
from sequence_paper.store.records import Heard, HeardBlock, HeardKind
from sequence_paper.store.tables import BIG, col, key, metadata
from sequence_paper.store.words import Json

KEEP_BYTES: Final = 16 << 20
"""Of one run, packed. A book that changes all the time takes some 2 KB a second."""

edge_heard = sa.Table(
    "edge_heard",
    metadata,
    key("edge_id"),
    key("run_ns", BIG),
    key("n", BIG),
    col("content", sa.LargeBinary()),
)


class Packer:
    """Entries in, pieces out. `full`: no more is taken."""

    def __init__(self) -> None:
        self._packing = zstandard.ZstdCompressor(level=3).compressobj()
        self._waiting = bytearray()
        self._first: int | None = None
        self._bytes = 0

    @property
    def full(self) -> bool:
        return self._bytes >= KEEP_BYTES

    def add(
        self, n: int, place: tuple[int, int], owner: tuple[str, str], kind: HeardKind, body: Json
    ) -> None:
        """`owner`: account and mode, empty for what concerns everybody."""
        line = orjson.dumps([n, *place, *owner, kind, body])
        self._waiting += self._packing.compress(line + b"\n")
        self._first = n if self._first is None else self._first

    def take(self) -> tuple[int, bytes] | None:
        """Number of the first entry since the last call, and all of them, packed; None: there was none."""
        if self._first is None:
            return None
        first, self._first = self._first, None
        content = bytes(self._waiting) + self._packing.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        self._waiting.clear()
        self._bytes += len(content)
        return first, content


def unpacked(pieces: Iterable[bytes], account_id: str, mode: str, to_ns: int) -> Iterator[Heard]:
    """What concerns an account, up to a feed time, in order."""
    unpacking = zstandard.ZstdDecompressor().decompressobj()
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + unpacking.decompress(piece)).split(b"\n")
        for line in lines:
            n, taken, feed_ns, owner, of_mode, kind, body = orjson.loads(line)
            if feed_ns > to_ns:
                return
            if (owner, of_mode) in (("", ""), (account_id, mode)):
                yield Heard(n, taken, feed_ns, kind, orjson.dumps(body))


def pieces_of(database: Database, edge_id: str, run_ns: int) -> Iterator[bytes]:
    """All there are of a run, in order."""
    mine = (edge_heard.c.edge_id == edge_id) & (edge_heard.c.run_ns == run_ns)
    query = sa.select(edge_heard.c.content).where(mine).order_by(edge_heard.c.n)
    with database.reading() as connection:
        yield from connection.execute(query).scalars()


def save_heard(database: Database, connection: sa.Connection, blocks: Sequence[HeardBlock]) -> None:
    """Inside a caller's transaction."""
    rows = [dataclasses.asdict(block) for block in blocks]
    database.insert_new(connection, edge_heard, rows, ["edge_id", "run_ns", "n"])


def message_body(deployment_id: str, label: str, sender: str, payload: bytes) -> Json:
    """A mesh message for an instance."""
    text = base64.b64encode(payload).decode()
    return {"deployment_id": deployment_id, "label": label, "sender": sender, "payload": text}


def payload_of(body: Json) -> bytes:
    """Of such a message."""
    return base64.b64decode(body["payload"])
