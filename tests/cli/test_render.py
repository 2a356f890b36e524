"""`sequence render`: the objects of a commit, equal for equal commits, and such that a real API server takes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from sequence_operator.artifact.store import digest

from .conftest import Cli
from .support_repo import Clone, algo, sequence_toml

URL = "https://git.example.com/desk/algos.git"
WASM = b"\0asm\1\0\0\0"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    clone = Clone(tmp_path / "algos", URL.replace("https://", "https://ada:secret@"))
    prebuilt = sequence_toml("c") + '\n[build]\nprebuilt = true\nwasm = "c.wasm"\n'
    files = {"algos/c/Sequence.toml": prebuilt, "algos/c/c.wasm": WASM}
    clone.commit({**algo("algos/b", "b", state="running"), **algo("algos/a", "a"), **files})
    monkeypatch.chdir(clone.root)
    return clone


def test_what_comes_out(cli: Cli, clone: Clone) -> None:
    head = clone.git("rev-parse", "HEAD")
    done = cli("render", "--sandbox")
    assert done.code == 0, done.err
    objects = list(yaml.safe_load_all(done.out))
    assert [(o["kind"], o["metadata"]["name"]) for o in objects] == [
        ("ConfigMap", f"wasm-{digest(WASM)}"),
        ("AlgoDeployment", "a.sandbox"),
        ("AlgoDeployment", "b.sandbox"),
        ("AlgoDeployment", "c.sandbox"),
    ]
    _, a, b, c = objects
    assert a["spec"]["artifact"] == {"build": {"url": URL, "commit": head, "path": "algos/a"}}
    assert a["spec"]["accountRef"] == {"name": "sandbox"}
    assert a["spec"]["origin"] == {"repository": URL, "commit": head, "path": "algos/a/Sequence.toml"}
    assert len(a["metadata"]["annotations"]["sequencemkts.com/tree"]) == 64
    assert "labels" not in a["metadata"], "it belongs to no AlgoSource"
    assert "namespace" not in a["metadata"]
    assert ("state" in a["spec"], b["spec"]["state"]) == (False, "Running")
    assert c["spec"]["artifact"]["sha256"] == digest(WASM)
    assert "secret" not in done.out


def test_equal_commits_give_equal_output(cli: Cli, clone: Clone, tmp_path: Path) -> None:
    first = cli("render").out
    assert cli("render").out == first
    clone.write({"algos/a/Sequence.toml": sequence_toml("a", rate=1)})
    again = cli("render")
    assert again.out == first, "what is not committed is not rendered"
    assert "warning: uncommitted changes are not rendered" in again.err
    clone.commit({}, "now it is")
    assert cli("render").out != first
    assert cli("render", "--commit", "HEAD~1").out == first


def test_paths_namespace_account_and_forms(cli: Cli, clone: Clone) -> None:
    (only,) = yaml.safe_load_all(cli("render", "algos/a", "-n", "desk", "--account", "mine").out)
    assert (only["metadata"]["namespace"], only["metadata"]["name"]) == ("desk", "a")
    assert only["spec"]["accountRef"] == {"name": "mine"}
    assert cli("render", "algos/b/Sequence.toml", "-o", "name").out == "algodeployment.sequencemkts.com/b\n"
    listed = json.loads(cli("render", "-o", "json").out)
    assert (listed["kind"], len(listed["items"])) == ("List", 4)
    assert (
        yaml.safe_load(cli("render", "algos/a", "-o", "yaml", "--url", "ssh://git@x/y.git").out)["spec"][
            "artifact"
        ]["build"]["url"]
        == "ssh://git@x/y.git"
    )


def test_the_api_server_takes_it(cli: Cli, clone: Clone, crds: list[str], kubectl: Any) -> None:
    done = cli("render")
    applied = kubectl("apply", "--server-side", "--field-manager=flux", "-f", "-", stdin=done.out)
    assert applied.count("serverside-applied") == 4
    again = kubectl.get("algo", "a")
    assert again["metadata"]["generation"] == 1
    kubectl("apply", "--server-side", "--field-manager=flux", "-f", "-", stdin=cli("render").out)
    after = kubectl.get("algo", "a")
    assert (after["spec"], after["metadata"]["generation"]) == (again["spec"], 1)


def test_mistakes_stop_it_with_all_their_places(cli: Cli, clone: Clone) -> None:
    clone.commit({"algos/a/Sequence.toml": "[deployment]\nnam = 1\n", "algos/b/Cargo.lock": None})
    done = cli("render")
    assert (done.code, done.out) == (2, "")
    assert "algos/a/Sequence.toml:2:1" in done.err
    assert "Cargo.lock" in done.err


def test_nothing_there_and_nowhere(cli: Cli, clone: Clone, tmp_path: Path, monkeypatch: Any) -> None:
    (clone.root / "empty").mkdir()
    assert (cli("render", "empty").code, "no Sequence.toml" in cli("render", "empty").err) == (5, True)
    assert "is not in the repository" in cli("render", str(tmp_path)).err
    monkeypatch.chdir(tmp_path / "work")
    assert "is in no git repository" in cli("render").err
