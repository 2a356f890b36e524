"""From the plans of sources to one review: which changes are shown as such, and what is said beside them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sequence_operator.cli.plan_aims import Aim
from sequence_operator.reconcile.review_plan import Item, ReviewPlan, What
from sequence_operator.reconcile.sources.model import Change, Live, Sibling, Snapshot, SourcePlan
from sequence_operator.reconcile.sources.plan import plan_source
from sequence_operator.spec.names import Mode
from sequence_operator.spec.resources import AlgoSource, SourceProblem

WHAT: dict[str, What] = {"Create": "create", "Update": "change", "Prune": "remove", "Release": "change"}
Plans = Sequence[tuple[Aim, SourcePlan]]


def shown(plan: SourcePlan) -> list[Change]:
    """The changes that happen, sooner or later. What stays as it is on purpose is a note; a change of owners between
    two sources shows as what the new one changes."""
    staying = {wait.name for wait in plan.waits if wait.lasting} if plan.stalled is None else set()
    return [c for c in plan.changes if c.kind != "Release" and not (c.kind == "Prune" and c.name in staying)]


def planned(
    source: AlgoSource, mode: Mode, snapshot: Snapshot, live: Mapping[str, Live], siblings: Sequence[Sibling]
) -> SourcePlan:
    """The plan of a source, with what follows once that is done for which something waits.

    An algo with a new name is applied when the old one is gone: a reviewer sees both steps.
    """
    plan = plan_source(source, mode, snapshot, live, siblings)
    known = {change.name for change in plan.changes}
    waiting = {w.name: w.message for w in plan.waits if not w.lasting and w.name not in known}
    if not waiting:
        return plan
    gone = {change.name for change in plan.changes if change.kind == "Prune"}
    left = {name: one for name, one in live.items() if name not in gone}
    later = plan_source(source, mode, snapshot, left, siblings)
    follows = [replace(c, held=waiting[c.name]) for c in later.changes if c.name in waiting]
    return replace(plan, changes=(*plan.changes, *follows))


def review_plan(
    title: str, plans: Plans, items: Iterable[Item], problems: Iterable[SourceProblem], notes: Iterable[str]
) -> ReviewPlan:
    """Everything in one value; the problems of the files come on top of `problems`."""
    found = {str(p): p for p in (*(p for _, plan in plans for p in plan.problems), *problems)}
    ordered = sorted(found.values(), key=lambda p: (p.path, p.line, p.column))
    kept = {item.name: item for item in sorted(items, key=lambda item: item.what != "none")}
    return ReviewPlan(
        title,
        tuple(kept.values()),
        tuple(ordered),
        _held(plans),
        notes=(*notes, *_staying(plans), *_suspended(plans)),
    )


def _held(plans: Plans) -> str:
    """What keeps a whole commit back until a person lets it go."""
    brakes = [plan.held.message for _, plan in plans if plan.held is not None]
    return "; ".join([*brakes, *(plan.stalled[1] for _, plan in plans if plan.stalled is not None)])


def _staying(plans: Plans) -> list[str]:
    return [
        f"{w.name}: {w.message}" for _, plan in plans for w in plan.waits if w.lasting and not plan.stalled
    ]


def _suspended(plans: Plans) -> list[str]:
    told = "is suspended: nothing of this is done until that is over"
    return [f"source {aim.name} {told}" for aim, _ in plans if aim.source.spec.suspend]
