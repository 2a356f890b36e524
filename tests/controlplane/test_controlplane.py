"""The control plane is a real one: it starts, serves, and keeps what was written through a crash."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.local.errors import LocalError
from support.processes import PATIENCE


def eventually(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def kubectl_on(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(plane.binary), "kubectl", f"--kubeconfig={plane.kubeconfig}"]
    command += [f"--cache-dir={plane.state_dir / 'kubectl-cache'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_client_and_server_call_themselves_by_the_release_in_go_mod(controlplane, kubectl):
    version = json.loads(kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"] == "v1.36.3"
    assert version["clientVersion"]["gitVersion"] == "v1.36.3"
    assert version["serverVersion"]["minor"] == "36"


def test_it_listens_on_loopback_only(controlplane):
    process = controlplane.processes["apiserver"]
    listening = set()
    inodes = {
        os.readlink(f"/proc/{process.pid}/fd/{fd}")
        for fd in os.listdir(f"/proc/{process.pid}/fd")
        if os.path.islink(f"/proc/{process.pid}/fd/{fd}")
    }
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                listening.add(fields[1])
    assert listening == {f"0100007F:{controlplane.port:04X}"}


def test_without_a_token_nothing_can_be_read(controlplane, kubectl):
    answer = kubectl_on(controlplane, "get", "namespaces", "--token=wrong")
    assert answer.returncode == 1
    assert "must be logged in" in answer.stderr or "Unauthorized" in answer.stderr


def test_the_garbage_collector_follows_owner_references(kubectl):
    kubectl("create", "configmap", "owner")
    uid = kubectl.get("configmap", "owner")["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    metadata = {"name": "owned", "namespace": kubectl.namespace, "ownerReferences": [reference]}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    kubectl("delete", "configmap", "owner")
    assert eventually(lambda: kubectl.run("get", "configmap", "owned").returncode != 0)


def test_a_deleted_namespace_empties_itself_and_goes(controlplane, kubectl):
    kubectl("create", "namespace", f"{kubectl.namespace}-gone")
    kubectl("create", "configmap", "inside", f"--namespace={kubectl.namespace}-gone")
    kubectl("delete", "namespace", f"{kubectl.namespace}-gone", "--timeout=60s")
    assert "NotFound" in kubectl.run("get", "namespace", f"{kubectl.namespace}-gone").stderr


def test_what_was_written_outlives_a_restart_and_a_crash(tmp_path):
    """Also its address and token, and a port that somebody else has meanwhile is left to him."""
    state = tmp_path / "state"
    state.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as other:
        last = other.getsockname()[1]
        (state / "port").write_text(f"{last}\n")
        first = ControlPlane(state, controllers=False).start()
    token, port, process = first.admin_token, first.port, first.processes["apiserver"]
    try:
        assert port != last
        made = kubectl_on(first, "create", "configmap", "kept", "--from-literal=a=1")
        assert made.returncode == 0, made.stderr
    finally:
        first.stop()
    assert process.returncode == 0  # SIGTERM was enough
    second = ControlPlane(state, controllers=False).start()
    with crashing(second) as acknowledged:
        assert (second.admin_token, second.port) == (token, port)
        kept = kubectl_on(second, "get", "configmap", "kept", "-o", "jsonpath={.data.a}")
        assert kept.stdout == "1", kept.stderr
        assert eventually(lambda: len(acknowledged) > 50)
    with ControlPlane(state, controllers=False) as again:
        listed = kubectl_on(again, "get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}")
        assert {"kept", *acknowledged} <= set(listed.stdout.split()), listed.stderr


@contextlib.contextmanager
def crashing(plane: ControlPlane) -> Iterator[list[str]]:
    """SIGKILL at the end, in the middle of a stream of writes; every name that got an answer."""
    acknowledged: list[str] = []

    def write() -> None:
        context = ssl.create_default_context(cafile=str(plane.ca))
        connection = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context)
        headers = {"Authorization": f"Bearer {plane.admin_token}", "Content-Type": "application/json"}
        with contextlib.suppress(OSError, http.client.HTTPException):  # the crash
            for number in itertools.count():
                body = json.dumps({"metadata": {"name": f"n{number}"}})
                connection.request("POST", "/api/v1/namespaces/default/configmaps", body, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 201:
                    acknowledged.append(f"n{number}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield acknowledged
    finally:
        plane.kill()
        writer.join()


def test_a_port_that_was_asked_for_and_is_taken_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        plane = ControlPlane(tmp_path / "state", controllers=False, port=port)
        with pytest.raises(LocalError) as caught:
            plane.start()
    assert f"127.0.0.1:{port}" in caught.value.error
    assert "address already in use" in caught.value.cause
    assert plane.processes == {}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["version"], 0, "v1.36.3"),
        (["help"], 0, "kube-apiserver with an embedded etcd"),
        (["serve"], 2, "error: serve needs --data-dir DIR"),
        (["sever"], 2, 'error: unknown command "sever"'),
        ([], 2, "sequence-controlplane: a local Kubernetes control plane"),
    ],
)
def test_the_program_itself(controlplane, arguments, code, said):
    done = subprocess.run([controlplane.binary, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == code
    assert said in done.stdout + done.stderr


def test_it_is_kubectl_when_it_is_called_so(controlplane, tmp_path):
    (tmp_path / "kubectl").symlink_to(controlplane.binary)
    command = [tmp_path / "kubectl", "version", "--client"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "Client Version: v1.36.3" in done.stdout


def test_it_dies_with_its_parent(tmp_path):
    script = (
        "import sys, pathlib, os, signal\n"
        "from sequence_operator.local.controlplane import ControlPlane\n"
        "plane = ControlPlane(pathlib.Path(sys.argv[1])).start()\n"
        "print(*(p.pid for p in plane.processes.values()), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "state")], capture_output=True, text=True, timeout=120
    )
    pids = [int(word) for word in parent.stdout.split()]
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    assert len(pids) == 2
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
