"""`/v1/deployments`: register, change, start, stop, remove."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from sequence_paper.api.answers import DeploymentAnswer, DeploymentsAnswer, described
from sequence_paper.api.bodies import CreateBody, PatchBody, StartBody
from sequence_paper.api.errors import ApiError
from sequence_paper.api.kill_switch import refuse_if_on
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.registering import change_of, new_deployment
from sequence_paper.api.rows import deployment_row, etag_of
from sequence_paper.store.deployments import (
    BeingDeletedError,
    NameTakenError,
    NotRegisteredError,
    PausedError,
    Registration,
    RevisionMovedError,
)
from sequence_paper.store.records import Caller
from sequence_paper.store.trades import Position
from sequence_paper.store.words import Json

router = APIRouter(prefix="/v1/deployments", tags=["deployments"], dependencies=[needs_key])


@router.post("", status_code=201, responses=described(DeploymentAnswer, 201))
async def create(body: CreateBody, here: Here, who: Who) -> Response:
    """Register a deployment; it is loaded by its edges and runs if `start_immediately` is true."""
    store = here.store.deployments

    def work() -> Registration:
        new = new_deployment(body, here.fleet())
        if new.desired == "running":
            refuse_if_on(here, who)
        return store.create(who.account.account_id, who.mode, new)

    try:
        found = await here.run(work)
    except NameTakenError as error:
        raise _name_taken(body.name, error) from error
    await here.announce(found, "registered")
    await here.converge(who, found)
    return json(await _row(here, who, found.deployment.deployment_id), 201)


@router.get("", responses=described(DeploymentsAnswer, s304="nothing that matters has changed"))
async def list_all(request: Request, here: Here, who: Who) -> Response:
    """All deployments of the account, oldest first, each in full. `If-None-Match` with the last `ETag` gives 304."""
    rows = await here.run(lambda: _rows(here, who))
    etag = etag_of(rows)
    headers = {"ETag": etag, "Cache-Control": "no-cache"}
    asked = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in asked or etag.removeprefix("W/") in asked:
        return Response(status_code=304, headers=headers)
    return json({"deployments": rows, "total": len(rows)}, headers=headers)


@router.get("/{deployment_id}", responses=described(DeploymentAnswer))
async def get(deployment_id: str, here: Here, who: Who) -> Response:
    """One deployment in full."""
    return json(await _row(here, who, deployment_id))


@router.patch("/{deployment_id}", responses=described(DeploymentAnswer))
async def patch(deployment_id: str, body: PatchBody, here: Here, who: Who) -> Response:
    """Change limits, parameters, mesh, metadata without a restart; 409 when `if_revision` is not the revision."""
    store, mine = here.store.deployments, (who.account.account_id, who.mode, deployment_id)

    def work() -> Registration:
        return store.change(*mine, lambda found: change_of(body, found), body.if_revision)

    found = await _changed(here, deployment_id, work)
    await here.announce(found, "updated")
    await here.converge(who, found)
    return json(await _row(here, who, deployment_id))


@router.post("/{deployment_id}/start", responses=described(DeploymentAnswer))
async def start(deployment_id: str, here: Here, who: Who, body: StartBody | None = None) -> Response:
    """Run it. A pause has to be acknowledged by its id, unless the deployment was stopped since.

    409 while the account's kill switch is on.
    """
    acknowledge = body.acknowledge if body is not None else None
    store, mine = here.store.deployments, (who.account.account_id, who.mode, deployment_id)

    def work() -> Registration:
        refuse_if_on(here, who)
        return store.start(*mine, acknowledge)

    found = await _changed(here, deployment_id, work)
    await here.announce(found, "started")
    await here.converge(who, found)
    return json(await _row(here, who, deployment_id))


@router.post("/{deployment_id}/stop", responses=described(DeploymentAnswer))
async def stop(deployment_id: str, here: Here, who: Who) -> Response:
    """Stop it: no market data, no new orders, state kept; resting orders stay unless `on_stop` is `cancel`."""
    store, mine = here.store.deployments, (who.account.account_id, who.mode, deployment_id)
    found = await _changed(here, deployment_id, lambda: store.stop(*mine))
    await here.announce(found, "stopped")
    await here.converge(who, found)
    return json(await _row(here, who, deployment_id))


@router.delete("/{deployment_id}", status_code=204, responses=described(DeploymentAnswer, 202))
async def delete(deployment_id: str, here: Here, who: Who) -> Response:
    """Stop it, cancel its resting orders and forget it; positions stay.

    204 when it is gone. 202 with the deployment when an edge that holds it is away: it goes when that edge is back.
    """
    store, mine = here.store.deployments, (who.account.account_id, who.mode, deployment_id)

    def work() -> Registration:
        alive = {edge.edge_id for edge in here.fleet().values() if edge.alive}
        return store.delete(*mine, alive)

    found = await _changed(here, deployment_id, work)
    await here.announce(found, "deleted")
    if not found.instances:
        return Response(status_code=204)
    await here.converge(who, found)
    try:
        left = await _row(here, who, deployment_id)
    except ApiError:
        return Response(status_code=204)
    return json(left, 202)


async def _changed(here: Platform, deployment_id: str, work: Callable[[], Registration]) -> Registration:
    try:
        return await here.run(work)
    except NotRegisteredError as error:
        raise not_found(deployment_id) from error
    except BeingDeletedError as error:
        raise ApiError(409, f"{deployment_id} is being deleted", field="deployment_id") from error
    except RevisionMovedError as error:
        moved = f"the deployment is at revision {error.revision}; read it again"
        raise ApiError(409, moved, field="revision", extra={"revision": error.revision}) from error
    except PausedError as error:
        pause = error.pause
        why = f"paused by {pause['label']}: {pause['reason']}"
        message = f"{why}; start with acknowledge={pause['id']}, or stop it first"
        raise ApiError(409, message, field="acknowledge", extra={"pause": pause}) from error


def not_found(deployment_id: str) -> ApiError:
    """404 for an id that this account and mode does not have."""
    return ApiError(404, f"no deployment {deployment_id} in this account and mode")


def _name_taken(name: str, error: NameTakenError) -> ApiError:
    reason = f"{name} is the name of deployment {error.deployment_id}"
    if error.deleting:
        reason += ", which is being deleted and waits for an edge that is away"
    return ApiError(409, reason, field="name", extra={"deployment_id": error.deployment_id})


async def _row(here: Platform, who: Caller, deployment_id: str) -> Json:
    def work() -> Json:
        account = who.account.account_id
        try:
            found = here.store.deployments.get(account, who.mode, deployment_id)
        except NotRegisteredError as error:
            raise not_found(deployment_id) from error
        positions = here.store.positions.of_account(account, who.mode, found.deployment.name)
        return deployment_row(found, here.fleet(), [position for _, position in positions])

    return await here.run(work)


def _rows(here: Platform, who: Caller) -> list[Json]:
    account = who.account.account_id
    found = here.store.deployments.all(account, who.mode)
    positions = [position for _, position in here.store.positions.of_account(account, who.mode)]
    by_name: dict[str, list[Position]] = {}
    for position in positions:
        by_name.setdefault(position.deployment, []).append(position)
    edges = here.fleet()
    return [deployment_row(one, edges, by_name.get(one.deployment.name, [])) for one in found]
