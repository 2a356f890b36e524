"""What paper uses of the NATS client: neither its WebSocket transport nor JetStream, a fifth of an edge's start.

That transport alone needs aiohttp; our buses are reached by `nats://`. JetStream is loaded when it is asked for, which
the client does to read an answer that nobody is there.
"""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder


def _spare_jetstream() -> None:
    """Put `nats.js` in place unexecuted; it is executed when something in it is asked for."""
    nats = importlib.util.find_spec("nats")
    found = PathFinder.find_spec("nats.js", nats.submodule_search_locations) if nats is not None else None
    if "nats" in sys.modules or found is None or found.loader is None:
        return  # it is loaded already, or not installed: the import that follows says so
    module, loader = importlib.util.module_from_spec(found), found.loader

    def whole(attribute: str) -> object:
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, attribute)

    module.__dict__["__getattr__"] = whole  # PEP 562
    sys.modules["nats.js"] = module


_hidden = sys.modules.get("aiohttp")
sys.modules["aiohttp"] = None  # type: ignore[assignment]  # as if it were not installed, which NATS allows for
_spare_jetstream()
try:
    import nats
    from nats.aio.client import Client
    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription
    from nats.errors import Error as NatsError
    from nats.errors import NoRespondersError, SlowConsumerError

    nats.js = sys.modules["nats.js"]
finally:
    if _hidden is None:
        del sys.modules["aiohttp"]
    else:
        sys.modules["aiohttp"] = _hidden

__all__ = ["Client", "Msg", "NatsError", "NoRespondersError", "SlowConsumerError", "Subscription"]
