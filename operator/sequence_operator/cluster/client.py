"""Typed calls to one Kubernetes API server.

Bodies go as JSON over the session of ``kubernetes.aio``, not through its generated methods: those answer None
to a server-side apply that creates (201), and build model objects that nobody needs.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlencode

from sequence_operator.cluster import connection as connections
from sequence_operator.cluster import watch
from sequence_operator.cluster.errors import ClusterError, Kind, from_response, unreachable
from sequence_operator.cluster.resources import SECRETS, Resource, resource_of
from sequence_operator.cluster.watch import EventType

Object = dict[str, Any]
Objects = list[Object]  # a name outside the class, whose method `list` hides the type

CLI: Final = "sequence-cli"  # owns what `sequence deploy` applied
STATE: Final = "sequence-state"  # owns spec.state: who starts and stops
SOURCE: Final = "sequence-source"  # owns what a repository says
BUILDER: Final = "sequence-builder"  # owns the status of AlgoBuilds and the artifacts it made
OPERATOR: Final = "sequence-operator"  # owns status

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_PAGE = 500


class ClusterClient:
    """One API server and one identity. Make it with `connect`; close it, or use it with ``async with``.

    server: base URL; context: name of the kubeconfig context or ``in-cluster``; namespace: the context's own.
    Every call raises ClusterError, and nothing else, for what the cluster or the way to it does.
    """

    def __init__(self, connection: connections.Connection, *, timeout: float = 30.0) -> None:
        import kubernetes.aio.client as client

        self.connection = connection
        self.server = connection.server
        self.context = connection.context
        self.namespace = connection.namespace
        self._timeout = timeout
        self._api = client.ApiClient(connection.configuration)
        self._api.user_agent = OPERATOR

    @classmethod
    async def connect(
        cls,
        kubeconfig: str | Path | None = None,
        context: str | None = None,
        *,
        in_cluster: bool | None = None,
        timeout: float = 30.0,
    ) -> Self:
        """Load the configuration; no call is made yet.

        kubeconfig: a file; default KUBECONFIG, then ~/.kube/config; in a Pod its own account unless one of
        kubeconfig and context is given. timeout: seconds for one call. Raises ClusterError(NO_CONFIG).
        """
        return cls(await connections.load(kubeconfig, context, in_cluster), timeout=timeout)

    async def close(self) -> None:
        await self._api.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- reading -----------------------------------------------------------------------------------

    async def get(self, resource: Resource, name: str, namespace: str | None = None) -> Object:
        """One object. Raises NOT_FOUND, or MISSING_CRD when the cluster does not know the kind."""
        what = f"get {resource.full_name} {_place(namespace, name)}"
        return await self._call("GET", resource.path(namespace, name), what=what)

    async def find(self, resource: Resource, name: str, namespace: str | None = None) -> Object | None:
        """One object, or None when there is none of that name."""
        try:
            return await self.get(resource, name, namespace)
        except ClusterError as problem:
            if problem.kind is Kind.NOT_FOUND:
                return None
            raise

    async def list(
        self, resource: Resource, namespace: str | None = None, *, selector: str | None = None
    ) -> list[Object]:
        """All objects of a namespace, or of the whole cluster with namespace None; read in pages of 500."""
        return [item async for item in self.pages(resource, namespace, selector=selector)]

    async def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        selector: str | None = None,
        metadata_only: bool = False,
    ) -> AsyncIterator[Object]:
        """The objects of `list`, one after the other. metadata_only: without spec, status and data."""
        async for page in self._pages(resource, namespace, selector, metadata_only):
            for item in page.get("items") or []:
                yield item

    async def list_with_version(self, resource: Resource, namespace: str | None) -> tuple[str, Objects]:
        """The resourceVersion a watch goes on from, and all objects at that moment."""
        version = ""
        items: Objects = []
        async for page in self._pages(resource, namespace, None, False):
            version = page["metadata"]["resourceVersion"]
            items += page.get("items") or []
        return version, items

    def watch(
        self, resource: Resource, namespace: str | None = None
    ) -> AsyncGenerator[tuple[EventType, Object], None]:
        """Changes of a kind of object, without end: ("ADDED" | "MODIFIED" | "DELETED", object).

        Begins with ADDED for everything there is, then ("SYNCED", {}), which also follows every later list.
        A stream the server ended is continued; one it can no longer continue is replaced by a list, whose
        differences come as events. Raises ClusterError when a call fails: begin anew after a while.
        """
        return watch.follow(self, resource, namespace)

    async def _pages(
        self, resource: Resource, namespace: str | None, selector: str | None, metadata_only: bool
    ) -> AsyncIterator[Object]:
        accept = "application/json"
        if metadata_only:
            accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        token = ""
        while True:
            query = {"limit": str(_PAGE)}
            if selector:
                query["labelSelector"] = selector
            if token:
                query["continue"] = token
            what = f"list {resource.full_name}" + (f" in {namespace}" if namespace else "")
            page = await self._call("GET", resource.path(namespace), query=query, what=what, accept=accept)
            for item in page.get("items") or []:
                item |= {"apiVersion": resource.api_version, "kind": resource.kind}  # lists leave them out
            yield page
            token = page.get("metadata", {}).get("continue") or ""
            if not token:
                return

    async def probe(self, resource: Resource, namespace: str | None = None) -> None:
        """Whether objects of this kind can be listed: raises MISSING_CRD, FORBIDDEN, UNREACHABLE, …"""
        what = f"list {resource.full_name}" + (f" in {namespace}" if namespace else "")
        await self._call("GET", resource.path(namespace), query={"limit": "1"}, what=what)

    async def secret_value(self, name: str, key: str, namespace: str) -> str | None:
        """The text under ``key`` of one Secret, read by name; None when Secret or key is missing.

        Raises INVALID when what is there is no text.
        """
        secret = await self.find(SECRETS, name, namespace)
        encoded = ((secret or {}).get("data") or {}).get(key)
        if encoded is None:
            return None
        try:
            return base64.b64decode(encoded).decode().strip()
        except UnicodeDecodeError:
            raise ClusterError(
                Kind.INVALID,
                f"Secret {_place(namespace, name)}, key {key}: not text",
                "store the key as text",
            ) from None

    # -- writing -----------------------------------------------------------------------------------

    async def apply(
        self,
        obj: Object,
        *,
        manager: str,
        force: bool = False,
        dry_run: bool = False,
        subresource: str | None = None,
    ) -> Object:
        """Server-side apply of an apply configuration; the answer is the stored object, created or not.

        obj: apiVersion, kind, metadata.name (and namespace), and exactly the fields ``manager`` wants to own;
        metadata.uid makes it refuse to create anew, metadata.resourceVersion to overwrite what it never saw.
        Raises CONFLICT with one FieldProblem per foreign field unless ``force``; INVALID with the fields.
        """
        resource, metadata = resource_of(obj), obj["metadata"]
        query = {"fieldManager": manager, "force": "true" if force else "false", "fieldValidation": "Strict"}
        if dry_run:
            query["dryRun"] = "All"
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource)
        place = _place(metadata.get("namespace"), metadata["name"])
        what = f"apply {resource.full_name}{'/' + subresource if subresource else ''} {place}"
        return await self._call("PATCH", path, obj, query=query, what=what, content=_APPLY)

    async def apply_status(self, obj: Object, *, manager: str = OPERATOR) -> Object:
        """Server-side apply of ``status``, whose only writer is ``manager``; obj carries metadata.uid."""
        return await self.apply(obj, manager=manager, force=True, subresource="status")

    async def create(self, obj: Object, *, manager: str) -> Object:
        """POST with fieldValidation=Strict. Raises ALREADY_EXISTS."""
        resource, metadata = resource_of(obj), obj["metadata"]
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        what = f"create {resource.full_name} {_place(metadata.get('namespace'), metadata['name'])}"
        return await self._call("POST", resource.path(metadata.get("namespace")), obj, query=query, what=what)

    async def replace(self, obj: Object, *, manager: str) -> Object:
        """PUT of a whole object that was read before; its resourceVersion guards it (CONFLICT when stale)."""
        resource, metadata = resource_of(obj), obj["metadata"]
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        path = resource.path(metadata.get("namespace"), metadata["name"])
        what = f"replace {resource.full_name} {_place(metadata.get('namespace'), metadata['name'])}"
        return await self._call("PUT", path, obj, query=query, what=what)

    async def merge(self, obj: Object, patch: Object, *, manager: str) -> Object:
        """JSON merge patch of ``obj``, guarded by the uid it was read with (CONFLICT when that one is gone).

        Never for status: fields once merged in survive later server-side applies.
        """
        resource, metadata = resource_of(obj), obj["metadata"]
        guarded = {**patch, "metadata": {**patch.get("metadata", {}), "uid": metadata["uid"]}}
        path = resource.path(metadata.get("namespace"), metadata["name"])
        query = {"fieldManager": manager, "fieldValidation": "Strict"}
        what = f"patch {resource.full_name} {_place(metadata.get('namespace'), metadata['name'])}"
        return await self._call("PATCH", path, guarded, query=query, what=what, content=_MERGE)

    async def set_finalizer(
        self, obj: Object, finalizer: str, present: bool, *, manager: str = OPERATOR
    ) -> Object:
        """Add or remove one finalizer of the object as it was read (uid and resourceVersion guard it).

        Returns the stored object; the last removal of a deleted object's finalizers makes it vanish.
        """
        metadata = obj["metadata"]
        had = list(metadata.get("finalizers") or [])
        wanted = [item for item in had if item != finalizer] + ([finalizer] if present else [])
        if wanted == had:
            return obj
        patch = {"metadata": {"finalizers": wanted, "resourceVersion": metadata["resourceVersion"]}}
        return await self.merge(obj, patch, manager=manager)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
    ) -> bool:
        """Delete one object; False when there is none. Another uid or resource_version is a CONFLICT."""
        conditions = {
            key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value
        }
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if conditions:
            options["preconditions"] = conditions
        what = f"delete {resource.full_name} {_place(namespace, name)}"
        try:
            await self._call("DELETE", resource.path(namespace, name), options, what=what)
        except ClusterError as problem:
            if problem.kind is Kind.NOT_FOUND:
                return False
            raise
        return True

    # -- the wire ----------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: dict[str, str] | None = None,
        what: str,
        content: str = "application/json",
        accept: str = "application/json",
    ) -> Object:
        import aiohttp

        response = await self.request(method, path, body, query=query, content=content, accept=accept)
        try:
            payload: bytes = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise unreachable(self.server, problem) from problem
        if response.status >= 300:
            raise from_response(
                response.status,
                payload,
                what=what,
                server=self.server,
                retry_after=response.headers.get("Retry-After"),
            )
        answer: Object = json.loads(payload) if payload else {}
        return answer

    async def request(
        self,
        method: str,
        path: str,
        body: Object | None = None,
        *,
        query: dict[str, str] | None = None,
        content: str = "application/json",
        accept: str = "application/json",
        timeout: Any = None,  # noqa: ANN401 -- aiohttp's, which is not imported here
    ) -> Any:  # noqa: ANN401
        """One request as this identity; the client library's response, whatever its status, not yet read.

        timeout: an ``aiohttp.ClientTimeout``; by default the seconds of `connect`. Raises UNREACHABLE.
        """
        import aiohttp

        url = f"{self.server}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"Accept": accept, "Content-Type": content, "User-Agent": OPERATOR}
        header = await self.connection.configuration.get_api_key_with_prefix(
            "BearerToken", alias="authorization"
        )
        if header:
            headers["Authorization"] = header
        try:
            return await self._api.rest_client.request(
                method, url, headers=headers, body=body, _request_timeout=timeout or self._timeout
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as problem:
            raise unreachable(self.server, problem) from problem


def _place(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
