"""What was applied from this source and is no longer declared: where it goes, and what must be known before.

Undeploying an algo that should have stayed is the worst that a source can do. So nothing goes on a guess: not when the
repository has no file at all or nothing in common with what was there, not when a file that cannot be read may declare
it, not before the other sources of the namespace have said that they do not. Only what this source applied itself goes,
which its label and the manager of the fields say together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sequence_operator.reconcile.sources.model import Live, Prune, Release, Sibling, Snapshot, Wait
from sequence_operator.reconcile.sources.reading import Reading
from sequence_operator.spec.names import APPROVE_COMMIT, SOURCE_LABEL
from sequence_operator.spec.resources import AlgoSource

UNRECOGNIZED = "Unrecognized"

Verdict = Prune | Release | Wait


@dataclass(frozen=True, slots=True)
class Leaving:
    """By name: what left, with the path of its file, and what happens to each.

    stalled: (reason, message) when the commit as a whole must be approved first.
    """

    objects: Mapping[str, Live]
    verdicts: Mapping[str, Verdict]
    stalled: tuple[str, str] | None = None


def leaving(
    source: AlgoSource,
    snapshot: Snapshot,
    reading: Reading,
    mine: Mapping[str, Live],
    siblings: Sequence[Sibling],
) -> Leaving:
    """mine: what this source applied, by name; what the commit declares is left out of consideration."""
    paths = {entry.name: entry.path for entry in source.status.inventory}
    gone = {
        name: replace(live, path=paths.get(name) or live.path)
        for name, live in sorted(mine.items())
        if name not in reading.names
    }
    strange = None if approved(source, snapshot) else _unrecognizable(source, snapshot, reading, mine, gone)
    known = {live.path for live in mine.values()} | set(paths.values())
    verdicts: dict[str, Verdict] = {}
    renamed = {declared.path for declared in reading.declared.values()}
    for name, live in gone.items():
        if live.path in reading.broken:
            continue  # the problem of that file says it; what was applied from there stays
        verdicts[name] = _verdict(
            source, snapshot, reading, live, siblings, known, strange, live.path in renamed
        )
    held = any(isinstance(v, Wait) and v.message == _STRANGE for v in verdicts.values())
    return Leaving(gone, verdicts, strange if held else None)


def approved(source: AlgoSource, snapshot: Snapshot) -> bool:
    """Whether a person said that this very commit is to be carried out."""
    return source.metadata.annotations.get(APPROVE_COMMIT, "").strip() == snapshot.commit


def approval(source: AlgoSource, commit: str) -> str:
    """The command by which a person says so."""
    metadata = source.metadata
    return f"kubectl -n {metadata.namespace} annotate algosrc {metadata.name} {APPROVE_COMMIT}={commit} --overwrite"


_STRANGE = "the repository must be recognized first"


def _verdict(
    source: AlgoSource,
    snapshot: Snapshot,
    reading: Reading,
    live: Live,
    siblings: Sequence[Sibling],
    known: set[str],
    strange: tuple[str, str] | None,
    renamed: bool,
) -> Verdict:
    def wait(message: str, *, lasting: bool = False) -> Wait:
        return Wait(live.name, live.path, message, lasting)

    if live.deleting:
        return wait("it left the repository and is being undeployed")
    if not snapshot.complete:
        return wait("it is not among the files that could be looked at, and not all could be")
    to = next((s.name for s in siblings if live.name in s.declares), None)
    if to is not None:
        return Release(live.name, live.path, live.uid, live.resource_version, to)
    if strange is not None:
        return wait(_STRANGE, lasting=True)
    if not source.spec.prune:
        return wait("it left the repository and stays as it is: spec.prune is false", lasting=True)
    orphan = live.deletion_policy == "Orphan"
    if orphan and renamed:
        return wait(
            "it has another name now, but its deletionPolicy is Orphan: it would go on running", lasting=True
        )
    if live.suspend and not orphan:
        return wait("it left the repository, but is suspended: resume it, and it is undeployed", lasting=True)
    unread = sorted(path for path in reading.unnamed if path not in known)
    if unread:
        return wait(f"it left the repository, or is in {unread[0]!r}, which cannot be read")
    late = [s.name for s in siblings if s.ready and not _has_looked(s, snapshot)]
    if late:
        return wait(f"it left the repository; AlgoSource {late[0]} may declare it and has not looked yet")
    return Prune(live.name, live.path, live.uid, live.resource_version)


def _has_looked(sibling: Sibling, snapshot: Snapshot) -> bool:
    """Whether what it declares is newer than this commit: a move between two sources is two commits at times."""
    if sibling.looked_at is None:
        return False
    return snapshot.first_seen is not None and sibling.looked_at >= snapshot.first_seen


def _unrecognizable(
    source: AlgoSource,
    snapshot: Snapshot,
    reading: Reading,
    mine: Mapping[str, Live],
    gone: Mapping[str, Live],
) -> tuple[str, str] | None:
    """(reason, message) when the commit has nothing of what this source applied, neither a name nor a path."""
    if not gone:
        return None
    entries = source.status.inventory
    names = {entry.name for entry in entries} | mine.keys()
    paths = {entry.path for entry in entries if entry.path} | {live.path for live in mine.values()}
    if names & reading.names or paths & reading.paths:
        return None
    what = "no Sequence.toml at all" if reading.empty else f"none of the {len(names)} algos applied from here"
    message = (
        f"commit {snapshot.commit[:12]} has {what}: nothing is undeployed. If this is meant: "
        f"{approval(source, snapshot.commit)}"
    )
    return UNRECOGNIZED, message


def claim(source: AlgoSource, name: str) -> str:
    """The command by which a person gives an object to the source."""
    metadata = source.metadata
    return f"kubectl -n {metadata.namespace} label algo {name} {SOURCE_LABEL}={metadata.name} --overwrite"
