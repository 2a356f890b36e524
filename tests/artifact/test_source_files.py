"""Which files of a tree declare algos, and what each one's WASM is made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sequence_operator.artifact.git_tree import WorkingTree
from sequence_operator.artifact.inputs import build_inputs
from sequence_operator.artifact.source_files import MAX_FILE_BYTES, Found, source_files
from sequence_operator.artifact.store import digest
from sequence_operator.artifact.tree import pack
from support.gitserver import git

EVERY = ["**/Sequence.toml"]
TOML = '[deployment]\nname = "{0}"\n\n[[instances]]\nvenue = "kraken"\nsymbols = ["BTC-USD"]\n'
PREBUILT = TOML + '\n[build]\nprebuilt = true\nwasm = "{1}"\n'
CARGO = '[package]\nname = "a"\nversion = "0.1.0"\n\n[lib]\ncrate-type = ["cdylib"]\n\n[workspace]\n'
WASM = b"\0asm\1\0\0\0"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    git("init", "-q", cwd=tmp_path)
    return tmp_path


def write(folder: Path, files: dict[str, str | bytes]) -> None:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content.encode() if isinstance(content, str) else content)


def crate(folder: str, name: str) -> dict[str, str | bytes]:
    return {
        f"{folder}/Cargo.toml": CARGO,
        f"{folder}/Cargo.lock": "version = 4\n",
        f"{folder}/src/lib.rs": "",
        f"{folder}/Sequence.toml": TOML.format(name),
    }


def found(clone: Path, globs: list[str] = EVERY) -> dict[str, Found]:
    return {each.path: each for each in source_files(WorkingTree(clone), globs)}


def problem(found: Found) -> str:
    assert found.problem is not None
    return str(found.problem)


def test_inputs_are_packed_without_the_file_itself(clone: Path) -> None:
    write(clone, crate("algos/a", "a") | crate("algos/b", "b") | {"README.md": "x"})
    before = found(clone)
    assert list(before) == ["algos/a/Sequence.toml", "algos/b/Sequence.toml"]
    assert [each.folder for each in before.values()] == ["algos/a", "algos/b"]
    write(clone, {"algos/a/Sequence.toml": TOML.format("renamed"), "algos/b/src/lib.rs": "// new\n"})
    after = found(clone)

    def tree(each: dict[str, Found], path: str) -> str:
        packed = each[path].packed
        assert packed is not None
        return packed.digest

    assert tree(before, "algos/a/Sequence.toml") == tree(after, "algos/a/Sequence.toml")
    assert tree(before, "algos/b/Sequence.toml") != tree(after, "algos/b/Sequence.toml")


def test_globs_choose(clone: Path) -> None:
    write(clone, crate("live/a", "a") | crate("sandbox/a", "a"))
    assert list(found(clone, ["live/**/Sequence.toml"])) == ["live/a/Sequence.toml"]
    assert list(found(clone, ["sandbox"])) == ["sandbox/a/Sequence.toml"], "a folder, not its Cargo.toml"
    assert found(clone, []) == {}


def test_a_crate_in_the_root(clone: Path) -> None:
    write(clone, {path.removeprefix("./"): text for path, text in crate(".", "a").items()})
    (only,) = found(clone).values()
    assert (only.path, only.folder) == ("Sequence.toml", "")
    assert only.packed is not None


def test_a_committed_module(clone: Path) -> None:
    write(clone, {"a/Sequence.toml": PREBUILT.format("a", "out/a.wasm"), "a/out/a.wasm": WASM})
    (only,) = found(clone).values()
    assert (only.packed, only.wasm, only.wasm_sha256) == (None, WASM, digest(WASM))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PREBUILT.format("a", "a.wasm"), "a/Sequence.toml:10:1: there is no file a/a.wasm"),
        (PREBUILT.format("a", "big.wasm"), "a/Sequence.toml:10:1: 1,048,577 bytes; the limit is 1,048,576"),
        (
            TOML.format("a") + "\n[build]\nprebuilt = true\n",
            "a/Sequence.toml:9:1: prebuilt needs the committed",
        ),
        (TOML.format("a"), "there is no a/Cargo.toml in git"),
    ],
)
def test_what_there_is_nothing_to_make_a_module_from(clone: Path, text: str, says: str) -> None:
    write(clone, {"a/Sequence.toml": text, "a/big.wasm": b"\0" * 1_048_577})
    (only,) = found(clone).values()
    assert says in problem(only)
    assert (only.text, only.packed, only.wasm) == (text, None, None)


def test_a_mistake_in_a_manifest_comes_with_its_line(clone: Path) -> None:
    write(clone, crate("a", "a") | {"a/Cargo.toml": CARGO + '[dependencies]\nb = { path = "../b" }\n'})
    (only,) = found(clone).values()
    assert problem(only).startswith("a/Cargo.toml:10:")
    assert "b/Cargo.toml" in problem(only)


def test_a_file_with_mistakes_is_handed_on_for_whoever_parses_it(clone: Path) -> None:
    write(clone, {"a/Sequence.toml": "[deployment]\nnam = 1\n"})
    (only,) = found(clone).values()
    assert (only.text, only.problem) == ("[deployment]\nnam = 1\n", None)


def test_what_is_no_readable_file(clone: Path) -> None:
    write(clone, {"latin/Sequence.toml": b"# \xff\n", "large/Sequence.toml": b"#" * (MAX_FILE_BYTES + 1)})
    write(clone, {"new\nline/Sequence.toml": TOML.format("n")})
    os.makedirs(clone / "link")
    os.symlink("/etc/passwd", clone / "link" / "Sequence.toml")
    all_found = found(clone)
    assert {path: each.text for path, each in all_found.items()} == dict.fromkeys(all_found)
    assert {each.path: each.problem.message for each in all_found.values() if each.problem} == {
        "large/Sequence.toml": "262,145 bytes; a Sequence.toml may have 262,144",
        "latin/Sequence.toml": "not UTF-8: byte 0xff; save it as UTF-8",
        "link/Sequence.toml": "a symlink, not a file: put the file itself here",
        "new\\nline/Sequence.toml": "the path has characters that cannot be shown: rename it",
    }


def test_the_inputs_of_an_algo_do_not_depend_on_the_others(clone: Path) -> None:
    """Many crates share one look through the tree; each has the inputs it has alone, links included."""
    for name in ("a", "b"):
        write(clone, crate(f"algos/{name}", name))
        (clone / f"algos/{name}/Cargo.toml").unlink()
        os.symlink("../../shared.toml", clone / f"algos/{name}/Cargo.toml")
    write(clone, {"shared.toml": CARGO})
    together = {path: each.packed for path, each in found(clone).items()}
    for path, packed in together.items():
        alone = found(clone, [path])[path].packed
        assert alone is not None
        assert packed is not None
        assert packed.digest == alone.digest
        inputs = build_inputs(WorkingTree(clone), path.removesuffix("/Sequence.toml"))
        assert packed.digest == pack(WorkingTree(clone), inputs).digest
        assert "shared.toml" in inputs
