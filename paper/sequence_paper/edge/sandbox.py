"""One running copy of a module: its memory, its callbacks, and the two functions it may call.

Callbacks never overlap and are never re-entered from an import. Every callback gets fuel and a wall-clock backstop.
Any ``AlgoFault`` ends the sandbox: its memory may be half written, so it must be dropped.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import wasmtime

from sequence_paper.edge import abi, nbbo
from sequence_paper.edge.calls import (
    Call,
    bind_charge,
    bind_fast,
    bind_plain,
    bind_size,
    pack_args,
)
from sequence_paper.edge.engine import DEADLINE_TICKS, FUEL, MEMORY_CAP, MEMORY_LIMIT
from sequence_paper.edge.errors import AlgoFault, ModuleRefused
from sequence_paper.edge.features import EMPTY
from sequence_paper.edge.host import Host
from sequence_paper.edge.module import EXPORTS, IMPORTS, AlgoModule

MAX_LOG_BYTES: Final = 1024
HOST_CALL_FUEL: Final = 1_000
"""Fuel taken for each log or send: entering Python costs far more time than the instruction that calls it."""

LogSink = Callable[[int, bytes, bool], None]
"""(level, at most 1,024 bytes, whether more was cut off)"""
SendSink = Callable[[int, bytes], None]
"""(mesh id of the receiver, payload)"""


@dataclass(frozen=True, slots=True)
class _Addresses:
    book: int
    state: int
    fill: int
    reject: int
    payload: int


_FIXED: Final = _Addresses(book=0x8000, state=0x8400, fill=0x8C00, reject=0x8C40, payload=0x8D00)


class Sandbox:
    """An instantiated module. ``on_log``/``on_send`` are called during callbacks and must not raise or block."""

    def __init__(self, host: Host, module: AlgoModule, on_log: LogSink, on_send: SendSink) -> None:
        """Raises ModuleRefused when it cannot be instantiated within its limits."""
        self.module = module
        self._on_log, self._on_send = on_log, on_send
        self._import_fault: AlgoFault | None = None
        self.pools: object = None
        """Which pools the tables of this module show; kept by who writes them."""
        store = self._store = wasmtime.Store(host.engine)
        # Limits, fuel and deadline come first: a start function runs under all of them.
        store.set_limits(memory_size=MEMORY_CAP, table_elements=4096, instances=1, tables=1, memories=1)
        store.set_fuel(FUEL)
        store.set_epoch_deadline(DEADLINE_TICKS)
        self._charge = bind_charge(store, fast=host.fast)
        try:
            instance = wasmtime.Instance(store, module.compiled, self._imports())
        except (wasmtime.WasmtimeError, wasmtime.Trap) as error:
            raise ModuleRefused(
                "NotInstantiable", f"the module cannot be instantiated: {_last(error)}"
            ) from None
        self._exports = instance.exports(store)
        memory = self._exports["memory"]
        assert isinstance(memory, wasmtime.Memory)  # noqa: S101 - checked when the module was loaded
        self._memory = memory
        self._size = bind_size(store, memory, fast=host.fast)
        self._actions_at = 0
        self._remap()
        if len(self._mem) > MEMORY_LIMIT:
            raise ModuleRefused(
                "NotInstantiable",
                f"the module cannot be instantiated: it starts with {len(self._mem)} bytes of memory; at most "
                f"{MEMORY_LIMIT} are allowed",
            )
        bind = bind_fast if host.fast else bind_plain
        self._calls: dict[str, Call] = {
            name: bind(store, self._exports[name], max(1, len(EXPORTS[name][0]))) for name in module.exports
        }
        self._at = self._place()
        self._bind_hot()

    def config(self, region: bytes) -> None:
        """Write the ConfigRegion; call between callbacks only."""
        if self.module.fixed_tables:
            self._mem[abi.CONFIG_AT : abi.CONFIG_AT + abi.CONFIG_SIZE] = region

    def mesh(self, table: bytes) -> None:
        """Write the MeshTable; call between callbacks only."""
        if self.module.fixed_tables:
            self._mem[abi.MESH_AT : abi.MESH_AT + abi.MESH_SIZE] = table

    def table(self, at: int, region: bytes) -> None:
        """Write another of the platform's tables at its address; call between callbacks only."""
        self._mem[at : at + len(region)] = region

    def on_book(self, book: bytes | bytearray, state: bytes | bytearray, features: bytes) -> list[abi.Action]:
        """Deliver a book; returns the decoded actions. Raises AlgoFault, as every callback does.

        ``features`` are those of the symbol; a module that does not look at them may be given none.
        """
        mem = self._mem
        mem[self._book_slice] = book
        mem[self._state_slice] = state
        if self._features:
            mem[_FEATURES_SLICE] = features
        # Spelt out instead of `_run`: this is the one call whose every tenth of a microsecond counts.
        try:
            pointer = self._book_call(self._book_args)
            if self._import_fault is not None or self._size() > MEMORY_LIMIT:
                raise self._found()
            return abi.actions(self._buffer(pointer)) if pointer else []
        except AlgoFault as fault:
            fault.callback = self.module.book_callback
            raise

    def on_nbbo(
        self, snapshot: bytes, books: bytes, state: bytes | bytearray, features: bytes
    ) -> list[abi.Action]:
        """Deliver the books of all venues, in the layout of the module's generation."""
        mem = self._mem
        mem[nbbo.NBBO_AT : nbbo.NBBO_AT + len(snapshot)] = snapshot
        mem[nbbo.VENUE_BOOKS_AT : nbbo.VENUE_BOOKS_AT + len(books)] = books
        mem[self._state_slice] = state
        if self._features:
            mem[_FEATURES_SLICE] = features
        args = pack_args(nbbo.NBBO_AT, nbbo.VENUE_BOOKS_AT, self._at.state)
        return self._run("algo_on_nbbo", self._calls["algo_on_nbbo"], args)

    def on_heartbeat(self, state: bytes | bytearray, features: bytes) -> list[abi.Action]:
        self._mem[self._state_slice] = state
        if self._features:
            self._mem[_FEATURES_SLICE] = features
        return self._run("algo_on_heartbeat", self._calls["algo_on_heartbeat"], pack_args(self._at.state))

    def on_message(self, sender: int, payload: bytes, state: bytes | bytearray) -> list[abi.Action]:
        """``sender``: mesh id of a peer in the table; ``payload`` at most 256 bytes."""
        at = self._at
        self._mem[self._state_slice] = state
        self._mem[at.payload : at.payload + len(payload)] = payload
        args = pack_args(sender, at.payload, len(payload), at.state)
        return self._run("algo_on_message", self._calls["algo_on_message"], args)

    def on_shutdown(self, state: bytes | bytearray) -> list[abi.Action]:
        self._mem[self._state_slice] = state
        return self._run("algo_on_shutdown", self._calls["algo_on_shutdown"], pack_args(self._at.state))

    def on_fill(self, fill: bytes, state: bytes | bytearray) -> None:
        at = self._at
        self._mem[at.fill : at.fill + abi.FILL_SIZE] = fill
        self._mem[self._state_slice] = state
        self._enter("algo_on_fill", self._calls["algo_on_fill"], pack_args(at.fill, at.state))

    def on_reject(self, reject: bytes) -> None:
        at = self._at
        self._mem[at.reject : at.reject + abi.REJECT_SIZE] = reject
        self._enter("algo_on_reject", self._calls["algo_on_reject"], pack_args(at.reject))

    def _run(self, name: str, call: Call, args: bytes) -> list[abi.Action]:
        pointer = self._enter(name, call, args)
        if pointer == 0:
            return []
        try:
            return abi.actions(self._buffer(pointer))
        except AlgoFault as fault:
            fault.callback = name
            raise

    def _enter(self, name: str, call: Call, args: bytes) -> int:
        try:
            result = call(args)
            if self._import_fault is not None or self._size() > MEMORY_LIMIT:
                raise self._found()
        except AlgoFault as fault:
            fault.callback = name
            raise
        return result

    def _found(self) -> AlgoFault:
        """What the callback did besides returning."""
        if self._import_fault is not None:
            return self._import_fault
        return AlgoFault(
            "MEMORY_LIMIT", f"{self._size()} bytes of memory; at most {MEMORY_LIMIT} are allowed"
        )

    def _buffer(self, pointer: int) -> memoryview:
        """Where the module says its actions are: one static place, in modules of the SDK."""
        if pointer != self._actions_at:
            self._actions, self._actions_at = self._find_buffer(pointer), pointer
        return self._actions

    def _find_buffer(self, pointer: int) -> memoryview:
        end = pointer + abi.ACTIONS_SIZE
        if end > len(self._mem):
            self._remap()
        if end > len(self._mem):
            raise AlgoFault(
                "BAD_POINTER", f"actions at {pointer:#x} lie outside {len(self._mem)} bytes of memory"
            )
        if self.module.fixed_tables and pointer < abi.FIXED_END:
            raise AlgoFault("BAD_POINTER", f"actions at {pointer:#x} lie in the platform's tables")
        return self._mem[pointer:end]

    def _remap(self) -> None:
        """View the whole present memory. The base never moves; only the length grows."""
        length = self._memory.data_len(self._store)
        base = ctypes.addressof(self._memory.data_ptr(self._store).contents)
        self._mem = memoryview((ctypes.c_ubyte * length).from_address(base)).cast("B")
        self._actions, self._actions_at = self._mem[:0], 0

    def _place(self) -> _Addresses:
        if not self.module.fixed_tables:
            return self._allocate()
        if len(self._mem) < abi.FIXED_END:
            raise ModuleRefused(
                "UnsafeLayout",
                f"the module starts with {len(self._mem)} bytes of memory; {abi.FIXED_END} are needed",
            )
        self._mem[abi.FIXED_START : abi.FIXED_END] = bytes(abi.FIXED_END - abi.FIXED_START)
        self._mem[_FEATURES_SLICE] = EMPTY
        return _FIXED

    def _allocate(self) -> _Addresses:
        """For old single-venue modules whose low memory is in use: buffers from the module's own allocator."""
        found = []
        for size in (abi.BOOK_SIZE, abi.STATE_SIZE, abi.FILL_SIZE, abi.REJECT_SIZE):
            try:
                at = self._calls["algo_alloc"](pack_args(size))
            except AlgoFault as fault:
                raise ModuleRefused("NotInstantiable", f"algo_alloc({size}) failed: {fault}") from None
            self._remap()
            if at == 0 or at + size > len(self._mem):
                raise ModuleRefused("NotInstantiable", f"algo_alloc({size}) returned {at:#x}")
            found.append(at)
        book, state, fill, reject = found
        return _Addresses(book, state, fill, reject, payload=0)

    def _bind_hot(self) -> None:
        at = self._at
        self._features = self.module.features
        self._book_slice = slice(at.book, at.book + abi.BOOK_SIZE)
        self._state_slice = slice(at.state, at.state + abi.STATE_SIZE)
        self._book_call = self._calls[self.module.book_callback]
        self._book_args = pack_args(at.book, at.state)

    def _imports(self) -> list[wasmtime.Func]:
        # wasmtime-py keeps import callbacks in a global table: a strong reference to self would never be freed.
        ref = weakref.ref(self)
        functions = {
            "env.host_log_impl": lambda level, at, size: _with(ref, lambda me: me._log(level, at, size)),
            "env.__seq_send": lambda to, at, size: _with(ref, lambda me: me._send(to, at, size)),
        }
        out = []
        for item in self.module.compiled.imports:
            params, _ = IMPORTS[(item.module, item.name or "")]
            kind = wasmtime.FuncType([_VALTYPES[p]() for p in params], [])
            out.append(wasmtime.Func(self._store, kind, functions[f"{item.module}.{item.name}"]))
        return out

    def _log(self, level: int, at: int, size: int) -> None:
        text = self._read(at, size, MAX_LOG_BYTES, "a log record")
        if text is not None:
            self._on_log(level, text, (size & 0xFFFFFFFF) > MAX_LOG_BYTES)

    def _send(self, to: int, at: int, size: int) -> None:
        if (size & 0xFFFFFFFF) > abi.MAX_PAYLOAD:
            self._import_fault = AlgoFault(
                "BAD_POINTER", f"a message of {size & 0xFFFFFFFF} bytes; at most 256"
            )
            return
        payload = self._read(at, size, abi.MAX_PAYLOAD, "a message")
        if payload is not None:
            self._on_send(to, payload)

    def _read(self, at: int, size: int, cap: int, what: str) -> bytes | None:
        """Copy up to ``cap`` bytes of the module's memory; None, and a fault after the callback, if outside."""
        self._charge(HOST_CALL_FUEL)
        at, size = at & 0xFFFFFFFF, size & 0xFFFFFFFF
        if at + size > len(self._mem):
            self._remap()
        if at + size > len(self._mem):
            self._import_fault = AlgoFault("BAD_POINTER", f"{what} at {at:#x} lies outside memory")
            return None
        return bytes(self._mem[at : at + min(size, cap)])


_FEATURES_SLICE: Final = slice(abi.FEATURES_AT, abi.FEATURES_AT + abi.FEATURES_SIZE)
_VALTYPES: Final = {"i32": wasmtime.ValType.i32, "i64": wasmtime.ValType.i64}


def _with(ref: weakref.ref[Sandbox], act: Callable[[Sandbox], None]) -> None:
    sandbox = ref()
    if sandbox is not None:
        act(sandbox)


def _last(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
