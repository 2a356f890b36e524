"""`/v1/kill_switch`: one for each account and mode. While it is on nothing new is sent; open orders and cancels stay.

It is stored first: what places orders looks at it in its own transaction, and edges read it twice a second. The bus
only makes edges look at once, and says in the answer which of them have.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from sequence_paper.api.answers import described
from sequence_paper.api.errors import ApiError
from sequence_paper.api.platform import Here, Platform, Who, json, needs_key
from sequence_paper.api.reading_answers import KillSwitchAnswer, SwitchedAnswer
from sequence_paper.mesh import wire
from sequence_paper.store.records import Caller
from sequence_paper.store.switches import KillSwitch
from sequence_paper.store.words import Json

log = logging.getLogger(__name__)

router = APIRouter(prefix="/v1/kill_switch", tags=["account"], dependencies=[needs_key])

_TOLD_SECONDS: Final = 1.0


class KillSwitchBody(BaseModel):
    """`reason` is shown to whoever is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[str, Field(max_length=500)] | None = None


@router.get("", responses=described(KillSwitchAnswer))
async def shown(here: Here, who: Who) -> Response:
    """Whether it is on."""
    switch = await here.run(lambda: here.store.switches.get(who.account.account_id, who.mode))
    return json(switch.view())


@router.post("", responses=described(SwitchedAnswer))
@router.put("", responses=described(SwitchedAnswer))
async def put_on(here: Here, who: Who, body: KillSwitchBody | None = None) -> Response:
    """Refuse everything new of this account and mode, from now until an admin clears it. Any key of it may."""
    reason = body.reason if body is not None else None
    switch = await here.run(lambda: here.store.switches.put_on(who.account.account_id, who.mode, reason))
    log.warning("kill switch of %s (%s) is on", who.account.account_id, who.mode)
    return json(await _told(here, switch))


@router.post("/clear", responses=described(SwitchedAnswer))
async def clear(here: Here, who: Who) -> Response:
    """Allow sending again. Needs an admin key: who stopped trading by a program must not resume it by one."""
    if not who.admin:
        why = (
            "clearing the kill switch needs an admin key: make one with python -m sequence_paper.keys --admin"
        )
        raise ApiError(403, why)
    switch = await here.run(lambda: here.store.switches.clear(who.account.account_id, who.mode))
    log.warning("kill switch of %s (%s) is off", who.account.account_id, who.mode)
    return json(await _told(here, switch))


def refuse_if_on(here: Platform, who: Caller) -> None:
    """409 while it is on; reads the database."""
    switch = here.store.switches.get(who.account.account_id, who.mode)
    if switch.active:
        raise refusal(switch)


def refusal(switch: KillSwitch) -> ApiError:
    """The answer to whoever wants something new."""
    return ApiError(409, switch.sentence(), extra={"kill_switch": switch.view()})


async def _told(here: Platform, switch: KillSwitch) -> Json:
    fleet = await here.run(here.fleet)
    names = sorted(edge.edge_id for edge in fleet.values() if edge.alive)
    asked = (here.bus.ask(wire.switch_subject(name), {}, _TOLD_SECONDS) for name in names)
    answers = await asyncio.gather(*asked)
    return switch.view() | {
        "edges": {name: answer == {} for name, answer in zip(names, answers, strict=True)}
    }
