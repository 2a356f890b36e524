"""Reading an AlgoDeployment's status: is it there yet, and if it will not get there, why?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_operator.cli.errors import CliError, ExitCode

Object = Mapping[str, Any]

_CODES = {
    "NameConflict": ExitCode.CONFLICT,
    "ManualStop": ExitCode.CONFLICT,
    "ModeMismatch": ExitCode.AUTH,
    "Unauthorized": ExitCode.AUTH,
    "AccountChanged": ExitCode.AUTH,
    "AccountGone": ExitCode.NOT_FOUND,
}
"""Exit codes of reasons; all others are plain failures."""

_ACCOUNT_REASONS = frozenset({"ModeMismatch", "Unauthorized", "AccountChanged", "AccountGone"})
"""Reasons for which the object only waits, since the account is at fault: no use in waiting for that here."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition that speaks about the present generation; `status` "Unknown" when there is none."""

    status: str = "Unknown"
    reason: str = ""
    message: str = ""

    @property
    def true(self) -> bool:
        return self.status == "True"

    def sentence(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


def condition(obj: Object, kind: str) -> Condition:
    """The condition, unless it was written for an older generation of the object."""
    generation = obj["metadata"].get("generation", 0)
    for found in (obj.get("status") or {}).get("conditions") or []:
        if found.get("type") == kind and found.get("observedGeneration", 0) >= generation:
            return Condition(
                found.get("status", "Unknown"), found.get("reason", ""), found.get("message", "")
            )
    return Condition()


def observed(obj: Object) -> bool:
    """Whether the operator has looked at the present generation."""
    seen: int = (obj.get("status") or {}).get("observedGeneration", -1)
    return seen >= int(obj["metadata"].get("generation", 0))


def progress(obj: Object) -> str:
    """One line about what the operator is doing with it."""
    if not observed(obj):
        return "waiting for the operator to look at it"
    for kind in ("Stalled", "Reconciling", "Ready"):
        found = condition(obj, kind)
        if found.true or (kind == "Ready" and found.reason):
            return found.sentence()
    return "waiting for the operator"


def stalled(obj: Object) -> CliError | None:
    """The reason why waiting is of no use, or None."""
    for kind, bad in (("Stalled", "True"), ("Ready", "False")):
        found = condition(obj, kind)
        if found.status == bad and (kind == "Stalled" or found.reason in _ACCOUNT_REASONS):
            name = obj["spec"].get("deployment", obj["metadata"]["name"])
            return CliError(
                f"{name} is {'stalled' if kind == 'Stalled' else 'not ready'}: {found.reason}",
                found.message,
                _hint(found.reason, obj),
                _CODES.get(found.reason, ExitCode.FAILED),
            )
    return None


def paused(obj: Object, command: str, acknowledged: str = "") -> CliError | None:
    """A pause that the platform made, besides the one that is being `acknowledged`; `command`: the CLI's own name."""
    pause = (obj.get("status") or {}).get("pause")
    if not pause or pause["id"] == acknowledged:
        return None
    name = obj["spec"]["deployment"]
    return CliError(
        f"{name} was paused by the platform",
        f"{pause.get('reason') or 'no reason given'}, at {pause.get('at') or 'an unknown time'}",
        f"look at it first: {command} status {name}\nthen: {command} start {name} --acknowledge",
        ExitCode.CONFLICT,
    )


def _hint(reason: str, obj: Object) -> str:
    name = obj["spec"].get("deployment", obj["metadata"]["name"])
    command = "sequence --sandbox" if ".sandbox" in obj["metadata"]["name"] else "sequence"
    hints = {
        "NameConflict": "choose another [deployment].name, or take it over: set spec.adopt to true",
        "Unauthorized": f"store a working key: {command} login --write-secret",
        "ModeMismatch": f"store a key of the account's mode: {command} login --write-secret",
        "AccountGone": f"make the account again: {command} login --write-secret",
    }
    otherwise = f"{command} status {name}   shows all of it; then correct Sequence.toml and deploy again"
    return hints.get(reason, otherwise)


Reached = Callable[[Object], bool]
Hopeless = Callable[[Object], CliError | None]


def registered(obj: Object) -> bool:
    """Registered, warm, and whatever is desired of it reached."""
    return observed(obj) and condition(obj, "Registered").true and condition(obj, "Ready").true


def in_state(state: str) -> Reached:
    """Whether the platform shows `state` (Running, Stopped), and for Running that data flows."""

    def reached(obj: Object) -> bool:
        if not observed(obj) or (obj.get("status") or {}).get("state") != state:
            return False
        return state != "Running" or condition(obj, "Live").true

    return reached
