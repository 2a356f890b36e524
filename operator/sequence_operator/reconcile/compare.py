"""Field by field: where the platform is not as desired, and what puts it right. Only what it returned is compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sequence_operator.reconcile.actions import Difference, Direction
from sequence_operator.reconcile.case import UNKNOWN_DIGEST, Case
from sequence_operator.reconcile.identity import held_digest
from sequence_operator.reconcile.row import Row, RowInstance, RowParam
from sequence_operator.spec.meta import camel
from sequence_operator.spec.wire import WireDeployment, WireInstance, WireParam


def differences(case: Case, row: Row) -> tuple[Difference, ...]:
    """All differences but the running state. On a platform that cannot patch, an Update becomes a Replace."""
    found = [
        *_artifact(case, row),
        *_topology(case, row),
        *_risk("risk", case.wire.risk, row.risk),
        *_params("params", case.wire.params, row.params),
        *_instances(case, row),
        *_mesh(case, row),
        *_on_stop(case, row),
        *_unseen(case, row),
    ]
    if row.revision is not None:
        return (*found, *_metadata(case, row))
    return tuple(_by_replace(d) for d in found)


def patch_body(case: Case, row: Row, found: Iterable[Difference]) -> dict[str, Any]:
    """Body of the patch that puts the Update differences right; every key in it replaces the whole value.

    Limits are as the spec says after an edit; else each as tight as either side has it.
    """
    fields = [d.field for d in found]
    roots = {f.split(".")[0].split("[")[0] for f in fields}
    if "spec" in roots or "metadata.specDigest" in fields:
        roots |= _untold(row)  # what changed may be something that the platform does not show
    body: dict[str, Any] = {}
    if "risk" in roots:
        body["risk"] = dict(case.wire.risk) if case.edited else _tightest(case.wire.risk, row.risk)
    if "params" in roots:
        body["params"] = [p.as_json() for p in case.wire.params]
    if "mesh" in roots:
        body["mesh"] = case.wire.mesh_json()
    if "onStop" in roots:
        body["on_stop"] = case.wire.on_stop
    if "instances" in roots:
        limits = _instance_limits(case, row)
        body["instances"] = [
            {
                "label": i.label,
                "risk": dict(i.risk) if case.edited else limits.get(i.label, dict(i.risk)),
                "params": [p.as_json() for p in i.params],
            }
            for i in case.wire.instances
        ]
    if row.metadata is not None:
        body["metadata"] = case.metadata
    return body


def tighter_body(case: Case, row: Row) -> dict[str, Any]:
    """Body of a patch that makes every limit as tight as the tighter of spec and platform, and changes nothing else.
    Empty when no limit of the platform is looser."""
    body: dict[str, Any] = {}
    limits = _tightest(case.wire.risk, row.risk)
    if row.risk is not None and limits != dict(row.risk):
        body["risk"] = limits
    held = {i.label: i.risk for i in row.instances or ()}
    instances = [
        {"label": label, "risk": own}
        for label, own in _instance_limits(case, row).items()
        if own != dict(held[label] or {})
    ]
    if instances:
        body["instances"] = instances
    return body


def wire_with_kept_limits(case: Case, row: Row) -> WireDeployment | None:
    """The desired form, with every limit that `row` has tighter; None when it has none."""
    limits, own = _tightest(case.wire.risk, row.risk), _instance_limits(case, row)
    instances = tuple(replace(i, risk=own.get(i.label, i.risk)) for i in case.wire.instances)
    wire = replace(case.wire, risk=limits, instances=instances)
    return None if wire == case.wire else wire


def _instance_limits(case: Case, row: Row) -> dict[str, dict[str, int]]:
    """By label: the tighter of both sides, and never looser than the deployment's own, which platforms refuse."""
    whole = _tightest(case.wire.risk, row.risk)
    wanted = {i.label: i.risk for i in case.wire.instances}
    found = {}
    for there in row.instances or ():
        if there.label in wanted and there.risk is not None:
            own = _tightest(wanted[there.label], there.risk)
            found[there.label] = {k: min(v, whole.get(k, v)) for k, v in own.items()}
    return found


