"""The plan of a source: a pure function of the commit, the cluster and what is known of the other sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from sequence_operator.reconcile.sources.brake import brake
from sequence_operator.reconcile.sources.deciding import Decision, decide
from sequence_operator.reconcile.sources.leaving import Leaving, leaving
from sequence_operator.reconcile.sources.merge import merged
from sequence_operator.reconcile.sources.model import (
    Action,
    Brake,
    Change,
    Live,
    Object,
    Prune,
    Release,
    Sibling,
    Snapshot,
    SourcePlan,
    Wait,
)
from sequence_operator.reconcile.sources.reading import Reading, ordered, read
from sequence_operator.spec.names import SOURCE_LABEL, Mode
from sequence_operator.spec.resources import AlgoSource, InventoryEntry, SourceProblem

ACCOUNT_MISSING = "AccountMissing"
SUSPENDED = "spec.suspend is true"


def plan_source(
    source: AlgoSource,
    mode: Mode | None,
    snapshot: Snapshot,
    live: Mapping[str, Live],
    siblings: Sequence[Sibling] = (),
) -> SourcePlan:
    """What to do so that the cluster is as the commit says. Total and deterministic; writes nothing itself.

    mode:     of the source's account; None when there is no such PlatformAccount: then nothing can be done.
    live:     all AlgoDeployments of the namespace by object name.
    siblings: all other AlgoSources of the namespace.

    Done and planned again, nothing is left to do but what waits. With `spec.suspend` there are no actions, and
    `changes` says what would be done.
    """
    if mode is None:
        return _without_account(source, snapshot)
    reading = read(snapshot, mode)
    mine = {name: one for name, one in live.items() if one.belongs_to(source.metadata.name)}
    going = leaving(source, snapshot, reading, mine, siblings)
    entries = {entry.name: entry for entry in source.status.inventory}
    decisions = [
        decide(source, mode, snapshot, declared, live.get(name), siblings, going, entries.get(name))
        for name, declared in reading.declared.items()
    ]
    held = _brake(source, snapshot, decisions, going, mine)
    actions = () if source.spec.suspend else _actions(decisions, going, held)
    problems = (*reading.problems, *(problem for d in decisions for problem in _problems(d)))
    waits = (
        *(d.wait for d in decisions if d.wait is not None),
        *(verdict for verdict in going.verdicts.values() if isinstance(verdict, Wait)),
    )
    written = {action.name for action in actions}
    current = frozenset(
        d.name
        for d in decisions
        if d.after is not None and d.wait is None and (not d.pending or d.name in written)
    )
    return SourcePlan(
        actions=actions,
        problems=ordered(problems),
        inventory=_inventory(source, reading, current, mine, actions),
        declares=reading.names,
        waits=waits,
        held=held,
        changes=_changes(source, decisions, going, live, held),
        stalled=going.stalled,
        current=current,
    )


def _problems(decision: Decision) -> Iterator[SourceProblem]:
    """Why it is not applied, or, once it is as the commit says, that its code does not compile."""
    if decision.problem is not None:
        yield decision.problem
    elif decision.live is not None and decision.live.build_failed and not decision.pending:
        message = f"{decision.declared.name}: {decision.live.build_failed}"
        yield SourceProblem(path=decision.declared.path, message=message[:4096])


def _without_account(source: AlgoSource, snapshot: Snapshot) -> SourcePlan:
    name = source.spec.account_ref.name
    message = f"PlatformAccount {name} does not exist in this namespace: create it, or name another in spec.accountRef"
    return SourcePlan(
        actions=(),
        problems=ordered(snapshot.problems),
        inventory=tuple(source.status.inventory),
        declares=frozenset(entry.name for entry in source.status.inventory),
        stalled=(ACCOUNT_MISSING, message),
    )


def _brake(
    source: AlgoSource,
    snapshot: Snapshot,
    decisions: Sequence[Decision],
    going: Leaving,
    mine: Mapping[str, Live],
) -> Brake | None:
    touched = sum(d.touches for d in decisions)
    pruned = (name for name, verdict in going.verdicts.items() if isinstance(verdict, Prune))
    touched += sum(mine[name].running for name in pruned)
    return brake(source, snapshot, touched, sum(one.running for one in mine.values()))


def _actions(decisions: Sequence[Decision], going: Leaving, held: Brake | None) -> tuple[Action, ...]:
    """What stops goes first, what starts goes last.

    Of a commit that nobody recognizes nothing is started either: it may be somebody else's.
    """
    if going.stalled is not None:
        return tuple(verdict for verdict in going.verdicts.values() if isinstance(verdict, Release))
    if held is not None:
        return tuple(action for d in decisions if d.stops for action in d.actions)
    stops = [action for d in decisions if d.stops for action in d.actions]
    gone = [verdict for verdict in going.verdicts.values() if isinstance(verdict, Prune | Release)]
    others = [action for d in decisions if not d.stops for action in d.actions]
    return (*stops, *gone, *others)


def _inventory(
    source: AlgoSource,
    reading: Reading,
    current: frozenset[str],
    mine: Mapping[str, Live],
    actions: Sequence[Action],
) -> tuple[InventoryEntry, ...]:
    """What is current says so; what is not keeps its entry while the object is this source's."""
    going = {action.name for action in actions if isinstance(action, Prune | Release)}
    entries = {e.name: e for e in source.status.inventory if e.name in mine and e.name not in going}
    for name in current:
        declared = reading.declared[name]
        entries[name] = InventoryEntry(name=name, path=declared.path, digest=declared.digest)
    return tuple(entries[name] for name in sorted(entries))


def _changes(
    source: AlgoSource,
    decisions: Sequence[Decision],
    going: Leaving,
    live: Mapping[str, Live],
    held: Brake | None,
) -> tuple[Change, ...]:
    general = SUSPENDED if source.spec.suspend else (going.stalled or ("", ""))[1]
    changes = []
    for d in decisions:
        why = general or (held.message if held is not None and not d.stops else "")
        why = why or (d.wait.message if d.wait is not None else "")
        if d.after is not None and d.pending:
            before = d.live.obj if d.live is not None else None
            after = merged(d.after, d.ready or before)
            kind: Literal["Create", "Update"] = "Update" if before is not None else "Create"
            changes.append(Change(kind, d.name, d.declared.path, before, after, d.fields, why))
    for name, verdict in going.verdicts.items():
        why = general or (held.message if held is not None else "")
        before = live[name].obj
        if isinstance(verdict, Release):
            why = why if source.spec.suspend or going.stalled is None else ""
            changes.append(
                Change("Release", name, verdict.path, before, _released(before, verdict.to), (), why)
            )
        elif isinstance(verdict, Prune) or not live[name].deleting:
            why = why or (verdict.message if isinstance(verdict, Wait) else "")
            changes.append(Change("Prune", name, verdict.path, before, None, (), why))
    return tuple(sorted(changes, key=lambda change: (change.path, change.name)))


def _released(obj: Object, to: str) -> Object:
    metadata = obj["metadata"]
    return {**obj, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), SOURCE_LABEL: to}}}
