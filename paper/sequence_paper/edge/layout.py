"""The few facts about a module that wasmtime does not tell: where its stack and its data begin.

The fixed tables of the interface (0x8000..0x25000) lie in what is, with default linker flags, the unused deep end of
the module's own stack. A module linked with a small stack keeps data there, and writing a table would corrupt it
without any trap. So the stack pointer's initial value and the data segments are read from the binary.
Format: WebAssembly core specification, section "Binary Format / Modules".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIN_STACK_TOP: Final = 0x40000
"""256 KiB: the tables end at 0x25000 and the stack grows down from here."""

_I32 = 0x7F
_I32_CONST = 0x41
_END = 0x0B
_GLOBAL_SECTION, _DATA_SECTION = 6, 11
# opcode -> how many immediate LEB128 numbers, or raw bytes for floats, follow it in a constant expression
_CONST_LEBS: Final = {0x41: 1, 0x42: 1, 0x23: 1, 0xD0: 1, 0xD2: 1}
_CONST_BYTES: Final = {0x43: 4, 0x44: 8}


@dataclass(frozen=True, slots=True)
class Layout:
    """``stack_top``: initial value of the first mutable i32 global, None when there is none.

    ``lowest_data``: start of the lowest active data segment, None without any; 0 when one start is not a constant.
    """

    stack_top: int | None
    lowest_data: int | None

    def problem(self) -> str:
        """Empty when the fixed tables are safe, else why not, with the linker flag that helps."""
        if self.stack_top is None or self.stack_top < MIN_STACK_TOP:
            top = "no stack pointer" if self.stack_top is None else f"a stack of {self.stack_top:#x} bytes"
            return (
                f"the module has {top}, but the platform's tables need the first {MIN_STACK_TOP:#x} bytes of "
                "memory to be deep stack: link with -zstack-size=1048576 and stack first (the default)"
            )
        if self.lowest_data is not None and self.lowest_data < self.stack_top:
            return (
                f"the module keeps data at {self.lowest_data:#x}, below its stack top {self.stack_top:#x}, where "
                "the platform writes its tables: link with stack first (the default) and -zstack-size=1048576"
            )
        return ""


def read_layout(wasm: bytes) -> Layout:
    """Layout of a module that a compiler has already accepted. Raises ValueError when it is cut short."""
    stack_top: int | None = None
    lowest: int | None = None
    at = 8
    while at < len(wasm):
        section = wasm[at]
        size, at = leb(wasm, at + 1)
        if section == _GLOBAL_SECTION:
            stack_top = _first_mutable_i32(wasm, at)
        elif section == _DATA_SECTION:
            lowest = _lowest_segment(wasm, at)
        at += size
    return Layout(stack_top, lowest)


def _first_mutable_i32(wasm: bytes, at: int) -> int | None:
    count, at = leb(wasm, at)
    for _ in range(count):
        kind, mutable = wasm[at], wasm[at + 1]
        value, at = _const(wasm, at + 2)
        if kind == _I32 and mutable == 1:
            return None if value is None else value & 0xFFFFFFFF
    return None


def _lowest_segment(wasm: bytes, at: int) -> int | None:
    lowest: int | None = None
    count, at = leb(wasm, at)
    for _ in range(count):
        flags, at = leb(wasm, at)
        if flags == 2:
            _, at = leb(wasm, at)
        if flags != 1:
            start, at = _const(wasm, at)
            start = 0 if start is None else start & 0xFFFFFFFF
            lowest = start if lowest is None else min(lowest, start)
        size, at = leb(wasm, at)
        at += size
    return lowest


def _const(wasm: bytes, at: int) -> tuple[int | None, int]:
    """Value of a constant expression when it is one ``i32.const``, else None; and where it ends."""
    value: int | None = None
    instructions = 0
    while wasm[at] != _END:
        opcode = wasm[at]
        at += 1
        instructions += 1
        if opcode == _I32_CONST:
            value, at = leb(wasm, at, signed=True)
        elif opcode in _CONST_BYTES:
            at += _CONST_BYTES[opcode]
        else:
            for _ in range(_CONST_LEBS.get(opcode, 0)):
                _, at = leb(wasm, at)
    return (value if instructions == 1 else None), at + 1


def leb(wasm: bytes, at: int, *, signed: bool = False) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(wasm):
            raise ValueError("the module ends inside a number")
        byte = wasm[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if signed and byte & 0x40:
        value -= 1 << shift
    return value, at
