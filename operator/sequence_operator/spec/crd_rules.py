"""What the resource models cannot say by types: CEL rules and list semantics, by place in the schema.

A place is a dotted path under the object's schema; `[]` steps into the items of a list. Messages name the field and
the limit and are static: a message expression that prints a label costs more than a hundred times the budget that the
API server grants. The bounds on lists and strings in the models keep these rules inside that budget.
"""

from __future__ import annotations

from dataclasses import dataclass

from sequence_operator.spec.deployment import Risk
from sequence_operator.spec.meta import camel


@dataclass(frozen=True, slots=True)
class Rule:
    """A CEL rule at `place` of `kind`. `field_path` is relative to the place and is what the error points at."""

    kind: str
    place: str
    rule: str
    message: str
    field_path: str = ""


def _immutable(kind: str, field: str, way_out: str) -> Rule:
    message = f"spec.{field} is immutable: {way_out}"
    return Rule(kind, "spec", f"self.{field} == oldSelf.{field}", message, f".{field}")


def _tighten(key: str) -> Rule:
    rule = (
        f"!has(self.risk) || !has(self.risk.{key}) || "
        f"self.instances.all(i, !has(i.risk) || !has(i.risk.{key}) || i.risk.{key} <= self.risk.{key})"
    )
    message = f"instances[].risk.{key} may only tighten: at most spec.risk.{key}"
    return Rule("AlgoDeployment", "spec", rule, message, ".instances")


def _url(kind: str, place: str) -> Rule:
    field = place.rsplit(".", 1)[-1]
    rule = (
        "isURL(self) && (url(self).getScheme() == 'https' || (url(self).getScheme() == 'http' && "
        "url(self).getHostname() in ['127.0.0.1', 'localhost', '::1']))"
    )
    return Rule(
        kind, place, rule, f"{field} must be an https URL, or http on loopback (127.0.0.1, localhost, ::1)"
    )


def _no_credentials(kind: str, place: str) -> Rule:
    field = place.rsplit(".", 1)[-1]
    return Rule(kind, place, "!self.contains('@')", f"{field} must not carry credentials: no @ in the URL")


# Hosts and users begin with a letter or digit: git and ssh take a leading dash for an option. No white space, and an
# @ only behind the user of ssh, so that no password is written down.
_GIT_URL = "|".join(
    (
        r"https://[A-Za-z0-9\\[][^@\\s]*",
        r"http://(127\\.0\\.0\\.1|localhost|\\[::1\\])(:[0-9]+)?(/[^@\\s]*)?",
        r"ssh://([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9\\[][^@\\s]*",
        r"[A-Za-z0-9_][A-Za-z0-9._-]*@[A-Za-z0-9][A-Za-z0-9.-]*:[A-Za-z0-9_~/.][^@\\s]*",
    )
)


def _git_url(kind: str, place: str) -> Rule:
    return Rule(
        kind,
        place,
        f"self.matches('^({_GIT_URL})$')",
        f"{place.removeprefix('spec.')} must be https://host/path, ssh://user@host/path or user@host:path, or http on "
        "loopback; without a password",
    )


def _relative(kind: str, place: str) -> Rule:
    rule = "!self.startsWith('/') && !self.split('/').exists(p, p == '..')"
    field = place.removeprefix("spec.")
    return Rule(kind, place, rule, f"{field} must be relative, inside the repository: no leading / and no ..")


def _ref(name: str) -> Rule:
    rule = "!self.contains('..') && !self.contains('//') && !self.endsWith('/') && !self.endsWith('.lock')"
    return Rule("AlgoSource", f"spec.ref.{name}", rule, f"ref.{name} is no name that git allows")


def _one_kind(place: str) -> Rule:
    rule = "[has(self.int), has(self.float), has(self.bool), has(self.bps)].filter(x, x).size() == 1"
    return Rule("AlgoDeployment", place, rule, "a parameter has exactly one of int, float, bool, bps")


_SAME_KIND = " && ".join(f"has(q.{kind}) == has(p.{kind})" for kind in ("int", "float", "bool", "bps"))