def _tightest(here: Mapping[str, int], there: Mapping[str, int] | None) -> dict[str, int]:
    """Every limit of either side, the smaller value where both have it: each is an upper bound."""
    held = there or {}
    both = {**held, **here}
    return {key: min(value, held.get(key, value)) for key, value in both.items()}


def _untold(row: Row) -> set[str]:
    instances = row.instances or ()
    overrides_told = bool(instances) and all(i.risk is not None and i.params is not None for i in instances)
    told = {
        "risk": row.risk is not None,
        "params": row.params is not None,
        "mesh": row.full_mesh is not None,
        "onStop": row.on_stop is not None,
        "instances": overrides_told,
    }
    return {root for root, shown in told.items() if not shown}


def loosened(found: Iterable[Difference]) -> bool:
    """Whether a risk limit is to become looser than the platform's."""
    return any(d.direction == "loosens" for d in found)


def too_loose(found: Iterable[Difference]) -> tuple[Difference, ...]:
    """The limits in which the platform allows more than the spec."""
    return tuple(d for d in found if d.direction == "tightens")


def _by_replace(d: Difference) -> Difference:
    return Difference(d.field, d.desired, d.observed, "Replace", d.direction)


def _artifact(case: Case, row: Row) -> Iterable[Difference]:
    held = held_digest(case, row)
    if not case.sha:
        return
    if held is not None and held != case.sha:
        yield Difference("artifact.sha256", case.sha[:12], held[:12], "Replace")
    elif row.wasm_sha256 is None and row.size_bytes is not None:
        size = _known_size(case)
        if size and size != row.size_bytes:
            yield Difference("artifact.sizeBytes", str(size), str(row.size_bytes), "Replace")


def _known_size(case: Case) -> int | None:
    view, recorded = case.observed.artifact, case.record.artifact
    if view.sha256 == case.sha and view.size_bytes is not None:
        return view.size_bytes
    if recorded is not None and recorded.sha256 == case.sha:
        return recorded.size_bytes
    return None


def _topology(case: Case, row: Row) -> Iterable[Difference]:
    if row.instances is None:
        if row.symbols is not None and set(row.symbols) != set(case.wire.symbols):
            yield Difference("symbols", _names(case.wire.symbols), _names(row.symbols), "Replace")
        return
    there = {i.label: i for i in row.instances}
    here = {i.label: i for i in case.wire.instances}
    for label in sorted(here.keys() | there.keys()):
        if label not in there:
            yield Difference(f"instances[{label}]", "present", "absent", "Replace")
        elif label not in here:
            yield Difference(f"instances[{label}]", "absent", "present", "Replace")
        else:
            yield from _placement(here[label], there[label])


def _placement(here: WireInstance, there: RowInstance) -> Iterable[Difference]:
    path = f"instances[{here.label}]"
    if there.venue is not None and there.venue != here.venue:
        yield Difference(f"{path}.venue", here.venue, there.venue, "Replace")
    if there.symbols is not None and set(there.symbols) != set(here.symbols):
        yield Difference(f"{path}.symbols", _names(here.symbols), _names(there.symbols), "Replace")
    if there.instrument_type is not None and there.instrument_type != here.instrument_type:
        yield Difference(f"{path}.instrumentType", here.instrument_type, there.instrument_type, "Replace")


def _instances(case: Case, row: Row) -> Iterable[Difference]:
    there = {i.label: i for i in row.instances or ()}
    for here in case.wire.instances:
        if here.label in there:
            path = f"instances[{here.label}]"
            yield from _risk(f"{path}.risk", here.risk, there[here.label].risk)
            yield from _overrides(f"{path}.params", here.params, there[here.label].params)


def _risk(path: str, here: Mapping[str, int], there: Mapping[str, int] | None) -> Iterable[Difference]:
    if there is None:
        return
    for key in sorted(here.keys() | there.keys()):
        wanted, held = here.get(key), there.get(key)
        if wanted != held:
            yield Difference(
                f"{path}.{camel(key)}", _show(wanted), _show(held), "Update", _direction(wanted, held)
            )


