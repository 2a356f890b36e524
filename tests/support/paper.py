"""A running paper platform: NATS, the API and one edge process a venue, all real, on free ports, in one folder."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sequence_paper.store import Store
from support.processes import Child, free_port, listening, wait_until


class Paper:
    """Start what is needed; `stop()` ends all of it. Every edge takes the feed arguments given for its venue."""

    def __init__(self, folder: Path, venues: dict[str, Sequence[str]] | None = None) -> None:
        self.folder = folder
        self.venues = venues if venues is not None else {"kraken": (), "coinbase": ()}
        self.db = f"sqlite:///{folder / 'paper.db'}"
        self.port, self._nats_port = free_port(), free_port()
        self.call_log = folder / "calls.jsonl"
        self._store: Store | None = None
        nats = f"nats://127.0.0.1:{self._nats_port}"
        server = Path(sys.executable).with_name("nats-server")
        common = ["--db", self.db, "--nats", nats]
        self.nats = self._child("nats", [str(server), "-a", "127.0.0.1", "-p", str(self._nats_port)])
        api = [*common, "--host", "127.0.0.1", "--port", str(self.port), "--call-log", str(self.call_log)]
        self.api = self._child("api", [sys.executable, "-m", "sequence_paper.api", *api])
        self.edges = {
            venue: self._child(
                venue, [sys.executable, "-m", "sequence_paper.edge", "--venue", venue, *common, *feed]
            )
            for venue, feed in self.venues.items()
        }

    def _child(self, name: str, command: list[str]) -> Child:
        return Child(name, command, self.folder / f"{name}.log")

    @property
    def nats_url(self) -> str:
        return f"nats://127.0.0.1:{self._nats_port}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Paper:
        self.nats.start()
        wait_until(lambda: listening(self._nats_port), "NATS listens")
        self.api.start()
        for edge in self.edges.values():
            edge.start()
        wait_until(lambda: self.api_healthy(), f"the API answers: {self.api.output()[-2000:]}")
        return self

    def api_healthy(self) -> bool:
        assert self.api.running(), f"the API ended: {self.api.output()[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/v1/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def key(self, mode: str = "sandbox", account: str = "desk", qps: int = 1000, admin: bool = False) -> str:
        """A fresh API key of an account (made when absent), as `python -m sequence_paper.keys` mints it."""
        if self._store is None:
            self._store = Store(self.db)
        found = self._store.accounts.ensure(account, rate_limit_qps=qps)
        return self._store.accounts.mint_key(found.account_id, mode, admin=admin)

    def request(
        self, method: str, path: str, key: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """(status, parsed body or None, response headers in lower case), also for error answers."""
        data = json.dumps(body).encode() if body is not None else None
        sent = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}
        request = urllib.request.Request(f"{self.url}{path}", data=data, method=method, headers=sent)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
            lower = {name.lower(): value for name, value in answer.headers.items()}
            return int(answer.status), json.loads(text) if text else None, lower

    def content(self, path: str, key: str) -> tuple[int, bytes]:
        """(status, body) of what is no JSON."""
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {key}"})
        try:
            answer = urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return int(answer.status), bytes(answer.read())

    def calls(self) -> list[dict[str, Any]]:
        """The API's call log so far."""
        return [json.loads(line) for line in self.call_log.read_text().splitlines() if line]

    def stop(self) -> None:
        if self._store is not None:
            self._store.close()
        for child in [*self.edges.values(), self.api, self.nats]:
            child.kill()
