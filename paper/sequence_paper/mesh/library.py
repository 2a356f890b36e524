"""What paper uses of the NATS client, loaded without its WebSocket transport.

That transport alone needs aiohttp, an eighth of what an edge loads until it is ready and of its time; our buses are
reached by `nats://`.
"""

from __future__ import annotations

import sys

_hidden = sys.modules.get("aiohttp")
sys.modules["aiohttp"] = None  # type: ignore[assignment]  # as if it were not installed, which NATS allows for
try:
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.errors import Error as NatsError
    from nats.errors import NoRespondersError, SlowConsumerError
finally:
    if _hidden is None:
        del sys.modules["aiohttp"]
    else:
        sys.modules["aiohttp"] = _hidden

__all__ = ["Client", "Msg", "NatsError", "NoRespondersError", "SlowConsumerError", "Subscription"]
