"""Rules of `Sequence.toml` that look at more than one key.

They read the raw document and pass over whatever has the wrong type, so that they run beside the check of types and
one run reports everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from sequence_operator.spec.deployment import MAX_INSTANCES, MAX_PARAMS, MAX_ROUTES, MAX_SYMBOLS, Risk
from sequence_operator.spec.finding import Finding, shown
from sequence_operator.spec.suggest import closest, did_you_mean
from sequence_operator.spec.toml_positions import Path, Place
from sequence_operator.spec.venues import UPPER_CASE_SYMBOLS, VENUES

DEFAULT_LABEL = "main"

Document = Mapping[str, Any]
Places = Mapping[Path, Place]


def check(document: Document, places: Places) -> Iterator[Finding]:
    """All findings of all rules."""
    for rule in _RULES:
        yield from rule(document, places)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _instances(document: Document) -> Iterator[tuple[Path, dict[str, Any]]]:
    for index, instance in enumerate(_list(document.get("instances"))):
        yield ("instances", index), _table(instance)


def _labels(document: Document) -> list[str]:
    """Labels in use; the only instance may leave its own out."""
    instances = list(_instances(document))
    default = DEFAULT_LABEL if len(instances) == 1 else None
    labels = [instance.get("label", default) for _, instance in instances]
    return [label for label in labels if isinstance(label, str)]


def _line(places: Places, path: Path) -> str:
    return f"line {places[path].key.line}"


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# -- the rules ----------------------------------------------------------------------------------------------------


def _hosted(document: Document, _: Places) -> Iterator[Finding]:
    for table in ("strategy", "hosted"):
        if table in document:
            yield Finding(
                (table,),
                "key",
                f"[{table}] describes a hosted Python strategy, which is not a WASM deployment and is not deployed "
                "by this command; a WASM deployment has [deployment] and [[instances]]",
            )


def _counts(document: Document, _: Places) -> Iterator[Finding]:
    """At most, and at least, so many; the finding is at the first one too many."""
    lists: list[tuple[Path, object, int, int]] = [
        (("instances",), document.get("instances"), 1, MAX_INSTANCES),
        (("mesh", "routes"), _table(document.get("mesh")).get("routes"), 0, MAX_ROUTES),
    ]
    lists += [((*at, "symbols"), i.get("symbols"), 1, MAX_SYMBOLS) for at, i in _instances(document)]
    for path, value, least, most in lists:
        if isinstance(value, list) and not least <= len(value) <= most:
            where: Path = (*path, most) if len(value) > most else path
            message = f"{least} to {most} {path[-1]} may be given, got {len(value)}"
            yield Finding(where, "value", message)
    names = list(_table(document.get("params")))
    if len(names) > MAX_PARAMS:
        message = (
            f"at most {MAX_PARAMS} params may be given, got {len(names)}: the algo's table has no more slots"
        )
        yield Finding(("params", names[MAX_PARAMS]), "key", message)


def _unique_labels(document: Document, places: Places) -> Iterator[Finding]:
    instances = list(_instances(document))
    seen: dict[str, Path] = {}
    for path, instance in instances:
        if "label" not in instance:
            if len(instances) > 1:
                message = (
                    'instances.label is missing: with more than one instance each needs one, label = "maker"'
                )
                yield Finding(path, "key", message)
            continue
        label = instance["label"]
        if not isinstance(label, str):
            continue
        here = (*path, "label")
        if label in seen:
            message = f"label {shown(label)} is taken by the instance in {_line(places, seen[label])}"
            yield Finding(here, "value", message)
        seen.setdefault(label, here)


def _venues(document: Document, _: Places) -> Iterator[Finding]:
    """A venue nobody knows is the platform's to judge; one that is nearly a known one is a slip."""
    for path, instance in _instances(document):
        venue = instance.get("venue")
        if not isinstance(venue, str) or venue in VENUES or venue != venue.lower():
            continue
        near = closest(venue, VENUES, cutoff=0.8)
        if near and not venue.startswith(near):  # such as binance_us, which may well exist one day
            message = f"unknown venue {shown(venue)}: did you mean {shown(near)}?"
            yield Finding((*path, "venue"), "value", message)


