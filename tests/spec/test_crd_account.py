"""Every rule of the PlatformAccount CRD, by sending good and bad objects to a real API server."""

from __future__ import annotations

import pytest

from sequence_operator.spec.crd_rules import RULES
from support.objects import Edit, account, drop, put

BAD: dict[str, tuple[Edit, str, str]] = {
    "plain http": (
        put("endpoint", value="http://api.example.com"),
        "spec.endpoint",
        "https URL, or http on loopback",
    ),
    "no URL": (put("endpoint", value="api.example.com"), "spec.endpoint", "endpoint must be an https URL"),
    "with version": (
        put("endpoint", value="https://api.example.com/v1"),
        "spec.endpoint",
        "base URL without /v1",
    ),
    "with version and slash": (
        put("endpoint", value="https://api.example.com/v1/"),
        "spec.endpoint",
        "without /v1",
    ),
    "with credentials": (
        put("endpoint", value="https://a:b@example.com"),
        "spec.endpoint",
        "not carry credentials",
    ),
    "unknown mode": (put("mode", value="paper"), "spec.mode", 'supported values: "live", "sandbox"'),
    "poll too often": (put("pollInterval", value="1900ms"), "spec.pollInterval", "must be between 2s and 1h"),
    "poll too rarely": (put("pollInterval", value="1h1s"), "spec.pollInterval", "must be between 2s and 1h"),
    "poll nonsense": (put("pollInterval", value="often"), "spec.pollInterval", "should match"),
    "no rate": (
        put("rateLimit", "requestsPerSecond", value=0),
        "spec.rateLimit.requestsPerSecond",
        "equal to 1",
    ),
    "unknown allowance": (
        put("allowUnverified", value=["All"]),
        "spec.allowUnverified[0]",
        '"Risk", "Topology"',
    ),
    "allowance twice": (
        put("allowUnverified", value=["Risk", "Risk"]),
        "spec.allowUnverified[1]",
        "Duplicate value",
    ),
    "no secret": (drop("secretRef"), "spec.secretRef", "Required value"),
}

GOOD: dict[str, Edit] = {
    "every field": lambda spec: None,
    "https": put("endpoint", value="https://api.example.com"),
    "localhost": put("endpoint", value="http://localhost:50052"),
    "IPv6 loopback": put("endpoint", value="http://[::1]:50052"),
    "a path of its own": put("endpoint", value="https://api.example.com/trading"),
    "least poll": put("pollInterval", value="2s"),
    "most poll": put("pollInterval", value="1h"),
    "no rate limit": drop("rateLimit"),
}

IMMUTABLE: dict[str, tuple[Edit, str, str]] = {
    "endpoint": (
        put("endpoint", value="https://x.example.com"),
        "spec.endpoint",
        "spec.endpoint is immutable",
    ),
    "mode": (put("mode", value="live"), "spec.mode", "spec.mode is immutable"),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_account_is_stored(api, case):
    answer = api.create(account(GOOD[case]))
    assert answer.stored is not None, answer.causes
    assert answer.stored["status"] == {"observedGeneration": -1}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_account_is_refused_with_field_and_limit(api, case):
    edit, field, words = BAD[case]
    api.create(account(edit)).must_refuse(field, words)


@pytest.mark.parametrize("case", IMMUTABLE)
def test_identity_cannot_be_changed(api, case):
    body = account()
    body["metadata"]["name"] = f"fixed-{case}"
    api.must_stay(body, IMMUTABLE[case])


def test_every_rule_has_an_object_that_breaks_it():
    words = [case[2] for case in (*BAD.values(), *IMMUTABLE.values())]
    rules = [rule for rule in RULES if rule.kind == "PlatformAccount"]
    assert [rule.message for rule in rules if not any(w in rule.message for w in words)] == []
