"""The resource models: what they take from a cluster, what they refuse, and the form they write."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from sequence_operator.spec.meta import camel
from sequence_operator.spec.resources import (
    AlgoDeployment,
    AlgoDeploymentStatus,
    Param,
    Pending,
    PlatformAccount,
    rfc3339,
    seconds,
    to_cr,
)
from support.objects import account, both, deployment, drop, put


@pytest.mark.parametrize(("body", "model"), [(deployment(), AlgoDeployment), (account(), PlatformAccount)])
def test_a_spec_is_written_as_it_was_read(body, model):
    written = to_cr(model.model_validate(body).spec)
    for key, value in body["spec"].items():
        if key != "instances":
            assert written[key] == value
    if "instances" in written:
        assert written["instances"][0] == body["spec"]["instances"][0]
        defaults = {"instrumentType": "spot", "params": []}
        assert written["instances"][1] == body["spec"]["instances"][1] | defaults


@pytest.mark.parametrize(
    "edit",
    [
        put("risk", "maxPositon1e8", value=1),
        put("risk", "maxPosition1e8", value=True),
        put("risk", "maxPosition1e8", value=1.0),
        put("risk", "maxPosition1e8", value=2**63),
        put("instances", 0, "label", value="a\n"),
        put("params", 0, "float", value=1.5),
        drop("params", 0, "int"),
        both(put("params", 0, "float", value=float("nan")), drop("params", 0, "int")),
        put("artifact", "url", value="https://a.example.com/x.wasm"),
        drop("artifact", "configMapRef"),
        drop("instances"),
    ],
)
def test_a_bad_spec_is_refused(edit):
    with pytest.raises(ValidationError):
        AlgoDeployment.model_validate(deployment(edit))


def test_a_newer_status_is_read_and_metadata_is_kept_to_what_is_known():
    body = deployment() | {"status": {"observedGeneration": 4, "fromTheFuture": {"x": 1}}}
    body["metadata"] |= {"uid": "u-1", "creationTimestamp": "2026-11-22T14:00:00Z", "managedFields": [{}]}
    read = AlgoDeployment.model_validate(body)
    assert read.status == AlgoDeploymentStatus(observed_generation=4)
    assert to_cr(read.metadata) == {
        "name": "my-mm.sandbox",
        "uid": "u-1",
        "creationTimestamp": "2026-11-22T14:00:00Z",
    }


def test_times_are_utc_with_the_microseconds_they_have():
    pending = Pending.model_validate({"action": "Register", "to": "ab", "at": "2026-11-22T15:00:00.25+01:00"})
    assert to_cr(pending) == {
        "action": "Register",
        "from": "",
        "to": "ab",
        "at": "2026-11-22T14:00:00.250000Z",
    }
    assert rfc3339(pending.at.replace(microsecond=0)) == "2026-11-22T14:00:00Z"
    with pytest.raises(ValidationError):
        Pending.model_validate({"action": "Register", "at": "2026-11-22T15:00:00"})


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        ({"int": 0}, "int", 0),
        ({"float": 2}, "float", 2.0),
        ({"bool": False}, "bool", False),
        ({"bps": -3}, "bps", -3),
    ],
)
def test_a_parameter_knows_its_kind_also_when_its_value_is_empty(given, kind, value):
    param = Param.model_validate({"name": "a", **given})
    assert (param.kind, param.value, type(param.value)) == (kind, value, type(value))
    assert to_cr(param) == {"name": "a", kind: value}


@pytest.mark.parametrize(
    ("text", "expected"), [("10s", 10.0), ("1m30s", 90.0), ("2h", 7200.0), ("1500ms", 1.5), ("0.5m", 30.0)]
)
def test_durations(text, expected):
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "10", "s", "10 s", "10s ", "-1s", "1d", "1.s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        seconds(text)


def test_names_in_the_cluster():
    assert [camel(n) for n in ("max_position_1e8", "from_", "int_", "bps", "config_map_ref")] == [
        "maxPosition1e8",
        "from",
        "int",
        "bps",
        "configMapRef",
    ]
