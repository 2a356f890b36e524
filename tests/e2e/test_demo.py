"""`make demo` twice: it works, leaves nothing behind, and both runs trade the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo" / "demo.py"


def play(folder: Path) -> dict[str, Any]:
    target = folder / "demo.json"
    environment = {**os.environ, "DEMO_JSON": str(target), "TMPDIR": str(folder)}
    done = subprocess.run(
        [sys.executable, str(DEMO)], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for command in ("up", "build", "deploy", "start", "status", "logs", "stop", "undeploy", "down"):
        assert f" {command}" in done.stdout
    assert list(folder.glob("sequence-demo-*")) == []
    result: dict[str, Any] = json.loads(target.read_text())
    return result


def processes_of(folder: Path) -> list[str]:
    """Command lines of living processes whose stack is below that folder."""
    mark = f"SEQUENCE_LOCAL_STATE={folder}/".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # ended, or somebody else's
    return found


def test_two_demos_trade_the_same_and_leave_nothing_behind(tmp_path: Path) -> None:
    """Both at once: each has ports, data and a configuration of its own, and the load must not change a trade."""
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(play, folders))
    assert [processes_of(folder) for folder in folders] == [[], []]
    first, second = results
    assert first["orders"] > 0
    assert first["fills"] > 0
    assert first["callbacks"] > first["orders"]
    assert first["callback_p50_ns"] > 0
    assert first["state_history"] == ["Stopped", "Running", "Stopped"]
    assert all(instance["live"] for instance in first["instances"])
    for figure in ("sha256", "orders", "fills", "pnl_1e9", "callbacks", "state_history", "instances"):
        assert first[figure] == second[figure], figure