def _symbols(document: Document, _: Places) -> Iterator[Finding]:
    for path, instance in _instances(document):
        seen: set[str] = set()
        for index, symbol in enumerate(_list(instance.get("symbols"))):
            if not isinstance(symbol, str):
                continue
            here = (*path, "symbols", index)
            if symbol in seen:
                yield Finding(here, "value", f"symbol {shown(symbol)} is given twice")
            elif instance.get("venue") in UPPER_CASE_SYMBOLS and symbol.isascii() and symbol.islower():
                better = symbol.replace("/", "-").upper()
                message = f"symbols of this venue are upper case: did you mean {shown(better)}?"
                yield Finding(here, "value", message)
            seen.add(symbol)


def _tighten(document: Document, places: Places) -> Iterator[Finding]:
    limits = _table(document.get("risk"))
    for path, instance in _instances(document):
        risk = _table(instance.get("risk"))
        for key in Risk.model_fields:
            limit, value = _number(limits.get(key)), _number(risk.get(key))
            if limit is not None and value is not None and value > limit:
                line = _line(places, ("risk", key))
                message = f"instances.risk.{key} may only tighten risk.{key} = {limit} ({line}), got {value}"
                yield Finding((*path, "risk", key), "value", message)


def _kind(value: object) -> str:
    if isinstance(value, dict):
        return "bps"
    return type(value).__name__


def _overrides(document: Document, places: Places) -> Iterator[Finding]:
    params = _table(document.get("params"))
    for path, instance in _instances(document):
        for name, value in _table(instance.get("params")).items():
            here = (*path, "params", name)
            if name not in params:
                message = f"instances.params.{name} overrides nothing, for [params] has no {name}"
                yield Finding(here, "key", message + did_you_mean(name, params))
            elif _kind(value) != _kind(params[name]):
                line = _line(places, ("params", name))
                message = f"instances.params.{name} must be of the same kind as params.{name} ({line})"
                yield Finding(here, "value", f"{message}: {_kind(params[name])}, got {_kind(value)}")


def _routes(document: Document, _: Places) -> Iterator[Finding]:
    labels = _labels(document)
    seen: set[tuple[str, str]] = set()
    for index, item in enumerate(_list(_table(document.get("mesh")).get("routes"))):
        route, path = _table(item), ("mesh", "routes", index)
        for end in ("from", "to"):
            label = route.get(end)
            if isinstance(label, str) and label not in labels:
                message = f"mesh.routes: no instance has the label {shown(label)}"
                yield Finding((*path, end), "value", message + did_you_mean(label, labels, '"'))
        source, target = route.get("from"), route.get("to")
        if not isinstance(source, str) or not isinstance(target, str):
            continue
        if source == target:
            yield Finding(path, "value", f"mesh.routes: {shown(source)} cannot have a route to itself")
        elif (source, target) in seen:
            yield Finding(path, "value", f"mesh.routes: from {source} to {target} is given twice")
        seen.add((source, target))


def _wasm_path(document: Document, _: Places) -> Iterator[Finding]:
    wasm = _table(document.get("build")).get("wasm")
    if not isinstance(wasm, str) or not wasm:
        return
    outside = PurePosixPath(wasm).is_absolute() or ".." in PurePosixPath(wasm).parts or wasm.startswith("~")
    if outside or PureWindowsPath(wasm).anchor or "\\" in wasm or not wasm.isprintable():
        message = f"build.wasm must be a path inside the project, relative to this file, got {shown(wasm)}"
        yield Finding(("build", "wasm"), "value", message)


_RULES: tuple[Callable[[Document, Places], Iterator[Finding]], ...] = (
    _hosted,
    _counts,
    _unique_labels,
    _venues,
    _symbols,
    _tighten,
    _overrides,
    _routes,
    _wasm_path,
)
