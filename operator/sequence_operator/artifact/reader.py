"""A small reader of the WebAssembly binary format: sizes, names and the memory layout, nothing of the code.

wasmtime says what a module exports and imports; it does not say how big its functions are, where its stack
begins or where its data lies. Those three are what this reads. Format: WebAssembly core specification 2.0,
chapter 5 (binary format) and appendix "name section".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sequence_operator.artifact.errors import ArtifactError

_NAMES = (
    *("custom", "type", "import", "function", "table", "memory", "global", "export", "start"),
    *("element", "code", "data", "data count", "tag"),
)
_HASH = re.compile(r"::h[0-9a-f]{16}$")  # rustc's disambiguator at the end of a demangled name


@dataclass(slots=True)
class Module:
    """What was read. Sizes in bytes, addresses in the module's own memory.

    `sections`: (name, size) in file order, custom ones as `custom "name"`. `functions`: (index, size) of the
    defined functions. `names`: function names of the name section, empty when it was stripped. `exported`:
    function index to export name. `stack_pointer`: initial value of the first mutable i32 global, None
    without one. `data_start`: the lowest active data segment, None without one; a segment whose address is
    not a plain constant counts as 0, since nothing good can be said of it.
    """

    sections: list[tuple[str, int]] = field(default_factory=list)
    functions: list[tuple[int, int]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    exported: dict[int, str] = field(default_factory=dict)
    stack_pointer: int | None = None
    data_start: int | None = None


@dataclass(frozen=True, slots=True)
class Contributor:
    """One part of a module's size: `what` names a section or a function, `size` in bytes."""

    what: str
    size: int


def read(wasm: bytes) -> Module:
    """Read a whole module. Raises ArtifactError (InvalidModule) where the bytes end or make no sense."""
    module = Module()
    imported = 0
    try:
        for kind, start, end in _sections(wasm):
            cursor = _Cursor(wasm, start, end)
            label = _NAMES[kind] if kind < len(_NAMES) else f"section {kind}"
            if kind == 0:
                label = f'custom "{(name := cursor.text())}"'
                if name == "name":
                    module.names = dict(_function_names(cursor))
            elif kind == 2:
                imported = sum(1 for imported_kind in _imports(cursor) if imported_kind == 0)
            elif kind == 6:
                module.stack_pointer = _first_mutable_i32(cursor)
            elif kind == 7:
                module.exported = dict(_exported_functions(cursor))
            elif kind == 10:
                module.functions = [(imported + i, size) for i, size in enumerate(_bodies(cursor))]
            elif kind == 11:
                module.data_start = min(_data_addresses(cursor), default=None)
            module.sections.append((label, end - start))
    except (IndexError, ValueError) as problem:
        raise ArtifactError(
            "InvalidModule",
            f"the module is damaged: {problem}",
            "build it again: `sequence build`",
        ) from None
    return module


def contributors(module: Module, most: int = 5) -> list[Contributor]:
    """The sections by size, then the `most` largest functions; unnamed ones by export or by number."""
    sections = sorted((Contributor(name, size) for name, size in module.sections), key=lambda c: -c.size)
    large = sorted(module.functions, key=lambda f: -f[1])[:most]
    return sections[:3] + [Contributor(f"function {_function_name(module, i)}", size) for i, size in large]


def _function_name(module: Module, index: int) -> str:
    name = module.names.get(index) or module.exported.get(index)
    return _HASH.sub("", name) if name else f"#{index}"


