"""What Cargo.toml files say about each other: pure reading of one manifest, with the place of each statement."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import tomli

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.spec import toml_positions
from sequence_operator.spec.problems import Problem

Key = tuple[str | int, ...]

MANIFEST, LOCK = "Cargo.toml", "Cargo.lock"
_TABLES = ("dependencies", "dev-dependencies", "dev_dependencies", "build-dependencies", "build_dependencies")


@dataclass(frozen=True, slots=True)
class Dependency:
    """One dependency of a manifest's tables: its key there, its name, and what is written about it."""

    key: Key
    name: str
    table: Mapping[str, Any]

    @property
    def inherited(self) -> bool:
        """Whether the workspace's root says the rest (`workspace = true`)."""
        return self.table.get("workspace") is True


@dataclass(frozen=True, slots=True)
class Manifest:
    """A parsed Cargo.toml. path: as messages name it."""

    path: str
    data: Mapping[str, Any]
    text: str

    def problem(self, reason: str, key: Key, message: str, hint: str = "") -> ArtifactError:
        """An error at the value of `key`, or at the nearest table that should hold it."""
        places = toml_positions.scan(self.text)
        while key and key not in places:
            key = key[:-1]
        at = places[key].value if key else toml_positions.Position(1, 1)
        return ArtifactError(reason, str(Problem(self.path, at.line, at.column, message)), hint)

    @property
    def package(self) -> Mapping[str, Any] | None:
        return table(self.data, "package")

    @property
    def workspace(self) -> Mapping[str, Any] | None:
        return table(self.data, "workspace")

    def dependencies(self) -> Iterator[Dependency]:
        """Of every table: plain, dev and build, for all targets and for some."""
        yield from self._of(())
        for target in table(self.data, "target") or {}:
            yield from self._of(("target", target))

    def replacements(self) -> Iterator[Dependency]:
        """Of `[patch.*]` and `[replace]`, which count in a workspace's root only."""
        for source in table(self.data, "patch") or {}:
            yield from self._table(("patch", source))
        yield from self._table(("replace",))

    def shared(self, name: str) -> Dependency | None:
        """What the workspace says of the dependency `name` that its members inherit."""
        key: Key = ("workspace", "dependencies")
        return next((each for each in self._table(key) if each.name == name), None)

    def strings(self, *key: str) -> Iterator[tuple[Key, str]]:
        """The strings of an array, with their keys."""
        found: Any = self.data
        for part in key:
            found = found.get(part) if isinstance(found, dict) else None
        for index, value in enumerate(found if isinstance(found, list) else []):
            if isinstance(value, str):
                yield (*key, index), value

    def _of(self, prefix: Key) -> Iterator[Dependency]:
        for name in _TABLES:
            yield from self._table((*prefix, name))

    def _table(self, key: Key) -> Iterator[Dependency]:
        found: Any = self.data
        for part in key:
            found = found.get(part) if isinstance(found, dict) else None
        for name, value in (found if isinstance(found, dict) else {}).items():
            if isinstance(value, dict):
                yield Dependency((*key, name), name, value)


def table(data: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    found = data.get(name)
    return found if isinstance(found, dict) else None


def parse(path: str, content: bytes) -> Manifest:
    """Raises ArtifactError (ManifestInvalid) at the place of the mistake."""
    hint = "`cargo metadata` in that folder shows it too"
    try:
        text = content.decode()
        return Manifest(path, tomli.loads(text), text)
    except UnicodeDecodeError as problem:
        raise ArtifactError("ManifestInvalid", f"{path}: not UTF-8: {problem}", hint) from None
    except tomli.TOMLDecodeError as problem:
        at = Problem(path, problem.lineno, problem.colno, f"not TOML: {problem.msg}")
        raise ArtifactError("ManifestInvalid", str(at), hint) from None
    except RecursionError:
        raise ArtifactError("ManifestInvalid", f"{path}: nested too deeply", hint) from None
