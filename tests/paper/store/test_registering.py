"""What a client registers, changes and removes."""

from __future__ import annotations

import pytest

from sequence_paper.store.deployments import (
    BeingDeletedError,
    Change,
    NameTakenError,
    NotRegisteredError,
    RevisionMovedError,
)
from sequence_paper.store.mesh_records import MeshSlot, MeshTally, MeshWrites
from sequence_paper.store.records import EdgeWrites, LogLine, NewInstance


def test_what_was_registered_is_read_back_unchanged(store, account, register):
    params = [{"name": "size", "slot": 0, "type": "float", "value": 1.0}]
    made = register(
        labels={"maker": "kraken", "hedger": "coinbase"},
        risk={"max_position_1e8": 2**62},
        params=params,
        mesh={"routes": []},
        on_stop="cancel",
        manifest="[deployment]\n",
        metadata={"uid": "u-1", "origin": {"path": "é"}},
    )
    found = store.deployments.get(account.account_id, "sandbox", made.deployment.deployment_id)
    assert found == made
    assert [i.label for i in found.instances] == ["maker", "hedger"]
    deployment = found.deployment
    assert (deployment.risk, deployment.params) == ({"max_position_1e8": 2**62}, params)
    assert (deployment.mesh, deployment.metadata) == ({"routes": []}, {"uid": "u-1", "origin": {"path": "é"}})
    assert (deployment.revision, deployment.desired, deployment.size_bytes) == (1, "stopped", 8)
    assert store.deployments.all(account.account_id, "sandbox") == [found]


def test_a_name_is_unique_in_account_and_mode_only(store, account, register):
    first = register("mm")
    with pytest.raises(NameTakenError) as taken:
        register("mm")
    assert taken.value.deployment_id == first.deployment.deployment_id
    assert not taken.value.deleting
    register("mm", mode="live")
    register("MM")
    assert len(store.deployments.all(account.account_id, "sandbox")) == 2
    assert len(store.deployments.all(account.account_id, "live")) == 1


def test_another_mode_or_account_sees_nothing(store, account, register):
    deployment_id = register().deployment.deployment_id
    other = store.accounts.ensure("other", tier="pro", rate_limit_qps=None)
    for account_id, mode in ((account.account_id, "live"), (other.account_id, "sandbox")):
        assert store.deployments.all(account_id, mode) == []
        for call in (
            lambda a, m: store.deployments.get(a, m, deployment_id),
            lambda a, m: store.deployments.start(a, m, deployment_id, None),
            lambda a, m: store.deployments.stop(a, m, deployment_id),
            lambda a, m: store.deployments.delete(a, m, deployment_id, set()),
            lambda a, m: store.deployments.change(a, m, deployment_id, lambda _: Change({}, {}), None),
        ):
            with pytest.raises(NotRegisteredError):
                call(account_id, mode)
    assert store.deployments.get(account.account_id, "sandbox", deployment_id).deployment.desired == "stopped"


def test_a_revision_moves_with_changes_and_guards_them(store, account, register):
    made = register(labels={"a": "kraken", "b": "coinbase"}, risk={"max_order_rate": 9})
    mine = (account.account_id, "sandbox", made.deployment.deployment_id)
    same = store.deployments.change(*mine, lambda _: Change({"risk": {"max_order_rate": 9}}, {}), 1)
    assert same.deployment.revision == 1
    change = Change({"on_stop": "cancel"}, {"b": {"risk": {"max_order_rate": 3}}})
    changed = store.deployments.change(*mine, lambda _: change, 1)
    assert changed.deployment.revision == 2
    assert changed.deployment.risk == {"max_order_rate": 9}
    assert [i.risk for i in changed.instances] == [None, {"max_order_rate": 3}]
    with pytest.raises(RevisionMovedError) as moved:
        store.deployments.change(*mine, lambda _: Change({"risk": None}, {}), 1)
    assert moved.value.revision == 2
    assert store.deployments.get(*mine).deployment.risk == {"max_order_rate": 9}
    started = store.deployments.start(*mine, None)
    assert (started.deployment.revision, started.deployment.starts) == (2, 1)


