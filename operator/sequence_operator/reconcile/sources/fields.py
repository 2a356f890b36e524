"""`metadata.managedFields`: the API server's record of who owns which field, as far as a source needs to read and to
change it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sequence_operator.spec.names import OPERATOR_MANAGER, SOURCE_MANAGER, STATE_MANAGER

Object = Mapping[str, Any]
Entry = Mapping[str, Any]

_OURS = frozenset({SOURCE_MANAGER, STATE_MANAGER, OPERATOR_MANAGER})


def appliers(obj: Object) -> frozenset[str]:
    """Managers that own fields of the object itself by server-side apply."""
    return frozenset(e["manager"] for e in _entries(obj) if e.get("operation") == "Apply")


def declarers(obj: Object) -> frozenset[str]:
    """Foreign managers that say what the deployment is: they own `spec.deployment`, whoever they are."""
    return frozenset(
        entry["manager"]
        for entry in _entries(obj)
        if entry["manager"] not in _OURS and "f:deployment" in _spec(entry)
    )


def owned(obj: Object, manager: str) -> Mapping[str, Any]:
    """The fields (`fieldsV1`) that a manager owns by server-side apply; empty without any."""
    fields: Mapping[str, Any] = {}
    for entry in _entries(obj):
        if entry["manager"] == manager and entry.get("operation") == "Apply":
            said = entry.get("fieldsV1") or {}
            fields = union(fields, said) if fields else said
    return fields


def owned_by_others(obj: Object, manager: str) -> Mapping[str, Any]:
    """The fields that anybody else owns, in whatever way."""
    fields: Mapping[str, Any] = {}
    for entry in _entries(obj):
        if entry["manager"] != manager or entry.get("operation") != "Apply":
            fields = union(fields, entry.get("fieldsV1") or {})
    return fields


def handed(
    obj: Object, formers: Iterable[str] = (), strays: Iterable[Sequence[str]] = ()
) -> tuple[Entry, ...]:
    """The managedFields in which the source owns what the former managers owned, and these entries of lists.

    Formers' entries are removed, not merely emptied: they will never apply again, and a field that they go on owning
    would outlive its line in the file. Only the spec is taken: what somebody noted on the object (a stop, a rollback)
    stays there, and so do entries for status. strays: addresses of list entries; they are taken from
    whoever owns them, for only what the source owns goes away when it is not applied any more.
    """
    gone, addresses = frozenset(formers), [tuple(address) for address in strays]
    kept: list[Entry] = []
    taken: Mapping[str, Any] = {}
    for entry in obj["metadata"].get("managedFields") or ():
        manager = "" if entry.get("subresource") else entry.get("manager")
        fields = entry.get("fieldsV1") or {}
        if manager == SOURCE_MANAGER and entry.get("operation") == "Apply":
            taken = union(taken, fields)
        elif manager in gone and "f:spec" in fields:
            taken = union(taken, {"f:spec": fields["f:spec"]})
        elif manager:
            for address in addresses:
                fields = _without(fields, address)
            if fields:
                kept.append({**entry, "fieldsV1": fields})
        else:
            kept.append(entry)
    for address in addresses:
        taken = union(taken, _at(address))
    ours = {
        "manager": SOURCE_MANAGER,
        "operation": "Apply",
        "apiVersion": obj["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": taken,
    }
    return (*kept, ours)


def _without(fields: Mapping[str, Any], address: Sequence[str]) -> dict[str, Any]:
    first, *rest = address
    if first not in fields:
        return dict(fields)
    below = _without(fields[first] or {}, rest) if rest else {}
    others = {key: value for key, value in fields.items() if key != first}
    return {**others, first: below} if below else others


def _at(address: Sequence[str]) -> dict[str, Any]:
    """The entry of a list as the book of owners has it: `.` is the entry itself."""
    fields: dict[str, Any] = {".": {}} if address[-1].startswith("k:") else {}
    for step in reversed(address):
        fields = {step: fields}
    return fields


def union(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    """Both sets of fields in one."""
    return {key: union(left.get(key) or {}, right.get(key) or {}) for key in dict.fromkeys((*left, *right))}


def _entries(obj: Object) -> Iterator[Entry]:
    """Entries about the object itself, without those for a subresource."""
    for entry in obj["metadata"].get("managedFields") or ():
        if not entry.get("subresource") and entry.get("manager"):
            yield entry


def _spec(entry: Entry) -> Mapping[str, Any]:
    return (entry.get("fieldsV1") or {}).get("f:spec") or {}
