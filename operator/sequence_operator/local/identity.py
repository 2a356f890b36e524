"""A part's identity in the cluster: its ServiceAccount's token, kept fresh, and the kubeconfig that reads it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sequence_operator.local.clusters import Cluster
from sequence_operator.local.folders import write_private
from sequence_operator.local.rights import SYSTEM
from sequence_operator.local.talk import Talk
from sequence_operator.local.tokens import Admin, keep_fresh


class Identity:
    """One ServiceAccount of the operator's namespace, for a part whose files are in ``folder``."""

    def __init__(self, account: str, folder: Path) -> None:
        self.account = account
        self.kubeconfig = folder / "kubeconfig"
        self._token = folder / "token"
        self._renewal: asyncio.Task[None] | None = None

    async def take(self, admin: Admin, cluster: Cluster, talk: Talk) -> Path:
        """Write token and kubeconfig, and keep the token fresh until `close`. Raises ClusterError."""
        token = await admin.request_token(SYSTEM, self.account)
        write_private(self._token, token.value)
        cluster.part_kubeconfig(admin, self.kubeconfig, self._token, SYSTEM)
        renewing = keep_fresh(admin, SYSTEM, self.account, self._token, token, talk)
        self._renewal = asyncio.create_task(renewing)
        return self.kubeconfig

    async def close(self) -> None:
        """Renew no longer; the present token lives on until it expires."""
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
