"""The error of the local stack: what failed, why, and the command that fixes it."""

from __future__ import annotations


class LocalError(Exception):
    """A failure that a person can act on.

    ``error`` says what failed, ``cause`` why, ``hint`` the next command; ``exit_code`` is the process's
    (1 failed, 2 usage, 5 not found, 6 conflict, 8 still pending).
    """

    def __init__(self, error: str, *, cause: str = "", hint: str = "", exit_code: int = 1) -> None:
        super().__init__(error)
        self.error = error
        self.cause = cause
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return self.error if not self.cause else f"{self.error}: {self.cause}"

    def render(self) -> str:
        """The three labelled parts, later lines of a part indented below it."""
        parts = (("error", self.error), ("cause", self.cause), ("hint", self.hint))
        return "\n".join(f"{label}: " + text.replace("\n", "\n  ") for label, text in parts if text)
