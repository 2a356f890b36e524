"""Which part of a recording a question is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

HOLE_NS: Final = 2 * 10**9
"""The best is written down once a second at least: where it is not for so long, nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Window:
    """Feed times of one run, both ends included."""

    run_ns: int
    since_ns: int
    until_ns: int

    @property
    def key(self) -> tuple[int, int, int]:
        """The three of them."""
        return self.run_ns, self.since_ns, self.until_ns
