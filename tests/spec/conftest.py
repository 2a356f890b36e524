"""An HTTP client for tests that ask the real API server what it accepts."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.spec.names import GROUP, VERSION
from support.objects import Edit

PLURALS = {
    "AlgoDeployment": "algodeployments",
    "PlatformAccount": "platformaccounts",
    "AlgoSource": "algosources",
    "AlgoBuild": "algobuilds",
}


@dataclass
class Answer:
    """What the API server said: the object as stored, or `causes` of the refusal as (field, message) pairs."""

    code: int
    stored: dict[str, Any] | None
    causes: list[tuple[str, str]]

    def must_refuse(self, field: str, words: str) -> None:
        """Fail the test unless the object was refused at this field with these words."""
        assert self.stored is None, "the API server took it"
        assert self.code in (400, 422)
        assert any(f == field and words in message for f, message in self.causes), self.causes


class Api:
    """Creates and changes objects of our group in one namespace, by plain HTTP."""

    def __init__(self, http: httpx.Client, namespace: str) -> None:
        self.http = http
        self.namespace = namespace

    def _url(self, kind: str, name: str = "") -> str:
        return f"/apis/{GROUP}/{VERSION}/namespaces/{self.namespace}/{PLURALS[kind]}/{name}".rstrip("/")

    def create(self, body: dict[str, Any], *, dry_run: bool = True) -> Answer:
        """Dry runs pass the same admission as real writes."""
        answer = self.http.post(self._url(body["kind"]), json=body, params=self._params(dry_run))
        return self._result(answer)

    def replace(self, body: dict[str, Any]) -> Answer:
        """Dry run of an update."""
        url = self._url(body["kind"], body["metadata"]["name"])
        return self._result(self.http.put(url, json=body, params=self._params(True)))

    def must_stay(self, body: dict[str, Any], case: tuple[Edit, str, str]) -> None:
        """Stored, the object takes an update without a change, and refuses the edit with field and limit."""
        stored = self.create(body, dry_run=False).stored
        assert stored is not None
        assert self.replace(stored).stored is not None, "an update that changes nothing must pass"
        edit, field, words = case
        edit(stored["spec"])
        self.replace(stored).must_refuse(field, words)

    @staticmethod
    def _params(dry_run: bool) -> dict[str, str]:
        return {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})

    @staticmethod
    def _result(answer: httpx.Response) -> Answer:
        body: dict[str, Any] = answer.json()
        if answer.is_success:
            return Answer(answer.status_code, body, [])
        details = body.get("details", {})
        causes = [(cause.get("field", ""), cause.get("message", "")) for cause in details.get("causes", [])]
        return Answer(answer.status_code, None, causes or [("", body.get("message", ""))])


@pytest.fixture(scope="module")
def api(controlplane: ControlPlane, crds: list[str]) -> Iterator[Api]:
    """A client as administrator on a namespace of the test module's own."""
    name = f"spec-{uuid.uuid4().hex[:8]}"
    with httpx.Client(
        base_url=controlplane.server,
        headers={"Authorization": f"Bearer {controlplane.admin_token}"},
        verify=ssl.create_default_context(cafile=str(controlplane.ca)),
        timeout=30,
    ) as http:
        http.post("/api/v1/namespaces", json={"metadata": {"name": name}}).raise_for_status()
        yield Api(http, name)
        http.delete(f"/api/v1/namespaces/{name}").raise_for_status()
