"""Raw to Parquet: killed at any moment nothing is twice and nothing is lost; what is too much goes, oldest first."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.store.ticks import TickStore
from sequence_paper.store.ticks.compact import compact, retain
from sequence_paper.store.ticks.folder import look
from sequence_paper.store.ticks.writing import TickWriter
from support.processes import wait_until

T0 = 1_770_000_000 * 10**9
SECOND = 10**9
FAR = 2**62


def numbers(folder: Path, run_ns: int = 1) -> list[int]:
    """The numbers of all records of a run, of every kind and symbol, that a question would see."""
    store = TickStore(folder)
    found: list[int] = []
    for kind in ("tob", "trade", "depth"):
        for symbol in ("BTC-USD", "ETH-USD"):
            found += [
                n
                for (n,) in store._reading.all("kraken", kind, symbol, 0, FAR, run_ns, "SELECT seq FROM rows")
            ]
    return sorted(found)


def some(run: Any, count: int, begin: int = 0) -> None:
    for n in range(begin, begin + count):
        run.tob(n * SECOND, (100 + n, 1), (102 + n, 1), symbol=n % 2)
        run.trade(n * SECOND + 1, 101, 5)
        run.depth(n * SECOND + 2, [(100, 1)], [(102, 1)])


@pytest.fixture
def run(tape: Callable[..., Any]) -> Any:
    begun = tape(segment_bytes=600)
    some(begun, 30)
    return begun


@pytest.mark.parametrize("stop_at", ["os.rename", "os.fsync", "pathlib.Path.unlink"])
def test_a_crash_at_any_step_neither_doubles_nor_loses(
    run: Any, monkeypatch: pytest.MonkeyPatch, stop_at: str
) -> None:
    run.writer.close()
    everything = list(range(90))
    assert numbers(run.folder) == everything

    class Died(BaseException): ...

    owner, name = (Path, "unlink") if "unlink" in stop_at else (os, stop_at.rpartition(".")[2])
    real = getattr(owner, name)
    for allowed in range(4):
        left = allowed

        def step(*args: Any, **more: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Died
            left -= 1
            return real(*args, **more)

        with monkeypatch.context() as patched:
            patched.setattr(owner, name, step)
            with pytest.raises(Died):
                compact(run.folder)
        assert numbers(run.folder) == everything
    assert compact(run.folder) > 0
    retain(run.folder)
    assert numbers(run.folder) == everything
    assert not look(run.folder).segments
    assert not list(run.folder.rglob("*.partial"))


def test_a_compactor_that_is_killed_is_followed_by_one_that_ends_its_work(tape: Callable[..., Any]) -> None:
    run = tape(segment_bytes=2_000)
    some(run, 600)
    run.writer.close()
    before = len(look(run.folder).segments)
    code = (
        "import sys; from pathlib import Path; from sequence_paper.store.ticks.compact import compact; "
        "compact(Path(sys.argv[1]))"
    )
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", code, str(run.folder)])
        left = len(look(run.folder).segments)
        wait_until(lambda left=left: len(look(run.folder).segments) < left, "it has begun")  # type: ignore[misc]
        child.kill()
        child.wait()
        assert numbers(run.folder) == list(range(1_800))
    assert 0 < len(look(run.folder).segments) < before, "each was killed in the middle"
    compact(run.folder)
    assert numbers(run.folder) == list(range(1_800)) and not look(run.folder).segments


def test_a_writer_that_is_killed_leaves_whole_records(tmp_path: Path, tape: Callable[..., Any]) -> None:
    code = (
        "import sys; from pathlib import Path; from sequence_paper.store.ticks import records\n"
        "from sequence_paper.store.ticks.writing import TickWriter\n"
        "w = TickWriter(Path(sys.argv[1]), 'kraken', 1, ['BTC-USD'], 'a test', segment_bytes=100_000)\n"
        "n = 0\n"
        "while True:\n"
        "    w.write(b''.join(records.tob(0, 0, True, n + i, 1, 1, 2, 2) for i in range(100)), 100); n += 100\n"
    )
    folder = tmp_path / "ticks"
    child = subprocess.Popen([sys.executable, "-c", code, str(folder)])
    wait_until(lambda: len(look(folder).segments) > 2, "it writes")
    held = look(folder).segments[-1]
    assert compact(folder) >= 1
    child.kill()
    child.wait()
    [torn] = [s for s in look(folder).segments if s.number >= held.number][-1:]
    with torn.path.open("ab") as file:
        file.write(b"\1\0\0\1half a record")
    before = numbers(folder)
    assert before == list(range(len(before))) and len(before) % 100 == 0
    compact(folder)
    assert not look(folder).segments
    assert numbers(folder) == before


def test_zeros_of_a_power_cut_hide_nothing_else(run: Any, tape: Callable[..., Any]) -> None:
    run.writer.close()
    last = look(run.folder).segments[-1]
    with last.path.open("ab") as file:
        file.write(bytes(500))
    other = tape(run_ns=2)
    some(other, 2)
    other.writer.close()
    for _ in ("raw", "compacted"):
        assert numbers(run.folder) == list(range(90)) and numbers(run.folder, 2) == list(range(6))
        compact(run.folder)
    assert not look(run.folder).segments


def test_a_segment_whose_writer_lives_is_left_alone(run: Any) -> None:
    [*finished, last] = look(run.folder).segments
    assert compact(run.folder) == len(finished)
    assert [s.path for s in look(run.folder).segments] == [last.path]
    some(run, 1, begin=30)
    assert numbers(run.folder) == list(range(93))


def test_the_oldest_parts_go_when_there_is_too_much_or_they_are_too_old(run: Any) -> None:
    run.writer.close()
    compact(run.folder)
    assert retain(run.folder) == 0
    parts = look(run.folder).parts
    sizes = sum(part.path.stat().st_size for part in parts)
    assert retain(run.folder, max_bytes=sizes - 1) > 0
    left = numbers(run.folder)
    assert left == list(range(90 - len(left), 90)), "the newest stay, whole segments at a time"
    assert sum(part.path.stat().st_size for part in look(run.folder).parts) <= sizes - 1
    first = look(run.folder).parts[0]
    for part in look(run.folder).parts:
        if part.number == first.number:
            os.utime(part.path, (time.time() - 100, time.time() - 100))
    retain(run.folder, max_age_seconds=50)
    assert numbers(run.folder) == list(range(90 - len(numbers(run.folder)), 90))
    assert all(part.number > first.number for part in look(run.folder).parts)
    retain(run.folder, max_bytes=0)
    assert numbers(run.folder) == []


def test_files_are_for_the_owner_only(run: Any) -> None:
    run.writer.close()
    compact(run.folder)
    for path in [run.folder, *run.folder.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_raw_bytes_are_bounded_although_nobody_compacts(tape: Callable[..., Any], tmp_path: Path) -> None:
    folder = tmp_path / "ticks"
    writer = TickWriter(folder, "kraken", 1, ["BTC-USD"], "a test", segment_bytes=400, max_raw_bytes=2_000)
    from sequence_paper.store.ticks import records

    for n in range(500):
        writer.write(records.tob(0, 0, True, n, 1, 1, 2, 1), 1)
    assert sum(s.path.stat().st_size for s in look(folder).segments) < 2_000 + 400 + 200
    assert writer.dropped > 0
    kept = 500 - writer.dropped
    compact(folder)
    writer.write(records.tob(0, 0, True, 501, 1, 1, 2, 1), 1)
    assert writer.dropped == 0
    assert numbers(folder) == list(range(kept + 1))


def test_a_full_disk_loses_records_but_never_half_a_batch(
    tape: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tape()
    some(run, 2)
    real, calls = os.write, 0

    def full(descriptor: int, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            return real(descriptor, bytes(data)[:10])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        run.tob(5 * SECOND, (1, 1), (2, 2))
    assert run.writer.dropped == 1
    some(run, 1, begin=6)
    assert numbers(run.folder) == list(range(9))


def test_a_question_asked_while_parts_go_is_asked_again(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    run.writer.close()
    compact(run.folder)
    store = TickStore(run.folder)
    reading = store._reading
    real, calls = reading._run, 0

    def racing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 1:
            next(p for p in look(run.folder).parts if p.kind == "tob").path.unlink()
        return real(*args)

    monkeypatch.setattr(reading, "_run", racing)
    assert store._reading.all("kraken", "tob", "BTC-USD", 0, FAR, None, "SELECT seq FROM rows")
    assert calls == 2
