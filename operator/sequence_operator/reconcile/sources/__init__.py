"""What a repository says → what is written for it. Pure, like everything in the core: no git, no cluster, no clock.

`plan_source` serves the operator, which executes the plan, and `sequence plan`, which prints it.
"""

from sequence_operator.reconcile.sources.differs import FieldDifference, differences
from sequence_operator.reconcile.sources.merge import merged
from sequence_operator.reconcile.sources.model import (
    Action,
    Apply,
    Brake,
    Change,
    HandOver,
    Live,
    Prune,
    Release,
    Sibling,
    Snapshot,
    SourceFile,
    SourcePlan,
    TakeOver,
    Wait,
    build_failure,
)
from sequence_operator.reconcile.sources.plan import plan_source
from sequence_operator.reconcile.sources.status import not_read, status_after

__all__ = [
    "Action",
    "Apply",
    "Brake",
    "Change",
    "FieldDifference",
    "HandOver",
    "Live",
    "Prune",
    "Release",
    "Sibling",
    "Snapshot",
    "SourceFile",
    "SourcePlan",
    "TakeOver",
    "Wait",
    "build_failure",
    "differences",
    "merged",
    "not_read",
    "plan_source",
    "status_after",
]
