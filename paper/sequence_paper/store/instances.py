"""Instances: what an edge should host, and what it observed of it."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from sequence_paper.store import aggregate
from sequence_paper.store.database import Database
from sequence_paper.store.ids import new_id
from sequence_paper.store.records import (
    DesiredInstance,
    Instance,
    NewInstance,
    Observation,
    OrderCounts,
    Peer,
)
from sequence_paper.store.removal import remove_instance
from sequence_paper.store.schema import deployments, instances


class Instances:
    """Table `instances`, from an edge's side."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def desired_on(self, edge_id: str) -> list[DesiredInstance]:
        """All that this edge should host or let go of. What it hosts and does not find here was deleted meanwhile."""
        mine = sa.select(instances.c.deployment_id).where(instances.c.edge_id == edge_id)
        with self._db.reading() as connection:
            found = sa.select(deployments).where(deployments.c.deployment_id.in_(mine))
            owners = {row.deployment_id: row for row in connection.execute(found)}
            rows = sa.select(instances).where(instances.c.deployment_id.in_(mine))
            everyone: dict[str, list[Instance]] = defaultdict(list)
            for row in connection.execute(rows.order_by(instances.c.ordinal)):
                everyone[row.deployment_id].append(instance_of(row))
        return [
            _desired(owner, instance, everyone[deployment_id])
            for deployment_id, owner in sorted(owners.items())
            for instance in everyone[deployment_id]
            if instance.edge_id == edge_id
        ]

    def removed(self, edge_id: str, deployment_id: str, label: str) -> None:
        """The edge holds nothing of this instance any more. Without an instance left the registration goes too."""
        with self._db.writing() as connection:
            remove_instance(connection, edge_id, deployment_id, label)


_OBSERVE = (
    instances.update()
    .where(
        instances.c.deployment_id == sa.bindparam("_deployment"),
        instances.c.label == sa.bindparam("_label"),
    )
    .values(deployed_at_ns=sa.func.coalesce(instances.c.deployed_at_ns, sa.bindparam("_now")))
)


def save_observations(connection: sa.Connection, observations: list[Observation]) -> None:
    """Write what an edge observed; a new pause opens one on the deployment. Rows that are gone are left alone."""
    for observation in observations:
        if observation.status == "paused":
            _open_pause(connection, observation)
    if observations:
        now = {"_now": time.time_ns()}
        connection.execute(_OBSERVE, [_columns(observation) | now for observation in observations])


def _open_pause(connection: sa.Connection, observation: Observation) -> None:
    where = instances.c.deployment_id == observation.deployment_id
    query = sa.select(instances.c.status, instances.c.applied_starts)
    before = connection.execute(query.where(where, instances.c.label == observation.label)).one_or_none()
    if before is None or tuple(before) == ("paused", observation.applied_starts):
        return
    pause = {
        "id": new_id("pause"),
        "reason": observation.pause_reason or "UNKNOWN",
        "at_ns": time.time_ns(),
        "label": observation.label,
    }
    # An answer to an earlier start must not pause what somebody has started again since.
    current = (deployments.c.deployment_id == observation.deployment_id) & (
        deployments.c.starts == observation.applied_starts
    )
    connection.execute(deployments.update().where(current).values(pause=pause))


def new_instance_row(deployment_id: str, ordinal: int, new: NewInstance) -> dict[str, Any]:
    """The row of an instance that no edge has seen."""
    unseen = Observation(deployment_id, new.label, "pending", False, 0, 0, 0)
    columns = _columns(unseen)
    del columns["_deployment"], columns["_label"]
    return columns | {
        "deployment_id": deployment_id,
        "label": new.label,
        "ordinal": ordinal,
        "venue": new.venue,
        "instrument_type": new.instrument_type,
        "edge_id": new.edge_id,
        "symbols": new.symbols,
        "risk": new.risk,
        "params": new.params,
        "deployed_at_ns": None,
    }


def instance_of(row: sa.Row[Any]) -> Instance:
    """A row of the table as a value."""
    return Instance(
        deployment_id=row.deployment_id,
        label=row.label,
        ordinal=row.ordinal,
        venue=row.venue,
        instrument_type=row.instrument_type,
        edge_id=row.edge_id,
        symbols=row.symbols,
        risk=row.risk,
        params=row.params,
        observed=_observation(row),
        deployed_at_ns=row.deployed_at_ns,
    )


def _observation(row: sa.Row[Any]) -> Observation:
    return Observation(
        deployment_id=row.deployment_id,
        label=row.label,
        status=row.status,
        warm=row.warm,
        applied_revision=row.applied_revision,
        applied_starts=row.applied_starts,
        heartbeat_ns=row.heartbeat_ns,
        error=row.error,
        pause_reason=row.pause_reason,
        update_count=row.update_count,
        callbacks=row.callbacks,
        latency_p50_ns=row.latency_p50_ns,
        latency_p99_ns=row.latency_p99_ns,
        orders=OrderCounts(
            row.orders_open,
            row.orders_submitted,
            row.orders_filled,
            row.orders_rejected,
            row.orders_cancelled,
        ),
    )


def _columns(observation: Observation) -> dict[str, Any]:
    counts = observation.orders
    return {
        "_deployment": observation.deployment_id,
        "_label": observation.label,
        "status": observation.status,
        "warm": observation.warm,
        "applied_revision": observation.applied_revision,
        "applied_starts": observation.applied_starts,
        "heartbeat_ns": observation.heartbeat_ns,
        "error": observation.error,
        "pause_reason": observation.pause_reason,
        "update_count": observation.update_count,
        "callbacks": observation.callbacks,
        "latency_p50_ns": observation.latency_p50_ns,
        "latency_p99_ns": observation.latency_p99_ns,
        "orders_open": counts.open,
        "orders_submitted": counts.submitted,
        "orders_filled": counts.filled,
        "orders_rejected": counts.rejected,
        "orders_cancelled": counts.cancelled,
    }


def _desired(owner: sa.Row[Any], instance: Instance, everyone: list[Instance]) -> DesiredInstance:
    peers = [Peer(other.label, other.ordinal, other.edge_id) for other in everyone]
    return DesiredInstance(
        deployment_id=owner.deployment_id,
        name=owner.name,
        account_id=owner.account_id,
        mode=owner.mode,
        label=instance.label,
        ordinal=instance.ordinal,
        venue=instance.venue,
        instrument_type=instance.instrument_type,
        symbols=instance.symbols,
        desired=owner.desired,
        revision=owner.revision,
        starts=owner.starts,
        wasm_sha256=owner.wasm_sha256,
        risk=aggregate.effective_risk(owner.risk, instance.risk),
        params=aggregate.effective_params(owner.params, instance.params),
        on_stop=owner.on_stop,
        peers=aggregate.peers_of(instance.label, owner.mesh, peers),
        hears=aggregate.hears_of(instance.label, owner.mesh, peers),
        last=instance.observed,
        metadata=owner.metadata,
    )
