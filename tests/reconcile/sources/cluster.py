"""The AlgoDeployments of a namespace in memory, with an API server's book of owners; test_on_server.py holds the real
one against the same plans."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from itertools import count
from typing import Any

from reconcile.sources.repository import lives
from sequence_operator.reconcile.sources import (
    Action,
    Apply,
    HandOver,
    Live,
    Prune,
    Release,
    TakeOver,
    differences,
    merged,
)
from sequence_operator.reconcile.sources.differs import KIND, entry_key, value_key
from sequence_operator.reconcile.sources.fields import _without
from sequence_operator.spec.crd_rules import LIST_MAPS, LIST_SETS
from sequence_operator.spec.names import SOURCE_LABEL, SOURCE_MANAGER, STATE_MANAGER

Object = dict[str, Any]


class ConflictError(Exception):
    """What the API server answers with 409."""


class Cluster:
    """`objects` by name, each with uid, resourceVersion and managedFields. Finalizers: `finish` ends deletions."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self._versions, self._uids = count(1), count(1)

    def live(self) -> dict[str, Live]:
        return lives(self.objects)

    def execute(
        self, actions: Iterable[Action], fails: Callable[[Action], bool] = lambda _: False
    ) -> dict[str, str]:
        """What failed, by name; the other actions of that name are left out."""
        failed: dict[str, str] = {}
        for action in actions:
            if action.name in failed:
                continue
            try:
                if fails(action):
                    raise ConflictError("as told")
                self._one(action)
            except ConflictError as problem:
                failed[action.name] = str(problem)
        return failed

    def _one(self, action: Action) -> None:
        match action:
            case Apply():
                self._apply(action.obj)
            case HandOver():
                self.state(self._guarded(action)["metadata"]["name"], action.state)
            case TakeOver():
                self._guarded(action)["metadata"]["managedFields"] = [
                    deepcopy(dict(e)) for e in action.managed_fields
                ]
                self._touch(action.name)
            case Release():
                obj = self._guarded(action)
                obj["metadata"]["labels"] = {SOURCE_LABEL: action.to}
                self._owner(
                    obj, SOURCE_MANAGER, "Update", {"f:metadata": {"f:labels": {f"f:{SOURCE_LABEL}": {}}}}
                )
            case Prune():
                self.delete(self._guarded(action)["metadata"]["name"])

    def _guarded(self, action: HandOver | TakeOver | Release | Prune) -> Object:
        obj = self.objects.get(action.name)
        if obj is None:
            raise ConflictError("gone")
        if (action.uid, action.resource_version) != tuple(
            obj["metadata"][k] for k in ("uid", "resourceVersion")
        ):
            raise ConflictError("changed meanwhile")
        return obj

    def _apply(self, rendered: Mapping[str, Any]) -> None:
        name = rendered["metadata"]["name"]
        live, uid = self.objects.get(name), rendered["metadata"].get("uid")
        if uid and (live is None or live["metadata"]["uid"] != uid):
            raise ConflictError("another object, or none")
        obj = self._new(merged(rendered, live), live)
        if live is not None:
            others = [e for e in obj["metadata"]["managedFields"] if not _is(e, SOURCE_MANAGER, "Apply")]
            for difference in differences(rendered, live):
                if difference.what == "Value":
                    others = [{**e, "fieldsV1": _without(e["fieldsV1"], difference.address)} for e in others]
            obj["metadata"]["managedFields"] = [e for e in others if e["fieldsV1"]]
        obj["metadata"]["managedFields"].append(_entry(SOURCE_MANAGER, "Apply", fieldset(rendered)))
        self.objects[name] = obj
        self._touch(name)

    def _new(self, body: Object, live: Object | None) -> Object:
        obj = deepcopy(body)
        if live is None:
            obj["metadata"] |= {"uid": f"uid-{next(self._uids)}", "managedFields": []}
            obj["status"] = {}
        else:
            kept = ("uid", "managedFields", "deletionTimestamp")
            obj["metadata"] |= {k: deepcopy(live["metadata"][k]) for k in kept if k in live["metadata"]}
            obj["status"] = live["status"]
        return obj

    def _touch(self, name: str) -> None:
        self.objects[name]["metadata"]["resourceVersion"] = str(next(self._versions))

    def _owner(self, obj: Object, manager: str, operation: str, fields: Mapping[str, Any]) -> None:
        """This manager says these fields; if its value is another one, it alone."""
        book = obj["metadata"]["managedFields"]
        book[:] = [e for e in book if not _is(e, manager, operation)] + [_entry(manager, operation, fields)]
        self._touch(obj["metadata"]["name"])

    # -- other people -----------------------------------------------------------------------------

    def applied_by(self, manager: str, rendered: Mapping[str, Any]) -> None:
        """Somebody else's apply of an object that does not exist."""
        obj = self._new(dict(rendered), None)
        obj["metadata"]["managedFields"] = [_entry(manager, "Apply", fieldset(rendered))]
        self.objects[obj["metadata"]["name"]] = obj
        self._touch(obj["metadata"]["name"])

    def state(self, name: str, state: str) -> None:
        """`sequence start` and `stop`: server-side apply of the state alone, by force."""
        obj = self.objects[name]
        if obj["spec"].get("state", "Stopped") != state:
            self._disown(obj, ("f:spec", "f:state"))
        obj["spec"]["state"] = state
        self._owner(obj, STATE_MANAGER, "Apply", {"f:spec": {"f:state": {}}})

    def edit(self, name: str, rate: int) -> None:
        """`kubectl edit` of one limit."""
        obj = self.objects[name]
        if obj["spec"].setdefault("risk", {}).get("maxOrderRate") != rate:
            self._disown(obj, ("f:spec", "f:risk", "f:maxOrderRate"))
            obj["spec"]["risk"]["maxOrderRate"] = rate
            self._owner(obj, "kubectl-edit", "Update", {"f:spec": {"f:risk": {"f:maxOrderRate": {}}}})

    def policy(self, name: str, **fields: Any) -> None:
        """`kubectl edit` of fields that git does not say."""
        obj = self.objects[name]
        obj["spec"] |= fields
        self._owner(obj, "kubectl-policy", "Update", {"f:spec": {f"f:{key}": {} for key in fields}})

    def annotate(self, name: str, **notes: str) -> None:
        self.objects[name]["metadata"].setdefault("annotations", {}).update(notes)
        self._touch(name)

    def _disown(self, obj: Object, address: tuple[str, ...]) -> None:
        book = [{**e, "fieldsV1": _without(e["fieldsV1"], address)} for e in obj["metadata"]["managedFields"]]
        obj["metadata"]["managedFields"] = [e for e in book if e["fieldsV1"]]

    def runs(self, *names: str, state: str = "Running") -> None:
        """What the platform says."""
        for name in names or tuple(self.objects):
            self.objects[name]["status"] = {"state": state}

    def delete(self, name: str) -> None:
        self.objects[name]["metadata"]["deletionTimestamp"] = "2026-11-24T14:00:00Z"
        self._touch(name)

    def finish(self) -> None:
        """The operator has proven that what is deleted is stopped and unregistered."""
        self.objects = {n: o for n, o in self.objects.items() if "deletionTimestamp" not in o["metadata"]}


