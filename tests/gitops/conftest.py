"""A git server, and the way from a test to the git child process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sequence_operator.gitops.protocol import Request, Seen
from sequence_operator.gitops.worker import GitWorker
from sequence_operator.local.controlplane import ControlPlane
from support.gitserver import GitServer, Repository

from .desk import Desk

Look = Callable[..., Awaitable[Seen]]

PREBUILT = """\
[deployment]
name = "{name}"

[build]
prebuilt = true
wasm = "algo.wasm"

[risk]
max_order_rate = {rate}

[[instances]]
venue = "kraken"
symbols = ["BTC-USD"]
"""

CARGO = '[package]\nname = "{name}"\nversion = "0.1.0"\nedition = "2021"\n'
LOCK = "version = 3\n"
CRATE = PREBUILT.replace('[build]\nprebuilt = true\nwasm = "algo.wasm"\n\n', "")


def prebuilt(
    folder: str, name: str = "", *, rate: int = 5, wasm: bytes = b"\0asm\1\0\0\0"
) -> dict[str, str | bytes]:
    """The files of an algo whose module is committed."""
    text = PREBUILT.format(name=name or folder.split("/")[-1], rate=rate)
    return {f"{folder}/Sequence.toml": text, f"{folder}/algo.wasm": wasm}


def crate(
    folder: str, name: str = "", *, rate: int = 5, source: str = "// nothing\n"
) -> dict[str, str | bytes]:
    """The files of an algo that is built; nothing here compiles it."""
    name = name or folder.split("/")[-1]
    return {
        f"{folder}/Sequence.toml": CRATE.format(name=name, rate=rate),
        f"{folder}/Cargo.toml": CARGO.format(name=name),
        f"{folder}/Cargo.lock": LOCK,
        f"{folder}/src/lib.rs": source,
    }


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path / "git") as running:
        yield running


@pytest.fixture
def repository(server: GitServer) -> Repository:
    return server.repository()


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[..., Request]:
    """A request for the branch main of a url, with this test's cache; keyword arguments replace its fields."""

    def make(url: str, **fields: Any) -> Request:
        base = Request(
            url=url,
            ref_kind="branch",
            ref="main",
            paths=("**/Sequence.toml",),
            cache=str(tmp_path / "cache"),
            trees=str(tmp_path / "trees"),
            allow=("127.0.0.0/8", "::1/128"),
        )
        return replace(base, **fields)

    return make


@pytest.fixture
def look(request_of: Callable[..., Request]) -> Look:
    """One look by the real child process; arguments as those of `request_of`."""
    worker = GitWorker()

    async def run(url: str, **fields: Any) -> Seen:
        return await worker.look(request_of(url, **fields))

    return run


@pytest.fixture
async def desk(
    controlplane: ControlPlane, crds: list[str], namespace: str, tmp_path: Path
) -> AsyncIterator[Desk]:
    """Sources of a namespace of this test's own."""
    async with Desk(controlplane.kubeconfig, namespace, tmp_path) as running:
        yield running
