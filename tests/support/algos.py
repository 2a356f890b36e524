"""The small algos of tests/algos as WASM, compiled once by real cargo and kept by the hash of their sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent.parent / "algos"
_IGNORED = shutil.ignore_patterns("target", "Cargo.lock")


def build_algos() -> dict[str, bytes]:
    """Crate name -> module. Takes some seconds the first time. AssertionError carries cargo's words."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sequence" / "test-algos"
    folder = cache / _digest()
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            built = _compile(Path(scratch) / "src", Path(scratch) / "out")
            try:
                built.rename(folder)
            except OSError:  # another test process was faster
                assert folder.exists()
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.wasm"))}


def _compile(work: Path, out: Path) -> Path:
    shutil.copytree(SOURCES, work, ignore=_IGNORED)
    # Flags from outside would switch off those of .cargo/config.toml, which the SDK needs.
    env = {k: v for k, v in os.environ.items() if k not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS")}
    env["CARGO_TARGET_DIR"] = str(work / "target")
    command = ["cargo", "build", "--release", "--target", "wasm32-unknown-unknown", "--quiet"]
    for workspace in (work, work / "multi030"):
        done = subprocess.run(command, cwd=workspace, env=env, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"cargo could not build tests/algos:\n{done.stderr}"
    out.mkdir()
    for path in (work / "target/wasm32-unknown-unknown/release").glob("*.wasm"):
        shutil.copy(path, out)
    return out


def _digest() -> str:
    rustc = subprocess.run(["rustc", "-vV"], capture_output=True, timeout=60, check=True).stdout
    digest = hashlib.sha256(rustc)
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file() and "target" not in path.parts and path.name != "Cargo.lock":
            digest.update(str(path.relative_to(SOURCES)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
