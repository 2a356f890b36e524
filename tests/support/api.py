"""A thin synchronous client of the API server for tests: kubectl costs 0.2 s a question, and tests ask
often.
"""

from __future__ import annotations

import http
import http.client
import json
import ssl
import time
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sequence_operator.cluster.resources import Resource, resource_of

Object = dict[str, Any]


class RefusedError(Exception):
    """The API server said no."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


AWAY = (OSError, http.client.HTTPException, RefusedError)
"""What a question ends with while the API server is down or coming back."""


class Plane(Protocol):
    """A control plane of ours, as its administrator sees it."""

    @property
    def port(self) -> int: ...
    @property
    def ca(self) -> Path: ...
    @property
    def admin_token(self) -> str: ...


class Api:
    """As administrator, or as who has `token`, on one namespace."""

    def __init__(self, controlplane: Plane, namespace: str, token: str = "") -> None:
        self.namespace = namespace
        self._bearer = token  # of somebody other than the administrator
        self._controlplane = controlplane  # asked at each connection: it may run elsewhere after a restart
        self._connection: http.client.HTTPSConnection | None = None

    def get(self, resource: Resource, name: str) -> Object:
        return self._call("GET", resource.path(self.namespace, name))

    def find(self, resource: Resource, name: str) -> Object | None:
        try:
            return self.get(resource, name)
        except RefusedError as problem:
            if problem.status == 404:
                return None
            raise

    def list(self, resource: Resource) -> list[Object]:
        return list(self._call("GET", resource.path(self.namespace))["items"])

    def apply(
        self,
        obj: Object,
        manager: str = "kubectl",
        subresource: str | None = None,
        *,
        dry_run: bool = False,
    ) -> Object:
        """Server-side apply, with force; dry_run: only to see whether it would be accepted."""
        path = resource_of(obj).path(self.namespace, obj["metadata"]["name"], subresource)
        query = f"?fieldManager={quote(manager)}&force=true{'&dryRun=All' if dry_run else ''}"
        return self._call("PATCH", path + query, obj, "application/apply-patch+yaml")

    def merge(self, resource: Resource, name: str, patch: Object) -> Object:
        return self._call("PATCH", resource.path(self.namespace, name), patch, "application/merge-patch+json")

    def delete(self, resource: Resource, name: str) -> None:
        self._call("DELETE", resource.path(self.namespace, name))

    def token(self, account: str) -> str:
        """A token of a ServiceAccount of the namespace."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{account}/token"
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        return str(self._call("POST", path, body)["status"]["token"])

    def _call(
        self, method: str, path: str, body: Object | None = None, content: str = "application/json"
    ) -> Object:
        """An answer of 2xx. A server that asks to come again (a changed CRD gets its storage anew) is asked again."""
        while True:
            response, answer = self._once(method, path, body, content)
            if response.status != http.HTTPStatus.TOO_MANY_REQUESTS:
                break
            time.sleep(float(response.getheader("Retry-After", "1")))
        if response.status >= 300:
            raise RefusedError(response.status, str(answer.get("message")))
        return dict(answer)

    def _once(
        self, method: str, path: str, body: Object | None, content: str
    ) -> tuple[http.client.HTTPResponse, Object]:
        headers = {
            "Authorization": f"Bearer {self._bearer or self._controlplane.admin_token}",
            "Content-Type": content,
        }
        payload = json.dumps(body) if body is not None else None
        for fresh in (False, True):
            if self._connection is None or fresh:
                context = ssl.create_default_context(cafile=str(self._controlplane.ca))
                self._connection = http.client.HTTPSConnection(
                    "127.0.0.1", self._controlplane.port, timeout=30, context=context
                )
            try:
                self._connection.request(method, path, payload, headers)
                response = self._connection.getresponse()
                return response, json.loads(response.read() or b"{}")
            except (http.client.HTTPException, OSError):
                if fresh:
                    raise
        raise AssertionError("a second failure is raised")
