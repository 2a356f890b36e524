"""What a row says about running."""

from __future__ import annotations

import pytest

from sequence_operator.platform.rows import EdgeRow, InstanceRow, Row
from sequence_operator.reconcile.states import any_active, hindrances, refusal, startable, state_of


def row(status: str | None, *parts: str, **more: int) -> Row:
    instances = (
        tuple(InstanceRow(label=f"i{n}", edge_id=f"e{n}", status=p) for n, p in enumerate(parts)) or None
    )
    return Row("dep_1", status=status, instances=instances, **more)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        (row("accepted"), "Stopped"),
        (row("stopped"), "Stopped"),
        (row("running"), "Running"),
        (row("paused"), "Paused"),
        (row("pending"), "Pending"),
        (row("rejected"), "Failed"),
        (row("RUNNING"), "Running"),
        (row("partly_running"), "Degraded"),
        (row(None), "Pending"),
        (row(None, "running", "running"), "Running"),
        (row("running", "running", "stopped"), "Degraded"),
        (row("rejected", "rejected", "running"), "Degraded"),
        (row("rejected", "rejected", "rejected"), "Failed"),
        (row("accepted", "accepted", "stopped"), "Stopped"),
        (row("pending", "accepted", "pending"), "Pending"),
        (row("pending", "running", "pending"), "Degraded"),
        (row("paused", "paused", "running"), "Degraded"),
        (row("pending", "running"), "Pending"),
        (row("running", pushed_to=1, capable_edges=2), "Degraded"),
        (row("stopped", pushed_to=2, capable_edges=2), "Stopped"),
    ],
)
def test_state(seen: Row, state: str) -> None:
    assert state_of(seen) == state


@pytest.mark.parametrize(
    ("seen", "may"),
    [
        (row("stopped", "stopped"), True),
        (row("running", "running", "accepted"), True),
        (row("stopped"), True),
        (row("running", "running"), False),
        (row("paused", "paused", "stopped"), False),
        (row("rejected", "rejected", "stopped"), False),
        (row("pending", "pending", "stopped"), False),
        (row("stopped", pushed_to=0, capable_edges=1), False),
        (row("whatever"), False),
    ],
)
def test_startable(seen: Row, may: bool) -> None:
    assert startable(seen) is may


def test_anything_that_trades_or_would_go_on_is_active() -> None:
    assert any_active(row("stopped", "stopped", "running"))
    assert any_active(row("paused"))
    assert not any_active(row("accepted", "accepted", "rejected"))


def test_edges_speak_for_a_platform_without_instances() -> None:
    edges = (
        EdgeRow("venue-edge-kraken", "rejected", error="no such symbol"),
        EdgeRow("venue-edge-coinbase", "running"),
    )
    seen = Row("dep_1", status="running", edges=edges)
    assert state_of(seen) == "Degraded"
    assert refusal(seen) == "venue-edge-kraken: no such symbol"


def test_messages_of_the_edges_reach_people() -> None:
    waiting = Row(
        "dep_1", instances=(InstanceRow("maker", edge_id="e", status="pending", error="e is not connected"),)
    )
    assert hindrances(waiting) == "maker on e: e is not connected"
    assert refusal(row("stopped", pushed_to=1, capable_edges=3)) == "only 1 of 3 edges accepted it"
