"""`sequence start` and `sequence stop`: who runs is written as the field manager `sequence-state`."""

from typing import Any

import click

from sequence_operator.cli import conditions
from sequence_operator.cli.connect import cluster, cluster_error, execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.overrides import in_force, now, override_stop, remove
from sequence_operator.cli.ownership import refuse_start, state_is_foreign, written_in_git
from sequence_operator.cli.target import Target, find, target
from sequence_operator.cli.terminal import say
from sequence_operator.cli.waiting import no_wait_option, timeout_option, until
from sequence_operator.cluster import ClusterClient, ClusterError, Kind
from sequence_operator.cluster.client import STATE
from sequence_operator.spec.names import ACKNOWLEDGE_PAUSE, API_VERSION, OVERRIDE


@command("start")
@click.argument("name", required=False)
@click.option("--acknowledge", is_flag=True, help="Clear the pause the platform made, and run again.")
@no_wait_option
@timeout_option(60)
@pass_globals
def start(flags: Globals, name: str | None, acknowledge: bool, no_wait: bool, timeout: float) -> None:
    """Start a deployment, or resume it after a stop.

    The operator waits until every instance is warm. A pause the platform made (loss limit, kill switch,
    fault) needs --acknowledge. NAME defaults to the one in ./Sequence.toml.
    """
    execute(_write(flags, target(flags, name), "Running", acknowledge, None if no_wait else timeout))


@command("stop")
@click.argument("name", required=False)
@no_wait_option
@timeout_option(60)
@pass_globals
def stop(flags: Globals, name: str | None, no_wait: bool, timeout: float) -> None:
    """Stop a deployment. Its state is kept, and so are resting orders unless onStop says Cancel.

    It always works: where git says that it runs, it stays stopped until the next commit of this algo.
    NAME defaults to the one in ./Sequence.toml.
    """
    execute(_write(flags, target(flags, name), "Stopped", False, None if no_wait else timeout))


async def _write(flags: Globals, aim: Target, state: str, acknowledge: bool, timeout: float | None) -> None:
    """Write the desired state and, with a `timeout` in seconds, wait until the platform shows it."""
    async with cluster(aim.context) as client:
        obj = await find(client, aim)
        aim.say_where()
        annotations = _acknowledgement(aim, obj, acknowledge) if state == "Running" else {}
        if state == "Running":
            obj = await _start(client, aim, obj, annotations)
        else:
            obj = await _stop(client, aim, obj)
        if timeout is not None:
            reached, hopeless = conditions.in_state(state), _hopeless(aim, state, annotations)
            obj = await until(client, aim, reached, what=state.lower(), timeout=timeout, hopeless=hopeless)
    waited = timeout is not None
    say(f"{aim.name} is {state.lower()}." if waited else f"{aim.name}: asked to be {state.lower()}.")
    if waited:
        _say_next(aim, state, obj)
    data = {
        "schema": "state/v1",
        "deployment": aim.name,
        "mode": aim.mode,
        "desired": state,
        "reached": waited,
        "override": in_force(obj)["override"] is not None,
    }
    names = [f"algodeployment.sequencemkts.com/{aim.resource}"]
    show(View(data=data, text=f"{aim.name}  {state if waited else 'Pending'}", names=names), flags.output)


async def _start(
    client: ClusterClient, aim: Target, obj: dict[str, Any], annotations: dict[str, str]
) -> dict[str, Any]:
    """Run it again: as the spec's owner says, or because we are the one to say. Raises CliError (conflict)."""
    foreign = state_is_foreign(obj)
    if foreign and obj["spec"].get("state", "Stopped") != "Running":
        raise refuse_start(aim, obj)
    if in_force(obj)["override"] is not None:
        say("taking back the stop that was laid over the spec")
    obj = await remove(client, obj, OVERRIDE)
    if foreign and not annotations:
        return obj
    return await _apply(client, aim, obj, None if foreign else "Running", annotations)


async def _stop(client: ClusterClient, aim: Target, obj: dict[str, Any]) -> dict[str, Any]:
    """Stop it, whoever says that it runs."""
    if state_is_foreign(obj):
        return await _override(client, aim, obj)
    try:
        return await _apply(client, aim, obj, "Stopped", {})
    except CliError as problem:
        if problem.code is not ExitCode.CONFLICT:
            raise
        # Somebody took the field over since we looked: what they say is what there is to lay a stop over.
        return await _override(client, aim, await find(client, aim))


async def _override(client: ClusterClient, aim: Target, obj: dict[str, Any]) -> dict[str, Any]:
    if obj["spec"].get("state", "Stopped") == "Stopped":
        return obj  # it is what the owner of the field wants already
    owner = written_in_git(obj)
    who = f"git says Running: {owner.words(owner.state_at)}" if owner.source else "its owner says Running"
    say(f"{who}\nstopped all the same, until the next commit of it, or `{aim.command} start {aim.name}`")
    return await override_stop(client, obj, now())


def _acknowledgement(aim: Target, obj: dict[str, Any], acknowledge: bool) -> dict[str, str]:
    """The annotation that clears the present pause. Raises CliError when a pause is in the way or there is none."""
    pause = (obj.get("status") or {}).get("pause")
    if acknowledge and not pause:
        raise CliError(
            f"{aim.name} is not paused",
            "there is nothing to acknowledge",
            f"{aim.command} start {aim.name}",
            ExitCode.CONFLICT,
        )
    if acknowledge and pause:
        say(f"clearing pause {pause['id']}: {pause.get('reason') or 'no reason given'}")
        return {ACKNOWLEDGE_PAUSE: pause["id"]}
    problem = conditions.paused(obj, aim.command)
    if problem and obj["spec"].get("state") == "Running":
        raise problem
    return {}


def _hopeless(aim: Target, state: str, annotations: dict[str, str]) -> conditions.Hopeless:
    """A stop waits through a pause; a start ends at one, unless it is the one that is being cleared."""
    if state == "Stopped":
        return conditions.stalled
    acknowledged = annotations.get(ACKNOWLEDGE_PAUSE, "")
    return lambda obj: (
        conditions.stalled(obj)
        or (conditions.paused(obj, aim.command, acknowledged) if conditions.observed(obj) else None)
    )


async def _apply(
    client: ClusterClient, aim: Target, obj: dict[str, Any], state: str | None, annotations: dict[str, str]
) -> dict[str, Any]:
    """Server-side apply as `sequence-state`; `state` None leaves it to its owner."""
    metadata: dict[str, Any] = {key: obj["metadata"][key] for key in ("name", "namespace", "uid")}
    if annotations:
        metadata["annotations"] = annotations
    wish: dict[str, Any] = {"apiVersion": API_VERSION, "kind": "AlgoDeployment", "metadata": metadata}
    if state is not None:
        wish["spec"] = {"state": state}
    try:
        return await client.apply(wish, manager=STATE)
    except ClusterError as problem:
        if problem.kind is not Kind.CONFLICT or not any(f.manager for f in problem.fields):
            raise cluster_error(problem) from None
        raise refuse_start(aim, await find(client, aim)) from None


def _say_next(aim: Target, state: str, obj: dict[str, Any]) -> None:
    if state == "Running":
        say(f"Next: {aim.command} logs -f {aim.name}   ·   {aim.command} status {aim.name}")
    elif obj["spec"].get("onStop", "Keep") == "Keep":
        say("Its state and any resting orders are kept.")
        further = "" if written_in_git(obj).source else f"   ·   {aim.command} undeploy {aim.name}"
        say(f"Next: {aim.command} start {aim.name}{further}")
