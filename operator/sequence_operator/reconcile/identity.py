"""Whose deployment is it that bears our name?"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sequence_operator.reconcile.case import REGISTER, REPLACE, Case
from sequence_operator.reconcile.row import Row
from sequence_operator.spec.names import ADOPT_FROM, CLUSTER_GONE, MANAGED_BY
from sequence_operator.spec.resources import Pending


class Owner(StrEnum):
    OURS = "Ours"  # the one we recorded
    SEEN = "Seen"  # ours by proof, but not recorded yet: an answer was lost, or the status was
    ADOPTABLE = "Adoptable"  # somebody else's, and a person said to take it over
    FOREIGN = "Foreign"


def owner(case: Case, row: Row) -> tuple[Owner, str]:
    """(verdict, why). `why` is a sentence when FOREIGN, else ""."""
    uid = row.metadata.uid if row.metadata is not None else None
    mine = uid == case.desired.uid
    recorded = row.deployment_id == case.record.deployment_id
    if row.deployment_id == case.observed.sight.ours_id and (uid is None or mine):
        return (Owner.OURS if recorded else Owner.SEEN), ""
    if recorded and (uid is None or mine):
        return Owner.OURS, ""
    if mine or (row.metadata is None and _fits_pending(case, row)):
        return Owner.SEEN, ""
    wanted = case.desired.spec.adopt or _left_by_a_lost_cluster(case, row)
    if wanted and not case.observed.holder:  # two objects must not take it from each other
        return (Owner.ADOPTABLE if not recorded or row.revision is not None else Owner.OURS), ""
    return Owner.FOREIGN, _why(case, row, uid, recorded)


def _left_by_a_lost_cluster(case: Case, row: Row) -> bool:
    """The cluster that registered it is the one declared gone, and it did so from the same file of the same
    repository."""
    declared = case.desired.annotations.get(ADOPT_FROM)
    told = row.metadata
    return told is not None and bool(declared) and told.cluster == declared and _same_origin(case, row)


def _same_origin(case: Case, row: Row) -> bool:
    origin, told = case.desired.spec.origin, row.metadata
    if origin is None or told is None or told.managed_by != MANAGED_BY or not origin.repository:
        return False
    return (origin.repository, origin.path) == (told.repository, told.path)


def our_row(case: Case) -> Row | None:
    """The row of the case, when it is ours."""
    row = case.row
    return row if row is not None and owner(case, row)[0] in (Owner.OURS, Owner.SEEN) else None


def _fits_pending(case: Case, row: Row) -> bool:
    """On a platform that keeps no metadata: did our unanswered registration make this row?

    The pending record itself proves that the name was absent in the list before it, for only then is one written.
    """
    pending = case.record.pending
    if pending is None or pending.action not in (REGISTER, REPLACE):
        return False
    if case.observed.sight.refused_at == pending.at or _not_sent(case, pending):
        return False  # it certainly did not: somebody else took the name meanwhile
    if row.deployment_id == case.record.deployment_id or not _created_after(case, row, pending.at):
        return False
    artifact = case.observed.artifact
    known = artifact.size_bytes if artifact.sha256 == pending.to else None
    if known is not None and row.size_bytes is not None and known != row.size_bytes:
        return False
    edited_since = not case.same_generation
    return edited_since or row.symbols is None or set(row.symbols) == set(case.wire.symbols)


def _not_sent(case: Case, pending: Pending) -> bool:
    """Whether this process wrote the pending registration down and has not come to its create. A process that is
    younger cannot know."""
    sight = case.observed.sight
    alive = (sight.began_at or sight.written_at) <= pending.at
    return alive and (sight.created_at is None or sight.created_at < pending.at)


def _created_after(case: Case, row: Row, at: datetime) -> bool:
    """True also when the platform does not say: absent before and present after is the proof then."""
    created = created_at_ns(row)
    earliest = at.timestamp() - case.policy.clock_skew
    return created is None or created / 1e9 >= earliest


def created_at_ns(row: Row) -> int | None:
    """When the deployment was registered, ns since 1970; None when the platform does not say."""
    if row.created_at_ns is not None:
        return row.created_at_ns
    deployed = [e.deployed_at_ns for e in row.edges or () if e.deployed_at_ns is not None]
    return min(deployed) if deployed else None


def _why(case: Case, row: Row, uid: str | None, recorded: bool) -> str:
    name, holder = case.desired.spec.deployment, case.observed.holder
    if holder:
        whose = "was taken over by" if recorded else "belongs to"
        return f"{name} ({row.deployment_id}) {whose} {holder} of this cluster; choose another name or delete that one"
    told = row.metadata
    if told is not None and told.managed_by == MANAGED_BY and told.cluster not in (None, case.policy.cluster):
        return _of_another_cluster(case, row, told.cluster or "", recorded)
    if recorded:
        return f"{name} ({row.deployment_id}) was taken over by another manager ({uid}); " + WAY_OUT
    whose = f"was registered by another manager ({uid})" if uid else "was registered by somebody else"
    return f"the name {name} is taken on the platform: {row.deployment_id} {whose}; {WAY_OUT}"


def _of_another_cluster(case: Case, row: Row, cluster: str, recorded: bool) -> str:
    """Two clusters that both live would fight over it: only a person can say that the other one is gone."""
    desired, told = case.desired, row.metadata
    verb = "was taken over by" if recorded else "is run by"
    who = f"{desired.spec.deployment} ({row.deployment_id}) {verb} cluster {cluster}"
    if not _same_origin(case, row):
        where = (
            f"{told.repository} {told.path or ''}".strip()
            if told is not None and told.repository
            else "elsewhere"
        )
        return f"{who} from {where}; {WAY_OUT}"
    declared = desired.annotations.get(ADOPT_FROM)
    other = f" (what was declared gone is {declared})" if declared else ""
    if not desired.source:
        return f"{who} from the same repository and path{other}; if that cluster is gone for good, set spec.adopt: true"
    return (
        f"{who} from the same repository and path{other}; if that cluster is gone for good, set spec.adopt: SameOrigin "
        f"on AlgoSource {desired.source} and: kubectl annotate algosrc {desired.source} -n {desired.namespace} "
        f"{CLUSTER_GONE}={cluster} --overwrite"
    )


WAY_OUT = "delete it there, choose another name, or set spec.adopt: true to take it over"


def held_digest(case: Case, row: Row) -> str | None:
    """SHA-256 of the WASM that the row holds: as the platform says, else by our own record; None when unknown."""
    if row.wasm_sha256 is not None:
        return row.wasm_sha256
    pending = case.record.pending
    if pending is not None and pending.action in (REGISTER, REPLACE) and is_product(case, row):
        return pending.to
    if row.deployment_id == case.record.deployment_id and case.record.artifact is not None:
        return case.record.artifact.sha256 or None
    return None


def is_product(case: Case, row: Row) -> bool:
    """Whether the row is what the pending registration was to make, rather than what was there before."""
    pending = case.record.pending
    if pending is None or pending.action not in (REGISTER, REPLACE):
        return False
    if row.deployment_id != case.record.deployment_id:
        return True
    # A platform that gives a deployment of the same name the same id again.
    if row.wasm_sha256 is not None and pending.from_ and pending.from_ != pending.to:
        return row.wasm_sha256 == pending.to
    return (
        row.created_at_ns is not None
        and row.created_at_ns / 1e9 > pending.at.timestamp() + case.policy.clock_skew
    )
