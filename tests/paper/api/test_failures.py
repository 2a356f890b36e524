"""The API process dies, its bus goes away, its database is Postgres, its port is taken."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sequence_paper.api import program as api
from sequence_paper.keys import program as keys
from sequence_paper.store import Store
from support.paper import Paper
from support.postgres import Postgres
from support.processes import wait_until
from support.tiny_edge import TinyEdge

BODY = {
    "name": "mm",
    "wasm_base64": "AGFzbQEAAAA=",
    "instances": [{"label": "main", "venue": "kraken", "symbols": ["BTC-USD"]}],
}


NO_BUS = "nats://127.0.0.1:1"


def nats_url(paper: Paper) -> str:
    return paper.api.command[paper.api.command.index("--nats") + 1]


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Paper]:
    """A platform of this file's own, with a kraken edge."""
    paper = Paper(tmp_path_factory.mktemp("fragile"), venues={}).start()
    edge = TinyEdge(paper.db, nats_url(paper), "kraken", ["BTC-USD"]).start()
    yield paper
    edge.stop()
    paper.stop()


@pytest.fixture
def own(fragile: Paper) -> Paper:
    """The same, its API running whatever the test before did to it."""
    if not fragile.api.running():
        fragile.api.start()
        wait_until(fragile.api_healthy, "the API answers again")
    return fragile


def test_sigterm_is_an_orderly_end(own):
    assert own.api.stop() == 0


def test_kill_9_of_the_api_loses_nothing_it_acknowledged(own):
    key = own.key(account="writer")
    acknowledged, stop = [], threading.Event()

    def register() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                status, row, _ = own.request("POST", "/v1/deployments", key, BODY | {"name": f"mm{number}"})
            except OSError:
                return  # the process is gone
            if status == 201:
                acknowledged.append(row["deployment_id"])

    writer = threading.Thread(target=register)
    writer.start()
    wait_until(lambda: len(acknowledged) >= 20, "registrations are acknowledged")
    own.api.kill()
    stop.set()
    writer.join(10)
    own.api.start()
    wait_until(own.api_healthy, "the API is back")
    _, listed, _ = own.request("GET", "/v1/deployments", key)
    found = [row["deployment_id"] for row in listed["deployments"]]
    assert set(found) >= set(acknowledged)
    assert len(found) <= len(acknowledged) + 1  # at most the one whose answer was cut off
    assert {row["status"] for row in listed["deployments"]} <= {"accepted", "pending"}
    wait_until(
        lambda: (
            {row["status"] for row in own.request("GET", "/v1/deployments", key)[1]["deployments"]}
            == {"accepted"}
        ),
        "all are loaded",
    )


def test_without_the_bus_readings_work_and_changes_arrive_all_the_same(own):
    key = own.key(account="alone")
    _, row, _ = own.request("POST", "/v1/deployments", key, BODY)
    path = f"/v1/deployments/{row['deployment_id']}"
    own.nats.kill()
    wait_until(
        lambda: own.request("GET", "/v1/health", key)[1]["bus"] == "away", "the bus is known to be away"
    )
    status, listed, _ = own.request("GET", "/v1/deployments", key)
    assert (status, listed["deployments"][0]["status"]) == (200, "accepted")
    assert own.request("POST", f"{path}/start", key)[1]["status"] == "running"
    own.nats.start()
    wait_until(lambda: own.request("GET", "/v1/health", key)[1]["bus"] == "ok", "the bus is back")
    assert own.request("POST", f"{path}/stop", key)[1]["status"] == "stopped"
    assert own.request("DELETE", path, key)[0] == 204


def test_the_whole_of_it_on_postgres(tmp_path):
    server = Postgres().start()
    paper = Paper(tmp_path, venues={})
    url = server.url("paper")
    command = paper.api.command
    command[command.index("--db") + 1] = url
    paper.db = url
    edge = None
    try:
        paper.start()
        edge = TinyEdge(url, nats_url(paper), "kraken", ["BTC-USD"]).start()
        key = paper.key()
        status, row, _ = paper.request("POST", "/v1/deployments", key, BODY)
        assert (status, row["status"]) == (201, "accepted")
        path = f"/v1/deployments/{row['deployment_id']}"
        assert paper.request("POST", f"{path}/start", key)[1]["status"] == "running"
        assert paper.request("PATCH", path, key, {"on_stop": "cancel"})[1]["revision"] == 2
        assert paper.request("POST", "/v1/deployments", key, BODY)[0] == 409
        assert paper.request("DELETE", path, key)[0] == 204
        assert paper.request("GET", path, key)[0] == 404
    finally:
        if edge is not None:
            edge.stop()
        paper.stop()
        server.stop()


