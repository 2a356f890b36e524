"""From published sources to a stored artifact, with real cargo in the real sandbox."""

from __future__ import annotations

from sequence_operator.cluster.resources import ALGO_BUILDS

from .workshop import Builder, Files, Workshop


def test_an_algo_is_built_and_the_way_is_recorded(
    workshop: Workshop, builder: Builder, sources: Files
) -> None:
    name = workshop.order(sources)
    workshop.built(name)
    status = workshop.status(name)
    assert status["sandboxed"] is True
    assert status["attempts"] == 1
    assert status["sizeBytes"] > 1000
    assert status["seconds"] > 0
    assert "claim" not in status
    assert any("Compiling my-algo" in line for line in status["log"])
    managers = {f["manager"] for f in workshop.api.get(ALGO_BUILDS, name)["metadata"]["managedFields"]
                if f.get("subresource") == "status"}  # fmt: skip
    assert managers == {"sequence-builder"}
