"""Field by field: what differs, and what puts it right."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.sim import POLICY, START, Cluster, spec_of
from reconcile.test_golden import matching_row
from sequence_operator.platform.parse import parse_row
from sequence_operator.reconcile.case import Case
from sequence_operator.reconcile.compare import differences, patch_body
from sequence_operator.reconcile.model import AccountView, Desired, Observed
from sequence_operator.reconcile.sight import Sight
from sequence_operator.spec.resources import AlgoDeploymentStatus

TWO = [
    {"label": "maker", "venue": "kraken", "symbols": ["BTC-USD"], "risk": {"maxOrderRate": 5}},
    {"label": "hedger", "venue": "coinbase", "symbols": ["BTC-USD"], "params": [{"name": "size", "int": 1}]},
]


def case(spec: dict[str, Any], **status: Any) -> Case:
    record = AlgoDeploymentStatus.model_validate(status)
    desired = Desired.of(Cluster(spec=spec).resource())
    return Case(desired, Observed(Sight(START), AccountView("sandbox")), record, POLICY, START)


def compare(spec: dict[str, Any], **changes: Any) -> list[tuple[str, str, str]]:
    found = differences(case(spec), parse_row(matching_row(spec, changes)))
    return [(d.field, d.change, d.direction) for d in found]


def test_a_matching_row_differs_in_nothing() -> None:
    for spec in (
        spec_of(),
        spec_of(instances=TWO),
        spec_of(instances=TWO, mesh={"routes": []}, onStop="Cancel"),
    ):
        assert compare(spec) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"wasm_sha256": "f" * 64}, [("artifact.sha256", "Replace", "neutral")]),
        (
            {"risk": {"max_position_1e8": 300, "max_order_rate": 20}},
            [("risk.maxPosition1e8", "Update", "tightens")],
        ),
        (
            {"risk": {"max_position_1e8": 100, "max_order_rate": 20}},
            [("risk.maxPosition1e8", "Update", "loosens")],
        ),
        ({"risk": {"max_order_rate": 20}}, [("risk.maxPosition1e8", "Update", "tightens")]),
        (
            {"risk": {"max_position_1e8": 200, "max_order_rate": 20, "max_open_orders": 3}},
            [("risk.maxOpenOrders", "Update", "loosens")],
        ),
        (
            {"params": [{"name": "size", "slot": 0, "type": "int", "value": 4}]},
            [("params[size]", "Update", "neutral")],
        ),
        (
            {"params": [{"name": "size", "slot": 1, "type": "int", "value": 3}]},
            [("params[size].slot", "Replace", "neutral")],
        ),
        (
            {"params": [{"name": "size", "slot": 0, "type": "bps", "value": 3}]},
            [("params[size].type", "Replace", "neutral")],
        ),
        ({"params": []}, [("params[size]", "Replace", "neutral")]),
        ({"on_stop": "cancel"}, [("onStop", "Update", "neutral")]),
        (
            {"instances": [{"label": "other", "venue": "kraken"}]},
            [("instances[maker]", "Replace", "neutral"), ("instances[other]", "Replace", "neutral")],
        ),
        (
            {
                "instances": [
                    {"label": "maker", "venue": "okx", "symbols": ["ETH-USD"], "instrument_type": "perp"}
                ]
            },
            [
                ("instances[maker].venue", "Replace", "neutral"),
                ("instances[maker].symbols", "Replace", "neutral"),
                ("instances[maker].instrumentType", "Replace", "neutral"),
            ],
        ),
        (
            {"metadata": {"managed_by": "sequence-operator", "uid": "uid-1"}},
            [("metadata.specDigest", "Update", "neutral"), ("metadata.commit", "Update", "neutral")],
        ),
    ],
)
def test_one_difference(changes: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    assert compare(spec_of(), **changes) == expected


@pytest.mark.parametrize(
    "field", ["risk", "params", "mesh", "on_stop", "instances", "wasm_sha256", "metadata"]
)
def test_what_the_platform_does_not_say_is_not_compared(field: str) -> None:
    row = matching_row(spec_of(), {})
    del row[field]
    assert differences(case(spec_of()), parse_row(row)) == ()


def test_a_full_mesh_may_be_said_in_two_ways() -> None:
    full = [{"from": "maker", "to": "hedger"}, {"from": "hedger", "to": "maker"}]
    assert compare(spec_of(instances=TWO), mesh={"routes": full}) == []
    assert compare(spec_of(instances=TWO, mesh={"routes": full}), mesh=None) == []
    found = compare(spec_of(instances=TWO), mesh={"routes": full[:1]})
    assert found == [("mesh.routes", "Update", "neutral")]


def test_symbols_are_compared_where_instances_are_not_told() -> None:
    row = matching_row(spec_of(), {"symbols": ["ETH-USD"], "plain": True})
    found = differences(case(spec_of()), parse_row(row))
    assert [(d.field, d.change) for d in found] == [("symbols", "Replace")]


def test_without_patch_an_update_becomes_a_replace_and_metadata_is_let_be() -> None:
    changes = {"risk": {"max_position_1e8": 1}, "metadata": {"uid": "uid-1"}, "revision": None}
    found = compare(spec_of(), **changes)
    assert {(field, change) for field, change, _ in found} == {
        ("risk.maxOrderRate", "Replace"),
        ("risk.maxPosition1e8", "Replace"),
    }


def test_an_edit_of_something_the_platform_hides_is_known_from_our_record() -> None:
    spec = spec_of()
    row = parse_row(matching_row(spec, {"plain": True}))
    found = differences(case(spec, deploymentId="dep_1", specDigest="v1:other"), row)
    assert [(d.field, d.change) for d in found] == [("spec", "Replace")]
    assert differences(case(spec, deploymentId="dep_2", specDigest="v1:other"), row) == ()
    # written by a version that hashed another form: no reason to register anew
    assert differences(case(spec, deploymentId="dep_1", specDigest="v0:other"), row) == ()


def test_a_patch_carries_whole_values_and_what_the_platform_hides() -> None:
    spec = spec_of(instances=TWO)
    this = case(spec)
    row = parse_row(matching_row(spec, {"risk": {"max_position_1e8": 1}, "metadata": {"uid": "uid-1"}}))
    body = patch_body(this, row, differences(this, row))
    assert body["risk"] == {"max_position_1e8": 200, "max_order_rate": 20}
    assert body["metadata"] == this.metadata
    assert "instances" not in body
    raw = matching_row(spec, {"metadata": {"uid": "uid-1"}})
    for instance in raw["instances"]:
        del instance["risk"]
    hidden = parse_row(raw)
    body = patch_body(this, hidden, differences(this, hidden))
    assert body["instances"][0] == {"label": "maker", "risk": {"max_order_rate": 5}, "params": []}
    assert body["instances"][1]["params"] == [{"name": "size", "type": "int", "value": 1}]


def test_an_instance_s_own_values_are_compared_as_written() -> None:
    spec = spec_of(instances=TWO)
    raw = matching_row(spec, {})
    raw["instances"][0]["risk"] = {}
    raw["instances"][1]["params"] = [{"name": "size", "type": "int", "value": 2}]
    found = differences(case(spec), parse_row(raw))
    assert [(d.field, d.change, d.desired, d.observed) for d in found] == [
        ("instances[maker].risk.maxOrderRate", "Update", "5", "unset"),
        ("instances[hedger].params[size]", "Update", "1", "2"),
    ]