def test_what_decide_raises_changes_nothing(store, account, register):
    made = register()
    mine = (account.account_id, "sandbox", made.deployment.deployment_id)

    def refuse(found):
        assert found == made
        raise ValueError("looser")

    with pytest.raises(ValueError, match="looser"):
        store.deployments.change(*mine, refuse, None)
    assert store.deployments.get(*mine) == made


def test_start_and_stop_are_idempotent(store, account, register):
    mine = (account.account_id, "sandbox", register().deployment.deployment_id)
    assert store.deployments.start(*mine, None).deployment.starts == 1
    again = store.deployments.start(*mine, None).deployment
    assert (again.starts, again.desired) == (1, "running")
    assert store.deployments.stop(*mine).deployment.desired == "stopped"
    assert store.deployments.stop(*mine).deployment.starts == 1
    assert store.deployments.start(*mine, None).deployment.starts == 2


def test_what_no_edge_ever_took_is_deleted_at_once_with_its_bytes(store, account, register):
    made = register()
    mine = (account.account_id, "sandbox", made.deployment.deployment_id)
    assert store.artifacts.get(made.deployment.wasm_sha256) is not None
    left = store.deployments.delete(*mine, set())
    assert left.instances == []
    with pytest.raises(NotRegisteredError):
        store.deployments.get(*mine)
    assert store.artifacts.get(made.deployment.wasm_sha256) is None


def test_log_lines_and_links_go_with_the_registration(store, account, register):
    deployment_id = register().deployment.deployment_id
    line = LogLine(deployment_id, "main", "e", 2, "hi", 1)
    pair = (deployment_id, "a", "b")
    mesh = MeshWrites(tallies=[MeshTally(*pair, "delivered", 1, 1)], slots=[MeshSlot(*pair, 1, {3: 1})])
    store.commit(EdgeWrites(logs=[line], mesh=mesh))
    assert store.mesh.tallies(deployment_id) and store.mesh.slots(deployment_id)
    store.deployments.delete(account.account_id, "sandbox", deployment_id, set())
    assert store.logs.read(deployment_id, limit=9) == []
    assert store.logs.head(deployment_id) == 0
    assert (store.mesh.tallies(deployment_id), store.mesh.slots(deployment_id)) == ([], {})


def test_bytes_stay_while_another_deployment_uses_them(store, account, register):
    first, second = register("one"), register("two")
    assert first.deployment.wasm_sha256 == second.deployment.wasm_sha256
    store.deployments.delete(account.account_id, "sandbox", first.deployment.deployment_id, set())
    assert store.artifacts.get(second.deployment.wasm_sha256) == b"\0asm\x01\0\0\0"


def test_an_edge_that_may_be_loading_must_let_go_first(store, account, register):
    made = register(labels={"a": "kraken", "b": "coinbase"})
    mine = (account.account_id, "sandbox", made.deployment.deployment_id)
    left = store.deployments.delete(*mine, {"venue-edge-kraken"})
    assert [i.label for i in left.instances] == ["a"]
    for call in (lambda: store.deployments.start(*mine, None), lambda: store.deployments.stop(*mine)):
        with pytest.raises(BeingDeletedError):
            call()
    with pytest.raises(NameTakenError) as taken:
        register()
    assert taken.value.deleting
    assert [d.desired for d in store.instances.desired_on("venue-edge-kraken")] == ["deleted"]
    assert store.instances.desired_on("venue-edge-coinbase") == []
    store.instances.removed("venue-edge-kraken", made.deployment.deployment_id, "a")
    with pytest.raises(NotRegisteredError):
        store.deployments.get(*mine)
    register()


def test_an_instance_is_not_removed_while_it_is_wanted(store, account, register):
    made = register()
    store.instances.removed("venue-edge-kraken", made.deployment.deployment_id, "main")
    found = store.deployments.get(account.account_id, "sandbox", made.deployment.deployment_id)
    assert [i.label for i in found.instances] == ["main"]


def test_two_labels_cannot_be_the_same_instance(register):
    twice = [NewInstance("a", "kraken", "spot", ["BTC-USD"], "venue-edge-kraken")] * 2
    with pytest.raises(Exception, match=r"(?i)unique"):
        register(instances=twice)
