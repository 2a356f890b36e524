"""The Rust of this builder: where it is and which version. rustup's shims are left out, for they need a home."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

TARGET = "wasm32-unknown-unknown"
_SECONDS = 60.0


class RustMissingError(Exception):
    """There is no Rust that can build an algo; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Rust:
    """sysroot: the folder with bin/cargo and bin/rustc; version: as `rustc --version` says it, `1.95.0`."""

    sysroot: Path
    version: str

    @property
    def programs(self) -> Path:
        return self.sysroot / "bin"


def find() -> Rust:
    """Ask the rustc on PATH where it lives. Raises RustMissingError."""
    sysroot = Path(_ask("rustc", "--print", "sysroot").strip())
    found = re.match(r"rustc (\S+)", _ask(str(sysroot / "bin/rustc"), "--version"))
    if not found:
        raise RustMissingError(f"{sysroot}/bin/rustc does not say its version")
    if not os.access(sysroot / "bin/cargo", os.X_OK):
        raise RustMissingError(
            f"there is no cargo beside {sysroot}/bin/rustc; install it from the same place"
        )
    if not (sysroot / "lib/rustlib" / TARGET / "lib").is_dir():
        raise RustMissingError(
            f"this Rust ({sysroot}) has no {TARGET} target; run: rustup target add {TARGET}"
        )
    return Rust(sysroot, found[1])


def _ask(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False, cwd="/")
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise RustMissingError(f"no Rust on PATH: {problem}; install rustup, then start this again") from None
    if done.returncode:
        raise RustMissingError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
