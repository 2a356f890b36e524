"""The WASM of a deployment: found, verified against its digest, inspected once, kept while it is needed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import inspect
from sequence_operator.artifact.store import digest, wasm_from
from sequence_operator.cluster.client import ClusterClient
from sequence_operator.cluster.resources import CONFIG_MAPS
from sequence_operator.controller.download import Downloader, is_final
from sequence_operator.reconcile.model import ArtifactState, ArtifactView
from sequence_operator.spec.resources import Artifact

_KEEP_BYTES = 4 * 1024 * 1024
_KEEP_VERDICTS = 4096


class Artifacts:
    """Bytes and verdicts by digest. Verdicts about the bytes themselves hold for ever; absence is asked
    again.
    """

    def __init__(self, client: ClusterClient, downloader: Downloader) -> None:
        self._client = client
        self._downloader = downloader
        self._bytes: OrderedDict[str, bytes] = OrderedDict()
        self._verdicts: OrderedDict[str, ArtifactView] = OrderedDict()
        self._inspections: dict[str, asyncio.Task[None]] = {}
        self._children = asyncio.Semaphore(2)  # an inspection is a process

    def known(self, artifact: Artifact) -> ArtifactView:
        """What is known without asking anybody; UNKNOWN when it was not inspected in this process."""
        verdict = self._verdicts.get(artifact.digest) or ArtifactView(sha256=artifact.digest)
        return replace(verdict, config_map=_config_map(artifact))

    async def view(self, artifact: Artifact, namespace: str) -> ArtifactView:
        """Fetch and inspect, unless the verdict is known. Raises ClusterError; other problems are in the
        view.
        """
        known = self.known(artifact)
        if known.state is not ArtifactState.UNKNOWN:
            return known
        try:
            await self._inspected(artifact.digest, await self.wasm(artifact, namespace))
        except ArtifactError as problem:
            return replace(_failed(artifact.digest, problem), config_map=known.config_map)
        return self.known(artifact)

    async def wasm(self, artifact: Artifact, namespace: str) -> bytes:
        """The verified bytes. Raises ArtifactError, ClusterError."""
        kept = self._bytes.get(artifact.digest)
        if kept is not None:
            self._bytes.move_to_end(artifact.digest)
            return kept
        if artifact.config_map_ref is not None:
            wasm = await self._from_config_map(artifact, namespace)
        else:
            wasm = await self._from_url(artifact)
        self._bytes[artifact.digest] = wasm
        while sum(map(len, self._bytes.values())) > _KEEP_BYTES:
            self._bytes.popitem(last=False)
        return wasm

    async def _from_config_map(self, artifact: Artifact, namespace: str) -> bytes:
        reference = artifact.config_map_ref
        assert reference is not None  # noqa: S101 -- checked by the caller
        found = await self._client.find(CONFIG_MAPS, reference.name, namespace)
        if found is None:
            raise ArtifactError(
                "ArtifactMissing",
                f"ConfigMap {namespace}/{reference.name} does not exist",
                "store the WASM again: `sequence deploy`",
            )
        return wasm_from(found, reference.key, artifact.digest)

    async def _from_url(self, artifact: Artifact) -> bytes:
        url = artifact.url or ""
        wasm = await self._downloader.fetch(url)
        found = digest(wasm)
        if found != artifact.digest:
            raise ArtifactError(
                "DigestMismatch",
                f"{url} holds {found}, but the deployment names {artifact.digest}",
                "name the digest of what the address serves, or serve the right file",
            )
        return wasm

    async def _inspected(self, sha256: str, wasm: bytes) -> None:
        """Put the verdict on record; one child process per digest, however many ask at the same time."""
        running = self._inspections.get(sha256)
        if running is None:
            running = asyncio.create_task(self._inspect(sha256, wasm))
            self._inspections[sha256] = running
            running.add_done_callback(lambda _: self._inspections.pop(sha256, None))
        await asyncio.shield(running)

    async def _inspect(self, sha256: str, wasm: bytes) -> None:
        try:
            async with self._children:
                result = await asyncio.to_thread(inspect, wasm)
            verdict = ArtifactView(state=ArtifactState.READY, sha256=sha256, size_bytes=result.size)
        except ArtifactError as problem:
            if not is_final(problem):
                raise
            verdict = _failed(sha256, problem)
        self._verdicts[sha256] = verdict
        while len(self._verdicts) > _KEEP_VERDICTS:
            self._verdicts.popitem(last=False)


def _failed(sha256: str, problem: ArtifactError) -> ArtifactView:
    return ArtifactView(
        state=ArtifactState.INVALID if is_final(problem) else ArtifactState.MISSING,
        sha256=sha256,
        reason=problem.reason,
        message=problem.advice,
    )


def _config_map(artifact: Artifact) -> str:
    return artifact.config_map_ref.name if artifact.config_map_ref is not None else ""
