"""Every rule of the AlgoBuild CRD, by sending good and bad objects to a real API server, and the names of builds."""

from __future__ import annotations

import itertools

import pytest

from sequence_operator.spec.builds import build_name, name_of, tree_url
from sequence_operator.spec.crd_rules import RULES
from sequence_operator.spec.resources import AlgoBuild
from support.objects import SHA, Edit, build, drop, put

OTHER = "e" * 64
BAD: dict[str, tuple[Edit, str, str]] = {
    "tree of other inputs": (
        put("treeDigest", value=OTHER),
        "spec.treeUrl",
        "treeUrl must be an http or https URL",
    ),
    "no URL": (put("treeUrl", value=f"x/{SHA}.tar.gz"), "spec.treeUrl", "treeUrl must be"),
    "a file": (put("treeUrl", value=f"file:///trees/{SHA}.tar.gz"), "spec.treeUrl", "treeUrl must be"),
    "short digest": (put("treeDigest", value="abc"), "spec.treeDigest", "at least 64"),
    "no commit": (drop("commit"), "spec.commit", "Required value"),
    "absolute path": (put("path", value="/etc"), "spec.path", "path must be relative"),
    "path that leaves": (put("path", value="../x"), "spec.path", "path must be relative"),
    "no path": (put("path", value=""), "spec.path", "at least 1"),
    "toolchain that is an option": (put("toolchain", value="--x"), "spec.toolchain", "should match"),
    "toolchain that is a path": (put("toolchain", value="../x"), "spec.toolchain", "should match"),
}
IMMUTABLE: dict[str, tuple[Edit, str, str]] = {
    "commit": (put("commit", value="a" * 40), "spec", "spec is immutable"),
    "toolchain": (put("toolchain", value="1.96.0"), "spec", "spec is immutable"),
    "path": (put("path", value="elsewhere"), "spec", "spec is immutable"),
}
BAD_NAMES = ("build-", "build-3c0ffee1234", "build-3C0FFEE12345", "build-3c0ffee12345x", "x-3c0ffee12345")


def test_a_good_build_is_stored_and_read(api):
    answer = api.create(build())
    assert answer.stored is not None, answer.causes
    assert answer.stored["status"] == {"observedGeneration": -1}
    read = AlgoBuild.model_validate(answer.stored)
    assert read.metadata.name == name_of(read.spec)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_build_is_refused_with_field_and_limit(api, case):
    edit, field, words = BAD[case]
    api.create(build(edit)).must_refuse(field, words)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_is_no_build_s_is_refused(api, name):
    body = build()
    body["metadata"]["name"] = name
    answer = api.create(body)
    assert answer.stored is None
    assert any("metadata.name" in field + message for field, message in answer.causes), answer.causes


@pytest.mark.parametrize("case", IMMUTABLE)
def test_the_spec_cannot_be_changed(api, case):
    body = build()
    body["metadata"]["name"] = build_name(OTHER, case, "1")
    api.must_stay(body, IMMUTABLE[case])


def test_every_rule_has_an_object_that_breaks_it():
    words = [case[2] for case in (*BAD.values(), *IMMUTABLE.values())] + ["metadata.name must be"]
    rules = [rule for rule in RULES if rule.kind == "AlgoBuild"]
    assert [rule.message for rule in rules if not any(w in rule.message for w in words)] == []


def test_equal_inputs_have_one_name_and_no_two_others_do():
    inputs = [
        *itertools.product((SHA, OTHER), ("a", "a/b", "."), ("1.95.0", "1.96.0")),
        (SHA, "a\0", "1.95.0"),
    ]
    assert len({build_name(*each) for each in inputs}) == len(inputs)
    assert build_name(SHA, "algos/my-mm", "1.95.0") == build_name(SHA, "algos/my-mm", "1.95.0")


def test_an_address_is_made_of_a_digest_only():
    assert tree_url("http://trees:8080/", "trading", SHA) == f"http://trees:8080/trees/trading/{SHA}.tar.gz"
    for forged in ("../other/x", SHA + "\n", SHA.upper(), ""):
        with pytest.raises(ValueError, match="not a SHA-256"):
            tree_url("http://trees:8080", "trading", forged)