def test_a_taken_port_is_one_clear_line_and_a_code_of_its_own(tmp_path, capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ["--db", f"sqlite:///{tmp_path / 'p.db'}", "--nats", NO_BUS, "--port", str(port)]
        assert api.main(arguments) == 98
    assert capfd.readouterr().err == f"error: cannot listen on 127.0.0.1:{port}: Address already in use\n"
    assert not (tmp_path / "p.db").exists()


def test_an_unusable_database_is_one_clear_line(tmp_path, capfd):
    (tmp_path / "p.db").write_text("no database" * 100)
    assert api.main(["--db", f"sqlite:///{tmp_path / 'p.db'}", "--nats", NO_BUS, "--port", "0"]) == 1
    said = capfd.readouterr().err
    assert said.startswith("error: cannot open the database")
    assert said.count("\n") == 1


def test_the_api_starts_without_its_bus_and_finds_it_later(tmp_path):
    paper = Paper(tmp_path, venues={})
    try:
        paper.api.start()
        wait_until(paper.api_healthy, "the API answers")
        key = paper.key()
        assert paper.request("GET", "/v1/health", key)[1]["bus"] == "away"
        assert paper.request("POST", "/v1/deployments", key, BODY)[1]["status"] == "pending"
        paper.nats.start()
        wait_until(lambda: paper.request("GET", "/v1/health", key)[1]["bus"] == "ok", "it found the bus")
    finally:
        paper.stop()


class TestKeys:
    @pytest.fixture
    def keys(self, capfd) -> Callable[..., Any]:
        """Run it; what it prints, parsed."""

        def mint(db: str, *arguments: str) -> Any:
            assert keys.main(["--db", db, *arguments]) == 0
            return json.loads(capfd.readouterr().out)

        return mint

    def test_it_is_a_program(self, tmp_path):
        command = [sys.executable, "-m", "sequence_paper.keys", "--db", f"sqlite:///{tmp_path / 'p.db'}"]
        command += ["--account", "desk", "--mode", "live"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=90)
        assert json.loads(done.stdout)["mode"] == "live"

    def test_each_call_mints_a_key_for_the_same_account_and_keeps_it_nowhere(self, tmp_path, keys):
        db, file = f"sqlite:///{tmp_path / 'p.db'}", tmp_path / "key"
        arguments = ("--account", "desk", "--mode", "live", "--qps", "7", "--key-file", str(file))
        first = keys(db, *arguments)
        assert first["key"].startswith("seq_live_")
        assert len(first["key"]) == len("seq_live_") + 64
        assert file.read_text() == first["key"] + "\n"
        assert file.stat().st_mode & 0o777 == 0o600
        other = keys(db, "--account", "desk", "--mode", "sandbox")
        assert other["account_id"] == first["account_id"]
        assert other["key"].startswith("seq_test_")
        store = Store(db)
        caller = store.accounts.caller(first["key"])
        assert (caller.mode, caller.account.name) == ("live", "desk")
        assert (caller.account.tier, caller.account.rate_limit_qps) == ("free", 7)
        keys(db, *arguments, "--tier", "pro")
        keys(db, "--account", "desk", "--mode", "live")
        account = store.accounts.caller(first["key"]).account
        assert (account.tier, account.rate_limit_qps) == ("pro", 7)
        assert store.accounts.caller(first["key"][:-1] + "x") is None
        store.close()
        assert all(
            first["key"].encode() not in path.read_bytes() for path in tmp_path.iterdir() if path != file
        )

    def test_what_cannot_be_done_is_said(self, tmp_path, capfd):
        desk = ["--account", "a", "--mode", "live"]
        assert keys.main(["--db", "mysql://x", *desk]) == 1
        said = capfd.readouterr()
        assert said.out == ""
        assert "mysql" in said.err
        with pytest.raises(SystemExit) as ended:
            keys.main(["--db", f"sqlite:///{tmp_path / 'p.db'}", *desk, "--qps", "0"])
        assert ended.value.code == 2
