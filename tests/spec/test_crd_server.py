"""What people see of the resources through kubectl, and how the API server treats numbers, defaults and strays."""

from __future__ import annotations

import json

import pytest
import yaml

from sequence_operator.spec.crd import crds as definitions
from sequence_operator.spec.crd import difference, main, write
from sequence_operator.spec.resources import AlgoDeployment, PlatformAccount, to_cr
from support.objects import account, both, deployment, drop, put

STATUS = {
    "observedGeneration": 1,
    "deploymentId": "dep_1",
    "state": "Running",
    "summary": {"instances": "2/2", "wasm": "9f2c4e1a77b0", "commit": "3c0ffee1"},
    "artifact": {"sha256": "9f" * 32, "sizeBytes": 18344, "commit": "3c" * 20, "configMap": "wasm-9f"},
    "instances": [
        {
            "label": "maker",
            "venue": "kraken",
            "edge": "venue-edge-kraken",
            "state": "Running",
            "live": True,
            "error": "",
        }
    ],
    "drift": [
        {"field": "state", "desired": "Running", "observed": "Stopped", "since": "2026-11-22T14:00:03Z"}
    ],
    "pending": {"action": "Register", "from": "", "to": "9f" * 32, "at": "2026-11-22T13:59:58.123456Z"},
    "pause": {"id": "p-1", "reason": "DAILY_LOSS_LIMIT", "at": "2026-11-22T14:00:00Z"},
    "deniedDigests": ["d" * 64],
    "specDigest": "v1:0123456789ab",
    "reviewDigest": "r1:0123456789ab",
    "history": [
        {
            "at": "2026-11-22T14:00:00Z",
            "event": "Started",
            "commit": "3c" * 20,
            "author": "",
            "sha256": "9f" * 32,
            "planHash": "",
            "message": "",
        }
    ],
    "lastHandledReconcileAt": "now",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "InSync",
            "message": "running on 2 edges",
            "observedGeneration": 1,
            "lastTransitionTime": "2026-11-22T14:00:00Z",
        }
    ],
}


def test_defaults_are_filled_in(api):
    bare = deployment(
        both(*(drop(key) for key in ("state", "suspend", "onStop", "driftPolicy", "deletionPolicy", "adopt")))
    )
    spec = api.create(bare).stored["spec"]
    assert {k: spec[k] for k in ("state", "suspend", "onStop", "driftPolicy", "deletionPolicy", "adopt")} == {
        "state": "Stopped",
        "suspend": False,
        "onStop": "Keep",
        "driftPolicy": "Correct",
        "deletionPolicy": "Undeploy",
        "adopt": False,
    }
    assert spec["instances"][1]["instrumentType"] == "spot"
    bare = account(both(drop("pollInterval"), drop("secretRef", "key"), put("rateLimit", value={})))
    spec = api.create(bare).stored["spec"]
    assert (spec["pollInterval"], spec["secretRef"]["key"]) == ("10s", "apiKey")
    assert spec["rateLimit"] == {"requestsPerSecond": 5, "burst": 10}


def test_large_integers_survive_and_too_large_ones_are_refused(api):
    exact = 2**53 + 1
    stored = api.create(deployment(put("risk", "maxPosition1e8", value=exact))).stored
    assert stored["spec"]["risk"]["maxPosition1e8"] == exact
    assert api.create(deployment(put("risk", "maxPosition1e8", value=2**63))).stored is None


def test_an_unknown_field_is_refused(api):
    answer = api.create(deployment(put("risk", "maxPositon1e8", value=1)))
    assert answer.stored is None
    assert 'unknown field "spec.risk.maxPositon1e8"' in answer.causes[0][1]


def test_what_the_server_stores_reads_back_as_the_same_model(api):
    for body, model in ((deployment(), AlgoDeployment), (account(), PlatformAccount)):
        stored = model.model_validate(api.create(body).stored)
        assert stored.spec == model.model_validate(body).spec
        assert stored.status.observed_generation == -1
        assert api.create(body | {"spec": to_cr(stored.spec)}).stored is not None


def test_kubectl_shows_waits_and_explains(kubectl, crds):
    kubectl.apply(deployment(), account())
    applied = deployment() | {"status": STATUS}
    kubectl(
        "apply",
        "--server-side",
        "--subresource=status",
        "--field-manager=sequence-operator",
        "-f",
        "-",
        stdin=json.dumps(applied),
    )
    header, row = kubectl("get", "algo").splitlines()
    assert header.split() == ["NAME", "DESIRED", "STATE", "READY", "INSTANCES", "WASM", "COMMIT", "AGE"]
    assert row.split()[:-1] == [
        "my-mm.sandbox",
        "Stopped",
        "Running",
        "True",
        "2/2",
        "9f2c4e1a77b0",
        "3c0ffee1",
    ]
    assert kubectl("get", "pacct").split()[:5] == ["NAME", "MODE", "READY", "ACCOUNT", "ENDPOINT"]
    assert {o["kind"] for o in kubectl.get("sequence")["items"]} == {"AlgoDeployment", "PlatformAccount"}
    kubectl("wait", "--for=condition=Ready", "algo/my-mm.sandbox", "--timeout=5s")
    stored = AlgoDeployment.model_validate(kubectl.get("algo", "my-mm.sandbox"))
    assert to_cr(stored.status) == STATUS
    explained = kubectl("explain", "algo.spec.risk")
    assert "Largest position per symbol and instance" in explained
    assert "maxDailyLoss1e9" in explained


def test_server_side_apply_cannot_create_half_an_object(kubectl, crds):
    half = {key: value for key, value in deployment().items() if key != "spec"}
    done = kubectl.run("apply", "--server-side", "-f", "-", stdin=json.dumps(half))
    assert done.returncode == 1
    assert "spec: Required value" in done.stderr


def _described(schema, path=""):
    """Paths of the schema's fields, each with whether it is described."""
    for name, child in schema.get("properties", {}).items():
        here = f"{path}.{name}"
        yield here, bool(child.get("description"))
        yield from _described(child, here)
        yield from _described(child.get("items", {}), here)


@pytest.mark.parametrize("definition", definitions(), ids=lambda d: d["spec"]["names"]["kind"])
def test_every_field_is_described(definition):
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    fields = dict(_described({"properties": {k: schema["properties"][k] for k in ("spec", "status")}}))
    assert len(fields) > 10
    assert [path for path, described in fields.items() if not described] == []


def test_the_committed_files_are_what_the_models_say(pytestconfig):
    assert difference(pytestconfig.rootpath / "crds") == ""


def test_check_says_what_differs_and_write_mends_it(tmp_path, capsys):
    write(tmp_path)
    assert main(["--check", str(tmp_path)]) == 0
    file = tmp_path / "sequencemkts.com_platformaccounts.yaml"
    file.write_text(file.read_text().replace("default: 10s", "default: 11s"))
    (tmp_path / "sequencemkts.com_gone.yaml").write_text("kind: Gone\n")
    assert main(["--check", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "-                default: 11s\n+                default: 10s" in said.out
    assert "-kind: Gone" in said.out
    assert f"--write {tmp_path}" in said.err
    assert main(["--write", str(tmp_path)]) == 0
    assert yaml.safe_load(file.read_text()) == definitions()[1]
    assert main(["--check", str(tmp_path)]) == 0
