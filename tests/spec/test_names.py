"""Object names: valid in Kubernetes, and different for different deployments."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_operator.spec.names import DEPLOYMENT_PATTERN, artifact_name, cr_name

SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\Z")
NAMES = st.from_regex(DEPLOYMENT_PATTERN.removesuffix("$") + r"\Z")
NEAR_NAMES = st.text("aAbB_-", min_size=1, max_size=4).map(lambda rest: "a" + rest)
MODES = st.sampled_from(["live", "sandbox"])


@pytest.mark.parametrize(
    ("deployment", "mode", "expected"),
    [
        ("my-mm", "live", "my-mm"),
        ("my-mm", "sandbox", "my-mm.sandbox"),
        ("My_MM", "live", "my-mm.1cee48"),
        ("My_MM", "sandbox", "my-mm.sandbox.1cee48"),
        ("a-", "live", "a.9baf44"),
        ("x" * 63, "sandbox", "x" * 63 + ".sandbox"),
    ],
)
def test_the_rule(deployment, mode, expected):
    assert cr_name(deployment, mode) == expected


@given(NAMES, MODES)
def test_a_name_is_valid_in_kubernetes(deployment, mode):
    name = cr_name(deployment, mode)
    assert SUBDOMAIN.match(name)
    assert len(name) <= 253


@given(st.tuples(NEAR_NAMES, MODES), st.tuples(NEAR_NAMES, MODES))
def test_different_deployments_have_different_names(one, other):
    assert (cr_name(*one) == cr_name(*other)) == (one == other)


@pytest.mark.parametrize("name", ["", "-a", "a.b", "a b", "é", "x" * 64, "a\n"])
def test_what_is_no_deployment_name_is_refused(name):
    with pytest.raises(ValueError, match="is not a deployment name"):
        cr_name(name, "live")


def test_artifact_names_carry_the_whole_digest():
    assert artifact_name("0f" * 32) == "wasm-" + "0f" * 32
    for bad in ("0F" * 32, "0f" * 31, "0f" * 32 + "\n", ""):
        with pytest.raises(ValueError, match="is not a SHA-256"):
            artifact_name(bad)
