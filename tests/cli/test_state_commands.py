"""start, stop, undeploy and status against a real API server: who owns what, and what is said to whom."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.cli.connect import cluster_error
from sequence_operator.cluster import ClusterError, Kind
from sequence_operator.spec.names import API_VERSION
from support.processes import wait_until

from .conftest import REFUSED_PLATFORM, Cli, owned
from .support_operator import AT, Operator, converge, status


@pytest.mark.usefixtures("deployed")
def test_start_and_stop_own_the_state_alone(cli: Cli, fetch: Callable[..., Any]) -> None:
    started = cli("--sandbox", "start")
    assert (started.code, started.out) == (0, "my-mm  Running\n"), started.err
    assert "my-mm is running.\nNext: sequence --sandbox logs -f my-mm" in started.err
    obj = fetch("algo", "my-mm.sandbox")
    assert obj["spec"]["state"] == "Running"
    assert owned(obj, "sequence-state") == {"f:spec": {"f:state": {}}}
    stopped = cli("stop", "--sandbox", "-o", "json")
    assert json.loads(stopped.out) == {
        "schema": "state/v1",
        "deployment": "my-mm",
        "mode": "sandbox",
        "desired": "Stopped",
        "reached": True,
        "override": False,
    }
    assert "resting orders are kept" in stopped.err


@pytest.mark.usefixtures("deployed")
def test_a_state_that_git_owns_names_its_owner(cli: Cli, kubectl: Any, fetch: Callable[..., Any]) -> None:
    obj = {
        "apiVersion": API_VERSION,
        "kind": "AlgoDeployment",
        "metadata": {"name": "my-mm.sandbox"},
    }
    flags = ["--server-side", "--field-manager=sequence-source", "--validate=false"]
    kubectl("apply", *flags, "-f", "-", stdin=json.dumps({**obj, "spec": {"state": "Stopped"}}))
    done = cli("--sandbox", "start")
    assert done.code == 6
    assert "error: my-mm cannot be started from here\n" in done.err
    assert "spec.state belongs to the field manager sequence-source" in done.err
    assert fetch("algo", "my-mm.sandbox")["spec"]["state"] == "Stopped"


PAUSE = {"id": "p-1", "reason": "DAILY_LOSS_LIMIT", "at": AT}


@pytest.mark.usefixtures("deployed")
def test_a_pause_needs_acknowledging(cli: Cli, operator: Operator, fetch: Callable[..., Any]) -> None:
    assert cli("--sandbox", "start").code == 0
    operator.rule = lambda obj: (
        converge(obj)
        if "sequencemkts.com/acknowledge-pause" in obj["metadata"].get("annotations", {})
        else status(obj, "Paused", ("False", "Paused", "DAILY_LOSS_LIMIT"), pause=PAUSE)
    )
    wait_until(lambda: "pause" in fetch("algo", "my-mm.sandbox")["status"], "it is paused")
    refused = cli("--sandbox", "start")
    assert refused.code == 6
    assert "error: my-mm was paused by the platform\ncause: DAILY_LOSS_LIMIT, at" in refused.err
    assert "start my-mm --acknowledge" in refused.err
    cleared = cli("--sandbox", "start", "--acknowledge")
    assert cleared.code == 0, cleared.err
    assert "clearing pause p-1: DAILY_LOSS_LIMIT" in cleared.err
    annotations = fetch("algo", "my-mm.sandbox")["metadata"]["annotations"]
    assert annotations["sequencemkts.com/acknowledge-pause"] == "p-1"
    nothing = cli("--sandbox", "start", "--acknowledge")
    assert (nothing.code, "my-mm is not paused" in nothing.err) == (6, True)


@pytest.mark.usefixtures("deployed")
def test_a_pause_during_the_start_ends_the_wait(cli: Cli, operator: Operator) -> None:
    operator.rule = lambda obj: (
        converge(obj)
        if obj["spec"]["state"] == "Stopped"
        else status(obj, "Paused", ("False", "Paused", ""), pause=PAUSE)
    )
    done = cli("--sandbox", "start")
    assert (done.code, "paused by the platform" in done.err) == (6, True)


@pytest.mark.usefixtures("deployed")
def test_undeploy_asks_and_never_without_a_terminal(cli: Cli, kubectl: Any) -> None:
    declined = cli("--sandbox", "undeploy")
    assert declined.code == 3
    assert "error: my-mm was not undeployed\ncause: there is no terminal to ask on\n" in declined.err
    assert "hint: sequence --sandbox undeploy my-mm --yes\n" in declined.err
    wrong = cli("--sandbox", "undeploy", "--confirm", "other")
    assert wrong.code == 3
    done = cli("--sandbox", "undeploy", "--yes")
    assert (done.code, done.out) == (0, "my-mm  undeployed\n"), done.err
    assert kubectl.get("algo")["items"] == []
    again = cli("--sandbox", "undeploy", "--yes")
    assert again.code == 5


def test_a_live_deployment_goes_by_its_name_only(
    cli: Cli, project: Path, operator: Operator, kubectl: Any
) -> None:
    assert cli("deploy", "--skip-build").code == 0
    declined = cli("undeploy", "--yes")
    assert declined.code == 3
    assert "hint: sequence undeploy my-mm --confirm my-mm\n" in declined.err
    assert cli("undeploy", "--confirm", "my-mm").code == 0
    assert kubectl.get("algo")["items"] == []


@pytest.mark.usefixtures("deployed")
def test_an_undeploy_that_takes_long_stays_pending(cli: Cli, kubectl: Any) -> None:
    kubectl(
        "patch",
        "algo",
        "my-mm.sandbox",
        "--type=merge",
        "-p",
        '{"metadata":{"finalizers":["example.com/hold"]}}',
    )
    done = cli("--sandbox", "undeploy", "--yes", "--timeout", "0.3")
    assert done.code == 8
    assert "my-mm is not gone after 0.3 s" in done.err
    kubectl("patch", "algo", "my-mm.sandbox", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')


@pytest.mark.usefixtures("deployed")
def test_the_wrong_mode_is_told_apart(cli: Cli) -> None:
    done = cli("status", "my-mm")
    assert done.code == 5
    assert "there is no live deployment 'my-mm'" in done.err
    assert "it exists on the sandbox account: run the command with --sandbox" in done.err


@pytest.mark.usefixtures("deployed")
def test_status_lists_and_shows_one_even_without_the_platform(cli: Cli) -> None:
    listed = cli("status", "--all")
    header, row = listed.out.splitlines()
    assert header.split() == [
        "NAME",
        "MODE",
        "DESIRED",
        "STATE",
        "READY",
        "INSTANCES",
        "COMMIT",
        "AGE",
    ]
    assert row.split()[:7] == ["my-mm", "sandbox", "Stopped", "Stopped", "True", "InSync", "1/1"]
    assert cli("status", "--all", "-o", "name").out == "algodeployment.sequencemkts.com/my-mm.sandbox\n"
    entry = json.loads(cli("status", "--all", "-o", "json").out)["deployments"][0]
    assert (entry["resource"], entry["state"]) == ("my-mm.sandbox", "Stopped")
    assert "ACCOUNT" in cli("status", "--all", "-o", "wide").out

    one = cli("--sandbox", "status")
    assert one.code == 0
    assert f"the platform at {REFUSED_PLATFORM} cannot be reached" in one.out
    data = json.loads(cli("--sandbox", "status", "-o", "json").out)
    assert (data["state"], data["instances"][0]["label"], data["totals"]) == ("Stopped", "main", None)
    assert cli("--sandbox", "status", "--wait").code == 0


def test_an_empty_namespace_says_so(cli: Cli, where: str) -> None:
    assert cli("status").out == f"No deployments in namespace {where} of context test.\n"


def test_what_the_cluster_says_keeps_its_way_out() -> None:
    missing = cluster_error(ClusterError(Kind.MISSING_CRD, "no CRDs", "kubectl apply --server-side -f crds/"))
    assert missing.render() == "error: no CRDs\nhint: kubectl apply --server-side -f crds/"
    assert [cluster_error(ClusterError(kind, "x")).code for kind in Kind] == [2, 1, 4, 4, 5, 1, 6, 6, 1, 1, 1]
