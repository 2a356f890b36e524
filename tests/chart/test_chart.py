"""The chart as a user meets it: rendered by helm, accepted by a real API server, and no more rights than it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[2] / "charts" / "sequence-operator"


def helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = os.environ.get("HELM") or shutil.which("helm")
    assert program, "helm is missing: run the tests by `make test`, which installs it"
    # A helm built by `go install` takes itself for one of Kubernetes 1.20.
    command = [program, *arguments, "--kube-version", "1.36.3"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def render(release_namespace: str, *settings: str) -> list[dict[str, Any]]:
    sets = [part for setting in settings for part in ("--set", setting)]
    done = helm("template", "desk", str(CHART), "--namespace", release_namespace, *sets)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item for item in objects if item["kind"] == kind]


def test_without_a_namespace_it_says_what_to_set() -> None:
    done = helm("template", "desk", str(CHART))
    assert done.returncode != 0
    assert "namespaces: name at least one namespace to serve" in done.stderr


def test_lint_finds_nothing() -> None:
    done = helm("lint", str(CHART), "--strict", "--set", "namespaces[0].name=trading")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_object_is_accepted_by_the_api_server(kubectl: Any, namespace: str) -> None:
    objects = render(
        namespace,
        f"namespaces[0].name={namespace}",
        "namespaces[0].secrets={sequence-live,sequence-sandbox}",
        "networkPolicy.enabled=true",
    )
    kinds = {item["kind"] for item in objects}
    assert kinds == {
        "CustomResourceDefinition",
        "ServiceAccount",
        "Role",
        "RoleBinding",
        "Deployment",
        "Service",
        "NetworkPolicy",
    }
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    printed = kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=listed
    )
    assert printed.count("serverside-applied") == len(objects)


def test_the_pod_is_allowed_under_pod_security_restricted(kubectl: Any, namespace: str) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("create", "serviceaccount", "sequence-operator")
    template = of_kind(render(namespace, f"namespaces[0].name={namespace}"), "Deployment")[0]["spec"][
        "template"
    ]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator"}, "spec": template["spec"]}

    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))

    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    refused = kubectl.run("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))
    assert "violates PodSecurity" in refused.stderr


def test_secrets_are_read_by_name_and_never_listed() -> None:
    objects = render("system", "namespaces[0].name=trading", "namespaces[0].secrets={sequence-sandbox}")
    rules = [
        rule for role in of_kind(objects, "Role") for rule in role["rules"] if "secrets" in rule["resources"]
    ]
    assert rules == [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["sequence-sandbox"]}
    ]


def test_a_namespace_without_secrets_gets_no_right_to_any() -> None:
    objects = render("system", "namespaces[0].name=trading")
    assert not [r for role in of_kind(objects, "Role") for r in role["rules"] if "secrets" in r["resources"]]


def test_each_served_namespace_gets_one_role_bound_to_the_operator() -> None:
    objects = render("system", "namespaces[0].name=alpha", "namespaces[1].name=beta")
    bindings = {item["metadata"]["namespace"]: item for item in of_kind(objects, "RoleBinding")}
    assert set(bindings) == {"system", "alpha", "beta"}
    for binding in bindings.values():
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "sequence-operator", "namespace": "system"}
        ]
    arguments = of_kind(objects, "Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["args"]
    assert [a for a in arguments if a.startswith("--namespace=")] == ["--namespace=alpha", "--namespace=beta"]


def test_custom_resources_survive_an_uninstall() -> None:
    definitions = of_kind(render("system", "namespaces[0].name=trading"), "CustomResourceDefinition")
    assert len(definitions) >= 2
    for definition in definitions:
        assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
