"""Fixtures that every room may use: a real control plane, a namespace of one's own, kubectl."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import subprocess
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from sequence_operator.local.controlplane import ControlPlane
from support.api import Api

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


ONE_WORKER = (
    "tests/cli/on_paper",
    "tests/contract",
    "tests/e2e/shared",
    "tests/paper/api",
    "tests/paper/routing",
    "tests/paper/stream",
)
"""Folders whose files share one stack, or one platform."""

WAITING = tuple(
    f"tests/{room}/" for room in ("artifact", "builder", "controller", "controlplane", "paper/feed")
)
"""Folders whose tests wait for others most of their time: polls, leases, cargo, real seconds of a feed."""


class Kubectl:
    """The kubectl of the control plane's own binary, as administrator, on one default namespace."""

    def __init__(self, controlplane: ControlPlane, cache: Path, namespace: str = "default") -> None:
        self._controlplane = controlplane
        self._cache = cache
        self.namespace = namespace

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run it and return what happened, whatever the exit code."""
        command = [str(self._controlplane.binary), "kubectl", f"--kubeconfig={self._controlplane.kubeconfig}"]
        command += [f"--cache-dir={self._cache}", f"--namespace={self.namespace}", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=120)

    def __call__(self, *arguments: str, stdin: str | None = None) -> str:
        """Standard output; an exit code other than 0 fails the test with what kubectl said."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, parsed."""
        return json.loads(self("get", *arguments, "-o", "json"))

    def apply(self, *objects: dict[str, Any], manager: str = "kubectl", force: bool = False) -> str:
        """Server-side apply of some objects."""
        arguments = ["apply", "--server-side", f"--field-manager={manager}", "-f", "-"]
        arguments += ["--force-conflicts"] if force else []
        listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        return self(*arguments, stdin=json.dumps(listed))


# The collector of control planes, of kubectl and of NATS took a fifth of their time; memory is not what tests lack.
os.environ.setdefault("GOGC", "400")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script. Programs of ours would go on ignoring Ctrl-C, as they should.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Without the garbage collector: it took two fifths of the time, of each worker, to find that all is still used.

    Nor is what was collected ever looked at again, by no pass of the collector while tests run.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with stacks of their own first, since they take minutes, and last the folders that mostly wait."""

    def place(item: pytest.Item) -> int:
        if item.get_closest_marker("e2e") is not None:
            return 0
        return 2 if item.nodeid.startswith(WAITING) else 1

    items.sort(key=place)


class FromBothEnds(LoadFileScheduling):
    """A file goes to one worker, and so does a folder whose files share a stack: another worker would start another.

    Every second worker begins at the end of the queue: so what computes runs beside what waits, and not one after the
    other.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return next((folder for folder in ONE_WORKER if file.startswith(f"{folder}/")), file)

    def _assign_work_unit(self, node: Any) -> None:
        if list(self.nodes).index(node) % 2:
            self.workqueue.move_to_end(next(reversed(self.workqueue)), last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FromBothEnds | None:
    """`--dist=loadfile`, with these two exceptions."""
    return FromBothEnds(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Programs send the root logger to their own standard error; in a test that stream is closed when it ends."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def controlplane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of this test session (no custom resources yet, see `crds`); its audit log counts requests."""
    with ControlPlane(tmp_path_factory.mktemp("controlplane"), audit=True) as running:
        yield running


@pytest.fixture(scope="session")
def crds(controlplane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of our CustomResourceDefinitions, installed and established."""
    from sequence_operator.spec.crd import crds as definitions

    kubectl = Kubectl(controlplane, tmp_path_factory.mktemp("kubectl"))
    kubectl.apply(*definitions())
    names = [str(definition["metadata"]["name"]) for definition in definitions()]
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{name}" for name in names))
    return names


@pytest.fixture
def namespace(controlplane: ControlPlane) -> str:
    """A namespace of this test's own. It stays with its control plane: to empty one takes 0.1 s of processor time."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    api = Api(controlplane, name)  # without kubectl, which takes 0.1 s of processor time each time
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
def kubectl(controlplane: ControlPlane, namespace: str, tmp_path: Path) -> Kubectl:
    """kubectl as administrator, on the test's namespace."""
    return Kubectl(controlplane, tmp_path / "kubectl-cache", namespace)
