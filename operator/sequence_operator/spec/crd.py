"""The CustomResourceDefinitions, generated from the resource models.

python -m sequence_operator.spec.crd --write crds/     writes one file per resource
python -m sequence_operator.spec.crd --check crds/     prints the difference; exit code 1 when there is one
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sequence_operator.spec.crd_rules import LIST_MAPS, LIST_SETS, RULES, Rule
from sequence_operator.spec.meta import INT64_MAX, INT64_MIN, Resource
from sequence_operator.spec.names import GROUP, VERSION
from sequence_operator.spec.resources import AlgoBuild, AlgoDeployment, AlgoSource, PlatformAccount

Schema = dict[str, Any]

_KEPT = (
    "type",
    "format",
    "description",
    "default",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "required",
)
_HEADER = (
    "# Generated from operator/sequence_operator/spec by `make crds`. Edit the models there, not this file.\n"
)


@dataclass(frozen=True)
class _Kind:
    model: type[Resource]
    plural: str
    short: str
    description: str
    columns: tuple[tuple[str, str, str], ...]  # name, JSON path, description

    @property
    def name(self) -> str:
        return self.model.__name__


def _condition(kind: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].status'


_KINDS = (
    _Kind(
        AlgoDeployment,
        "algodeployments",
        "algo",
        "One algo registered on the trading platform under a name: which WASM, on which venues, with which risk "
        "limits, and whether it runs.",
        (
            ("Desired", ".spec.state", "What is asked for."),
            ("State", ".status.state", "What the platform says."),
            ("Ready", _condition("Ready"), "Whether the platform is as asked for."),
            ("Instances", ".status.summary.instances", "Live of all instances."),
            ("Wasm", ".status.summary.wasm", "Beginning of the SHA-256 of the WASM."),
            ("Commit", ".status.summary.commit", "Beginning of the commit."),
        ),
    ),
    _Kind(
        PlatformAccount,
        "platformaccounts",
        "pacct",
        "An account on the trading platform: where it is, whether it is live or sandbox, and where its key is.",
        (
            ("Mode", ".spec.mode", "live or sandbox."),
            ("Ready", _condition("Ready"), "Whether the platform answers with this key."),
            ("Account", ".status.accountId", "Identity on the platform."),
            ("Endpoint", ".spec.endpoint", "Base URL of the platform."),
        ),
    ),
    _Kind(
        AlgoSource,
        "algosources",
        "algosrc",
        "A git repository whose Sequence.toml files become AlgoDeployments: where it is, what is followed, and what "
        "happens to algos that leave it.",
        (
            ("URL", ".spec.url", "Address of the repository."),
            ("Ref", ".status.summary.ref", "What is followed."),
            ("Commit", ".status.summary.commit", "Beginning of the commit that was last read."),
            ("Ready", _condition("Ready"), "Whether everything in that commit is applied."),
            ("Algos", ".status.summary.algos", "Applied of all declared."),
        ),
    ),
    _Kind(
        AlgoBuild,
        "algobuilds",
        "algobuild",
        "One compilation of one crate from published sources, made by the operator and done by the builder.",
        (
            ("Phase", ".status.phase", "How far it is."),
            ("Path", ".spec.path", "Folder of the crate."),
            ("Tree", ".spec.treeDigest", "SHA-256 of the sources."),
            ("Wasm", ".status.sha256", "SHA-256 of the WASM that came out."),
        ),
    ),
)


def crds() -> list[dict[str, Any]]:
    """The CustomResourceDefinition objects, ready to be applied."""
    return [_definition(kind) for kind in _KINDS]


def _definition(kind: _Kind) -> dict[str, Any]:
    columns: list[dict[str, Any]] = [
        {"name": name, "type": "string", "jsonPath": path, "description": description}
        for name, path, description in kind.columns
    ]
    columns.append({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["sequence"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": _object_schema(kind)},
                }
            ],
        },
    }


def _object_schema(kind: _Kind) -> Schema:
    """`required: [spec]` keeps server-side apply from creating half an object; the status default makes
    `kubectl wait` and kstatus see that nothing has been observed yet."""
    parts = _Structural(kind)
    whole = [_validation(rule) for rule in RULES if (rule.kind, rule.place) == (kind.name, "")]
    return {
        "type": "object",
        **({"x-kubernetes-validations": whole} if whole else {}),
        "description": kind.description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": parts.schema("spec"),
            "status": {**parts.schema("status"), "default": {"observedGeneration": -1}},
        },
    }


class _Structural:
    """pydantic's JSON schema of a resource → the structural form that Kubernetes takes."""

    def __init__(self, kind: _Kind) -> None:
        self.kind = kind.name
        whole = kind.model.model_json_schema(by_alias=True)
        self.definitions: dict[str, Schema] = whole["$defs"]
        self.properties: dict[str, Schema] = whole["properties"]

    def schema(self, part: str) -> Schema:
        return self._node(self.properties[part], part)

    def _node(self, node: Schema, place: str) -> Schema:
        node = self._resolved(node)
        node = node | _number_format(node)
        if "const" in node:  # what pydantic makes of a single word
            node = node | {"enum": [node["const"]]}
        out = {key: node[key] for key in _KEPT if node.get(key) is not None}
        if place.startswith("status"):
            out.pop("default", None)  # whoever writes the status says all of it; the server need not fill in
        if "properties" in node:
            out["properties"] = {
                name: self._node(child, f"{place}.{name}") for name, child in node["properties"].items()
            }
        if "items" in node:
            out["items"] = self._node(node["items"], f"{place}[]")
            out.update(self._list_type(place))
        rules = [_validation(r) for r in RULES if (r.kind, r.place) == (self.kind, place)]
        if rules:
            out["x-kubernetes-validations"] = rules
        return out

    def _resolved(self, node: Schema) -> Schema:
        """Replace a reference or an optional (`X or null`) by X; what is said beside it wins."""
        beside = {key: value for key, value in node.items() if key not in ("$ref", "anyOf")}
        if "$ref" in node:
            return self._resolved(self.definitions[node["$ref"].rsplit("/", 1)[-1]]) | beside
        if "anyOf" in node:
            (only,) = (option for option in node["anyOf"] if option != {"type": "null"})
            return self._resolved(only) | beside
        return node

    def _list_type(self, place: str) -> Schema:
        if (self.kind, place) in LIST_MAPS:
            keys = LIST_MAPS[self.kind, place]
            return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys}
        kind = "set" if (self.kind, place) in LIST_SETS else "atomic"
        return {"x-kubernetes-list-type": kind}


