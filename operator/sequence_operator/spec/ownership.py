"""Who owns which field of an object: server-side apply's book of it in ``metadata.managedFields``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def owners(obj: Mapping[str, Any], *path: str) -> tuple[str, ...]:
    """The field managers that own a field, or something below it; path: its names from the root.

    `owners(obj, "spec", "state")`. Empty when nobody set it (its value is a default), and for an object whose
    managedFields were left out. List items are not looked into.
    """
    return tuple(
        dict.fromkeys(
            str(entry.get("manager", ""))
            for entry in obj["metadata"].get("managedFields") or ()
            if _holds(entry.get("fieldsV1") or {}, path)
        )
    )


def _holds(fields: Any, path: tuple[str, ...]) -> bool:  # noqa: ANN401 -- any JSON
    for name in path:
        if not isinstance(fields, Mapping) or f"f:{name}" not in fields:
            return False
        fields = fields[f"f:{name}"]
    return True
