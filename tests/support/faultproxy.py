"""An HTTP proxy in front of a platform, on which a test arms one fault: something happens at exactly one request.

`before`: the request has arrived here and not there. `after`: the platform has answered and the client has not heard.
In both cases the client's connection is then cut, as it is when a process or a network dies at that moment.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

When = Literal["before", "after"]
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_UPGRADE = {"connection", "upgrade"}  # between the client and us only: there is no stream through this proxy


@dataclass
class Fault:
    """One armed fault: at the first request that matches `METHOD path`, `action` runs and the connection is cut."""

    pattern: re.Pattern[str]
    when: When
    action: Callable[[], None]
    fired: threading.Event = field(default_factory=threading.Event)


class FaultProxy:
    """Forwards everything to 127.0.0.1:`port` until a fault is armed; `requests` lists `METHOD path` as they came."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.requests: list[str] = []
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                proxy.serve(self)

            # The names that http.server looks for.
            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """The test reads `requests` instead."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def arm(self, pattern: str, when: When, action: Callable[[], None]) -> Fault:
        """Arm one fault, e.g. `POST /v1/deployments$`; it fires once. A former one that never fired is dropped."""
        self.disarm()
        return self.then(pattern, when, action)

    def disarm(self) -> None:
        """Drop what is armed and did not fire."""
        with self._lock:
            self._faults.clear()

    def then(self, pattern: str, when: When, action: Callable[[], None]) -> Fault:
        """Arm another fault, from the moment on at which those before have fired."""
        fault = Fault(re.compile(pattern), when, action)
        with self._lock:
            self._faults.append(fault)
        return fault

    def _take(self, line: str) -> Fault | None:
        with self._lock:
            self.requests.append(line)
            if not self._faults or not self._faults[0].pattern.search(line):
                return None
            return self._faults.pop(0)

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = self._take(f"{handler.command} {handler.path}")
        if fault is not None and fault.when == "before":
            self._fire(fault, handler)
            return
        try:
            status, headers, answer = self._forward(handler, body)
        except OSError:
            handler.close_connection = True  # the platform is away: the client sees a cut connection
            if fault is not None:
                with self._lock:
                    self._faults.insert(0, fault)  # there was no answer to withhold
            return
        if fault is not None:
            self._fire(fault, handler)
            return
        try:
            handler.send_response(status)
            for name, value in headers:
                if name.lower() not in _HOP_BY_HOP:
                    handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except ConnectionError:
            handler.close_connection = True  # the client died while it waited

    @staticmethod
    def _fire(fault: Fault, handler: BaseHTTPRequestHandler) -> None:
        fault.action()
        fault.fired.set()
        handler.close_connection = True

    def _forward(
        self, handler: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.target, timeout=30)
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in _UPGRADE}
        try:
            connection.request(handler.command, handler.path, body=body or None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from error
        finally:
            connection.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
