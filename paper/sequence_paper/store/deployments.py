"""Registrations: what a client wants to run. Every method that names an account sees only that account and mode."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from sequence_paper.store.artifacts import put_artifact
from sequence_paper.store.database import Database
from sequence_paper.store.edges import ALIVE_NS
from sequence_paper.store.ids import new_id
from sequence_paper.store.instances import instance_of, new_instance_row
from sequence_paper.store.records import Deployment, Instance, NewDeployment
from sequence_paper.store.removal import drop_if_empty
from sequence_paper.store.schema import deployments, edges, instances
from sequence_paper.store.words import Json, Mode


class NotRegisteredError(Exception):
    """No such deployment in this account and mode."""


@dataclass
class NameTakenError(Exception):
    """Another deployment of this account and mode has the name; `deleting` when it is on its way out."""

    deployment_id: str
    deleting: bool


@dataclass
class RevisionMovedError(Exception):
    """The configuration is not at the revision the caller wanted to change."""

    revision: int


@dataclass
class PausedError(Exception):
    """A pause is open that the caller did not acknowledge."""

    pause: Json


class BeingDeletedError(Exception):
    """The deployment waits for its edges to let go of it; nothing else can be done with it."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A deployment with its instances in the order they were written."""

    deployment: Deployment
    instances: list[Instance]


@dataclass(frozen=True, slots=True)
class Change:
    """New values by column name of the deployment, and by label and column name (`risk`, `params`) of its instances."""

    deployment: dict[str, Any]
    instances: dict[str, dict[str, Any]]


