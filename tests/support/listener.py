"""A client of `/v1/stream` for tests: reads in a thread, as fast as it can or not at all, and keeps every frame."""

from __future__ import annotations

import json
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from support.paper import Paper
from support.processes import wait_until


class Listener:
    """`subscribe(...)` gives the answer; `data(channel)` what came so far. `reading` cleared: it stops reading."""

    def __init__(self, paper: Paper, key: str | None = None, *, ticket: str | None = None) -> None:
        address = (
            paper.url.replace("http://", "ws://", 1) + "/v1/stream" + (f"?ticket={ticket}" if ticket else "")
        )
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection = connect(address, additional_headers=headers, close_timeout=2, max_queue=4)
        self.socket = connection.__enter__()
        self.frames: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self.reading = threading.Event()
        self.reading.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            while True:
                self.reading.wait()
                self.frames.append(json.loads(self.socket.recv()))
        except ConnectionClosed:
            self.closed.set()

    def ask(self, request: Any) -> dict[str, Any]:
        """Send a request; the next frame without a channel that is no counter."""
        before = len(self.frames)
        self.socket.send(request if isinstance(request, str) else json.dumps(request))

        def answer() -> dict[str, Any] | None:
            new = self.frames[before:]
            return next((f for f in new if "channel" not in f and "dropped" not in f), None)

        return wait_until(answer, f"an answer to {request}")

    def subscribe(self, *channels: str, **more: Any) -> dict[str, Any]:
        return self.ask({"subscribe": list(channels), **more})

    def data(self, channel: str) -> list[Any]:
        return [frame["data"] for frame in self.frames if frame.get("channel") == channel]

    def first(self, channel: str, what: Any = lambda _: True, why: str = "") -> Any:
        """The first payload of a channel of which `what` holds."""
        found: list[Any] = wait_until(
            lambda: [data for data in self.data(channel) if what(data)], why or f"something on {channel}"
        )
        return found[0]

    def dropped(self) -> dict[str, int]:
        """The newest counter frame's `by_channel`, {} before the first."""
        counters = [frame for frame in self.frames if "dropped" in frame]
        return dict(counters[-1]["by_channel"]) if counters else {}

    def close(self) -> None:
        self.reading.set()
        self.socket.close()
        self._thread.join(10)
