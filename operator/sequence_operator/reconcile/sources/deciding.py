"""One declared algo against the cluster: may this source write it, and what has to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from sequence_operator.spec.resources import AlgoSource, InventoryEntry, SourceProblem


@dataclass(frozen=True, slots=True)
class Decision:
    """What happens to one declared algo. At most one of wait and problem; actions may go with neither only.

    after:   the object to apply, None when nothing may be applied. ready: the object that it is applied to.
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
    ready: Object | None = None
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
    entry: InventoryEntry | None,
) -> Decision:
    """going: what left the commit, for a file may have been given another name. entry: of the inventory, if any."""
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
    return _written(source, mode, snapshot, declared, live, entry)


def _written(
    source: AlgoSource,
    mode: Mode,
    snapshot: Snapshot,
    declared: Declared,
    live: Live,
    entry: InventoryEntry | None,
) -> Decision:
    """The object exists and is, or becomes, this source's."""
    obj, found, edited = _compared(source, mode, snapshot, declared, live, entry)
    formers = _formers(source, live)
    if not found and not formers:
        return Decision(declared, live, after=obj)
    strays = [difference.address for difference in found if difference.what == "Stray"]
    hand, take = _hand_over(declared, live, formers), _take_over(declared, live, formers, strays)
    ready = _as_if(live.obj, hand, take)
    found = differences(obj, ready)
    texts = tuple(dict.fromkeys(difference.field for difference in found))
    changes = effective(found)
    stops = changes == {"spec.state"} and obj["spec"].get("state") == "Stopped"
    touches = (
        edited and live.running and live.belongs_to(source.metadata.name) and bool(changes) and not stops
    )
    done = Decision(declared, live, (), obj, texts, None, ready=ready, touches=touches, stops=stops)
    if hand is not None and take is not None:  # both change who owns what: each from what it saw
        message = "the state is handed over first, then the object is taken over"
        return replace(done, actions=(hand,), wait=Wait(declared.name, declared.path, message))
    apply = Apply(declared.name, declared.path, obj, texts)
    before = tuple(action for action in (hand, take) if action is not None)
    return replace(done, actions=(*before, *([apply, apply] if _loses_mesh(obj, ready) else [apply])))


def _compared(
    source: AlgoSource,
    mode: Mode,
    snapshot: Snapshot,
    declared: Declared,
    live: Live,
    entry: InventoryEntry | None,
) -> tuple[Object, tuple[FieldDifference, ...], bool]:
    """(the object to apply, how the cluster differs from it, whether the commit changes this algo).

    An algo that the commit leaves alone keeps its commits: then a difference is somebody's edit.
    """
    before = recorded(live) if live.belongs_to(source.metadata.name) else None
    if before is not None:
        kept = rendered(source, mode, declared, snapshot, before, live.uid)
        found = differences(kept, live.obj)
        if entry is not None and entry.digest == declared.digest:
            return kept, found, False
        if entry is None and all(
            d.what == "Owner" for d in found
        ):  # moved here as it is, or the status was lost
            return kept, found, False
    obj = rendered(source, mode, declared, snapshot, changed(declared, snapshot, live), live.uid)
    return obj, differences(obj, live.obj), True


def _take_over(
    declared: Declared, live: Live, formers: frozenset[str], strays: Sequence[Sequence[str]]
) -> TakeOver | None:
    if not formers and not strays:
        return None
    former = ", ".join(sorted(formers)) or "an edit by hand"
    fields = handed(live.obj, formers, strays)
    return TakeOver(declared.name, declared.path, live.uid, live.resource_version, fields, former)


def _hand_over(declared: Declared, live: Live, formers: frozenset[str]) -> HandOver | None:
    """The file says no state, but the next Apply would take it away: then it goes to who starts and stops."""
    if declared.file.deployment.state is not None or STATE_MANAGER in live.state_owners:
        return None
    if not live.state_owners & ({SOURCE_MANAGER} | formers):
        return None
    return HandOver(declared.name, declared.path, live.uid, live.resource_version, live.state)


def _as_if(obj: Object, hand: HandOver | None, take: TakeOver | None) -> Object:
    """The object that the Apply meets."""
    entries = list(take.managed_fields if take is not None else obj["metadata"].get("managedFields") or ())
    spec = obj["spec"]
    if hand is not None:
        fields: Object = {"f:spec": {"f:state": {}}}
        entries.append({"manager": STATE_MANAGER, "operation": "Apply", "fieldsV1": fields})
        spec = {**spec, "state": hand.state}
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}, "spec": spec}


def _loses_mesh(obj: Object, live: Object) -> bool:
    """The API server takes a table away together with the last entry of a list in it that is not said any more, even
    when the list is said to be empty. Without mesh every instance may message every other, so it is said twice."""
    routes = (obj["spec"].get("mesh") or {}).get("routes")
    return routes == [] and bool((live["spec"].get("mesh") or {}).get("routes"))


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