def _direction(wanted: int | None, held: int | None) -> Direction:
    """Every limit is an upper bound, so a smaller one is tighter and none at all the loosest."""
    if wanted is None:
        return "loosens"
    return "tightens" if held is None or wanted < held else "loosens"


def _params(path: str, here: Sequence[WireParam], there: Sequence[RowParam] | None) -> Iterable[Difference]:
    """Deployment parameters: a slot or a type is part of the algo's layout, a value is not."""
    if there is None:
        return
    wanted, held = {p.name: p for p in here}, {p.name: p for p in there}
    for name in sorted(wanted.keys() | held.keys()):
        w, h = wanted.get(name), held.get(name)
        if w is None or h is None:
            yield Difference(
                f"{path}[{name}]", "present" if w else "absent", "present" if h else "absent", "Replace"
            )
        elif h.slot is not None and h.slot != w.slot:
            yield Difference(f"{path}[{name}].slot", str(w.slot), str(h.slot), "Replace")
        elif h.type is not None and h.type != w.type:
            yield Difference(f"{path}[{name}].type", w.type, h.type, "Replace")
        elif h.value is not None and h.value != w.value:
            yield Difference(f"{path}[{name}]", _show(w.value), _show(h.value), "Update")


def _overrides(
    path: str, here: Sequence[WireParam], there: Sequence[RowParam] | None
) -> Iterable[Difference]:
    """An instance's own values; they come and go without touching the layout."""
    if there is None:
        return
    wanted, held = {p.name: p.value for p in here}, {p.name: p.value for p in there}
    for name in sorted(wanted.keys() | held.keys()):
        if wanted.get(name) != held.get(name):
            yield Difference(f"{path}[{name}]", _show(wanted.get(name)), _show(held.get(name)), "Update")


def _mesh(case: Case, row: Row) -> Iterable[Difference]:
    if row.full_mesh is None:
        return
    labels = [i.label for i in case.wire.instances]
    full = {(a, b) for a in labels for b in labels if a != b}
    wanted = full if case.wire.routes is None else set(case.wire.routes)
    held = full if row.full_mesh else set(row.routes or ())
    if wanted != held:
        yield Difference("mesh.routes", _routes(wanted), _routes(held), "Update")


def _on_stop(case: Case, row: Row) -> Iterable[Difference]:
    if row.on_stop is not None and row.on_stop != case.wire.on_stop:
        yield Difference("onStop", case.wire.on_stop, row.on_stop, "Update")


def _metadata(case: Case, row: Row) -> Iterable[Difference]:
    if row.metadata is None:
        return
    held = {
        "managed_by": row.metadata.managed_by,
        "uid": row.metadata.uid,
        "spec_digest": row.metadata.spec_digest,
        "commit": row.metadata.commit,
    }
    for key, value in held.items():
        wanted = case.metadata.get(key)
        if wanted is not None and wanted != value:
            yield Difference(f"metadata.{camel(key)}", str(wanted)[:12], _show(value)[:12], "Update")


def _unseen(case: Case, row: Row) -> Iterable[Difference]:
    """An edit of something that the platform does not show: our own record is the only witness."""
    says_all = row.risk is not None and row.params is not None and row.instances is not None
    says_digest = row.metadata is not None and row.metadata.spec_digest is not None
    if says_all or says_digest or row.deployment_id != case.record.deployment_id:
        return
    applied = case.applied_digest
    comparable = applied == UNKNOWN_DIGEST or applied.split(":")[0] == case.digest.split(":")[0]
    if applied and comparable and applied != case.digest:  # another version of the index says nothing
        yield Difference("spec", case.digest, case.applied_digest, "Update")


def _names(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or "none"


def _routes(routes: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{a}→{b}" for a, b in sorted(routes)) or "none"


def _show(value: object) -> str:
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)
