"""What an object is after the source's Apply: the API server's merge, for plans and for what people are shown."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from sequence_operator.reconcile.sources.differs import KIND, differences, entry_key
from sequence_operator.reconcile.sources.fields import Object, owned, owned_by_others
from sequence_operator.spec.crd_rules import LIST_MAPS, LIST_SETS
from sequence_operator.spec.names import SOURCE_MANAGER


def merged(rendered: Object, live: Object | None) -> dict[str, Any]:
    """The object as it is when `rendered` was applied to `live` (with managedFields; None = there is none).

    Fields that others say stay. Of the metadata: name, namespace, labels and annotations. Without status. A field that
    falls back to its default is left out.
    """
    if live is None:
        return deepcopy(dict(rendered))
    left = {
        "metadata": {part: live["metadata"].get(part) or {} for part in ("labels", "annotations")},
        "spec": live.get("spec") or {},
    }
    left = deepcopy(left)
    mine, others = owned(live, SOURCE_MANAGER), owned_by_others(live, SOURCE_MANAGER)
    for difference in differences(rendered, live):
        if difference.what == "Dropped":
            _drop(left, difference.address, mine, others)
        elif difference.what == "Stray":
            _drop(left, difference.address, {}, {})
    metadata = {
        **{key: value for key, value in live["metadata"].items() if key in ("name", "namespace", "uid")},
        **{
            part: {**left["metadata"][part], **(rendered["metadata"].get(part) or {})}
            for part in ("labels", "annotations")
        },
    }
    return {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {key: value for key, value in metadata.items() if value},
        "spec": _laid_over("spec", rendered["spec"], left["spec"]),
    }


def _laid_over(place: str, wanted: Any, present: Any) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(wanted, Mapping):
        below = present if isinstance(present, Mapping) else {}
        laid = {key: _laid_over(f"{place}.{key}", value, below.get(key)) for key, value in wanted.items()}
        return {**below, **laid}
    if isinstance(wanted, Sequence) and (KIND, place) in LIST_MAPS:
        names = LIST_MAPS[KIND, place]
        below = {entry_key(item, names): item for item in present or ()}
        laid = {
            entry_key(item, names): _laid_over(f"{place}[]", item, below.get(entry_key(item, names)))
            for item in wanted
        }
        return list({**laid, **{key: item for key, item in below.items() if key not in laid}}.values())
    if isinstance(wanted, Sequence) and (KIND, place) in LIST_SETS:
        return list(dict.fromkeys((*wanted, *(present or ()))))
    return wanted


def _drop(root: Any, address: Sequence[str], mine: Object, others: Object) -> None:  # noqa: ANN401
    """Remove what stands at an address of the book of owners, but what others own, too."""
    holder = root
    for step in address[:-1]:
        holder, mine, others = _step(holder, step), mine.get(step) or {}, others.get(step) or {}
        if holder is None:
            return
    _remove(holder, address[-1], mine.get(address[-1]) or {}, others.get(address[-1]))


def _remove(holder: Any, step: str, mine: Object, others: Object | None) -> None:  # noqa: ANN401
    if others is None:
        _delete(holder, step)
        return
    inside = _step(holder, step)
    for child in _children(mine):
        _remove(inside, child, mine[child] or {}, others.get(child))


def _children(fields: Object) -> Iterator[str]:
    return (key for key in fields if key != ".")


def _step(holder: Any, step: str) -> Any:  # noqa: ANN401
    if step.startswith("f:"):
        return holder.get(step[2:])
    return next((item for item in holder if _is(item, step)), None)


def _delete(holder: Any, step: str) -> None:  # noqa: ANN401
    if step.startswith("f:"):
        holder.pop(step[2:], None)
    else:
        holder[:] = [item for item in holder if not _is(item, step)]


def _is(item: Any, step: str) -> bool:  # noqa: ANN401
    """Whether an entry of a list is the one that `k:{…}` or `v:…` names."""
    named = json.loads(step[2:])
    if step.startswith("v:"):
        return bool(item == named)
    return all(item.get(key) == value for key, value in named.items())
