"""The one exception of this room."""


class ArtifactError(Exception):
    """An artifact (or the way to it) is not usable.

    `reason` is one CamelCase word that fits a condition's `reason`; `message` says what is wrong with which
    bytes or which tool; `hint` is what the author does about it.
    """

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.hint = hint

    @property
    def advice(self) -> str:
        """What is wrong and what to do about it, in one line."""
        return f"{self.message}; {self.hint}" if self.hint else self.message

    def __repr__(self) -> str:
        return f"ArtifactError({self.reason!r}, {self.message!r}, {self.hint!r})"
