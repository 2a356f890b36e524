"""What can go wrong when a feed is opened."""

from __future__ import annotations


class FeedError(Exception):
    """A feed cannot be opened. ``str()`` says what and why, ``hint`` is the command that fixes it (may be empty)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
