"""Which WASM stands on each side of a change, and what compiling it here has shown."""

from dataclasses import dataclass

from sequence_operator.artifact.inspect import Inspection
from sequence_operator.cli.compile import Failed
from sequence_operator.cli.plan_files import Files
from sequence_operator.cli.plan_objects import tree_of
from sequence_operator.cli.preflight_facts import facts_of
from sequence_operator.reconcile.preflight import ArtifactFacts
from sequence_operator.reconcile.sources.model import Change
from sequence_operator.spec.resources import SourceProblem

NOT_BUILT = (
    "not built here: the digests are those of the source, and equal bytes cannot be told from changed ones"
)


@dataclass(frozen=True, slots=True)
class Modules:
    """`before`, `after`: 64 hex that stand for the WASM, digests of bytes or both of sources; "" where the object
    names a stored module. `found`: what was built here for `after`; `failed`: why it was not. `size` in bytes."""

    before: str = ""
    after: str = ""
    found: Inspection | None = None
    size: int | None = None
    failed: Failed | None = None
    note: str = ""

    @property
    def facts(self) -> ArtifactFacts | None:
        """For the preflight; None when nothing was built."""
        return facts_of(self.found) if self.found is not None else None


def modules(change: Change, old: Files | None, new: Files, *, build: bool) -> Modules:
    """For one change. Compiles where the inputs changed: the new source, and of `old` what was there before.

    old: files of the commit that runs, None where the cluster says what runs.
    """
    before, after = tree_of(change.before), tree_of(change.after)
    if not after or before == after:
        return Modules(before, after)
    if not build:
        return Modules(before, after, note=NOT_BUILT)
    made = new.build(change.path)
    if isinstance(made, Failed):
        return Modules(before, after, failed=made)
    found = made.inspection
    note = f"built here: {found.size:,} bytes, sha256 {found.sha256[:12]}"
    held = "" if old is None else _built(old, change)
    if held == found.sha256:
        note += ", the same bytes as before"
    if old is not None and before and not held:
        return Modules(before, after, found, note=note)
    return Modules(held, found.sha256, found, found.size, note=note)


def _built(old: Files, change: Change) -> str:
    """Digest of what ran before, compiled with the same tools; "" when it cannot be told."""
    if not tree_of(change.before):
        return ""
    origin = (change.before or {})["spec"].get("origin") or {}
    path = origin.get("path", change.path)
    if path not in old.found or old.found[path].packed is None:
        return ""
    made = old.build(path)
    return "" if isinstance(made, Failed) else made.inspection.sha256


def problem_of(failed: Failed) -> SourceProblem:
    """A failed build among the problems of files. Where rustc names the place, its words are enough."""
    message = f"{failed.message}; {failed.hint}" if failed.hint and not failed.line else failed.message
    return SourceProblem(path=failed.path, line=failed.line, column=failed.column, message=message[:4096])
