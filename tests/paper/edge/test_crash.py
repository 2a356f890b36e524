"""An edge may die between any two writes: what is stored then is a state, and the next process goes on from it."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sequence_paper.edge.host import Host
from sequence_paper.store import Store
from sequence_paper.store.words import OPEN_ORDER_STATUSES
from support.stores import with_tables

STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.just("print"), st.sampled_from([99_960, 99_979, 100_021, 100_040]), st.sampled_from([1, -1])
        ),
        st.tuples(st.just("book"), st.integers(99_980, 99_999), st.integers(0, 3)),
        st.tuples(st.sampled_from(["write", "die", "die", "stop", "start"])),
    ),
    min_size=5,
    max_size=40,
)


# Fills, a death with and without a write before it, and new orders after each.
LIVELY = [
    ("book", 99_999, 1),
    ("print", 99_960, -1),
    ("book", 99_999, 2),
    ("write",),
    ("die",),
    ("book", 99_999, 3),
    ("print", 100_040, 1),
    ("book", 99_999, 1),
    ("print", 99_960, -1),
    ("die",),
    ("book", 99_999, 2),
    ("print", 99_960, -1),
    ("book", 99_999, 3),
]


@example(LIVELY)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_stored_rows_always_agree_with_each_other(
    host: Host, algos: dict[str, bytes], in_process_edge: Any, steps: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        url = with_tables(Path(folder) / "paper.db")
        asyncio.run(_play(url, host, algos["maker"], in_process_edge, steps))


async def _play(url: str, host: Host, wasm: bytes, make: Any, steps: list[tuple[Any, ...]]) -> None:
    edge = make(Store(url), host)
    dep = edge.deploy(wasm, params=(2, 3_000_000), risk={"max_position_1e8": 20_000_000})
    await edge.converge()
    for at, step in enumerate(steps, start=1):
        now = at * 10**8
        match step:
            case ("print", px, aggressor):
                edge.feed(edge.trade(now, px, 1_000_000 * (at % 7 + 1), aggressor))
            case ("book", px, size):
                edge.feed(edge.delta(now, 1, px, size * 10**8))
            case ("write",):
                edge.journal.flush()
            case ("die",):
                edge.store.close()
                edge = make(Store(url), host)
                await edge.converge()
                _agrees(edge, dep)
            case ("stop",):
                edge.store.deployments.stop(edge.account, "sandbox", dep)
                await edge.converge()
            case ("start",):
                edge.store.deployments.start(edge.account, "sandbox", dep, None)
                await edge.converge()
    edge.core.observe()
    _agrees(edge, dep)
    edge.store.close()


def _agrees(edge: Any, dep: str) -> None:
    orders, fills, positions = edge.orders(), edge.fills(), edge.positions()
    assert max(Counter(order.order_id for order in orders).values(), default=1) == 1
    signed = sum(fill.qty_1e8 * (1 if fill.side == "buy" else -1) for fill in fills)
    assert sum(position.qty_1e8 for position in positions) == signed
    assert sum(position.fill_count for position in positions) == len(fills)
    assert sum(position.fees_1e9 for position in positions) == sum(fill.fee_1e9 for fill in fills)
    by_order = Counter[str]()
    for fill in fills:
        by_order[fill.order_id] += fill.qty_1e8
    assert {o.order_id: o.filled_qty_1e8 for o in orders if o.filled_qty_1e8} == dict(by_order)
    open_rows = {o.order_id for o in orders if o.status in OPEN_ORDER_STATUSES}
    assert open_rows == {o.key for o in edge.markets["BTC-USD"].open_orders()}
    assert open_rows == set(edge.get(dep).orders)
    counts = edge.store.deployments.get(edge.account, "sandbox", dep).instances[0].observed.orders
    stored = Counter(order.status for order in orders)
    assert (counts.open, counts.filled) == (len(open_rows), stored["FILLED"])
