"""How a callback is entered: wasmtime's unchecked C call by default, its plain Python API as the fallback.

The plain ``Func(...)`` call reads the function's type and builds argument objects each time, tens of microseconds;
the unchecked call takes about one. It checks no types, so callers may bind only exports whose types were verified,
and it uses private names of the wheel, so ``fast_calls_work`` proves it once at start before anybody relies on it.
"""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import wasmtime
from wasmtime import _ffi as ffi

from sequence_paper.edge.engine import DEADLINE_TICKS, FUEL
from sequence_paper.edge.errors import AlgoFault

Call: TypeAlias = Callable[[bytes], int]
"""Arguments packed by ``pack_args`` -> the i32 result as unsigned (undefined for exports without a result)."""

_SLOT = struct.Struct("<q8x")
_P: Final = ctypes.c_void_p
_U64: Final = ctypes.c_uint64
_Memory: TypeAlias = ctypes.Structure | ctypes.Union | ctypes.Array[Any] | ctypes.c_void_p | ctypes.c_uint64
_Result: TypeAlias = type[ctypes.c_void_p] | type[ctypes.c_size_t] | None


def pack_args(*values: int) -> bytes:
    """Arguments as wasmtime's 16-byte raw values; i32 and i64 alike, signed."""
    return b"".join(_SLOT.pack(value) for value in values)


def bind_plain(store: wasmtime.Store, func: wasmtime.Func, slots: int) -> Call:
    """The documented way in: slower, but public API only."""

    def call(args: bytes) -> int:
        store.set_fuel(FUEL)
        store.set_epoch_deadline(DEADLINE_TICKS)
        values = [_SLOT.unpack_from(args, 16 * i)[0] for i in range(slots)]
        try:
            result = func(store, *values)
        except wasmtime.Trap as trap:
            raise _fault(trap) from None
        except wasmtime.WasmtimeError as error:
            raise AlgoFault("HOST", str(error)) from None
        return 0 if result is None else int(result) & 0xFFFFFFFF

    return call


def bind_fast(store: wasmtime.Store, func: wasmtime.Func, slots: int) -> Call:
    """The unchecked way in. ``slots``: number of parameters, at least one."""
    raw = (ffi.wasmtime_val_raw_t * slots)()
    arguments = memoryview(raw).cast("B")
    result = arguments.cast("I")
    trap = _P()
    context = _context(store)
    set_fuel = _prepared("wasmtime_context_set_fuel", _P, context, _U64.from_param(FUEL))
    set_deadline = _prepared(
        "wasmtime_context_set_epoch_deadline", None, context, _U64.from_param(DEADLINE_TICKS)
    )
    enter = _prepared(
        "wasmtime_func_call_unchecked",
        _P,
        context,
        _at(func._func),
        _at(raw),
        _U64.from_param(slots),
        _at(trap),
    )

    def call(args: bytes) -> int:
        arguments[:] = args
        set_fuel()
        set_deadline()
        error = enter()
        if error is not None:
            raise AlgoFault("HOST", str(_take_error(error)))
        # After a trap slot 0 still holds the argument, so the trap pointer decides.
        if trap.value is not None:
            pointer = ctypes.cast(trap.value, ctypes.POINTER(ffi.wasm_trap_t))
            trap.value = None
            raise _fault(wasmtime.Trap._from_ptr(pointer))  # its finalizer frees the trap
        return result[0]

    # The closure keeps these alive; the addresses above point into them.
    call.owners = (store, func, raw, trap)  # type: ignore[attr-defined]
    return call


def bind_size(store: wasmtime.Store, memory: wasmtime.Memory, *, fast: bool) -> Callable[[], int]:
    """A function that tells the present length of a memory in bytes."""
    if not fast:
        return lambda: memory.data_len(store)
    size = _prepared("wasmtime_memory_data_size", ctypes.c_size_t, _context(store), _at(memory._memory))
    size.owners = (store, memory)  # type: ignore[attr-defined]
    return size


