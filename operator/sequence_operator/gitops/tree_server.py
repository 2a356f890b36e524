"""Serves published trees to builders: exactly the files of one namespace's folder, by digest, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from aiohttp import web

from sequence_operator.gitops.publishing import TARBALL
from sequence_operator.spec.builds import TREES

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_FILE = re.compile(r"[0-9a-f]{64}\.tar\.gz\Z")


class TreeServer:
    """GET `/trees/<namespace>/<digest>.tar.gz`; ``port`` is the real one after `start` (0 asked for any).

    There is no list of trees: who asks must know a digest, which is in the AlgoBuild that names it.
    """

    def __init__(self, root: Path, namespaces: Collection[str], host: str, port: int) -> None:
        self._root, self._namespaces = root, frozenset(namespaces)
        self.host, self.port = host, port
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be taken."""
        app = web.Application()
        app.router.add_get(f"/{TREES}/{{namespace}}/{{file}}", self._serve)
        self._runner, self.port = await listen(app, self.host, self.port)

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        namespace, file = request.match_info["namespace"], request.match_info["file"]
        if not _NAMESPACE.match(namespace) or namespace not in self._namespaces or not _FILE.match(file):
            raise web.HTTPNotFound
        path = self._root / namespace / f"{file.removesuffix(TARBALL)}{TARBALL}"
        if not path.is_file() or path.is_symlink():
            raise web.HTTPNotFound
        # As it is: a declared content encoding would be taken off on the way, and the builder expects gzip.
        return web.FileResponse(path, headers={"Content-Type": "application/gzip"})


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve an application; the port is the real one. Raises OSError when the address cannot be taken."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    return runner, int(runner.addresses[0][1])
