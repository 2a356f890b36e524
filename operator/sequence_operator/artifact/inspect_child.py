"""The child process of `inspect`: WASM on stdin, one JSON answer on stdout.

Alone in its process, because compiling untrusted bytes can take long, take memory, or (in the worst case)
find a bug in the compiler.
"""

import json
import resource
import sys
from typing import Any, NoReturn

import wasmtime

from sequence_operator.artifact import reader
from sequence_operator.artifact.abi import ALWAYS, ENTRIES, EXPORTS, IMPORTS, STACK_FLOOR, TABLES_END
from sequence_operator.artifact.errors import ArtifactError

_SCAFFOLD = "compare with the Cargo.toml, .cargo/config.toml and src/lib.rs that `sequence init` writes"
# What rustc's own output never needs and the edges' engine has switched off.
_FEATURES_OFF = (
    *("wasm_threads", "wasm_memory64", "wasm_multi_memory", "wasm_tail_call", "wasm_relaxed_simd"),
    *("wasm_exceptions", "wasm_gc", "wasm_function_references", "wasm_component_model"),
    *("wasm_stack_switching", "wasm_wide_arithmetic", "wasm_custom_page_sizes", "shared_memory"),
)
_MEMORY_LIMIT = (
    2 << 30
)  # bytes of address space for compiling; 600 KB of straight code was seen to take 113 MiB


def main() -> None:
    """Answer {"generation", "exports", "imports"} or {"error": {"reason", "message", "hint"}}."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    try:
        answer = examine(sys.stdin.buffer.read())
    except ArtifactError as problem:
        answer = {"error": {"reason": problem.reason, "message": problem.message, "hint": problem.hint}}
    json.dump(answer, sys.stdout)


def examine(wasm: bytes) -> dict[str, Any]:
    """All checks that need the module itself. Raises ArtifactError."""
    module = _compile(wasm)
    imports = [(i.module, i.name or "", _type(i.type)) for i in module.imports]
    exports = {e.name: _type(e.type) for e in module.exports}
    _check_imports(imports)
    _check_exports(exports)
    generation = _generation(exports)
    if generation != "0.1":  # those get their buffers from algo_alloc; no fixed address is written for them
        _check_layout(reader.read(wasm))
    return {
        "generation": generation,
        "exports": [f"{name}{kind}" if kind.startswith("(") else name for name, kind in exports.items()],
        "imports": [f"{module}.{name}{kind}" for module, name, kind in imports],
    }


def _compile(wasm: bytes) -> wasmtime.Module:
    config = wasmtime.Config()
    for feature in _FEATURES_OFF:
        setattr(config, feature, False)
    try:
        return wasmtime.Module(wasmtime.Engine(config), wasm)
    except wasmtime.WasmtimeError as problem:
        causes = [line.strip() for line in str(problem).splitlines() if line.strip()]
        raise ArtifactError(
            "InvalidModule",
            f"the module of {len(wasm):,} bytes is not valid: {causes[-1]}",
            "build it again: `sequence build`",
        ) from None


def _type(kind: object) -> str:
    """`(i32 i32)->i32` of a function; the plain word of anything else."""
    if isinstance(kind, wasmtime.FuncType):
        results = " ".join(str(t) for t in kind.results)
        return f"({' '.join(str(t) for t in kind.params)})->{results or '()'}"
    return type(kind).__name__.removesuffix("Type").lower()


def _check_imports(imports: list[tuple[str, str, str]]) -> None:
    allowed = ", ".join(f"{module}.{name}" for module, name in IMPORTS)
    for module, name, kind in imports:
        wanted = IMPORTS.get((module, name))
        if wanted is None:
            raise ArtifactError(
                "ForeignImport",
                f"the module imports {module}.{name} {kind}, which no edge provides (only {allowed})",
                "remove the call or the crate that needs it; a misspelt extern function also ends up here",
            )
        if wanted != kind:
            raise ArtifactError(
                "ImportType",
                f"the module imports {module}.{name} as {kind}; the host provides {wanted}",
                "use the SDK's own log macros and `send` instead of declaring the function yourself",
            )


def _check_exports(exports: dict[str, str]) -> None:
    if not any(name.startswith("algo_") for name in exports):
        raise ArtifactError(
            "NoAlgoExports",
            "the module exports no algo_… function, so there is nothing to call",
            "end src/lib.rs with `export_algo!(…)`; with SDK 0.1 or 0.3.0 the macro is empty unless the "
            "dependency says `default-features = false` (built with its `std` feature it exports nothing)",
        )
    if exports.get("memory") != "memory":
        _missing("`memory`", 'crate-type = ["cdylib"] and the default linker flags export it')
    if not any(name in exports for name in ENTRIES):
        _missing("any of " + ", ".join(ENTRIES), "end src/lib.rs with `export_algo!(…)`")
    if absent := [name for name in ALWAYS if name not in exports]:
        _missing(", ".join(absent), "let `export_algo!` of a published SDK write the exports")
    for name, wanted in EXPORTS.items():
        if name in exports and exports[name] != wanted:
            raise ArtifactError(
                "ExportType",
                f"the module exports {name} as {exports[name]}; the host calls {wanted}",
                "let `export_algo!` of a published SDK write the exports",
            )


def _missing(what: str, hint: str) -> NoReturn:
    raise ArtifactError("MissingExports", f"the module does not export {what}", f"{hint}; {_SCAFFOLD}")


def _generation(exports: dict[str, str]) -> str:
    """There is no version in a module; the set of callbacks tells (which SDK emits which is a fact of the SDK)."""
    if "algo_on_message" in exports:
        if "algo_on_book_v3" not in exports:
            _missing("algo_on_book_v3", "every algo of SDK 0.4 has it")
        return "0.4"
    if "algo_on_book_v3" in exports:
        return "0.3-v3"
    return "0.3-multi" if "algo_on_nbbo" in exports else "0.1"


def _check_layout(module: reader.Module) -> None:
    """The host's tables lie in the deep end of the default 1 MiB stack; a smaller stack puts data under them."""
    stack, data = module.stack_pointer, module.data_start
    if stack is not None and stack >= STACK_FLOOR and (data is None or data >= max(stack, TABLES_END)):
        return
    where = "it has no stack pointer" if stack is None else f"its stack begins at {stack:#x}"
    where += "" if data is None else f", its data at {data:#x}"
    raise ArtifactError(
        "StackTooSmall",
        f"the module's memory collides with the tables the host writes below {TABLES_END:#x}: {where}",
        'link with the stack first and 1 MiB of it: rustflags = ["-C", "link-arg=-zstack-size=1048576"] in '
        ".cargo/config.toml",
    )


if __name__ == "__main__":
    main()
