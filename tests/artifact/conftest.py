"""Modules for the tests: written in WAT where a test needs a particular fault, compiled by cargo where it
must be real.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import wasmtime

from sequence_operator.cli import scaffold

ALWAYS = """
  (func (export "algo_on_fill") (param i32 i32))
  (func (export "algo_on_reject") (param i32))
  (func (export "algo_on_shutdown") (param i32) (result i32) i32.const 0)
  (func (export "algo_alloc") (param i32) (result i32) i32.const 0)
"""
V4_EXPORTS = f"""{ALWAYS}
  (func (export "algo_on_book_v3") (param i32 i32) (result i32) i32.const 0)
  (func (export "algo_on_message") (param i64 i32 i32 i32) (result i32) i32.const 0)
"""
MEMORY = '(memory (export "memory") 18)'
STACK = "(global (mut i32) (i32.const 1048576))"


@pytest.fixture(scope="session")
def wat() -> Callable[[str], bytes]:
    """Text of a module's body to its bytes."""

    def compile_text(body: str) -> bytes:
        return bytes(wasmtime.wat2wasm(f"(module {body})"))

    return compile_text


@pytest.fixture(scope="session")
def good(wat: Callable[[str], bytes]) -> bytes:
    """The smallest module of the present generation that an edge can host."""
    return wat(f'{MEMORY} {STACK} {V4_EXPORTS} (data (i32.const 1048576) "state")')


@pytest.fixture(scope="session")
def crate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scaffolded project whose target directory all tests of this folder share."""
    folder = tmp_path_factory.mktemp("crate") / "my-algo"
    scaffold.write("my-algo", folder)
    return folder


@pytest.fixture
def copy_of_crate(crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy to spoil; it compiles into the shared target directory, so dependencies are built once."""
    target = tmp_path / "my-algo"
    shutil.copytree(crate, target, ignore=shutil.ignore_patterns("target"))
    monkeypatch.setenv("CARGO_TARGET_DIR", str(crate / "target"))
    return target
