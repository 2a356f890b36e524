"""Is this module one of ours? Imports, exports, types, layout and generation, checked once when it is loaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import wasmtime

from sequence_paper.edge.compile import recent_code
from sequence_paper.edge.errors import ModuleRefused
from sequence_paper.edge.layout import read_layout
from sequence_paper.edge.reads import may_read_arguments, may_read_features

Signature = tuple[tuple[str, ...], tuple[str, ...]]

IMPORTS: Final[dict[tuple[str, str], Signature]] = {
    ("env", "host_log_impl"): (("i32", "i32", "i32"), ()),
    ("env", "__seq_send"): (("i64", "i32", "i32"), ()),
}

EXPORTS: Final[dict[str, Signature]] = {
    "algo_on_book": (("i32", "i32"), ("i32",)),
    "algo_on_book_v3": (("i32", "i32"), ("i32",)),
    "algo_on_nbbo": (("i32", "i32", "i32"), ("i32",)),
    "algo_on_heartbeat": (("i32",), ("i32",)),
    "algo_on_message": (("i64", "i32", "i32", "i32"), ("i32",)),
    "algo_on_fill": (("i32", "i32"), ()),
    "algo_on_reject": (("i32",), ()),
    "algo_on_shutdown": (("i32",), ("i32",)),
    "algo_alloc": (("i32",), ("i32",)),
}

ALWAYS: Final = ("algo_on_fill", "algo_on_reject", "algo_on_shutdown", "algo_alloc")
"""What every generation of the SDK exports besides its book callback."""


class Generation(StrEnum):
    """Which SDK built the module, as its exports tell."""

    G4 = "0.4"
    G3_V3 = "0.3-v3"
    G3_MULTI = "0.3 multi venue"
    SINGLE = "0.1/0.3 single venue"


@dataclass(frozen=True, slots=True)
class AlgoModule:
    """A checked, compiled module; instances of it share the code.

    ``fixed_tables``: whether the fixed addresses may be written. False only for old single-venue modules with a
    small stack, which need no tables. ``nbbo``: whether it wants to hear of all venues; ``features``: whether it looks
    at them.
    """

    sha256: str
    size: int
    generation: Generation
    exports: frozenset[str]
    imports: tuple[str, ...]
    fixed_tables: bool
    nbbo: bool
    features: bool
    compiled: wasmtime.Module

    @property
    def multi_venue(self) -> bool:
        """Called with the books of all venues and never with that of one."""
        return self.generation is Generation.G3_MULTI

    @property
    def book_callback(self) -> str:
        return "algo_on_book_v3" if self.generation in (Generation.G4, Generation.G3_V3) else "algo_on_book"

    @property
    def heartbeats(self) -> bool:
        return self.generation in (Generation.G4, Generation.G3_V3) and "algo_on_heartbeat" in self.exports

    @property
    def messages(self) -> bool:
        return self.generation is Generation.G4


def load_module(engine: wasmtime.Engine, wasm: bytes, *, timeout: float = 10.0) -> AlgoModule:
    """Compile in a child process, unless that was done lately, and check. Raises ModuleRefused with one sentence."""
    sha256 = hashlib.sha256(wasm).hexdigest()
    compiled = wasmtime.Module.deserialize(engine, recent_code.get(sha256, wasm, timeout=timeout))
    imports = _check_imports(compiled)
    exports = _check_exports(compiled)
    generation = classify(exports)
    problem = read_layout(wasm).problem()
    if problem and generation is not Generation.SINGLE:
        raise ModuleRefused("UnsafeLayout", problem)
    return AlgoModule(
        sha256,
        len(wasm),
        generation,
        exports,
        imports,
        not problem,
        _wants_nbbo(generation, exports, wasm),
        generation in (Generation.G4, Generation.G3_V3) and may_read_features(wasm),
        compiled,
    )


def classify(exports: frozenset[str]) -> Generation:
    """Generation by exports; the first match wins. Raises ModuleRefused for what cannot run here."""
    if "algo_on_message" in exports:
        if "algo_on_book_v3" not in exports:
            raise ModuleRefused("MissingExport", "the module exports algo_on_message but no algo_on_book_v3")
        return Generation.G4
    if "algo_on_nbbo" in exports and "algo_on_book_v3" not in exports:
        return Generation.G3_MULTI
    if "algo_on_book_v3" in exports:
        return Generation.G3_V3
    if "algo_on_book" in exports:
        return Generation.SINGLE
    if any(name.startswith("algo_") for name in exports):
        raise ModuleRefused("MissingExport", "the module exports no book callback (algo_on_book_v3)")
    raise ModuleRefused(
        "MissingExport",
        "the module exports no algo_* function: invoke export_algo! and depend on sequence-algo-sdk with "
        "default-features = false",
    )


def _wants_nbbo(generation: Generation, exports: frozenset[str], wasm: bytes) -> bool:
    """Every module of 0.4 exports the callback; one that looks at neither NBBO nor books has not written it."""
    if generation is not Generation.G4:
        return generation is Generation.G3_MULTI
    return "algo_on_nbbo" in exports and may_read_arguments(wasm, "algo_on_nbbo", 2)


def _check_imports(module: wasmtime.Module) -> tuple[str, ...]:
    names = []
    for item in module.imports:
        key = (item.module, item.name or "")
        wanted = IMPORTS.get(key)
        if wanted is None:
            raise ModuleRefused(
                "ForeignImport",
                f"the module imports {key[0]}.{key[1]} ({_describe(item.type)}); only env.host_log_impl and "
                "env.__seq_send exist here",
            )
        if _signature(item.type) != wanted:
            raise ModuleRefused(
                "UnsupportedSignature", f"import {key[0]}.{key[1]} has type {_describe(item.type)}"
            )
        names.append(f"{key[0]}.{key[1]}")
    return tuple(names)


def _check_exports(module: wasmtime.Module) -> frozenset[str]:
    kinds = {item.name: item.type for item in module.exports}
    if not isinstance(kinds.get("memory"), wasmtime.MemoryType):
        raise ModuleRefused("MissingExport", "the module exports no memory named 'memory'")
    found = set()
    for name, wanted in EXPORTS.items():
        if name not in kinds:
            continue
        if _signature(kinds[name]) != wanted:
            raise ModuleRefused("UnsupportedSignature", f"export {name} has type {_describe(kinds[name])}")
        found.add(name)
    if found:
        missing = [name for name in ALWAYS if name not in found]
        if missing:
            raise ModuleRefused("MissingExport", f"the module does not export {', '.join(missing)}")
    return frozenset(found)


def _signature(kind: object) -> Signature | None:
    if not isinstance(kind, wasmtime.FuncType):
        return None
    return tuple(str(p) for p in kind.params), tuple(str(r) for r in kind.results)


def _describe(kind: object) -> str:
    signature = _signature(kind)
    if signature is None:
        return type(kind).__name__.removesuffix("Type").lower()
    return f"({' '.join(signature[0])}) -> ({' '.join(signature[1])})"
