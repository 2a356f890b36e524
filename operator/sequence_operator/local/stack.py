"""The whole local stack: cluster, paper and operator, started in order, kept running, ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from sequence_operator.cluster import ClusterError
from sequence_operator.local import bootstrap, processes, runfile
from sequence_operator.local.builder import Builder
from sequence_operator.local.clusters import Cluster, OwnCluster, UsersCluster, as_local
from sequence_operator.local.errors import LocalError
from sequence_operator.local.folders import make_private
from sequence_operator.local.identity import Identity
from sequence_operator.local.operator import Operator
from sequence_operator.local.options import Options
from sequence_operator.local.paper import PORT_IN_USE, Paper
from sequence_operator.local.rights import BUILDER, NAMESPACE, OPERATOR
from sequence_operator.local.runfile import PartState, RunState
from sequence_operator.local.supervisor import Supervisor
from sequence_operator.local.talk import Talk
from sequence_operator.local.tokens import Admin
from sequence_operator.spec.names import Mode

MODES: tuple[Mode, ...] = ("live", "sandbox")


class Stack:
    """One run of the stack in ``state_dir``, which the caller has locked. ``binary`` None: the user's cluster."""

    def __init__(self, state_dir: Path, options: Options, binary: Path | None, talk: Talk) -> None:
        self._state_dir = state_dir
        self._talk = talk
        self._cluster: Cluster = (
            UsersCluster(options.kubeconfig, options.kube_context)
            if binary is None
            else OwnCluster(state_dir, binary, talk)
        )
        self._paper = Paper(state_dir / "paper", options)
        self._supervisor = Supervisor(state_dir, talk, self._write)  # needs the running loop
        self._admin: Admin | None = None
        self._operator = Operator(state_dir)
        self._builder = Builder(state_dir, unsandboxed=options.unsandboxed_builds)
        self._identities: list[Identity] = []
        self.run = RunState(os.getpid(), processes.started_at(os.getpid()), str(state_dir), options)

    async def serve(self, on_ready: Callable[[RunState], Awaitable[None]]) -> bool:
        """Start everything, call ``on_ready``, run until SIGINT, SIGTERM or SIGHUP, end everything.

        False when the signal came before it was ready. Nothing is left running when it returns or raises (LocalError
        for a part that cannot start).
        """
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if (
                signal.getsignal(number) is not signal.SIG_IGN
            ):  # `nohup sequence up` means to outlive the terminal
                loop.add_signal_handler(number, stopped.set)
        try:
            if await _unless(stopped, self._start()):
                await on_ready(self.run)
                await _unless(stopped, self._supervised())
            return self.run.ready
        finally:
            self._talk.say("stopping")
            await self._stop()

    async def _supervised(self) -> None:
        try:
            await self._supervisor.failed
        except OSError as problem:
            raise LocalError(
                "a part of the local stack could not be started again",
                cause=str(problem),
                hint="sequence up",
            ) from problem

    # -- starting -----------------------------------------------------------------------------------

    async def _start(self) -> None:
        for name in ("logs", "operator"):
            make_private(self._state_dir / name)
        self._paper.prepare(self._talk)
        await self._cluster.prepare()
        self._operator.prepare()
        await asyncio.to_thread(self._builder.prepare)
        self.run.endpoint = self._paper.endpoint
        self.run.trees, self.run.hook = self._operator.trees, self._operator.hook
        self.run.kubeconfig, self.run.kube_context = self._cluster.kubeconfig, self._cluster.context
        self.run.namespace = NAMESPACE
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._start_cluster())
                keys = group.create_task(self._start_paper())
            await self._start_operator(keys.result())
        except BaseExceptionGroup as several:
            # Parts that start together fail together: the first one's error is the one to read.
            raise _first(several) from several
        self.run.ready = True
        self._write()

    async def _start_cluster(self) -> None:
        for parts in self._cluster.parts():
            await self._supervisor.start(*parts)

    async def _start_paper(self) -> dict[Mode, str]:
        await self._supervisor.start(self._paper.bus_part())
        await self._start_api()
        keys = {mode: await asyncio.to_thread(self._paper.key, mode) for mode in MODES}
        await self._supervisor.start(*self._paper.edge_parts(keys["sandbox"]))
        for venue in self._paper.options.venues:
            edge = await asyncio.to_thread(self._paper.edge, venue, keys["sandbox"])
            source = (edge.get("feed") or {}).get("source")
            if source:
                self._supervisor.states[f"edge-{venue}"].detail = str(source)
        return keys

    async def _start_api(self) -> None:
        """On another port when its own was taken after all, as long as nobody depends on the number."""
        while True:
            try:
                await self._supervisor.start(self._paper.api_part())
            except BaseExceptionGroup as several:
                problem = _first(several)
                taken = isinstance(problem, LocalError) and problem.exit_code == PORT_IN_USE
                if not (taken and self._paper.move(self._talk)):
                    raise
            else:
                self.run.endpoint = self._paper.endpoint
                return
            await self._supervisor.stop("paper-api")

    async def _start_operator(self, keys: dict[Mode, str]) -> None:
        try:
            self._admin = await Admin.connect(self._cluster.kubeconfig or None, self._cluster.context or None)
            await bootstrap.install(self._admin, self._paper.endpoint, keys)
            self._paper.remember_ports()
            operator = await self._identify(OPERATOR, self._operator.folder, self._admin)
            building = self._builder.toolchain != ""
            builder = await self._identify(BUILDER, self._builder.folder, self._admin) if building else None
        except ClusterError as problem:
            raise as_local(problem) from problem
        parts = [self._operator.part(operator, self._builder.toolchain)]
        if builder is not None:
            parts.append(self._builder.part(builder, self._operator.trees))
        else:
            self._supervisor.states["builder"] = PartState(
                "builder", state="absent", detail=self._builder.absent
            )
        await self._supervisor.start(*parts)

    async def _identify(self, account: str, folder: Path, admin: Admin) -> Path:
        """Give a part a token of its ServiceAccount, kept fresh from now on; its kubeconfig."""
        self._identities.append(Identity(account, folder))
        return await self._identities[-1].take(admin, self._cluster, self._talk)

    # -- ending -------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        for identity in self._identities:
            await identity.close()
        if self._admin is not None:
            await self._admin.close()
        edges = [f"edge-{venue}" for venue in self._paper.options.venues]
        await self._supervisor.stop_all(
            [["operator", "builder"], edges, ["paper-api"], ["nats", "controllers"], ["apiserver"]]
        )
        left = processes.marked(self._state_dir)
        if left:
            await asyncio.to_thread(processes.end, left)
            self._talk.say(f"ended what the parts had left behind: processes {', '.join(map(str, left))}")
        self._paper.close()
        self._cluster.close()
        self._operator.close()
        self._builder.close()
        runfile.remove(self._state_dir)
        if self._cluster.leaves:
            self._talk.say(self._cluster.leaves)
        self._talk.say("stopped; no process is left, the data stays")

    def _write(self) -> None:
        self.run.parts = self._supervisor.states
        try:
            runfile.write(self._state_dir, self.run)
        except OSError as problem:  # a full disk must not keep us from ending what runs
            self._talk.say(f"cannot write {runfile.path(self._state_dir)}: {problem.strerror}")


async def _unless(stopped: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Run ``work`` to its end (True) unless ``stopped`` is set first (False, and it is cancelled)."""
    task, waiting = asyncio.create_task(work), asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
            return True
        return False
    finally:
        for each in (task, waiting):
            each.cancel()
        await asyncio.wait([task, waiting])


def _first(several: BaseExceptionGroup[BaseException]) -> BaseException:
    for problem in several.exceptions:
        found = _first(problem) if isinstance(problem, BaseExceptionGroup) else problem
        if isinstance(found, LocalError):
            return found
    return several.exceptions[0]
