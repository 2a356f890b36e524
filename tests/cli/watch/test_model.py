"""What each piece of news does to what the view knows."""

from cli.watch.rows import edge, fill, link, model, order
from sequence_operator.cli.watch import model as limits


def test_an_order_is_known_by_its_newest_state() -> None:
    made = model()
    assert made.order(order(1))
    assert made.order(order(1, status="FILLED", updated_ns=order(1)["updated_ns"] + 5))
    assert not made.order(order(1)), "an older state came late"
    assert [row["status"] for row in made.orders.values()] == ["FILLED"]
    assert made.open_orders == 0


def test_the_same_state_twice_is_no_news() -> None:
    made = model()
    assert made.order(order(1))
    assert not made.order(order(1))
    assert made.fill(fill(1))
    assert not made.fill(fill(1))
    assert made.log({"seq": 4, "message": "a"})
    assert not made.log({"seq": 4, "message": "a"})
    assert made.log({"seq": 5, "message": "a"})
    assert len(made.fills) == 1
    assert len(made.logs) == 2


def test_rows_of_other_deployments_are_not_shown() -> None:
    made = model()
    assert not made.order(order(1, deployment_id="dep_2"))
    assert not made.fill(fill(1, deployment_id="dep_2"))
    made.edge_rows([edge("binance", 5_000)], True, 1.0)
    assert (made.orders, list(made.fills), made.edges) == ({}, [], {})


def test_what_is_kept_is_bounded_and_open_orders_stay_longest() -> None:
    made = model()
    made.order(order(0))
    for number in range(1, limits.MAX_ORDERS + 50):
        made.order(order(number, status="CANCELLED"))
        made.fill(fill(number))
    assert len(made.orders) == limits.MAX_ORDERS
    assert order(0)["order_id"] in made.orders
    assert len(made.fills) == limits.MAX_FILLS
    assert made.fill(fill(1)), (
        "a fill that was forgotten may be shown again; remembering all would grow for ever"
    )


def test_open_orders_alone_are_bounded_too() -> None:
    made = model()
    for number in range(limits.MAX_ORDERS + 3):
        made.order(order(number))
    assert len(made.orders) == limits.MAX_ORDERS
    assert order(0)["order_id"] not in made.orders


def test_latency_is_kept_second_by_second_with_gaps() -> None:
    made = model()
    made.edge_rows([edge("kraken", 4_000)], True, 1.0)
    made.edge_rows([edge("kraken", 9_000, alive=False)], False, 2.0)
    made.edge_rows([edge("kraken", None)], True, 3.0)
    kept = made.edges["venue-edge-kraken"]
    assert list(kept.p99) == [4_000, None, None]
    assert kept.heard == 3.0
    assert made.bus is True


def test_messages_count_what_the_platform_left_out() -> None:
    made = model()
    made.mesh({"kind": "links", "links": [link("maker", "hedger")]})
    made.mesh({"kind": "flow", "from": "maker", "to": "hedger", "bytes": 24, "latency_ns": 5, "skipped": 7})
    assert made.flow_count == 8
    assert [row["to"] for row in made.links] == ["hedger"]


def test_a_loss_is_dated_by_its_beginning() -> None:
    made = model()
    made.connected(10.0)
    made.lost(20.0, "cut")
    made.lost(25.0, "refused")
    assert (made.link.phase, made.link.since, made.link.why) == ("lost", 20.0, "refused")
    made.connected(30.0)
    assert (made.link.phase, made.link.since) == ("live", 30.0)


def test_a_change_of_status_reaches_its_instance() -> None:
    made = model()
    made.instance({"label": "maker", "status": "paused", "pause_reason": "DAILY_LOSS_LIMIT"})
    assert [i["status"] for i in made.instances] == ["paused", "running"]
    assert made.instances[0]["pause_reason"] == "DAILY_LOSS_LIMIT"
    assert made.status == "degraded"
    made.instance({"label": "hedger", "status": "paused"})
    assert made.status == "paused"
