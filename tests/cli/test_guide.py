"""docs/gitops.md and examples/gitops-repo: their commands work, and the plan in the guide is what comes out."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
import yaml

from sequence_operator.local.controlplane import ControlPlane
from support.gitops import EXAMPLE, lock_file

from .conftest import Cli, write
from .support_repo import Clone

GUIDE = EXAMPLE.parents[1] / "docs" / "gitops.md"
BEGIN, END = "<!-- plan:begin -->\n", "<!-- plan:end -->"
ORIGIN = "https://git.example.com/desk/algos.git"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A team's copy of the example as its README tells to make one, and a branch."""
    root = tmp_path / "algos"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("target", "Cargo.lock"))
    for manifest in root.glob("*/*/Cargo.toml"):
        (manifest.parent / "Cargo.lock").write_text(lock_file())
    clone = Clone(root, ORIGIN)
    clone.commit({}, "Begin")
    clone.git("checkout", "--quiet", "-b", "tighter-quotes")
    monkeypatch.chdir(root)
    return clone


def anonymous(plan: str) -> str:
    """Without what depends on commit ids, on the compiler and on the registry that Cargo.lock names."""
    plan = re.sub(r"\b[0-9a-f]{12}\b|\b[0-9a-f]{8}\b|\bv1:[0-9a-f]{9}\b", "<hex>", plan)
    return re.sub(r"\b[0-9,]+ bytes", "<n> bytes", plan)


def test_the_commands_of_the_readme(cli: Cli, clone: Clone) -> None:
    printed = [
        line for line in (EXAMPLE / "README.md").read_text().splitlines() if line.startswith("sequence ")
    ]
    assert [line.split()[1] for line in printed] == ["set", "plan"]
    done = [cli(*line.split()[1:]) for line in printed]
    assert [each.code for each in done] == [0, 1], [each.err for each in done]
    assert "half_spread = { bps = 4 }" in (clone.root / "sandbox/quoter/Sequence.toml").read_text()
    assert "quoter.sandbox" in done[1].out
    assert "quoter on account live" not in done[1].out


def test_the_plan_in_the_guide(cli: Cli, clone: Clone) -> None:
    sandbox = "sandbox/quoter"
    edits = [
        ("params.half_spread.bps", "4", sandbox),
        ("risk.max_order_rate", "30", sandbox),
        ("deployment.state", "running", "live/quoter"),
    ]
    for key, value, folder in edits:
        assert cli("set", key, value, "--file", f"{folder}/Sequence.toml").code == 0
    code = clone.root / sandbox / "src" / "lib.rs"
    source = code.read_text()
    assert source.count("want / 10_000 {") == 1
    clone.commit(
        {f"{sandbox}/src/lib.rs": source.replace("want / 10_000 {", "want / 20_000 {")}, "Quote tighter"
    )
    done = cli("plan", "--base", "main", "--offline", "--markdown")
    assert done.code == 1, done.err
    guide = GUIDE.read_text()
    before, _, rest = guide.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("GOLDEN") == "write":
        GUIDE.write_text(f"{before}{BEGIN}{done.out}{END}{after}")
        shown = done.out
    assert anonymous(done.out) == anonymous(shown)


def test_the_sources_are_taken_by_the_api_server(
    controlplane: ControlPlane, crds: list[str], namespace: str
) -> None:
    objects = list(yaml.safe_load_all((EXAMPLE / "clusters" / "sources.yaml").read_text()))
    assert [obj["spec"]["paths"] for obj in objects] == [
        ["sandbox/**/Sequence.toml"],
        ["live/**/Sequence.toml"],
    ]
    for obj in objects:
        assert obj["metadata"]["namespace"] == "trading"
        obj["metadata"]["namespace"] = namespace
    write(controlplane, *objects)