class Deployments:
    """Table `deployments` with its `instances`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def create(self, account_id: str, mode: Mode, new: NewDeployment) -> Registration:
        """Register. Raises `NameTakenError`."""
        deployment_id, now = new_id("dep"), time.time_ns()
        with self._db.writing() as connection:
            row = {
                "deployment_id": deployment_id,
                "account_id": account_id,
                "mode": mode,
                "name": new.name,
                "wasm_sha256": put_artifact(self._db, connection, new.wasm),
                "size_bytes": len(new.wasm),
                "symbols": new.symbols,
                "risk": new.risk,
                "params": new.params,
                "mesh": new.mesh,
                "on_stop": new.on_stop,
                "manifest": new.manifest,
                "metadata": new.metadata,
                "desired": new.desired,
                "revision": 1,
                "starts": 1 if new.desired == "running" else 0,
                "pause": None,
                "created_at_ns": now,
                "updated_at_ns": now,
            }
            self._db.insert_new(connection, deployments, [row], ["account_id", "mode", "name"])
            holder = connection.execute(_by_name(account_id, mode, new.name)).one()
            if holder.deployment_id != deployment_id:
                raise NameTakenError(holder.deployment_id, holder.desired == "deleted")
            rows = [new_instance_row(deployment_id, i, instance) for i, instance in enumerate(new.instances)]
            connection.execute(instances.insert(), rows)
            return _registration(connection, account_id, mode, deployment_id)

    def all(self, account_id: str, mode: Mode) -> list[Registration]:
        """Every registration, those being deleted too, oldest first."""
        where = _mine(account_id, mode)
        by_id: dict[str, list[Instance]] = {}
        with self._db.reading() as connection:
            ids = sa.select(deployments.c.deployment_id).where(where)
            query = sa.select(instances).where(instances.c.deployment_id.in_(ids))
            for row in connection.execute(query.order_by(instances.c.ordinal)):
                by_id.setdefault(row.deployment_id, []).append(instance_of(row))
            rows = connection.execute(
                sa.select(deployments)
                .where(where)
                .order_by(deployments.c.created_at_ns, deployments.c.deployment_id)
            )
            return [Registration(_deployment(row), by_id.get(row.deployment_id, [])) for row in rows]

    def ids(self, account_id: str, mode: Mode) -> frozenset[str]:
        """The id of every registration."""
        query = sa.select(deployments.c.deployment_id).where(_mine(account_id, mode))
        with self._db.reading() as connection:
            return frozenset(connection.execute(query).scalars())

    def get(self, account_id: str, mode: Mode, deployment_id: str) -> Registration:
        """One registration. Raises `NotRegisteredError`."""
        with self._db.reading() as connection:
            return _registration(connection, account_id, mode, deployment_id)

    def change(
        self,
        account_id: str,
        mode: Mode,
        deployment_id: str,
        decide: Callable[[Registration], Change],
        if_revision: int | None,
    ) -> Registration:
        """Apply what `decide` makes of the present state; the revision grows when anything differs.

        Raises `NotRegisteredError`, `RevisionMovedError`, `BeingDeletedError`, and what `decide` raises.
        """
        with self._db.writing() as connection:
            before = self._locked(connection, account_id, mode, deployment_id)
            if if_revision is not None and if_revision != before.revision:
                raise RevisionMovedError(before.revision)
            found = _registration(connection, account_id, mode, deployment_id)
            change = decide(found)
            if not _differs(found, change):
                return found
            values = change.deployment | {"revision": before.revision + 1}
            self._update(connection, deployment_id, values)
            for label, columns in change.instances.items():
                where = (instances.c.deployment_id == deployment_id) & (instances.c.label == label)
                connection.execute(instances.update().where(where).values(columns))
            return _registration(connection, account_id, mode, deployment_id)

    def start(self, account_id: str, mode: Mode, deployment_id: str, acknowledge: str | None) -> Registration:
        """Want it running; clears a pause when it was acknowledged, or when it had been stopped on purpose.

        Raises `NotRegisteredError`, `BeingDeletedError`, `PausedError`.
        """
        with self._db.writing() as connection:
            before = self._locked(connection, account_id, mode, deployment_id)
            if before.pause is not None:
                wrong_id = acknowledge is not None and acknowledge != before.pause["id"]
                if wrong_id or (acknowledge is None and before.desired == "running"):
                    raise PausedError(before.pause)
            if before.desired != "running" or before.pause is not None:
                values = {"desired": "running", "pause": None, "starts": before.starts + 1}
                self._update(connection, deployment_id, values)
            return _registration(connection, account_id, mode, deployment_id)

    def stop(self, account_id: str, mode: Mode, deployment_id: str) -> Registration:
        """Want it stopped. A pause stays readable until the next start.

        Raises `NotRegisteredError`, `BeingDeletedError`.
        """
        with self._db.writing() as connection:
            if self._locked(connection, account_id, mode, deployment_id).desired != "stopped":
                self._update(connection, deployment_id, {"desired": "stopped"})
            return _registration(connection, account_id, mode, deployment_id)

    def delete(self, account_id: str, mode: Mode, deployment_id: str, alive: set[str]) -> Registration:
        """Want it gone. What no edge ever loaded or may be loading now goes at once; the rest when its edge says so.

        Returns what is left: no instances means that the registration is gone. Raises `NotRegisteredError`.
        """
        with self._db.writing() as connection:
            before = self._locked(connection, account_id, mode, deployment_id, even_deleted=True)
            if before.desired != "deleted":
                self._update(connection, deployment_id, {"desired": "deleted"})
            beating = sa.select(edges.c.edge_id).where(edges.c.beat_ns > time.time_ns() - ALIVE_NS)
            never_loaded = instances.c.deployed_at_ns.is_(None) & instances.c.edge_id.not_in(beating)
            connection.execute(
                instances.delete().where(
                    instances.c.deployment_id == deployment_id,
                    never_loaded,
                    instances.c.edge_id.not_in(alive),
                )
            )
            found = _registration(connection, account_id, mode, deployment_id)
            drop_if_empty(connection, deployment_id)
            return replace(found, deployment=replace(found.deployment, desired="deleted"))

    def _locked(
        self,
        connection: sa.Connection,
        account_id: str,
        mode: Mode,
        deployment_id: str,
        *,
        even_deleted: bool = False,
    ) -> Deployment:
        where = _mine(account_id, mode) & (deployments.c.deployment_id == deployment_id)
        # FOR NO KEY UPDATE: edges that write log lines of this deployment must not wait for us, as we may for them.
        lock = sa.select(deployments).where(where).with_for_update(key_share=True)
        row = connection.execute(lock).one_or_none()
        if row is None:
            raise NotRegisteredError
        if row.desired == "deleted" and not even_deleted:
            raise BeingDeletedError
        return _deployment(row)

    def _update(self, connection: sa.Connection, deployment_id: str, values: dict[str, Any]) -> None:
        connection.execute(
            deployments.update()
            .where(deployments.c.deployment_id == deployment_id)
            .values(values | {"updated_at_ns": time.time_ns()})
        )


def _mine(account_id: str, mode: Mode) -> sa.ColumnElement[bool]:
    return (deployments.c.account_id == account_id) & (deployments.c.mode == mode)


def _by_name(account_id: str, mode: Mode, name: str) -> sa.Select[tuple[str, str]]:
    query: sa.Select[tuple[str, str]] = sa.select(deployments.c.deployment_id, deployments.c.desired)
    return query.where(_mine(account_id, mode), deployments.c.name == name)


def _registration(connection: sa.Connection, account_id: str, mode: Mode, deployment_id: str) -> Registration:
    where = _mine(account_id, mode) & (deployments.c.deployment_id == deployment_id)
    row = connection.execute(sa.select(deployments).where(where)).one_or_none()
    if row is None:
        raise NotRegisteredError
    query = sa.select(instances).where(instances.c.deployment_id == deployment_id)
    rows = connection.execute(query.order_by(instances.c.ordinal))
    return Registration(_deployment(row), [instance_of(found) for found in rows])


def _deployment(row: sa.Row[Any]) -> Deployment:
    return Deployment(**row._mapping)


def _differs(found: Registration, change: Change) -> bool:
    if any(getattr(found.deployment, name) != value for name, value in change.deployment.items()):
        return True
    by_label = {instance.label: instance for instance in found.instances}
    return any(
        getattr(by_label[label], name) != value
        for label, columns in change.instances.items()
        for name, value in columns.items()
    )
