"""The whole life of a deployment, call by call and write by write."""

from __future__ import annotations

import json
from typing import Any

from support.processes import wait_until


def writes(controlplane: Any, namespace: str) -> list[str]:
    """What the operator wrote to AlgoDeployments of a namespace, from the API server's audit log."""
    found = []
    operator = f"system:serviceaccount:{namespace}:operator"
    for line in controlplane.audit_log.read_text().splitlines():
        if operator not in line:
            continue
        entry = json.loads(line)
        reference = entry.get("objectRef") or {}
        ours = entry["user"].get("username") == operator
        mutating = entry["verb"] in ("create", "update", "patch", "delete")
        if ours and mutating and reference.get("resource") == "algodeployments":
            found.append(reference.get("subresource") or "object")
    return found


def test_one_call_for_each_step_of_a_life(shared, controlplane):
    desk, before = shared, len(writes(controlplane, shared.namespace))
    name = desk.algo("one-life")
    desk.wait(name, "Stopped")
    assert writes(controlplane, desk.namespace)[before:] == ["object", "status", "status"]
    desk.patch(name, state="Running")
    desk.wait(name, "Running")
    assert len(writes(controlplane, desk.namespace)) == before + 4
    desk.patch(name, state="Stopped")
    desk.wait(name, "Stopped")
    assert len(writes(controlplane, desk.namespace)) == before + 5
    desk.delete(name)
    counted = {step: desk.stub.count(step) for step in ("create", "start", "stop", "patch", "delete")}
    assert counted == {"create": 1, "start": 1, "stop": 1, "patch": 0, "delete": 1}
    assert desk.stub.by_name("one-life") == []


def test_an_idle_deployment_costs_one_list_a_tick_and_no_write(shared, controlplane):
    desk = shared
    name = desk.algo("idle", state="Running")
    desk.wait(name, "Running")
    lists = desk.stub.count("list")
    wait_until(lambda: desk.stub.count("list") >= lists + 1, "the next list")
    before, version = writes(controlplane, desk.namespace), desk.get(name)["metadata"]["resourceVersion"]
    first = len(desk.stub.calls)
    wait_until(lambda: len(desk.stub.calls) >= first + 4, "four calls")
    calls = desk.stub.calls[first:]
    assert {call.operation for call in calls} == {"list"}
    assert calls[3].at - calls[0].at > 2.0  # three rounds of 2 s, the first of which may have been held up
    assert writes(controlplane, desk.namespace) == before
    assert desk.get(name)["metadata"]["resourceVersion"] == version
