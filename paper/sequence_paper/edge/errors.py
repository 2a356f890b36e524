"""What can be wrong with a module, before and while it runs."""

from __future__ import annotations


class ModuleRefused(Exception):  # noqa: N818 - a verdict, as RiskGate refuses orders
    """A module that must not be loaded. ``reason`` is CamelCase, ``str()`` a sentence with what and why."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AlgoFault(Exception):  # noqa: N818 - the word the whole platform uses
    """A callback went wrong: the instance must be dropped and paused, since its memory may be half written.

    ``code``: OUT_OF_FUEL, INTERRUPT, UNREACHABLE and wasmtime's other trap codes, GARBAGE_ACTIONS, BAD_POINTER,
    HOST. ``callback`` names the export, once known.
    """

    def __init__(self, code: str, message: str, callback: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.callback = callback

    def __str__(self) -> str:
        where = f" in {self.callback}" if self.callback else ""
        return f"{self.code}{where}: {self.message}"
