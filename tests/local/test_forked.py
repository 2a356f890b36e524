"""What the tests start by forking is as if it had been executed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from support.forked import fork
from support.processes import Child, free_port, listening, wait_until


@pytest.mark.parametrize(
    "arguments", [["biuld"], ["status"], ["--version"], ["build", "--help"]], ids=" ".join
)
def test_a_command_answers_as_if_executed(tmp_path: Path, arguments: list[str]) -> None:
    env = {**os.environ, "SEQUENCE_CONFIG": str(tmp_path / "none"), "COLUMNS": "100", "HOME": str(tmp_path)}
    script = str(Path(sys.executable).with_name("sequence"))
    executed = subprocess.run([script, *arguments], cwd=tmp_path, env=env, capture_output=True, text=True)
    out, err = tmp_path / "out", tmp_path / "err"
    with out.open("wb") as stdout, err.open("wb") as stderr, Path(os.devnull).open("rb") as stdin:
        forked = fork(
            "sequence_operator", arguments, script=script, cwd=tmp_path, env=env,
            stdin=stdin, stdout=stdout, stderr=stderr,
        )  # fmt: skip
        code = forked.wait(60)
    assert (code, out.read_text(), err.read_text()) == (executed.returncode, executed.stdout, executed.stderr)


@pytest.mark.parametrize(
    ("end", "code"), [(Child.kill, -signal.SIGKILL), (Child.stop, 0)], ids=["killed", "stopped"]
)
def test_a_server_ends_as_if_executed(tmp_path: Path, end, code: int) -> None:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "sequence_paper.api",
        "--port",
        str(port),
        "--nats",
        "nats://127.0.0.1:9",
    ]
    child = Child("api", [*command, "--db", f"sqlite:///{tmp_path}/paper.db"], tmp_path / "log").start()
    wait_until(lambda: listening(port), "it listens")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/health", timeout=60) as answer:
        assert answer.status == 200
    assert child.running()
    end(child)
    assert not child.running()
    assert child.process is not None
    assert child.process.wait(1) == code
