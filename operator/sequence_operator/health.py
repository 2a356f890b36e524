"""``/healthz``, ``/readyz`` and ``/metrics`` on one port."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

Check = Callable[[], str | None]
"""None when all is well, else one sentence that says what is wrong and what to do."""


class HealthServer:
    """Serves the checks; ``port`` is the real one after `start` (0 asked for any)."""

    def __init__(
        self, host: str, port: int, *, live: list[Check], ready: list[Check], metrics: Callable[[], bytes]
    ) -> None:
        self.host, self.port = host, port
        self._live, self._ready, self._metrics = live, ready, metrics
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the address cannot be taken."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._serve_metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, request: web.Request) -> web.Response:
        return _answer(self._live)

    async def _readyz(self, request: web.Request) -> web.Response:
        return _answer(self._ready)

    async def _serve_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=self._metrics(), headers={"Content-Type": "text/plain; version=0.0.4"})


def _answer(checks: list[Check]) -> web.Response:
    problems = [problem for check in checks if (problem := check()) is not None]
    return web.Response(status=503 if problems else 200, text="\n".join(problems or ["ok"]) + "\n")
