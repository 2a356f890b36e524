"""A replacement that the platform refused is undone: what was there before is registered again."""

from __future__ import annotations

from sequence_operator.reconcile.actions import Register
from sequence_operator.reconcile.case import REPLACE, Case
from sequence_operator.reconcile.row import RowInstance, RowParam
from sequence_operator.spec.deployment import ParamKind
from sequence_operator.spec.resources import Pending
from sequence_operator.spec.wire import WireDeployment, WireInstance, WireParam


def undo_of(case: Case, refused: Pending) -> Pending | None:
    """What to write down instead of the refused replacement; None when there is no way back."""
    back = Pending(action=REPLACE, from_=refused.to, to=refused.from_, at=refused.at)
    return back if undo(case, back) is not None else None


def undo(case: Case, pending: Pending) -> Register | None:
    """The create call for what was there before; `pending.to` is its digest. None when that is not known any more.

    Where the platform told what it had, and this process saw it, that is registered as it was. Else the previous WASM
    goes with the present spec, unless the WASM is the same: then nothing but the refused registration is known.
    """
    recorded = case.record.artifact
    if recorded is None or recorded.sha256 != pending.to:
        return None
    if pending.to in case.desired.denied:
        return None  # a person left it: it does not come back by itself
    same = pending.to == case.sha
    config_map = case.observed.artifact.config_map if same else recorded.config_map
    wire = _as_it_was(case)
    if (same and wire is None) or not (same or config_map):
        return None
    return Register(pending.to, config_map, not same, case.metadata, pending.at, wire)


def _as_it_was(case: Case) -> WireDeployment | None:
    row = case.observed.sight.previous
    if row is None or row.deployment_id != case.record.deployment_id:
        return None
    if not row.instances or row.risk is None or row.params is None or row.full_mesh is None:
        return None
    instances = tuple(i for i in map(_instance, row.instances) if i is not None)
    if len(instances) != len(row.instances):
        return None
    return WireDeployment(
        name=case.desired.spec.deployment,
        symbols=tuple(dict.fromkeys(s for i in instances for s in i.symbols)),
        instances=instances,
        risk=dict(row.risk),
        params=tuple(p for p in map(_param, row.params) if p is not None),
        routes=None if row.full_mesh else tuple(row.routes or ()),
        on_stop=case.wire.on_stop,
    )


def _instance(there: RowInstance) -> WireInstance | None:
    if there.venue is None or not there.symbols or there.instrument_type not in ("spot", "perp"):
        return None
    return WireInstance(
        label=there.label,
        venue=there.venue,
        symbols=tuple(there.symbols),
        instrument_type="perp" if there.instrument_type == "perp" else "spot",
        risk=dict(there.risk or {}),
        params=tuple(p for p in map(_param, there.params or ()) if p is not None),
    )


_KINDS: dict[str, ParamKind] = {"int": "int", "float": "float", "bool": "bool", "bps": "bps"}


def _param(there: RowParam) -> WireParam | None:
    kind = _KINDS.get(there.type or "")
    if kind is None or there.value is None:
        return None
    return WireParam(name=there.name, slot=there.slot, type=kind, value=there.value)
