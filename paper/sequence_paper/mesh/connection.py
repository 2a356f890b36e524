"""How paper's processes reach the bus: tried for ever, told once when it is away."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.errors import Error as NatsError

log = logging.getLogger(__name__)


async def connect(client: Client, url: str, name: str, on_away: Callable[[], Awaitable[None]]) -> bool:
    """Return once connected, however long that takes; lost connections are then made again by the client.

    name: of this process, for the server. on_away: awaited when the bus is lost. False, and logged, when the address
    itself cannot be used.
    """
    try:
        await client.connect(
            servers=[url],
            name=name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]  # declared int; it only sleeps so long
            connect_timeout=2,
            error_cb=_on_error,
            disconnected_cb=on_away,
            reconnected_cb=_on_back,
        )
    except (NatsError, OSError, ValueError) as error:
        log.error("the bus at %s cannot be used: %s", url, error or type(error).__name__)
        return False
    return True


async def _on_error(error: Exception) -> None:
    # A refused connection comes with every attempt, four times a second; that the bus is away was said once.
    level = logging.DEBUG if isinstance(error, OSError) else logging.WARNING
    log.log(level, "bus: %s", error or type(error).__name__)


async def _on_back() -> None:
    log.info("the bus is back")
