"""`sequence preflight` with and without a cluster, against paper and against platforms that say less or nothing."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from sequence_operator.cli.context import save_context
from support.paper import Paper

from ..conftest import KEY, REFUSED_PLATFORM, Cli, account, write

ARGS = ("--sandbox", "preflight", "-o", "json")


def checks(out: str) -> dict[str, tuple[str, str, str]]:
    return {c["name"]: (c["result"], c["message"], c["hint"]) for c in json.loads(out)["checks"]}


@pytest.fixture
def keyed(paper: Paper, keys: dict[str, str]) -> None:
    """A context that names a platform and a key, and no cluster."""
    save_context("desk", {"base_url": paper.url, "sandbox_api_key": keys["sandbox"]})


@pytest.mark.usefixtures("keyed")
def test_all_is_well_without_a_cluster(cli: Cli, project: Path) -> None:
    done = cli(*ARGS)
    assert done.code == 0, done.err
    found = checks(done.out)
    assert [name for name, (result, _, _) in found.items() if result == "Passed"] == [
        "file",
        "platform",
        "venues",
        "capital",
        "limits",
        "name",
        "artifact",
    ]
    assert found["account"][:2] == ("NotCheckable", "context desk names no cluster")
    assert found["venues"][1] == "connected: kraken"
    assert "bytes; imports env.host_log_impl" in found["artifact"][1]
    assert done.err.endswith("Next: sequence --sandbox deploy\n")


@pytest.mark.usefixtures("keyed")
def test_the_checklist(cli: Cli, project: Path) -> None:
    path = project / "Sequence.toml"
    path.write_text(path.read_text().replace('venue = "kraken"', 'venue = "okx"'))
    done = cli("--sandbox", "preflight")
    assert done.code == 7
    lines = done.out.splitlines()
    assert lines[0].startswith("✓ passed")
    assert "file" in lines[0]
    at = next(number for number, line in enumerate(lines) if "✗ failed" in line)
    assert "venue is not connected: okx; connected: kraken" in lines[at]
    assert lines[at + 1].strip().startswith("→ connect the venue")
    assert any(line.startswith("? not checkable") and "account" in line for line in lines)
    assert done.err.endswith("1 check failed: venues\n")
    assert cli(*ARGS[:-1], "name").out == "venues\n"


@pytest.mark.usefixtures("keyed")
def test_a_name_that_somebody_else_has(cli: Cli, project: Path, paper: Paper, keys: dict[str, str]) -> None:
    instance = {"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}
    body = {"name": "my-mm", "wasm_base64": "AGFzbQEAAAA=", "instances": [instance]}
    status, row, _ = paper.request("POST", "/v1/deployments", keys["sandbox"], body)
    assert status == 201, row
    try:
        done = cli(*ARGS)
        result, message, hint = checks(done.out)["name"]
        assert (done.code, result) == (7, "Failed")
        assert message.startswith(f"my-mm is registered already ({row['deployment_id']})")
        assert "adopt" in hint
    finally:
        paper.request("DELETE", f"/v1/deployments/{row['deployment_id']}", keys["sandbox"])


class Told(BaseHTTPRequestHandler):
    """A platform that answers what `told` has for a path, and 404 for the rest."""

    told: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        known = self.path in self.told
        body = json.dumps(self.told.get(self.path, {"error": {"code": "NOT_FOUND", "message": "?"}})).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def told() -> Iterator[dict[str, Any]]:
    """What a small platform says, by path; the context `told` has its key."""
    said = {"/v1/account": {}, "/v1/deployments": {"deployments": []}}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Told,), {"told": said}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    save_context("told", {"base_url": url, "sandbox_api_key": KEY["sandbox"]})
    yield said
    server.shutdown()
    server.server_close()
    thread.join(60)


def test_a_platform_that_says_little(cli: Cli, project: Path, told: dict[str, Any]) -> None:
    done = cli(*ARGS)
    found = checks(done.out)
    assert done.code == 0
    assert [name for name in ("venues", "capital", "limits") if found[name][0] == "NotCheckable"] == [
        "venues",
        "capital",
        "limits",
    ]
    assert found["name"][0] == "Passed"


def test_a_limit_beyond_the_account_and_no_money_left(cli: Cli, project: Path, told: dict[str, Any]) -> None:
    told["/v1/risk_limits"] = {"limits": {"max_order_rate": 2}}
    told["/v1/account"] = {"capital": {"available_usd_1e9": 0, "nav_usd_1e9": 0}}
    path = project / "Sequence.toml"
    path.write_text(re.sub(r"max_order_rate = \d+", "max_order_rate = 3", path.read_text()))
    assert "max_order_rate = 3" in path.read_text()
    done = cli(*ARGS)
    found = checks(done.out)
    assert done.code == 7
    assert found["limits"][:2] == ("Failed", "risk.maxOrderRate 3 is looser than the account's 2")
    assert found["capital"][0] == "Failed"
    assert json.loads(done.out)["failed"] == 2


@pytest.mark.usefixtures("keyed")
def test_nothing_built_yet(cli: Cli, project: Path) -> None:
    for module in project.glob("target/wasm32-unknown-unknown/release/*.wasm"):
        module.unlink()
    done = cli(*ARGS)
    assert done.code == 0
    assert checks(done.out)["artifact"][:2] == ("NotCheckable", "nothing is built yet: sequence build")


@pytest.mark.usefixtures("keyed")
def test_a_module_that_no_edge_can_host(cli: Cli, project: Path) -> None:
    for module in project.glob("target/wasm32-unknown-unknown/release/*.wasm"):
        module.write_bytes(b"\0asm\1\0\0\0")
    done = cli(*ARGS)
    result, message, _ = checks(done.out)["artifact"]
    assert (done.code, result) == (7, "Failed")
    assert "exports" in message


def test_no_key_leaves_the_platform_unasked(cli: Cli, project: Path, paper: Paper) -> None:
    save_context("desk", {"base_url": paper.url})
    done = cli(*ARGS)
    found = checks(done.out)
    assert done.code == 0
    assert found["platform"][0] == "NotCheckable"
    assert found["platform"][2] == "sequence --sandbox login"
    for name in ("venues", "capital", "limits", "name"):
        assert found[name][:2] == ("NotCheckable", "no sandbox API key in context 'desk'")
    assert found["artifact"][0] == "Passed"


@pytest.mark.parametrize(
    ("url", "says"),
    [(REFUSED_PLATFORM, "cannot be reached"), ("", "does not accept this sandbox key")],
)
def test_a_platform_that_does_not_take_us(cli: Cli, project: Path, paper: Paper, url: str, says: str) -> None:
    save_context("desk", {"base_url": url or paper.url, "sandbox_api_key": "seq_test_" + "0" * 64})
    done = cli(*ARGS)
    result, message, _ = checks(done.out)["platform"]
    assert (done.code, result) == (7, "Failed")
    assert says in message
    assert "0000" not in done.out + done.err, "no key in any output"


def test_with_a_cluster(
    cli: Cli, project: Path, desk: dict[str, str], controlplane: Any, namespace: str, kubectl: Any
) -> None:
    missing = checks(cli(*ARGS).out)["account"]
    assert missing[0] == "Failed"
    assert "there is no PlatformAccount 'sandbox'" in missing[1]
    assert "login --write-secret" in missing[2]
    made = account("sandbox")
    made["metadata"] = {"name": "sandbox", "namespace": namespace}
    write(controlplane, made)
    unseen = cli(*ARGS)
    assert (unseen.code, checks(unseen.out)["account"][0]) == (0, "NotCheckable")
    ready = {"type": "Ready", "status": "True", "reason": "Reachable", "message": "", "observedGeneration": 1}
    ready["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    status = {"status": {"conditions": [ready]}}
    patch = ("patch", "pacct", "sandbox", "--subresource=status", "--type=merge", "-p")
    kubectl(*patch, json.dumps(status))
    assert checks(cli(*ARGS).out)["account"][0] == "Passed"
    ready |= {"status": "False", "reason": "Unauthorized", "message": "the platform refused the key"}
    kubectl(*patch, json.dumps(status))
    refused = cli(*ARGS)
    assert refused.code == 7
    assert "the platform refused the key" in checks(refused.out)["account"][1]


def test_an_account_of_the_other_mode(
    cli: Cli, project: Path, desk: dict[str, str], controlplane: Any, namespace: str
) -> None:
    made = account("live")
    made["metadata"] = {"name": "sandbox", "namespace": namespace}
    write(controlplane, made)
    result, message, _ = checks(cli(*ARGS).out)["account"]
    assert (result, "is a live account" in message) == ("Failed", True)


def test_a_file_with_mistakes_is_told_first(cli: Cli, project: Path) -> None:
    (project / "Sequence.toml").write_text("[deployment]\nnam = 1\n")
    done = cli(*ARGS)
    assert (done.code, "Sequence.toml:2:1" in done.err) == (2, True)
