"""The preflight inside the operator: what is plainly impossible is not begun, and begun when it became possible."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sequence_operator.controller.means import Means
from sequence_operator.platform.means import Capital
from sequence_operator.reconcile.model import Desired
from sequence_operator.reconcile.preflight import Result
from sequence_operator.spec.resources import AlgoDeployment
from support.objects import deployment

from .stub import PlatformStub

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def desired() -> Desired:
    return Desired.of(AlgoDeployment.model_validate(deployment()), "live")


@pytest.mark.parametrize(
    ("means", "seconds"),
    [
        (Means(venues=frozenset()), 300),
        (Means(venues=frozenset(), doubted=True), 30),
        (Means(), 3600),
    ],
)
def test_it_is_asked_for_rarely_and_sooner_where_it_holds_something_up(means, seconds):
    assert means.due(NOW)
    means.read_at = NOW
    assert not means.due(later(seconds - 1))
    assert means.due(later(seconds))


def test_a_platform_that_tells_nothing_holds_nothing_up():
    assert Means().checks(desired()) == ()


def test_only_what_is_told_is_judged():
    means = Means(venues=frozenset({"kraken", "coinbase"}), capital=Capital(10**12))
    results = {check.name: check.result for check in means.checks(desired())}
    assert results["venues"] is results["capital"] is Result.PASSED
    assert {results[name] for name in ("limits", "name", "artifact")} == {Result.NOT_CHECKABLE}
    assert not means.doubted
    means.limits = {"max_order_rate": 1}
    assert {c.name for c in means.checks(desired()) if c.result is Result.FAILED} == {"limits"}
    assert means.doubted


@pytest.fixture
def limited(stub: PlatformStub) -> None:
    """It is told before the account is seen: it is asked for rarely."""
    stub.means["risk_limits"] = {"max_order_rate": 5}


def test_limits_looser_than_the_accounts_are_refused_and_taken_when_they_fit(limited, shared):
    desk = shared
    name = desk.algo("my-mm", risk={"maxPosition1e8": 100_000_000, "maxOrderRate": 10})
    said = desk.wait_condition(name, "Stalled", "Preflight")
    assert "risk.maxOrderRate 10 is looser than the account's 5" in said["message"]
    desk.ticks(2)
    assert desk.stub.count("create") == 0
    desk.patch(name, risk={"maxPosition1e8": 100_000_000, "maxOrderRate": 5})
    desk.wait(name, "Stopped")
    assert desk.stub.count("create") == 1
