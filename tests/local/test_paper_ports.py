"""Two stacks that start at the same moment never share a port of paper: one would take the other's API for its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from sequence_operator.local import paper as local_paper
from sequence_operator.local import ports
from sequence_operator.local.errors import LocalError
from sequence_operator.local.options import Options
from sequence_operator.local.paper import Paper


class Silent:
    def say(self, line: str) -> None:
        """Nobody listens."""


@pytest.fixture
def preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A free port that paper prefers in this test, and a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    port = ports.choose()
    monkeypatch.setattr(local_paper, "PORT", port)
    return port


def prepared(folder: Path) -> Paper:
    paper = Paper(folder, Options())
    paper.prepare(Silent())
    return paper


def test_the_second_of_two_takes_another_port_though_nobody_listens_yet(
    tmp_path: Path, preferred: int
) -> None:
    first, second = prepared(tmp_path / "first"), prepared(tmp_path / "second")
    assert first.port == preferred
    assert second.port not in (0, preferred)


def test_a_port_that_accounts_name_is_refused_while_another_stack_claims_it(
    tmp_path: Path, preferred: int
) -> None:
    first = prepared(tmp_path / "first")
    first.remember_ports()
    again = Paper(tmp_path / "first", Options())
    with pytest.raises(LocalError, match=str(preferred)):
        again.prepare(Silent())
