"""What options of our processes may look like: each makes a value of the text, or says in a sentence what is wrong."""

from __future__ import annotations

import argparse
from urllib.parse import urlsplit

from sequence_operator.spec.resources import seconds


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT`; without a host loopback, `[::1]:80` without the brackets."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]") or "127.0.0.1", int(port)


def duration(text: str) -> float:
    """`90s`, `10m`, … in seconds."""
    try:
        return seconds(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


def base_url(text: str) -> str:
    """An http or https address without query and final slash."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as http://trees.trading.svc:8090")
    return text.rstrip("/")


def count(text: str) -> int:
    """A whole number above 0."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
