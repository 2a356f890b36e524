"""logs, status and plan of an algo that really trades on paper, its resource on a real API server."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.artifact.build import build
from sequence_operator.artifact.store import configmap
from sequence_operator.cli.context import save_context
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.spec import render, sequence_toml
from sequence_operator.spec.names import API_VERSION
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import create_body, desired_wire
from support.api import Api
from support.paper import Paper
from support.processes import wait_until

from .conftest import KEY, Cli
from .support_operator import Operator, status

MAKER = Path(__file__).parents[2] / "examples" / "maker"
SEQUENCE = Path(sys.executable).with_name("sequence")


@pytest.fixture(scope="module")
def registered(paper: Paper, keys: dict[str, str]) -> tuple[str, dict[str, Any], bytes]:
    """The example maker on the platform, running: its id there, its resource, its module."""
    built = build(MAKER, say=lambda _: None, forward=lambda _: None)
    file = sequence_toml.load(MAKER / "Sequence.toml")
    resource = render.algo_deployment(
        file,
        namespace="x",
        account="sandbox",
        mode="sandbox",
        artifact=render.stored(built.inspection.sha256),
        origin=None,
        with_state=False,
    )
    body = create_body(desired_wire(AlgoDeploymentSpec.model_validate(resource["spec"])), built.wasm, {})
    answered, row, _ = paper.request("POST", "/v1/deployments", keys["sandbox"], body)
    assert answered == 201, row
    path = f"/v1/deployments/{row['deployment_id']}"
    wait_until(lambda: paper.request("GET", path, keys["sandbox"])[1]["instances"][0]["warm"], "warm")
    assert paper.request("POST", f"{path}/start", keys["sandbox"])[0] == 200
    wait_until(lambda: _logs(paper, keys, path), "the maker trades and says so")
    return row["deployment_id"], resource, built.wasm


def _logs(paper: Paper, keys: dict[str, str], path: str) -> list[Any]:
    records: list[Any] = paper.request("GET", f"{path}/logs", keys["sandbox"])[1]["logs"]
    return records


@pytest.fixture
def maker(
    desk: dict[str, str],
    registered: tuple[str, dict[str, Any], bytes],
    controlplane: ControlPlane,
    namespace: str,
    keys: dict[str, str],
) -> Iterator[str]:
    """The resource that an operator has already brought to the platform; yields the id there."""
    deployment_id, resource, _ = registered
    account = {"endpoint": desk["base_url"], "mode": "sandbox", "secretRef": {"name": "sequence-sandbox"}}
    metadata = {"name": "sandbox", "namespace": namespace}
    api = Api(controlplane, namespace)
    api.apply({"apiVersion": API_VERSION, "kind": "PlatformAccount", "metadata": metadata, "spec": account})
    mine = {**resource, "metadata": {**resource["metadata"], "namespace": namespace}}
    api.apply({**mine, "spec": {**mine["spec"], "state": "Running"}})
    rule = lambda obj: status(obj, "Running") | {"deploymentId": deployment_id}  # noqa: E731
    with Operator(controlplane.kubeconfig, namespace, rule):
        found = lambda: api.get(ALGO_DEPLOYMENTS, "maker.sandbox").get("status") or {}  # noqa: E731
        wait_until(lambda: found().get("deploymentId"), "its status")
        yield deployment_id


@pytest.mark.usefixtures("maker")
def test_logs(cli: Cli) -> None:
    done = cli("--sandbox", "logs", "maker", "--limit", "1")
    assert done.code == 0, done.err
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} INFO  main  (bought|sold) \d+ at \d+, position -?\d+\n",
        done.out,
    )
    assert cli("--sandbox", "logs", "maker", "--level", "error").err == "No line fits.\n"
    unknown = cli("--sandbox", "logs", "maker", "--label", "nobody")
    assert (unknown.code, "its instances are main" in unknown.err) == (2, True)
    record = json.loads(cli("--sandbox", "logs", "maker", "-o", "json").out.splitlines()[0])
    assert {"seq", "ts_ns", "level", "label", "message"} <= set(record)


@pytest.mark.usefixtures("maker")
def test_logs_follow_until_interrupted() -> None:
    command = [str(SEQUENCE), "--sandbox", "logs", "maker", "-f", "--limit", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        lines = [following.stdout.readline() for _ in range(3)]
        following.send_signal(signal.SIGINT)
        _, err = following.communicate(timeout=90)
    assert following.returncode == 130
    assert err == "\ninterrupted\n"
    assert all(" main  " in line for line in lines)
    assert len(set(lines)) == 3, "no line comes twice"


@pytest.mark.usefixtures("maker")
def test_mesh(cli: Cli, maker: str) -> None:
    done = cli("--sandbox", "mesh", "maker")
    assert done.code == 0, done.err
    assert re.search(r"^main +kraken +venue-edge-kraken +local +running +replay", done.out, re.MULTILINE)
    assert "there is no pair" in done.out
    data = json.loads(cli("--sandbox", "mesh", "maker", "-o", "json").out)
    assert (data["schema"], data["deployment_id"], data["bus"], data["links"]) == ("mesh/v1", maker, True, [])
    unknown = cli("--sandbox", "mesh", "nobody")
    assert (unknown.code, "there is no sandbox deployment 'nobody'" in unknown.err) == (5, True)


class _Older(BaseHTTPRequestHandler):
    """A platform that has deployments, and nothing to say of their mesh."""

    def do_GET(self) -> None:
        known = not self.path.endswith("/mesh")
        answer: dict[str, Any] = {
            "error": {"code": "NOT_FOUND", "message": "no such path", "request_id": "r"}
        }
        if known:
            answer = {"deployment_id": self.path.split("/")[-1], "name": "maker", "status": "running"}
        body = json.dumps(answer).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.usefixtures("maker")
def test_mesh_of_a_platform_without_one(cli: Cli, desk: dict[str, str]) -> None:
    with HTTPServer(("127.0.0.1", 0), _Older) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        save_context("desk", {**desk, "base_url": f"http://127.0.0.1:{server.server_port}"})
        done = cli("--sandbox", "mesh", "maker")
        server.shutdown()
    assert done.code == 1
    assert "error: this platform has no mesh view" in done.err
    assert "hint: " in done.err


def test_tca(cli: Cli, maker: str, paper: Paper, keys: dict[str, str]) -> None:
    path = f"/v1/fills?deployment_id={maker}"
    wait_until(lambda: paper.request("GET", path, keys["sandbox"])[1]["total"] > 1, "the maker trades", 60)
    done = cli("--sandbox", "tca", "maker", "-o", "json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    assert (data["schema"], data["deployment"], data["scope"]["deployment"]) == ("tca/v1", "maker", maker)
    assert data["metrics"]["shortfall_bps"]["n"] > 0
    assert [venue["venue"] for venue in data["venues"]] == ["kraken"]
    shown = cli("--sandbox", "tca", "maker", "--since", "2d").out
    assert shown.startswith("maker · sandbox\n2026-05-02 ")
    assert cli("--sandbox", "tca", "nobody").code == 5


def test_a_followed_log_has_every_line_across_a_restart_of_the_platform(
    maker: str, paper: Paper, keys: dict[str, str]
) -> None:
    command = [str(SEQUENCE), "--sandbox", "logs", "maker", "-f", "--limit", "1", "-o", "json"]
    path = f"/v1/deployments/{maker}/logs"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        shown = [json.loads(following.stdout.readline())["seq"]]
        paper.api.kill()
        paper.api.start()
        wait_until(paper.api_healthy, "the API answers again")
        newest = paper.request("GET", f"{path}?limit=1", keys["sandbox"])[1]["logs"][0]["seq"]
        while shown[-1] <= newest:
            shown.append(json.loads(following.stdout.readline())["seq"])
        following.send_signal(signal.SIGINT)
        following.communicate(timeout=90)
    query = f"after={shown[0] - 1}&limit=1000"
    stored = [record["seq"] for record in paper.request("GET", f"{path}?{query}", keys["sandbox"])[1]["logs"]]
    assert shown == stored[: len(shown)]


def test_status_joins_record_and_platform(cli: Cli, maker: str) -> None:
    done = cli("--sandbox", "status", "maker", "-o", "json")
    assert done.code == 0, done.err
    data = json.loads(done.out)
    (instance,) = data["instances"]
    assert (data["deployment_id"], data["state"], instance["live"]) == (maker, "Running", True)
    assert instance["orders"]["submitted"] > 0
    assert instance["fills"] > 0
    assert abs(time.time() - instance["last_heartbeat"]) < 30
    assert instance["feed"]["kind"] == "replay"
    assert data["totals"]["fills"] == instance["fills"]
    assert data["platform_problem"] is None
    shown = cli("--sandbox", "status", "maker").out
    assert re.search(r"^main +kraken +Running +yes +\d+s ago +\d", shown, re.MULTILINE)
    assert "fed by  venue-edge-kraken: replay of bitstamp" in shown
    assert re.search(
        r"totals  [\d,]+ orders · [\d,]+ fills · [\d,]+ callbacks · PnL -?[\d,.]+ after fees", shown
    )


def test_plan_has_the_exit_code_of_its_answer(
    cli: Cli,
    maker: str,
    registered: tuple[str, dict[str, Any], bytes],
    namespace: str,
    controlplane: ControlPlane,
) -> None:
    api = Api(controlplane, namespace)
    api.apply(configmap(registered[2], namespace))
    api.merge(ALGO_DEPLOYMENTS, "maker.sandbox", {"spec": {"adopt": True, "risk": {"maxOpenOrders": 3}}})
    done = cli("--sandbox", "plan", "maker")
    assert done.code == 1, done.out + done.err
    assert "maxOpenOrders" in done.out
    data = json.loads(cli("--sandbox", "plan", "maker", "-o", "json").out)
    assert data["schema"] == "plan/v1"
    assert data["changes"]
    assert cli("--sandbox", "plan", "maker", "--markdown").out.count("|") > 0
    assert cli("--sandbox", "plan", "absent").code == 2


def test_a_stored_key_that_no_longer_works_is_named_without_showing_it(cli: Cli, maker: str) -> None:
    save_context("desk", {"sandbox_api_key": KEY["sandbox"]})
    done = cli("--sandbox", "logs", "maker")
    assert done.code == 4
    assert "error: the platform does not accept this sandbox key\n" in done.err
    assert "hint: sequence --context desk --sandbox login\n" in done.err
    assert KEY["sandbox"] not in done.err
