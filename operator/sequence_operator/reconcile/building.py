"""An artifact that is named by a commit: what has to happen before its digest is known."""

from __future__ import annotations

from sequence_operator.reconcile.actions import Build, Plan, Refuse, Wait
from sequence_operator.reconcile.builds import BuildState
from sequence_operator.reconcile.case import REPLACE, Case

BUILDING, BUILD_FAILED = "Building", "BuildFailed"
_HOPELESS = (BuildState.FAILED, BuildState.NO_TOOLCHAIN)


def unresolved(case: Case) -> bool:
    """Whether the WASM to run is not known. A replacement that was begun is brought to its end first: its WASM is
    stored, and there may be nothing registered."""
    pending = case.record.pending
    replacing = pending is not None and pending.action == REPLACE and pending.to == case.sha
    return case.desired.unresolved and not (case.sha and replacing)


def built(case: Case) -> Plan | None:
    """What is done about the build; None when there is nothing to wait for."""
    if not unresolved(case):
        return None
    reason, message = words(case)
    view = case.desired.build
    if view is not None and view.state in _HOPELESS:
        return Plan((Refuse(reason, message),))
    wait = Wait(reason, message)
    if view is not None and view.state is BuildState.ABSENT:
        return Plan((Build(view.name, view.spec), wait))
    return Plan((wait,))


def words(case: Case) -> tuple[str, str]:
    """(reason, message) for conditions, while the build is open."""
    view = case.desired.build
    written = (case.desired.written or case.desired.spec).artifact.build
    what = f"{written.path} at {written.commit[:8]}" if written is not None else "the WASM"
    if view is None:
        return BUILDING, f"waiting for what is known about the build of {what}"
    if view.state is BuildState.FAILED:
        return BUILD_FAILED, f"{what} did not build: {view.message or 'no reason given'}{_untouched(case)}"
    if view.state is BuildState.NO_TOOLCHAIN:
        way_out = "start the operator with --build-toolchain, or commit the WASM ([build] prebuilt = true)"
        return BuildState.NO_TOOLCHAIN.value, view.message or f"this operator builds nothing: {way_out}"
    if view.state is BuildState.NO_TREE:
        way_out = "an AlgoSource of this namespace has to follow the repository"
        return BuildState.NO_TREE.value, view.message or f"the sources of {what} are not published: {way_out}"
    return BUILDING, f"{view.message or f'building {what}'} ({view.name}){_untouched(case)}"


def _untouched(case: Case) -> str:
    held = case.record.artifact
    if case.row is None or case.record.deployment_id is None or held is None:
        return ""
    return f"; {held.sha256[:12]} stays registered meanwhile"
