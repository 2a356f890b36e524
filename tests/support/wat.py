"""Hand-written modules: what no Rust compiler would produce, and what would be a crate too much."""

from __future__ import annotations

import wasmtime

STACK = "(global $sp (mut i32) (i32.const 0x100000))"
MEMORY = '(memory (export "memory") 17)'
REST = """
  (func (export "algo_on_fill") (param i32 i32))
  (func (export "algo_on_reject") (param i32))
  (func (export "algo_on_shutdown") (param i32) (result i32) (i32.const 0))
  (func (export "algo_alloc") (param i32) (result i32) (i32.const 0x100800))
"""
QUIET = """
  (func (export "algo_on_nbbo") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "algo_on_heartbeat") (param i32) (result i32) (i32.const 0))
  (func (export "algo_on_message") (param i64 i32 i32 i32) (result i32) (i32.const 0))
"""


def module(text: str) -> bytes:
    """WebAssembly text to bytes."""
    return bytes(wasmtime.wat2wasm(f"(module {text})"))


def algo(
    on_book: str = "(i32.const 0)",
    *,
    before: str = "",
    stack: str = STACK,
    memory: str = MEMORY,
    more: str = "",
) -> bytes:
    """A module with every export of SDK 0.4; ``on_book``: the book callback's body, one i32 left on the stack."""
    book = f'(func (export "algo_on_book_v3") (param i32 i32) (result i32) {on_book})'
    return module(f"{before} {stack} {memory} {book} {QUIET} {REST} {more}")


def garbage(count: int) -> bytes:
    """Claims ``count`` actions of which every byte is 0xEE."""
    return algo(
        f"(i32.store (i32.const 0x100000) (i32.const {count})) (i32.const 0x100000)",
        more='(data (i32.const 0x100008) "' + "\\ee" * 512 + '")',
    )


def pointing_to(pointer: int) -> bytes:
    """Returns an actions pointer of its choice."""
    return algo(f"(i32.const {pointer})")


def growing(pages: int = 1) -> bytes:
    """Takes so many more pages of memory on every book update and does nothing with them."""
    return algo(f"(drop (memory.grow (i32.const {pages}))) (i32.const 0)")
