"""A team's git repository in front of a local stack: commits by the test, pushes announced by a signed webhook."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import wasmtime

from sequence_operator.cluster.resources import ALGO_BUILDS, ALGO_DEPLOYMENTS, ALGO_SOURCES
from support.api import Api
from support.gitserver import GitServer, Repository
from support.localstack import LocalStack
from support.processes import wait_until

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "gitops-repo"
CRATE = EXAMPLE / "sandbox" / "quoter"
MODULE = bytes(wasmtime.wat2wasm((EXAMPLE.parents[1] / "bench" / "algo.wat").read_text()))
"""A module for algos whose WASM is committed."""
HOOK_TOKEN = "the-hook's-token"
SYSTEM = "sequence-system"
KINDS = {"algo": ALGO_DEPLOYMENTS, "algosrc": ALGO_SOURCES}


@functools.cache
def lock_file() -> str:
    """Cargo.lock of the example's crate, made anew by cargo: a committed one would name a registry."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        (scratch / "src").mkdir()
        (scratch / "src" / "lib.rs").touch()
        (scratch / "Cargo.toml").write_text((CRATE / "Cargo.toml").read_text())
        command = ["cargo", "generate-lockfile", "--quiet"]
        subprocess.run(command, cwd=scratch, check=True, timeout=300)
        return (scratch / "Cargo.lock").read_text()


def crate(folder: str) -> dict[str, str | bytes | None]:
    """The files of the example's crate below `folder`, with a lock file, without Sequence.toml."""
    return {
        f"{folder}/Cargo.toml": (CRATE / "Cargo.toml").read_text(),
        f"{folder}/Cargo.lock": lock_file(),
        f"{folder}/src/lib.rs": (CRATE / "src" / "lib.rs").read_text(),
    }


def sequence_toml(name: str, *, state: str = "", rate: int = 20, extra: str = "", build: str = "") -> str:
    """A small Sequence.toml; `state` "" leaves it to whoever starts and stops. `extra` goes under [risk]."""
    lines = ["[deployment]", f'name = "{name}"']
    lines += [f'state = "{state}"'] if state else []
    lines += ["", "[build]", build] if build else []
    lines += ["", "[risk]", f"max_order_rate = {rate}", "max_position_1e8 = 1_000_000", *extra.splitlines()]
    lines += ["", "[params]", "size_1e8 = 100_000", "half_spread = { bps = 5 }"]
    lines += ["", "[[instances]]", 'venue = "kraken"', 'symbols = ["BTC-USD"]', ""]
    return "\n".join(lines)


def algo(folder: str, name: str, **options: Any) -> dict[str, str | bytes | None]:
    """All files of one algo."""
    return crate(folder) | {f"{folder}/Sequence.toml": sequence_toml(name, **options)}


