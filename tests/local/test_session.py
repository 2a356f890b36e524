"""A stack that several people end at once."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from sequence_operator.local import folders, session
from support.processes import wait_until


class Talk:
    """Keeps what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def state(folder: Path) -> Path:
    claimed = folders.claim(folder / "state")
    (claimed / "data").mkdir()
    for number in range(300):
        (claimed / "data" / str(number)).write_text("x")
    return claimed


def end_together(folder: Path) -> tuple[list[bool], list[str]]:
    """What four `down --purge` of one moment answered, and said."""
    start, talk = threading.Barrier(4), Talk()
    answers: list[bool] = []

    def one() -> None:
        start.wait()
        answers.append(session.end(folder, purge=True, talk=talk))

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers, talk.said


def test_nobody_stumbles_over_what_another_removed(tmp_path: Path) -> None:
    for number in range(5):
        folder = state(tmp_path / str(number))
        assert end_together(folder) == ([False] * 4, [])
        assert not folder.exists()


def test_the_stack_is_ended_and_none_of_those_who_end_it(tmp_path: Path) -> None:
    folder = state(tmp_path)
    program = "import sys; from pathlib import Path; from sequence_operator.local import session\n"
    program += "lock = session.lock_of(Path(sys.argv[1])); lock.acquire(wait=True); input()"
    holder = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE)
    wait_until(lambda: session.lock_of(folder).holder() == str(holder.pid), "the stack holds the lock")
    answers, said = end_together(folder)
    assert len(answers) == 4
    assert any(answers)
    assert set(said) == {f"stopping the local stack (process {holder.pid})"}
    assert holder.wait(1) == -15
    assert not folder.exists()
    assert holder.stdin is not None
    holder.stdin.close()
