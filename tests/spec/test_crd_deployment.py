"""Every rule of the AlgoDeployment CRD, by sending good and bad objects to a real API server.

A refusal must point at the field and name the limit: that sentence is all that somebody at `kubectl apply` sees.
"""

from __future__ import annotations

import pytest

from sequence_operator.spec.crd_rules import RULES
from sequence_operator.spec.deployment import Risk
from sequence_operator.spec.meta import camel
from support.objects import Edit, both, deployment, drop, put

RISK_KEYS = [camel(name) for name in Risk.model_fields]
URL = "https://artifacts.example.com/algo.wasm"
BUILD = {"url": "git@git.example.com:desk/algos.git", "commit": "3c0ffee1" * 5, "path": "algos/my-mm"}
SHA = "9f2c4e1a77b0" + "0" * 52


def many_instances(count: int) -> Edit:
    instances = [{"label": f"i{n}", "venue": "kraken", "symbols": ["BTC-USD"]} for n in range(count)]
    return both(put("instances", value=instances), drop("mesh"))


def many_params(count: int) -> Edit:
    params = [{"name": f"p{n}", "slot": n, "int": n} for n in range(count)]
    return both(put("params", value=params), drop("instances", 0, "params"))


BAD: dict[str, tuple[Edit, str, str]] = {
    # rules across fields
    **{
        f"looser {key}": (
            both(put("risk", key, value=10), put("instances", 1, "risk", value={key: 11})),
            "spec.instances",
            f"instances[].risk.{key} may only tighten: at most spec.risk.{key}",
        )
        for key in RISK_KEYS
    },
    "route to nobody": (
        put("mesh", "routes", 0, "to", value="ghost"),
        "spec.mesh",
        "from and to must be labels of two different instances",
    ),
    "route from nobody": (
        put("mesh", "routes", 0, "from", value="ghost"),
        "spec.mesh",
        "must be labels of two",
    ),
    "route to itself": (
        put("mesh", "routes", 0, "to", value="maker"),
        "spec.mesh",
        "two different instances",
    ),
    "slot twice": (put("params", 1, "slot", value=0), "spec.params", "params: each needs a slot, 0 to 31"),
    "slot missing": (drop("params", 1, "slot"), "spec.params", "params: each needs a slot, 0 to 31"),
    "override of nothing": (
        put("instances", 0, "params", 0, "name", value="other"),
        "spec.instances",
        "may only override parameters of spec.params, by a value of the same kind",
    ),
    "override without params": (
        drop("params"),
        "spec.instances",
        "may only override parameters of spec.params",
    ),
    "override of another kind": (
        put("instances", 0, "params", value=[{"name": "spread", "int": 12}]),
        "spec.instances",
        "by a value of the same kind",
    ),
    "slot in an override": (
        put("instances", 0, "params", 0, "slot", value=1),
        "spec.instances",
        "slot belongs to spec.params only",
    ),
    "param of two kinds": (
        put("params", 0, "float", value=1.5),
        "spec.params[0]",
        "exactly one of int, float, bool",
    ),
    "param of no kind": (drop("params", 0, "int"), "spec.params[0]", "exactly one of int, float, bool, bps"),
    "override of two kinds": (
        put("instances", 0, "params", 0, "bool", value=True),
        "spec.instances[0].params[0]",
        "exactly one of int, float, bool, bps",
    ),
    "two artifacts": (put("artifact", "url", value=URL), "spec.artifact", "exactly one of configMapRef, url"),
    "no artifact": (drop("artifact", "configMapRef"), "spec.artifact", "exactly one of configMapRef, url"),
    "artifact without digest": (
        drop("artifact", "sha256"),
        "spec.artifact.sha256",
        "required with configMapRef and url, and absent with build",
    ),
    "digest of what is built": (
        put("artifact", value={"build": BUILD, "sha256": SHA}),
        "spec.artifact.sha256",
        "absent with build",
    ),
    "build and stored": (put("artifact", "build", value=BUILD), "spec.artifact", "exactly one of"),
    "build from nowhere": (
        put("artifact", value={"build": {**BUILD, "url": "file:///etc"}}),
        "spec.artifact.build.url",
        "artifact.build.url must be https://host/path",
    ),
    "build of a branch": (
        put("artifact", value={"build": {**BUILD, "commit": "main"}}),
        "spec.artifact.build.commit",
        "should match",
    ),
    "build outside": (
        put("artifact", value={"build": {**BUILD, "path": "algos/../../x"}}),
        "spec.artifact.build.path",
        "artifact.build.path must be relative",
    ),
    "short digest": (put("artifact", "sha256", value="abc"), "spec.artifact.sha256", "at least 64"),
    "upper case digest": (
        put("artifact", "sha256", value="A" * 64),
        "spec.artifact.sha256",
        "^[0-9a-f]{64}$",
    ),
    "artifact by plain http": (
        put("artifact", value={"url": "http://artifacts.example.com/algo.wasm", "sha256": SHA}),
        "spec.artifact.url",
        "url must be an https URL, or http on loopback",
    ),
    "artifact by ftp": (
        put("artifact", value={"url": "ftp://artifacts.example.com/algo.wasm", "sha256": SHA}),
        "spec.artifact.url",
        "url must be an https URL",
    ),
    "artifact with credentials": (
        put("artifact", value={"url": "https://me:secret@artifacts.example.com/algo.wasm", "sha256": SHA}),
        "spec.artifact.url",
        "url must not carry credentials",
    ),
    "origin outside": (
        put("origin", "path", value="../x"),
        "spec.origin.path",
        "origin.path must be relative",
    ),
    "origin absolute": (
        put("origin", "path", value="/etc/x"),
        "spec.origin.path",
        "origin.path must be relative",
    ),
    "short commit": (put("origin", "commit", value="3c0ffee1"), "spec.origin.commit", "^[0-9a-f]{40}"),
    # bounds
    **{
        f"{key} zero": (put("risk", key, value=0), f"spec.risk.{key}", "greater than or equal to 1")
        for key in RISK_KEYS
    },
    "rate beyond 32 bits": (put("risk", "maxOrderRate", value=2**32), "spec.risk.maxOrderRate", "4294967295"),
    "33 open orders": (
        put("risk", "maxOpenOrders", value=33),
        "spec.risk.maxOpenOrders",
        "less than or equal to 32",
    ),
    "17 instances": (many_instances(17), "spec.instances", "must have at most 16 items"),
    "no instance": (many_instances(0), "spec.instances", "should have at least 1 items"),
    "33 params": (many_params(33), "spec.params", "must have at most 32 items"),
    "slot 32": (put("params", 1, "slot", value=32), "spec.params[1].slot", "less than or equal to 31"),
    "bps beyond 32 bits": (put("params", 1, "bps", value=2**31), "spec.params[1].bps", "2147483647"),
    "no symbol": (put("instances", 0, "symbols", value=[]), "spec.instances[0].symbols", "at least 1 items"),
    "33 symbols": (
        put("instances", 0, "symbols", value=[f"S{n}" for n in range(33)]),
        "spec.instances[0].symbols",
        "must have at most 32 items",
    ),
    "long label": (put("instances", 1, "label", value="x" * 33), "spec.instances[1].label", "more than 32"),
    "label with a dot": (
        put("instances", 1, "label", value="a.b"),
        "spec.instances[1].label",
        "[A-Za-z0-9_-]*$",
    ),
    "label with a wildcard": (
        put("instances", 1, "label", value=">"),
        "spec.instances[1].label",
        "should match",
    ),
    "venue in upper case": (
        put("instances", 0, "venue", value="Kraken"),
        "spec.instances[0].venue",
        "should match",
    ),
    "symbol with a slash": (
        put("instances", 0, "symbols", value=["BTC/USD"]),
        "spec.instances[0].symbols[0]",
        "should match",
    ),
    "long name": (put("deployment", value="x" * 64), "spec.deployment", "63"),
    "name with a dot": (put("deployment", value="a.b"), "spec.deployment", "should match"),
    # duplicates
    "label twice": (put("instances", 1, "label", value="maker"), "spec.instances[1]", "Duplicate value"),
    "symbol twice": (
        put("instances", 0, "symbols", value=["BTC-USD", "BTC-USD"]),
        "spec.instances[0].symbols[1]",
        "Duplicate value",
    ),
    "route twice": (
        put("mesh", "routes", value=[{"from": "maker", "to": "hedger"}] * 2),
        "spec.mesh.routes[1]",
        "Duplicate value",
    ),
    "param twice": (put("params", 1, "name", value="size"), "spec.params[1]", "Duplicate value"),
    # words
    "unknown state": (put("state", value="running"), "spec.state", 'supported values: "Stopped", "Running"'),
    "unknown instrument": (
        put("instances", 0, "instrumentType", value="future"),
        "spec.instances[0].instrumentType",
        'supported values: "spot", "perp"',
    ),
    "unknown onStop": (put("onStop", value="cancel"), "spec.onStop", '"Keep", "Cancel"'),
    "unknown driftPolicy": (put("driftPolicy", value="Ignore"), "spec.driftPolicy", '"Correct", "Report"'),
    "unknown deletionPolicy": (
        put("deletionPolicy", value="Keep"),
        "spec.deletionPolicy",
        '"Undeploy", "Orphan"',
    ),
    # what must be there
    "label missing": (drop("instances", 1, "label"), "spec.instances[1].label", "Required value"),
    "venue missing": (drop("instances", 0, "venue"), "spec.instances[0].venue", "Required value"),
    "account missing": (drop("accountRef"), "spec.accountRef", "Required value"),
    # types
    "fraction": (
        put("risk", "maxPosition1e8", value=2.5),
        "spec.risk.maxPosition1e8",
        "must be of type int64",
    ),
    "number as text": (
        put("risk", "maxOrderRate", value="5"),
        "spec.risk.maxOrderRate",
        "must be of type integer",
    ),
}

