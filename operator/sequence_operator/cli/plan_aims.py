"""Which AlgoSources a plan is made for: those of the cluster that follow this repository, or those written in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from sequence_operator.artifact.errors import ArtifactError
from sequence_operator.artifact.tree import Tree
from sequence_operator.cli.context import Context, Mode
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.giturl import same
from sequence_operator.cli.plan_files import EVERY
from sequence_operator.cli.repository import Repository
from sequence_operator.cli.terminal import warn
from sequence_operator.spec.meta import Resource
from sequence_operator.spec.names import API_VERSION
from sequence_operator.spec.resources import (
    AccountRef,
    AlgoSource,
    AlgoSourceSpec,
    GitRef,
    ObjectMeta,
    PlatformAccount,
)

_MAX_MANIFEST = 1 << 20
M = TypeVar("M", bound=Resource)


@dataclass(frozen=True, slots=True)
class Aim:
    """One source, and the mode of its account. `declared` False: nobody wrote this source down, flags made it."""

    source: AlgoSource
    mode: Mode
    declared: bool = True

    @property
    def name(self) -> str:
        return self.source.metadata.name

    @property
    def account(self) -> str:
        return self.source.spec.account_ref.name


def chosen(sources: Iterable[AlgoSource], repository: Repository, names: Sequence[str]) -> list[AlgoSource]:
    """The sources called `names`; without names, those that follow one of the clone's remotes."""
    if names:
        return [source for source in sources if source.metadata.name in names]
    remotes = repository.remotes.values()
    return [source for source in sources if any(same(source.spec.url, remote) for remote in remotes)]


def none_found(
    names: Sequence[str], repository: Repository, place: str, known: Iterable[AlgoSource]
) -> CliError:
    """The error for a clone that no source follows."""
    listed = ", ".join(f"{s.metadata.name} ({s.spec.url})" for s in known) or "none"
    if names:
        return CliError(
            f"there is no AlgoSource {', '.join(names)} in {place}",
            f"AlgoSources there: {listed}",
            "sequence plan --source NAME   with one of these names",
            ExitCode.NOT_FOUND,
        )
    remotes = ", ".join(repository.remotes.values()) or "it has none"
    return CliError(
        f"no AlgoSource in {place} follows this repository",
        f"remotes of this clone: {remotes}; AlgoSources there: {listed}",
        "name one: sequence plan --source NAME   (or compare commits: sequence plan --base main --offline)",
        ExitCode.NOT_FOUND,
    )


def written_in(
    tree: Tree, repository: Repository, names: Sequence[str], paths: Sequence[str], sandbox: bool
) -> list[Aim]:
    """Sources for a plan without a cluster.

    AlgoSources that are committed in the repository itself (any YAML file) say which files go to which account.
    Without any, one source takes all files, or those of `paths`. Raises CliError for a name that is not there.
    """
    if paths:
        return [_from_flags(repository, paths, sandbox)]
    objects = list(_manifests(tree))
    sources = list(_models(objects, AlgoSource))
    accounts = {a.metadata.name: a.spec.mode for a in _models(objects, PlatformAccount)}
    if not sources and not names:
        return [_from_flags(repository, [EVERY], sandbox)]
    found = chosen(sources, repository, names) or (_only_repository(sources) if not names else [])
    if not found:
        raise none_found(names, repository, "the files of this repository", sources)
    if sandbox:
        found = [s for s in found if _mode(s.spec.account_ref.name, accounts) == "sandbox"] or found
    return [Aim(source, _mode(source.spec.account_ref.name, accounts)) for source in found]


def _only_repository(sources: Sequence[AlgoSource]) -> list[AlgoSource]:
    """All of them when they follow one repository: a clone from a mirror, or from a folder, has another remote."""
    if len({source.spec.url for source in sources}) != 1:
        return []
    return list(sources)


def elsewhere(aims: Sequence[Aim], repository: Repository) -> list[str]:
    """What to say of sources that follow another address than the clone's remotes."""
    known = {aim.source.spec.url for aim in aims if aim.declared}
    remotes = repository.remotes.values()
    strange = sorted(url for url in known if not any(same(url, remote) for remote in remotes))
    return [
        f"the AlgoSources in this repository follow {url}, which is no remote of this clone"
        for url in strange
    ]


def _from_flags(repository: Repository, paths: Sequence[str], sandbox: bool) -> Aim:
    mode: Mode = "sandbox" if sandbox else "live"
    spec = AlgoSourceSpec(
        url=repository.url,
        ref=GitRef(branch="main"),
        paths=list(paths),
        account_ref=AccountRef(name=Context(name="").account(mode)),
    )
    return Aim(AlgoSource(metadata=ObjectMeta(name="offline", namespace="default"), spec=spec), mode, False)


def _mode(account: str, accounts: dict[str, Mode]) -> Mode:
    """Of the PlatformAccount in the repository; else by its name, as `sequence login` gives it."""
    return accounts.get(account, "sandbox" if "sandbox" in account else "live")


def _manifests(tree: Tree) -> Iterable[dict[str, Any]]:
    """Objects of our group in the YAML files of a tree. Files that are no YAML (templates) are passed over."""
    for entry in tree.entries():
        if entry.kind != "file" or not entry.path.endswith((".yaml", ".yml")) or entry.size > _MAX_MANIFEST:
            continue
        try:
            text = tree.read(entry.path).decode()
            documents = list(yaml.safe_load_all(text)) if API_VERSION in text else []
        except (ArtifactError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
            continue
        yield from (d for d in documents if isinstance(d, dict) and d.get("apiVersion") == API_VERSION)


def _models(objects: Iterable[dict[str, Any]], model: type[M]) -> Iterable[M]:
    for obj in objects:
        if obj.get("kind") != model.__name__:
            continue
        try:
            yield model.model_validate(obj)
        except ValidationError as problem:
            first = problem.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            warn(
                f"{obj['kind']} {obj.get('metadata', {}).get('name', '?')} in this repository is passed over: "
                f"{place}: {first['msg']}"
            )
