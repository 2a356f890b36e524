"""`python -m sequence_paper.api`: serve the platform API. SIGTERM ends it with exit code 0."""

from __future__ import annotations

import argparse
import contextlib
import errno
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from sequence_paper.api.app import create_app
from sequence_paper.api.bus import Bus
from sequence_paper.api.calllog import CallLog
from sequence_paper.api.vault import Vault, key_beside
from sequence_paper.feed.evm import ChainConfig
from sequence_paper.jsonlog import log_json_lines
from sequence_paper.store import Store, StoreError
from sequence_paper.store.ticks import TickStore
from sequence_paper.store.ticks.folder import beside

PORT_TAKEN = 98
_MAX_REQUEST = 256 * 1024  # bytes of one message from a client of the stream


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would raise the signal again after an orderly end, which then looks like a violent one.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        yield


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 ended by a signal, 1 database or file unusable, 98 port taken."""
    options = _parser().parse_args(arguments)
    log_json_lines()
    try:
        listener = _listen(options.host, options.port)
    except OSError as error:
        print(f"error: cannot listen on {options.host}:{options.port}: {error.strerror}", file=sys.stderr)
        return PORT_TAKEN if error.errno == errno.EADDRINUSE else 1
    try:
        store = Store(options.db)
        calls = CallLog(options.call_log)
        chain = ChainConfig.read(options.pools) if options.pools is not None else None
    except (StoreError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    vault = Vault(options.credentials_key or key_beside(options.db))
    folder = options.ticks or beside(options.db)
    ticks = TickStore(folder) if folder is not None else None
    recorded = contextlib.closing(ticks) if ticks is not None else contextlib.nullcontext()
    with listener, contextlib.closing(store), contextlib.closing(calls), recorded:
        server = _Server(_served(create_app(store, Bus(options.nats), calls, ticks, chain, vault)))
        server.run(sockets=[listener])
        return 0 if server.started else 1


def _served(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        ws="websockets-sansio",
        ws_max_size=_MAX_REQUEST,
        ws_per_message_deflate=False,  # compressing for every client anew costs more than the bytes
        ws_ping_interval=15,
        ws_ping_timeout=60,  # a slow client reads what was sent before the ping first
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sequence_paper.api", description=__doc__)
    parser.add_argument(
        "--db", required=True, metavar="URL", help="sqlite:////path/to/file or postgresql://…"
    )
    parser.add_argument("--nats", required=True, metavar="URL", help="nats://127.0.0.1:PORT; may be away")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=50052)
    parser.add_argument(
        "--ticks", type=Path, metavar="DIR", help="what edges recorded (default: beside the SQLite file)"
    )
    parser.add_argument(
        "--pools", type=Path, metavar="FILE", help="TOML: a JSON-RPC endpoint and pools (default: generated)"
    )
    parser.add_argument(
        "--credentials-key",
        type=Path,
        metavar="FILE",
        help="seals venue credentials; made when absent (default: beside the SQLite file)",
    )
    parser.add_argument("--call-log", type=Path, metavar="FILE", help="append one JSON line per request")
    return parser
