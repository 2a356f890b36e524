"""A registration on the platform, written as the `Sequence.toml` that would have made it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sequence_operator.spec.deployment import Risk

if TYPE_CHECKING:  # importing the platform client costs a third of a second
    from sequence_operator.platform.rows import InstanceRow, ParamRow, Row

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_EDGE = re.compile(r"venue-edge-([a-z][a-z0-9_]*?)(-perp)?\Z")


class NotExportableError(ValueError):
    """The platform tells too little for a file; the text says what is missing."""


@dataclass(slots=True)
class Exported:
    """`text`: of the file. `notes`: what could not be written as it is, or is not known, in sentences; the text has
    them as comments."""

    text: str = ""
    notes: list[str] = field(default_factory=list)


def export(row: "Row", endpoint: str) -> Exported:
    """The file. Raises NotExportableError when instances or names are not told.

    What the platform told reads back to the same wire form, but for what a note names.
    """
    made = Exported()
    if not row.name:
        raise NotExportableError("the platform does not say what it is called")
    blocks = [
        _deployment(row),
        _limits(row, made),
        _params(row, made),
        *_instances(row, made),
        _mesh(row, made),
        _policies(row, made),
    ]
    head = _head(row, endpoint, made.notes)
    made.text = "\n".join("\n".join(block) + "\n" for block in (head, *blocks) if block)
    return made


def _head(row: "Row", endpoint: str, notes: list[str]) -> list[str]:
    revision = f", revision {row.revision}" if row.revision is not None else ""
    lines = [f"{row.name} as it is registered on {endpoint}: {row.deployment_id}{revision}."]
    commit = row.metadata.commit if row.metadata is not None else None
    lines.append(
        f"Its module has the SHA-256 {row.wasm_sha256 or '(not told)'}"
        + (f", from commit {commit}." if commit else ".")
    )
    lines.append(
        "The platform does not give the module back: put this file beside the crate it was built from."
    )
    lines.append(
        "It does not hold description, state policy, [build] and [operator] but on_stop: see the reference."
    )
    lines += notes
    return [f"# {line}" for line in lines]


def _deployment(row: "Row") -> list[str]:
    return ["[deployment]", f"name = {_text(row.name or '')}"]


def _limits(row: "Row", made: Exported) -> list[str]:
    if row.risk is None:
        made.notes.append("The platform does not tell its risk limits: write them under [risk].")
        return []
    lines = [f"{key} = {value}" for key, value in _known(row.risk, "risk", made)]
    return ["[risk]", *lines] if lines else []


def _known(limits: Mapping[str, int], where: str, made: Exported) -> Iterable[tuple[str, int]]:
    """The limits that a file can have, in the file's usual order."""
    for name in sorted(set(limits) - set(Risk.model_fields)):
        made.notes.append(f"{where}.{name} = {limits[name]} on the platform has no key in this file.")
    return [(name, limits[name]) for name in Risk.model_fields if name in limits]


def _params(row: "Row", made: Exported) -> list[str]:
    if row.params is None:
        made.notes.append(
            "The platform does not tell its parameters: write them under [params], in slot order."
        )
        return []
    ordered = sorted(row.params, key=lambda param: (param.slot is None, param.slot or 0))
    slots = [param.slot for param in ordered]
    if slots != list(range(len(slots))):
        made.notes.append(
            f"The parameters are in slots {', '.join(map(str, slots))} on the platform; a file has them in slots from "
            "0 on, in its order."
        )
    return ["[params]", *(f"{_key(p.name)} = {_value(p)}" for p in ordered)] if ordered else []


def _value(param: "ParamRow") -> str:
    value = param.value
    if value is None:
        raise NotExportableError(f"the platform does not tell the value of parameter {param.name}")
    if param.type == "bps":
        return f"{{ bps = {int(value)} }}"
    if param.type == "bool" or isinstance(value, bool):
        return "true" if value else "false"
    if param.type == "float" or isinstance(value, float):
        return repr(float(value))
    return str(int(value))


def _instances(row: "Row", made: Exported) -> list[list[str]]:
    if row.instances:
        only = row.symbols if len(row.instances) == 1 else None
        return [_instance(instance, only, made) for instance in row.instances]
    edges = [_EDGE.match(edge.edge_id) for edge in row.edges or ()]
    if not edges or None in edges or not row.symbols:
        raise NotExportableError(
            "the platform tells neither its instances nor the edges and symbols they are on"
        )
    made.notes.append(
        "The platform does not tell its instances: one for each edge is assumed, with all symbols and the edge's name "
        "as label."
    )
    blocks = []
    for found in edges:
        if found is not None:
            kind = "perp" if found[2] else "spot"
            label = found[1] + (found[2] or "")
            blocks.append(["[[instances]]", *_place(label, found[1], row.symbols, kind)])
    return blocks


def _instance(instance: "InstanceRow", symbols: tuple[str, ...] | None, made: Exported) -> list[str]:
    on_edge = _EDGE.match(instance.edge_id or "")
    venue = instance.venue or (on_edge[1] if on_edge else None)
    traded = instance.symbols or symbols
    if venue is None or not traded:
        raise NotExportableError(f"the platform does not tell venue and symbols of instance {instance.label}")
    kind = instance.instrument_type or ("perp" if on_edge and on_edge[2] else "spot")
    lines = ["[[instances]]", *_place(instance.label, venue, traded, kind)]
    where = f"instances.{instance.label}"
    limits = [f"{k} = {v}" for k, v in _known(instance.risk or {}, f"{where}.risk", made)]
    lines += [f"risk = {{ {', '.join(limits)} }}"] if limits else []
    params = [f"{_key(param.name)} = {_value(param)}" for param in instance.params or ()]
    lines += [f"params = {{ {', '.join(params)} }}"] if params else []
    untold = [name for name in ("risk", "params") if getattr(instance, name) is None]
    if untold:
        made.notes.append(f"The platform does not tell {' and '.join(f'{where}.{name}' for name in untold)}.")
    return lines


def _place(label: str, venue: str, symbols: tuple[str, ...], kind: str) -> list[str]:
    lines = [f"label = {_text(label)}", f"venue = {_text(venue)}"]
    lines.append(f"symbols = [{', '.join(map(_text, symbols))}]")
    return lines if kind == "spot" else [*lines, f"instrument_type = {_text(kind)}"]


def _mesh(row: "Row", made: Exported) -> list[str]:
    if row.full_mesh:
        return []
    if row.routes is None:
        if len(row.instances or row.edges or ()) > 1:
            made.notes.append(
                "The platform does not tell its routes: without [mesh] every instance may message all."
            )
        return []
    if not row.routes:
        return ["[mesh]", "routes = []"]
    listed = [f"  {{ from = {_text(source)}, to = {_text(target)} }}," for source, target in row.routes]
    return ["[mesh]", "routes = [", *listed, "]"]


def _policies(row: "Row", made: Exported) -> list[str]:
    if row.on_stop is None:
        made.notes.append(
            "The platform does not tell what a stop does with resting orders: on_stop is left out."
        )
    return ["[operator]", 'on_stop = "cancel"'] if row.on_stop == "cancel" else []


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _text(name)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=True)
