"""A clone of a team's repository: algos as files, and commits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from sequence_operator.spec.names import API_VERSION
from support.gitserver import git

MANIFEST = """[package]
name = "{name}"
version = "0.1.0"
edition = "2021"

[lib]
crate-type = ["cdylib"]

[workspace]
"""
LOCK = 'version = 4\n\n[[package]]\nname = "{name}"\nversion = "0.1.0"\n'
BARE = """#![no_std]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! { core::arch::wasm32::unreachable() }
#[no_mangle]
pub extern "C" fn algo_alloc(_: i32) -> i32 { 0 }
#[no_mangle]
pub extern "C" fn algo_on_book(_: i32, _: i32) -> i32 { 0 }
#[no_mangle]
pub extern "C" fn algo_on_fill(_: i32, _: i32) {}
#[no_mangle]
pub extern "C" fn algo_on_reject(_: i32) {}
#[no_mangle]
pub extern "C" fn algo_on_shutdown(_: i32) -> i32 { 0 }
"""
"""The smallest algo an edge can host: no crate to download, and compiled in half a second."""


def sequence_toml(name: str, *, rate: int = 20, state: str = "", extra: str = "") -> str:
    lines = ["[deployment]", f'name = "{name}"', *([f'state = "{state}"'] if state else [])]
    lines += ["", "[risk]", f"max_order_rate = {rate}", "", "[[instances]]"]
    lines += ['venue = "kraken"', 'symbols = ["BTC-USD"]', extra, ""]
    return "\n".join(lines)


def crate(folder: str, source: str = BARE) -> dict[str, str | bytes | None]:
    name = folder.rsplit("/", 1)[-1]
    return {
        f"{folder}/Cargo.toml": MANIFEST.format(name=name),
        f"{folder}/Cargo.lock": LOCK.format(name=name),
        f"{folder}/src/lib.rs": source,
    }


def algo(folder: str, name: str, **options: Any) -> dict[str, str | bytes | None]:
    """All files of one algo."""
    return {**crate(folder), f"{folder}/Sequence.toml": sequence_toml(name, **options)}


def source(
    name: str, paths: list[str], account: str, url: str = "https://git.example.com/desk/algos.git"
) -> str:
    """An AlgoSource as YAML."""
    spec = {"url": url, "ref": {"branch": "main"}, "paths": paths, "accountRef": {"name": account}}
    metadata = {"name": name, "namespace": "trading"}
    return yaml.safe_dump(
        {"apiVersion": API_VERSION, "kind": "AlgoSource", "metadata": metadata, "spec": spec}
    )


class Clone:
    """A working folder with a repository of its own."""

    def __init__(self, root: Path, remote: str = "") -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.git("init", "--quiet", "--initial-branch=main")
        if remote:
            self.git("remote", "add", "origin", remote)

    def git(self, *arguments: str) -> str:
        return git(*arguments, cwd=self.root)

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files; None removes one."""
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                target.unlink()
            else:
                target.write_bytes(content.encode() if isinstance(content, str) else content)

    def commit(self, files: Mapping[str, str | bytes | None], message: str = "change") -> str:
        self.write(files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        return self.git("rev-parse", "HEAD")
