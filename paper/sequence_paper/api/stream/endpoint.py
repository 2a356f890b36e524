"""`/v1/stream` and `/v1/ws/ticket`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from fastapi import APIRouter, WebSocket
from starlette.responses import Response
from starlette.websockets import WebSocketDisconnect

from sequence_paper.api.answers import Answer, described
from sequence_paper.api.errors import ApiError, answer
from sequence_paper.api.platform import Here, Who, json, needs_key
from sequence_paper.api.stream.client import StreamClient
from sequence_paper.api.stream.frames import problem
from sequence_paper.api.stream.hub import MAX_CLIENTS, Hub
from sequence_paper.api.stream.tickets import SECONDS
from sequence_paper.store.records import Caller

PATH: Final = "/v1/stream"
MAX_NAME: Final = 200

router = APIRouter(tags=["stream"])


class TicketAnswer(Answer):
    """For `/v1/stream?ticket=`, once, within `expires_in_s` seconds."""

    ticket: str
    expires_in_s: int


@router.get("/v1/ws/ticket", responses=described(TicketAnswer), dependencies=[needs_key])
async def ticket(here: Here, who: Who) -> Response:
    """A ticket for one connection to `/v1/stream`, for those who cannot send a header."""
    return json({"ticket": here.tickets.issue(who), "expires_in_s": SECONDS})


@router.get(PATH, include_in_schema=False)
async def not_upgraded() -> None:
    """A plain request."""
    raise ApiError(426, f"{PATH} is a WebSocket: connect with an upgrade", headers={"Upgrade": "websocket"})


@router.websocket(PATH)
async def stream(socket: WebSocket) -> None:
    """Subscribe with `{"subscribe": [names]}`; see docs/stream.md."""
    hub: Hub = socket.app.state.hub
    caller: Caller = socket.state.caller
    if hub.full(caller):
        many = ApiError(429, f"{MAX_CLIENTS} streams of this account and mode are open: close one")
        await socket.send_denial_response(answer(many, socket.state.request_id))
        return
    client = StreamClient(caller)
    await socket.accept()
    hub.join(client)
    reading = asyncio.create_task(_read(socket, hub, client))
    writing = asyncio.create_task(client.write(socket.send_text, asyncio.to_thread))
    try:
        await asyncio.wait({reading, writing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (reading, writing):
            task.cancel()
        ended = await asyncio.gather(reading, writing, return_exceptions=True)
        await hub.leave(client)
    _raise_mistakes(ended)


async def _read(socket: WebSocket, hub: Hub, client: StreamClient) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            asked = _request(message.get("text") or message.get("bytes") or "")
            if isinstance(asked, str):
                await client.answer(problem(asked))
                continue
            if "subscribe" in asked:
                await hub.subscribe(client, asked["subscribe"], asked.get("after", {}))
            if "unsubscribe" in asked:
                await hub.unsubscribe(client, asked["unsubscribe"])


def _request(text: str | bytes) -> Mapping[str, Any] | str:
    """What the client wants, or why that cannot be understood."""
    try:
        asked = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    if not isinstance(asked, dict) or not {"subscribe", "unsubscribe"} & set(asked):
        return 'send {"subscribe": [channels]} or {"unsubscribe": [channels]}'
    for verb in ("subscribe", "unsubscribe"):
        names = asked.get(verb, [])
        if not isinstance(names, list) or not all(isinstance(n, str) and len(n) <= MAX_NAME for n in names):
            return f"{verb}: needs a list of channel names"
    after = asked.get("after", {})
    if not isinstance(after, dict) or not all(type(n) is int and 0 <= n < 2**63 for n in after.values()):
        return "after: needs the last seq by channel name"
    return asked


def _raise_mistakes(ended: Iterable[BaseException | None]) -> None:
    """A connection that breaks is no mistake; anything else is ours, and belongs into the log."""
    for error in ended:
        if isinstance(error, Exception) and not isinstance(error, WebSocketDisconnect | OSError):
            raise error
