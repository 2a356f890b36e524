"""Ask local HTTP servers how they are, without a client library."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any

from sequence_operator.local.ports import LOOPBACK


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """(status, body) of a GET on loopback; (0, b"") when nobody answers within 5 s."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def get_json(port: int, path: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON object of a 200 answer; an empty one for anything else."""
    status, body = get(port, path, headers)
    if status != 200:
        return {}
    try:
        answer = json.loads(body)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def listens(port: int) -> bool:
    """Whether a connection to this loopback port is accepted."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2):
            return True
    except OSError:
        return False
