"""Compiled modules by digest, fetched without holding up anybody."""

from __future__ import annotations

import asyncio
from typing import Final

from sequence_paper.edge.errors import ModuleRefused
from sequence_paper.edge.host import Host
from sequence_paper.edge.module import AlgoModule
from sequence_paper.store import Store

_PATIENCE_SECONDS: Final = 1.0


class ModuleCache:
    """Instances of equal bytes share one compiled module; a refusal is remembered like a module."""

    def __init__(self, host: Host, store: Store) -> None:
        self._host, self._store = host, store
        self._known: dict[str, AlgoModule | ModuleRefused] = {}
        self._fetching: dict[str, asyncio.Task[AlgoModule | ModuleRefused]] = {}

    async def ready(self, sha256: str) -> bool:
        """Whether ``get`` can answer now. Waits a moment; what takes longer is asked for again later.

        Raises what the store raises.
        """
        if sha256 in self._known:
            return True
        task = self._fetching.get(sha256)
        if task is None:
            task = self._fetching[sha256] = asyncio.create_task(self._fetch(sha256))
        done, _ = await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
        if not done:
            return False
        del self._fetching[sha256]
        self._known[sha256] = task.result()
        return True

    def get(self, sha256: str) -> AlgoModule:
        """A module that is ready. Raises ModuleRefused."""
        found = self._known[sha256]
        if isinstance(found, ModuleRefused):
            raise ModuleRefused(found.reason, str(found))
        return found

    def forget(self, sha256: str) -> None:
        """Fetch and judge it anew when it is asked for again."""
        self._known.pop(sha256, None)

    def keep(self, used: set[str]) -> None:
        """Let go of all others."""
        self._known = {sha: module for sha, module in self._known.items() if sha in used}

    async def _fetch(self, sha256: str) -> AlgoModule | ModuleRefused:
        wasm = await asyncio.to_thread(self._store.artifacts.get, sha256)
        if wasm is None:
            return ModuleRefused("NoArtifact", f"the module {sha256[:12]} is not stored any more")
        try:
            return await asyncio.to_thread(self._host.load, wasm)
        except ModuleRefused as refused:
            return refused
