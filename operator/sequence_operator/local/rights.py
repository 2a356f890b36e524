"""Who may do what in the cluster: ServiceAccounts, Roles and admission policies, all from the chart's own files."""

from __future__ import annotations

from typing import Any, Final

import yaml

from sequence_operator import assets
from sequence_operator.spec.names import Mode

Object = dict[str, Any]

SYSTEM: Final = "sequence-system"  # the operator's own namespace
NAMESPACE: Final = "sequence"  # where deployments and accounts live
OPERATOR: Final = "sequence-operator"  # the operator's ServiceAccount
BUILDER: Final = f"sequence-builder-{NAMESPACE}"  # the ServiceAccount of this namespace's builder
SECRETS: Final[dict[Mode, str]] = {"live": "sequence-live", "sandbox": "sequence-sandbox"}
SOURCE_SECRETS: Final = ("sequence-git", "sequence-hook", "sequence-signers")
"""Secrets that an AlgoSource of the local stack may name: to read a repository, to be woken, to check signatures."""
LABELS: Final = {"app.kubernetes.io/managed-by": "sequence-local"}
SELECTOR: Final = ",".join(f"{name}={value}" for name, value in LABELS.items())


def rights() -> list[Object]:
    """Namespaces, and the ServiceAccounts of operator and builder with exactly the rules the chart gives them."""
    rules = _read("rules.yaml")
    names = sorted([*SECRETS.values(), *SOURCE_SECRETS])
    by_name = [{**rule, "resourceNames": names} for rule in rules["secrets"]]
    return [
        _namespace(SYSTEM),
        _namespace(NAMESPACE),
        _service_account(OPERATOR),
        *_grant("sequence-operator-system", SYSTEM, rules["system"], OPERATOR),
        *_grant("sequence-operator", NAMESPACE, [*rules["namespaced"], *by_name], OPERATOR),
        _service_account(BUILDER),
        *_grant("sequence-builder", NAMESPACE, rules["builder"], BUILDER),
    ]


def policies() -> list[Object]:
    """The chart's admission policies for our namespace, each with its binding."""
    made: list[Object] = []
    for policy in _read("admission.yaml"):
        name = f"{policy['name']}.{SYSTEM}"
        selector = {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [NAMESPACE]}
            ]
        }
        user = f"'system:serviceaccount:{SYSTEM}:sequence-builder-' + request.namespace"
        rule = {
            "apiGroups": policy["apiGroups"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": policy["resources"],
        }
        spec = {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "variables": [{"name": "builder", "expression": user}],
            "validations": policy["validations"],
        }
        made.append(_admission("ValidatingAdmissionPolicy", name, spec))
        binding = {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": selector},
        }
        made.append(_admission("ValidatingAdmissionPolicyBinding", name, binding))
    return made


def metadata(name: str, namespace: str) -> Object:
    """Name, namespace and our label."""
    return {"name": name, "namespace": namespace, "labels": dict(LABELS)}


def _read(name: str) -> Any:  # noqa: ANN401 - a YAML document is anything
    return yaml.safe_load((assets.path("chart") / "files" / name).read_text())


def _admission(kind: str, name: str, spec: Object) -> Object:
    named = {"name": name, "labels": dict(LABELS)}
    return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": named, "spec": spec}


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(LABELS)}}


def _service_account(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(name, SYSTEM)}


def _grant(name: str, namespace: str, rules: list[Object], account: str) -> list[Object]:
    group = "rbac.authorization.k8s.io"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "Role",
        "metadata": metadata(name, namespace),
        "rules": rules,
    }
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": metadata(name, namespace),
        "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": SYSTEM}],
    }
    return [role, binding]
