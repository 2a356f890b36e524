"""A local stack as a user runs it: the `sequence` command in a home of its own, everything real."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from sequence_operator.cluster.resources import (
    ALGO_BUILDS,
    ALGO_DEPLOYMENTS,
    ALGO_SOURCES,
    PLATFORM_ACCOUNTS,
    Resource,
)
from sequence_operator.local import ports
from sequence_operator.local.bootstrap import POLL_INTERVAL
from sequence_operator.local.paper import PORT
from sequence_operator.spec.names import API_VERSION
from support import forked
from support.api import Api
from support.processes import PATIENCE, wait_until

SEQUENCE = str(Path(sys.executable).with_name("sequence"))


@functools.cache
def _take_preferred_port() -> socket.socket:
    """Listen where paper would if nobody did, as long as this process lives.

    Else a stack that is killed and started again by its test could find that of another worker on its port.
    """
    taken = socket.socket()
    with contextlib.suppress(OSError):  # somebody else has it indeed
        taken.bind((ports.LOOPBACK, PORT))
        taken.listen()
    return taken


class LocalStack:
    """`sequence up` in `home`; every command of a test goes through it with the same environment."""

    def __init__(self, home: Path) -> None:
        _take_preferred_port()
        self.home = home
        self.state_dir = home / "state" / "sequence" / "local"
        self.api = Api(self, "sequence")
        """As the administrator of the stack's own cluster, without kubectl: it takes 0.2 s, and waits ask often."""
        self.env = {
            **os.environ,
            "SEQUENCE_CONFIG": str(home / "config.toml"),
            "XDG_STATE_HOME": str(home / "state"),
            "NO_COLOR": "1",
            "PATH": f"{Path(SEQUENCE).parent}{os.pathsep}{os.environ['PATH']}",
        }

    # --- commands -------------------------------------------------------------------------------------------

    def run(
        self, *arguments: str, cwd: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """One `sequence` command, whatever its exit code."""
        with (
            tempfile.TemporaryFile() as given,
            tempfile.TemporaryFile() as out,
            tempfile.TemporaryFile() as err,
        ):
            given.write(stdin.encode())
            given.seek(0)
            process = forked.fork(
                "sequence_operator",
                list(arguments),
                env=self.env,
                cwd=cwd or self.home,
                stdin=given,
                stdout=out,
                stderr=err,
                script=SEQUENCE,
            )
            try:
                code = process.wait(300)
            finally:
                process.kill()
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read().decode(), err.read().decode())

    def __call__(self, *arguments: str, cwd: Path | None = None) -> str:
        """Standard output of a command that must work."""
        done = self.run(*arguments, cwd=cwd)
        assert done.returncode == 0, (
            f"sequence {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def status(self, name: str, *, sandbox: bool = True) -> dict[str, Any]:
        flags = ["--sandbox"] if sandbox else []
        shown: dict[str, Any] = json.loads(self(*flags, "status", name, "-o", "json"))
        return shown

    # --- the stack ------------------------------------------------------------------------------------------

    def up(self, *flags: str) -> LocalStack:
        self("up", "--detach", *flags)
        return self

    def document(self) -> dict[str, Any]:
        """run.json: what the supervisor says of its parts."""
        document: dict[str, Any] = json.loads((self.state_dir / "run.json").read_text())
        return document

    def part(self, name: str) -> dict[str, Any]:
        return next(part for part in self.document()["parts"] if part["name"] == name)

    def kill(self, name: str) -> int:
        """SIGKILL to one part by its pid; the pid."""
        pid = int(self.part(name)["pid"])
        assert pid > 0, f"{name} does not run: {self.part(name)}"  # 0 would be this test's own process group
        os.kill(pid, signal.SIGKILL)
        return pid

    def back(self, name: str, old_pid: int, timeout: float = PATIENCE) -> None:
        """Wait until the supervisor runs that part again as another process."""

        def again() -> bool:
            part = self.part(name)
            return part["pid"] not in (0, old_pid) and part["state"] == "running"

        wait_until(again, f"{name} runs again", timeout)

    def down(self) -> None:
        done = self.run("down", "--purge")
        assert done.returncode == 0, done.stderr

    def processes(self) -> list[int]:
        """Every living process below this home's stack."""
        mark = f"SEQUENCE_LOCAL_STATE={self.state_dir}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if mark in (entry / "environ").read_bytes().split(b"\0") and state not in "ZX":
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    # --- the platform and the cluster, looked at directly ----------------------------------------------------

    @property
    def endpoint(self) -> str:
        return str(self.document()["endpoint"])

    def key(self, mode: str = "sandbox") -> str:
        return (self.state_dir / "paper" / f"{mode}.key").read_text().strip()

    def platform(self, method: str, path: str, body: Any = None, mode: str = "sandbox") -> tuple[int, Any]:
        """(status, parsed body) of one call to paper's API."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {self.key(mode)}", "Content-Type": "application/json"}
        request = urllib.request.Request(self.endpoint + path, data=data, method=method, headers=headers)
        try:
            answer = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
            return int(answer.status), json.loads(text) if text else None

    def all_rows(self, mode: str = "sandbox") -> list[dict[str, Any]]:
        """The platform's deployments."""
        status, listed = self.platform("GET", "/v1/deployments", mode=mode)
        assert status == 200, listed
        return list(listed["deployments"])

    def rows(self, name: str, mode: str = "sandbox") -> list[dict[str, Any]]:
        """Those of that name (0 or 1 when all is well)."""
        return [row for row in self.all_rows(mode) if row["name"] == name]

    def calls(self) -> list[dict[str, Any]]:
        """Paper's call log."""
        log = self.state_dir / "logs" / "calls.jsonl"
        return [json.loads(line) for line in log.read_text().splitlines() if line]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """kubectl as administrator, in the stack's namespace."""
        from sequence_operator.local.binary import resolve
        from sequence_operator.local.talk import StreamTalk

        kubeconfig = self.document()["kubeconfig"]
        command = [str(resolve(StreamTalk())), "kubectl", f"--kubeconfig={kubeconfig}", "-n", "sequence"]
        command += [f"--cache-dir={self.home / 'kubectl'}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    @property
    def port(self) -> int:
        return int((self.state_dir / "port").read_text())

    @property
    def ca(self) -> Path:
        return self.state_dir / "pki" / "ca.crt"

    @property
    def admin_token(self) -> str:
        return (self.state_dir / "admin.token").read_text().strip()

    def cr(self, name: str) -> dict[str, Any]:
        return self.api.get(ALGO_DEPLOYMENTS, name)

    def deployments(self) -> set[str]:
        """The names of all AlgoDeployments."""
        return {obj["metadata"]["name"] for obj in self.api.list(ALGO_DEPLOYMENTS)}

    # --- the cluster's objects, changed ----------------------------------------------------------------------

    def apply(self, *objects: dict[str, Any]) -> None:
        """Server-side apply, as kubectl does it; an object without an API version is one of ours."""
        for obj in objects:
            self.api.apply({"apiVersion": API_VERSION, **obj}, manager="test")

    def ready(self, name: str) -> None:
        """Wait until the operator says so of the newest generation of an AlgoDeployment."""

        def is_ready() -> bool:
            obj = self.cr(name)
            conditions = (obj.get("status") or {}).get("conditions") or []
            found = next((c for c in conditions if c["type"] == "Ready"), {"status": "Unknown"})
            return found["status"] == "True" and found["observedGeneration"] == obj["metadata"]["generation"]

        try:
            wait_until(is_ready, f"{name} is Ready")
        except AssertionError as problem:
            raise AssertionError(f"{problem}\n{json.dumps(self.cr(name).get('status'), indent=1)}") from None

    def delete(self, *names: str, wait: bool = True) -> None:
        """Delete AlgoDeployments; `wait` until they are gone from the cluster, and with that from the platform."""
        for name in names:
            self.api.delete(ALGO_DEPLOYMENTS, name)
        if wait:
            wait_until(lambda: self.deployments().isdisjoint(names), f"{names} are gone")

    def clear(self) -> None:
        """Take away all that was applied, and registered by hand: the stack is as after its start."""
        for resource in (ALGO_SOURCES, ALGO_DEPLOYMENTS, ALGO_BUILDS):
            self._delete_all(resource)
        accounts = {obj["metadata"]["name"] for obj in self.api.list(PLATFORM_ACCOUNTS)}
        for name in accounts - {"live", "sandbox"}:
            self.api.delete(PLATFORM_ACCOUNTS, name)
        self.api.merge(PLATFORM_ACCOUNTS, "sandbox", {"spec": {"pollInterval": POLL_INTERVAL}})
        for row in self.platform("GET", "/v1/deployments")[1]["deployments"]:
            self.platform("DELETE", f"/v1/deployments/{row['deployment_id']}")

    def _delete_all(self, resource: Resource) -> None:
        for obj in self.api.list(resource):
            self.api.delete(resource, obj["metadata"]["name"])
        wait_until(lambda: not self.api.list(resource), f"no {resource.plural} are left")
