"""What an edge can host is accepted, and everything else refused with a reason, a sentence and a way out."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.inspect import MAX_WASM_BYTES, inspect

from .conftest import ALWAYS, MEMORY, STACK, V4_EXPORTS

Wat = Callable[[str], bytes]
BOOK = '(func (export "algo_on_book") (param i32 i32) (result i32) i32.const 0)'
BOOK_V3 = '(func (export "algo_on_book_v3") (param i32 i32) (result i32) i32.const 0)'
NBBO = '(func (export "algo_on_nbbo") (param i32 i32 i32) (result i32) i32.const 0)'
LOG = '(import "env" "host_log_impl" (func (param i32 i32 i32)))'
SEND = '(import "env" "__seq_send" (func (param i64 i32 i32)))'


def test_a_good_module_is_described(good: bytes) -> None:
    found = inspect(good)
    assert found.sha256 == hashlib.sha256(good).hexdigest()
    assert found.size == len(good)
    assert found.generation == "0.4"
    assert "algo_on_message(i64 i32 i32 i32)->i32" in found.exports
    assert "memory" in found.exports
    assert found.imports == ()


@pytest.mark.parametrize(
    ("body", "generation"),
    [
        (f"{MEMORY} {ALWAYS} {BOOK}", "0.1"),
        (f"{MEMORY} {STACK} {ALWAYS} {BOOK} {BOOK_V3}", "0.3-v3"),
        (f"{MEMORY} {STACK} {ALWAYS} {BOOK} {NBBO}", "0.3-multi"),
        (f"{LOG} {SEND} {MEMORY} {STACK} {V4_EXPORTS}", "0.4"),
    ],
)
def test_the_exports_tell_the_generation(wat: Wat, body: str, generation: str) -> None:
    assert inspect(wat(body)).generation == generation


def test_both_host_functions_may_be_imported(wat: Wat) -> None:
    assert inspect(wat(f"{LOG} {SEND} {MEMORY} {STACK} {V4_EXPORTS}")).imports == (
        "env.host_log_impl(i32 i32 i32)->()",
        "env.__seq_send(i64 i32 i32)->()",
    )


@pytest.mark.parametrize(
    ("body", "reason", "says"),
    [
        (f'(import "env" "system" (func (param i32))) {MEMORY} {STACK} {V4_EXPORTS}', "ForeignImport",
         "imports env.system (i32)->(), which no edge provides"),
        (f'(import "wasi_snapshot_preview1" "fd_write" (func)) {MEMORY} {STACK} {V4_EXPORTS}', "ForeignImport",
         "wasi_snapshot_preview1.fd_write"),
        (f'(import "env" "memory" (memory 1)) {STACK} {V4_EXPORTS}', "ForeignImport", "env.memory memory"),
        (f'(import "env" "host_log_impl" (func (param i32))) {MEMORY} {STACK} {V4_EXPORTS}', "ImportType",
         "the host provides (i32 i32 i32)->()"),
        (MEMORY, "NoAlgoExports", "exports no algo_… function"),
        (f"{STACK} {V4_EXPORTS}", "MissingExports", "does not export `memory`"),
        (f'{MEMORY} {STACK} (func (export "algo_on_fill") (param i32 i32))', "MissingExports",
         "any of algo_on_book_v3, algo_on_nbbo, algo_on_book"),
        (f'{MEMORY} {STACK} {ALWAYS} (func (export "algo_on_book") (param i32))', "ExportType",
         "algo_on_book as (i32)->(); the host calls (i32 i32)->i32"),
        (f"{MEMORY} {STACK} {BOOK}", "MissingExports",
         "does not export algo_on_fill, algo_on_reject, algo_on_shutdown, algo_alloc"),
        (f'{MEMORY} {STACK} {ALWAYS} {BOOK} '
         '(func (export "algo_on_message") (param i64 i32 i32 i32) (result i32) i32.const 0)', "MissingExports",
         "does not export algo_on_book_v3"),
        (f'{MEMORY} (global (mut i32) (i32.const 65536)) {V4_EXPORTS} (data (i32.const 65536) "x")', "StackTooSmall",
         "its stack begins at 0x10000, its data at 0x10000"),
        (f"{MEMORY} {V4_EXPORTS}", "StackTooSmall", "it has no stack pointer"),
        # Data below the stack: not the stack-first layout, so the stack grows down into the algo's own state.
        (f'{MEMORY} (global (mut i32) (i32.const 1048576)) {V4_EXPORTS} (data (i32.const 1024) "x")',
         "StackTooSmall", "its data at 0x400"),
    ],
)  # fmt: skip
def test_what_cannot_be_hosted_is_refused(wat: Wat, body: str, reason: str, says: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        inspect(wat(body))
    assert refused.value.reason == reason
    assert says in refused.value.message
    assert refused.value.hint


def test_a_book_only_module_needs_no_fixed_tables(wat: Wat) -> None:
    body = f'{MEMORY} (global (mut i32) (i32.const 65536)) {ALWAYS} {BOOK} (data (i32.const 65536) "x")'
    assert inspect(wat(body)).generation == "0.1"


@pytest.mark.parametrize(
    ("wasm", "reason", "says"),
    [
        (b"", "NotWasm", "begins with nothing"),
        (b"\x7fELF" + bytes(100), "NotWasm", "begins with 7f 45 4c 46"),
        (b"\0asm\1\0\0\0garbage", "InvalidModule", "is not valid"),
        (b"\0asm" + bytes(2 << 20), "TooLarge", "2,097,156 bytes; the limit is 1,048,576"),
    ],
)
def test_bytes_that_are_no_module(wasm: bytes, reason: str, says: str) -> None:
    with pytest.raises(ArtifactError) as refused:
        inspect(wasm)
    assert (refused.value.reason, says in refused.value.message) == (reason, True)


def test_the_limit_itself_is_allowed(good: bytes) -> None:
    padding = MAX_WASM_BYTES - len(good) - 4  # a custom section: id, size in 3 bytes, then its content
    size = padding & 0x7F | 0x80, padding >> 7 & 0x7F | 0x80, padding >> 14
    wasm = good + bytes([0, *size]) + b"\1x" + bytes(padding - 2)
    assert inspect(wasm).size == MAX_WASM_BYTES


def test_a_module_that_takes_too_long_is_given_up(good: bytes) -> None:
    with pytest.raises(ArtifactError) as refused:
        inspect(good, timeout=0.001)
    assert refused.value.reason == "InspectionTimeout"


def test_threads_are_off_as_on_the_edge(wat: Wat) -> None:
    with pytest.raises(ArtifactError) as refused:
        inspect(wat(f'(memory (export "memory") 18 20 shared) {STACK} {V4_EXPORTS}'))
    assert refused.value.reason == "InvalidModule"


def test_wasmtime_stays_out_of_the_calling_process(good: bytes) -> None:
    program = (
        "import sys; from sequence_operator.artifact.inspect import inspect\n"
        "print(inspect(sys.stdin.buffer.read()).generation, 'wasmtime' in sys.modules)"
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], input=good, capture_output=True, check=True, env=env
    )
    assert done.stdout.split() == [b"0.4", b"False"]
