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


NEW_ORDER = """
  (i32.store (i32.const 0x100000) (i32.const 1))
  (i64.store (i32.const 0x100008) (i64.const {id}))
  (i64.store (i32.const 0x100010) (i64.const {px}))
  (i64.store (i32.const 0x100018) (i64.const {qty}))
  (i64.store (i32.const 0x100020) (i64.const {tail}))
  (i32.const 0x100000)"""


def one_action(
    order_id: int = 1,
    px: int = 99_000 * 10**9,
    qty: int = 10**6,
    side: int = 1,
    kind: int = 0,
    kind_type: int = 0,
    venue: int = 0,
    pool: int = 0,
    symbol: int = 0,
    ttl_ms: int = 0,
) -> bytes:
    """An algo that returns the same action on every book update."""
    tail = int.from_bytes(
        bytes([side & 0xFF, kind, kind_type, venue, pool, symbol]) + ttl_ms.to_bytes(2, "little"),
        "little",
        signed=True,
    )
    return algo(NEW_ORDER.format(id=order_id, px=px, qty=qty, tail=tail))
