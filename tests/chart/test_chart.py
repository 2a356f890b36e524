"""The chart as a user meets it: rendered by helm, accepted by a real API server, and no more rights than it says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

from sequence_operator.builder.settings import parse as builder_settings
from sequence_operator.controller.settings import parse as operator_settings
from support.processes import wait_until

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
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    printed = kubectl(
        "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", stdin=listed
    )
    assert printed.count("serverside-applied") == len(objects)


def test_the_pod_is_allowed_under_pod_security_restricted(kubectl: Any, namespace: str) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("create", "serviceaccount", "sequence-operator")
    template = pod_of(render(namespace, f"namespaces[0].name={namespace}"), "sequence-operator")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "operator"}, "spec": template}

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
    bound = [
        b for b in of_kind(objects, "RoleBinding") if b["roleRef"]["name"].startswith("sequence-operator")
    ]
    assert {binding["metadata"]["namespace"] for binding in bound} == {"system", "alpha", "beta"}
    for binding in bound:
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "sequence-operator", "namespace": "system"}
        ]
    arguments = pod_of(objects, "sequence-operator")["containers"][0]["args"]
    assert [a for a in arguments if a.startswith("--namespace=")] == ["--namespace=alpha", "--namespace=beta"]


def test_custom_resources_survive_an_uninstall() -> None:
    definitions = of_kind(render("system", "namespaces[0].name=trading"), "CustomResourceDefinition")
    assert {d["spec"]["names"]["kind"] for d in definitions} == {
        "AlgoDeployment",
        "AlgoSource",
        "AlgoBuild",
        "PlatformAccount",
    }
    for definition in definitions:
        assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_charts_copy_of_the_definitions_is_the_published_one() -> None:
    names = {path.name for path in (CHART / "files" / "crds").iterdir()}
    assert names == {path.name for path in (CHART.parents[1] / "crds").iterdir()}
    for name in names:
        copied, published = CHART / "files" / "crds" / name, CHART.parents[1] / "crds" / name
        assert copied.read_text() == published.read_text(), "make crds"


# -- the builder --------------------------------------------------------------------------------------------------


def pod_of(objects: list[dict[str, Any]], name: str) -> dict[str, Any]:
    found = [d for d in of_kind(objects, "Deployment") if d["metadata"]["name"] == name]
    assert len(found) == 1
    spec: dict[str, Any] = found[0]["spec"]["template"]["spec"]
    return spec


def test_a_builder_for_each_namespace_that_wants_one() -> None:
    objects = render(
        "system",
        "namespaces[0].name=alpha",
        "namespaces[1].name=beta",
        "namespaces[2].name=gamma",
        "namespaces[2].builder=false",
    )
    names = {d["metadata"]["name"] for d in of_kind(objects, "Deployment")}
    assert names == {"sequence-operator", "sequence-builder-alpha", "sequence-builder-beta"}
    for name in ("alpha", "beta"):
        pod = pod_of(objects, f"sequence-builder-{name}")
        assert pod["serviceAccountName"] == f"sequence-builder-{name}"
        arguments = pod["containers"][0]["args"]
        assert {f"--namespace={name}", "--trees=http://sequence-operator-trees.system.svc:8081"} <= set(
            arguments
        )
        assert not any("unsandboxed" in argument for argument in arguments)
        bindings = [
            b
            for b in of_kind(objects, "RoleBinding")
            if b["subjects"][0]["name"] == f"sequence-builder-{name}"
        ]
        assert [(b["metadata"]["namespace"], b["roleRef"]["name"]) for b in bindings] == [
            (name, "sequence-builder")
        ]
    none = render("system", "namespaces[0].name=alpha", "builder.enabled=false")
    assert len(of_kind(none, "Deployment")) == 1
    assert "--build-toolchain" not in str(pod_of(none, "sequence-operator"))


def test_the_builder_has_its_token_and_nothing_else_of_the_cluster() -> None:
    objects = render("system", "namespaces[0].name=alpha", "namespaces[0].secrets={sequence-sandbox}")
    rules = [
        rule
        for role in of_kind(objects, "Role")
        if role["metadata"]["name"] == "sequence-builder"
        for rule in role["rules"]
    ]
    reached = {resource for rule in rules for resource in rule["resources"]}
    assert reached == {"algobuilds", "algobuilds/status", "configmaps", "events"}
    assert not {"list", "delete", "update"} & {
        v for r in rules if "configmaps" in r["resources"] for v in r["verbs"]
    }
    pod = pod_of(objects, "sequence-builder-alpha")
    assert [next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]] == ["emptyDir", "emptyDir"]
    assert [e["name"] for e in pod["containers"][0]["env"]] == ["POD_NAME"]
    accounts = {a["metadata"]["name"]: a for a in of_kind(objects, "ServiceAccount")}
    assert accounts["sequence-builder-alpha"]["automountServiceAccountToken"] is False


def test_the_builder_pod_is_accepted_without_privileges(kubectl: Any, namespace: str) -> None:
    kubectl("create", "serviceaccount", f"sequence-builder-{namespace}")
    spec = pod_of(render(namespace, f"namespaces[0].name={namespace}"), f"sequence-builder-{namespace}")
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "builder"}, "spec": spec}
    stored = json.loads(kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(pod)))
    assert stored["spec"]["hostUsers"] is False
    context = stored["spec"]["containers"][0]["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "procMount": "Unmasked",
        "readOnlyRootFilesystem": True,
    }
    assert stored["spec"]["securityContext"]["runAsNonRoot"] is True
    assert not stored["spec"].get("hostNetwork") and not stored["spec"].get("hostPID")


def test_operator_and_builder_take_the_arguments_they_are_given() -> None:
    objects = render(
        "system",
        "namespaces[0].name=alpha",
        "clusterName=blue",
        "builder.allowBuildScripts={libm,syn}",
        "builder.allowSources={https://crates.example.com}",
    )
    operator = operator_settings(pod_of(objects, "sequence-operator")["containers"][0]["args"], {})
    assert operator.trees == "http://sequence-operator-trees.system.svc:8081"
    assert (operator.tree_address, operator.hook_address) == (("0.0.0.0", 8081), ("0.0.0.0", 8082))
    assert (operator.toolchain, operator.cluster_name) == ("1.95.0", "blue")
    builder = builder_settings(pod_of(objects, "sequence-builder-alpha")["containers"][0]["args"], {})
    assert (builder.namespace, builder.trees, builder.work) == ("alpha", operator.trees, Path("/work"))
    assert builder.build_scripts == {"libm", "syn"}
    assert not builder.unsandboxed


def test_the_files_of_commits_are_for_builders_and_pushes_for_all() -> None:
    objects = render("system", "namespaces[0].name=alpha", "networkPolicy.enabled=true")
    services = {s["metadata"]["name"]: s["spec"] for s in of_kind(objects, "Service")}
    assert services["sequence-operator-trees"]["type"] == "ClusterIP"
    operator, builder = (
        next(p for p in of_kind(objects, "NetworkPolicy") if p["metadata"]["name"] == f"sequence-{name}")[
            "spec"
        ]
        for name in ("operator", "builder")
    )
    (trees,) = [rule for rule in operator["ingress"] if rule["ports"] == [{"port": 8081, "protocol": "TCP"}]]
    labels = trees["from"][0]["podSelector"]["matchLabels"]
    assert labels == builder["podSelector"]["matchLabels"]
    pods = of_kind(objects, "Deployment")
    for pod in pods:
        has = pod["spec"]["template"]["metadata"]["labels"].items()
        is_builder = pod["metadata"]["name"] != "sequence-operator"
        assert (labels.items() <= has) is is_builder
        assert (services["sequence-operator-trees"]["selector"].items() <= has) is not is_builder


def test_only_the_namespaces_own_builder_writes_what_a_build_came_to(
    kubectl: Any, crds: list[str], namespace: str
) -> None:
    """The chart's policy on a real API server: the builder of another namespace forges nothing either."""
    objects = render(namespace, f"namespaces[0].name={namespace}")
    policies = [o for o in objects if o["kind"].startswith("ValidatingAdmissionPolicy")]
    roles = [o for o in objects if o["metadata"]["name"] == "sequence-builder"]
    rest = [
        *of_kind(objects, "ServiceAccount"),
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "sequence-builder-other"}},
    ]
    other = json.loads(json.dumps(of_kind(roles, "RoleBinding")[0]))
    other["metadata"]["name"] = "too-generous"
    other["subjects"] = [{"kind": "ServiceAccount", "name": "sequence-builder-other", "namespace": namespace}]
    kubectl.apply(*policies, *roles, other, *rest)
    try:
        kubectl.apply(BUILD)

        def write(account: str, **status: str) -> subprocess.CompletedProcess[str]:
            user = f"--as=system:serviceaccount:{namespace}:{account}"
            patch = json.dumps({"status": status})
            return kubectl.run(
                *("patch", "algobuild", "build-0123456789ab", "--subresource=status", "--type=merge"),
                *("-p", patch, user),
            )

        def refused(account: str, **status: str) -> bool:
            return "only the builder of this namespace writes the result" in write(account, **status).stderr

        # The API server takes up a new policy in its own time.
        wait_until(lambda: refused("sequence-builder-other", phase="Pending"), "the policy is in force", 60)
        assert refused("sequence-builder-other", phase="Succeeded", sha256="f" * 64)
        assert write("sequence-operator", phase="Succeeded").returncode != 0
        assert "sha256" not in kubectl.get("algobuild", "build-0123456789ab")["status"]
        written = write(f"sequence-builder-{namespace}", phase="Succeeded", sha256="a" * 64)
        assert written.returncode == 0, written.stderr
    finally:
        for policy in policies:
            kubectl("delete", policy["kind"], policy["metadata"]["name"])


BUILD = {
    "apiVersion": "sequencemkts.com/v1alpha1",
    "kind": "AlgoBuild",
    "metadata": {"name": "build-0123456789ab"},
    "spec": {
        "treeDigest": "0" * 64,
        "treeUrl": f"http://sequence-operator-trees/trees/{'0' * 64}.tar.gz",
        "commit": "1" * 40,
        "path": "algos/my-mm",
        "toolchain": "1.95.0",
    },
}
