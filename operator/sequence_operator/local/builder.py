"""The builder as a part of the stack, where this machine has a Rust to build with."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from sequence_operator.builder import rust
from sequence_operator.local import ports, probes
from sequence_operator.local.folders import make_private, write_private
from sequence_operator.local.operator import identity
from sequence_operator.local.ports import HeldPort
from sequence_operator.local.rights import NAMESPACE
from sequence_operator.local.supervisor import Part

NO_SANDBOX = (
    "no bwrap in PATH: builds wait for a sandbox; install bubblewrap, or `sequence up --unsandboxed-builds`"
)
UNSANDBOXED = "builds run WITHOUT a sandbox (--unsandboxed-builds)"


class Builder:
    """Files are in ``state_dir/builder``; `prepare` takes the port, which is held until `close`.

    toolchain: version of the Rust that builds here, "" when there is none; then ``absent`` says why.
    """

    def __init__(self, state_dir: Path, *, unsandboxed: bool) -> None:
        self._state_dir = state_dir
        self.folder = state_dir / "builder"
        self.toolchain = ""
        self.absent = ""
        self._unsandboxed = unsandboxed
        self._held: HeldPort | None = None

    def prepare(self) -> None:
        """See which Rust there is, and choose the port when there is one; else ``absent`` says why."""
        make_private(self.folder)
        try:
            self.toolchain = rust.find().version
        except rust.RustMissingError as problem:
            self.absent = f"nothing is built from git: {problem}; then run `sequence up` again"
            return
        remembered = self.folder / "ports.json"
        last = json.loads(remembered.read_text()) if remembered.exists() else {}
        self._held = ports.hold([last.get("health")])
        write_private(remembered, json.dumps({"health": self._held.number}) + "\n")

    def close(self) -> None:
        """Let others have the port."""
        if self._held is not None:
            self._held.release()

    def part(self, kubeconfig: Path, trees: str) -> Part:
        """``trees``: base URL of what it may build. Only after a `prepare` that found a Rust."""
        if self._held is None:
            raise RuntimeError("the builder has no port: prepare() found no Rust, or was not called")
        port = self._held.number
        argv = [sys.executable, "-m", "sequence_operator.builder", "--namespace", NAMESPACE, "--trees", trees]
        argv += ["--work", str(self.folder / "work"), "--kubeconfig", str(kubeconfig)]
        argv += ["--holder", identity(self._state_dir), "--health-address", f"{ports.LOOPBACK}:{port}"]
        argv += ["--unsandboxed"] if self._unsandboxed else []
        return Part(
            "builder",
            argv,
            lambda: probes.get(port, "/readyz")[0] == 200,
            address=f"http://{ports.LOOPBACK}:{port}",
            detail=f"Rust {self.toolchain}; {self._sandbox()}",
            grace=20.0,
        )

    def _sandbox(self) -> str:
        if self._unsandboxed:
            return UNSANDBOXED
        return "sandboxed by bubblewrap" if shutil.which("bwrap") else NO_SANDBOX
