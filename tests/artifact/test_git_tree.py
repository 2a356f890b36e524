"""Trees of a real git repository: of a commit, bare or not, and of a working folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.git_tree import CommitTree, WorkingTree
from sequence_operator.artifact.tree import pack


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    (folder / "algos/a").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "algos/a/lib.rs").write_text("fn a() {}\n")
    (folder / "algos/a/run").write_text("#!/bin/sh\n")
    (folder / "algos/a/run").chmod(0o755)
    (folder / "algos/a/two\nlines").write_bytes(b"\0\xff")
    os.symlink("lib.rs", folder / "algos/a/link")
    (folder / os.fsdecode(b"\xff.txt")).write_text("latin")
    (folder / ".gitignore").write_text("target/\n")
    (folder / ".gitattributes").write_text("*.rs filter=evil eol=crlf\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    return folder


def test_a_commit_is_read_as_it_is_stored(clone: Path, tmp_path: Path) -> None:
    head = git(clone, "rev-parse", "HEAD")
    with CommitTree(clone, head) as tree:
        assert [(entry.path, entry.kind, entry.size) for entry in tree.entries()] == [
            (".gitattributes", "file", 26),
            (".gitignore", "file", 8),
            ("algos/a/lib.rs", "file", 10),
            ("algos/a/link", "symlink", 6),
            ("algos/a/run", "executable", 10),
            ("algos/a/two\nlines", "file", 2),
            ("\udcff.txt", "file", 5),
        ]
        assert tree.read("algos/a/lib.rs") == b"fn a() {}\n"
        assert tree.read("algos/a/link") == b"lib.rs"
        assert tree.read("algos/a/two\nlines") == b"\0\xff"
        assert tree.entries()[2].blob == git(clone, "rev-parse", "HEAD:algos/a/lib.rs")
        of_commit = pack(tree)
    git(tmp_path, "clone", "-q", "--bare", str(clone), "bare.git")
    with CommitTree(tmp_path / "bare.git", head) as bare:
        assert pack(bare) == of_commit
    assert pack(WorkingTree(clone / "algos")) == of_commit


def test_a_working_folder_is_what_a_commit_of_it_would_be(clone: Path) -> None:
    (clone / "algos/a/lib.rs").write_text("fn b() {}\n")
    (clone / "algos/new.rs").write_text("new")
    (clone / "algos/a/run").unlink()
    (clone / "algos/target").mkdir()
    (clone / "algos/target/out.wasm").write_text("built")
    before = pack(WorkingTree(clone))
    git(clone, "add", "-A")
    git(clone, "commit", "-qm", "two")
    with CommitTree(clone, "HEAD") as tree:
        assert "algos/target/out.wasm" not in {entry.path for entry in tree.entries()}
        assert pack(tree) == before


def test_nothing_of_the_repository_is_executed(clone: Path, tmp_path: Path) -> None:
    mark = tmp_path / "executed"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    for key in ("core.fsmonitor", "filter.evil.smudge", "filter.evil.clean", "core.sshCommand"):
        git(clone, "config", key, str(script))
    mark.unlink(missing_ok=True)
    with CommitTree(clone, "HEAD") as tree:
        pack(tree)
    pack(WorkingTree(clone))
    assert not mark.exists()


def test_a_submodule_is_seen_but_not_read(clone: Path) -> None:
    git(clone, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(clone, "commit", "-qm", "submodule")
    with CommitTree(clone, "HEAD") as tree:
        assert [e.path for e in tree.entries() if e.kind == "submodule"] == ["sub"]
        with pytest.raises(ArtifactError):
            tree.read("sub")
        pack(tree)


@pytest.mark.parametrize("commit", ["f" * 40, "absent", "--output=/tmp/x", ""])
def test_an_unknown_commit(clone: Path, commit: str) -> None:
    with CommitTree(clone, commit) as tree, pytest.raises(ArtifactError) as refused:
        tree.entries()
    assert refused.value.reason == "GitFailed"


def test_a_file_that_is_absent_or_too_large(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with CommitTree(clone, "HEAD", limit=5) as tree:
        for each in (tree, WorkingTree(clone, limit=5)):
            for path, reason in (("absent", "FileMissing"), ("algos/a/lib.rs", "FileTooLarge")):
                with pytest.raises(ArtifactError) as refused:
                    each.read(path)
                assert refused.value.reason == reason
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ArtifactError) as refused:
        WorkingTree(clone)
    assert refused.value.reason == "GitMissing"
