"""The whole way to the desired state, for people: what `sequence plan` prints."""

from __future__ import annotations

from sequence_operator.reconcile.actions import Change, Difference, Direction, direction_of
from sequence_operator.reconcile.building import unresolved, words
from sequence_operator.reconcile.builds import BuildState
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.drift import to_correct
from sequence_operator.reconcile.guard import manual_stop
from sequence_operator.reconcile.identity import Owner, owner
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.settled import held_by_pause
from sequence_operator.reconcile.sight import Presence
from sequence_operator.reconcile.states import any_active, startable, state_of
from sequence_operator.spec.meta import camel


def changes(case: Case, row: Row | None, found: tuple[Difference, ...]) -> tuple[Change, ...]:
    """One entry per step. `row`: ours, or None; `found`: its differences."""
    if case.desired.deleting:
        return _deletion(case, row)
    if case.observed.sight.presence is Presence.UNKNOWN:
        return ()
    if row is None:
        return _from_nothing(case)
    steps: list[Change] = _build(case)
    wanted = to_correct(case, found)
    active = any_active(row)
    if active and not case.running:
        steps.append(Change("Stop", f"stop {row.deployment_id}", (), "tightens"))
    replaced = tuple(d for d in wanted if d.change == "Replace")
    if replaced:
        steps.append(Change("Replace", _replace_text(row), wanted, _of_replace(wanted)))
    elif wanted:
        steps.append(Change("Update", f"update {row.deployment_id} in place", wanted, direction_of(wanted)))
    if (
        case.running
        and (replaced or _stands_still(row))
        and not held_by_pause(case, row)
        and not manual_stop(case)
    ):
        again: Direction = "neutral" if active else "loosens"  # what ran goes on, which is no new risk
        steps.append(Change("Start", "start it once it is warm", (), again))
    return tuple(steps)


def _of_replace(wanted: tuple[Difference, ...]) -> Direction:
    """As the limits say; and one instance more may trade as much as the others, one fewer may not."""
    places = [
        d for d in wanted if d.field.startswith("instances[") and d.field.endswith("]") and "." not in d.field
    ]
    added = any(d.desired == "present" for d in places)
    limits = direction_of(wanted)
    if added or limits == "loosens":
        return "loosens"
    return "tightens" if places else limits


def _stands_still(row: Row) -> bool:
    return startable(row) or state_of(row) in ("Stopped", "Pending")


def _deletion(case: Case, row: Row | None) -> tuple[Change, ...]:
    if case.desired.spec.deletion_policy == "Orphan":
        return (Change("Orphan", "leave it on the platform as it is"),)
    if row is None:
        return ()
    return (Change("Unregister", f"stop and unregister {row.deployment_id}", (), "tightens"),)


def _from_nothing(case: Case) -> tuple[Change, ...]:
    row, name = case.row, case.desired.spec.deployment
    if row is not None:
        if owner(case, row)[0] is not Owner.ADOPTABLE:
            return ()
        return (Change("Adopt", f"take over {row.deployment_id}"),)
    count = len(case.wire.instances)
    places = ", ".join(f"{i.label} on {i.venue}" for i in case.wire.instances)
    plural = "s" if count != 1 else ""
    steps = [
        *_build(case),
        Change(
            "Register", f"register {name} with {count} instance{plural} ({places}), stopped", _limits(case)
        ),
    ]
    if case.running:
        steps.append(Change("Start", "start it once it is warm", (), "loosens"))
    return tuple(steps)


def _limits(case: Case) -> tuple[Difference, ...]:
    """What something new will be held to: the first thing to look at before it is let in."""
    places = [
        ("risk", case.wire.risk),
        *((f"instances[{i.label}].risk", i.risk) for i in case.wire.instances),
    ]
    return tuple(
        Difference(f"{path}.{camel(key)}", str(value), "none", "Update")
        for path, risk in places
        for key, value in sorted(risk.items())
    )


def _build(case: Case) -> list[Change]:
    view = case.desired.build
    if not unresolved(case) or view is None or view.state not in (BuildState.ABSENT, BuildState.WAITING):
        return []
    return [Change("Build", words(case)[1])]


def _replace_text(row: Row) -> str:
    return f"stop {row.deployment_id}, wait for its orders, unregister it, register it anew"
