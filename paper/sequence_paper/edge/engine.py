"""The one wasmtime engine of an edge: hardened configuration, and the clock that interrupts runaway code."""

from __future__ import annotations

import ctypes
from typing import Any, Final

import wasmtime
from wasmtime import _ffi as ffi

FUEL: Final = 200_000
"""Budget of one callback: some tens of microseconds. Deterministic, so an algo that exceeds it always does."""

MEMORY_LIMIT: Final = 256 * 65_536
"""An algo that has grown beyond this is stopped after the callback in which it did."""

MEMORY_CAP: Final = 2 * MEMORY_LIMIT
"""What wasmtime lets it grow to. Above the limit, so that growing without end is seen and not merely refused."""

TICK_SECONDS: Final = 0.010
DEADLINE_TICKS: Final = 20
"""Wall-clock backstop (200 ms), far above the fuel budget: it must not punish an algo for a busy machine."""

_OFF: Final = (
    "wasm_threads",
    "wasm_memory64",
    "wasm_multi_memory",
    "wasm_tail_call",
    "wasm_relaxed_simd",
    "wasm_exceptions",
    "wasm_gc",
    "wasm_function_references",
    "wasm_component_model",
    "wasm_stack_switching",
    "wasm_wide_arithmetic",
    "wasm_custom_page_sizes",
    "shared_memory",
)


def make_engine() -> wasmtime.Engine:
    """A new engine; compiled code can move only between engines of this same configuration."""
    config = wasmtime.Config()
    for name in _OFF:
        setattr(config, name, False)
    config.consume_fuel = True
    config.epoch_interruption = True
    # The base address stays valid for the life of an instance, so views of its memory may be kept.
    config.memory_may_move = False
    # Explicit checks: a SIGSEGV handler installed later by anybody could otherwise kill the process.
    config.signals_based_traps = False
    config.max_wasm_stack = 256 << 10
    return wasmtime.Engine(config)


class _SigEvent(ctypes.Structure):
    """``struct sigevent`` of Linux on 64 bits (64 bytes)."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("function", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("pad", ctypes.c_byte * 32),
    )


class _TimerSpec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


class Ticker:
    """Increments the engine's epoch every ``TICK_SECONDS`` while at least one instance runs.

    A POSIX timer whose notify function is wasmtime's own ``engine_increment_epoch``: it needs no Python thread, so
    it fires even while a callback holds the interpreter lock. Linux only, as the edge is.
    """

    _SIGEV_THREAD: Final = 2
    _CLOCK_MONOTONIC: Final = 1

    def __init__(self, engine: wasmtime.Engine) -> None:
        self._engine = engine
        self._libc: Any = ctypes.CDLL(None, use_errno=True)
        self._id: ctypes.c_void_p | None = ctypes.c_void_p()
        self._on = False
        event = _SigEvent()
        event.value = ctypes.addressof(engine.ptr().contents)
        event.notify = self._SIGEV_THREAD
        event.function = ctypes.cast(ffi.dll.wasmtime_engine_increment_epoch, ctypes.c_void_p).value
        if self._libc.timer_create(self._CLOCK_MONOTONIC, ctypes.byref(event), ctypes.byref(self._id)):
            raise OSError(ctypes.get_errno(), "timer_create")

    def run(self, on: bool) -> None:
        """Start or stop ticking; an idle edge must not be woken a hundred times a second."""
        if on == self._on:
            return
        nanos = int(TICK_SECONDS * 1e9) if on else 0
        spec = _TimerSpec(0, nanos, 0, nanos)
        if self._libc.timer_settime(self._id, 0, ctypes.byref(spec), None):
            raise OSError(ctypes.get_errno(), "timer_settime")
        self._on = on

    def close(self) -> None:
        """Delete the timer; the engine may be dropped afterwards."""
        if self._id is not None:
            self._libc.timer_delete(self._id)
            self._id = None
