"""Reading `Sequence.toml`: text → tables, with every problem of the file in one run, each at its line and column."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import tomli
from pydantic import ValidationError

from sequence_operator.spec import file_messages, file_rules
from sequence_operator.spec.deployment import Instance, Mesh, Param, Risk, Route
from sequence_operator.spec.file_model import (
    BuildTable,
    DeploymentTable,
    Document,
    InstanceTable,
    OperatorTable,
    ParamValue,
    RiskTable,
)
from sequence_operator.spec.names import FILE_NAME
from sequence_operator.spec.problems import Problem, SpecError
from sequence_operator.spec.toml_positions import Path, Place, last_statement, scan


@dataclass(frozen=True)
class SequenceFile:
    """A `Sequence.toml` without problems.

    path:       as shown to people; `text` is what was read.
    params:     in file order, slot = position.
    instances:  with labels; a single unlabelled one is `main`. Their params are overrides and have no slot.
    mesh:       None = every instance may message every other.
    places:     where each key and value stands, by path of keys and indices.
    """

    path: str
    text: str = field(repr=False)
    deployment: DeploymentTable
    build: BuildTable
    risk: Risk | None
    params: tuple[Param, ...]
    instances: tuple[Instance, ...]
    mesh: Mesh | None
    operator: OperatorTable
    places: Mapping[Path, Place] = field(repr=False, compare=False)

    def where(self, *path: str | int) -> str:
        """`Sequence.toml:LINE:COLUMN` of a key, for messages. Raises KeyError when the file does not have it."""
        position = self.places[path].key
        return f"{self.path}:{position.line}:{position.column}"


def load(path: str | os.PathLike[str]) -> SequenceFile:
    """Read a file. Raises SpecError with all its problems; OSError when it cannot be read.

    In messages the path is relative to the current directory where it lies inside it.
    """
    file = FilePath(path)
    name = str(file)
    if file.is_absolute() and file.is_relative_to(FilePath.cwd()):
        name = str(file.relative_to(FilePath.cwd()))
    raw = file.read_bytes()
    try:
        return parse(raw.decode("utf-8"), name)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"not UTF-8: byte 0x{raw[error.start]:02x}; save the file as UTF-8"
        raise SpecError([Problem(name, line, column, message)]) from None


def parse(text: str, path: str = FILE_NAME) -> SequenceFile:
    """Check a text. Raises SpecError with all problems; a syntax error is alone, since nothing behind it is known."""
    document, places = _toml(text, path)
    findings = list(file_rules.check(document, places))
    try:
        tables = Document.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False)
        findings += file_messages.findings(details, document)
    if findings:
        raise SpecError({finding.problem(path, places) for finding in findings})
    return SequenceFile(
        path=path,
        text=text,
        deployment=tables.deployment,
        build=tables.build,
        risk=_risk(tables.risk),
        params=tuple(_param(name, value, slot) for slot, (name, value) in enumerate(tables.params.items())),
        instances=tuple(_instance(table) for table in tables.instances),
        mesh=None
        if tables.mesh is None
        else Mesh(routes=[Route(from_=r.from_, to=r.to) for r in tables.mesh.routes]),
        operator=tables.operator,
        places=places,
    )


def _toml(text: str, path: str) -> tuple[dict[str, Any], dict[Path, Place]]:
    if text.startswith("\ufeff"):
        message = "the file begins with a byte order mark: save it as UTF-8 without one"
        raise SpecError([Problem(path, 1, 1, message)])
    try:
        return tomli.loads(text), scan(text)
    except tomli.TOMLDecodeError as error:
        raise SpecError([_syntax_problem(error, path)]) from None
    except RecursionError:
        raise SpecError([Problem(path, 1, 1, "arrays and tables are nested too deeply")]) from None
    except ValueError:  # Python refuses to convert numbers of thousands of digits, without a position
        raise SpecError([Problem(path, 1, 1, "a number in this file has thousands of digits")]) from None


def _syntax_problem(error: tomli.TOMLDecodeError, path: str) -> Problem:
    if error.msg.startswith("Cannot "):  # overwrite, declare twice, redefine: tomli notices behind the value
        position = last_statement(error.doc[: error.pos])
        message = "this key or table stands in the file already; each may be given once"
        return Problem(path, position.line, position.column, message)
    if error.msg == r"Illegal character '\n'":
        return Problem(path, error.lineno, error.colno, "this string is not closed on its line")
    return Problem(path, error.lineno, error.colno, f"not valid TOML: {error.msg}")


def _risk(table: RiskTable | None) -> Risk | None:
    return None if table is None else Risk(**table.model_dump(exclude_none=True))


def _param(name: str, value: ParamValue, slot: int | None) -> Param:
    kind, number = value
    return Param.model_validate({"name": name, "slot": slot, kind: number})


def _instance(table: InstanceTable) -> Instance:
    return Instance(
        label=table.label or file_rules.DEFAULT_LABEL,
        venue=table.venue,
        symbols=table.symbols,
        instrument_type=table.instrument_type,
        risk=_risk(table.risk),
        params=[_param(name, value, None) for name, value in table.params.items()],
    )
