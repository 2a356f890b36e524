"""AlgoSources at work in a test: the real `Sources` on a real API server, fed by real watches."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.cluster.errors import ClusterError
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, ALGO_SOURCES, Resource
from sequence_operator.gitops.sources import Sources
from sequence_operator.spec.names import API_VERSION, RECONCILE_REQUESTED_AT, Mode
from support.processes import PATIENCE

T = TypeVar("T")


class CountingClient(ClusterClient):
    """Counts its calls to the API server, watches not among them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.calls: list[str] = []
        self.before: Callable[[str, str], Awaitable[None]] | None = None
        self.after: Callable[[str, str], Awaitable[None]] | None = None

    async def _call(self, method: str, path: str, *arguments: Any, **options: Any) -> Object:
        self.calls.append(f"{method} {path}")
        if self.before is not None:
            await self.before(method, path)
        answer = await super()._call(method, path, *arguments, **options)
        if self.after is not None:
            await self.after(method, path)
        return answer


class Desk:
    """One namespace with its sources. Use it with ``async with``; `restart` is what a crash leaves."""

    def __init__(self, kubeconfig: Path, namespace: str, folder: Path) -> None:
        self.kubeconfig, self.namespace, self.folder = kubeconfig, namespace, folder
        self.mode: Mode | None = "sandbox"
        self.events: list[tuple[str, str, str]] = []
        self.looks: list[str] = []
        self.broken: list[str] = []  # watches
        self.rounds = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Desk:
        self.client = await CountingClient.connect(self.kubeconfig)
        self.reader = await ClusterClient.connect(self.kubeconfig)
        await self._begin()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()
        await self.client.close()
        await self.reader.close()

    async def _begin(self) -> None:
        self.sources = Sources(
            self.client,
            namespaces=[self.namespace],
            cache=self.folder / "cache",
            tree_address=("127.0.0.1", 0),
            tree_base="http://trees.test",
            hook_address=("127.0.0.1", 0),
            allowed=[ip_network("127.0.0.0/8")],
            mode_of=lambda namespace, account: self.mode,
            post=lambda about, type_, reason, message: self.events.append((type_, reason, message)),
            on_look=lambda outcome, seconds: self.looks.append(outcome),
        )
        await self.sources.start()
        sources = self.sources
        self._tasks = [
            asyncio.create_task(self._watch(ALGO_SOURCES, sources.changed, sources.gone)),
            asyncio.create_task(
                self._watch(ALGO_DEPLOYMENTS, sources.deployment_changed, sources.deployment_gone)
            ),
            asyncio.create_task(sources.run()),
        ]

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.sources.close()

    async def restart(self) -> None:
        """Another process: nothing in memory is left."""
        await self._end()
        await self._begin()

    async def _watch(
        self, resource: Resource, changed: Callable[[Object], None], gone: Callable[[Object], None]
    ) -> None:
        """As the operator's watches: one that breaks is begun anew."""
        while True:
            try:
                async with aclosing(self.reader.watch(resource, self.namespace)) as events:
                    async for type_, obj in events:
                        if type_ == "DELETED":
                            gone(obj)
                        elif type_ != "SYNCED":
                            changed(obj)
            except ClusterError as problem:
                self.broken.append(str(problem))
                await asyncio.sleep(0.2)

    # -- what a person does and sees --------------------------------------------------------------------

    async def declare(self, url: str, name: str = "desk", **spec: Any) -> None:
        """Apply an AlgoSource for the branch main."""
        body = {
            "url": url,
            "ref": {"branch": "main"},
            "accountRef": {"name": "sandbox"},
            "interval": "1h",
            **spec,
        }
        await self.reader.apply(
            {
                "apiVersion": API_VERSION,
                "kind": "AlgoSource",
                "metadata": {"name": name, "namespace": self.namespace},
                "spec": body,
            },
            manager="test",
            force=True,
        )

    async def secret(self, name: str, **data: str) -> None:
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": self.namespace}}
        await self.reader.apply({**body, "stringData": data}, manager="test", force=True)

    async def source(self, name: str = "desk") -> Object:
        return await self.reader.get(ALGO_SOURCES, name, self.namespace)

    async def algo(self, name: str) -> Object | None:
        return await self.reader.find(ALGO_DEPLOYMENTS, f"{name}.sandbox", self.namespace)

    async def algos(self) -> dict[str, Object]:
        """All AlgoDeployments by deployment name."""
        found = await self.reader.list(ALGO_DEPLOYMENTS, self.namespace)
        return {obj["spec"]["deployment"]: obj for obj in found}

    async def annotate(self, name: str, **annotations: str) -> None:
        source = await self.source(name)
        await self.reader.merge(source, {"metadata": {"annotations": annotations}}, manager="test")

    async def look(self, name: str = "desk") -> Object:
        """Ask for a look by annotation, and wait until it was acted on; the source as it is then."""
        self.rounds += 1
        stamp = f"{time.time()}-{self.rounds}"
        await self.annotate(name, **{RECONCILE_REQUESTED_AT: stamp})

        async def handled() -> Object | None:
            source = await self.source(name)
            return source if source["status"].get("lastHandledReconcileAt") == stamp else None

        return await eventually(handled, f"look of {name}")

    async def condition(self, type_: str = "Ready", name: str = "desk") -> tuple[str, str, str]:
        """(status, reason, message) of a condition."""
        for condition in (await self.source(name)).get("status", {}).get("conditions", []):
            if condition["type"] == type_:
                return condition["status"], condition["reason"], condition.get("message", "")
        return "", "", ""

    async def reaches(self, reason: str, type_: str = "Ready", name: str = "desk") -> str:
        """Wait for a condition's reason; its message."""

        async def reached() -> str | None:
            status, now, message = await self.condition(type_, name)
            return (message or status) if now == reason else None

        try:
            return await eventually(reached, f"{type_} of {name} for the reason {reason}")
        except AssertionError as problem:
            now = await self.condition(type_, name)
            told = f"it is {now}; looks {self.looks[-5:]}, events {self.events[-5:]}, watches {self.broken}"
            raise AssertionError(f"{problem}; {told}") from None


async def eventually(condition: Callable[[], Awaitable[T | None]], what: str, timeout: float = PATIENCE) -> T:
    """Ask until the condition gives something true; its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = await condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s: {what}"
        await asyncio.sleep(0.1)