def fieldset(obj: Mapping[str, Any]) -> Object:
    """The fields that an apply of the object owns."""
    metadata = {
        f"f:{part}": {f"f:{key}": {} for key in obj["metadata"][part]}
        for part in ("labels", "annotations")
        if obj["metadata"].get(part)
    }
    return {"f:metadata": metadata, "f:spec": _fields("spec", obj["spec"])}


def _fields(place: str, value: Any) -> Object:
    if isinstance(value, Mapping):
        return {f"f:{key}": _fields(f"{place}.{key}", child) for key, child in value.items()}
    if isinstance(value, list) and (KIND, place) in LIST_MAPS:
        names = LIST_MAPS[KIND, place]
        return {entry_key(item, names): {".": {}, **_fields(f"{place}[]", item)} for item in value}
    if isinstance(value, list) and (KIND, place) in LIST_SETS:
        return {value_key(item): {} for item in value}
    return {}


def _entry(manager: str, operation: str, fields: Mapping[str, Any]) -> Object:
    fields = json.loads(json.dumps(fields))
    return {"manager": manager, "operation": operation, "fieldsType": "FieldsV1", "fieldsV1": fields}


def _is(entry: Mapping[str, Any], manager: str, operation: str) -> bool:
    return (entry["manager"], entry["operation"]) == (manager, operation)
