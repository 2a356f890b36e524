"""The operator as a part of the stack: its command line, and the addresses it serves trees and webhooks on."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from sequence_operator.local import ports, probes
from sequence_operator.local.folders import write_private
from sequence_operator.local.ports import HeldPort
from sequence_operator.local.rights import NAMESPACE, SYSTEM
from sequence_operator.local.supervisor import Part


class Operator:
    """Files are in ``state_dir/operator``; `prepare` takes the ports, which are held until `close`."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self.folder = state_dir / "operator"
        self._held: dict[str, HeldPort] = {}

    @property
    def trees(self) -> str:
        """Base URL below which the operator serves the files of commits to the builder."""
        return self._url("trees")

    @property
    def hook(self) -> str:
        """Base URL of the webhooks: a git server posts pushes to `<this>/hook/<namespace>/<AlgoSource>`."""
        return self._url("hooks")

    def prepare(self) -> None:
        """Choose the ports, those of the last run where they are free: people have written them down elsewhere."""
        remembered = self.folder / "ports.json"
        last = json.loads(remembered.read_text()) if remembered.exists() else {}
        self._held = {name: ports.hold([last.get(name)]) for name in ("health", "trees", "hooks")}
        numbers = {name: held.number for name, held in self._held.items()}
        write_private(remembered, json.dumps(numbers) + "\n")

    def close(self) -> None:
        """Let others have the ports."""
        for port in self._held.values():
            port.release()

    def part(self, kubeconfig: Path, toolchain: str) -> Part:
        """``toolchain``: the Rust version that builds are asked for; empty when nobody here can build."""
        port = self._held["health"].number
        argv = [sys.executable, "-m", "sequence_operator.controller", "--namespace", NAMESPACE]
        argv += ["--kubeconfig", str(kubeconfig), "--health-address", self._address("health")]
        argv += ["--lease-namespace", SYSTEM, "--cluster-name", "local", "--log-format", "json"]
        # A constant name: after a crash the next process is the same holder and need not wait for the Lease.
        argv += ["--identity", identity(self._state_dir), "--allow-address", "127.0.0.0/8"]
        argv += ["--git-cache", str(self.folder / "git"), "--hook-address", self._address("hooks")]
        argv += ["--tree-address", self._address("trees"), "--tree-base-url", self.trees]
        argv += ["--build-toolchain", toolchain] if toolchain else []
        return Part(
            "operator",
            argv,
            lambda: probes.get(port, "/readyz")[0] == 200,
            address=self._url("health"),
            detail=f"serves namespace {NAMESPACE}; webhooks: {self.hook}/hook/{NAMESPACE}/SOURCE",
            grace=20.0,
        )

    def _address(self, name: str) -> str:
        return f"{ports.LOOPBACK}:{self._held[name].number}"

    def _url(self, name: str) -> str:
        return f"http://{self._address(name)}"


def identity(state_dir: Path) -> str:
    """A name for what runs in this folder: two stacks on one cluster must not take each other for themselves."""
    return f"local-{hashlib.sha256(str(state_dir).encode()).hexdigest()[:12]}"
