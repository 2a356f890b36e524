"""`sequence plan`: the controller's own decisions, made here and only printed."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sequence_operator.cli.connect import cluster, execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.target import find, target
from sequence_operator.cli.terminal import say
from sequence_operator.spec.names import FILE_NAME

if TYPE_CHECKING:
    from sequence_operator.cli.repository import Repository
    from sequence_operator.reconcile.actions import Plan
    from sequence_operator.reconcile.review_plan import ReviewPlan

NO_CHANGE, CHANGES, ERROR = 0, 1, 2


@command("plan")
@click.argument("name", required=False)
@click.option("--base", metavar="COMMIT", help="With --offline: the commit that is taken as what runs.")
@click.option("--offline", is_flag=True, help="Compare two commits; no cluster, no key.")
@click.option("--commit", "revision", metavar="REV", help="Plan this commit instead of the working folder.")
@click.option(
    "--source", "sources", multiple=True, metavar="NAME", help="Only this AlgoSource; may be repeated."
)
@click.option(
    "--path", "paths", multiple=True, metavar="GLOB", help="Files instead of those the source names."
)
@click.option("--no-build", is_flag=True, help="Do not compile what changed.")
@click.option("--markdown", is_flag=True, help="Print Markdown, for a pull request.")
@pass_globals
def plan(
    flags: Globals,
    name: str | None,
    base: str | None,
    offline: bool,
    revision: str | None,
    sources: tuple[str, ...],
    paths: tuple[str, ...],
    no_build: bool,
    markdown: bool,
) -> None:
    """Show what the operator would do. Changes nothing.

    \b
    In a clone that an AlgoSource follows: what pushing these files would do.
    With --base COMMIT --offline: what merging would do, without a cluster.
    With NAME, or elsewhere: what would be done with one deployment now.

    What changed is compiled here, so that code that does not compile is found before the push. Exit code 0:
    nothing to do; 1: changes; 2: an error. NAME defaults to the one in ./Sequence.toml.
    """
    try:
        _check(name, base, offline, revision, sources, paths)
        found: tuple[Plan, str] | ReviewPlan
        if offline:
            found = _offline(flags, base or "", revision, sources, paths, not no_build)
        else:
            found = execute(_online(flags, name, revision, sources, paths, not no_build))
    except CliError as problem:
        problem.code = ExitCode(ERROR)
        raise
    if isinstance(found, tuple):
        _show_one(*found, flags, markdown)
    else:
        _show_review(found, flags, markdown)


def exit_code(result: "Plan") -> int:
    """0 when the platform is as desired, 2 when it does not go on without a person, else 1."""
    if result.refusal is not None:
        return ERROR
    return CHANGES if result.changes or result.actions else NO_CHANGE


def _check(
    name: str | None,
    base: str | None,
    offline: bool,
    revision: str | None,
    sources: tuple[str, ...],
    paths: tuple[str, ...],
) -> None:
    """Options that do not go together."""
    if bool(base) != offline:
        given, lacks = ("--offline", "--base main") if offline else ("--base", "--offline")
        cause = "with --offline a commit stands for what runs; without it the cluster says what runs"
        hint = f"sequence plan --base {base or 'main'} --offline"
        raise CliError(f"{given} needs {lacks}", cause, hint, ExitCode.USAGE)
    if name and (offline or revision or sources or paths):
        raise CliError(
            f"{name}: one deployment, or the files of a repository, not both",
            "--base, --offline, --commit, --source and --path are about a repository",
            f"sequence plan {name}   or the same options without {name}",
            ExitCode.USAGE,
        )


def _offline(
    flags: Globals,
    base: str,
    revision: str | None,
    sources: tuple[str, ...],
    paths: tuple[str, ...],
    build: bool,
) -> "ReviewPlan":
    from sequence_operator.cli import plan_offline
    from sequence_operator.cli.repository import required

    wish = plan_offline.Wish(base, revision, sources, paths, flags.sandbox, build)
    return plan_offline.review(required(Path.cwd()), wish)


async def _online(
    flags: Globals,
    name: str | None,
    revision: str | None,
    sources: tuple[str, ...],
    paths: tuple[str, ...],
    build: bool,
) -> "tuple[Plan, str] | ReviewPlan":
    from sequence_operator.cli import plan_cluster
    from sequence_operator.cli.observe import observer
    from sequence_operator.cli.repository import around, required

    wanted = bool(revision or sources or paths)
    here = Path.cwd()
    lone = not wanted and (here / FILE_NAME).exists()
    repository: Repository | None = None if name else required(here) if wanted else around(here)
    if repository is None:
        return await _one(flags, name)
    context = flags.resolve()
    say(f"context {context.name} · namespace {context.namespace} · reading only")
    async with cluster(context) as client, observer(client, context) as eyes:
        if lone and not await plan_cluster.follows(eyes, repository, ()):
            return await _one(flags, None)
        wish = plan_cluster.Wish(revision, sources, paths, build)
        return await plan_cluster.review(eyes, repository, wish)


async def _one(flags: Globals, name: str | None) -> "tuple[Plan, str]":
    from sequence_operator.cli.observe import plan_of

    aim = target(flags, name)
    say(f"context {aim.context.name} · namespace {aim.context.namespace} · reading only")
    async with cluster(aim.context) as client:
        obj: dict[str, Any] = await find(client, aim)
        return await plan_of(client, aim.context, obj), f"{aim.name} on account {aim.account}"


def _show_one(result: "Plan", title: str, flags: Globals, markdown: bool) -> None:
    from sequence_operator.reconcile.render import as_json, as_markdown, as_text

    text = as_markdown(result, title) if markdown else as_text(result, title)
    view = View(
        data={"schema": "plan/v1", **as_json(result)}, text=text, names=[c.verb for c in result.changes]
    )
    show(view, flags.output)
    click.get_current_context().exit(exit_code(result))


def _show_review(result: "ReviewPlan", flags: Globals, markdown: bool) -> None:
    from sequence_operator.reconcile.review_render import as_json, as_markdown, as_text

    text = as_markdown(result) if markdown else as_text(result)
    names = [f"algodeployment.sequencemkts.com/{item.name}" for item in result.busy]
    show(View(data=as_json(result), text=text, names=names), flags.output)
    click.get_current_context().exit(result.exit_code)
