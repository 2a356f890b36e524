"""Which files a build needs: by tables of repositories, and by real cargo on what was chosen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inputs import build_inputs
from sequence_operator.artifact.tree import Entry


class Files:
    """A repository in memory: path to content, `->` before a link's target."""

    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def entries(self) -> list[Entry]:
        return [
            Entry(path, "symlink" if text.startswith("->") else "file", len(text))
            for path, text in sorted(self.files.items())
        ]

    def read(self, path: str) -> bytes:
        return self.files[path].removeprefix("->").encode()


def crate(name: str, more: str = "") -> str:
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n{more}'


ALONE = {
    "a/Cargo.toml": crate("a", "[workspace]\n"),
    "a/Cargo.lock": "",
    "a/src/lib.rs": "",
    "a/data/prices.csv": "",
}
"""A crate that stands alone."""
WORKSPACE = {
    "Cargo.toml": '[workspace]\nmembers = ["algos/*", "lib"]\nexclude = ["algos/old"]\n'
    '[workspace.dependencies]\nshared = { path = "lib" }\n',
    "Cargo.lock": "",
    "algos/a/Cargo.toml": crate("a", "[dependencies]\nshared = { workspace = true }\n"),
    "algos/a/src/lib.rs": "",
    "algos/b/Cargo.toml": crate("b", '[dependencies]\nhelp = { path = "../../help" }\n'),
    "algos/b/src/lib.rs": "",
    "algos/old/Cargo.toml": crate("old"),
    "algos/old/src/lib.rs": "",
    "lib/Cargo.toml": crate("shared"),
    "lib/src/lib.rs": "",
    "help/Cargo.toml": crate("help"),
    "help/src/lib.rs": "",
}
OF_A = {"Cargo.toml", "Cargo.lock", "algos/a/Cargo.toml", "algos/a/src/lib.rs", "lib/Cargo.toml", "lib/src/lib.rs",
        "algos/b/Cargo.toml", "help/Cargo.toml"}  # fmt: skip


@pytest.mark.parametrize(
    ("files", "folder", "more"),
    [
        ({}, "a", set()),
        ({"a/Sequence.toml": "", "a/sub/Sequence.toml": "", "README.md": "", "b/src/lib.rs": ""}, "a", set()),
        ({"a/target/x": "", "a/.cargo/config.toml": "", "a/rust-toolchain.toml": "", "a/.gitignore": ""}, "a", set()),
        ({"a/src/target/mod.rs": ""}, "a", {"a/src/target/mod.rs"}),
        ({"a/inner/Cargo.toml": crate("inner"), "a/inner/src/lib.rs": ""}, "a", set()),
        ({}, "./a/", set()),
        ({}, "b/../a", set()),
        ({"a/src/x.rs": "->../../common/x.rs", "common/x.rs": ""}, "a", {"a/src/x.rs", "common/x.rs"}),
        ({"a/src/m": "->../../m", "m/mod.rs": "", "m/Sequence.toml": ""}, "a", {"a/src/m", "m/mod.rs"}),
        ({"a/dangling": "->nowhere"}, "a", {"a/dangling"}),
        ({"link": "->a"}, "link", {"link"}),
    ],
)  # fmt: skip
def test_a_crate_alone(files: dict[str, str], folder: str, more: set[str]) -> None:
    assert set(build_inputs(Files(ALONE | files), folder)) == set(ALONE) | more


@pytest.mark.parametrize(
    "tables",
    [
        '[dependencies]\nb = { path = "../b" }\n',
        '[dependencies.b]\npath = "../b"\noptional = true\n',
        '[dev-dependencies]\nb = { path = "../x/../b" }\n',
        '[build-dependencies]\nb = { version = "1", path = "../b" }\n',
        "[target.'cfg(unix)'.dependencies]\nb = { path = '../b' }\n",
        '[target.wasm32-unknown-unknown.dev-dependencies]\nb = { path = "../b" }\n',
        '[dependencies]\nb = "1"\n[patch.crates-io]\nb = { path = "../b" }\n',
        '[dependencies]\nb = "1"\n[replace]\n"b:0.1.0" = { path = "../b" }\n',
    ],
)
def test_dependencies_by_path_of_every_kind_and_of_theirs(tables: str) -> None:
    files = ALONE | {
        "a/Cargo.toml": crate("a", f"[workspace]\n{tables}"),
        "b/Cargo.toml": crate("b", '[dependencies]\nc = { path = "../libs/c" }\na = { path = "../a" }\n'),
        "b/src/lib.rs": "",
        "libs/c/Cargo.toml": crate("c"),
        "libs/c/src/lib.rs": "",
        "libs/d/Cargo.toml": crate("d"),
    }
    assert set(build_inputs(Files(files), "a")) == set(files) - {"libs/d/Cargo.toml"}


