"""What a newcomer's machine may lack, each with its own words. Fake programs stand in for broken installations."""

from pathlib import Path

import pytest

from sequence_operator.artifact import toolchain
from sequence_operator.artifact.cargo_errors import explain
from sequence_operator.artifact.errors import ArtifactError

RUSTC = """case "$1" in
--version) echo "rustc {version} (0123 2026-01-01)" ;;
*) if [ -e {have_target} ]; then touch "$8"; else echo "error[E0463]: can't find crate for core" >&2; exit 1;
fi ;; esac"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH holds only what the test puts there (and a shell's basics)."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return programs


def put(machine: Path, name: str, body: str) -> None:
    (machine / name).write_text(f"#!/bin/sh\n{body}\n")
    (machine / name).chmod(0o755)


def rust(machine: Path, version: str = "1.95.0") -> Path:
    """A Rust whose wasm32 target exists once the returned file does."""
    target = machine.parent / "target-installed"
    put(machine, "cargo", "exit 0")
    put(machine, "rustc", RUSTC.format(version=version, have_target=target))
    return target


def refused(machine: Path) -> tuple[ArtifactError, list[str]]:
    said: list[str] = []
    with pytest.raises(ArtifactError) as raised:
        toolchain.ensure(machine.parent, said.append)
    return raised.value, said


def test_the_rust_of_this_machine_is_enough(tmp_path: Path) -> None:
    found = toolchain.ensure(tmp_path, lambda _: None)
    assert found.version.startswith("rustc 1.")


def test_no_rust(machine: Path) -> None:
    problem, _ = refused(machine)
    assert (problem.reason, "install rustup" in problem.hint) == ("RustMissing", True)


def test_an_old_rust_names_both_versions(machine: Path) -> None:
    rust(machine, "1.63.0")
    problem, _ = refused(machine)
    assert problem.reason == "RustTooOld"
    assert "1.63.0" in problem.message
    assert "1.78" in problem.message


def test_an_absent_toolchain_is_told_in_rustups_words(machine: Path) -> None:
    put(machine, "cargo", "exit 0")
    put(machine, "rustc", "echo \"error: toolchain '1.42.0-x86_64' is not installed\" >&2; exit 1")
    problem, _ = refused(machine)
    assert problem.reason == "ToolchainUnusable"
    assert "toolchain '1.42.0-x86_64' is not installed" in problem.message


def test_a_toolchain_that_never_answers_is_given_up(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(machine, "cargo", "exit 0")
    put(machine, "rustc", "exec sleep 60")
    monkeypatch.setattr(toolchain, "_DOWNLOAD_SECONDS", 0.1)
    problem, _ = refused(machine)
    assert problem.reason == "ToolchainUnusable"
    assert f"no answer within 0.1 s from: {machine / 'rustc'} --version" in problem.message


def test_no_target_and_no_rustup(machine: Path) -> None:
    rust(machine)
    problem, _ = refused(machine)
    assert (problem.reason, "rustc 1.95.0" in problem.message) == ("TargetMissing", True)


def test_a_linked_toolchain_is_left_alone(machine: Path) -> None:
    rust(machine)
    put(machine, "rustup", 'case "$1" in show) echo "mine (default)" ;; *) exit 1 ;; esac')
    problem, said = refused(machine)
    assert (problem.reason, said) == ("TargetMissing", [])


def test_the_target_is_installed_and_said(machine: Path) -> None:
    target = rust(machine)
    put(machine, "rustup", f'case "$1" in show) echo stable ;; target) touch {target} ;; esac')
    said: list[str] = []
    assert toolchain.ensure(machine.parent, said.append).rustc == str(machine / "rustc")
    assert len(said) == 1
    assert "rustup target add wasm32-unknown-unknown" in said[0]
    assert target.exists()


def test_offline_says_what_needs_the_network(machine: Path) -> None:
    rust(machine)
    put(
        machine,
        "rustup",
        'case "$1" in show) echo stable ;; target) echo "could not download" >&2; exit 1 ;; esac',
    )
    problem, _ = refused(machine)
    assert (problem.reason, problem.hint) == (
        "TargetInstallFailed",
        "needs the network once: rustup target add wasm32-unknown-unknown",
    )
    assert "could not download" in problem.message


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("rust-lld: error: x.o: undefined symbol: host_log_impl", "LinkFailed"),
        ("rust-lld: error: x.o: undefined symbol: __seq_send", "LinkFailed"),
        ("\x1b[1merror\x1b[0m: linker `rust-lld` not found", "LinkerMissing"),
        ("error[E0152]: found duplicate lang item `panic_impl`", "DuplicatePanicHandler"),
        ("error: lock file version `9` was found, but this version of Cargo does not understand", "LockUnreadable"),
        ("error: cannot update the lock file /p/Cargo.lock because --locked was passed", "LockOutdated"),
        ("error: rustc 1.95.0 is not supported by the following package:", "RustTooOld"),
        ("error: no matching package named `sequence-algo-sdkk` found", "DependencyMissing"),
        ("warning: spurious network error (3 tries remaining)", "DependencyDownload"),
        ("error[E0308]: mismatched types", "CompileFailed"),
        ("", "CompileFailed"),
    ],
)  # fmt: skip
def test_cargos_words_are_translated(said: str, reason: str) -> None:
    problem = explain(said)
    assert problem.reason == reason
    assert "{it}" not in problem.message
    assert problem.hint
