"""Compile a module in a child process: compiling is outside fuel, so a hostile module must not cost the edge.

Run as ``python -m sequence_paper.edge.compile``: WASM on stdin, wasmtime's serialized code on stdout; exit code 3
and one sentence on stderr when the module is not valid. What comes back is trusted because we made it ourselves in
that child, from the same installed wasmtime with the same configuration.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from typing import Final

import wasmtime

from sequence_paper.edge.engine import make_engine
from sequence_paper.edge.errors import ModuleRefused

MAX_WASM: Final = 1_048_576
_MAGIC: Final = b"\0asm\x01\0\0\0"
_INVALID: Final = 3
_CHILD_MEMORY: Final = 2 << 30
# On a machine with many cores the threads' stacks and heaps alone would reserve more than that.
_FEW_THREADS: Final = {"RAYON_NUM_THREADS": "2", "MALLOC_ARENA_MAX": "2"}
_KEPT_BYTES: Final = 16 << 20


def compile_in_child(wasm: bytes, *, timeout: float) -> bytes:
    """Serialized code of ``wasm``. ``timeout`` in seconds of wall time. Raises ModuleRefused."""
    if len(wasm) > MAX_WASM:
        raise ModuleRefused("TooLarge", f"the module has {len(wasm)} bytes; at most {MAX_WASM} are accepted")
    if wasm[:8] != _MAGIC:
        raise ModuleRefused("NotWasm", "these bytes are not a WebAssembly module (version 1)")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "sequence_paper.edge.compile"],
            input=wasm,
            capture_output=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **_FEW_THREADS},
        )
    except subprocess.TimeoutExpired:
        raise ModuleRefused("CompileTimeout", f"the module did not compile within {timeout:g} s") from None
    if done.returncode == _INVALID:
        raise ModuleRefused("InvalidModule", done.stderr.decode(errors="replace").strip())
    if done.returncode != 0:
        tail = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ModuleRefused(
            "CompileFailed",
            f"the compiler ended with {done.returncode} (limits: {timeout:g} s, {_CHILD_MEMORY >> 30} GiB)"
            + (f": {tail[0]}" if tail else ""),
        )
    return done.stdout


class RecentCode:
    """Code of what was compiled lately, for all threads: a module that is let go and comes back costs no child.

    So does a rollback, a stop and start, and each further run of a what-if. Refusals are not kept.
    """

    def __init__(self, limit: int = _KEPT_BYTES) -> None:
        self._limit = limit
        self._kept: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, sha256: str, wasm: bytes, *, timeout: float) -> bytes:
        """As ``compile_in_child``; ``sha256`` is that of ``wasm``. Raises ModuleRefused."""
        with self._lock:
            code = self._kept.get(sha256)
        if code is None:
            code = compile_in_child(wasm, timeout=timeout)
        with self._lock:
            self._kept.pop(sha256, None)
            self._kept[sha256] = code  # last: it is the latest that was asked for
            while sum(map(len, self._kept.values())) > self._limit:
                del self._kept[next(iter(self._kept))]
        return code

    def clear(self) -> None:
        """Compile whatever comes next."""
        with self._lock:
            self._kept.clear()


recent_code: Final = RecentCode()
"""That of this process: code may move between its engines, which all have the same configuration."""


def main() -> int:
    """Child side. Returns the exit code."""
    wasm = sys.stdin.buffer.read(MAX_WASM + 1)
    resource.setrlimit(resource.RLIMIT_AS, (_CHILD_MEMORY, _CHILD_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        code = wasmtime.Module(make_engine(), wasm).serialize()
    except wasmtime.WasmtimeError as error:
        print(_sentence(error), file=sys.stderr)
        return _INVALID
    sys.stdout.buffer.write(code)
    return 0


def _sentence(error: wasmtime.WasmtimeError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    # The first line only says that compiling failed; the cause is the last of wasmtime's chain.
    return f"the module is not valid: {lines[-1].removeprefix('0: ')}" if lines else "the module is not valid"


if __name__ == "__main__":
    sys.exit(main())
