"""A run in a file: repeated by another process it comes to the same, and what is wrong with it is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequence_paper.feed.events import BookDelta, BookSnapshot
from sequence_paper.feed.recorded import open_connection
from sequence_paper.replay import capsule as capsules
from sequence_paper.replay.capsule import Capsule, CapsuleError, Expected
from sequence_paper.replay.compare import expected_of, first_other_fill, rows
from sequence_paper.replay.make import main as make
from sequence_paper.replay.program import main
from sequence_paper.replay.run import run

SECOND = 10**9


@pytest.fixture
def path(sealed: Callable[..., Capsule], tmp_path: Path) -> Path:
    path = tmp_path / "run.seqcap"
    capsules.write(path, sealed())
    return path


def replay(path: Path, hash_seed: str) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "sequence_paper.replay", str(path), "--json"],
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("hash_seed", ["0", "1", "random"])
def test_every_process_comes_to_the_same(path: Path, hash_seed: str) -> None:
    code, answer = replay(path, hash_seed)
    assert (code, answer["equal"]) == (0, True)
    assert answer["sha256"] == answer["expected_sha256"]
    assert answer["fills"] > 0
    assert answer["callbacks"] > 1000
    assert answer["differs"] is None


def test_latency_is_part_of_a_run(sealed: Callable[..., Capsule], tmp_path: Path) -> None:
    instant, path = sealed(), tmp_path / "slow.seqcap"
    capsules.write(path, replace(instant, latency="venue"))
    one, two = run(capsules.read(path)), run(capsules.read(path))
    assert one.log.digest() == two.log.digest() != run(instant).log.digest()
    assert one.kept.fills


def test_a_capsule_is_what_was_written(sealed: Callable[..., Capsule], tmp_path: Path) -> None:
    capsule, path = sealed(), tmp_path / "a.seqcap"
    capsules.write(path, capsule)
    assert capsules.read(path) == capsule
    assert capsules.packed(capsule) == path.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["a.seqcap"]


def test_where_a_run_parts_from_what_was_expected(
    path: Path, sealed: Callable[..., Capsule], capsys: pytest.CaptureFixture[str]
) -> None:
    capsule = capsules.read(path)
    expected = capsule.expected
    assert expected is not None
    seconds = [(at, digest if n < 5 else "0" * 64) for n, (at, digest) in enumerate(expected.seconds)]
    capsules.write(path, replace(capsule, expected=Expected("0" * 64, expected.records, seconds)))
    assert main([str(path), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert answer["differs"] == {
        "equal_until_ns": capsule.feed.start_ns + 5 * SECOND,
        "differs_by_ns": capsule.feed.start_ns + 6 * SECOND,
    }
    assert main([str(path)]) == 1
    assert "differs    equal until" in capsys.readouterr().out


def test_the_installed_recording(sealed: Callable[..., Capsule]) -> None:
    capsule = sealed(words="replay:bitstamp-btcusd", seconds=3.0)
    assert capsule.expected is not None
    assert capsule.frames is None
    assert run(capsule).log.digest() == capsule.expected.sha256
    with pytest.raises(CapsuleError, match="not what this capsule was made with"):
        run(replace(capsule, feed=replace(capsule.feed, sha256="0" * 64)))


def test_a_recording_of_ours_is_inside(sealed: Callable[..., Capsule], recording: Path) -> None:
    given = {"words": f"replay:{recording}", "venue": "coinbase", "seconds": 5.0}
    capsule = sealed(**given)
    whole = recording.read_bytes()
    recording.unlink()
    again = capsules.unpacked(capsules.packed(capsule))
    assert again.frames is not None
    assert len(again.frames) < len(whole)
    assert "/" not in again.feed.words.partition(":")[2]
    outcome = run(again)
    assert again.expected == expected_of(outcome.log)
    assert (outcome.events, len(outcome.log.seconds)) == (100, 5)


def test_a_connection_begins_without_a_book_and_has_no_end(recording: Path) -> None:
    feed = open_connection(recording, venue="coinbase", symbols=["BTC-USD"], start_ns=SECOND)
    assert feed.prime() == []
    first, *others = list(feed)
    assert isinstance(first, BookSnapshot)
    assert len(others) == 198
    assert {type(event) for event in others} == {BookDelta}


def test_seconds_pass_after_the_last_frame_of_a_slice(
    sealed: Callable[..., Capsule], recording: Path
) -> None:
    given = {"words": f"replay:{recording}", "venue": "coinbase"}
    cut, whole = sealed(**given, seconds=3.05), sealed(**given, seconds=30.0)
    assert cut.expected is not None
    assert whole.expected is not None
    assert cut.expected.seconds == whole.expected.seconds[: len(cut.expected.seconds)]
    assert cut.feed.cut
    assert not whole.feed.cut


def test_sealing_refuses_what_the_platform_had_otherwise(
    sealed: Callable[..., Capsule], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsule, path = sealed(), tmp_path / "a.seqcap"
    stored = rows(run(capsule).kept.fills)
    capsules.write(path, replace(capsule, expected=None, stored=stored))
    assert main([str(path)]) == 2
    assert "has no digest" in capsys.readouterr().err
    assert main([str(path), "--seal"]) == 0
    assert capsules.read(path).expected == capsule.expected
    other = [*stored[:-1], [*stored[-1][:4], stored[-1][4] + 1, *stored[-1][5:]]]
    capsules.write(path, replace(capsule, expected=None, stored=other))
    assert main([str(path), "--seal"]) == 1
    assert "cause: the platform stored replay/main/" in capsys.readouterr().err
    assert capsules.read(path).expected is None
    assert "no further fill" in first_other_fill(stored, stored[:-1])


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "not a capsule"), (b"text", "not a capsule"), (None, "cannot be read")],
)
def test_what_is_no_capsule_is_refused(
    content: bytes | None, why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.seqcap"
    if content is not None:
        path.write_bytes(content)
    assert main([str(path)]) == 2
    assert why in capsys.readouterr().err


def test_damage_is_found_before_anything_runs(sealed: Callable[..., Capsule]) -> None:
    capsule = sealed()
    [digest] = capsule.modules
    for damaged, why in [
        (replace(capsule, modules={digest: b"other"}), "damaged"),
        (replace(capsule, modules={}), "a module is missing"),
        (replace(capsule, inputs=[replace(capsule.inputs[0], body={})]), "manifest of this capsule"),
    ]:
        with pytest.raises(CapsuleError, match=why):
            capsules.unpacked(capsules.packed(damaged))
    with pytest.raises(CapsuleError, match="the feed is another"):
        run(replace(capsule, inputs=[replace(capsule.inputs[0], taken=5)]))


def test_one_is_made_by_a_command(maker: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wasm, path = tmp_path / "maker.wasm", tmp_path / "made.seqcap"
    wasm.write_bytes(maker)
    assert make([str(path), "--wasm", str(wasm), "--seconds", "2"]) == 0
    assert capsys.readouterr().out.startswith(str(path))
    assert main([str(path)]) == 0
    assert "equal      the same run" in capsys.readouterr().out
    assert make([str(path), "--wasm", str(wasm), "--feed", "dead"]) == 2
    assert "is not a feed" in capsys.readouterr().err
