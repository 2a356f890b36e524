"""`cargo build` for the WASM target, and what its failures mean in this product's words."""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sequence_operator.artifact import reader, toolchain
from sequence_operator.artifact.cargo_errors import explain
from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import Inspection, inspect

LARGE = 50_000
"""Bytes above which a build warns: a typical algo has 10 to 50 KB, so more means std or an unused crate."""

_FLAGS = "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS"
_LINK = "-C link-arg=--allow-undefined"


@dataclass(frozen=True, slots=True)
class Built:
    """A module that passed inspection. `path` of the file, its bytes, and what is worth knowing about its size."""

    path: Path
    wasm: bytes
    inspection: Inspection
    contributors: tuple[reader.Contributor, ...]
    warnings: tuple[str, ...]


def build(
    project: Path,
    *,
    say: Callable[[str], None],
    forward: Callable[[str], None],
    wasm: Path | None = None,
    locked: bool = False,
    target: Path | None = None,
) -> Built:
    """Check the toolchain, compile `project`, find and inspect the module.

    `say` gets our own lines, `forward` cargo's (without newline). `wasm` is where Sequence.toml says the
    module will be; by default it is where cargo reports it. `locked`: as in the cluster, Cargo.lock must be there
    and fit. `target`: folder for what cargo makes, instead of the project's own. Raises ArtifactError.
    """
    if not (project / "Cargo.toml").is_file():
        raise ArtifactError(
            "NoCargoProject",
            f"there is no Cargo.toml in {project}",
            "cd into the algo's directory, or make one: `sequence init NAME`",
        )
    rust = toolchain.ensure(project, say)
    written = _cargo(rust, project, forward, locked, target)
    return load(wasm or written)


def load(path: Path) -> Built:
    """Read and inspect a module that is already there. Raises ArtifactError (WasmMissing, or as `inspect`)."""
    try:
        wasm = path.read_bytes()
    except OSError as problem:
        raise ArtifactError(
            "WasmMissing", f"cannot read {path}: {problem.strerror}", "sequence build"
        ) from None
    inspection = inspect(wasm)
    module = reader.read(wasm)
    return Built(
        path, wasm, inspection, tuple(reader.contributors(module)), tuple(_warnings(inspection, module))
    )


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """The environment cargo gets.

    RUSTFLAGS, even an empty one, would switch off the flags of the project's .cargo/config.toml and with them
    the import of the host's functions. The target's own variable adds to that file instead, so it also heals
    projects that have none.
    """
    kept = {k: v for k, v in env.items() if k not in ("RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS")}
    kept[_FLAGS] = f"{env[_FLAGS]} {_LINK}" if env.get(_FLAGS) else _LINK
    return kept


def _without_own_paths(env: Mapping[str, str]) -> str:
    """A setting for cargo, added to those of the project: where crates were downloaded to gets a constant name.

    An algo on std that can panic holds that folder's name; under this one it gets the bytes that a build in the
    cluster gets.
    """
    home = os.path.abspath(env.get("CARGO_HOME") or os.path.expanduser("~/.cargo"))
    return f"target.{toolchain.TARGET}.rustflags=[{json.dumps(f'--remap-path-prefix={home}=/cargo')}]"


def _cargo(
    rust: toolchain.Toolchain,
    project: Path,
    forward: Callable[[str], None],
    locked: bool,
    target: Path | None,
) -> Path:
    """Run cargo, hand on its words as they come, and return the path of the module it made."""
    command = [rust.cargo, "build", "--target", toolchain.TARGET, "--release", "--lib"]
    command += ["--message-format", "json-render-diagnostics", "--config", _without_own_paths(os.environ)]
    command += ["--locked"] if locked else []
    command += ["--target-dir", str(target)] if target else []
    said: list[str] = []
    with (
        tempfile.TemporaryFile(
            "w+", encoding="utf-8"
        ) as answers,  # a pipe could fill while we read the other
        subprocess.Popen(
            command,
            cwd=project,
            env=environment(os.environ),
            stdout=answers,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
        ) as cargo,
    ):
        for line in cargo.stderr or ():
            said.append(line)
            forward(line.rstrip("\n"))
        if cargo.wait():
            raise explain("".join(said))
        answers.seek(0)
        return _module(answers.readlines(), project)


def _module(answers: list[str], project: Path) -> Path:
    manifest = str((project / "Cargo.toml").resolve())
    for line in answers:
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message.get("manifest_path") == manifest:
            for name in message["filenames"]:
                if name.endswith(".wasm"):
                    return Path(name)
    raise ArtifactError(
        "NoModule",
        f"cargo built {project}, but no .wasm came out of it",
        'add to Cargo.toml:  [lib]  crate-type = ["cdylib"]',
    )


def _warnings(found: Inspection, module: reader.Module) -> list[str]:
    warnings = []
    if found.generation == "0.3-multi":
        warnings.append(
            "a multi-venue algo of SDK 0.3 sees all venues of `sequence up`, but rests orders at its own only"
        )
    if found.size > LARGE:
        warnings.append(f"{found.size:,} bytes is large for an algo (10 to 50 KB is usual)")
        if not module.names:
            warnings.append(
                "function names are stripped; to see them: CARGO_PROFILE_RELEASE_STRIP=false sequence build"
            )
    return warnings
