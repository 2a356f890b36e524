"""One declared algo against the cluster: may this source write it, and what has to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sequence_operator.reconcile.sources.brake import effective
from sequence_operator.reconcile.sources.differs import FieldDifference, differences
from sequence_operator.reconcile.sources.fields import declarers, handed
from sequence_operator.reconcile.sources.leaving import Leaving, claim
from sequence_operator.reconcile.sources.model import (
    Action,
    Apply,
    HandOver,
    Live,
    Object,
    Prune,
    Release,
    Sibling,
    Snapshot,
    TakeOver,
    Wait,
)
from sequence_operator.reconcile.sources.reading import Declared
from sequence_operator.reconcile.sources.render import changed, recorded, rendered
from sequence_operator.spec.names import CLI_MANAGER, SOURCE_MANAGER, STATE_MANAGER, Mode
from sequence_operator.spec.resources import AlgoSource, SourceProblem


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one declared algo. At most one of wait and problem; actions may go with neither only.

    after:   the object to apply, None when nothing may be applied.
    touches: the commit changes what a running algo of this source does; a plain stop does not count.
    stops:   it is such a plain stop.
    """

    declared: Declared
    live: Live | None
    actions: tuple[Action, ...] = ()
    after: Object | None = None
    fields: tuple[str, ...] = ()
    wait: Wait | None = None
    problem: SourceProblem | None = None
    touches: bool = False
    stops: bool = False

    @property
    def name(self) -> str:
        return self.declared.name

    @property
    def pending(self) -> bool:
        """Whether the cluster is not as the file says."""
        return bool(self.actions) or self.live is None or self.wait is not None


def decide(
    source: AlgoSource,
    mode: Mode,
    snapshot: Snapshot,
    declared: Declared,
    live: Live | None,
    siblings: Sequence[Sibling],
    going: Leaving,
) -> Decision:
    """going: what left the commit, for a file may have been given another name."""
    blocked = (
        _former_name(declared, going)
        or (live and _deleting(declared, live))
        or (live and _foreign(source, declared, live, siblings))
        or (live and _immutable(source, declared, live))
    )
    if isinstance(blocked, Wait):
        return Decision(declared, live, wait=blocked)
    if blocked:
        line, column = _place(declared)
        problem = SourceProblem(path=declared.path, line=line, column=column, message=blocked)
        return Decision(declared, live, problem=problem)
    if live is None:
        obj = rendered(source, mode, declared, snapshot, changed(declared, snapshot, None))
        return Decision(declared, None, (Apply(declared.name, declared.path, obj),), obj)
    return _written(source, mode, snapshot, declared, live)


def _written(source: AlgoSource, mode: Mode, snapshot: Snapshot, declared: Declared, live: Live) -> Decision:
    """The object exists and is, or becomes, this source's."""
    obj, found, edited = _compared(source, mode, snapshot, declared, live)
    formers = _formers(source, live)
    if not found and not formers:
        return Decision(declared, live, after=obj)
    texts = tuple(dict.fromkeys(difference.field for difference in found))
    changes = effective(found)
    stops = changes == {"spec.state"} and obj["spec"].get("state") == "Stopped"
    touches = (
        edited and live.running and live.belongs_to(source.metadata.name) and bool(changes) and not stops
    )
    actions, wait = _actions(declared, live, obj, found, formers)
    return Decision(declared, live, actions, obj, texts, wait, touches=touches, stops=stops)


def _compared(
    source: AlgoSource, mode: Mode, snapshot: Snapshot, declared: Declared, live: Live
) -> tuple[Object, tuple[FieldDifference, ...], bool]:
    """(the object to apply, how the cluster differs from it, whether the commit changes this algo).

    An algo that the commit leaves alone keeps its commits: then a difference is somebody's edit.
    """
    entry = next((e for e in source.status.inventory if e.name == declared.name), None)
    before = recorded(live) if live.belongs_to(source.metadata.name) else None
    if before is not None:
        kept = rendered(source, mode, declared, snapshot, before, live.uid)
        found = differences(kept, live.obj)
        if entry is not None and entry.digest == declared.digest:
            return kept, found, False
        if entry is None and not found:  # the status was lost
            return kept, found, False
    obj = rendered(source, mode, declared, snapshot, changed(declared, snapshot, live), live.uid)
    return obj, differences(obj, live.obj), True


