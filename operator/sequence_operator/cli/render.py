"""`sequence render`: the custom resources that a repository stands for, for tools that apply them (Flux, Argo CD)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from sequence_operator.artifact.store import configmap
from sequence_operator.cli.context import Context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.plan_files import EVERY, Files, read
from sequence_operator.cli.repository import Repository, required
from sequence_operator.cli.terminal import warn
from sequence_operator.reconcile.sources.model import Apply
from sequence_operator.reconcile.sources.plan import plan_source
from sequence_operator.spec.names import AUTHOR, LAST_USED, SOURCE_LABEL
from sequence_operator.spec.resources import (
    AccountRef,
    AlgoSource,
    AlgoSourceSpec,
    GitRef,
    ObjectMeta,
    SourceProblem,
)

_NOT_SAID = "not-said"  # a namespace for the time of rendering; taken out again


@command("render")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option(
    "--commit", "revision", default="HEAD", show_default=True, metavar="REV", help="Commit to render."
)
@click.option(
    "--account", metavar="NAME", help="PlatformAccount for all of them (default: live, or sandbox)."
)
@click.option("--url", metavar="URL", help="Address of the repository (default: remote origin).")
@pass_globals
def render(
    flags: Globals, paths: tuple[Path, ...], revision: str, account: str | None, url: str | None
) -> None:
    """Print the custom resources of the Sequence.toml files below PATH (default: this directory) as YAML.

    They are those that an AlgoSource would write, with the commit they come from, so equal commits give equal
    output. -n puts a namespace into them. Apply them with Flux or Argo CD; an AlgoSource with `paths: []`
    publishes the source for the builds.
    """
    repository = required(Path.cwd())
    commit = repository.commit(revision)
    if revision == "HEAD" and repository.dirty():
        warn("uncommitted changes are not rendered: commit them first")
    source = _source(flags, repository, [_glob(repository, p) for p in paths or (Path(),)], account, url)
    with repository.tree(commit) as tree:
        objects = rendered(source, flags, read(repository, tree, commit))
    if not flags.namespace:
        for obj in objects:
            del obj["metadata"]["namespace"]
    _print(objects, flags)


def rendered(source: AlgoSource, flags: Globals, files: Files) -> list[dict[str, Any]]:
    """The objects, by kind and name. Raises CliError (usage) with every problem of every file."""
    snapshot = files.snapshot(source)
    plan = plan_source(source, flags.mode, snapshot, {}, ())
    if plan.problems:
        raise problems_error(plan.problems)
    if not snapshot.files:
        raise CliError(
            f"there is no Sequence.toml in commit {files.commit[:12]} below {', '.join(source.spec.paths)}",
            "only files that are committed are rendered",
            "git add and commit them, or name another PATH",
            ExitCode.NOT_FOUND,
        )
    objects = [_plain(action.obj) for action in plan.actions if isinstance(action, Apply)]
    modules = {m for each in snapshot.files if each.wasm_sha256 and (m := files.found[each.path].wasm)}
    stored = [configmap(wasm, source.metadata.namespace) for wasm in modules]
    for obj in stored:
        del obj["metadata"]["annotations"][
            LAST_USED
        ]  # a time: the operator writes it when it uses the module
        del obj["metadata"]["annotations"]
    return sorted([*stored, *objects], key=lambda o: (o["kind"] == "AlgoDeployment", o["metadata"]["name"]))


def problems_error(problems: Sequence[SourceProblem]) -> CliError:
    """Every problem with its place, as one error."""
    count, paths = len(problems), {p.path for p in problems}
    return CliError(
        f"{count} problem{'' if count == 1 else 's'} in {len(paths)} file{'' if len(paths) == 1 else 's'}",
        "\n".join(map(str, problems)),
        "correct these lines",
        ExitCode.USAGE,
    )


def _source(
    flags: Globals, repository: Repository, globs: list[str], account: str | None, url: str | None
) -> AlgoSource:
    spec = AlgoSourceSpec(
        url=url or repository.url,
        ref=GitRef(branch="main"),
        paths=globs,
        account_ref=AccountRef(name=account or Context(name="").account(flags.mode)),
    )
    metadata = ObjectMeta(name="render", namespace=flags.namespace or _NOT_SAID)
    return AlgoSource(metadata=metadata, spec=spec)


def _glob(repository: Repository, path: Path) -> str:
    """The pattern for a file or a folder of this clone."""
    try:
        inside = path.resolve().relative_to(repository.root.resolve()).as_posix()
    except ValueError:
        raise CliError(
            f"{path} is not in the repository {repository.root}",
            "what is rendered names the commit it comes from",
            "cd into that repository",
            ExitCode.USAGE,
        ) from None
    escaped = "".join(f"[{c}]" if c in "*?[" else c for c in inside)
    return EVERY if inside == "." else escaped


def _plain(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Without what ties an object to an AlgoSource."""
    metadata = {k: v for k, v in obj["metadata"].items() if k != "uid"}
    labels = {k: v for k, v in metadata.pop("labels", {}).items() if k != SOURCE_LABEL}
    notes = {k: v for k, v in metadata.pop("annotations", {}).items() if k != AUTHOR}
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"annotations": notes} if notes else {}
    return {**obj, "metadata": metadata}


def _print(objects: list[dict[str, Any]], flags: Globals) -> None:
    import yaml

    text = yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True, allow_unicode=True, width=110)
    names = [f"{_resource(obj)}/{obj['metadata']['name']}" for obj in objects]
    if flags.output == "yaml":
        flags.output = "table"  # several documents, as kubectl takes them
    show(View({"apiVersion": "v1", "kind": "List", "items": objects}, text=text, names=names), flags.output)


def _resource(obj: dict[str, Any]) -> str:
    return "configmap" if obj["kind"] == "ConfigMap" else f"{obj['kind'].lower()}.sequencemkts.com"
