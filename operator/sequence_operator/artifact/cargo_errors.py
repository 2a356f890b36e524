"""What cargo, rustc and the linker say when a build fails, and what an algo author does about it."""

import re

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.toolchain import TARGET

_EXPLANATIONS: tuple[tuple[str, str, str, str], ...] = (
    # pattern in cargo's words, reason, message, hint
    (
        r"undefined symbol: (?P<it>host_log_impl|__seq_send)",
        "LinkFailed",
        "the linker does not know the host function {it}",
        f'add to .cargo/config.toml, [target.{TARGET}]: rustflags = ["-C", '
        '"link-arg=--allow-undefined"], and look for a build script that overrides it',
    ),
    (
        r"linker `(?P<it>rust-lld|lld)` not found",
        "LinkerMissing",
        "the linker {it} is not installed with this Rust",
        "install Rust through rustup, or on Debian 12 the package lld-22",
    ),
    (
        r"no global memory allocator found",
        "AllocatorMissing",
        "the algo allocates memory but has no allocator",
        "add `sequence_algo_entry!();` to src/lib.rs",
    ),
    (
        r"`#\[panic_handler\]` function required",
        "PanicHandlerMissing",
        "the algo has no panic handler",
        "add `sequence_algo_entry!();` to src/lib.rs",
    ),
    (
        r"found duplicate lang item `panic_impl`",
        "DuplicatePanicHandler",
        "std came in beside the algo's own panic handler (E0152)",
        "depend on the SDK with `default-features = false`, edition 2021, and end Cargo.toml with `[workspace]`",
    ),
    (
        r"lock file version .{0,40}not understand|lock file version `?\d+`? (?:was found|requires)",
        "LockUnreadable",
        "Cargo.lock was written by a newer cargo",
        "rustup update stable, or delete Cargo.lock and build again",
    ),
    (
        r"cannot update the lock file .* because --locked",
        "LockOutdated",
        "Cargo.lock does not fit Cargo.toml",
        "cargo update --workspace, then commit Cargo.lock",
    ),
    (
        r"(?P<it>rustc [\d.]+ is not supported by the following package)",
        "RustTooOld",
        "a dependency needs a newer Rust: {it}",
        "rustup update stable",
    ),
    (
        r"this version of Cargo is older than the `(?P<it>\d+)` edition|only supports .*editions",
        "EditionUnknown",
        "this Rust does not know the edition that Cargo.toml names",
        'rustup update stable, or write edition = "2021"',
    ),
    (
        r"no matching package (?:named )?`?(?P<it>[\w-]+)`? found",
        "DependencyMissing",
        "cargo finds no package {it}",
        "check its name in Cargo.toml; without network, run `cargo fetch` once where there is one",
    ),
    (
        r"failed to (?:download|get|fetch|query)|Could not resolve host|spurious network error",
        "DependencyDownload",
        "cargo could not download a dependency",
        "needs the network once: cargo fetch",
    ),
    (
        r"failed to parse manifest at `(?P<it>[^`]+)`",
        "ManifestInvalid",
        "cargo cannot use {it}",
        "correct what cargo names above",
    ),
)


def explain(said: str) -> ArtifactError:
    """The first cause we know; else cargo's own last errors, which it has already printed in full."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    for pattern, reason, message, hint in _EXPLANATIONS:
        if found := re.search(pattern, plain):
            return ArtifactError(reason, message.format(it=found.groupdict().get("it", "")), hint)
    errors = re.findall(r"^error(?:\[E\d+\])?: .*$", plain, re.MULTILINE)
    first = errors[0].removeprefix("error: ") if errors else "cargo gave no reason"
    return ArtifactError("CompileFailed", first, "correct the errors above; `cargo check` shows them again")
