"""What a module certainly does not look at, read from its code: so that nobody computes it for nothing.

SDK 0.4 exports every callback of every algo, whether its author wrote one or not. Both answers may err on the side of
"it might", which costs some microseconds and nothing else.
"""

from __future__ import annotations

from typing import Final

from sequence_paper.edge.layout import leb

_IMPORT, _EXPORT, _CODE = 2, 7, 10
_FUNCTION = 0
_LOCAL_GET: Final = 0x20
# Compilers write the shortest form of a number. From 128 bytes before the features to 128 behind them, the three bytes
# of an address differ in the first two only.
_SECOND: Final = (0xBF, 0xC0, 0xC1, 0xC2)
_THIRD: Final = 0x06


def may_read_arguments(wasm: bytes, export: str, first: int) -> bool:
    """Whether the body of an exported function may read one of its ``first`` parameters."""
    body = _body(wasm, export)
    return body is None or any(bytes((_LOCAL_GET, number)) in body for number in range(first))


def may_read_features(wasm: bytes) -> bool:
    """Whether an address of ``OnlineFeatures`` (0x1A000..0x1A100), or one close to it, occurs in the module."""
    return any(wasm[at - 2] >= 0x80 and wasm[at - 1] in _SECOND for at in _places(wasm, _THIRD) if at >= 2)


def _places(wasm: bytes, byte: int) -> list[int]:
    found = []
    at = wasm.find(byte)
    while at >= 0:
        found.append(at)
        at = wasm.find(byte, at + 1)
    return found


def _body(wasm: bytes, export: str) -> bytes | None:
    """Locals and instructions of an exported function that the module itself defines."""
    sections = _sections(wasm)
    index = _exported(sections.get(_EXPORT, b""), export)
    if index is None:
        return None
    index -= _imported_functions(sections.get(_IMPORT, b""))
    code = sections.get(_CODE, b"")
    count, at = leb(code, 0)
    if not 0 <= index < count:
        return None
    for _ in range(index):
        size, at = leb(code, at)
        at += size
    size, at = leb(code, at)
    return code[at : at + size]


def _sections(wasm: bytes) -> dict[int, bytes]:
    found, at = {}, 8
    while at < len(wasm):
        section = wasm[at]
        size, at = leb(wasm, at + 1)
        found[section] = wasm[at : at + size]
        at += size
    return found


def _exported(section: bytes, wanted: str) -> int | None:
    count, at = leb(section, 0)
    for _ in range(count):
        size, at = leb(section, at)
        name = section[at : at + size]
        kind = section[at + size]
        index, at = leb(section, at + size + 1)
        if kind == _FUNCTION and name == wanted.encode():
            return index
    return None


def _imported_functions(section: bytes) -> int:
    """Only functions may be imported here, so each entry is one."""
    return leb(section, 0)[0] if section else 0
