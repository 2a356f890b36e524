"""One pass's inputs, with what several parts of the core derive from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from sequence_operator.reconcile.model import Desired, Observed, Policy, Record
from sequence_operator.reconcile.row import Row
from sequence_operator.spec.names import MANAGED_BY, RECONCILE_REQUESTED_AT, STATE_AT, TREE
from sequence_operator.spec.review import review_digest
from sequence_operator.spec.wire import WireDeployment, desired_wire, spec_digest

REJECTED = "Rejected"
REPLACE_REJECTED = "ReplaceRejected"
DRIFT_LOOP = "DriftLoop"
NAME_CONFLICT = "NameConflict"
TERMINAL = frozenset({REJECTED, REPLACE_REJECTED, DRIFT_LOOP})
"""Reasons of `Stalled` after which nothing is tried again until the spec changes or a person asks."""

REGISTER, REPLACE, ACKNOWLEDGE = "Register", "Replace", "Acknowledge"
"""Words of `status.pending.action`."""


UNKNOWN_DIGEST = "unknown"
"""Spec digest of a registration of which nobody knows which spec it carried; it differs from every spec's."""


@dataclass(frozen=True)
class Case:
    """desired, observed, record, policy and the time: everything the core may look at."""

    desired: Desired
    observed: Observed
    record: Record
    policy: Policy
    now: datetime

    @property
    def row(self) -> Row | None:
        return self.observed.sight.row

    @property
    def sha(self) -> str:
        """Digest of the WASM to run; while a build is open, of what is registered, else ""."""
        return self.desired.spec.artifact.digest

    @property
    def running(self) -> bool:
        return self.desired.spec.state == "Running"

    @cached_property
    def wire(self) -> WireDeployment:
        return desired_wire(self.desired.spec)

    @cached_property
    def digest(self) -> str:
        return spec_digest(self.desired.spec)

    @property
    def applied_digest(self) -> str:
        """Index of the spec that is in force on the platform, "" when unknown. Of a registration that is not recorded
        yet the platform says it: it was told with the registration."""
        row = self.row
        if row is None or row.deployment_id == self.record.deployment_id or row.metadata is None:
            return self.record.spec_digest
        ours = row.metadata.uid == self.desired.uid
        return (row.metadata.spec_digest or "") if ours else self.record.spec_digest

    @cached_property
    def review(self) -> str:
        """Review digest of what is written: see `spec.review`. The state counts where the file decides it."""
        written = self.desired.written or self.desired.spec
        built, annotations = written.artifact.build is not None, self.desired.annotations
        identity = annotations.get(TREE, "") if built else written.artifact.digest
        return review_digest(written, identity, with_state=STATE_AT in annotations)

    @property
    def edited(self) -> bool:
        """Whether the spec says something that was not applied yet; else a difference is drift."""
        return self.applied_digest != self.digest

    @property
    def same_generation(self) -> bool:
        return self.record.observed_generation == self.desired.generation

    @property
    def asked_again(self) -> bool:
        """A person asked for a reconciliation (annotation) that was not done yet."""
        asked = self.desired.annotations.get(RECONCILE_REQUESTED_AT)
        return bool(asked) and asked != self.record.last_handled_reconcile_at

    @cached_property
    def blocked(self) -> tuple[str, str] | None:
        """(reason, message) of a refusal of this generation that must not be tried again; None when free."""
        if self.asked_again or self.desired.denied != tuple(self.record.denied_digests):
            return None  # a rollback, or its end, asks for something else than what was refused
        for c in self.record.conditions:
            stalled = c.type == "Stalled" and c.status == "True" and c.reason in TERMINAL
            if stalled and c.observed_generation == self.desired.generation:
                return c.reason, c.message
        return None

    @property
    def rolled_back(self) -> bool:
        """The platform refused this generation's replacement: what was there before goes on, until the spec changes."""
        return self.blocked is not None and self.blocked[0] == REPLACE_REJECTED

    def condition(self, kind: str) -> tuple[str, str] | None:
        """(status, reason) of a recorded condition."""
        found = (c for c in self.record.conditions if c.type == kind)
        return next(((c.status, c.reason) for c in found), None)

    def seconds_since(self, then: datetime) -> float:
        return (self.now - then).total_seconds()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """What the platform is told about who registered this; empty entries are left out."""
        origin = self.desired.spec.origin
        place = {"repository": origin.repository, "path": origin.path} if origin is not None else {}
        told = {
            "managed_by": MANAGED_BY,
            "uid": self.desired.uid,
            "cluster": self.policy.cluster,
            "origin": {k: v for k, v in place.items() if v},
            "spec_digest": self.digest if self.sha else "",
            "commit": origin.commit if origin is not None else None,
        }
        return {k: v for k, v in told.items() if v}