def _actions(
    declared: Declared,
    live: Live,
    obj: Object,
    found: Sequence[FieldDifference],
    formers: frozenset[str],
) -> tuple[tuple[Action, ...], Wait | None]:
    name, path = declared.name, declared.path
    strays = [difference.address for difference in found if difference.what == "Stray"]
    takes = bool(formers or strays)
    actions: list[Action] = []
    if _hands_over(declared, live, formers):
        hand = HandOver(name, path, live.uid, live.resource_version, live.state)
        if takes:  # both change who owns what: one after the other, each from what it saw
            return (hand,), Wait(name, path, "the state is handed over first, then the object is taken over")
        actions.append(hand)
    if takes:
        fields = handed(live.obj, formers, strays)
        former = ", ".join(sorted(formers)) or "an edit by hand"
        actions.append(TakeOver(name, path, live.uid, live.resource_version, fields, former))
    actions.append(Apply(name, path, obj, tuple(dict.fromkeys(d.field for d in found))))
    return tuple(actions), None


def _hands_over(declared: Declared, live: Live, formers: frozenset[str]) -> bool:
    """The file says no state, but the next Apply would take it away: then it goes to who starts and stops."""
    if declared.file.deployment.state is not None or STATE_MANAGER in live.state_owners:
        return False
    return bool(live.state_owners & ({SOURCE_MANAGER} | formers))


def _formers(source: AlgoSource, live: Live) -> frozenset[str]:
    """Managers whose fields become the source's: the CLI, which applied the same file; and, of an object that a
    person gave to this source by its label, whoever declared it."""
    found = declarers(live.obj)
    if live.source == source.metadata.name and SOURCE_MANAGER not in live.managers:
        return found
    return found & {CLI_MANAGER}


# -- what stands in the way ---------------------------------------------------------------------------------------


def _former_name(declared: Declared, going: Leaving) -> Wait | str | None:
    """The file declared another deployment before: both must never trade at once, so that one is gone first."""
    for name, verdict in going.verdicts.items():
        live = going.objects[name]
        if live.path != declared.path or isinstance(verdict, Release):
            continue
        former = live.obj["spec"].get("deployment", name)
        if isinstance(verdict, Prune) or not verdict.lasting:
            return Wait(declared.name, declared.path, f"{former}, its former name, is undeployed first")
        return (
            f"the deployment was {former} before, and both must not trade at once, but {verdict.message}; "
            f"undeploy {former}, or give the file its former name"
        )
    return None


def _deleting(declared: Declared, live: Live) -> Wait | None:
    if not live.deleting:
        return None
    return Wait(declared.name, declared.path, "it is being deleted; it is applied anew when it is gone")


def _foreign(
    source: AlgoSource, declared: Declared, live: Live, siblings: Sequence[Sibling]
) -> Wait | str | None:
    me, owner = source.metadata.name, live.source
    other = next((s for s in siblings if s.name == owner), None)
    if other is not None:
        command = claim(source, live.name)
        if live.name in other.declares:
            return f"{live.name} belongs to AlgoSource {owner}, which declares it, too: remove it from one of them"
        if not other.ready:
            return (
                f"{live.name} belongs to AlgoSource {owner}, which is not Ready and cannot hand it over: "
                f"mend that, or {command}"
            )
        return Wait(declared.name, declared.path, f"AlgoSource {owner} hands it over when it has looked")
    if owner == me or SOURCE_MANAGER in live.managers:
        return None
    strangers = sorted(declarers(live.obj) - {CLI_MANAGER})
    if not strangers:
        return None
    return (
        f"{live.name} exists and was written by {', '.join(strangers)}: delete it there, or give it to this source: "
        f"{claim(source, live.name)}"
    )


def _immutable(source: AlgoSource, declared: Declared, live: Live) -> str | None:
    spec, account = live.obj["spec"], source.spec.account_ref.name
    if spec["accountRef"]["name"] != account:
        return (
            f"{live.name} is registered with account {spec['accountRef']['name']}, and this source is for {account}: "
            "an account cannot be changed; remove the file, and add it again when the algo is undeployed"
        )
    if spec["deployment"] != declared.file.deployment.name:
        return f"{live.name} is deployment {spec['deployment']}: delete that object, or give the file another name"
    return None


def _place(declared: Declared) -> tuple[int, int]:
    position = declared.file.places["deployment", "name"].key
    return position.line, position.column
