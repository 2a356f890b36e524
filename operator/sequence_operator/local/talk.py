"""What the local stack tells the person in front of it while it works."""

from __future__ import annotations

import sys
from typing import Protocol, TextIO


class Talk(Protocol):
    """Somewhere a line of progress can go."""

    def say(self, line: str) -> None:
        """Show one line."""


class StreamTalk:
    """Plain lines on a stream, standard error unless told otherwise: standard output is data."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def say(self, line: str) -> None:
        print(line, file=self._stream or sys.stderr, flush=True)
