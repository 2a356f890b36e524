"""How paper's processes reach the bus: tried for ever, told once when it is away."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from sequence_paper.mesh.library import Client, NatsError, SlowConsumerError

log = logging.getLogger(__name__)


PING_SECONDS = 0.6
"""A bus that answered none of two pings by the time of the third is away, although nobody closed the connection."""


async def connect(
    client: Client,
    url: str,
    name: str,
    on_away: Callable[[], Awaitable[None]],
    on_back: Callable[[], Awaitable[None]] | None = None,
    on_loss: Callable[[str], None] | None = None,
) -> bool:
    """Return once connected, however long that takes; lost connections are then made again by the client.

    name: of this process, for the server. on_away: awaited when the bus is lost; on_back: when it is there again, not
    the first time. on_loss: called with the subject of each message that came faster than it could be worked off.
    False, and logged, when the address itself cannot be used.
    """

    async def back() -> None:
        log.info("the bus is back")
        if on_back is not None:
            await on_back()

    async def failed(error: Exception) -> None:
        if on_loss is not None and isinstance(error, SlowConsumerError):
            on_loss(error.subject)
            return
        # A refused connection comes with every attempt, four times a second; that the bus is away was said once.
        level = logging.DEBUG if isinstance(error, OSError) else logging.WARNING
        log.log(level, "bus: %s", error or type(error).__name__)

    try:
        await client.connect(
            servers=[url],
            name=name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.25,  # type: ignore[arg-type]  # declared int; it only sleeps so long
            connect_timeout=2,
            ping_interval=PING_SECONDS,  # type: ignore[arg-type]  # likewise
            max_outstanding_pings=2,
            error_cb=failed,
            disconnected_cb=on_away,
            reconnected_cb=back,
        )
    except (NatsError, OSError, ValueError) as error:
        log.error("the bus at %s cannot be used: %s", url, error or type(error).__name__)
        return False
    return True