GOOD: dict[str, Edit] = {
    "every field": lambda spec: None,
    "equal limits": both(
        put("risk", "maxOrderRate", value=5), put("instances", 0, "risk", "maxOrderRate", value=5)
    ),
    "limit of an instance only": both(drop("risk"), put("instances", 0, "risk", "maxOrderRate", value=900)),
    "16 instances": many_instances(16),
    "32 params": many_params(32),
    "all routes of 16 instances": both(
        many_instances(16),
        put(
            "mesh",
            value={
                "routes": [{"from": f"i{a}", "to": f"i{b}"} for a in range(16) for b in range(16) if a != b]
            },
        ),
    ),
    "no routes at all": put("mesh", value={"routes": []}),
    "artifact from git": put("artifact", value={"build": BUILD}),
    "artifact from the root of a repository": put("artifact", value={"build": {**BUILD, "path": "."}}),
    "artifact by https": put("artifact", value={"url": URL, "sha256": SHA}),
    "artifact on loopback": put("artifact", value={"url": "http://127.0.0.1:8080/a.wasm", "sha256": SHA}),
    "params of all kinds": both(
        put(
            "params",
            value=[
                {"name": "a", "slot": 3, "int": -(2**63)},
                {"name": "b", "slot": 2, "float": 1.0},
                {"name": "c", "slot": 1, "bool": False},
                {"name": "d", "slot": 0, "bps": -(2**31)},
            ],
        ),
        put("instances", 0, "params", value=[{"name": "c", "bool": True}, {"name": "b", "float": 2}]),
    ),
}

