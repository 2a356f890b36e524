"""Whether and how the stack runs a builder: what the machine has decides, and is said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sequence_operator.builder.settings import parse
from sequence_operator.controller.settings import parse as operator_settings
from sequence_operator.local.builder import NO_SANDBOX, UNSANDBOXED, Builder
from sequence_operator.local.operator import Operator, identity

TREES = "http://127.0.0.1:1"


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    (tmp_path / "operator").mkdir()
    return tmp_path


def prepared(state_dir: Path, *, unsandboxed: bool = False) -> Builder:
    builder = Builder(state_dir, unsandboxed=unsandboxed)
    builder.prepare()
    return builder


@pytest.mark.parametrize(("unsandboxed", "says"), [(False, "sandboxed by bubblewrap"), (True, UNSANDBOXED)])
def test_the_builder_takes_its_arguments_and_says_how_it_builds(
    state_dir: Path, unsandboxed: bool, says: str
) -> None:
    builder = prepared(state_dir, unsandboxed=unsandboxed)
    try:
        part = builder.part(state_dir / "kubeconfig", TREES)
        settings = parse(part.argv[3:], {})
        assert (settings.namespace, settings.trees, settings.unsandboxed) == ("sequence", TREES, unsandboxed)
        assert settings.holder == identity(state_dir), "after a crash the next one is the same holder"
        assert part.detail == f"Rust {builder.toolchain}; {says}"
        assert part.address == f"http://{settings.health_host}:{settings.health_port}"
    finally:
        builder.close()


def test_without_bubblewrap_that_is_said(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = prepared(state_dir)
    try:
        monkeypatch.setenv("PATH", os.devnull)
        assert NO_SANDBOX in builder.part(state_dir / "kubeconfig", TREES).detail
    finally:
        builder.close()


def test_without_rust_there_is_no_builder_and_the_operator_asks_for_no_build(
    state_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", os.devnull)
    builder = prepared(state_dir)
    assert builder.toolchain == ""
    assert builder.absent.startswith("nothing is built from git: no Rust on PATH")
    operator = Operator(state_dir)
    operator.prepare()
    try:
        settings = operator_settings(operator.part(state_dir / "kubeconfig", builder.toolchain).argv[3:], {})
        assert settings.toolchain == ""
    finally:
        operator.close()


def test_the_operator_serves_trees_and_webhooks_where_it_says(state_dir: Path) -> None:
    first = Operator(state_dir)
    first.prepare()
    try:
        part = first.part(state_dir / "kubeconfig", "1.95.0")
        settings = operator_settings(part.argv[3:], {})
        assert (settings.trees, settings.toolchain) == (first.trees, "1.95.0")
        assert settings.hook_address is not None
        assert first.hook == "http://{}:{}".format(*settings.hook_address)
        assert f"{first.hook}/hook/sequence/SOURCE" in part.detail
        assert settings.git_cache == str(state_dir / "operator" / "git")
    finally:
        first.close()
    again = Operator(state_dir)
    again.prepare()
    try:
        assert (again.trees, again.hook) == (first.trees, first.hook), "addresses that people wrote down stay"
    finally:
        again.close()