class Desk:
    """`repo` is followed by AlgoSource `desk` of `stack`, unless a test applies others."""

    def __init__(self, stack: LocalStack, server: GitServer, name: str = "algos") -> None:
        self.stack, self.server = stack, server
        self.repo: Repository = server.repository(name)
        token = {"token": base64.b64encode(HOOK_TOKEN.encode()).decode()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "sequence-hook"}, "data": token}
        self.apply(secret)

    # -- the cluster -------------------------------------------------------------------------------------------

    def apply(self, *objects: dict[str, Any]) -> None:
        """Server-side apply, as a platform team does it with kubectl."""
        for obj in objects:
            Api(self.stack, obj["metadata"].get("namespace", self.stack.api.namespace)).apply(obj)

    def source(self, name: str = "desk", **spec: Any) -> str:
        """Apply an AlgoSource that follows `main` and is polled once an hour: pushes come by webhook."""
        body = {
            "url": self.repo.url,
            "ref": {"branch": "main"},
            "paths": ["**/Sequence.toml"],
            "interval": "1h",
            "accountRef": {"name": "sandbox"},
            "webhook": {"secretRef": {"name": "sequence-hook", "key": "token"}},
            **spec,
        }
        metadata = {"name": name}
        self.apply(
            {
                "apiVersion": "sequencemkts.com/v1alpha1",
                "kind": "AlgoSource",
                "metadata": metadata,
                "spec": body,
            }
        )
        return name

    def hook(self, name: str = "desk") -> int:
        """Announce a push as GitHub does; the answer's status."""
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        signature = hmac.new(HOOK_TOKEN.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        address = f"{self.stack.document()['hook']}/hook/sequence/{name}"
        request = urllib.request.Request(address, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    def push(
        self, files: dict[str, str | bytes | None], message: str = "change", source: str = "desk"
    ) -> str:
        """Commit, announce it, and wait until the source has looked at that commit; its id."""
        commit = self.repo.commit(message, files)
        self.hook(source)
        self.seen(commit, source)
        return commit

    def seen(self, commit: str, source: str = "desk") -> None:
        wait_until(
            lambda: self.get_source(source).get("status", {}).get("observedCommit") == commit,
            f"source {source} has looked at {commit}",
            60,
        )

    def get_source(self, name: str = "desk") -> dict[str, Any]:
        return self.stack.api.get(ALGO_SOURCES, name)

    def condition(self, kind: str, name: str, condition: str) -> dict[str, Any]:
        """A condition of an object, {} while there is none."""
        obj = self.stack.api.get(KINDS[kind], name)
        conditions = obj.get("status", {}).get("conditions", [])
        return next((c for c in conditions if c["type"] == condition), {})

    def wait_condition(
        self,
        kind: str,
        name: str,
        condition: str,
        status: str = "True",
        reason: str = "",
        timeout: float = 90,
    ) -> dict[str, Any]:
        """The condition, once it has that status (and reason) for the newest generation."""

        def there() -> dict[str, Any]:
            obj = self.stack.api.get(KINDS[kind], name)
            for c in obj.get("status", {}).get("conditions", []):
                fresh = c.get("observedGeneration") == obj["metadata"]["generation"]
                if c["type"] == condition and c["status"] == status and fresh and reason in ("", c["reason"]):
                    found: dict[str, Any] = c
                    return found
            return {}

        try:
            return wait_until(there, f"{kind}/{name} {condition}={status} {reason}", timeout)
        except AssertionError as problem:
            obj = self.stack.api.get(KINDS[kind], name)
            raise AssertionError(f"{problem}\n{json.dumps(obj.get('status'), indent=1)}") from None

    def builds(self) -> list[dict[str, Any]]:
        return self.stack.api.list(ALGO_BUILDS)

    def versions(self) -> dict[str, str]:
        """Name and resourceVersion of every AlgoDeployment."""
        items = self.stack.api.list(ALGO_DEPLOYMENTS)
        return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in items}

    def writes(self) -> list[str]:
        """The platform writes so far, as `METHOD path`."""
        return [
            f"{c['method']} {c['path']}" for c in self.stack.calls() if c["method"] not in ("GET", "HEAD")
        ]

    def row(self, name: str) -> dict[str, Any]:
        """The platform's row, {} while it is being replaced."""
        rows = self.stack.rows(name)
        assert len(rows) <= 1, f"registered twice: {rows}"
        return rows[0] if rows else {}

    def rate(self, name: str) -> int | None:
        """The order rate that is in force on the platform."""
        rate: int | None = self.row(name).get("risk", {}).get("max_order_rate")
        return rate

    def module(self, name: str) -> str:
        """Digest of the module that is registered; "" while it is being replaced."""
        return str(self.row(name).get("wasm_sha256", ""))

    def running(self, name: str, timeout: float = 120) -> dict[str, Any]:
        """The platform's row, once it runs and the object is Ready."""

        def there() -> dict[str, Any]:
            row = self.row(name)
            return row if row.get("status") == "running" else {}

        try:
            row = wait_until(there, f"{name} runs", timeout)
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{self.told()}") from None
        self.wait_condition("algo", f"{name}.sandbox", "Ready")
        return row

    def told(self, namespace: str = "sequence") -> str:
        """What every object says of itself, for the message of a test that waited in vain."""
        asked = ["-n", namespace, "get", "algosrc,algo,algobuild,pacct", "-o", "json"]
        items = json.loads(self.stack.kubectl(*asked))["items"]
        lines = []
        for item in items:
            status = item.get("status", {})
            conditions = [
                f"{c['type']}={c['status']} {c['reason']}: {c['message']}"
                for c in status.get("conditions", [])
            ]
            more = [
                str(status[key]) for key in ("observedCommit", "problems", "phase", "state") if key in status
            ]
            lines.append("\n  ".join([f"{item['kind']} {item['metadata']['name']}", *more, *conditions]))
        return "\n".join(lines)
