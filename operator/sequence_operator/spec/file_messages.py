"""What pydantic finds in a `Sequence.toml`, as sentences for the person who wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from sequence_operator.spec import file_model as fm
from sequence_operator.spec.finding import Finding, dotted, shown
from sequence_operator.spec.meta import INT64_MAX
from sequence_operator.spec.suggest import closest, did_you_mean
from sequence_operator.spec.toml_positions import Path
from sequence_operator.spec.venues import VENUES

TABLES: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): fm.Document,
    ("deployment",): fm.DeploymentTable,
    ("build",): fm.BuildTable,
    ("risk",): fm.RiskTable,
    ("instances",): fm.InstanceTable,
    ("instances", "risk"): fm.RiskTable,
    ("mesh",): fm.MeshTable,
    ("mesh", "routes"): fm.RouteTable,
    ("operator",): fm.OperatorTable,
}

_HOSTED = {"strategy", "hosted"}

_MISSING = {
    "deployment": 'the [deployment] table is missing: add [deployment] with name = "my-algo"',
    "deployment.name": 'deployment.name is missing: add name = "my-algo"',
    "instances": 'no instance is given: add [[instances]] with venue = "kraken" and symbols = ["BTC-USD"]',
    "instances.venue": 'instances.venue is missing: add venue = "kraken"',
    "instances.symbols": 'instances.symbols is missing: add symbols = ["BTC-USD"]',
}

_NAMES = "letters, digits, - and _, beginning with a letter or digit"
_PATTERNS = {
    "deployment.name": f"must be 1 to 63 {_NAMES}",
    "instances.label": f"must be 1 to 32 {_NAMES}",
    "mesh.routes.from": f"must be a label: 1 to 32 {_NAMES}",
    "mesh.routes.to": f"must be a label: 1 to 32 {_NAMES}",
    "instances.venue": "must be a venue id in lower case, such as kraken",
    "instances.symbols": "must hold symbols such as BTC-USD or BTC-USD-PERP",
}
_PARAM_NAME = "the name of a parameter must be 1 to 63 letters, digits, - and _, beginning with a letter or _"


def keys_of(path: Path) -> list[str]:
    """Keys that may stand in the table at `path`."""
    model = TABLES.get(tuple(part for part in path if isinstance(part, str)))
    return [] if model is None else [field.alias or name for name, field in model.model_fields.items()]


def findings(errors: Iterable[ErrorDetails], document: Mapping[str, Any]) -> Iterator[Finding]:
    """A finding for each error; a key that is missing because it is misspelt is reported once, as misspelt."""
    errors = list(errors)
    misspelt = {(*path[:-1], wanted) for path, wanted in _misspelt(errors)}
    hosted = bool(_HOSTED & document.keys())
    for error in errors:
        path = _path(error)
        if error["type"] == "missing" and (path in misspelt or (hosted and len(path) == 1)):
            continue
        if path[0] in _HOSTED:
            continue  # the rules across tables have a sentence of their own for it
        yield _finding(error, path)


def _path(error: ErrorDetails) -> Path:
    return tuple(part for part in error["loc"] if part != "[key]")


def _misspelt(errors: Iterable[ErrorDetails]) -> Iterator[tuple[Path, str]]:
    for error in errors:
        if error["type"] == "extra_forbidden":
            path = _path(error)
            wanted = closest(str(path[-1]), keys_of(path[:-1]))
            if wanted:
                yield path, wanted


def _finding(error: ErrorDetails, path: Path) -> Finding:
    name, value, context = dotted(path), error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return Finding(path, "key", _MISSING.get(name, f"{name} is missing"))
        case "extra_forbidden":
            return Finding(path, "key", _unknown(path))
        case "literal_error":
            return Finding(path, "value", _choice(path, name, value))
        case "string_pattern_mismatch" if "[key]" in error["loc"]:
            return Finding(path, "key", f"{_PARAM_NAME}, got {shown(value)}")
        case "string_pattern_mismatch":
            return Finding(
                path, "value", f"{name} {_PATTERNS[name]}, got {shown(value)}{_better(name, value)}"
            )
        case "string_too_long":
            on: Any = "key" if "[key]" in error["loc"] else "value"
            limit = context["max_length"]
            return Finding(path, on, f"{name} must be at most {limit} characters long, got {len(value)}")
        case "string_too_short":
            return Finding(path, "value", f"{name} must not be empty")
        case "param" if isinstance(value, dict) and value.keys() != {"bps"}:
            key = next((key for key in value if key != "bps"), "")
            return Finding(
                (*path, key), "key", f"{name} may be a table only as {{ bps = 12 }}{_got_key(key)}"
            )
        case "param" if isinstance(value, dict):
            return Finding((*path, "bps"), "value", f"{name}.bps {error['msg']}, got {shown(value['bps'])}")
        case "param":
            return Finding(path, "value", f"{name} {error['msg']}, got {shown(value)}")
        case "greater_than_equal":
            return Finding(path, "value", f"{name} must be at least {context['ge']}, got {shown(value)}")
        case "less_than_equal":
            return Finding(path, "value", f"{name} must be {_at_most(context['le'])}, got {shown(value)}")
        case "int_type":
            return Finding(path, "value", f"{name} must be a whole number, got {shown(value)}{_whole(value)}")
        case "list_type":
            return Finding(path, "value", _array(name, value))
    wanted = {"string_type": "a string", "bool_type": "true or false"}.get(error["type"], "a table")
    return Finding(path, "value", f"{name} must be {wanted}, got {shown(value)}")


def _unknown(path: Path) -> str:
    """A key that does not exist: the one that was meant, else the table where it does exist."""
    key, table = str(path[-1]), dotted(path[:-1])
    where = f" in {table}" if table else ""
    message = f"unknown key {shown(key) if not key.isprintable() or ' ' in key else key}{where}"
    hint = did_you_mean(key, keys_of(path[:-1]))
    if hint:
        return message + hint
    for other, model in TABLES.items():
        if other and key in model.model_fields:
            return f"{message}: it belongs under {f'[[{other[0]}]]' if other[0] == 'instances' else f'[{other[0]}]'}"
    return f"{message}; known are {', '.join(keys_of(path[:-1]))}"


def _got_key(key: str) -> str:
    return f", got the key {shown(key)}{did_you_mean(key, ['bps'])}" if key else ", got an empty one"


def _choice(path: Path, name: str, value: object) -> str:
    table = TABLES[tuple(part for part in path[:-1] if isinstance(part, str))]
    annotation = table.model_fields[str(path[-1])].annotation
    words = list(dict.fromkeys(_words(annotation)))
    hint = did_you_mean(value, words, '"') if isinstance(value, str) else ""
    return f"{name} must be {' or '.join(shown(w) for w in words)}, got {shown(value)}{hint}"


def _words(annotation: object) -> Iterator[str]:
    """The strings of a Literal, also inside `Literal[…] | None`."""
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from _words(part)


def _better(name: str, value: str) -> str:
    """What was probably meant by a string that does not match."""
    if name == "instances.venue":
        return did_you_mean(value, VENUES, '"')
    if name == "instances.symbols" and "/" in value:
        return f': did you mean "{value.replace("/", "-").upper()}"?'
    return ""


def _at_most(limit: int) -> str:
    return "below 2^63 (at most 9223372036854775807)" if limit == INT64_MAX else f"at most {limit}"


def _whole(value: object) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
        return f" (a float): write {int(value)}"
    return " (a float)" if isinstance(value, float) else ""


def _array(name: str, value: object) -> str:
    if name == "instances" and isinstance(value, dict):
        return "instances are a list: write [[instances]] with double brackets"
    hint = f": write [{shown(value)}]" if isinstance(value, str) else ""
    return f"{name} must be an array, got {shown(value)}{hint}"