RULES: tuple[Rule, ...] = (
    _immutable("AlgoDeployment", "deployment", "undeploy it and deploy under the other name"),
    _immutable("AlgoDeployment", "accountRef.name", "undeploy it and deploy it to the other account"),
    *(_tighten(camel(key)) for key in Risk.model_fields),
    Rule(
        "AlgoDeployment",
        "spec",
        "!has(self.mesh) || self.mesh.routes.all(r, r.from != r.to && "
        "self.instances.exists(i, i.label == r.from) && self.instances.exists(i, i.label == r.to))",
        "mesh.routes: from and to must be labels of two different instances",
        ".mesh",
    ),
    Rule(
        "AlgoDeployment",
        "spec",
        "!has(self.params) || self.params.all(p, has(p.slot) && "
        "self.params.exists_one(q, has(q.slot) && q.slot == p.slot))",
        "params: each needs a slot, 0 to 31, and no two the same",
        ".params",
    ),
    Rule(
        "AlgoDeployment",
        "spec",
        "self.instances.all(i, !has(i.params) || (has(self.params) && i.params.all(p, "
        f"self.params.exists(q, q.name == p.name && {_SAME_KIND}))))",
        "instances[].params may only override parameters of spec.params, by a value of the same kind",
        ".instances",
    ),
    Rule(
        "AlgoDeployment",
        "spec",
        "self.instances.all(i, !has(i.params) || i.params.all(p, !has(p.slot)))",
        "instances[].params override by name: slot belongs to spec.params only",
        ".instances",
    ),
    _one_kind("spec.params[]"),
    _one_kind("spec.instances[].params[]"),
    Rule(
        "AlgoDeployment",
        "spec.artifact",
        "[has(self.configMapRef), has(self.url), has(self.build)].filter(x, x).size() == 1",
        "artifact needs exactly one of configMapRef, url, build",
    ),
    Rule(
        "AlgoDeployment",
        "spec.artifact",
        "has(self.sha256) != has(self.build)",
        "artifact.sha256 is required with configMapRef and url, and absent with build",
        ".sha256",
    ),
    _url("AlgoDeployment", "spec.artifact.url"),
    _no_credentials("AlgoDeployment", "spec.artifact.url"),
    _relative("AlgoDeployment", "spec.origin.path"),
    _git_url("AlgoDeployment", "spec.artifact.build.url"),
    _relative("AlgoDeployment", "spec.artifact.build.path"),
    _immutable("PlatformAccount", "endpoint", "make another PlatformAccount"),
    _immutable("PlatformAccount", "mode", "make another PlatformAccount"),
    _url("PlatformAccount", "spec.endpoint"),
    _no_credentials("PlatformAccount", "spec.endpoint"),
    Rule(
        "PlatformAccount",
        "spec.endpoint",
        "!self.matches('/v1/?$')",
        "endpoint is the base URL without /v1",
    ),
    Rule(
        "PlatformAccount",
        "spec.pollInterval",
        "duration(self) >= duration('2s') && duration(self) <= duration('1h')",
        "pollInterval must be between 2s and 1h",
    ),
    _git_url("AlgoSource", "spec.url"),
    Rule(
        "AlgoSource",
        "spec.ref",
        "[has(self.branch), has(self.tag), has(self.commit)].filter(x, x).size() == 1",
        "ref needs exactly one of branch, tag, commit",
    ),
    _ref("branch"),
    _ref("tag"),
    _relative("AlgoSource", "spec.paths[]"),
    Rule(
        "AlgoSource",
        "spec.interval",
        "duration(self) >= duration('2s') && duration(self) <= duration('24h')",
        "interval must be between 2s and 24h",
    ),
    Rule("AlgoBuild", "spec", "self == oldSelf", "spec is immutable: other inputs are another AlgoBuild"),
    Rule(
        "AlgoBuild",
        "",
        "self.metadata.name.matches('^build-[0-9a-f]{12}$')",
        "metadata.name must be build- and 12 hex digits of the inputs",
    ),
    Rule(
        "AlgoBuild",
        "spec",
        "isURL(self.treeUrl) && url(self.treeUrl).getScheme() in ['http', 'https'] && "
        "self.treeUrl.endsWith('/' + self.treeDigest + '.tar.gz')",
        "treeUrl must be an http or https URL that ends in treeDigest and .tar.gz",
        ".treeUrl",
    ),
    _relative("AlgoBuild", "spec.path"),
)

# Lists that are maps or sets refuse duplicates, and let several owners apply entries side by side.
LIST_MAPS: dict[tuple[str, str], list[str]] = {
    ("AlgoDeployment", "spec.instances"): ["label"],
    ("AlgoDeployment", "spec.instances[].params"): ["name"],
    ("AlgoDeployment", "spec.params"): ["name"],
    ("AlgoDeployment", "spec.mesh.routes"): ["from", "to"],
    ("AlgoDeployment", "status.conditions"): ["type"],
    ("AlgoDeployment", "status.instances"): ["label"],
    ("PlatformAccount", "status.conditions"): ["type"],
    ("AlgoSource", "status.conditions"): ["type"],
    ("AlgoBuild", "status.conditions"): ["type"],
}
LIST_SETS = frozenset(
    {
        ("AlgoDeployment", "spec.instances[].symbols"),
        ("PlatformAccount", "spec.allowUnverified"),
        ("AlgoSource", "spec.paths"),
    }
)
