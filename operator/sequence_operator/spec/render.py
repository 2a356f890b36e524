"""`Sequence.toml` → the AlgoDeployment that says the same, as an apply-configuration: only what the file decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sequence_operator.spec.deployment import Artifact, ConfigMapRef, Instance, Origin
from sequence_operator.spec.meta import to_cr
from sequence_operator.spec.names import API_VERSION, STATE_AT, Mode, artifact_name, cr_name
from sequence_operator.spec.sequence_toml import SequenceFile


def stored(sha256: str) -> Artifact:
    """The artifact with this digest (64 hex) in its ConfigMap."""
    return Artifact(config_map_ref=ConfigMapRef(name=artifact_name(sha256)), sha256=sha256)


def algo_deployment(
    file: SequenceFile,
    *,
    namespace: str,
    account: str,
    mode: Mode,
    artifact: Artifact,
    origin: Origin | None,
    with_state: bool,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The object to send by server-side apply.

    account:    name of the PlatformAccount, whose mode is `mode`.
    artifact:   `stored(sha256)`, or one with a BuildRef.
    with_state: whether the file's `state` goes along (when it has one), and with it the annotation that says where it
                stands. Whoever applies the file without being the owner of the state leaves it out, so that a deploy
                never starts or stops anything.
    labels, annotations: of the object; empty ones are left out.
    Fields the file leaves out are left out here, for their defaults and for other owners.
    """
    spec: dict[str, Any] = {
        "deployment": file.deployment.name,
        "accountRef": {"name": account},
        "artifact": to_cr(artifact),
        "instances": [_instance(instance) for instance in file.instances],
    }
    if file.deployment.description:
        spec["description"] = file.deployment.description
    notes = dict(annotations or {})
    if with_state and file.deployment.state is not None:
        spec["state"] = file.deployment.state.capitalize()
        notes[STATE_AT] = file.where("deployment", "state")
    if origin is not None:
        spec["origin"] = to_cr(origin)
    if file.risk is not None:
        spec["risk"] = to_cr(file.risk)
    if file.params:
        spec["params"] = [to_cr(param) for param in file.params]
    if file.mesh is not None:
        spec["mesh"] = to_cr(file.mesh)
    spec.update(_policies(file))
    metadata: dict[str, Any] = {"name": cr_name(file.deployment.name, mode), "namespace": namespace}
    if labels:
        metadata["labels"] = dict(labels)
    if notes:
        metadata["annotations"] = notes
    return {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata, "spec": spec}


def _instance(instance: Instance) -> dict[str, Any]:
    rendered = to_cr(instance)
    if not instance.params:
        del rendered["params"]
    return rendered


def _policies(file: SequenceFile) -> dict[str, Any]:
    table = file.operator
    policies: dict[str, Any] = {}
    if table.suspend is not None:
        policies["suspend"] = table.suspend
    for name, word in (
        ("onStop", table.on_stop),
        ("driftPolicy", table.drift_policy),
        ("deletionPolicy", table.deletion_policy),
    ):
        if word is not None:
            policies[name] = word.capitalize()
    return policies