def bind_charge(store: wasmtime.Store, *, fast: bool) -> Callable[[int], None]:
    """A function that takes fuel from the running callback.

    A host call costs time that the module's own fuel does not see.
    """
    if not fast:
        return lambda fuel: store.set_fuel(max(0, store.get_fuel() - fuel))
    context, left = _context(store), _U64()
    get_fuel = _prepared("wasmtime_context_get_fuel", _P, context, _at(left))
    set_left = _prepared("wasmtime_context_set_fuel", _P, context, left)

    def charge(fuel: int) -> None:
        get_fuel()
        left.value = max(0, left.value - fuel)
        set_left()

    charge.owners = (store, left)  # type: ignore[attr-defined]
    return charge


def fast_calls_work(engine: wasmtime.Engine) -> bool:
    """Compare both ways in on a small module: results of i32 and i64 arguments, a trap, exhausted fuel."""
    wasm = wasmtime.wat2wasm(
        """(module (memory (export "memory") 3)
            (func (export "mix") (param i64 i32 i32 i32) (result i32)
              (i32.add (i32.wrap_i64 (local.get 0))
                       (i32.sub (i32.mul (local.get 1) (local.get 2)) (local.get 3))))
            (func (export "trap") (param i32) (result i32) unreachable)
            (func (export "spin") (param i32) (result i32) (loop (br 0)) unreachable))"""
    )
    try:
        module = wasmtime.Module(engine, wasm)
        seen = [_self_test(engine, module, fast=fast) for fast in (False, True)]
    except (AttributeError, TypeError, ctypes.ArgumentError):
        return False
    return seen[0] == seen[1] == [1234 + 7 * 6 - 5, "UNREACHABLE", "OUT_OF_FUEL", 0xFFFFFFFF, 3 << 16]


def _self_test(engine: wasmtime.Engine, module: wasmtime.Module, *, fast: bool) -> list[int | str]:
    bind = bind_fast if fast else bind_plain
    store = wasmtime.Store(engine)
    store.set_fuel(FUEL)
    store.set_epoch_deadline(DEADLINE_TICKS)
    exports = wasmtime.Instance(store, module, []).exports(store)
    mix, trap, spin = (
        bind(store, exports["mix"], 4),
        bind(store, exports["trap"], 1),
        bind(store, exports["spin"], 1),
    )
    seen: list[int | str] = [mix(pack_args(1234 + (5 << 32), 7, 6, 5))]
    for call in (trap, spin):
        try:
            seen.append(call(pack_args(1)))
        except AlgoFault as fault:
            seen.append(fault.code)
    seen.append(mix(pack_args(0, 0, 0, 1)))
    seen.append(bind_size(store, exports["memory"], fast=fast)())
    return seen


def _fault(trap: wasmtime.Trap) -> AlgoFault:
    code = trap.trap_code
    lines = [line.strip() for line in trap.message.splitlines() if line.strip()]
    return AlgoFault(
        code.name if code else "TRAP", lines[-1].removeprefix("wasm trap: ") if lines else "trap"
    )


def _take_error(pointer: int) -> wasmtime.WasmtimeError:
    return wasmtime.WasmtimeError._from_ptr(ctypes.cast(pointer, ctypes.POINTER(ffi.wasmtime_error_t)))


def _address(name: str) -> int:
    value = ctypes.cast(getattr(ffi.dll, name), _P).value
    if value is None:
        raise AttributeError(f"the wasmtime library has no {name}")
    return value


@functools.cache
def _function(name: str, result: _Result) -> Callable[..., Any]:
    """One of the wheel's C functions. PYFUNCTYPE keeps the interpreter lock: calls are short."""
    return ctypes.PYFUNCTYPE(result)(_address(name))


def _prepared(name: str, result: _Result, *arguments: object) -> functools.partial[Any]:
    """A C function with all its arguments. To convert five of them at each call takes longer than most algos do."""
    return functools.partial(_function(name, result), *arguments)


def _at(owner: _Memory) -> object:
    """The address of a C object as an argument. It does not keep the object alive."""
    return _P.from_param(ctypes.addressof(owner))


def _context(store: wasmtime.Store) -> object:
    return _at(store._context().contents)
