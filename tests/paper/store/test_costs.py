"""What a cost analysis reads, on both databases: newest first, within the limit, counted over everything."""

from __future__ import annotations

import pytest

from sequence_paper.analysis.counts import Counts
from sequence_paper.store import Store
from sequence_paper.store.costs import Scope
from sequence_paper.store.records import Account, EdgeWrites

from .test_trading import fill, order

MID = 50_000 * 10**9
HALF = 10**8 // 2


@pytest.fixture
def scope(store: Store, account: Account) -> Scope:
    """Two filled orders, one of them half, on kraken; on coinbase one each that is open, cancelled and rejected."""
    me = account.account_id
    rows = [
        order(1, me, "FILLED", filled_qty_1e8=10**8, decision_mid_1e9=MID),
        order(2, me, "PARTIAL", filled_qty_1e8=HALF, decision_mid_1e9=MID),
        order(3, me, "OPEN", venue="coinbase", decision_mid_1e9=MID),
        order(4, me, "CANCELLED", venue="coinbase", decision_mid_1e9=MID),
        order(5, me, "REJECTED", venue="coinbase", decision_mid_1e9=MID),
        order(6, "acct_other", "FILLED", filled_qty_1e8=10**8, decision_mid_1e9=MID),
    ]
    fills = [fill(n, me, order_id=rows[0].order_id) for n in (1, 2)] + [
        fill(3, me, order_id=rows[1].order_id)
    ]
    store.commit(EdgeWrites(orders=rows, fills=fills))
    return Scope(me, "sandbox")


def test_a_cut(store: Store, scope: Scope) -> None:
    cut = store.costs.cut(scope, 10)
    assert [(one.created_ns, [f.fill_id for f in fills]) for one, fills in cut.traded] == [
        (2, ["f3"]),
        (1, ["f1", "f2"]),
    ]
    assert [one.created_ns for one in cut.missed] == [4]
    worth = float(MID) * 10**8
    assert cut.counts == {
        "kraken": Counts(orders=2, traded=2, filled=1, wanted=2 * worth, done=1.5 * worth),
        "coinbase": Counts(orders=3, rejected=1, cancelled=1, open=1, wanted=worth, done=0.0),
    }
    assert cut.counts["kraken"].fill_rate == 0.75
    assert cut.counts["coinbase"].reject_rate == pytest.approx(1 / 3)


def test_the_limit_holds_for_orders_and_not_for_counts(store: Store, scope: Scope) -> None:
    cut = store.costs.cut(scope, 1)
    assert [one.created_ns for one, _ in cut.traded] == [2]
    assert cut.counts["kraken"].orders == 2


def test_by_id_of_whatever_account(store: Store, scope: Scope) -> None:
    found = store.costs.of(["graph:dep_1:main-1:6", "graph:dep_1:main-1:1", "nobody"])
    assert [(one.account_id != scope.account_id, len(fills)) for one, fills in found] == [
        (True, 0),
        (False, 2),
    ]
