"""Commits and sources for the tests of this room, in few words."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sequence_operator.reconcile.sources import Live, Sibling, Snapshot, SourceFile, SourcePlan, status_after
from sequence_operator.spec.resources import AlgoSource, SourceProblem

URL = "https://git.example.com/desk/algos.git"
NOW = datetime(2026, 11, 24, 14, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


def commit_of(word: str) -> str:
    """A commit for a word, 40 hex."""
    return hashlib.sha1(word.encode(), usedforsecurity=False).hexdigest()


def tree_of(word: str) -> str:
    """A digest of inputs for a word, 64 hex."""
    return hashlib.sha256(word.encode()).hexdigest()


def text(name: str, **tables: Any) -> str:
    """A Sequence.toml. state: of [deployment]; rate: [risk].max_order_rate; extra: lines at the end."""
    lines = ["[deployment]", f'name = "{name}"']
    if tables.get("state"):
        lines.append(f'state = "{tables["state"]}"')
    for key in ("build", "operator"):
        if tables.get(key):
            lines += [f"[{key}]", *(tables[key].split("; "))]
    if tables.get("rate"):
        lines += ["[risk]", f"max_order_rate = {tables['rate']}"]
    if tables.get("params"):
        lines += ["[params]", *(tables["params"].split("; "))]
    for label, venue in (tables.get("instances") or {"main": "kraken"}).items():
        lines += ["[[instances]]", f'label = "{label}"', f'venue = "{venue}"', 'symbols = ["BTC-USD"]']
    lines += [tables["extra"]] if tables.get("extra") else []
    return "\n".join(lines) + "\n"


def file(name: str, folder: str = "", tree: str = "1", **tables: Any) -> SourceFile:
    """An algo in a folder of its own name (or `folder`), built from inputs called `tree`."""
    return SourceFile(f"{folder or name}/Sequence.toml", text(name, **tables), tree_of(f"{name} {tree}"))


def snapshot(word: str, *files: SourceFile, **changes: Any) -> Snapshot:
    """The commit called `word` with these files, first seen at NOW."""
    told: dict[str, Any] = {"author": "Ada <ada@example.com>", "first_seen": NOW, **changes}
    return Snapshot(URL, commit_of(word), files=files, **told)


def source(
    name: str = "desk", status: Any = None, annotations: Mapping[str, str] | None = None, **spec: Any
) -> AlgoSource:
    return AlgoSource.model_validate(
        {
            "metadata": {
                "name": name,
                "namespace": "trading",
                "generation": 1,
                "annotations": dict(annotations or {}),
            },
            "spec": {"url": URL, "ref": {"branch": "main"}, "accountRef": {"name": "sandbox"}, **spec},
            "status": status or {},
        }
    )


def sibling(
    name: str = "other", *declares: str, ready: bool = True, looked: datetime | None = LATER
) -> Sibling:
    return Sibling(name, ready, looked, frozenset(declares))


def unreadable(path: str) -> SourceProblem:
    return SourceProblem(path=path, message="it is a symbolic link: commit the file itself")


def after(
    before: AlgoSource, seen: Snapshot, plan: SourcePlan, failed: Mapping[str, str] | None = None
) -> AlgoSource:
    """The source with the status that follows."""
    status = status_after(before, seen, plan, failed or {}, None, NOW)
    return before.model_copy(update={"status": status})


def lives(objects: Mapping[str, Mapping[str, Any]]) -> dict[str, Live]:
    return {name: Live.of(obj) for name, obj in objects.items()}
