"""Rows are read defensively: what is absent or of the wrong type is not told, what is unknown is ignored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequence_operator.platform.parse import parse_account, parse_row
from sequence_operator.platform.rows import Account, MetadataRow, ParamRow, PauseRow, Row


def row(**fields: Any) -> Row:
    return parse_row({"deployment_id": "d", **fields})


def test_an_attested_row_of_a_platform_without_extras() -> None:
    found = row(
        name="my-mm",
        symbols=["ETH-USDC"],
        size_bytes=10658,
        status="accepted",
        pushed_to=2,
        capable_edges=2,
        edges=[{"edge_id": "venue-edge-kraken", "status": "accepted", "deployed_at": 1706500000}],
    )
    assert found.edges is not None
    assert found.edges[0].deployed_at_ns == 1706500000 * 10**9
    untold = (
        "wasm_sha256",
        "metadata",
        "risk",
        "params",
        "routes",
        "full_mesh",
        "revision",
        "instances",
        "pause",
    )
    assert all(getattr(found, name) is None for name in (*untold, "orders_open", "on_stop", "created_at_ns"))


def test_a_row_with_everything() -> None:
    found = row(
        wasm_sha256="f" * 64,
        metadata={"uid": "u", "origin": {"repository": "r", "path": "p"}, "surprise": 1},
        risk={"max_position_1e8": 5, "max_order_rate": None, "reduce_only": True, "off": False},
        params=[{"name": "size", "slot": 0, "type": "int", "value": 3}, {"slot": 1}],
        mesh={"routes": [{"from": "a", "to": "b"}, {"from": "a"}]},
        on_stop="keep",
        revision=3,
        pause={"id": "p-1", "reason": "DAILY_LOSS_LIMIT", "at_ns": 5},
        orders={"open": 2},
        instances=[
            {"label": "a", "orders": {"open": 9}, "callback_latency_ns": {"p50": 1}},
            {"venue": "no label"},
        ],
        deleting=True,
        surprise={"x": 1},
    )
    assert found.metadata == MetadataRow(uid="u", repository="r", path="p")
    assert found.risk == {"max_position_1e8": 5, "reduce_only": 1}
    assert found.params == (ParamRow("size", 0, "int", 3),)
    assert (found.routes, found.full_mesh) == ((("a", "b"),), False)
    assert found.pause == PauseRow("p-1", "DAILY_LOSS_LIMIT", 5)
    assert (found.orders_open, found.deleting) == (2, True)
    assert found.instances is not None
    assert [i.label for i in found.instances] == ["a"]
    assert found.raw is not None
    assert found.raw["surprise"] == {"x": 1}


def test_a_null_is_said_where_it_says_something() -> None:
    assert row(mesh=None).full_mesh is True
    assert row().full_mesh is None
    assert row(metadata=None).metadata == MetadataRow()
    assert row().metadata is None


def test_open_orders_are_summed_only_when_every_instance_tells() -> None:
    assert (
        row(
            instances=[{"label": "a", "orders": {"open": 1}}, {"label": "b", "orders": {"open": 2}}]
        ).orders_open
        == 3
    )
    assert row(instances=[{"label": "a", "orders": {"open": 1}}, {"label": "b"}]).orders_open is None
    assert row(instances=[]).orders_open is None


@pytest.mark.parametrize(
    "risk", [{"max_position_1e8": "5"}, {"max_position_1e8": 2.5}, {"max_position_1e8": []}, [], "x"]
)
def test_a_limit_that_cannot_be_read_makes_all_limits_untold(risk: Any) -> None:
    assert row(risk=risk).risk is None


def test_a_whole_number_may_come_as_a_float() -> None:
    assert row(risk={"max_position_1e8": 2e8}).risk == {"max_position_1e8": 200_000_000}


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, {"deployment_id": ""}, {"deployment_id": 7}])
def test_what_is_no_row_says_why(value: Any) -> None:
    with pytest.raises(ValueError, match="deployment"):
        parse_row(value)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = [*Row.__slots__, "mesh", "orders"]


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), junk))
def test_junk_in_any_field_is_untold_never_a_crash(fields: dict[str, Any]) -> None:
    found = parse_row(fields | {"deployment_id": "d"})
    assert found.deployment_id == "d"
    assert found.size_bytes is None or type(found.size_bytes) is int
    assert found.name is None or type(found.name) is str


@pytest.mark.parametrize(
    ("body", "account"),
    [
        ({}, Account()),
        (
            {"account_id": "a", "mode": "live", "tier": "pro", "rate_limit_qps": 50, "more": 1},
            Account("a", "live", "pro", 50),
        ),
        ({"client_id": "c", "profile": {"tier": "free", "rate_limit_qps": 5}}, Account("c", None, "free", 5)),
        ({"rate_limit_qps": 0}, Account()),
        ({"rate_limit_qps": "fast", "mode": 3}, Account()),
        ({"rate_limit_qps": 10**400}, Account()),
    ],
)
def test_account(body: Any, account: Account) -> None:
    assert parse_account(body) == account


def test_no_account() -> None:
    with pytest.raises(ValueError, match="account"):
        parse_account([])
