"""Is this WASM something an edge can host? Asked in a child process, answered in one value or one error."""

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Literal

from sequence_operator.artifact.errors import ArtifactError

MAX_WASM_BYTES = 1_048_576
"""What fits one ConfigMap, and what the platform takes."""

Generation = Literal["0.1", "0.3-v3", "0.3-multi", "0.4"]
"""Which SDK generation the exports belong to; "0.1" is also a single-venue 0.3 algo (the same interface)."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known about one accepted module. `size` in bytes; `exports` and `imports` as `name(i32 i32)->i32`."""

    sha256: str
    size: int
    generation: Generation
    exports: tuple[str, ...]
    imports: tuple[str, ...]


def inspect(wasm: bytes, *, timeout: float = 10) -> Inspection:
    """Check the bytes against everything the host requires of a module.

    `timeout` in seconds, for the child process as a whole. Blocking: call it through `asyncio.to_thread` from
    a loop. Raises ArtifactError with reason NotWasm, TooLarge, InvalidModule, ForeignImport, ImportType,
    NoAlgoExports, MissingExports, ExportType, StackTooSmall, InspectionTimeout or InspectionFailed.
    """
    _cheap_checks(wasm)
    command = [sys.executable, "-I", "-m", "sequence_operator.artifact.inspect_child"]
    try:
        child = subprocess.run(command, input=wasm, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise ArtifactError(
            "InspectionTimeout",
            f"the module of {len(wasm):,} bytes could not be inspected within {timeout:g} s",
            "rebuild it in release mode: `sequence build`",
        ) from None
    return _answer(child, wasm)


def _cheap_checks(wasm: bytes) -> None:
    """What needs no child: the size, and the eight bytes every module starts with."""
    if len(wasm) > MAX_WASM_BYTES:
        raise ArtifactError(
            "TooLarge",
            f"the module has {len(wasm):,} bytes; the limit is {MAX_WASM_BYTES:,}",
            "build in release mode, with the profile that `sequence init` writes: `sequence build`",
        )
    if wasm[:4] != b"\0asm":
        start = wasm[:4].hex(" ") or "nothing"
        raise ArtifactError(
            "NotWasm",
            f"the file is not a WebAssembly module: it begins with {start}, not 00 61 73 6d",
            "point [build].wasm at the .wasm that cargo wrote, or run `sequence build`",
        )


def _answer(child: subprocess.CompletedProcess[bytes], wasm: bytes) -> Inspection:
    try:
        answer = json.loads(child.stdout)
    except ValueError:
        last = child.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no output"]
        raise ArtifactError(
            "InspectionFailed",
            f"the inspecting process ended with {child.returncode}: {last[0]}",
            "try again; if it repeats, this installation is damaged: reinstall sequence-operator",
        ) from None
    if "error" in answer:
        raise ArtifactError(**answer["error"])
    return Inspection(
        sha256=hashlib.sha256(wasm).hexdigest(),
        size=len(wasm),
        generation=answer["generation"],
        exports=tuple(answer["exports"]),
        imports=tuple(answer["imports"]),
    )
