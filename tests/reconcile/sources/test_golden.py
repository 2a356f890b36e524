"""Pairs of files: trees that were committed one after the other with what people did (`NAME.in.yaml`), and the actions
and the status that follow from the last one (`NAME.out.yaml`). With `UPDATE_GOLDEN=1` in the environment this file
writes the second of each pair anew; read the difference before committing it.

In the input: `source` is its spec, `annotations` its own; `commits` maps paths to texts, all but the last are carried
out; `then` is done to the objects before the last: `runs`, `policy`, `edit`, `cli`; `siblings` maps names to what they
declare. Digests of inputs are made of the path, or of what a line `# tree: …` says.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconcile.sources.desk import Desk
from reconcile.sources.repository import sibling, snapshot, tree_of
from sequence_operator.reconcile.sources import (
    Action,
    Apply,
    HandOver,
    Prune,
    Release,
    Snapshot,
    SourceFile,
    TakeOver,
)
from sequence_operator.reconcile.sources.model import Object
from sequence_operator.reconcile.sources.reading import read
from sequence_operator.spec.names import CLI_MANAGER
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import to_cr

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(p.name.removesuffix(".in.yaml") for p in GOLDEN.glob("*.in.yaml"))


def commit(number: int, texts: dict[str, str]) -> Snapshot:
    files = []
    for path, text in texts.items():
        said = [line.split(": ")[1] for line in text.splitlines() if line.startswith("# tree: ")]
        files.append(SourceFile(path, text, tree_of(said[0] if said else path)))
    return snapshot(f"commit {number}", *files)


def prepare(desk: Desk, then: dict[str, Any], last: Snapshot) -> None:
    cluster = desk.cluster
    for name in then.get("cli", ()):
        declared = read(last, "sandbox").declared[name]
        where: dict[str, Any] = {"namespace": "trading", "account": "sandbox", "mode": "sandbox"}
        made = algo_deployment(
            declared.file, artifact=stored("9" * 64), origin=None, with_state=False, **where
        )
        cluster.applied_by(CLI_MANAGER, made)
    for name, state in then.get("state", {}).items():
        cluster.state(name, state)
    for name, rate in then.get("edit", {}).items():
        cluster.edit(name, rate)
    for name, policy in then.get("policy", {}).items():
        cluster.policy(name, **policy)
    if then.get("runs"):
        cluster.runs(*then["runs"])


def described(action: Action) -> Object:
    match action:
        case Apply():
            obj = dict(action.obj)
            return {
                "Apply": {"changes": list(action.fields), "metadata": obj["metadata"], "spec": obj["spec"]}
            }
        case HandOver():
            return {"HandOver": {"name": action.name, "state": action.state}}
        case TakeOver():
            managers = [entry["manager"] for entry in action.managed_fields]
            return {"TakeOver": {"name": action.name, "from": action.former, "managers": managers}}
        case Release():
            return {"Release": {"name": action.name, "to": action.to}}
        case Prune():
            return {"Prune": {"name": action.name, "uid": action.uid}}


def outcome(case: dict[str, Any]) -> Object:
    desk = Desk(annotations=case.get("annotations"), **case.get("source", {}))
    *past, last = [commit(number, texts) for number, texts in enumerate(case["commits"], 1)]
    for seen in past:
        desk.carry_out(seen)
    prepare(desk, case.get("then", {}), last)
    others = [sibling(name, *declares) for name, declares in case.get("siblings", {}).items()]
    plan = desk.carry_out(last, *others)
    return {"actions": [described(action) for action in plan.actions], "status": to_cr(desk.source.status)}


@pytest.mark.parametrize("name", CASES)
def test_what_follows(name):
    found = outcome(yaml.safe_load((GOLDEN / f"{name}.in.yaml").read_text()))
    out = GOLDEN / f"{name}.out.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        out.write_text(yaml.safe_dump(found, sort_keys=False, width=110, allow_unicode=True))
    assert found == yaml.safe_load(out.read_text())


def test_there_are_cases():
    assert len(CASES) >= 7
