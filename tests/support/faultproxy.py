"""An HTTP proxy in front of a platform that holds calls, one of each of several deployments, until all of them have
come: whatever dies then dies at all of these calls at once.

They are held where the platform has not heard of them. Some may be let through: the platform does what they say, and
its answers are withheld. Then all are cut, as it is when a process or a network dies before, or after, a call.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.processes import PATIENCE

Answer = tuple[int, list[tuple[str, str]], bytes]
CREATE = "POST /v1/deployments"
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}
_UPGRADE = {"connection", "upgrade"}  # between the client and us only: there is no stream through this proxy


class Held:
    """The next call of each deployment in `calls` that matches its pattern of `METHOD path`.

    answers: what the platform said to those that were let through, as HTTP status by name; 0 for nothing.
    """

    def __init__(self, calls: Mapping[str, str]) -> None:
        self.answers: dict[str, int] = {}
        self._awaited = {name: re.compile(pattern) for name, pattern in calls.items()}
        self._clients: dict[str, socket.socket] = {}
        self._changed = threading.Condition()
        self._to_platform: set[str] = set()
        self._over = False

    # -- for the test --------------------------------------------------------------------------------------------

    def wait_all(self) -> None:
        """Until each of the calls is held, and whoever made it waits for the answer."""
        self._wait(lambda: not self._awaited, lambda: f"no call came of {sorted(self._awaited)}")
        gone = [name for name, client in self._clients.items() if not _waits(client)]
        assert not gone, f"nobody waits any more for the answers to the calls of {gone}"

    def let_through(self, names: Iterable[str]) -> None:
        """Let the platform hear some of them, until it has answered them all."""
        wanted = set(names)
        with self._changed:
            self._to_platform |= wanted
            self._changed.notify_all()
        self._wait(lambda: wanted <= self.answers.keys(), lambda: f"only {self.answers} are answered")

    def cut(self) -> None:
        """Cut the connections of all who wait, and hold nothing any more."""
        with self._changed:
            self._over = True
            self._awaited.clear()
            self._changed.notify_all()

    # -- for the proxy -------------------------------------------------------------------------------------------

    def takes(self, name: str, line: str, client: socket.socket) -> bool:
        """Whether this call is one of them; it counts as held from now on."""
        with self._changed:
            pattern = self._awaited.get(name)
            if pattern is None or not pattern.search(line):
                return False
            del self._awaited[name]
            self._clients[name] = client
            self._changed.notify_all()
            return True

    def stand(self, name: str, forward: Callable[[], Answer]) -> None:
        """Hold the call of `name`; when this returns it is to be cut off."""
        self._wait(
            lambda: self._over or name in self._to_platform, lambda: f"the call of {name} was forgotten"
        )
        if name not in self._to_platform:
            return
        try:
            status = forward()[0]
        except OSError:
            status = 0
        with self._changed:
            self.answers[name] = status
            self._changed.notify_all()
        self._wait(lambda: self._over, lambda: f"the answer to {name} was forgotten")

    def _wait(self, condition: Callable[[], bool], problem: Callable[[], str]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), problem()


def _waits(client: socket.socket) -> bool:
    """Whether the other end has neither closed the connection nor sent more."""
    with suppress(BlockingIOError):
        client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return False
    return True


class FaultProxy:
    """Forwards everything to 127.0.0.1:`port` but what is to be held.

    requests: `METHOD path` as they came. ids: of what was registered through here, by name.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.requests: list[str] = []
        self.ids: dict[str, set[str]] = {}
        self._names: dict[str, str] = {}  # by id
        self._held = Held({})
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

    def hold(self, calls: Mapping[str, str]) -> Held:
        """Hold the next call of each deployment, by its name, that matches its pattern of `METHOD path`."""
        self._held.cut()
        self._held = Held(calls)
        return self._held

    def serve(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        line = f"{handler.command} {handler.path}"
        self.requests.append(line)
        name, held = self._name(line, body), self._held
        if held.takes(name, line, handler.connection):
            held.stand(name, lambda: self._learn(line, name, self._forward(handler, body)))
            handler.close_connection = True
            return
        try:
            status, headers, answer = self._learn(line, name, self._forward(handler, body))
        except OSError:
            handler.close_connection = True  # the platform is away: the client sees a cut connection
            return
        try:
            handler.send_response(status)
            for key, value in headers:
                if key.lower() not in _HOP_BY_HOP:
                    handler.send_header(key, value)
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)
        except ConnectionError:
            handler.close_connection = True  # the client died while it waited

    def _name(self, line: str, body: bytes) -> str:
        """The name of the deployment that a request is about; "" for none, or one that was not registered here."""
        if line == CREATE:
            return str(json.loads(body).get("name", ""))
        found = re.search(r" /v1/deployments/([^/?]+)", line)
        return self._names.get(found[1], "") if found else ""

    def _learn(self, line: str, name: str, answer: Answer) -> Answer:
        if line == CREATE and answer[0] in (200, 201):
            deployment_id = json.loads(answer[2])["deployment_id"]
            self._names[deployment_id] = name
            self.ids.setdefault(name, set()).add(deployment_id)
        return answer

    def _forward(self, handler: BaseHTTPRequestHandler, body: bytes) -> Answer:
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
        self._held.cut()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
