"""What the operator remembers of each AlgoDeployment between two passes: little, for there may be
thousands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sequence_operator.controller.said import compact, inputs_of, lane_of, state_owner, wish_of
from sequence_operator.platform.limiter import Lane
from sequence_operator.reconcile.build_results import Inputs
from sequence_operator.reconcile.claims import Candidate, claim
from sequence_operator.reconcile.model import Claim
from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.resources import AlgoDeployment

AccountKey = tuple[str, str]
"""Namespace and name of a PlatformAccount."""


@dataclass(slots=True)
class Entry:
    """One custom resource.

    raw:         the object as last read, JSON without managedFields: a tenth of the memory of parsed models.
    deployment_id: id on the platform, as recorded in the status. pending: the status has a change under way.
    lane:        how urgent a look at it is.
    version:     its resourceVersion; an event that is not newer is an echo of something we know.
    wish:        digest of what others say in it: its generation, annotations and whether it is to be deleted.
    sight:       what the platform showed of it. essence: digest of what matters in the last row.
    waiting:     the last pass ended waiting for something, so the next list wakes it whatever it says.
    state_owner: field manager that owns spec.state, "" when nobody set it: managedFields are not kept.
    inputs:      of the build it needs, None when it needs none.
    """

    uid: str
    namespace: str
    name: str
    deployment: str
    account: AccountKey
    created: str
    raw: bytes
    version: int
    wish: int
    sight: Sight
    deployment_id: str | None = None
    pending: bool = False
    lane: Lane = Lane.REGISTER
    essence: int = 0
    waiting: bool = False
    state_owner: str = ""
    inputs: Inputs | None = None

    def see(self, sight: Sight) -> bool:
        """Take a new sight; whether it shows something else than the one before."""
        news = essence(sight.row)
        changed = news != self.essence or sight.presence is not self.sight.presence
        self.sight, self.essence = sight, news
        return changed

    @property
    def registered(self) -> bool:
        """Whether it has its name on the platform, or is about to: by its status, or by what the platform shows."""
        if self.pending or self.deployment_id is not None:
            return True
        row = self.sight.row
        return row is not None and row.metadata is not None and row.metadata.uid == self.uid

    def resource(self) -> AlgoDeployment:
        """The object, parsed anew. Raises pydantic.ValidationError when a newer CRD let something unknown
        in.
        """
        return AlgoDeployment.model_validate_json(self.raw)


class Entries:
    """All known AlgoDeployments, by uid, account, deployment name and the inputs of their builds."""

    def __init__(self) -> None:
        self._by_uid: dict[str, Entry] = {}
        self._by_account: dict[AccountKey, dict[str, None]] = {}
        self._by_deployment: dict[str, set[str]] = {}
        self._by_inputs: dict[Inputs, set[str]] = {}

    def __len__(self) -> int:
        return len(self._by_uid)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._by_uid.values())

    def get(self, uid: str) -> Entry | None:
        return self._by_uid.get(uid)

    def put(self, obj: dict[str, Any], sight: Sight | None) -> Entry | None:
        """Remember the object as it is now; None when it is not newer than what is known.

        sight: where an object begins that was not known; None: such a one is not taken in.
        """
        metadata, spec = obj["metadata"], obj["spec"]
        uid, version = metadata["uid"], int(metadata["resourceVersion"])
        status = obj.get("status") or {}
        deployment_id, pending = status.get("deploymentId"), bool(status.get("pending"))
        entry = self._by_uid.get(uid)
        if entry is not None:
            if version <= entry.version:
                return None
            entry.raw, entry.version, entry.deployment_id = compact(obj), version, deployment_id
            entry.lane, entry.pending, entry.wish = lane_of(obj), pending, wish_of(obj)
            entry.state_owner = state_owner(obj)
            self._needs(entry, inputs_of(obj))
            return entry
        if sight is None:
            return None
        account = (metadata["namespace"], spec["accountRef"]["name"])
        entry = Entry(
            uid=uid,
            namespace=metadata["namespace"],
            name=metadata["name"],
            deployment=spec["deployment"],
            account=account,
            created=metadata["creationTimestamp"],
            raw=compact(obj),
            version=version,
            wish=wish_of(obj),
            sight=sight,
            deployment_id=deployment_id,
            pending=pending,
            lane=lane_of(obj),
            state_owner=state_owner(obj),
        )
        self._by_uid[uid] = entry
        self._needs(entry, inputs_of(obj))
        self._by_account.setdefault(account, {})[uid] = None
        self._by_deployment.setdefault(entry.deployment, set()).add(uid)
        return entry

    def drop(self, uid: str) -> Entry | None:
        """Forget an object that is gone."""
        entry = self._by_uid.pop(uid, None)
        if entry is not None:
            _discard(self._by_account, entry.account, lambda uids: uids.pop(uid, None))
            _discard(self._by_deployment, entry.deployment, lambda uids: uids.discard(uid))
            self._needs(entry, None)
        return entry

    def _needs(self, entry: Entry, inputs: Inputs | None) -> None:
        if inputs == entry.inputs:
            return
        if entry.inputs is not None:
            _discard(self._by_inputs, entry.inputs, lambda uids: uids.discard(entry.uid))
        if inputs is not None:
            self._by_inputs.setdefault(inputs, set()).add(entry.uid)
        entry.inputs = inputs

    def of_account(self, account: AccountKey) -> list[Entry]:
        """The objects that name this PlatformAccount."""
        return [self._by_uid[uid] for uid in self._by_account.get(account, ())]

    def uses(self, account: AccountKey) -> bool:
        return account in self._by_account

    def of_deployment(self, deployment: str) -> list[Entry]:
        """The objects that want this name on some account."""
        return [self._by_uid[uid] for uid in self._by_deployment.get(deployment, ())]

    def of_inputs(self, inputs: Inputs) -> list[Entry]:
        """The objects whose artifact is built of this."""
        return [self._by_uid[uid] for uid in self._by_inputs.get(inputs, ())]

    def needs(self, inputs: Inputs) -> bool:
        return inputs in self._by_inputs


def claim_of(rivals: list[Entry]) -> Claim | None:
    """Who may own the name among the objects that want it on the same account; None when there is no
    rival.
    """
    if len(rivals) < 2:
        return None
    return claim(
        Candidate(
            rival.uid,
            rival.namespace,
            rival.name,
            datetime.fromisoformat(rival.created),
            registered=rival.registered,
        )
        for rival in rivals
    )


def essence(row: Row | None) -> int:
    """A digest of everything in a row that can change a plan; counters and heartbeats are left out."""
    if row is None:
        return 0
    instances = tuple(
        (
            i.label,
            i.venue,
            i.edge_id,
            i.symbols,
            i.instrument_type,
            i.status,
            i.warm,
            i.error,
            i.pause_reason,
            _items(i.risk),
            i.params,
        )
        for i in row.instances or ()
    )
    edges = tuple((e.edge_id, e.status, e.error, e.pause_reason) for e in row.edges or ())
    return hash(
        (
            row.deployment_id,
            row.name,
            row.symbols,
            row.size_bytes,
            row.status,
            row.pushed_to,
            row.capable_edges,
            edges,
            row.wasm_sha256,
            row.metadata,
            _items(row.risk),
            row.params,
            row.routes,
            row.full_mesh,
            row.on_stop,
            row.revision,
            instances,
            row.pause,
            row.pause_reason,
        )
    )


def begin(now: datetime) -> Sight:
    """The sight of an object nothing is known about."""
    return Sight(written_at=now)


def _items(limits: Any) -> tuple[tuple[str, int], ...] | None:  # noqa: ANN401 -- any mapping
    return tuple(sorted(limits.items())) if limits is not None else None


def _discard(index: dict[Any, Any], key: Any, remove: Any) -> None:  # noqa: ANN401 -- both indexes
    held = index.get(key)
    if held is not None:
        remove(held)
        if not held:
            del index[key]
