"""The cluster of a local stack: a control plane of its own, or one that the user has."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Protocol

from sequence_operator.cluster import ClusterError
from sequence_operator.cluster.resources import NAMESPACES
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.errors import LocalError
from sequence_operator.local.kubeconfig import write_kubeconfig
from sequence_operator.local.rights import NAMESPACE, SELECTOR, SYSTEM
from sequence_operator.local.supervisor import Part
from sequence_operator.local.talk import Talk
from sequence_operator.local.tokens import Admin


class Cluster(Protocol):
    """Where the custom resources live. ``kubeconfig`` and ``context`` are the administrator's ("": defaults)."""

    kubeconfig: str
    context: str
    leaves: str  # what stays where it is when the stack ends, for people; may be empty

    async def prepare(self) -> None:
        """Before any part starts: write what is needed, or find out that it cannot work (LocalError)."""

    def parts(self) -> list[list[Part]]:
        """The processes to run, group after group."""

    def close(self) -> None:
        """After all parts have ended: let go of what was held for them."""

    def part_kubeconfig(self, admin: Admin, path: Path, token_file: Path, namespace: str) -> None:
        """Write the kubeconfig of a part of the stack, which reads its token from ``token_file``."""


class OwnCluster:
    """Our control plane in ``state_dir``."""

    def __init__(self, state_dir: Path, binary: Path, talk: Talk) -> None:
        self._plane = ControlPlane(state_dir, binary=binary, talk=talk)
        self.kubeconfig = str(self._plane.kubeconfig)
        self.context = "local"
        self.leaves = ""

    async def prepare(self) -> None:
        await asyncio.to_thread(self._plane.prepare)

    def close(self) -> None:
        self._plane.release_port()

    def parts(self) -> list[list[Part]]:
        plane = self._plane
        server = Part(
            "apiserver", plane.server_command(), plane.ready, address=plane.server, timeout=120.0, grace=20.0
        )
        return [[server], [Part("controllers", plane.controllers_command(), lambda: True)]]

    def part_kubeconfig(self, admin: Admin, path: Path, token_file: Path, namespace: str) -> None:
        write_kubeconfig(
            path, server=self._plane.server, ca=self._plane.ca, token_file=token_file, namespace=namespace
        )


class UsersCluster:
    """A context of the user's kubeconfig; nothing of it is changed but what the stack applies in the cluster."""

    def __init__(self, kubeconfig: str, context: str) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        self.leaves = (
            f"the namespaces {SYSTEM} and {NAMESPACE}, the resource definitions and two admission policies stay in the "
            f"cluster; once nothing is deployed any more: kubectl --context {context} delete namespace {SYSTEM} "
            f"{NAMESPACE}, then validatingadmissionpolicy,validatingadmissionpolicybinding -l {SELECTOR}"
        )

    async def prepare(self) -> None:
        try:
            async with await Admin.connect(self.kubeconfig or None, self.context) as admin:
                await admin.get(NAMESPACES, "default")
        except ClusterError as problem:
            raise as_local(problem) from problem

    def close(self) -> None:
        """Nothing of a cluster of the user's is held."""

    def parts(self) -> list[list[Part]]:
        return []

    def part_kubeconfig(self, admin: Admin, path: Path, token_file: Path, namespace: str) -> None:
        known = admin.connection.configuration
        write_kubeconfig(
            path,
            server=admin.server,
            ca=Path(known.ssl_ca_cert) if known.ssl_ca_cert else None,
            insecure=not known.verify_ssl,
            token_file=token_file,
            namespace=namespace,
        )


def users_kubeconfig() -> str:
    """The user's kubeconfig as an absolute path; empty when KUBECONFIG names several (they are then merged)."""
    named = [part for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if len(named) > 1:
        return ""
    return str(Path(named[0]).expanduser().absolute() if named else Path.home() / ".kube" / "config")


def as_local(problem: ClusterError) -> LocalError:
    """The same problem in the error form of the local stack, with the exit code of its kind."""
    codes = {"Unauthorized": 4, "Forbidden": 4, "NotFound": 5, "MissingCRD": 5, "NoConfig": 5, "Conflict": 6}
    return LocalError(
        "the cluster cannot be used",
        cause=problem.message,
        hint=problem.hint,
        exit_code=codes.get(problem.kind.value, 1),
    )
