"""Parents, rounds and the first row of an order: each exists once, whoever comes twice."""

from __future__ import annotations

from dataclasses import replace

from support.parents import PARENT, leg, order, route


def test_a_graph_id_is_taken_once(store):
    assert store.routes.place(PARENT, route(1), [leg(1)]) == PARENT
    other = replace(PARENT, content="other", qty_1e8=7)
    assert store.routes.place(other, route(1), [leg(1), leg(2)]) == PARENT
    assert [found.order_id for found, _ in store.routes.legs(PARENT.order_id)] == ["graph:g:order:1"]


def test_the_first_row_of_an_order_is_inserted_once(store):
    stored, ours = store.orders.claim(order("graph:g:order:1"))
    assert ours
    later, ours = store.orders.claim(order("graph:g:order:1", status="CANCELLED"))
    assert not ours
    assert later == stored


def test_a_leg_is_unfinished_until_it_is_answered(store):
    store.routes.place(PARENT, route(1), [leg(1)])
    assert store.routes.unfinished() == [PARENT]
    store.orders.claim(order("graph:g:order:1", status="FILLED", filled_qty_1e8=100))
    store.routes.answered("graph:g:order:1")
    assert store.routes.unfinished() == []


def test_no_round_follows_a_cancel(store):
    chasing = replace(PARENT, more=True)
    store.routes.place(chasing, route(1), [leg(1)])
    assert store.routes.next_round(route(2), [leg(2, 2)])
    assert not store.routes.next_round(route(2), [leg(3, 2)])
    store.routes.want_cancel(PARENT.order_id)
    assert not store.routes.next_round(route(3), [leg(3, 3)])
    assert [found.round for found, _ in store.routes.legs(PARENT.order_id)] == [1, 2]
    assert [one.round for one in store.routes.decisions(PARENT.order_id)] == [1, 2]


def test_a_cancel_is_unfinished_while_a_leg_rests(store):
    store.routes.place(PARENT, route(1), [leg(1)])
    store.orders.claim(order("graph:g:order:1", status="OPEN"))
    store.routes.answered("graph:g:order:1")
    assert store.routes.unfinished() == []
    store.routes.want_cancel(PARENT.order_id)
    assert [parent.order_id for parent in store.routes.unfinished()] == [PARENT.order_id]


def test_legs_are_in_the_order_in_which_they_were_made(store):
    store.routes.place(PARENT, route(1), [leg(n) for n in (10, 2, 1)])
    assert [found.order_id[-2:] for found, _ in store.routes.legs(PARENT.order_id)] == [":1", ":2", "10"]
