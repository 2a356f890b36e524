"""Whether an event of the platform tells something that its last answers did not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequence_operator.reconcile.row import Row
from sequence_operator.reconcile.sight import Presence, Sight
from sequence_operator.reconcile.states import state_of_word

DELETED = "deleted"
_STATUS = {"started": "running", "stopped": "stopped", "paused": "paused"}
"""Of the deployment, by kind of event."""
_BY_REVISION = ("registered", "updated")
"""Kinds of which an older revision than the row's, or the same, is known."""


def is_news(event: object, sight: Sight, deployment_id: str) -> bool:
    """Whether a look at the platform could show more than `sight` does.

    event: `data` of a frame of `deployment:{id}`; its shape is not fixed by the platform's documents, so what cannot be
    compared counts as news. An event is never more than a reason to look: what is done follows from what is seen then.
    """
    row = sight.row
    elsewhere = row is not None and row.deployment_id != deployment_id
    told = event if isinstance(event, Mapping) else {}
    if told.get("kind") == DELETED:
        return (
            not elsewhere and sight.lists_without_id < 2
        )  # that it is gone takes two lists, also after our own write
    if sight.deleted_id == deployment_id or elsewhere:
        return False
    if row is None:
        return sight.presence is Presence.UNKNOWN
    return _differs(told, row)


def _differs(event: Mapping[str, Any], row: Row) -> bool:
    moved = _moved(event, row)
    if event.get("kind") in _BY_REVISION or (moved is not None and moved > 0):
        return moved is None or moved > 0
    told = [same for same in (_same_status(event, row), _same_instance(event, row)) if same is not None]
    return not told or not all(told)


def _moved(event: Mapping[str, Any], row: Row) -> int | None:
    """By how much the event's revision is ahead; None when one of them is not told."""
    revision = event.get("revision")
    return revision - row.revision if isinstance(revision, int) and row.revision is not None else None


def _same_status(event: Mapping[str, Any], row: Row) -> bool | None:
    """Whether the row is in the status that this kind of event leads to; None when it leads to none."""
    status = _STATUS.get(str(event.get("kind")))
    return None if status is None else state_of_word(status) == state_of_word(row.status)


def _same_instance(event: Mapping[str, Any], row: Row) -> bool | None:
    """Whether the instance is as the event says; None when it says nothing about one."""
    label, status = event.get("label"), event.get("status")
    if not isinstance(label, str) or not isinstance(status, str):
        return None
    for instance in row.instances or ():
        if instance.label == label:
            return (
                state_of_word(status) == state_of_word(instance.status)
                and _silent_or(event, "pause_reason", instance.pause_reason)
                and _silent_or(event, "error", instance.error)
                and event.get("warm") in (None, instance.warm)
            )
    return None


def _silent_or(event: Mapping[str, Any], field: str, held: str | None) -> bool:
    return field not in event or (event[field] or None) == (held or None)
