"""The wire form and the digest of what is registered."""

from __future__ import annotations

import base64
import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import create_body, desired_wire, spec_digest
from support.objects import both, deployment, drop, put


def spec(edit=None) -> AlgoDeploymentSpec:
    return AlgoDeploymentSpec.model_validate(deployment(edit)["spec"])


def test_every_field_reaches_the_wire():
    assert desired_wire(spec()).as_json() == {
        "name": "my-mm",
        "symbols": ["BTC-USD", "ETH-USD"],
        "instances": [
            {
                "label": "maker",
                "venue": "kraken",
                "symbols": ["BTC-USD"],
                "instrument_type": "spot",
                "risk": {"max_order_rate": 5},
                "params": [{"name": "spread", "type": "bps", "value": 12}],
            },
            {
                "label": "hedger",
                "venue": "coinbase",
                "symbols": ["BTC-USD", "ETH-USD"],
                "instrument_type": "spot",
                "risk": {},
                "params": [],
            },
        ],
        "risk": {
            "max_position_1e8": 200_000_000,
            "max_order_notional_1e9": 50_000_000_000_000,
            "max_order_rate": 20,
            "max_daily_loss_1e9": 500_000_000_000,
            "max_price_deviation_bps": 100,
            "max_open_orders": 32,
        },
        "params": [
            {"name": "size", "slot": 0, "type": "int", "value": 3},
            {"name": "spread", "slot": 1, "type": "bps", "value": 10},
        ],
        "mesh": {"routes": [{"from": "maker", "to": "hedger"}]},
        "on_stop": "keep",
    }


def test_parameters_go_in_slot_order_and_keep_their_kind():
    params = [
        {"name": "c", "slot": 2, "float": 1},
        {"name": "a", "slot": 0, "bool": False},
        {"name": "b", "slot": 1, "int": 0},
    ]
    wire = desired_wire(spec(both(put("params", value=params), drop("instances", 0, "params"))))
    assert [(p.name, p.type, p.value, type(p.value)) for p in wire.params] == [
        ("a", "bool", False, bool),
        ("b", "int", 0, int),
        ("c", "float", 1.0, float),
    ]


def test_symbols_are_united_in_order_of_first_use():
    edit = both(
        put("instances", 0, "symbols", value=["ETH-USD", "BTC-USD"]),
        put("instances", 1, "symbols", value=["SOL-USD", "ETH-USD"]),
    )
    assert desired_wire(spec(edit)).symbols == ("ETH-USD", "BTC-USD", "SOL-USD")


def test_a_full_mesh_and_no_routes_are_different_things():
    assert desired_wire(spec(drop("mesh"))).as_json()["mesh"] is None
    assert desired_wire(spec(put("mesh", value={"routes": []}))).as_json()["mesh"] == {"routes": []}


def test_a_create_registers_stopped_and_carries_the_wasm():
    wasm = b"\0asm\1\0\0\0"
    body = create_body(desired_wire(spec(put("state", value="Running"))), wasm, {"uid": "u-1"})
    assert body["start_immediately"] is False
    assert base64.b64decode(body["wasm_base64"]) == wasm
    assert body["metadata"] == {"uid": "u-1"}
    bare = create_body(desired_wire(spec(drop("mesh"))), wasm, {})
    assert "mesh" not in bare
    assert "metadata" not in bare


# -- the digest ---------------------------------------------------------------------------------------------------


def shuffled(value, rng: random.Random):
    """The same object with the keys of every table in another order."""
    if isinstance(value, dict):
        items = [(key, shuffled(child, rng)) for key, child in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [shuffled(child, rng) for child in value] if isinstance(value, list) else value


@given(st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_keys(rng):
    body = shuffled(copy.deepcopy(deployment()["spec"]), rng)
    assert spec_digest(AlgoDeploymentSpec.model_validate(body)) == spec_digest(spec())


NUMBER = st.integers(1, 2**31 - 1)
LIMITS = [
    "maxPosition1e8",
    "maxOrderNotional1e9",
    "maxOrderRate",
    "maxDailyLoss1e9",
    "maxPriceDeviationBps",
]
REGISTERED = st.one_of(
    st.builds(lambda key, n: put("risk", key, value=n), st.sampled_from(LIMITS), NUMBER),
    st.builds(lambda n: put("risk", "maxOpenOrders", value=n), st.integers(1, 32)),
    st.builds(lambda n: put("instances", 0, "risk", "maxOrderRate", value=n), NUMBER),
    st.builds(lambda n: put("instances", 1, "risk", value={"maxPosition1e8": n}), NUMBER),
    st.builds(lambda n: put("params", 0, "int", value=n), NUMBER),
    st.builds(lambda n: put("params", 0, value={"name": "size", "slot": 0, "bps": n}), NUMBER),
    st.builds(lambda n: put("params", 1, "slot", value=n), st.integers(0, 31)),
    st.builds(lambda n: put("instances", 0, "params", 0, "bps", value=n), NUMBER),
    st.builds(lambda s: put("deployment", value=s), st.text("abc", min_size=1, max_size=5)),
    st.builds(lambda s: put("instances", 0, "label", value=s), st.text("abc", min_size=1, max_size=5)),
    st.builds(lambda s: put("instances", 0, "venue", value=s), st.sampled_from(["okx", "kraken", "bybit"])),
    st.builds(
        lambda s: put("instances", 0, "symbols", value=s), st.lists(st.sampled_from(["A", "B"]), min_size=1)
    ),
    st.builds(lambda s: put("instances", 1, "instrumentType", value=s), st.sampled_from(["spot", "perp"])),
    st.builds(lambda s: put("mesh", "routes", 0, "to", value=s), st.sampled_from(["hedger", "maker", "x"])),
    st.builds(lambda s: put("onStop", value=s), st.sampled_from(["Keep", "Cancel"])),
    st.builds(lambda s: put("artifact", "sha256", value=s * 64), st.sampled_from("0123456789abcdef")),
)


@given(REGISTERED, REGISTERED)
def test_the_digest_changes_exactly_with_what_is_registered(one, other):
    first, second = spec(one), spec(other)
    same = (desired_wire(first), first.artifact.sha256) == (desired_wire(second), second.artifact.sha256)
    assert (spec_digest(first) == spec_digest(second)) == same


@pytest.mark.parametrize(
    "edit",
    [
        put("state", value="Running"),
        put("suspend", value=True),
        put("description", value="other"),
        put("driftPolicy", value="Report"),
        put("deletionPolicy", value="Orphan"),
        put("adopt", value=True),
        put("origin", "commit", value="0" * 40),
        put("artifact", "configMapRef", "name", value="other"),
        put("instances", 1, "instrumentType", value="spot"),
    ],
)
def test_the_digest_keeps_when_nothing_registered_changes(edit):
    assert spec_digest(spec(edit)) == spec_digest(spec())


def test_the_digest_is_versioned_and_stays_as_it_is():
    assert spec_digest(spec()) == "v1:52148f367624"
