"""What an edge is told to host, and how its observations come back."""

from __future__ import annotations

import dataclasses

import pytest

from sequence_paper.store.deployments import Change, PausedError
from sequence_paper.store.records import EdgeInfo, EdgeWrites, NewInstance, Observation, OrderCounts, Peer

KRAKEN, COINBASE = "venue-edge-kraken", "venue-edge-coinbase"


def observed(deployment_id: str, status: str, *, label: str = "main", starts: int = 1, **more) -> Observation:
    return Observation(deployment_id, label, status, True, 1, starts, 10**18, **more)


def test_limits_and_parameters_arrive_merged(store, register):
    params = [
        {"name": "spread", "slot": 1, "type": "bps", "value": 12},
        {"name": "size", "slot": 0, "type": "int", "value": 3},
    ]
    own = {"risk": {"max_order_rate": 5, "max_open_orders": 4}, "params": [{**params[0], "value": 20}]}
    instances = [
        NewInstance("a", "kraken", "spot", ["BTC-USD"], KRAKEN, **own),
        NewInstance("b", "coinbase", "spot", ["ETH-USD"], COINBASE),
    ]
    register(instances=instances, risk={"max_order_rate": 9, "max_position_1e8": 7}, params=params)
    (a,), (b,) = store.instances.desired_on(KRAKEN), store.instances.desired_on(COINBASE)
    assert a.risk == {"max_order_rate": 5, "max_position_1e8": 7, "max_open_orders": 4}
    assert [(p["name"], p["value"]) for p in a.params] == [("size", 3), ("spread", 20)]
    assert b.risk == {"max_order_rate": 9, "max_position_1e8": 7}
    assert [(p["name"], p["value"]) for p in b.params] == [("size", 3), ("spread", 12)]


def test_a_deployment_tightened_below_an_override_wins(store, account, register):
    instance = NewInstance("a", "kraken", "spot", ["BTC-USD"], KRAKEN, risk={"max_order_rate": 5})
    made = register(instances=[instance], risk={"max_order_rate": 9})
    mine = (account.account_id, "sandbox", made.deployment.deployment_id)
    store.deployments.change(*mine, lambda _: Change({"risk": {"max_order_rate": 2}}, {}), None)
    (a,) = store.instances.desired_on(KRAKEN)
    assert (a.risk, a.revision) == ({"max_order_rate": 2}, 2)


@pytest.mark.parametrize(
    ("mesh", "sends", "hears"),
    [
        (None, {"hedger"}, {"hedger"}),
        ({"routes": []}, set(), set()),
        ({"routes": [{"from": "maker", "to": "hedger"}]}, {"hedger"}, set()),
        ({"routes": [{"from": "hedger", "to": "maker"}]}, set(), {"hedger"}),
    ],
)
def test_routes_say_who_may_send_to_whom(store, register, mesh, sends, hears):
    register(labels={"maker": "kraken", "hedger": "coinbase"}, mesh=mesh)
    (maker,) = store.instances.desired_on(KRAKEN)
    assert {peer.label for peer in maker.peers} == sends
    assert {peer.label for peer in maker.hears} == hears
    assert all(peer == Peer("hedger", 1, COINBASE) for peer in maker.peers + maker.hears)


def test_an_observation_is_what_is_read_back(store, account, register):
    made = register(desired="running")
    seen = observed(
        made.deployment.deployment_id,
        "running",
        update_count=2**40,
        callbacks=7,
        latency_p50_ns=3000,
        orders=OrderCounts(1, 5, 2, 1, 1),
    )
    store.commit(EdgeWrites(observations=[seen]))
    (instance,) = store.deployments.get(
        account.account_id, "sandbox", made.deployment.deployment_id
    ).instances
    assert instance.observed == seen
    assert instance.deployed_at_ns is not None
    assert store.instances.desired_on(KRAKEN)[0].last == seen


def test_an_observation_of_what_is_gone_leaves_no_trace(store, account):
    store.commit(EdgeWrites(observations=[observed("dep_gone", "running"), observed("dep_gone", "paused")]))
    assert store.deployments.all(account.account_id, "sandbox") == []


class TestPauses:
    @pytest.fixture
    def mine(self, account, register):
        made = register(desired="running", labels={"main": "kraken", "other": "coinbase"})
        return account.account_id, "sandbox", made.deployment.deployment_id

    def pause(self, store, mine, reason="DAILY_LOSS_LIMIT", label="main", starts=1):
        seen = observed(mine[2], "paused", pause_reason=reason, starts=starts, label=label)
        store.commit(EdgeWrites(observations=[seen]))
        return store.deployments.get(*mine).deployment.pause

    def test_one_pause_is_opened_however_often_it_is_observed(self, store, mine):
        first = self.pause(store, mine)
        assert (first["reason"], first["label"]) == ("DAILY_LOSS_LIMIT", "main")
        assert self.pause(store, mine) == first

    def test_only_its_id_or_a_stop_lets_it_start_again(self, store, mine):
        pause = self.pause(store, mine)
        for wrong in (None, "pause_other"):
            with pytest.raises(PausedError) as refused:
                store.deployments.start(*mine, wrong)
            assert refused.value.pause == pause
        started = store.deployments.start(*mine, pause["id"]).deployment
        assert (started.pause, started.starts) == (None, 2)

    def test_a_stop_keeps_it_readable_and_a_start_then_clears_it(self, store, mine):
        pause = self.pause(store, mine)
        assert store.deployments.stop(*mine).deployment.pause == pause
        with pytest.raises(PausedError):
            store.deployments.start(*mine, "pause_other")
        assert store.deployments.start(*mine, None).deployment.pause is None

    def test_the_newest_pause_is_the_one_to_acknowledge(self, store, mine):
        old = self.pause(store, mine)
        new = self.pause(store, mine, reason="TRAP", label="other")
        assert new["id"] != old["id"]
        with pytest.raises(PausedError):
            store.deployments.start(*mine, old["id"])
        assert store.deployments.start(*mine, new["id"]).deployment.pause is None

    def test_an_answer_to_an_earlier_start_pauses_nothing(self, store, mine):
        store.deployments.stop(*mine)
        store.deployments.start(*mine, None)
        assert self.pause(store, mine, starts=1) is None
        assert self.pause(store, mine, starts=2) is not None


def test_edges_announce_beat_and_leave(store):
    edge = EdgeInfo(KRAKEN, "kraken", "spot", ["BTC-USD"], "local", {"kind": "replay"}, 5, 5)
    store.edges.announce(edge)
    store.edges.announce(dataclasses.replace(edge, started_ns=9, beat_ns=9))
    store.edges.beat(KRAKEN, 12, {"kind": "replay", "state": "ended"})
    (found,) = store.edges.all()
    assert (found.started_ns, found.beat_ns, found.feed["state"]) == (9, 12, "ended")
    store.edges.leave(KRAKEN)
    assert store.edges.all()[0].beat_ns == 0
