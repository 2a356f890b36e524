"""Start options, and log lines without secrets."""

from __future__ import annotations

import io
import json
import logging
import sys

import pytest
import structlog

from sequence_operator import logs
from sequence_operator.controller import settings

KEY = "seq_live_" + "ab12" * 16


def test_flags_win_over_the_environment_and_that_over_defaults():
    environment = {
        "SEQUENCE_OPERATOR_NAMESPACES": "a,b",
        "SEQUENCE_OPERATOR_NAMESPACE": "system",
        "SEQUENCE_OPERATOR_WARM_UP": "1m",
        "SEQUENCE_OPERATOR_CREATE_GRACE": "2s",
        "SEQUENCE_OPERATOR_HEALTH_ADDRESS": "0.0.0.0:8080",
    }
    chosen = settings.parse(["--warm-up=3s", "--health-address", "[::1]:9"], environment)
    assert chosen.namespaces == ("a", "b")
    assert chosen.lease_namespace == "system"
    assert (chosen.warm_up, chosen.create_grace, chosen.drain_timeout) == (3.0, 2.0, 60.0)
    assert (chosen.health_host, chosen.health_port) == ("::1", 9)
    assert settings.parse(["--namespace", "c", "--namespace=c"], environment).namespaces == ("c",)
    assert chosen.identity


def test_what_git_and_builds_need():
    environment = {
        "SEQUENCE_OPERATOR_NAMESPACES": "a",
        "SEQUENCE_OPERATOR_GIT_CACHE": "/var/cache/git",
        "SEQUENCE_OPERATOR_TREE_ADDRESS": "0.0.0.0:8090",
        "SEQUENCE_OPERATOR_TREE_BASE_URL": "http://trees.system.svc:8090/",
        "SEQUENCE_OPERATOR_HOOK_ADDRESS": "0.0.0.0:8091",
        "SEQUENCE_OPERATOR_BUILD_TOOLCHAIN": "1.95.0",
    }
    chosen = settings.parse([], environment)
    assert (chosen.git_cache, chosen.tree_address) == ("/var/cache/git", ("0.0.0.0", 8090))
    assert (chosen.tree_base_url, chosen.hook_address) == ("http://trees.system.svc:8090", ("0.0.0.0", 8091))
    assert chosen.toolchain == "1.95.0"
    nightly = settings.parse(["--namespace=a", "--build-toolchain=1.96.0-nightly"], {})
    assert nightly.toolchain == "1.96.0-nightly"
    bare = settings.parse(["--namespace=a"], {})
    assert (bare.tree_address, bare.hook_address, bare.toolchain) == (None, None, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name at least one --namespace"),
        (["--namespace=a", "--warm-up=soon"], "'soon' is not a duration"),
        (["--namespace=a", "--health-address=8080"], "is not HOST:PORT"),
        (["--namespace=a", "--concurrency=0"], "above 0"),
        (["--namespace=a", "--allow-address=here"], "here"),
        (["--namespace=a", "--tree-base-url=trees:8090"], "is not an address such as"),
        (["--namespace=a", "--tree-base-url=http://trees:8090"], "give that too"),
        (["--namespace=a", "--tree-address=127.0.0.1:0"], "needs a port"),
        (["--namespace=a", "--build-toolchain=stable"], "is not a version of Rust"),
    ],
)
def test_senseless_options_end_with_a_sentence(arguments, says, capsys):
    with pytest.raises(SystemExit) as ended:
        settings.parse(arguments, {})
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


@pytest.fixture
def lines(monkeypatch):
    """What is logged, as parsed JSON; logging is as before afterwards."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure("json", "info")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_no_line_carries_a_key(lines):
    log = structlog.get_logger("test")
    log.info(
        "called",
        api_key=KEY,
        url=f"https://x/?k={KEY}",
        nested={"Authorization": f"Bearer {KEY}", "n": [KEY]},
    )
    logging.getLogger("foreign").warning("header was Bearer %s", KEY)
    try:
        raise RuntimeError(f"refused {KEY}")
    except RuntimeError:
        log.exception("failed")
    written = lines()
    assert len(written) == 3
    assert KEY not in json.dumps(written)
    assert written[0]["api_key"] == "[redacted]"
    assert written[0]["nested"] == {"Authorization": "[redacted]", "n": ["[redacted]"]}
    assert "RuntimeError: refused [redacted]" in written[2]["exception"]
    assert {line["level"] for line in written} == {"info", "warning", "error"}


def test_bytes_are_never_spelled_out(lines):
    structlog.get_logger("test").info("stored", wasm=b"\0asm" * 1000)
    assert lines()[0]["wasm"] == "<4000 bytes>"
