"""The kill switch at an edge: what an algo sends is refused with code 102, what rests stays, and cancels work."""

from __future__ import annotations

from sequence_paper.edge.switches import SwitchWatch

KILL_SWITCH = 102


async def test_new_orders_are_refused_and_resting_ones_stay(edge, algos) -> None:
    dep = edge.deploy(algos["maker"], params=(5, 2_000_000))
    await edge.converge()
    edge.tick(10)
    assert [order.status for order in edge.orders()] == ["OPEN", "OPEN"]
    watch = SwitchWatch(edge.core.switches, edge.store)
    edge.store.switches.put_on(edge.account, "sandbox", "out of hand")
    await watch.read()
    edge.feed(edge.trade(20, 99_940, 3_000_000, -1))  # what rests still fills
    assert [order.status for order in edge.orders()] == ["FILLED", "OPEN"]
    edge.tick(30)  # and the algo quotes that side again
    refused = edge.orders()[-1]
    assert (refused.status, refused.reject_code, refused.failure_reason) == (
        "REJECTED",
        KILL_SWITCH,
        "KILL_SWITCH",
    )
    hosted = edge.get(dep)
    assert (hosted.status, hosted.pause_reason, len(hosted.orders)) == ("running", None, 1)
    assert "out of hand" in "".join(edge.logs(dep))
    edge.core.callbacks.shutdown(hosted)  # the algo cancels what it has
    assert {order.status for order in edge.orders()} == {"FILLED", "REJECTED", "CANCELLED"}


async def test_it_holds_for_its_account_and_mode_only_and_ends_when_cleared(edge, algos) -> None:
    edge.deploy(algos["maker"], params=(5,))
    await edge.converge()
    watch = SwitchWatch(edge.core.switches, edge.store)
    edge.store.switches.put_on(edge.account, "live", None)
    edge.store.switches.put_on("acct_other", "sandbox", None)
    assert await watch.answer({}) == {}
    edge.tick(10)
    assert {order.status for order in edge.orders()} == {"OPEN"}
    edge.feed(edge.trade(20, 99_940, 10**9, -1))
    edge.store.switches.put_on(edge.account, "sandbox", None)
    await watch.read()
    edge.tick(30)
    assert edge.orders()[-1].reject_code == KILL_SWITCH
    edge.store.switches.clear(edge.account, "sandbox")
    await watch.read()
    edge.tick(40)
    assert edge.orders()[-1].status == "OPEN"
