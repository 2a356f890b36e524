"""Which Kubernetes resources the product touches, and their addresses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sequence_operator.spec.names import GROUP, VERSION


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object. ``group`` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def full_name(self) -> str:
        """As kubectl wants it: ``algodeployments.sequencemkts.com``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None, name: str | None = None, subresource: str | None = None) -> str:
        """The URL path. ``namespace`` None: all namespaces (for lists), or a cluster-wide resource."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace is not None:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name is not None:
            parts.append(name)
        if subresource is not None:
            parts.append(subresource)
        return "/".join(parts)


ALGO_DEPLOYMENTS = Resource(GROUP, VERSION, "algodeployments", "AlgoDeployment")
PLATFORM_ACCOUNTS = Resource(GROUP, VERSION, "platformaccounts", "PlatformAccount")
ALGO_SOURCES = Resource(GROUP, VERSION, "algosources", "AlgoSource")
ALGO_BUILDS = Resource(GROUP, VERSION, "algobuilds", "AlgoBuild")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS = Resource("", "v1", "secrets", "Secret")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
EVENTS = Resource("", "v1", "events", "Event")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
ADMISSION = "admissionregistration.k8s.io"
POLICIES = Resource(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", False)
POLICY_BINDINGS = Resource(
    ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", False
)
CRDS = Resource("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False)

_KNOWN = {
    (resource.api_version, resource.kind): resource
    for resource in (
        ALGO_DEPLOYMENTS,
        PLATFORM_ACCOUNTS,
        ALGO_SOURCES,
        ALGO_BUILDS,
        CONFIG_MAPS,
        SECRETS,
        NAMESPACES,
        SERVICE_ACCOUNTS,
        EVENTS,
        LEASES,
        ROLES,
        ROLE_BINDINGS,
        POLICIES,
        POLICY_BINDINGS,
        CRDS,
    )
}


def resource_of(obj: dict[str, Any]) -> Resource:
    """The resource of an object, by its apiVersion and kind. KeyError for one the product never writes."""
    return _KNOWN[(obj["apiVersion"], obj["kind"])]
