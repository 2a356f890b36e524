"""Bad registrations: each refused with the field at fault, and nothing left behind."""

from __future__ import annotations

import base64

import pytest


def b64(wasm: bytes) -> str:
    return base64.b64encode(wasm).decode()


GOOD = b64(b"\0asm\x01\0\0\0")
ONE = [{"label": "a", "venue": "kraken", "symbols": ["BTC-USD"]}]
TWO = [*ONE, {"label": "b", "venue": "kraken", "symbols": ["BTC-USD"]}]


def one(**more):
    return [{**ONE[0], **more}]


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"name": ""}, "name", "pattern"),
        ({"name": "-mm"}, "name", "pattern"),
        ({"name": "m" * 64}, "name", "pattern"),
        ({"name": "a.b"}, "name", "pattern"),
        ({"name": "mm\n"}, "name", "pattern"),
        ({"name": None}, "name", "string"),
        ({"wasm_base64": "***"}, "wasm_base64", "base64"),
        ({"wasm_base64": b64(b"PK\x03\x04....")}, "wasm_base64", "not a WASM module"),
        ({"wasm_base64": b64(b"\0asm\x0d\0\x01\0")}, "wasm_base64", "component"),
        ({"wasm_base64": b64(b"\0asm\x01\0\0\0" + bytes(1024 * 1024 - 7))}, "wasm_base64", "1,048,577 bytes"),
        ({"wasm_sha256": "0" * 64}, "wasm_sha256", "does not match"),
        ({"instances": None}, "symbols", "needed"),
        ({"instances": None, "symbols": ["DOGE-USD"]}, "symbols", "no edge trades DOGE-USD"),
        ({"instances": []}, "instances", "at least 1"),
        ({"instances": [{**ONE[0], "label": f"i{n}"} for n in range(17)]}, "instances", "at most 16"),
        ({"instances": one(label="a b")}, "instances.0.label", "pattern"),
        ({"instances": one(label="a" * 33)}, "instances.0.label", "pattern"),
        ({"instances": ONE + ONE}, "instances", "a is there twice"),
        ({"instances": one(venue="nasdaq")}, "instances.0.venue", "no venue nasdaq"),
        ({"instances": one(venue="Kraken")}, "instances.0.venue", "pattern"),
        ({"instances": one(symbols=[])}, "instances.0.symbols", "at least 1"),
        ({"instances": one(symbols=["DOGE-USD"])}, "instances.0.symbols", "does not trade DOGE-USD"),
        ({"instances": one(instrument_type="future")}, "instances.0.instrument_type", "spot"),
        ({"instances": one(colour="red")}, "instances.0.colour", "not a known key"),
        ({"instances": one(risk={"max_order_rate": 6})}, "instances.0.risk.max_order_rate", "looser"),
        ({"risk": {"max_positon_1e8": 1}}, "risk.max_positon_1e8", "not a known key"),
        ({"risk": {"max_position_1e8": 0}}, "risk.max_position_1e8", "greater than or equal to 1"),
        ({"risk": {"max_position_1e8": 2**63}}, "risk.max_position_1e8", "less than or equal"),
        ({"risk": {"max_position_1e8": 1.5}}, "risk.max_position_1e8", "integer"),
        ({"risk": {"max_position_1e8": "1"}}, "risk.max_position_1e8", "integer"),
        ({"risk": {"max_open_orders": 33}}, "risk.max_open_orders", "less than or equal to 32"),
        ({"params": [{"name": "x", "type": "int", "value": 1}]}, "params.0.slot", "needed"),
        ({"params": [{"name": "x", "slot": 32, "type": "int", "value": 1}]}, "params.0.slot", "less than 32"),
        ({"params": [{"name": "x", "slot": 0, "type": "int", "value": 1.5}]}, "params.0", "not a valid int"),
        ({"params": [{"name": "x", "slot": 0, "type": "int", "value": True}]}, "params.0", "not a valid int"),
        ({"params": [{"name": "x", "slot": 0, "type": "bool", "value": 1}]}, "params.0", "not a valid bool"),
        (
            {"params": [{"name": "x", "slot": 0, "type": "bps", "value": 2**31}]},
            "params.0",
            "not a valid bps",
        ),
        (
            {"params": [{"name": n, "slot": 0, "type": "int", "value": 1} for n in "xy"]},
            "params",
            "slot 0 is there twice",
        ),
        (
            {"instances": one(params=[{"name": "x", "type": "int", "value": 1}])},
            "instances.0.params",
            "not a parameter",
        ),
        (
            {
                "params": [{"name": "x", "slot": 0, "type": "int", "value": 1}],
                "instances": one(params=[{"name": "x", "type": "bps", "value": 1}]),
            },
            "instances.0.params",
            "x is int, not bps",
        ),
        ({"mesh": {"routes": [{"from": "a", "to": "z"}]}}, "mesh.routes.0.to", "no instance z"),
        ({"mesh": {"routes": [{"from": "a", "to": "a"}]}}, "mesh.routes.0", "itself"),
        (
            {"instances": TWO, "mesh": {"routes": [{"from": "a", "to": "b"}] * 2}},
            "mesh.routes",
            "a to b is there twice",
        ),
        ({"mesh": {"route": []}}, "mesh.route", "not a known key"),
        ({"on_stop": "Keep"}, "on_stop", "keep"),
        ({"metadata": {"blob": "x" * 17_000}}, "metadata", "at most 16,384"),
        ({"start_immediately": "soon"}, "start_immediately", "boolean"),
    ],
)
def test_a_bad_create_names_the_field_and_leaves_nothing(desk, change, field, says):
    body = {"name": "mm", "wasm_base64": GOOD, "instances": ONE, "risk": {"max_order_rate": 5}} | change
    refused = desk.error(422, "POST", "/deployments", body)
    assert refused["error"]["code"] == "VALIDATION_ERROR"
    found = {detail["field"]: detail["message"] for detail in refused["error"]["details"]}
    assert field in found, refused
    assert says in found[field], refused
    assert desk.ok("GET", "/deployments")["deployments"] == []


def test_every_problem_of_a_body_is_told_at_once(desk):
    body = {"name": "", "wasm_base64": GOOD, "instances": ONE, "risk": {"max_order_rate": 0, "x": 1}}
    details = desk.error(422, "POST", "/deployments", body)["error"]["details"]
    assert {d["field"] for d in details} == {"name", "risk.max_order_rate", "risk.x"}


def test_a_module_of_exactly_one_mebibyte_is_taken(desk):
    row = desk.create(wasm=b"\0asm\x01\0\0\0" + bytes(1024 * 1024 - 8))
    assert row["size_bytes"] == 1024 * 1024


def test_a_body_beyond_the_limit_is_refused_before_it_is_parsed(desk):
    body = {"name": "mm", "wasm_base64": "A" * (4 * 1024 * 1024)}
    assert desk.error(413, "POST", "/deployments", body)["error"]["code"] == "PAYLOAD_TOO_LARGE"


def test_unknown_fields_beside_the_known_ones_are_passed_over(desk):
    assert desk.create(colour="red", resources={"cpu": 1})["status"] == "accepted"
