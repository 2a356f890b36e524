"""Parts are started, watched, started again, and ended, with real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from sequence_operator.local import processes
from sequence_operator.local import supervisor as supervising
from sequence_operator.local.errors import LocalError
from sequence_operator.local.supervisor import Part, Supervisor
from support.processes import PATIENCE


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def writer(path, code="import time; time.sleep(600)"):
    """A program that says it is there by writing its pid into a file."""
    return [
        sys.executable,
        "-c",
        f"import os, pathlib; pathlib.Path({str(path)!r}).write_text(str(os.getpid())); {code}",
    ]


@pytest.fixture
async def supervisor(tmp_path):
    (tmp_path / "logs").mkdir()
    changes: list[int] = []
    made = Supervisor(tmp_path, Heard(), lambda: changes.append(1))
    yield made
    await made.stop_all([])
    assert processes.marked(tmp_path) == []


async def until(condition, seconds=PATIENCE):
    async with asyncio.timeout(seconds):
        while True:
            if condition():
                return
            await asyncio.sleep(0.02)


async def test_it_waits_until_a_part_is_ready(supervisor, tmp_path):
    sign = tmp_path / "sign"
    await supervisor.start(Part("one", writer(sign), sign.exists, address="here"))
    state = supervisor.states["one"]
    assert (state.state, state.pid, state.address) == ("running", int(sign.read_text()), "here")
    assert processes.is_alive(state.pid, state.started)


async def test_a_killed_part_is_started_again_and_said(supervisor, tmp_path):
    sign = tmp_path / "sign"
    await supervisor.start(Part("one", writer(sign), sign.exists))
    first = supervisor.states["one"].pid
    sign.unlink()
    os.kill(first, signal.SIGKILL)
    await until(
        lambda: supervisor.states["one"].restarts == 1 and supervisor.states["one"].state == "running"
    )
    assert supervisor.states["one"].pid == int(sign.read_text()) != first
    assert "one was killed by SIGKILL; started again in 0.2 s (restart 1)" in supervisor._talk.lines
    assert supervisor._talk.lines[-1] == "one is ready again"


async def test_the_backoff_grows_and_stays_short_for_what_works(supervisor, tmp_path, monkeypatch):
    monkeypatch.setattr(supervising, "STABLE_AFTER", PATIENCE)
    monkeypatch.setattr(supervising, "FIRST_BACKOFF", 0.01)
    monkeypatch.setattr(supervising, "LONGEST_WHEN_READY", 0.02)
    sign = tmp_path / "sign"
    broken = tmp_path / "broken"
    die_when_broken = f"os.path.exists({str(broken)!r}) and os._exit(3); import time; time.sleep(600)"
    part = Part("one", writer(sign, die_when_broken), lambda: sign.exists() and not broken.exists())
    await supervisor.start(part)
    for restart in (1, 2, 3):
        os.kill(supervisor.states["one"].pid, signal.SIGKILL)
        await until(
            lambda n=restart: (
                supervisor.states["one"].restarts == n and supervisor.states["one"].state == "running"
            )
        )
    broken.touch()
    os.kill(supervisor.states["one"].pid, signal.SIGKILL)
    await until(lambda: supervisor.states["one"].restarts >= 6)
    said = [line for line in supervisor._talk.lines if "started again" in line]
    waits = [line.split(" in ")[1].split(" s ")[0] for line in said]
    assert waits[:6] == ["0.01", "0.02", "0.02", "0.02", "0.16", "0.32"]


async def test_a_part_that_ends_at_its_first_start_is_an_error_with_its_last_words(supervisor, tmp_path):
    argv = [sys.executable, "-c", "import sys; sys.exit('the disk is on fire')"]
    with pytest.raises(ExceptionGroup) as caught:
        await supervisor.start(Part("one", argv, lambda: False))
    problem = caught.value.exceptions[0]
    assert isinstance(problem, LocalError)
    assert problem.error == "one did not start"
    assert "ended with exit code 1" in problem.cause
    assert "the disk is on fire" in problem.cause
    assert str(tmp_path / "logs" / "one.log") in problem.hint


async def test_a_known_exit_code_has_an_error_of_its_own(supervisor):
    known = LocalError("the port is taken", exit_code=6)
    part = Part("one", [sys.executable, "-c", "raise SystemExit(98)"], lambda: False, explain={98: known}.get)
    with pytest.raises(ExceptionGroup) as caught:
        await supervisor.start(part)
    assert caught.value.exceptions == (known,)


async def test_a_part_that_is_never_ready_is_an_error_and_is_ended(supervisor, tmp_path):
    sign = tmp_path / "sign"
    with pytest.raises(ExceptionGroup) as caught:
        await supervisor.start(Part("one", writer(sign), lambda: False, timeout=0.3))
    assert "not ready after" in str(caught.value.exceptions[0].cause)
    await supervisor.stop("one")
    assert processes.started_at(int(sign.read_text())) == ""


async def test_stop_ends_only_what_is_named_and_does_not_start_it_again(supervisor, tmp_path):
    parts = [Part(name, writer(tmp_path / name), (tmp_path / name).exists) for name in ("one", "two")]
    await supervisor.start(*parts)
    await supervisor.stop("one")
    assert supervisor.states["one"].state == "stopped"
    assert not (supervisor.states["one"].pid)
    assert processes.is_alive(supervisor.states["two"].pid, supervisor.states["two"].started)
    assert supervisor.states["one"].restarts == 0
