"""Real cargo on the scaffold, well and spoilt; one shared target directory, so the SDK is compiled once."""

from pathlib import Path

import pytest

from sequence_operator.artifact import build as builds
from sequence_operator.artifact.build import build, environment, load
from sequence_operator.artifact.errors import ArtifactError


def compile_(project: Path) -> builds.Built:
    return build(project, say=lambda _: None, forward=lambda _: None)


def test_the_scaffold_builds_and_passes_inspection(crate: Path) -> None:
    said: list[str] = []
    built = build(crate, say=said.append, forward=said.append)
    assert built.path == crate / "target/wasm32-unknown-unknown/release/my_algo.wasm"
    assert built.inspection.generation == "0.4"
    assert built.inspection.imports == ("env.host_log_impl(i32 i32 i32)->()",)
    assert built.wasm == built.path.read_bytes()
    assert not built.warnings
    assert any("Finished `release`" in line for line in said)


@pytest.mark.parametrize("variable", ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"])
@pytest.mark.parametrize("value", ["", "-D warnings"])
def test_flags_in_the_environment_do_not_break_the_link(
    copy_of_crate: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert compile_(copy_of_crate).inspection.imports == ("env.host_log_impl(i32 i32 i32)->()",)


def test_a_project_without_linker_flags_is_healed(copy_of_crate: Path) -> None:
    (copy_of_crate / ".cargo/config.toml").unlink()
    assert compile_(copy_of_crate).inspection.generation == "0.4"


def test_the_targets_own_flags_are_kept_and_the_general_ones_dropped() -> None:
    own = environment(
        {"CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-C debuginfo=1", "RUSTFLAGS": "", "HOME": "/h"}
    )
    assert own == {
        "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS": "-C debuginfo=1 -C link-arg=--allow-undefined",
        "HOME": "/h",
    }


def edit(project: Path, file: str, old: str, new: str) -> None:
    path = project / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("file", "old", "new", "reason", "says"),
    [
        ("src/lib.rs", "use algo_sdk::*;", "use algo_sdk::*; fn broken(", "CompileFailed", "delimiter"),
        ("src/lib.rs", "sequence_algo_entry!();", "", "AllocatorMissing", "no allocator"),
        ("src/lib.rs", "export_algo!(MyAlgo::default());", "", "NoAlgoExports", "exports no algo_"),
        ("Cargo.toml", '"cdylib"', '"rlib"', "NoModule", "no .wasm came out"),
        ("Cargo.toml", '[package]\nname', '[package]\nnme', "ManifestInvalid", "Cargo.toml"),
        ("Cargo.toml", 'edition = "2021"', 'edition = "2099"', "ManifestInvalid", "Cargo.toml"),
        (".cargo/config.toml", "1048576", "65536", "StackTooSmall", "collides with the tables"),
        ("src/lib.rs", "export_algo!(MyAlgo::default());",
         'export_algo!(MyAlgo::default()); extern "C" { fn gettime() -> i64; }'
         '#[no_mangle] pub extern "C" fn now() -> i64 { unsafe { gettime() } }',
         "ForeignImport", "env.gettime ()->i64"),
    ],
)  # fmt: skip
def test_a_spoilt_project(copy_of_crate: Path, file: str, old: str, new: str, reason: str, says: str) -> None:
    edit(copy_of_crate, file, old, new)
    with pytest.raises(ArtifactError) as refused:
        compile_(copy_of_crate)
    assert (refused.value.reason, says in refused.value.message) == (reason, True), refused.value
    assert refused.value.hint


def test_a_large_module_warns_and_says_how_to_see_names(
    copy_of_crate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ballast = "pub static BALLAST: [u8; 60_000] = { let mut a = [1u8; 60_000]; a[7] = 9; a };"
    entry = '#[no_mangle] pub extern "C" fn weigh(i: usize) -> u8 { BALLAST[i % 60_000] }'
    edit(copy_of_crate, "src/lib.rs", "export_algo!", f"{ballast}\n{entry}\nexport_algo!")
    built = compile_(copy_of_crate)
    assert built.inspection.size > 60_000
    assert built.contributors[0].what == "data"
    assert "large for an algo" in built.warnings[0]
    assert "CARGO_PROFILE_RELEASE_STRIP=false" in built.warnings[1]

    monkeypatch.setenv("CARGO_PROFILE_RELEASE_STRIP", "false")
    named = compile_(copy_of_crate)
    assert len(named.warnings) == 1, "with names there is nothing to explain"
    assert any("MyAlgo" in c.what or "algo" in c.what for c in named.contributors)


def test_std_is_accepted_but_bigger(copy_of_crate: Path, crate: Path) -> None:
    edit(copy_of_crate, "Cargo.toml", ", default-features = false }", " }")
    edit(copy_of_crate, "src/lib.rs", '#![cfg_attr(target_arch = "wasm32", no_std)]\n', "")
    edit(copy_of_crate, "src/lib.rs", "sequence_algo_entry!();", "")
    assert compile_(copy_of_crate).inspection.size > 12_000


def test_no_project_and_no_module(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as refused:
        compile_(tmp_path)
    assert (refused.value.reason, "sequence init" in refused.value.hint) == ("NoCargoProject", True)
    with pytest.raises(ArtifactError) as refused:
        load(tmp_path / "absent.wasm")
    assert (refused.value.reason, refused.value.hint) == ("WasmMissing", "sequence build")
