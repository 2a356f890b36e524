"""What every source of this process works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sequence_operator.cluster.client import ClusterClient, Object
from sequence_operator.gitops.live import Deployments
from sequence_operator.gitops.protocol import Bounds
from sequence_operator.gitops.worker import GitWorker
from sequence_operator.reconcile.sources import Sibling
from sequence_operator.spec.names import Mode

PostEvent = Callable[[Object, Literal["Normal", "Warning"], str, str], None]
"""Post an Event about an object soon: type, reason, message."""


@dataclass(frozen=True)
class World:
    """cache, trees: folders of the bare repositories and of what is published (a folder per namespace).

    tree_base: base URL of the published trees, "" when none are served. allow: networks (CIDR) git may contact
    although they are refused otherwise. mode_of: mode of a PlatformAccount by namespace and name, None without one.
    siblings: the other sources of a source's namespace. looked: called with namespace and name when a source knows
    more than before. on_look: outcome and seconds of every look.
    """

    cluster: ClusterClient
    worker: GitWorker
    deployments: Deployments
    post: PostEvent
    now: Callable[[], datetime]
    cache: Path
    trees: Path
    tree_base: str
    allow: tuple[str, ...]
    mode_of: Callable[[str, str], Mode | None]
    siblings: Callable[[str, str], Sequence[Sibling]]
    looked: Callable[[str, str], None]
    on_look: Callable[[str, float], None]
    bounds: Bounds
