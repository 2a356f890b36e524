"""The control plane's binary: found, built once however many ask, or refused with the way out."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from sequence_operator import assets
from sequence_operator.local import binary, gobuild
from sequence_operator.local.errors import LocalError


class Heard:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def small_module(tmp_path: Path) -> Path:
    """A Go module with the real go.mod whose program only prints a word: it compiles in a moment."""
    source = tmp_path / "module"
    source.mkdir()
    for name in ("go.mod", "go.sum"):
        shutil.copy(assets.path("controlplane") / name, source / name)
    (source / "main.go").write_text('package main\n\nfunc main() { println("built") }\n')
    return source


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    # Go keeps its own cache below XDG_CACHE_HOME too: it stays where compiled packages are.
    own = subprocess.run([binary.find_go(), "env", "GOCACHE"], capture_output=True, text=True, check=True)
    monkeypatch.setenv("GOCACHE", own.stdout.strip())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(binary.VARIABLE, raising=False)
    return tmp_path / "cache"


def test_a_named_binary_is_taken_as_it_is(monkeypatch, tmp_path):
    program = tmp_path / "mine"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv(binary.VARIABLE, str(program))
    assert binary.resolve(Heard()) == program


@pytest.mark.parametrize(("content", "cause"), [(None, "no such file"), ("x", "not executable")])
def test_a_named_binary_that_is_none(monkeypatch, tmp_path, content, cause):
    program = tmp_path / "mine"
    if content is not None:
        program.write_text(content)
        program.chmod(0o644)
    monkeypatch.setenv(binary.VARIABLE, str(program))
    with pytest.raises(LocalError) as caught:
        binary.resolve(Heard())
    assert cause in caught.value.cause
    assert "unset SEQUENCE_CONTROLPLANE" in caught.value.hint
    assert caught.value.exit_code == 5


def test_without_go_the_ways_out_are_named(cache, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(binary, "USUAL_FOLDER", "/nowhere")
    with pytest.raises(LocalError) as caught:
        binary.resolve(Heard())
    assert caught.value.exit_code == 5
    for way in ("go.dev/dl", "SEQUENCE_CONTROLPLANE", "sequence up --kube-context"):
        assert way in caught.value.hint
    assert not list(cache.rglob("*"))  # nothing half-done


def test_the_hash_follows_the_sources_and_not_the_tests(small_module):
    first = binary.module_hash(small_module)
    (small_module / "main_test.go").write_text("package main\n")
    assert binary.module_hash(small_module) == first
    (small_module / "more.go").write_text("package main\n")
    assert binary.module_hash(small_module) != first


def test_it_is_built_once_and_then_found(cache, small_module, monkeypatch):
    monkeypatch.setattr(binary.assets, "path", lambda name: small_module)
    heard = Heard()
    built = binary.resolve(heard)
    assert subprocess.run([built], capture_output=True, text=True).stderr == "built\n"
    assert "kube-apiserver v1.36.3" in heard.lines[0]
    again = Heard()
    assert binary.resolve(again) == built
    assert again.lines == []


def test_binaries_that_nobody_used_for_a_month_are_removed(cache, small_module, monkeypatch):
    monkeypatch.setattr(binary.assets, "path", lambda name: small_module)
    month_ago = time.time() - 31 * 24 * 3600
    for name, used in (("old", month_ago), ("recent", time.time())):
        folder = cache / "sequence" / "controlplane" / name
        folder.mkdir(parents=True)
        (folder / binary.NAME).touch()
        os.utime(folder / binary.NAME, (used, used))
    built = binary.resolve(Heard())
    left = {path.name for path in (cache / "sequence" / "controlplane").iterdir()}
    assert left == {"recent", built.parent.name}


def test_progress_is_told_while_it_compiles(small_module, tmp_path, monkeypatch):
    names = [f"part{number}" for number in range(25)]
    for name in names:  # of which Go has none compiled yet: each says what no other run says
        (small_module / name).mkdir()
        said = f"package {name}\n\nconst Said = {uuid.uuid4().hex!r}\n".replace("'", '"')
        (small_module / name / "said.go").write_text(said)
    module = re.search(r"^module (\S+)", (small_module / "go.mod").read_text(), re.M)[1]
    imports = "\n".join(f'import "{module}/{name}"' for name in names)
    uses = "\n".join(f"\tprintln({name}.Said)" for name in names)
    (small_module / "main.go").write_text(f"package main\n\n{imports}\n\nfunc main() {{\n{uses}\n}}\n")
    monkeypatch.setattr(gobuild, "SECONDS_BETWEEN_LINES", 0.0)
    heard = Heard()
    gobuild.build(binary.find_go(), small_module, tmp_path / "program", heard)
    counts = [
        int(line.split(" packages")[0].split()[-1]) for line in heard.lines if "packages compiled" in line
    ]
    assert counts
    assert counts == sorted(counts)
    assert counts[-1] > 20


def test_two_that_ask_at_once_build_once(cache, small_module, tmp_path):
    script = (
        "import sys, pathlib\n"
        "from sequence_operator.local import binary\n"
        "from sequence_operator.local.talk import StreamTalk\n"
        f"binary.assets.path = lambda name: pathlib.Path({str(small_module)!r})\n"
        "print(binary.resolve(StreamTalk()))\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert told[0][0] == told[1][0]
    assert sum("built the local control plane" in talk for _, talk in told) == 1


def test_a_failed_build_shows_the_compiler_and_leaves_nothing(cache, small_module, monkeypatch):
    monkeypatch.setattr(binary.assets, "path", lambda name: small_module)
    (small_module / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(LocalError) as caught:
        binary.resolve(Heard())
    assert "undefined: undefined" in caught.value.cause
    assert [path.name for path in cache.rglob("*") if path.is_file()] == ["build.lock"]


def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.delenv(binary.VARIABLE, raising=False)
    with pytest.raises(LocalError) as caught:
        binary.resolve(Heard())
    assert "XDG_CACHE_HOME=" in caught.value.hint


def test_the_version_is_the_one_of_go_mod(small_module):
    assert gobuild.kubernetes_version(small_module) == "v1.36.3"
    link = gobuild.flags(small_module)[-1]
    for part in ("gitVersion=v1.36.3", "gitMajor=1", "gitMinor=36"):
        assert part in link
