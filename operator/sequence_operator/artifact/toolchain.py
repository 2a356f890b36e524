"""Is there a Rust that can compile for wasm32? Asked in the order in which a newcomer runs into it."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sequence_operator.artifact.errors import ArtifactError

TARGET = "wasm32-unknown-unknown"
OLDEST = (1, 78)
"""The first Rust whose cargo reads version 4 of Cargo.lock, which today's cargo writes."""
ADD_TARGET = f"rustup target add {TARGET}"
_DOWNLOAD_SECONDS = 120.0
_QUESTION_SECONDS = 30.0
_PROBE = "#![no_std]\npub fn probe() {}\n"


@dataclass(frozen=True, slots=True)
class Toolchain:
    """The Rust that will build in one directory: program paths, and `rustc`'s own version text."""

    cargo: str
    rustc: str
    version: str


def ensure(project: Path, say: Callable[[str], None]) -> Toolchain:
    """Find Rust for `project` (its rust-toolchain.toml counts) and see that it has the wasm32 target.

    Installs the target when rustup manages this Rust; `say` gets a line before anything is downloaded.
    Raises ArtifactError: RustMissing, ToolchainUnusable, RustTooOld, TargetMissing, TargetInstallFailed.
    """
    cargo, rustc = shutil.which("cargo"), shutil.which("rustc")
    if not cargo or not rustc:
        raise ArtifactError(
            "RustMissing",
            f"Rust is not installed: no {'cargo' if not cargo else 'rustc'} on PATH",
            "install rustup (your system's package, or the installer of the Rust project), then run this again",
        )
    try:
        toolchain = Toolchain(cargo, rustc, _version(rustc, project))
        complaint = _lacks_target(toolchain, project)
        if complaint:
            _install_target(toolchain, project, complaint, say)
    except subprocess.TimeoutExpired as problem:
        raise ArtifactError(
            "ToolchainUnusable",
            f"no answer within {problem.timeout:g} s from: {' '.join(map(str, problem.cmd))}",
            "run that command yourself; rustup may be downloading the toolchain that rust-toolchain.toml names",
        ) from None
    return toolchain


def _version(rustc: str, project: Path) -> str:
    answer = _ask([rustc, "--version"], project, _DOWNLOAD_SECONDS)  # rustup may fetch a toolchain first
    if answer.returncode:
        raise ArtifactError(
            "ToolchainUnusable",
            f"rustc does not run in {project}:\n{answer.stderr.strip()}",
            "install the toolchain that rust-toolchain.toml names, or remove that file",
        )
    version = answer.stdout.strip()
    found = re.search(r"(\d+)\.(\d+)\.", version)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        wanted = ".".join(map(str, OLDEST))
        raise ArtifactError(
            "RustTooOld",
            f"{version} is too old; an algo needs Rust {wanted} or newer",
            "rustup update stable",
        )
    return version


def _lacks_target(toolchain: Toolchain, project: Path) -> str:
    """Empty when the target works, else rustc's words.

    Compiling two lines is the only sure question: rustup's list misses targets that were built from source,
    the folder may belong to another version, and cargo does not notice while its cache is warm.
    """
    with tempfile.TemporaryDirectory(prefix="sequence-probe-") as folder:
        source = Path(folder) / "probe.rs"
        source.write_text(_PROBE)
        output = str(Path(folder) / "probe.rmeta")
        command = [toolchain.rustc, "--target", TARGET, "--crate-type", "lib", "--emit", "metadata"]
        answer = _ask([*command, "-o", output, str(source)], project)
    return answer.stderr.strip() or "rustc failed without a word" if answer.returncode else ""


def _install_target(toolchain: Toolchain, project: Path, complaint: str, say: Callable[[str], None]) -> None:
    rustup = shutil.which("rustup")
    if not rustup or not _managed(rustup, project):
        raise ArtifactError(
            "TargetMissing",
            f"this Rust ({toolchain.rustc}, {toolchain.version}) has no {TARGET} target",
            "install Rust through rustup, or the packages of your system that bring the target "
            "(Debian 12: rustc-web cargo-web rust-web-src lld-22, then core and alloc built into the sysroot)",
        )
    say(f"installing the Rust target {TARGET} (some seconds, 90 MiB; once): {ADD_TARGET}")
    try:
        answer = _ask([rustup, "target", "add", TARGET], project, _DOWNLOAD_SECONDS)
    except subprocess.TimeoutExpired:
        raise _not_installed(f"no end after {_DOWNLOAD_SECONDS:g} s") from None
    if answer.returncode:
        raise _not_installed((answer.stderr.strip().splitlines() or ["rustup gave no reason"])[-1])
    if _lacks_target(toolchain, project):
        raise ArtifactError(
            "TargetMissing",
            f"{toolchain.version} still cannot compile for {TARGET}:\n{complaint}",
            f"reinstall it: rustup toolchain install stable --force --target {TARGET}",
        )


def _not_installed(cause: str) -> ArtifactError:
    return ArtifactError(
        "TargetInstallFailed",
        f"the target {TARGET} is missing and could not be installed: {cause}",
        f"needs the network once: {ADD_TARGET}",
    )


def _managed(rustup: str, project: Path) -> bool:
    """Whether rustup chose this Rust and may add to it; a linked toolchain (`rustup toolchain link`) is not its."""
    active = _ask([rustup, "show", "active-toolchain"], project)
    if active.returncode:
        return False
    components = _ask([rustup, "component", "list", "--toolchain", active.stdout.split()[0]], project)
    return components.returncode == 0


def _ask(
    command: list[str], project: Path, timeout: float = _QUESTION_SECONDS
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, errors="replace", timeout=timeout, check=False
    )