IMMUTABLE: dict[str, tuple[Edit, str, str]] = {
    "deployment": (
        put("deployment", value="other"),
        "spec.deployment",
        "spec.deployment is immutable: undeploy",
    ),
    "account": (
        put("accountRef", "name", value="live"),
        "spec.accountRef.name",
        "spec.accountRef.name is immutable: undeploy",
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_deployment_is_stored_as_written(api, case):
    sent = deployment(GOOD[case])
    answer = api.create(sent)
    assert answer.stored is not None, answer.causes
    for key in ("risk", "params", "mesh", "deployment"):
        assert answer.stored["spec"].get(key) == sent["spec"].get(key)
    assert answer.stored["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_deployment_is_refused_with_field_and_limit(api, case):
    edit, field, words = BAD[case]
    api.create(deployment(edit)).must_refuse(field, words)


@pytest.mark.parametrize("case", IMMUTABLE)
def test_identity_cannot_be_changed(api, case):
    body = deployment()
    body["metadata"]["name"] = f"fixed-{case}"
    api.must_stay(body, IMMUTABLE[case])


def test_every_rule_has_an_object_that_breaks_it():
    words = [case[2] for case in (*BAD.values(), *IMMUTABLE.values())]
    rules = [rule for rule in RULES if rule.kind == "AlgoDeployment"]
    assert [rule.message for rule in rules if not any(w in rule.message for w in words)] == []
