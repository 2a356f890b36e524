"""Whether an object is as a file renders it, field by field: values, and who owns them.

Fields that the file says are the repository's. A person's edit of one is taken back, by force: also one that was put
back to the same value since, for it would stay when the file drops it. Fields that the file does not say are left
alone, whoever set them. A list that the file says (instances, symbols, params, routes) is said as a whole: an entry
that somebody added to it would trade unseen, so it goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sequence_operator.reconcile.sources.fields import Object, owned
from sequence_operator.spec.crd_rules import LIST_MAPS, LIST_SETS
from sequence_operator.spec.names import SOURCE_MANAGER

KIND = "AlgoDeployment"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that an Apply would change.

    field:   for people, `spec.risk.maxOrderRate`, `spec.instances[maker].venue`.
    address: in the API server's book of owners, `("f:spec", "f:risk", "f:maxOrderRate")`.
    what:    Value: another value, or none. Owner: the same value, but not owned by the source. Dropped: owned by the
             source, and no longer said. Stray: an entry, added by somebody else, of a list that the file says.
    """

    field: str
    address: tuple[str, ...]
    what: str


def differences(rendered: Object, live: Object) -> tuple[FieldDifference, ...]:
    """What is not in the cluster (`live`, with managedFields) as `rendered` says. Empty: an Apply would change
    nothing."""
    fields = owned(live, SOURCE_MANAGER)
    mine, theirs = rendered["metadata"], live["metadata"]
    book = fields.get("f:metadata") or {}
    found: list[FieldDifference] = []
    for part in ("labels", "annotations"):
        at = _At(f"metadata.{part}", f"metadata.{part}", ("f:metadata", f"f:{part}"))
        found += _map(at, mine.get(part) or {}, theirs.get(part) or {}, book.get(f"f:{part}") or {})
    spec = _At("spec", "spec", ("f:spec",))
    return (*found, *_map(spec, rendered["spec"], live.get("spec") or {}, fields.get("f:spec") or {}))


@dataclass(frozen=True, slots=True)
class _At:
    """A place: in the schema (`spec.instances[]`), for people, and in the book of owners."""

    place: str
    text: str
    address: tuple[str, ...]

    def key(self, name: str) -> _At:
        text = f"{self.text}.{name}" if "/" not in name else f"{self.text}[{name}]"
        return _At(f"{self.place}.{name}", text, (*self.address, f"f:{name}"))

    def entry(self, name: str, key: str) -> _At:
        return _At(f"{self.place}[]", f"{self.text}[{name}]", (*self.address, key))

    def is_(self, what: str) -> FieldDifference:
        return FieldDifference(self.text, self.address, what)


def _any(at: _At, wanted: Any, present: Any, fields: Mapping[str, Any] | None) -> Iterator[FieldDifference]:  # noqa: ANN401
    if isinstance(wanted, dict) and isinstance(present, dict) and wanted:
        yield from _map(at, wanted, present, fields or {})
    elif isinstance(wanted, list) and (KIND, at.place) in LIST_MAPS:
        yield from _list_map(at, wanted, present or (), fields or {})
    elif isinstance(wanted, list) and (KIND, at.place) in LIST_SETS:
        yield from _list_set(at, wanted, present or (), fields or {})
    elif wanted != present:
        yield at.is_("Value")
    elif fields is None:
        yield at.is_("Owner")


def _map(
    at: _At, wanted: Mapping[str, Any], present: Mapping[str, Any], fields: Mapping[str, Any]
) -> Iterator[FieldDifference]:
    for name, value in wanted.items():
        if name in present:
            yield from _any(at.key(name), value, present[name], fields.get(f"f:{name}"))
        else:
            yield at.key(name).is_("Value")
    for name in sorted(key.removeprefix("f:") for key in fields if key.startswith("f:")):
        if name not in wanted:
            yield at.key(name).is_("Dropped")


def _list_map(
    at: _At, wanted: Iterable[Object], present: Iterable[Object], fields: Mapping[str, Any]
) -> Iterator[FieldDifference]:
    names = LIST_MAPS[KIND, at.place]
    have = {entry_key(item, names): item for item in present}
    want = {entry_key(item, names): item for item in wanted}
    for key, item in want.items():
        inside = at.entry(_entry_name(item, names), key)
        if key not in have:
            yield inside.is_("Value")
        else:
            yield from _map(inside, item, have[key], fields.get(key) or {})
    for key, item in have.items():
        if key not in want:
            inside = at.entry(_entry_name(item, names), key)
            yield inside.is_("Dropped" if key in fields else "Stray")


def _list_set(
    at: _At, wanted: Iterable[Any], present: Iterable[Any], fields: Mapping[str, Any]
) -> Iterator[FieldDifference]:
    have, want = {value_key(v): v for v in present}, {value_key(v): v for v in wanted}
    for key, value in want.items():
        if key not in have or key not in fields:
            yield at.entry(str(value), key).is_("Owner" if key in have else "Value")
    for key, value in have.items():
        if key not in want:
            yield at.entry(str(value), key).is_("Dropped" if key in fields else "Stray")


def entry_key(item: Object, names: Iterable[str]) -> str:
    """`k:{"label":"maker"}`: an entry of a list map in the book of owners."""
    key = {name: item.get(name) for name in sorted(names)}
    return "k:" + json.dumps(key, separators=(",", ":"), ensure_ascii=False)


def value_key(value: Any) -> str:  # noqa: ANN401 -- any JSON scalar
    """`v:"BTC-USD"`: an entry of a list that is a set."""
    return "v:" + json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _entry_name(item: Object, names: Iterable[str]) -> str:
    return "→".join(str(item.get(name)) for name in names)
