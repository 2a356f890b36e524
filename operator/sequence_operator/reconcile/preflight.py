"""Whether the platform is likely to take a deployment and let it trade: one line per question.

The same function serves `sequence preflight`, `sequence plan` and the controller; each puts in what it can see, and a
question whose facts are missing is answered "not checkable", never with a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    PASSED = "Passed"
    FAILED = "Failed"
    NOT_CHECKABLE = "NotCheckable"


@dataclass(frozen=True, slots=True)
class Check:
    """One line. name: what was asked, one of the names in `preflight`. message: the answer. hint: the command or edit
    that turns a failure into a pass, "" when there is none."""

    name: str
    result: Result
    message: str
    hint: str = ""
