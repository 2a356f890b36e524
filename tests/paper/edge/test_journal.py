"""Nothing is forgotten until it is stored, and nothing is stored twice."""

from __future__ import annotations

import pytest

from sequence_paper.edge.journal import Journal
from sequence_paper.store.records import EdgeWrites, LogLine


class Flaky:
    """A store that is away for the first ``failures`` writes."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.written: list[EdgeWrites] = []

    def commit(self, writes: EdgeWrites) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("away")
        self.written.append(writes)


def line(text: str) -> LogLine:
    return LogLine("dep", "main", "edge", 2, text, 1)


def test_a_failed_write_keeps_everything_in_order() -> None:
    store = Flaky(1)
    journal = Journal(store)
    journal.log(line("a"))
    with pytest.raises(ConnectionError):
        journal.flush()
    journal.log(line("b"))
    assert journal.pending
    assert journal.flush()
    assert [entry.message for entry in store.written[0].logs] == ["a", "b"]
    assert not journal.pending
    assert not journal.flush()
    assert len(store.written) == 1


def test_what_belongs_together_is_asked_for_just_before_the_write() -> None:
    store = Flaky(0)
    journal = Journal(store)
    journal.before_flush = lambda: journal.log(line("counters"))
    assert not journal.flush()  # nothing happened, so nothing is added
    journal.log(line("order"))
    journal.flush()
    assert [entry.message for entry in store.written[0].logs] == ["order", "counters"]
