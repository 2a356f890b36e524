"""What goes over the wire, as text. A payload is encoded once, however many clients hear it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson


def frame(channel: str, payload: bytes) -> str:
    """`{"channel", "data"}` around JSON that is encoded already. Raises ValueError when it is not text."""
    return f'{{"channel":{_text(channel)},"data":{payload.decode()}}}'


def row_frame(channel: str, row: object, seq: int) -> str:
    """`{"channel", "data", "seq"}`: a row with its number, by which a client can continue after a break."""
    return orjson.dumps({"channel": channel, "data": row, "seq": seq}).decode()


def subscribed(accepted: Sequence[str], rejected: Mapping[str, str]) -> str:
    """The answer to a subscribe: what is heard from now on, and why the rest is not."""
    said: dict[str, Any] = {"subscribed": accepted, "rejected": list(rejected)}
    return orjson.dumps(said | {"reasons": rejected} if rejected else said).decode()


def unsubscribed(names: Sequence[str]) -> str:
    """The answer to an unsubscribe."""
    return orjson.dumps({"unsubscribed": names}).decode()


def dropped(by_channel: Mapping[str, int]) -> str:
    """What this client was too slow for, since it connected."""
    return orjson.dumps({"dropped": sum(by_channel.values()), "by_channel": by_channel}).decode()


def problem(message: str) -> str:
    """The answer to what is no request."""
    return orjson.dumps({"error": {"code": "BAD_REQUEST", "message": message}}).decode()


def _text(name: str) -> str:
    return orjson.dumps(name).decode()