def test_a_workspace_gives_its_other_members_by_manifest_only() -> None:
    assert set(build_inputs(Files(WORKSPACE), "algos/a")) == OF_A
    assert "algos/a/src/lib.rs" not in build_inputs(Files(WORKSPACE), "algos/b")


def test_an_excluded_crate_has_its_own_lock() -> None:
    with pytest.raises(ArtifactError) as refused:
        build_inputs(Files(WORKSPACE), "algos/old")
    assert (refused.value.reason, "algos/old/Cargo.lock" in refused.value.message) == ("LockMissing", True)
    files = WORKSPACE | {"algos/old/Cargo.lock": ""}
    expected = ("algos/old/Cargo.lock", "algos/old/Cargo.toml", "algos/old/src/lib.rs")
    assert build_inputs(Files(files), "algos/old") == expected


def test_a_crate_may_name_its_workspace() -> None:
    files = WORKSPACE | {
        "Cargo.toml": '[workspace]\nmembers = ["far/x/**"]\n',
        "far/x/y/Cargo.toml": crate("y", 'workspace = "../../.."\n'),
        "far/x/y/src/lib.rs": "",
    }
    expected = {"Cargo.toml", "Cargo.lock", "far/x/y/Cargo.toml", "far/x/y/src/lib.rs"}
    assert set(build_inputs(Files(files), "far/x/y")) == expected


@pytest.mark.parametrize(
    ("files", "folder", "reason", "says"),
    [
        ({}, "absent", "ManifestMissing", "no absent/Cargo.toml in git"),
        ({}, "../a", "PathLeaves", "../a is no folder"),
        ({}, "/etc", "PathLeaves", "/etc is no folder"),
        ({"x/Cargo.toml": crate("x")}, "x", "LockMissing", "x/Cargo.lock is not in git"),
        ({"a/Cargo.toml": "[package]\nname = = 1\n"}, "a", "ManifestInvalid", "a/Cargo.toml:2:8: not TOML"),
        ({"a/Cargo.toml": crate("a", '[workspace]\n[dependencies]\nb = { path = "../../b" }\n')}, "a",
         "PathLeaves", 'a/Cargo.toml:7:14: "../../b" leaves the repository'),
        ({"a/Cargo.toml": crate("a", '[workspace]\n[dependencies]\nb = { path = "/srv/b" }\n')}, "a",
         "PathLeaves", 'a/Cargo.toml:7:14: "/srv/b" leaves'),
        ({"a/Cargo.toml": crate("a", '[workspace]\n[dependencies.b]\npath = "../b"\n')}, "a",
         "PathMissing", "a/Cargo.toml:7:8: there is no b/Cargo.toml in git"),
        ({"a/Cargo.toml": crate("a", 'workspace = "../.."\n')}, "a", "PathLeaves", "a/Cargo.toml:5:13:"),
        ({"a/src/x": "->../../../etc"}, "a", "PathLeaves", "a/src/x: this link leaves"),
        ({"a/src/x": "->/etc/passwd"}, "a", "PathLeaves", "a/src/x: this link leaves"),
        ({"out": "->/tmp"}, "out", "PathLeaves", "out is no folder"),
    ],
)  # fmt: skip
def test_what_is_wrong_and_where(files: dict[str, str], folder: str, reason: str, says: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        build_inputs(Files(ALONE | files), folder)
    assert (refused.value.reason, says in refused.value.message) == (reason, True), refused.value
    assert refused.value.hint


def test_cargo_agrees_about_a_workspace(tmp_path: Path) -> None:
    """What was chosen for one member is enough for cargo to resolve the whole workspace from its lock."""
    whole, chosen = tmp_path / "whole", tmp_path / "chosen"
    files = {path: text for path, text in WORKSPACE.items() if path != "Cargo.lock"}
    for path, text in files.items():
        (whole / path).parent.mkdir(parents=True, exist_ok=True)
        (whole / path).write_text(text)
    subprocess.run(["cargo", "generate-lockfile", "--offline"], cwd=whole, check=True, capture_output=True)
    files["Cargo.lock"] = (whole / "Cargo.lock").read_text()
    for path in build_inputs(Files(files), "algos/a"):
        (chosen / path).parent.mkdir(parents=True, exist_ok=True)
        (chosen / path).write_text(files[path])
        if path.endswith("Cargo.toml") and path != "Cargo.toml":
            (chosen / path).parent.joinpath("src").mkdir(
                exist_ok=True
            )  # cargo wants a target, whatever is in it
            (chosen / path).parent.joinpath("src/lib.rs").touch()
    command = ["cargo", "check", "--locked", "--offline", "--lib"]
    done = subprocess.run(command, cwd=chosen / "algos/a", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
