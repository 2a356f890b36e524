"""A problem before its place is known: the path of the key it concerns, and how values are shown in sentences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sequence_operator.spec.problems import Problem
from sequence_operator.spec.toml_positions import Path, Place, Position


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with the key or the value at `path` of the document."""

    path: Path
    on: Literal["key", "value"]
    message: str

    def at(self, places: Mapping[Path, Place]) -> Position:
        """Its place; for something that is not there, the place of the nearest table that should hold it."""
        path = self.path
        while path and path not in places:
            path = path[:-1]
        if not path:
            return Position(1, 1)
        place = places[path]
        return place.value if self.on == "value" and path == self.path else place.key

    def problem(self, file: str, places: Mapping[Path, Place]) -> Problem:
        position = self.at(places)
        return Problem(file, position.line, position.column, self.message)


def dotted(path: Path) -> str:
    """`("instances", 1, "risk", "max_order_rate")` → `instances.risk.max_order_rate`: the line says which one."""
    return ".".join(part for part in path if isinstance(part, str))


def shown(value: object) -> str:
    """A value as TOML would write it, cut when long; tables, arrays and dates by their kind."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = json.dumps(value, ensure_ascii=False)
            return text if len(text) <= 60 else text[:57] + '…"'
        case int() | float():
            text = str(value)
            return text if len(text) <= 60 else text[:57] + "…"
        case dict():
            return "a table"
        case list():
            return "an array"
    return "a date or time"
