"""The end of a registration: an instance goes when its edge let go of it, the registration with the last of them."""

from __future__ import annotations

import sqlalchemy as sa

from sequence_paper.store.artifacts import drop_artifact_if_unused
from sequence_paper.store.schema import deployments, instances


def drop_if_empty(connection: sa.Connection, deployment_id: str) -> bool:
    """Remove a deployment that is being deleted and has no instance left, and its bytes if nobody else uses them."""
    held = sa.exists().where(instances.c.deployment_id == deployment_id)
    gone = connection.execute(
        deployments.delete()
        .where(deployments.c.deployment_id == deployment_id, deployments.c.desired == "deleted", ~held)
        .returning(deployments.c.wasm_sha256)
    ).scalar()
    if gone is not None:
        drop_artifact_if_unused(connection, gone)
    return gone is not None


def remove_instance(connection: sa.Connection, edge_id: str, deployment_id: str, label: str) -> None:
    """Forget an instance of that edge if its deployment is being deleted, and the deployment if it was the last."""
    lock = sa.select(deployments.c.desired).where(deployments.c.deployment_id == deployment_id)
    if connection.execute(lock.with_for_update(key_share=True)).scalar() == "deleted":
        key = (instances.c.deployment_id == deployment_id) & (instances.c.label == label)
        connection.execute(instances.delete().where(key, instances.c.edge_id == edge_id))
        drop_if_empty(connection, deployment_id)
