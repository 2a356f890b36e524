"""`sequence undeploy`."""

import click

from sequence_operator.cli.connect import cluster, execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.ownership import git_owner, refuse_undeploy
from sequence_operator.cli.target import Target, find, target
from sequence_operator.cli.terminal import interactive, say
from sequence_operator.cli.waiting import no_wait_option, timeout_option, until_gone
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS


@command("undeploy")
@click.argument("name", required=False)
@click.option("-y", "--yes", is_flag=True, help="Do not ask (sandbox accounts only).")
@click.option("--confirm", metavar="NAME", help="Do not ask; the name itself, needed for live accounts.")
@no_wait_option
@timeout_option(120)
@pass_globals
def undeploy(
    flags: Globals, name: str | None, yes: bool, confirm: str | None, no_wait: bool, timeout: float
) -> None:
    """Stop all instances, cancel their orders and delete the registration.

    Positions stay with the account under the deployment's name. NAME defaults to the one in ./Sequence.toml.
    """
    aim = target(flags, name)
    execute(_delete(flags, aim, yes, confirm, None if no_wait else timeout))


async def _delete(flags: Globals, aim: Target, yes: bool, confirm: str | None, timeout: float | None) -> None:
    async with cluster(aim.context) as client:
        obj = await find(client, aim)
        owner = await git_owner(client, obj)
        if owner is not None:
            raise refuse_undeploy(aim, owner)
        aim.say_where()
        _ask(aim, yes, confirm)
        uid = obj["metadata"]["uid"]
        await client.delete(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace, uid=uid)
        if timeout is not None:
            await until_gone(client, aim, uid, timeout=timeout)
    gone = timeout is not None
    say(f"{aim.name} is undeployed." if gone else f"{aim.name}: deletion asked for.")
    data = {"schema": "undeploy/v1", "deployment": aim.name, "mode": aim.mode, "gone": gone}
    names = [f"algodeployment.sequencemkts.com/{aim.resource}"]
    show(
        View(data=data, text=f"{aim.name}  {'undeployed' if gone else 'deleting'}", names=names), flags.output
    )


def _ask(aim: Target, yes: bool, confirm: str | None) -> None:
    """Let a person confirm; raises CliError (declined) when that is needed and did not happen."""
    if confirm is not None:
        if confirm != aim.name:
            raise _declined(aim, f"--confirm says {confirm!r}, the deployment is called {aim.name!r}")
        return
    if yes and aim.mode == "sandbox":
        return
    if not interactive():
        why = "--yes is not enough for a live account" if yes else "there is no terminal to ask on"
        raise _declined(aim, why)
    if aim.mode == "live":
        typed = click.prompt(f"Undeploy the LIVE deployment {aim.name}? Type its name", err=True, default="")
        if typed != aim.name:
            raise _declined(aim, "the name was not typed")
    elif not click.confirm(f"Undeploy {aim.name} from the sandbox?", err=True):
        raise _declined(aim, "the answer was no")


def _declined(aim: Target, cause: str) -> CliError:
    flag = "--yes" if aim.mode == "sandbox" else f"--confirm {aim.name}"
    return CliError(
        f"{aim.name} was not undeployed",
        cause,
        f"{aim.command} undeploy {aim.name} {flag}",
        ExitCode.DECLINED,
    )
