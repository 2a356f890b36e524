"""From published sources to a stored artifact, with real cargo in the real sandbox."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sequence_operator.artifact import build as local
from sequence_operator.artifact.inputs import build_inputs
from sequence_operator.artifact.store import digest
from sequence_operator.cluster.resources import ALGO_BUILDS, EVENTS
from support.processes import wait_until

from .workshop import Builder, Files, Folder, Workshop, lock, read, rust_version, write

WORKSPACE = """[workspace]
resolver = "2"
members = ["algos/*", "shared"]
[profile.release]
opt-level = "s"
lto = true
codegen-units = 1
panic = "abort"
strip = true
"""


def crate(name: str, more: str) -> str:
    return f'[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\npublish = false\n{more}'


@pytest.fixture(scope="module")
def desk(sources: Files, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """A repository with one workspace: two algos on std, whose panics name files, and a crate they share."""
    sdk = 'sequence-algo-sdk = { version = "0.4", default-features = false }\n'
    algo = sources["a/src/lib.rs"].replace("sequence_algo_entry!();", "")
    algo = algo.replace('#![cfg_attr(target_arch = "wasm32", no_std)]\n', "")
    algo = algo.replace("const REQUOTE_BPS: u64 = 1;", "const REQUOTE_BPS: u64 = shared::bps();")
    assert "shared::bps" in algo
    library = '[lib]\ncrate-type = ["cdylib"]\n[dependencies]\nshared = { path = "../../shared" }\n' + sdk
    files = {
        "Cargo.toml": WORKSPACE,
        "shared/Cargo.toml": crate("shared", ""),
        "shared/src/lib.rs": "pub const fn bps() -> u64 { 1 }\n"
        '#[no_mangle] pub extern "C" fn weigh(i: usize) -> u8 { [1u8, 2, 3][i] }\n',
        "algos/one/Cargo.toml": crate("one", library),
        "algos/one/src/lib.rs": algo,
        "algos/two/Cargo.toml": crate("two", library + '[[bin]]\nname = "tool"\npath = "tool/main.rs"\n'),
        "algos/two/src/lib.rs": algo,
        "algos/two/tool/main.rs": "fn main() {}\n",
    }
    folder = write(files, tmp_path_factory.mktemp("desk"))
    lock(folder)
    return files | {"Cargo.lock": (folder / "Cargo.lock").read_text()}


def needed(files: Files, folder: str) -> Files:
    return {path: files[path] for path in build_inputs(Folder(files), folder)}


def test_an_algo_is_built_and_the_way_is_recorded(
    workshop: Workshop, builder: Builder, sources: Files
) -> None:
    name = workshop.order(sources)
    workshop.built(name)
    status = workshop.status(name)
    assert status["sandboxed"] is True
    assert status["attempts"] == 1
    assert status["sizeBytes"] > 1000
    assert status["seconds"] > 0
    assert "claim" not in status
    assert any("Compiling my-algo" in line for line in status["log"])
    managers = {f["manager"] for f in workshop.api.get(ALGO_BUILDS, name)["metadata"]["managedFields"]
                if f.get("subresource") == "status"}  # fmt: skip
    assert managers == {"sequence-builder"}
    posted = [e for e in workshop.api.list(EVENTS) if e["involvedObject"]["name"] == name]
    assert [(e["type"], e["reason"]) for e in posted] == [("Normal", "Succeeded")]
    wait_until(lambda: not any((builder.work / "builds").iterdir()), "the folders of the build are gone")


def test_the_same_bytes_come_out_everywhere(
    workshop: Workshop, builder: Builder, sources: Files, desk: Files, tmp_path: Path
) -> None:
    """Another folder of the repository, another builder, no sandbox, and `sequence build`: one digest each."""
    project = write(sources, tmp_path / "with space")
    mine = local.build(project / "a", say=lambda _: None, forward=lambda _: None)
    alone = workshop.built(workshop.order(sources))
    assert alone == digest(mine.wasm)
    moved = {f"deep/er/{path.removeprefix('a/')}": text for path, text in sources.items()}
    assert workshop.built(workshop.order(moved, "deep/er")) == alone

    of_desk = needed(desk, "algos/one")
    assert "algos/two/src/lib.rs" not in of_desk
    name = workshop.order(of_desk, "algos/one")
    member = workshop.built(name)
    with workshop.builder("plain", "--unsandboxed", "--namespace", workshop.api.namespace) as plain:
        builder.child.stop()
        for files, path, expected in ((sources, "a", alone), (of_desk, "algos/one", member)):
            again = workshop.order(files | {"a/note.md": "other inputs"}, path)
            assert workshop.built(again) == expected
            assert workshop.status(again)["sandboxed"] is False
            assert "WITHOUT" in workshop.condition(again, "Ready")["message"]
        assert plain.child.running()
    builder.start()
    whole = write(desk, tmp_path / "desk")
    built = local.build(whole / "algos/one", say=lambda _: None, forward=lambda _: None)
    assert digest(built.wasm) == member


def test_settings_of_the_repository_count_for_nothing(
    workshop: Workshop, builder: Builder, sources: Files
) -> None:
    hostile = {
        "a/.cargo/config.toml": '[build]\nrustc-wrapper = "/build/a/evil"\ntarget-dir = "/elsewhere"\n',
        ".cargo/config": '[build]\nrustflags = ["--cfg", "evil"]\n',
        "a/rust-toolchain.toml": '[toolchain]\nchannel = "nightly-2020-01-01"\n',
        "rust-toolchain": "1.60.0\n",
        "a/evil": "#!/bin/sh\nexit 1\n",
    }
    assert workshop.built(workshop.order(sources | hostile)) == workshop.built(workshop.order(sources))


def test_a_compile_error_is_final_and_says_where(workshop: Workshop, builder: Builder, desk: Files) -> None:
    broken = dict(desk)
    broken["algos/one/src/lib.rs"] += "\nfn broken() -> u32 { nothing_of_that_name }\n"
    line = len(broken["algos/one/src/lib.rs"].splitlines())
    name = workshop.order(needed(broken, "algos/one"), "algos/one")
    reason, message = workshop.failed(name)
    assert reason == "CompileError"
    assert message.startswith(f"algos/one/src/lib.rs:{line}:22: error[E0425]: cannot find value"), message
    status = workshop.status(name)
    assert status["attempts"] == 1
    assert any("nothing_of_that_name" in line for line in status["log"])
    assert (status["sha256"], status["configMap"]) == ("", "")


def test_a_module_no_edge_can_host_is_refused(workshop: Workshop, builder: Builder, sources: Files) -> None:
    files = dict(sources)
    files["a/src/lib.rs"] += (
        '\nextern "C" { fn gettime() -> i64; }\n'
        '#[no_mangle] pub extern "C" fn now() -> i64 { unsafe { gettime() } }\n'
    )
    reason, message = workshop.failed(workshop.order(files))
    assert (reason, "env.gettime" in message) == ("ForeignImport", True)


@pytest.mark.parametrize(
    ("path", "old", "new", "reason", "says"),
    [
        ("a/Cargo.toml", '"cdylib"', '"rlib"', "NoLibrary", "crate-type"),
        ("a/Cargo.toml", 'edition = "2021"', 'edition = "2099"', "ManifestInvalid", "Cargo.toml"),
        ("a/Cargo.lock", 'version = "0.4', 'version = "0.3', "LockOutdated", "does not fit"),
        ("a/src/lib.rs", "sequence_algo_entry!();", "", "CompileError", "no allocator"),
    ],
)
def test_what_cargo_refuses_is_final(
    workshop: Workshop, builder: Builder, sources: Files, path: str, old: str, new: str, reason: str, says: str
) -> None:  # fmt: skip
    assert old in sources[path]
    found, message = workshop.failed(workshop.order(sources | {path: sources[path].replace(old, new)}))
    assert (found, says in message) == (reason, True), message


def test_another_toolchain_waits_for_its_builder(
    workshop: Workshop, builder: Builder, sources: Files
) -> None:
    name = workshop.order(sources, toolchain="1.11.0")
    told = wait_until(lambda: workshop.condition(name, "Reconciling"), "a word about the toolchain")
    assert told["reason"] == "ToolchainMissing"
    assert f"waits for a builder with Rust 1.11.0; usual has {rust_version()}" in told["message"]
    workshop.built(workshop.order(sources | {"a/other": ""}))
    assert (workshop.status(name)["phase"], "claim" in workshop.status(name)) == ("Pending", False)
    workshop.api.delete(ALGO_BUILDS, name)


def test_without_bubblewrap_nothing_is_compiled_until_there_is_one(
    workshop: Workshop, builder: Builder, sources: Files, tmp_path: Path
) -> None:
    builder.child.stop()
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("cargo", "rustc", "setpriv", "prlimit", "env", "cc", "ld"):
        (programs / program).symlink_to(shutil.which(program) or "/usr/bin/false")
    name = workshop.order(sources | {"a/unsafe": ""})
    with workshop.builder("bare", env={"PATH": str(programs)}):
        told = wait_until(lambda: workshop.condition(name, "Ready"), "a word about the sandbox")
        assert told["reason"] == "SandboxMissing"
        assert "install bubblewrap" in told["message"]
        assert workshop.condition(name, "Stalled")["status"] == "False"
        (programs / "bwrap").symlink_to(shutil.which("bwrap") or "")
        workshop.built(name)
    builder.start()


def test_reading_a_scaffold_keeps_its_files(sources: Files, tmp_path: Path) -> None:
    assert read(write(sources, tmp_path)) == sources
