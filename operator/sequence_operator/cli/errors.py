"""How a command ends: the exit codes, and the one error form `error:` / `cause:` / `hint:`."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can rely on. `plan` has its own meaning of 0, 1, 2: no change, changes, error."""

    OK = 0
    FAILED = 1
    USAGE = 2
    DECLINED = 3
    AUTH = 4
    NOT_FOUND = 5
    CONFLICT = 6
    PREFLIGHT = 7
    PENDING = 8
    INTERRUPTED = 130


class CliError(Exception):
    """A command could not do its work.

    `what` is the sentence after `error:`; `cause` why (may be empty); `hint` the command or edit that fixes
    it (may be empty, but try); `code` the exit code. Texts may have several lines. Never put a key into any
    of them.
    """

    def __init__(self, what: str, cause: str = "", hint: str = "", code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.hint = hint
        self.code = code

    def render(self) -> str:
        """The block for stderr: one label a part, later lines of a part indented below it."""
        parts = (("error", self.what), ("cause", self.cause), ("hint", self.hint))
        return "\n".join(f"{label}: " + text.replace("\n", "\n  ") for label, text in parts if text)