def _number_format(node: Schema) -> Schema:
    """64-bit integers by their format: as a bound, 2^63 - 1 would be compared as a float."""
    if node.get("type") == "number":
        return {"format": "double"}
    if node.get("type") != "integer":
        return {}
    out: Schema = {"format": "int64"}
    if node.get("maximum") == INT64_MAX:
        out["maximum"] = None
    if node.get("minimum") == INT64_MIN:
        out["minimum"] = None
    return out


def _validation(rule: Rule) -> Schema:
    out = {"rule": rule.rule, "message": rule.message}
    return {**out, "fieldPath": rule.field_path} if rule.field_path else out


# -- files --------------------------------------------------------------------------------------------------------


def files() -> dict[str, str]:
    """File name → YAML text of each definition."""
    return {
        f"{GROUP}_{crd['spec']['names']['plural']}.yaml": _HEADER
        + yaml.safe_dump(crd, sort_keys=False, allow_unicode=True, width=110)
        for crd in crds()
    }


def write(folder: Path) -> None:
    """Write the files, and remove those of resources that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = files()
    for stale in folder.glob(f"{GROUP}_*.yaml"):
        if stale.name not in wanted:
            stale.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def difference(folder: Path) -> str:
    """Unified diff from the files in the folder to what would be written; empty when they agree."""
    wanted = files()
    present = {path.name: path.read_text(encoding="utf-8") for path in folder.glob(f"{GROUP}_*.yaml")}
    lines: list[str] = []
    for name in sorted(wanted.keys() | present.keys()):
        old, new = present.get(name, ""), wanted.get(name, "")
        lines += difflib.unified_diff(
            old.splitlines(keepends=True), new.splitlines(keepends=True), f"{folder / name}", "generated"
        )
    return "".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sequence_operator.spec.crd", description=__doc__)
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", type=Path, metavar="FOLDER", help="write one YAML file per resource")
    action.add_argument("--check", type=Path, metavar="FOLDER", help="fail with a diff when the files differ")
    chosen = parser.parse_args(arguments)
    if chosen.write is not None:
        write(chosen.write)
        return 0
    diff = difference(chosen.check)
    if not diff:
        return 0
    sys.stdout.write(diff)
    sys.stderr.write(
        f"error: the CRDs in {chosen.check} are not what the models say\n"
        f"hint: python -m sequence_operator.spec.crd --write {chosen.check}\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
