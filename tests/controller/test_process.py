"""The operator as a process: readiness, one leader, clean ends, an API server that comes and goes."""

from __future__ import annotations

import socket

from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.spec.crd import crds
from support.api import Api
from support.processes import PATIENCE, wait_until

from .conftest import Desk, Operator, operators


def test_missing_definitions_make_it_red_until_they_are_there(tmp_path):
    import sys

    with ControlPlane(tmp_path / "bare", controllers=False) as bare:
        command = [sys.executable, "-m", "sequence_operator.controller", "--namespace=default"]
        operator = Operator([*command, f"--kubeconfig={bare.kubeconfig}"], tmp_path / "log").start()
        try:
            missing = "CustomResourceDefinitions are not installed"
            wait_until(lambda: missing in operator.ask("/readyz")[1], "it says what is missing")
            status, body = operator.ask("/readyz")
            assert status == 503
            assert "kubectl apply --server-side -f crds/" in body
            assert operator.ask("/healthz")[0] == 200
            assert operator.stop() == 0
        finally:
            operator.kill()


def test_the_second_operator_waits_for_the_first(desk, make_operator):
    desk.run("--identity=first")
    second = make_operator("--identity=second").start()
    wait_until(lambda: "held by first" in second.ask("/readyz")[1], "waiting")
    assert second.ask("/healthz")[0] == 200
    name = desk.algo("my-mm")
    desk.wait(name, "Stopped")
    assert second.metric("sequence_operator_objects") == 0
    assert desk.operator.metric("sequence_operator_leader") == 1
    assert desk.operator.stop() == 0
    second.ready()
    desk.operator = second
    desk.patch(name, state="Running")
    desk.wait(name, "Running")
    assert desk.stub.count("create") == 1


def test_sigterm_in_the_middle_of_a_call_lets_it_end(desk):
    desk.stub.latency = 1.0
    desk.run()
    name = desk.algo("my-mm")
    wait_until(lambda: desk.status(name).get("pending"), "pending")
    assert desk.operator.stop() == 0
    assert desk.status(name).get("deploymentId")
    assert "pending" not in desk.status(name)
    assert '"event": "stopped"' in desk.operator.child.output()


def test_a_restart_writes_nothing_and_repeats_no_call(desk):
    desk.run()
    names = [desk.algo(f"algo-{number}", state="Running") for number in range(5)]
    for name in names:
        desk.wait(name, "Running")
    before = {name: desk.get(name)["metadata"]["resourceVersion"] for name in names}
    desk.operator.kill()
    desk.stub.calls.clear()
    desk.run()
    lists = desk.stub.count("list")
    wait_until(lambda: desk.stub.count("list") >= lists + 2, "two lists")
    assert {call.operation for call in desk.stub.calls} == {"account", "list"}
    assert {name: desk.get(name)["metadata"]["resourceVersion"] for name in names} == before


def test_a_taken_port_is_said_in_one_line(desk, make_operator):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        operator = make_operator()
        operator.child.command[-1] = f"--health-address=127.0.0.1:{taken.getsockname()[1]}"
        operator.start()
        assert operator.child.process.wait(PATIENCE) == 98
        assert "choose another --health-address" in operator.child.output()


def test_no_cluster_is_said_with_the_way_out(make_operator, tmp_path):
    operator = make_operator()
    operator.child.command = [
        part if not part.startswith("--kubeconfig") else f"--kubeconfig={tmp_path / 'absent'}"
        for part in operator.child.command
    ]
    operator.start()
    assert operator.child.process.wait(PATIENCE) == 1
    assert "sequence up" in operator.child.output()


def test_an_api_server_that_dies_and_returns_is_caught_up_with(tmp_path, stub):
    with ControlPlane(tmp_path / "own", controllers=False) as plane:
        api = Api(plane, "default")
        for definition in crds():
            api.apply(definition)
        making = operators(plane, api, tmp_path)
        desk = Desk(api, stub, next(making))
        desk.run("--lease-duration=60s")  # with a short one it ends and is started again, as it should
        desk.secret()
        desk.account()
        name = desk.algo("my-mm")
        desk.wait(name, "Stopped")
        lists = stub.count("list")
        plane.kill()
        wait_until(lambda: stub.count("list") >= lists + 2, "the platform is still observed")
        assert stub.status("my-mm") == "accepted"
        plane.start()
        desk.patch(name, state="Running")
        desk.wait(name, "Running", 60)
        assert desk.operator.child.running()
        assert stub.count("create") == stub.count("start") == 1
        making.close()
