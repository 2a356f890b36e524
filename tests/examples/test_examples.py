"""The examples as a reader meets them: their own tests pass, they build, and on paper they do what they say."""

import base64
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.artifact.build import Built, build
from sequence_operator.spec import render, sequence_toml
from sequence_operator.spec.resources import AlgoDeploymentSpec
from sequence_operator.spec.wire import create_body, desired_wire
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.program import main as replay
from sequence_paper.replay.what_if import what_if
from support.paper import Paper
from support.processes import wait_until

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ["maker", "xvenue"]
MARKET = ["--symbols", "BTC-USD", "--pace", "max", "--gate", "1"]


@pytest.fixture(scope="session", params=NAMES)
def example(request: pytest.FixtureRequest) -> Path:
    folder: Path = EXAMPLES / request.param
    return folder


@pytest.fixture(scope="session")
def module() -> Callable[[str], Built]:
    """Build an example, each once."""
    built: dict[str, Built] = {}

    def get(name: str) -> Built:
        if name not in built:
            built[name] = build(EXAMPLES / name, say=lambda _: None, forward=lambda _: None)
        return built[name]

    return get


def test_its_own_tests_pass(example: Path) -> None:
    done = subprocess.run(["cargo", "test", "--quiet"], cwd=example, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 failed" in done.stdout
    assert "warning" not in done.stderr


def test_it_builds_small_and_declares_what_it_is(example: Path, module: Callable[[str], Built]) -> None:
    built = module(example.name)
    assert built.inspection.generation == "0.4"
    assert built.inspection.size < 20_000
    file = sequence_toml.load(example / "Sequence.toml")
    assert file.deployment.name == example.name
    assert file.risk is not None
    assert file.risk.max_daily_loss_1e9 is not None


def test_nothing_of_a_build_is_committed(example: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "."], cwd=example, capture_output=True, text=True, check=True)
    assert set(listed.stdout.split()) >= {
        "Cargo.toml",
        "Sequence.toml",
        "README.md",
        ".cargo/config.toml",
        "src/lib.rs",
    }
    assert not [name for name in listed.stdout.split() if name.startswith("target/") or name == "Cargo.lock"]


class Running:
    """A paper platform with one example registered on it and started."""

    def __init__(self, paper: Paper, key: str, deployment_id: str) -> None:
        self.paper, self.key, self.id = paper, key, deployment_id

    def get(self, path: str) -> Any:
        status, body, _ = self.paper.request("GET", path, self.key)
        assert status == 200, body
        return body

    def captured(self, what: str) -> Path:
        """A run of an edge, not yet repeated."""
        status, content = self.paper.content(f"/v1/capsules?{what}", self.key)
        assert status == 200, content
        path = self.paper.folder / "run.seqcap"
        path.write_bytes(content)
        return path

    def instances(self) -> dict[str, Any]:
        return {i["label"]: i for i in self.get(f"/v1/deployments/{self.id}/metrics")["instances"]}

    def ended(self) -> bool:
        return all(i["feed"]["state"] == "ended" for i in self.instances().values())


@pytest.fixture
def run(tmp_path: Path, module: Callable[[str], Built]) -> Iterator[Callable[..., Running]]:
    """Start paper with these feeds, register the example as its Sequence.toml says, start it."""
    papers: list[Paper] = []

    def begin(name: str, feeds: dict[str, list[str]]) -> Running:
        paper = Paper(tmp_path, {venue: [*MARKET, *feed] for venue, feed in feeds.items()})
        papers.append(paper)
        paper.start()
        key = paper.key()
        file, built = sequence_toml.load(EXAMPLES / name / "Sequence.toml"), module(name)
        artifact = render.stored(built.inspection.sha256)
        where = {"namespace": "x", "account": "sandbox", "artifact": artifact, "origin": None}
        resource = render.algo_deployment(file, mode="sandbox", with_state=False, **where)
        body = create_body(desired_wire(AlgoDeploymentSpec.model_validate(resource["spec"])), built.wasm, {})
        assert base64.b64decode(body["wasm_base64"]) == built.wasm
        status, row, _ = paper.request("POST", "/v1/deployments", key, body)
        assert status == 201, row
        running = Running(paper, key, row["deployment_id"])
        path = f"/v1/deployments/{running.id}"
        wait_until(lambda: all(i["warm"] for i in running.get(path)["instances"]), "warm")
        status, row, _ = paper.request("POST", f"{path}/start", key)
        assert status == 200, row
        return running

    yield begin
    for paper in papers:
        paper.stop()


def test_the_maker_trades_on_recorded_data_and_only_as_a_maker(run: Callable[..., Running]) -> None:
    running = run("maker", {"kraken": ["--feed", "replay", "--until", "600"]})
    wait_until(running.ended, "the recording ends", 120)
    seen = running.instances()["main"]
    assert seen["fills"] >= 20, seen
    assert seen["orders"]["rejected"] == 0, "post-only, and within its own limits"
    assert abs(seen["position_1e8"]) <= 500_000
    fills = running.get(f"/v1/fills?deployment_id={running.id}&limit=1000")["fills"]
    bps = {round(f["fee_1e9"] * 10_000 * 100_000_000 / (f["price_1e9"] * f["qty_1e8"])) for f in fills}
    assert bps == {16}, "the maker fee of kraken, never the taker's"


def test_every_fill_of_the_maker_is_hedged_on_the_other_venue(run: Callable[..., Running]) -> None:
    feed = ["--feed", "generated", "--seed", "7"]
    # The hedger's market goes on while it is asked: at the pace of the maker's it would keep a core busy.
    running = run("xvenue", {"kraken": [*feed, "--until", "120"], "coinbase": [*feed, "--pace", "20"]})
    wait_until(
        lambda: running.instances()["maker"]["feed"]["state"] == "ended", "the maker's market ends", 120
    )
    assert running.instances()["maker"]["fills"] > 0

    def flat() -> bool:
        now = running.instances()
        return bool(now["maker"]["position_1e8"] + now["hedger"]["position_1e8"] == 0)

    wait_until(flat, f"the positions add up to zero: {running.instances()}", 60)
    assert running.instances()["hedger"]["fills"] > 0

    def told() -> bool:
        """Every fill of either went to the other as a message."""
        fills = {label: instance["fills"] for label, instance in running.instances().items()}
        links = running.get(f"/v1/deployments/{running.id}/mesh")["links"]
        return {link["from"]: (link["count"], link["dropped"]) for link in links} == {
            label: (n, 0) for label, n in fills.items()
        }

    wait_until(told, "as many messages as fills, both ways", 30)
    # Each side is repeated with what it heard of the other, to the last fill.
    for venue, label in [("kraken", "maker"), ("coinbase", "hedger")]:
        path = running.captured(f"deployment=xvenue&venue={venue}")
        assert replay([str(path), "--seal"]) == 0
        capsule = capsules.read(path)
        assert [one.kind for one in capsule.heard].count("message") > 0
        assert len(capsule.stored or []) == running.instances()[label]["fills"]
    # And an order of the maker is asked what the hedger's venue would have done with it.
    order_id = running.get("/v1/fills?limit=1000")["fills"][-1]["node_order_id"]
    asked = capsules.read(running.captured(f"node_order_id={order_id}&what_if=venue=coinbase"))
    assert asked.aside is not None
    lives = what_if(asked, "venue=coinbase")
    assert [lives[name]["venue"] for name in ("original", "changed")] == ["kraken", "coinbase"]
    assert lives["original"]["fills"] != lives["changed"]["fills"]
