"""The command line in-process, away from the configuration of whoever runs the tests."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from sequence_operator.cli import scaffold
from sequence_operator.cli.context import save_context
from sequence_operator.cli.run import run
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, CONFIG_MAPS
from sequence_operator.local.controlplane import ControlPlane
from sequence_operator.spec.names import API_VERSION
from support.api import Api
from support.paper import Paper

from .support_operator import Operator

KEY = {"live": "seq_live_" + "1a" * 32, "sandbox": "seq_test_" + "2b" * 32}


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str


Cli = Callable[..., Result]


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory and configuration; returns the configuration's path."""
    for name in [n for n in os.environ if n.startswith(("SEQUENCE_", "SEQ_", "NO_COLOR", "CLICOLOR"))]:
        monkeypatch.delenv(name)
    config = tmp_path / "home" / "config.toml"
    monkeypatch.setenv("SEQUENCE_CONFIG", str(config))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return config


@pytest.fixture
def cli() -> Cli:
    """Run one command line; nothing in it is a terminal."""

    def invoke(*args: str, input: str = "") -> Result:
        with CliRunner().isolation(input=input) as (out, err, _):
            code = run(list(args))
            return Result(code, out.getvalue().decode(), err.getvalue().decode())

    return invoke


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare with a file in golden/; GOLDEN=write writes it instead, to be read before it is committed."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if os.environ.get("GOLDEN") == "write":
            path.write_text(text)
        assert text == path.read_text()

    return compare


REFUSED_PLATFORM = "http://127.0.0.1:9"  # nobody listens on the discard port


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scaffolded project, compiled once."""
    folder = tmp_path_factory.mktemp("project") / "my-mm"
    scaffold.write("my-mm", folder)
    command = ["cargo", "build", "--quiet", "--release", "--target", "wasm32-unknown-unknown"]
    subprocess.run(command, cwd=folder, check=True)
    return folder


@pytest.fixture
def project(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, as the working directory, its build included."""
    folder = tmp_path / "my-mm"
    shutil.copytree(built, folder, copy_function=shutil.copy2)
    monkeypatch.chdir(folder)
    return folder


def write(controlplane: ControlPlane, *objects: dict[str, Any]) -> None:
    """Server-side apply of some objects as administrator."""

    async def work() -> None:
        async with await ClusterClient.connect(controlplane.kubeconfig) as client:
            for obj in objects:
                await client.apply(obj, manager="test")

    asyncio.run(work())


@pytest.fixture
def where(controlplane: ControlPlane, crds: list[str], namespace: str) -> str:
    """A namespace with a live and a sandbox account, and the context `test` for it."""
    save_context(
        "test",
        {
            "kubeconfig": str(controlplane.kubeconfig),
            "namespace": namespace,
            "base_url": REFUSED_PLATFORM,
            "api_key": KEY["live"],
            "sandbox_api_key": KEY["sandbox"],
        },
    )
    write(
        controlplane, *(account(mode) | {"metadata": {"name": mode, "namespace": namespace}} for mode in KEY)
    )
    return namespace


def account(mode: str) -> dict[str, Any]:
    spec = {
        "endpoint": REFUSED_PLATFORM,
        "mode": mode,
        "secretRef": {"name": f"sequence-{mode}", "key": "apiKey"},
    }
    return {"apiVersion": API_VERSION, "kind": "PlatformAccount", "metadata": {"name": mode}, "spec": spec}


@pytest.fixture
def operator(controlplane: ControlPlane, where: str) -> Iterator[Operator]:
    with Operator(controlplane.kubeconfig, where) as running:
        yield running


def owned(obj: dict[str, Any], manager: str) -> dict[str, Any]:
    entries = [e for e in obj["metadata"]["managedFields"] if e["manager"] == manager]
    return entries[0]["fieldsV1"] if entries else {}


@pytest.fixture
def api(controlplane: ControlPlane, namespace: str) -> Api:
    """The test's namespace, as administrator."""
    return Api(controlplane, namespace)


@pytest.fixture
def fetch(api: Api) -> Callable[..., Any]:
    kinds = {"algo": ALGO_DEPLOYMENTS, "configmap": CONFIG_MAPS}
    return lambda kind, name: api.get(kinds[kind], name)


@pytest.fixture
def deployed(cli: Cli, project: Path, operator: Operator) -> None:
    done = cli("--sandbox", "deploy", "--skip-build")
    assert done.code == 0, done.err


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """API and one edge that replays recorded data at twenty times its pace once an instance runs."""
    feed = ["--feed", "replay", "--pace", "20", "--gate", "1", "--symbols", "BTC-USD"]
    running = Paper(tmp_path_factory.mktemp("paper"), {"kraken": feed})
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def keys(paper: Paper) -> dict[str, str]:
    return {mode: paper.key(mode) for mode in ("live", "sandbox")}


@pytest.fixture
def desk(
    paper: Paper, keys: dict[str, str], controlplane: ControlPlane, crds: list[str], namespace: str
) -> dict[str, str]:
    """The context `desk`: this cluster, this namespace, this platform, both keys."""
    settings = {
        "kubeconfig": str(controlplane.kubeconfig),
        "namespace": namespace,
        "base_url": paper.url,
        "api_key": keys["live"],
        "sandbox_api_key": keys["sandbox"],
    }
    save_context("desk", settings)
    return settings
