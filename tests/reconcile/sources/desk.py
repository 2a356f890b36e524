"""A source on a cluster in memory, and how plans are put into few words."""

from __future__ import annotations

from typing import Any

from reconcile.sources.cluster import Cluster
from reconcile.sources.repository import after, commit_of, file, source
from sequence_operator.reconcile.sources import Snapshot, SourcePlan, plan_source
from sequence_operator.spec.names import APPROVE_COMMIT


class Desk:
    """A source that has carried out commits."""

    def __init__(self, *seen: Snapshot, **spec: Any) -> None:
        self.cluster, self.source = Cluster(), source(**spec)
        for one in seen:
            self.carry_out(one)

    def plan(self, seen: Snapshot, *siblings: Any, mode: Any = "sandbox") -> SourcePlan:
        return plan_source(self.source, mode, seen, self.cluster.live(), siblings)

    def carry_out(self, seen: Snapshot, *siblings: Any) -> SourcePlan:
        plan = self.plan(seen, *siblings)
        failed = self.cluster.execute(plan.actions)
        self.source = after(self.source, seen, plan, failed)
        return plan

    def approve(self, word: str) -> None:
        self.source.metadata.annotations[APPROVE_COMMIT] = commit_of(word)

    def condition(self, kind: str) -> tuple[str, str, str]:
        (found,) = (c for c in self.source.status.conditions if c.type == kind)
        return found.status, found.reason, found.message


def done(plan: SourcePlan) -> list[str]:
    return [f"{type(action).__name__} {action.name.removesuffix('.sandbox')}" for action in plan.actions]


def said(plan: SourcePlan) -> list[str]:
    return [str(problem) for problem in plan.problems]


A, B, C = file("a"), file("b"), file("c")
