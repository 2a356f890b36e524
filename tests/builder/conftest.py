"""One builder for most tests; those that kill or starve one start their own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from sequence_operator.cluster import ClusterClient
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.rights import policies, rights

from .workshop import Builder, Files, Workshop, algo


@pytest.fixture(scope="session")
def workshop(
    controlplane: ControlPlane, crds: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workshop]:
    """The namespace of the local stack with the rights and admission rules of the chart, and no builder yet."""
    asyncio.run(_install(controlplane))
    made = Workshop(controlplane, tmp_path_factory.mktemp("workshop"))
    yield made
    made.trees.close()


async def _install(controlplane: ControlPlane) -> None:
    async with await ClusterClient.connect(controlplane.kubeconfig) as client:
        for obj in (*rights(), *policies()):
            await client.apply(obj, manager="test", force=True)


@pytest.fixture(scope="module")
def builder(workshop: Workshop) -> Iterator[Builder]:
    """A builder as it is by default."""
    with workshop.builder("usual") as running:
        yield running


@pytest.fixture(scope="session")
def sources() -> Files:
    """A good algo in the folder `a`, with its lock file."""
    return algo()