class _Cursor:
    """A position inside one section; reading past its end raises IndexError."""

    def __init__(self, wasm: bytes, position: int, end: int) -> None:
        self.wasm, self.position, self.end = wasm, position, end

    def byte(self) -> int:
        if self.position >= self.end:
            raise IndexError(f"it ends early, at byte {self.position:,}")
        self.position += 1
        return self.wasm[self.position - 1]

    def unsigned(self) -> int:
        """LEB128."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value
            if shift > 63:
                raise ValueError(f"a number at byte {self.position:,} is too long")

    def skip(self, count: int) -> bytes:
        if self.position + count > self.end:
            raise IndexError(f"it ends early, at byte {self.end:,}")
        self.position += count
        return self.wasm[self.position - count : self.position]

    def text(self) -> str:
        return self.skip(self.unsigned()).decode(errors="replace")

    def limits(self) -> None:
        flags = self.unsigned()
        self.unsigned()
        if flags & 1:
            self.unsigned()

    def constant(self) -> int | None:
        """A constant expression: its value when it is one plain `i32.const`, else None."""
        value: int | None = None
        plain = True
        while (opcode := self.byte()) != 0x0B:
            if opcode == 0x41 and value is None:
                value = _signed32(self)
            elif opcode in (0x41, 0x42, 0x23, 0xD2):
                self.unsigned()
                plain = False
            elif opcode in (0x43, 0x44):
                self.skip(4 if opcode == 0x43 else 8)
                plain = False
            elif opcode == 0xD0:
                self.byte()
                plain = False
            elif opcode in (0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E):  # extended constant arithmetic
                plain = False
            else:
                raise ValueError(f"unknown constant instruction 0x{opcode:02x} at byte {self.position:,}")
        return value if plain else None


def _signed32(cursor: _Cursor) -> int:
    """A signed LEB128 i32, given back as the unsigned address it stands for."""
    value = shift = 0
    while True:
        byte = cursor.byte()
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    if byte & 0x40:
        value -= 1 << shift
    return value & 0xFFFF_FFFF


def _sections(wasm: bytes) -> Iterator[tuple[int, int, int]]:
    """(id, first byte, end) of each section."""
    cursor = _Cursor(wasm, 8, len(wasm))
    while cursor.position < len(wasm):
        kind, size = cursor.byte(), cursor.unsigned()
        start = cursor.position
        cursor.skip(size)
        yield kind, start, cursor.position


def _imports(cursor: _Cursor) -> Iterator[int]:
    """The kind of each import: 0 function, 1 table, 2 memory, 3 global."""
    for _ in range(cursor.unsigned()):
        cursor.text()
        cursor.text()
        kind = cursor.byte()
        if kind == 0:
            cursor.unsigned()
        elif kind == 1:
            cursor.byte()
            cursor.limits()
        elif kind == 2:
            cursor.limits()
        elif kind == 3:
            cursor.skip(2)
        else:
            raise ValueError(f"unknown import kind {kind}")
        yield kind


def _first_mutable_i32(cursor: _Cursor) -> int | None:
    """LLVM puts the shadow stack pointer first among the mutable globals."""
    for _ in range(cursor.unsigned()):
        value_type, mutable = cursor.byte(), cursor.byte()
        value = cursor.constant()
        if value_type == 0x7F and mutable:
            return value
    return None


def _exported_functions(cursor: _Cursor) -> Iterator[tuple[int, str]]:
    for _ in range(cursor.unsigned()):
        name, kind, index = cursor.text(), cursor.byte(), cursor.unsigned()
        if kind == 0:
            yield index, name


def _bodies(cursor: _Cursor) -> Iterator[int]:
    for _ in range(cursor.unsigned()):
        size = cursor.unsigned()
        cursor.skip(size)
        yield size


def _data_addresses(cursor: _Cursor) -> Iterator[int]:
    for _ in range(cursor.unsigned()):
        flags = cursor.unsigned()
        if flags == 2:
            cursor.unsigned()
        if flags != 1:
            yield cursor.constant() or 0
        cursor.skip(cursor.unsigned())


def _function_names(cursor: _Cursor) -> Iterator[tuple[int, str]]:
    while cursor.position < cursor.end:
        kind, size = cursor.byte(), cursor.unsigned()
        if kind != 1:
            cursor.skip(size)
            continue
        for _ in range(cursor.unsigned()):
            index = cursor.unsigned()
            yield index, cursor.text()
