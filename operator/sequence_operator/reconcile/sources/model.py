"""The values of this room: what was read, what the cluster has, and what follows from both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sequence_operator.reconcile.building import BUILD_FAILED
from sequence_operator.reconcile.effective import effective
from sequence_operator.reconcile.sources.fields import appliers
from sequence_operator.spec.names import SOURCE_LABEL, SOURCE_MANAGER
from sequence_operator.spec.ownership import owners
from sequence_operator.spec.resources import AlgoDeployment, InventoryEntry, SourceProblem

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One `Sequence.toml` of a commit.

    path:          inside the repository, `/` between folders.
    text:          its content. A file that is no UTF-8, or no plain file, is a problem of the snapshot instead.
    tree:          SHA-256 (64 hex) of the tarball with the inputs of its build; "" when nothing is to be built, or
                   when they could not be gathered.
    wasm_sha256:   SHA-256 (64 hex) of the committed WASM of a file with `[build].prebuilt`, else "".
    build_problem: why there is neither, where it stands. The file is not applied then.
    """

    path: str
    text: str
    tree: str = ""
    wasm_sha256: str = ""
    build_problem: SourceProblem | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A commit, as far as it concerns us.

    repository: address without credentials, as `spec.origin.repository` says it.
    author:     of the commit, `Name <address>`.
    files:      those that the globs of the source find, readable ones only.
    problems:   of whatever could not be read (symbolic links, sizes, encodings), with their paths.
    first_seen: when this process first saw that the source follows this commit; what other sources knew before does
                not tell whether they have taken over what left this one.
    complete:   False when not all files could be looked at. Nothing is pruned then.
    """

    repository: str
    commit: str
    author: str
    files: tuple[SourceFile, ...]
    problems: tuple[SourceProblem, ...] = ()
    first_seen: datetime | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another AlgoSource of the same namespace.

    ready:     it reads its repository without errors and is not suspended, so it may be waited for.
    looked_at: when this process last finished reading its repository; None = not yet.
    declares:  names of the AlgoDeployments that its newest commit declares (those in files with problems too).
    """

    name: str
    ready: bool
    looked_at: datetime | None
    declares: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Live:
    """One AlgoDeployment as the cluster has it. Make it with `of`, from an object that has its managedFields.

    source:       label of the source it belongs to, "" without.
    managers:     who applied it (server-side apply of the object, not of its status).
    state_owners: who owns spec.state.
    state:        what is in force: spec.state, or Stopped while a person's stop overrides it.
    running:      whether the platform said that it runs, on all or some edges.
    build_failed: why its code could not be compiled, as the operator says of this very spec; "" when it could.
    """

    name: str
    uid: str
    resource_version: str
    source: str
    managers: frozenset[str]
    state_owners: frozenset[str]
    state: str
    running: bool
    deleting: bool
    deletion_policy: str
    suspend: bool
    path: str
    commit: str
    obj: Object
    build_failed: str = ""

    @classmethod
    def of(cls, obj: Object) -> Live:
        metadata, spec, status = obj["metadata"], obj["spec"], obj.get("status") or {}
        origin = spec.get("origin") or {}
        return cls(
            name=metadata["name"],
            uid=metadata.get("uid", ""),
            resource_version=metadata.get("resourceVersion", ""),
            source=(metadata.get("labels") or {}).get(SOURCE_LABEL, ""),
            managers=appliers(obj),
            state_owners=frozenset(owners(obj, "spec", "state")),
            state=effective(AlgoDeployment.model_validate(obj)).spec.state,
            running=status.get("state") in ("Running", "Degraded"),
            deleting=bool(metadata.get("deletionTimestamp")),
            deletion_policy=spec.get("deletionPolicy", "Undeploy"),
            suspend=bool(spec.get("suspend")),
            path=origin.get("path") or "",
            commit=origin.get("commit") or "",
            obj=obj,
            build_failed=build_failure(obj),
        )

    def belongs_to(self, source: str) -> bool:
        """Whether that source applied it. The label alone does not say so: anybody can copy an object with it."""
        return self.source == source and SOURCE_MANAGER in self.managers

    def annotation(self, name: str) -> str:
        return str((self.obj["metadata"].get("annotations") or {}).get(name, ""))


def build_failure(obj: Object) -> str:
    """What the object's status says of a build that failed for its present generation, "" when none did."""
    for condition in (obj.get("status") or {}).get("conditions") or ():
        fresh = condition.get("observedGeneration") == obj["metadata"].get("generation")
        if (condition["type"], condition.get("reason")) == ("ArtifactReady", BUILD_FAILED) and fresh:
            return str(condition.get("message", ""))
    return ""


# -- what to do ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Apply:
    """Server-side apply of `obj` as `sequence-source`, with force. `obj` names the uid when there is one to change.

    fields: paths of what differs from the cluster, for people; empty for a new object.
    """

    name: str
    path: str
    obj: Object
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandOver:
    """Server-side apply of spec.state alone as `sequence-state`, with force, guarded by uid and resourceVersion.

    It comes before the Apply that no longer says the state, so that the state stays what it is.
    """

    name: str
    path: str
    uid: str
    resource_version: str
    state: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Merge patch of metadata.managedFields alone, guarded by uid and resourceVersion: the former manager's entry is
    gone, its fields are this source's. Nothing of the spec changes, so nothing restarts."""

    name: str
    path: str
    uid: str
    resource_version: str
    managed_fields: tuple[Object, ...]
    former: str


@dataclass(frozen=True, slots=True)
class Release:
    """Merge patch of the label, guarded by uid and resourceVersion: source `to` of this namespace declares it."""

    name: str
    path: str
    uid: str
    resource_version: str
    to: str


@dataclass(frozen=True, slots=True)
class Prune:
    """Delete, with uid and resourceVersion as preconditions. The finalizer stops, drains and unregisters the algo."""

    name: str
    path: str
    uid: str
    resource_version: str


Action = Apply | HandOver | TakeOver | Release | Prune


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that is not done yet, and what it waits for. It is planned anew with every change and every look.

    lasting: it is as it is meant to be, or waits for a person: no reason to call the source busy.
    """

    name: str
    path: str
    message: str
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class Brake:
    """Why a commit is held: it touches `touched` of `running` algos. `command` lets it go on."""

    touched: int
    running: int
    command: str
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """One object that the commit changes, whether it is done now or is held, waits or is suspended.

    before: as the cluster has it; after: as it is applied, each None where there is none.
    held:   why it is not done now, "" when it is.
    """

    kind: Literal["Create", "Update", "Prune", "Release"]
    name: str
    path: str
    before: Object | None
    after: Object | None
    fields: tuple[str, ...] = ()
    held: str = ""


@dataclass(frozen=True, slots=True)
class SourcePlan:
    """What follows from a snapshot.

    actions:   to be done in this order; those of one name stop at its first failure, others go on.
    declares:  names that the commit declares, in files with problems too: what siblings need to know.
    inventory: as it is when all actions are done. current: names that are as the commit says, then.
    held:      the brake, when it holds. The status is written before the actions then, for it is its memory.
    stalled:   (reason, message) when the commit as a whole waits for a person, or the source cannot work at all.
    changes:   every object that the commit changes, whatever became of it.
    """

    actions: tuple[Action, ...]
    problems: tuple[SourceProblem, ...]
    inventory: tuple[InventoryEntry, ...]
    declares: frozenset[str]
    waits: tuple[Wait, ...] = ()
    held: Brake | None = None
    changes: tuple[Change, ...] = ()
    stalled: tuple[str, str] | None = None
    current: frozenset[str] = frozenset()
