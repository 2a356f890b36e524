"""Live parameters: what a client changes reaches the algo by the counter of its config region, without a restart."""

from __future__ import annotations

from typing import Any

from sequence_paper.store.deployments import Change


def change(edge: Any, dep: str, *values: int) -> None:
    params = [{"name": f"p{i}", "slot": i, "type": "int", "value": value} for i, value in enumerate(values)]
    edge.store.deployments.change(
        edge.account, "sandbox", dep, lambda _: Change({"params": params}, {}), None
    )


def seen(edge: Any, dep: str) -> list[str]:
    return [line for line in edge.logs(dep) if line.startswith("config")]


async def test_every_instance_sees_a_change_once_while_it_runs(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], labels=("a", "b"), params=(5,))
    await edge.converge()
    before = {label: edge.get(dep, label).sandbox for label in ("a", "b")}
    edge.tick(10)
    change(edge, dep, 9)
    await edge.converge()
    edge.tick(20)
    edge.tick(30)
    assert seen(edge, dep) == ["config 1 half spread 5"] * 2 + ["config 2 half spread 9"] * 2
    change(edge, dep, 9)
    await edge.converge()
    edge.tick(40)
    assert len(seen(edge, dep)) == 4  # a revision that changes no parameter
    assert {label: edge.get(dep, label).sandbox for label in ("a", "b")} == before


async def test_a_change_while_stopped_waits_for_the_algo(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    edge.store.deployments.stop(edge.account, "sandbox", dep)
    await edge.converge()
    change(edge, dep, 7)
    await edge.converge()
    edge.store.deployments.start(edge.account, "sandbox", dep, None)
    await edge.converge()
    edge.tick(20)
    assert seen(edge, dep) == ["config 1 half spread 5", "config 2 half spread 7"]


async def test_a_new_process_of_the_edge_has_the_newest_values(edge, make_edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    change(edge, dep, 8)
    edge.journal.flush()
    again = make_edge()  # killed before it applied the change
    await again.converge()
    again.tick(20)
    assert seen(again, dep) == ["config 1 half spread 5", "config 1 half spread 8"]
    change(again, dep, 3)
    await again.converge()
    again.tick(30)
    assert seen(again, dep)[-1] == "config 2 half spread 3"


async def test_the_counter_wraps_and_is_still_a_change(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    edge.tick(10)
    edge.get(dep).config_seq = 65_535
    change(edge, dep, 6)
    await edge.converge()
    edge.tick(20)
    assert seen(edge, dep)[-1] == "config 0 half spread 6"
