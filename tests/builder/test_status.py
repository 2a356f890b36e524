"""Who takes which build, and what a status says: pure rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.builder import status as statuses
from sequence_operator.spec.build import AlgoBuild, AlgoBuildSpec, AlgoBuildStatus, Claim
from sequence_operator.spec.meta import ObjectMeta
from sequence_operator.spec.status import Condition

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
SPEC = AlgoBuildSpec(
    tree_digest="d" * 64, tree_url="http://x/", commit="c" * 40, path="a", toolchain="1.95.0"
)


def build(name: str = "b", age: float = 0, deleted: bool = False, **status: object) -> AlgoBuild:
    stalled = status.pop("stalled", False)
    conditions = [
        Condition(type="Stalled", status="True" if stalled else "False", reason="X", last_transition_time=NOW)
    ]
    metadata = ObjectMeta(
        name=name,
        namespace="n",
        uid=name,
        resource_version="7",
        generation=1,
        creation_timestamp=NOW - timedelta(seconds=age),
        deletion_timestamp=NOW if deleted else None,
    )
    toolchain = str(status.pop("toolchain", "1.95.0"))
    spec = SPEC.model_copy(update={"toolchain": toolchain})
    return AlgoBuild(metadata=metadata, spec=spec, status=AlgoBuildStatus(conditions=conditions, **status))


def claim(holder: str, seconds: float) -> Claim:
    return Claim(holder=holder, until=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("one", "chosen", "wait"),
    [
        (build(), True, None),
        (build(phase="Pending"), True, None),
        (build(phase="Succeeded"), False, None),
        (build(phase="Failed", stalled=True), False, None),
        (build(phase="Failed"), True, None),
        (build(phase="Failed", claim=claim("", 5)), False, 5.0),
        (build(phase="Failed", claim=claim("", -1)), True, None),
        (build(phase="Building", claim=claim("other", 30)), False, 30.0),
        (build(phase="Building", claim=claim("other", 0)), True, None),
        (build(phase="Building", claim=claim("me", 30)), True, None),
        (build(toolchain="1.94.0"), False, None),
        (build(deleted=True), False, None),
    ],
)
def test_what_is_free(one: AlgoBuild, chosen: bool, wait: float | None) -> None:
    turn = statuses.choose([one], "me", "1.95.0", NOW)
    assert (turn.build is one, turn.wait) == (chosen, wait)


def test_the_oldest_first_and_the_nearest_end() -> None:
    builds = [build("young", 1), build("old", 9), build("same", 9)]
    assert statuses.choose(builds, "me", "1.95.0", NOW).build is builds[1]
    held = [build("x", claim=claim("a", 9)), build("y", claim=claim("b", 4))]
    assert statuses.choose(held, "me", "1.95.0", NOW).wait == 4.0


def failure(one: AlgoBuild, final: bool = False, attempts: int | None = None) -> AlgoBuild:
    status = statuses.failed(
        one,
        reason="X",
        message="it did not work",
        final=final,
        attempts=attempts,
        pause=10,
        sandboxed=True,
        seconds=1.23,
        log=["a"],
        now=NOW,
    )
    return one.model_copy(update={"status": status})


@pytest.mark.parametrize(("final", "attempts", "tried"), [(True, None, 1), (False, None, 6), (False, 2, 2)])
def test_a_failure_is_tried_again_so_often(final: bool, attempts: int | None, tried: int) -> None:
    one, now, count, pauses = build(), NOW, 0, []
    while not statuses.over(one):
        taken = statuses.claimed(one, "me", now + timedelta(minutes=1), now)
        one = failure(one.model_copy(update={"status": taken}), final, attempts)
        count += 1
        if one.status.claim is not None and one.status.claim.until is not None:
            assert one.status.claim.holder == ""
            pauses.append((one.status.claim.until - NOW).total_seconds())
    assert count == tried
    assert pauses == [10.0 * 2**number for number in range(tried - 1)]
    words = {c.type: (c.status, c.reason) for c in one.status.conditions}
    assert words == {"Ready": ("False", "X"), "Reconciling": ("False", "X"), "Stalled": ("True", "X")}
    assert ("kubectl delete algobuild b -n n" in one.status.conditions[0].message) is (not final)


def test_a_stop_does_not_count_as_an_attempt() -> None:
    one = build()
    taken = one.model_copy(update={"status": statuses.claimed(one, "me", NOW, NOW)})
    assert statuses.given_back(taken, NOW).attempts == 0


@given(st.lists(st.text(), max_size=80))
def test_any_log_fits_the_status(lines: list[str]) -> None:
    kept = statuses.tail(lines)
    assert len(kept) == min(len(lines), 50)
    assert all(len(line) <= 2048 and all(c == "\t" or c.isprintable() for c in line) for line in kept)
    "".join(kept).encode()


def test_a_condition_keeps_the_moment_of_its_change() -> None:
    one = build()
    first = one.model_copy(update={"status": statuses.claimed(one, "me", NOW, NOW)})
    later = statuses.claimed(first, "me", NOW, NOW + timedelta(hours=1))
    assert {c.last_transition_time for c in later.conditions} == {NOW}


def test_what_is_applied_is_guarded() -> None:
    metadata = statuses.apply_configuration(build(), AlgoBuildStatus())["metadata"]
    assert metadata == {"name": "b", "namespace": "n", "uid": "b", "resourceVersion": "7"}
