"""What is stored comes back byte for byte, or not at all."""

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.store import configmap, digest, wasm_from
from sequence_operator.spec.names import ARTIFACT_KEY as KEY
from sequence_operator.spec.names import LAST_USED

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@given(wasm=st.binary(max_size=200))
def test_round_trip(wasm: bytes) -> None:
    assert wasm_from(configmap(wasm, "ns", now=NOW), KEY, digest(wasm)) == wasm


def test_the_object_is_immutable_named_by_digest_and_ours() -> None:
    stored = configmap(b"wasm", "trading", now=NOW)
    assert stored["immutable"] is True
    assert stored["metadata"] == {
        "name": f"wasm-{digest(b'wasm')}",
        "namespace": "trading",
        "labels": {"app.kubernetes.io/managed-by": "sequence-operator"},
        "annotations": {LAST_USED: "2026-01-02T03:04:05Z"},
    }


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"binaryData": {}}, "ArtifactKeyMissing"),
        ({}, "ArtifactKeyMissing"),
        ({"binaryData": {KEY: "%%%"}}, "ArtifactUnreadable"),
        ({"binaryData": {KEY: base64.b64encode(b"other").decode()}}, "DigestMismatch"),
    ],
)
def test_what_does_not_fit_is_refused(data: dict[str, object], reason: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        wasm_from({"metadata": {"name": "wasm-x"}, **data}, KEY, digest(b"wasm"))
    assert refused.value.reason == reason
    assert "`sequence deploy`" in refused.value.hint
