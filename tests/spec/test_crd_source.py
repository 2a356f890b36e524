"""Every rule of the AlgoSource CRD, by sending good and bad objects to a real API server."""

from __future__ import annotations

import pytest

from sequence_operator.spec.crd_rules import RULES
from sequence_operator.spec.resources import AlgoSource
from support.objects import Edit, both, drop, put, source

BAD_URLS = {
    "plain http": "http://git.example.com/algos.git",
    "loopback in the name only": "http://127.0.0.1.example.com/algos.git",
    "git's own protocol": "git://git.example.com/algos.git",
    "a file": "file:///srv/algos.git",
    "a path": "/srv/algos.git",
    "a relative path": "../algos.git",
    "a helper": "ext::sh -c touch% /tmp/x",
    "a password": "https://me:secret@git.example.com/algos.git",
    "a token": "https://token@git.example.com/algos.git",
    "a password of ssh": "ssh://git:secret@git.example.com/algos.git",
    "an option for a host": "ssh://-oProxyCommand=touch/algos.git",
    "an option for a user": "ssh://-oProxyCommand=touch@git.example.com/algos.git",
    "an option for both": "-oProxyCommand=touch@git.example.com:algos.git",
    "an option for a path": "git@git.example.com:-upload-pack",
    "white space": "https://git.example.com/algos .git",
    "two lines": "https://git.example.com/algos.git\nhttps://x",
    "no host": "https:///algos.git",
}
BAD: dict[str, tuple[Edit, str, str]] = {
    **{
        case: (put("url", value=url), "spec.url", "url must be https://host/path")
        for case, url in BAD_URLS.items()
    },
    "no url": (put("url", value=""), "spec.url", "at least 1"),
    "no ref": (drop("ref"), "spec.ref", "Required value"),
    "nothing to follow": (put("ref", value={}), "spec.ref", "ref needs exactly one of branch, tag, commit"),
    "two to follow": (put("ref", "tag", value="v1"), "spec.ref", "ref needs exactly one of"),
    "an option as branch": (put("ref", "branch", value="--upload-pack=x"), "spec.ref.branch", "should match"),
    "branch with dots": (put("ref", "branch", value="a..b"), "spec.ref.branch", "ref.branch is no name"),
    "branch of a lock": (put("ref", "branch", value="a.lock"), "spec.ref.branch", "ref.branch is no name"),
    "a pattern as branch": (put("ref", "branch", value="feature/*"), "spec.ref.branch", "should match"),
    "a reflog as branch": (put("ref", "branch", value="main@{1}"), "spec.ref.branch", "should match"),
    "tag with a slash at its end": (put("ref", value={"tag": "v1/"}), "spec.ref.tag", "ref.tag is no name"),
    "short commit": (put("ref", value={"commit": "3c0ffee1"}), "spec.ref.commit", "should match"),
    "absolute glob": (put("paths", value=["/etc/*"]), "spec.paths[0]", "paths[] must be relative"),
    "glob that leaves": (put("paths", value=["a/../../b"]), "spec.paths[0]", "paths[] must be relative"),
    "glob twice": (put("paths", value=["a", "a"]), "spec.paths[1]", "Duplicate value"),
    "empty glob": (put("paths", value=[""]), "spec.paths[0]", "at least 1"),
    "too many globs": (put("paths", value=[f"a{i}" for i in range(65)]), "spec.paths", "at most 64"),
    "poll too often": (
        put("interval", value="1900ms"),
        "spec.interval",
        "interval must be between 2s and 24h",
    ),
    "poll too rarely": (
        put("interval", value="24h1s"),
        "spec.interval",
        "interval must be between 2s and 24h",
    ),
    "poll nonsense": (put("interval", value="often"), "spec.interval", "should match"),
    "unknown adoption": (put("adopt", value="Always"), "spec.adopt", '"Never", "SameOrigin"'),
    "unknown signatures": (put("verify", "mode", value="Tag"), "spec.verify.mode", '"HEAD"'),
    "no account": (drop("accountRef"), "spec.accountRef", "Required value"),
    "Secret of another namespace": (
        put("secretRef", value={"name": "desk-git", "namespace": "other"}),
        "",
        "secretRef.namespace",
    ),
}
GOOD: dict[str, Edit] = {
    "every field": lambda spec: None,
    "a user of ssh": put("url", value="ssh://git@git.example.com:2222/desk/algos.git"),
    "ssh in short": put("url", value="git@git.example.com:desk/algos.git"),
    "ssh in short, from a home": put("url", value="git@git.example.com:~desk/algos.git"),
    "loopback": put("url", value="http://127.0.0.1:3000/desk/algos.git"),
    "IPv6 loopback": put("url", value="http://[::1]:3000/desk/algos.git"),
    "IPv6": put("url", value="https://[2001:db8::1]/algos.git"),
    "a tag": put("ref", value={"tag": "release/v1.2.0"}),
    "a commit": put("ref", value={"commit": "3c0ffee1" * 5}),
    "a commit by SHA-256": put("ref", value={"commit": "3c0ffee1" * 8}),
    "nothing to render": put("paths", value=[]),
    "least interval": put("interval", value="2s"),
    "most interval": put("interval", value="24h"),
    "only what is required": both(
        *(drop(key) for key in ("paths", "interval", "secretRef", "webhook", "verify"))
    ),
}


@pytest.mark.parametrize("case", GOOD)
def test_a_good_source_is_stored_and_read(api, case):
    answer = api.create(source(GOOD[case]))
    assert answer.stored is not None, answer.causes
    assert answer.stored["status"] == {"observedGeneration": -1}
    read = AlgoSource.model_validate(answer.stored)
    assert read.spec.interval_seconds >= 2
    assert read.spec.paths == answer.stored["spec"]["paths"]


@pytest.mark.parametrize("case", BAD)
def test_a_bad_source_is_refused_with_field_and_limit(api, case):
    edit, field, words = BAD[case]
    api.create(source(edit)).must_refuse(field, words)


def test_every_rule_has_an_object_that_breaks_it():
    words = [case[2] for case in BAD.values()]
    rules = [rule for rule in RULES if rule.kind == "AlgoSource"]
    assert [rule.message for rule in rules if not any(w in rule.message for w in words)] == []
