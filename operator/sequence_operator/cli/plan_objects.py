"""AlgoDeployment objects in a plan: as they would be after an apply, and what a reviewer's hash covers. Pure."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from sequence_operator.reconcile.sources.differs import KIND, entry_key, value_key
from sequence_operator.reconcile.sources.merge import merged as laid_over
from sequence_operator.reconcile.sources.model import Change
from sequence_operator.spec.crd_rules import LIST_MAPS, LIST_SETS
from sequence_operator.spec.names import API_VERSION, SOURCE_MANAGER, STATE_AT, STATE_MANAGER, TREE
from sequence_operator.spec.resources import AlgoDeployment
from sequence_operator.spec.review import plan_hash, review_digest

Object = dict[str, Any]


def tree_of(obj: Mapping[str, Any] | None) -> str:
    """Digest of the inputs of its build; "" when it names a stored module."""
    annotations = (obj or {"metadata": {}})["metadata"].get("annotations") or {}
    return str(annotations.get(TREE, ""))


def merged(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Object:
    """The object after `after` was applied over `before`, with the metadata and the status it has then.

    A new object gets what the API server would give it. The state stays when the file says nothing of it: it is
    handed over to whoever starts and stops before the rest is applied.
    """
    if before is None:
        made = deepcopy(dict(after))
        made["metadata"] |= {"uid": "not-made-yet", "generation": 1}
        return made
    made = {**deepcopy(dict(before)), "spec": laid_over(after, before)["spec"]}
    told = laid_over(after, before)["metadata"]
    made["metadata"] |= {part: told.get(part) or {} for part in ("labels", "annotations")}
    if "state" in before["spec"]:
        made["spec"].setdefault("state", before["spec"]["state"])
    if made["spec"] != before["spec"]:
        made["metadata"]["generation"] = before["metadata"].get("generation", 0) + 1
    return made


def deleted(obj: Mapping[str, Any]) -> Object:
    """The object once somebody has asked for its deletion."""
    made = deepcopy(dict(obj))
    made["metadata"]["deletionTimestamp"] = "2000-01-01T00:00:00Z"
    return made


def live(obj: Mapping[str, Any]) -> Object:
    """A rendered object as the cluster would have it after its source applied it: with owners, a uid and a state."""
    made = deepcopy(dict(obj))
    state = made["spec"].get("state")
    kept = {part: made["metadata"].get(part) or {} for part in ("labels", "annotations")}
    applied = {"f:metadata": _fields(kept, "metadata"), "f:spec": _fields(made["spec"], "spec")}
    fields = [_managed(SOURCE_MANAGER, applied)]
    if state is None:
        made["spec"]["state"] = "Stopped"
        fields.append(_managed(STATE_MANAGER, {"f:spec": {"f:state": {}}}))
    made["metadata"] |= {
        "uid": f"assumed-{made['metadata']['name']}",
        "resourceVersion": "1",
        "generation": 1,
        "managedFields": fields,
    }
    made["status"] = {"state": "Running" if state == "Running" else "Stopped"}
    return made


def _fields(value: Any, place: str) -> Object:  # noqa: ANN401 -- any JSON
    """The API server's book of owners for what one manager applied (`fieldsV1`)."""
    if isinstance(value, Mapping):
        return {f"f:{name}": _fields(below, f"{place}.{name}") for name, below in value.items()}
    if isinstance(value, list) and (names := LIST_MAPS.get((KIND, place))):
        return {entry_key(item, names): _fields(item, f"{place}[]") for item in value}
    if isinstance(value, list) and (KIND, place) in LIST_SETS:
        return {value_key(item): {} for item in value}
    return {}


def _managed(manager: str, fields: Object) -> Object:
    return {
        "manager": manager,
        "operation": "Apply",
        "apiVersion": API_VERSION,
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }


def review_of(obj: Mapping[str, Any] | None) -> str:
    """What is reviewed of an object, as a digest; "" for none."""
    if obj is None:
        return ""
    resource = AlgoDeployment.model_validate(obj)
    identity = tree_of(obj) or resource.spec.artifact.digest
    return review_digest(resource.spec, identity, with_state=STATE_AT in resource.metadata.annotations)


def hash_of(change: Change, recorded: str | None = None) -> str:
    """Hash of the step that a change is. recorded: review digest that is in force, where a status has one; without
    it, it is computed from the object."""
    old = review_of(change.before) if recorded is None else recorded
    new = None if change.after is None else merged(change.before, change.after)
    return plan_hash(old, review_of(new))
