"""From a Rust crate to a stored WASM artifact: toolchain checks, cargo, inspection, ConfigMap.

Nothing here imports wasmtime into the calling process: `inspect` runs it in a child, because the bytes are
not trusted and because importing it costs more than the start of a whole CLI command.
"""
