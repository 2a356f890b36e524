"""Children end with their parent, and nothing of them is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sequence_operator.local import child, processes
from support.processes import PATIENCE, wait_until

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
# Starts a child of its own and tells its pid.
PARENT = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    " print(p.pid, flush=True); time.sleep(600)",
]


def test_it_becomes_the_command_itself(tmp_path):
    process = child.spawn([sys.executable, "-c", "import os; print(os.getpid())"], log=tmp_path / "log")
    assert process.wait(PATIENCE) == 0
    assert (tmp_path / "log").read_text() == f"{process.pid}\n"


def test_a_killed_parent_takes_its_children_along(tmp_path):
    script = (
        "import os, pathlib, signal, sys\n"
        "from sequence_operator.local import child\n"
        "process = child.spawn([sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)'],"
        " log=pathlib.Path(sys.argv[1]))\n"
        "while not pathlib.Path(sys.argv[1]).read_text(): pass\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    log = tmp_path / "log"
    log.touch()
    parent = subprocess.run(
        [sys.executable, "-c", script, str(log)], capture_output=True, text=True, timeout=60
    )
    assert parent.returncode == -signal.SIGKILL, parent.stderr
    pid = int(parent.stdout)
    wait_until(lambda: not processes.started_at(pid), "the child is gone")


def test_a_program_that_is_not_there(tmp_path):
    process = child.spawn(["/nowhere/program"], log=tmp_path / "log")
    assert process.wait(PATIENCE) == 127
    assert "/nowhere/program cannot be started" in (tmp_path / "log").read_text()


@pytest.mark.parametrize(("code", "number"), [("raise SystemExit(3)", 3), ("os.kill(os.getpid(), 9)", -9)])
def test_the_exit_code_is_seen_without_giving_the_process_id_back(tmp_path, code, number):
    process = child.spawn([sys.executable, "-c", f"import os; {code}"], log=tmp_path / "log")
    assert child.wait_for_end(process) == number
    assert child.exit_code(process) == number
    assert Path(f"/proc/{process.pid}").exists()  # the zombie keeps the number
    child.kill(process)
    assert not Path(f"/proc/{process.pid}").exists()
    assert child.exit_code(process) == process.returncode == number


def test_what_an_ended_process_left_behind_ends_too(tmp_path):
    log = tmp_path / "log"
    orphan = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    process = child.spawn([sys.executable, "-c", f"{orphan} print(p.pid, flush=True)"], log=log)
    assert child.wait_for_end(process) == 0
    left = int(log.read_text())
    assert processes.started_at(left)
    child.stop(process)
    assert not processes.started_at(left)


def test_stop_is_clean_when_sigterm_is_enough(tmp_path):
    process = child.spawn(SLEEP, log=tmp_path / "log")
    assert child.stop(process) is True
    assert process.returncode == -signal.SIGTERM


def test_stop_kills_what_does_not_listen(tmp_path):
    log = tmp_path / "log"
    process = child.spawn(STUBBORN, log=log)
    wait_until(lambda: "deaf" in log.read_text(), "SIGTERM is ignored")
    assert child.stop(process, grace=0.2) is False
    assert process.returncode == -signal.SIGKILL


def test_grandchildren_end_too(tmp_path):
    log = tmp_path / "log"
    process = child.spawn(PARENT, log=log)
    grandchild = wait_until(lambda: int(log.read_text() or 0), "it has a child")
    assert processes.started_at(grandchild)
    child.kill(process)
    assert not processes.started_at(grandchild)


def test_a_pid_that_was_used_again_is_not_the_same_process():
    pid, started = os.getpid(), processes.started_at(os.getpid())
    assert processes.is_alive(pid, started)
    assert not processes.is_alive(pid, "1")
    assert not processes.is_alive(pid, "")
    assert processes.started_at(2**22 + 1) == ""


def test_marked_processes_are_found_whoever_their_parent_is_and_end(tmp_path):
    environment = {**os.environ, processes.MARK: str(tmp_path)}
    process = child.spawn(PARENT, log=tmp_path / "log", env=environment)
    grandchild = wait_until(lambda: int((tmp_path / "log").read_text() or 0), "it has a child")
    assert processes.marked(tmp_path) == sorted([process.pid, grandchild])
    process.kill()
    process.wait()
    assert processes.marked(tmp_path) == [grandchild]
    processes.end([grandchild])
    assert processes.marked(tmp_path) == []
