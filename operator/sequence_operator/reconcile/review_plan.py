"""The plan for several deployments at once: what a reviewer decides on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sequence_operator.reconcile.actions import Direction, Plan
from sequence_operator.reconcile.preflight import Check, Result
from sequence_operator.spec.resources import SourceProblem
from sequence_operator.spec.review import joint_hash

Group = Literal["risk-increasing", "neutral", "risk-reducing"]
GROUPS: tuple[Group, ...] = ("risk-increasing", "neutral", "risk-reducing")
_OF: dict[Direction, Group] = {
    "loosens": "risk-increasing",
    "neutral": "neutral",
    "tightens": "risk-reducing",
}
What = Literal["create", "change", "remove", "none"]
NO_CHANGE, CHANGES, ERROR = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Item:
    """One deployment.

    name: of the AlgoDeployment. deployment: name on the platform. path: of its Sequence.toml in the repository, ""
    when unknown. what: happens to the AlgoDeployment; "none" when only the platform is put right. plan_hash: see
    `spec.review`, "" when nothing that is reviewed changes. running: whether it runs now. notes: sentences, for
    example about its build.
    """

    name: str
    deployment: str
    account: str
    what: What
    plan: Plan
    plan_hash: str = ""
    path: str = ""
    running: bool = False
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def group(self) -> Group:
        return _OF[self.plan.direction]

    @property
    def idle(self) -> bool:
        """Whether nothing happens to it, neither in the cluster nor on the platform."""
        plan = self.plan
        return self.what == "none" and not plan.changes and not plan.drift and plan.empty


@dataclass(frozen=True, slots=True)
class ReviewPlan:
    """What a commit would do.

    title:    which repository and commits. items: every deployment looked at, idle ones too. problems: of files.
    held:     why the brake holds it, with the command that lets it go on; "" when it does not.
    checks:   of the preflight that concern the whole account. notes: sentences, for example what was assumed.
    """

    title: str
    items: tuple[Item, ...] = ()
    problems: tuple[SourceProblem, ...] = ()
    held: str = ""
    checks: tuple[Check, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def busy(self) -> tuple[Item, ...]:
        """Everything to which something happens, by name."""
        return tuple(sorted((i for i in self.items if not i.idle), key=lambda i: i.name))

    def of(self, group: Group) -> tuple[Item, ...]:
        return tuple(i for i in self.busy if i.group == group)

    @property
    def hash(self) -> str:
        """12 hex over everything that is reviewed, "" when nothing changes."""
        return joint_hash((i.name, i.plan_hash) for i in self.items)

    @property
    def failed(self) -> tuple[tuple[str, Check], ...]:
        """(name of the deployment or "", check) of every failed line of the preflight."""
        return tuple((name, check) for name, check in self.all_checks() if check.result is Result.FAILED)

    def all_checks(self) -> Iterable[tuple[str, Check]]:
        yield from (("", check) for check in self.checks)
        yield from ((item.name, check) for item in self.busy for check in item.checks)

    @property
    def exit_code(self) -> int:
        """0: nothing to do; 2: something would not be carried out as it is written; else 1. What the brake holds is a
        change: it is let go after the merge, for that commit."""
        refused = any(i.plan.refusal is not None for i in self.items)
        if self.problems or refused or self.failed:
            return ERROR
        return CHANGES if self.busy else NO_CHANGE
