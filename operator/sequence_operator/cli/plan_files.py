"""What a commit or the working folder declares, read once and shared by all sources that look at it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sequence_operator.artifact.build import Built
from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.source_files import Found, source_files
from sequence_operator.artifact.tree import Tree
from sequence_operator.cli.compile import Failed, compiled
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.repository import NO_COMMIT, Repository
from sequence_operator.reconcile.sources.model import Snapshot, SourceFile
from sequence_operator.spec.globs import matches
from sequence_operator.spec.names import FILE_NAME
from sequence_operator.spec.resources import AlgoSource

EVERY = f"**/{FILE_NAME}"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass
class Files:
    """All Sequence.toml files of one tree. `commit`: NO_COMMIT for files that are not committed."""

    tree: Tree
    commit: str
    author: str
    found: Mapping[str, Found]
    _built: dict[str, Built | Failed] = field(default_factory=dict)

    def snapshot(self, source: AlgoSource) -> Snapshot:
        """What this source sees."""
        chosen = [each for path, each in self.found.items() if matches(path, source.spec.paths)]
        problems = [each.problem for each in chosen if each.text is None and each.problem is not None]
        return Snapshot(
            repository=source.spec.url,
            commit=self.commit,
            author=self.author,
            files=tuple(_file(each, each.text) for each in chosen if each.text is not None),
            problems=tuple(problems),
            first_seen=LONG_AGO,
        )

    def build(self, path: str) -> Built | Failed:
        """Compile what the file at `path` declares; once, however many ask."""
        folder = self.found[path].folder
        if folder not in self._built:
            self._built[folder] = compiled(self.tree, folder)
        return self._built[folder]


def _file(each: Found, text: str) -> SourceFile:
    return SourceFile(
        path=each.path,
        text=text,
        tree=each.packed.digest if each.packed is not None else "",
        wasm_sha256=each.wasm_sha256,
        build_problem=each.problem,
    )


def read(repository: Repository, tree: Tree, commit: str | None) -> Files:
    """Gather the files of a tree; `commit` None: of the working folder. Raises CliError when git fails."""
    if commit is None:
        commit = NO_COMMIT if repository.dirty() else repository.head()
    try:
        found = {each.path: each for each in source_files(tree, [EVERY])}
        return Files(tree, commit, repository.author(commit), found)
    except ArtifactError as problem:
        raise CliError(f"{repository.root} cannot be read", problem.message, problem.hint) from None
