"""Plan and actions: values that say what to do, in which order. The executor has one function for each action and
makes no decision of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sequence_operator.reconcile.model import Failure
from sequence_operator.reconcile.row import Row
from sequence_operator.spec.resources import DriftEntry, Pending
from sequence_operator.spec.wire import WireDeployment

Direction = Literal["tightens", "loosens", "neutral"]
"""Whether a change lets the algo risk less, more, or the same."""


@dataclass(frozen=True, slots=True)
class Note:
    """What the history says once the action succeeded. `event`: Registered, Started, Stopped, Updated, Replaced,
    RolledBack, Adopted, Unregistered, Paused, DriftCorrected or DriftKept."""

    event: str
    message: str = ""


# --- steps in the cluster: they come before the platform call that they protect ---


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Put our finalizer on the object, guarded by uid and resourceVersion."""


@dataclass(frozen=True, slots=True)
class PersistPending:
    """Write `conditions.pending_status(...)` before the next action; nothing goes on when that fails."""

    pending: Pending


@dataclass(frozen=True, slots=True)
class TakeState:
    """Write `spec.state` as the manager of starts and stops, because nobody did and it runs on the platform: a
    default must not stop what is taken over. The object is read again; nothing goes on when it moved meanwhile."""

    state: Literal["Stopped", "Running"]


@dataclass(frozen=True, slots=True)
class Build:
    """Create the AlgoBuild `name` with `spec` (cluster form), if it does not exist."""

    name: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DropFinalizer:
    """Take our finalizer off: nothing of this object is left on the platform, or it may stay there."""

    why: str


# --- reading ---


@dataclass(frozen=True, slots=True)
class Inspect:
    """Fetch `spec.artifact`, check digest and interface; the result is the pass's `ArtifactView`."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """Read one deployment by id: proof of absence, or the fields an answer left out."""

    deployment_id: str


# --- platform writes ---


@dataclass(frozen=True, slots=True)
class Register:
    """Create, stopped. The WASM is the one of `sha256`: of `spec.artifact`, or (`previous`) of ConfigMap
    `config_map` that the record names. `wire`: what to register instead of what the spec says: when a refused
    replacement is undone, or when limits are kept tighter; else None. `metadata` goes into the body as it is."""

    sha256: str
    config_map: str
    previous: bool
    metadata: Mapping[str, Any]
    pending_at: datetime
    wire: WireDeployment | None = None


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over a deployment. `metadata` None: the platform keeps none, there is nothing to write."""

    deployment_id: str
    metadata: Mapping[str, Any] | None
    if_revision: int | None
    note: Note


@dataclass(frozen=True, slots=True)
class Update:
    """Patch. `body` is the JSON body without `if_revision`. partial: it only tightens limits; the spec as a whole may
    not be in force after it."""

    deployment_id: str
    body: Mapping[str, Any]
    if_revision: int | None
    note: Note | None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    deployment_id: str
    note: Note | None


@dataclass(frozen=True, slots=True)
class Start:
    """`acknowledge`: id of the pause that is cleared by it, known to the platform."""

    deployment_id: str
    acknowledge: str | None
    note: Note | None


@dataclass(frozen=True, slots=True)
class Unregister:
    deployment_id: str
    note: Note | None


# --- nothing to call ---


@dataclass(frozen=True, slots=True)
class Wait:
    """Work is going on or somebody else's turn has come. `seconds`: look again then, None: at the next list.
    `reason` and `message` become the conditions; `ready` False always, `reconciling` False when only a person or the
    platform can bring it on."""

    reason: str
    message: str
    seconds: float | None = None
    reconciling: bool = True


@dataclass(frozen=True, slots=True)
class Refuse:
    """It does not go on without a person: `Stalled`."""

    reason: str
    message: str


ClusterStep: TypeAlias = AddFinalizer | PersistPending | TakeState | Build | DropFinalizer
Reading: TypeAlias = Inspect | Lookup
PlatformWrite: TypeAlias = Register | Adopt | Update | Stop | Start | Unregister
Action: TypeAlias = ClusterStep | Reading | PlatformWrite | Wait | Refuse


@dataclass(frozen=True, slots=True)
class Difference:
    """One field in which the platform is not as desired. `change`: what puts it right."""

    field: str
    desired: str
    observed: str
    change: Literal["Update", "Replace"]
    direction: Direction = "neutral"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan for people: the whole way to the desired state, not only the next step."""

    verb: Literal["Build", "Register", "Adopt", "Update", "Replace", "Start", "Stop", "Unregister", "Orphan"]
    text: str
    fields: tuple[Difference, ...] = ()
    direction: Direction = "neutral"


def direction_of(parts: Iterable[Difference | Change]) -> Direction:
    """Of all together: `loosens` as soon as one does; then `tightens`; else `neutral`."""
    directions = {part.direction for part in parts}
    if "loosens" in directions:
        return "loosens"
    return "tightens" if "tightens" in directions else "neutral"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and where it leads.

    actions: in order; the executor stops at the first that fails. Waits and refusals come last and do nothing.
    changes: the whole way, for people; empty when the platform is as desired.
    drift:   differences that nobody asked for.
    """

    actions: tuple[Action, ...] = ()
    changes: tuple[Change, ...] = ()
    drift: tuple[DriftEntry, ...] = ()
    differences: tuple[Difference, ...] = ()
    replacing: bool = False  # in the middle of a Replace: the status stands still until it ends

    @property
    def again(self) -> bool:
        """Plan anew in the same pass once the actions succeeded: they brought news."""
        return any(not isinstance(a, Wait | Refuse | Build | DropFinalizer) for a in self.actions)

    @property
    def empty(self) -> bool:
        """Nothing to do, nothing to wait for."""
        return not self.actions

    @property
    def wait(self) -> Wait | None:
        return next((a for a in self.actions if isinstance(a, Wait)), None)

    @property
    def requeue_after(self) -> float | None:
        """Seconds until the next look, None when the next list or event is soon enough."""
        return self.wait.seconds if self.wait is not None else None

    @property
    def refusal(self) -> Refuse | None:
        return next((a for a in self.actions if isinstance(a, Refuse)), None)

    @property
    def direction(self) -> Direction:
        return direction_of(self.changes)


@dataclass(frozen=True, slots=True)
class Done:
    """An action that succeeded. `row`: what the platform answered, when it did."""

    action: Action
    at: datetime
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was executed in one pass, over all its rounds of planning. `failed`: the action that ended it."""

    done: tuple[Done, ...] = ()
    failed: Action | None = None
    failure: Failure | None = None
