"""Which modules are let in, and what those that are not are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequence_paper.edge import compile as compiling
from sequence_paper.edge.compile import MAX_WASM, RecentCode, compile_in_child, recent_code
from sequence_paper.edge.errors import ModuleRefused
from sequence_paper.edge.host import Host
from sequence_paper.edge.layout import Layout, read_layout
from sequence_paper.edge.module import Generation
from support import wat


@pytest.fixture
def host() -> Iterator[Host]:
    """One that compiles each module in a child, whatever other tests have loaded."""
    recent_code.clear()
    host = Host()
    yield host
    host.close()


LOG = '(import "env" "host_log_impl" (func (param i32 i32 i32)))'


@pytest.mark.parametrize(
    ("crate", "generation", "heartbeats", "messages"),
    [
        ("maker", Generation.G4, True, True),
        ("v3", Generation.G3_V3, True, False),
        ("single01", Generation.SINGLE, False, False),
        ("single03", Generation.SINGLE, False, False),
    ],
)
def test_generations_of_the_sdk_are_told_by_exports(
    algos: dict[str, bytes], host: Host, crate: str, generation: Generation, heartbeats: bool, messages: bool
) -> None:
    module = host.load(algos[crate])
    assert (module.generation, module.heartbeats, module.messages) == (generation, heartbeats, messages)
    assert module.fixed_tables


REFUSED = {
    "bytes": (b"#!/bin/sh", "NotWasm", "not a WebAssembly module"),
    "empty": (b"", "NotWasm", "not a WebAssembly module"),
    "cut": (wat.algo()[:-20], "InvalidModule", "not valid"),
    "large": (wat.algo() + bytes(MAX_WASM), "TooLarge", str(MAX_WASM)),
    "nothing exported": (wat.module(wat.MEMORY), "MissingExport", "export_algo!"),
    "no book": (wat.module(wat.MEMORY + wat.REST), "MissingExport", "algo_on_book_v3"),
    "no memory": (wat.algo(memory="(memory 17)"), "MissingExport", "memory"),
    "no fill": (
        wat.module(f'{wat.MEMORY} (func (export "algo_on_book") (param i32 i32) (result i32) unreachable)'),
        "MissingExport",
        "algo_on_fill, algo_on_reject, algo_on_shutdown, algo_alloc",
    ),
    "foreign import": (
        wat.algo(before='(import "wasi_snapshot_preview1" "fd_write" (func (param i32) (result i32)))'),
        "ForeignImport",
        r"wasi_snapshot_preview1.fd_write \(\(i32\) -> \(i32\)\)",
    ),
    "imported memory": (
        wat.algo(before='(import "env" "memory" (memory 1))', memory='(export "memory" (memory 0))'),
        "ForeignImport",
        r"env.memory \(memory\)",
    ),
    "import of another type": (
        wat.algo(before=LOG.replace("i32 i32 i32", "i64")),
        "UnsupportedSignature",
        "host_log_impl",
    ),
    "export of another type": (
        wat.module(
            f'{wat.MEMORY} {wat.REST} (func (export "algo_on_book_v3") (param i64) (result i32) unreachable)'
        ),
        "UnsupportedSignature",
        r"algo_on_book_v3 has type \(i64\) -> \(i32\)",
    ),
    "export that is no function": (
        wat.module(f'{wat.MEMORY} {wat.REST} (global (export "algo_on_book_v3") i32 (i32.const 0))'),
        "UnsupportedSignature",
        "global",
    ),
    "no stack": (wat.algo(stack=""), "UnsafeLayout", "no stack pointer"),
    "small stack": (
        wat.algo(stack="(global (mut i32) (i32.const 0x10000))"),
        "UnsafeLayout",
        "zstack-size=1048576",
    ),
    "data below the stack": (
        wat.algo(more='(data (i32.const 0x20000) "x")'),
        "UnsafeLayout",
        "data at 0x20000, below its stack top 0x100000",
    ),
    "proposal that is off": (
        wat.algo(more="(memory 1)"),
        "InvalidModule",
        "multiple memories|multi-memory",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_module_is_refused_with_a_sentence(host: Host, name: str) -> None:
    wasm, reason, says = REFUSED[name]
    with pytest.raises(ModuleRefused, match=says) as refused:
        host.load(wasm)
    assert refused.value.reason == reason
    assert "\n" not in str(refused.value)


def test_a_crate_linked_with_a_small_stack_is_refused(algos: dict[str, bytes], host: Host) -> None:
    with pytest.raises(ModuleRefused, match="stack of 0x10000 bytes"):
        host.load(algos["smallstack"])


def test_compiling_has_a_time_limit() -> None:
    with pytest.raises(ModuleRefused, match=r"did not compile within 0\.001 s"):
        compile_in_child(wat.algo(), timeout=0.001)


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What real children were started for, in order."""
    given: list[bytes] = []

    def counted(wasm: bytes, *, timeout: float) -> bytes:
        given.append(wasm)
        return compile_in_child(wasm, timeout=timeout)

    monkeypatch.setattr(compiling, "compile_in_child", counted)
    return given


def test_a_module_that_comes_back_is_not_compiled_again(host: Host, children: list[bytes]) -> None:
    another = Host()
    try:
        first, again = host.load(wat.algo()), another.load(wat.algo())
    finally:
        another.close()
    assert children == [wat.algo()]
    assert (first.sha256, first.exports) == (again.sha256, again.exports)
    assert first.compiled is not again.compiled  # each engine has its own, of the same code


def test_a_refusal_is_found_anew(host: Host, children: list[bytes]) -> None:
    cut = wat.algo()[:-20]
    for _ in range(2):
        with pytest.raises(ModuleRefused, match="not valid"):
            host.load(cut)
    assert children == [cut, cut]


def test_of_recent_code_the_latest_is_kept_within_a_bound(children: list[bytes]) -> None:
    a, b, c = (wat.algo(more=f"(func (result i32) (i32.const {n}))") for n in range(3))
    recent = RecentCode(limit=len(compile_in_child(a, timeout=10)) * 5 // 2)
    for wasm in (a, b, a, c, a, b):  # c is one too many, and by then b is the older
        recent.get(wasm.hex(), wasm, timeout=10)
    assert children == [a, b, c, b]
    assert RecentCode(limit=1).get("a", a, timeout=10) == recent.get(a.hex(), a, timeout=10)


@given(
    st.integers(0, 2**32 - 1), st.lists(st.integers(0, 2**32 - 1), max_size=5), st.booleans(), st.booleans()
)
def test_the_layout_is_read_whatever_stands_before_it(
    top: int, segments: list[int], other: bool, passive: bool
) -> None:
    before = "(global i32 (i32.const 3)) (global (mut i64) (i64.const -1)) (global (mut f64) (f64.const 2.5))"
    data = "".join(f'(data (i32.const {at}) "abc")' for at in segments)
    data += '(data "passive")' if passive else ""
    wasm = wat.module(
        f"(memory 1) {before if other else ''} (global (mut i32) (i32.const {top})) "
        f"(global (mut i32) (i32.const 1)) {data}"
    )
    assert read_layout(wasm) == Layout(top, min(segments, default=None))


def test_a_start_that_is_not_a_constant_counts_as_unsafe() -> None:
    wasm = wat.module('(memory 1) (global $base i32 (i32.const 0x200000)) (data (global.get $base) "x")')
    assert read_layout(wasm) == Layout(None, 0)
