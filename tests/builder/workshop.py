"""A builder between a real API server, under the rights the chart gives it, and a server of published sources."""

from __future__ import annotations

import gzip
import http.server
import json
import subprocess
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sequence_operator.artifact.tree import Entry, Packed, pack
from sequence_operator.cli import scaffold
from sequence_operator.cluster.resources import ALGO_BUILDS, CONFIG_MAPS
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.local.rights import BUILDER, NAMESPACE, SYSTEM
from sequence_operator.spec.builds import build_name
from sequence_operator.spec.names import API_VERSION
from support.api import Api
from support.processes import Child, free_port, wait_until

Object = dict[str, Any]
Files = dict[str, str]
PATIENCE = 180.0
COMMIT = "c" * 40


class Folder:
    """Files in memory as a tree; `->` before the content makes a link."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def entries(self) -> list[Entry]:
        return [
            Entry(path, "symlink" if text.startswith("->") else "file", len(self.read(path)))
            for path, text in self.files.items()
        ]

    def read(self, path: str) -> bytes:
        return self.files[path].removeprefix("->").encode()


class Trees:
    """Serves `/trees/<namespace>/<digest>.tar.gz`. asked: every path that was asked for; base: its address."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        trees = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                trees.asked.append(self.path)
                trees.hold.wait(PATIENCE)
                body = trees.content.get(self.path)
                if body is not None and body.startswith(b"redirect "):
                    self.send_response(302)
                    self.send_header("Location", body.split(b" ", 1)[1].decode())
                    self.end_headers()
                    return
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def publish(self, packed: Packed, body: bytes | None = None) -> str:
        path = f"/trees/{NAMESPACE}/{packed.digest}.tar.gz"
        self.content[path] = gzip.compress(packed.tar, 1) if body is None else body
        return self.base + path

    def close(self) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()


class Builder:
    """One builder process."""

    def __init__(
        self, workshop: Workshop, holder: str, *flags: str, env: Mapping[str, str] | None = None
    ) -> None:
        self.holder, self.port = holder, free_port()
        self.work = workshop.folder / f"work-{holder}"
        command = [
            sys.executable,
            "-m",
            "sequence_operator.builder",
            "--namespace",
            NAMESPACE,
            "--holder",
            holder,
        ]
        command += ["--trees", workshop.trees.base, "--work", str(self.work), "--retry", "100ms"]
        command += [
            "--kubeconfig",
            str(workshop.kubeconfig),
            "--health-address",
            f"127.0.0.1:{self.port}",
            *flags,
        ]
        self.child = Child(holder, command, workshop.folder / f"{holder}.log", env)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            assert self.child.running(), self.child.output()
            return False

    def start(self) -> Builder:
        self.child.start()
        wait_until(self.ready, f"{self.holder} is ready", PATIENCE)
        return self


class Workshop:
    def __init__(self, controlplane: ControlPlane, folder: Path) -> None:
        self.api = Api(controlplane, NAMESPACE)
        self.trees = Trees()
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.token = token = Api(controlplane, SYSTEM).token(BUILDER)
        write_kubeconfig(
            self.kubeconfig, server=controlplane.server, ca=controlplane.ca, namespace=NAMESPACE, token=token
        )

    @contextmanager
    def builder(self, holder: str, *flags: str, env: Mapping[str, str] | None = None) -> Iterator[Builder]:
        builder = Builder(self, holder, *flags, env=env)
        try:
            yield builder.start()
        finally:
            builder.child.kill()

    def order(
        self,
        files: Mapping[str, str],
        path: str = "a",
        toolchain: str = "",
        *,
        body: bytes | None = None,
        **spec: str,
    ) -> str:
        """Publish sources and ask for a build of the crate at `path`; its name."""
        packed = pack(Folder(files))
        url = self.trees.publish(packed, body)
        given = {"treeDigest": packed.digest, "treeUrl": url, "commit": COMMIT, "path": path,
                 "toolchain": toolchain or rust_version(), **spec}  # fmt: skip
        name = build_name(given["treeDigest"], given["path"], given["toolchain"])
        self.create(name, given)
        return name

    def create(self, name: str, spec: Object) -> None:
        metadata = {"name": name, "namespace": NAMESPACE}
        obj = {"apiVersion": API_VERSION, "kind": ALGO_BUILDS.kind, "metadata": metadata, "spec": spec}
        self.api.apply(obj)

    def status(self, name: str) -> Object:
        return dict(self.api.get(ALGO_BUILDS, name).get("status") or {})

    def condition(self, name: str, type_: str) -> Object:
        return next((c for c in self.status(name).get("conditions") or [] if c["type"] == type_), {})

    def ended(self, name: str) -> Object:
        """Its status once nothing more will happen to it."""

        def look() -> Object | None:
            status = self.status(name)
            stalled = self.condition(name, "Stalled").get("status") == "True"
            over = status.get("phase") == "Succeeded" or (status.get("phase") == "Failed" and stalled)
            return status if over else None

        return wait_until(look, f"the end of {name}", PATIENCE)

    def failed(self, name: str) -> tuple[str, str]:
        """Reason and message of a build that failed for good."""
        status = self.ended(name)
        assert status["phase"] == "Failed", status
        stalled = self.condition(name, "Stalled")
        return stalled["reason"], stalled["message"]

    def built(self, name: str) -> str:
        """SHA-256 of a build that succeeded, whose artifact is stored."""
        status = self.ended(name)
        assert status["phase"] == "Succeeded", json.dumps(status, indent=1)
        assert status["configMap"] == f"wasm-{status['sha256']}"
        assert self.api.get(CONFIG_MAPS, status["configMap"])["immutable"] is True
        return str(status["sha256"])


def rust_version() -> str:
    done = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def algo(prefix: str = "a/") -> Files:
    """A new algo with the lock file that cargo makes for it today."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "my-algo"
        scaffold.write("my-algo", folder)
        lock(folder)
        return read(folder, prefix)


def lock(folder: Path) -> None:
    done = subprocess.run(["cargo", "generate-lockfile"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def read(folder: Path, prefix: str = "") -> Files:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "target" not in path.parts)
    return {prefix + str(path.relative_to(folder)): path.read_text() for path in files}


def write(files: Mapping[str, str], folder: Path) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder
