"""`sequence plan`: the controller's own decision, made here and only printed."""

from typing import Any

import click

from sequence_operator.cli.connect import cluster, execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.observe import plan_of
from sequence_operator.cli.output import View, show
from sequence_operator.cli.target import find, target
from sequence_operator.cli.terminal import say
from sequence_operator.reconcile.actions import Plan
from sequence_operator.reconcile.render import as_json, as_markdown, as_text

NO_CHANGE, CHANGES, ERROR = 0, 1, 2


@command("plan")
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print Markdown, for a pull request.")
@pass_globals
def plan(flags: Globals, name: str | None, markdown: bool) -> None:
    """Show what the controller would do with a deployment now. Changes nothing.

    Exit code 0: nothing to do; 1: changes; 2: an error. NAME defaults to the one in ./Sequence.toml.
    """
    try:
        result, title = execute(_plan(flags, name))
    except CliError as problem:
        problem.code = ExitCode(ERROR)
        raise
    text = as_markdown(result, title) if markdown else as_text(result, title)
    view = View(
        data={"schema": "plan/v1", **as_json(result)}, text=text, names=[c.verb for c in result.changes]
    )
    show(view, flags.output)
    click.get_current_context().exit(exit_code(result))


def exit_code(result: Plan) -> int:
    """0 when the platform is as desired, 2 when it does not go on without a person, else 1."""
    if result.refusal is not None:
        return ERROR
    return CHANGES if result.changes or result.actions else NO_CHANGE


async def _plan(flags: Globals, name: str | None) -> tuple[Plan, str]:
    aim = target(flags, name)
    say(f"context {aim.context.name} · namespace {aim.context.namespace} · reading only")
    async with cluster(aim.context) as client:
        obj: dict[str, Any] = await find(client, aim)
        return await plan_of(client, aim.context, obj), f"{aim.name} on account {aim.account}"
