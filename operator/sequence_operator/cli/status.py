"""`sequence status`."""

import time
from pathlib import Path
from typing import Any

import click

from sequence_operator.cli import conditions, status_git, status_git_text, status_text
from sequence_operator.cli.connect import cluster, execute, platform
from sequence_operator.cli.context import Context
from sequence_operator.cli.errors import CliError
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.status_data import collect
from sequence_operator.cli.target import Target, find, target
from sequence_operator.cli.waiting import timeout_option, until
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS, PLATFORM_ACCOUNTS
from sequence_operator.spec.names import FILE_NAME

Json = dict[str, Any]


@command("status")
@click.argument("name", required=False)
@click.option("-A", "--all", "every", is_flag=True, help="List all deployments, whatever Sequence.toml says.")
@click.option("--wait", is_flag=True, help="Wait until it is as desired, then show it.")
@timeout_option(120)
@pass_globals
def status(flags: Globals, name: str | None, every: bool, wait: bool, timeout: float) -> None:
    """Show one deployment with its instances, or list all of the namespace.

    NAME defaults to the one in ./Sequence.toml; without that file all are listed.
    """
    if name is None and (every or not Path(FILE_NAME).exists()):
        execute(_list(flags, flags.resolve()))
    else:
        execute(_one(flags, target(flags, name), timeout if wait else None))


async def _list(flags: Globals, context: Context) -> None:
    async with cluster(context) as client:
        objects = await client.list(ALGO_DEPLOYMENTS, context.namespace)
        accounts = await client.list(PLATFORM_ACCOUNTS, context.namespace)
        sources = await status_git.sources(client, context.namespace)
    modes = {a["metadata"]["name"]: a["spec"]["mode"] for a in accounts}
    now, rows = time.time(), []
    for obj in objects:
        rows.append(status_text.row(obj, modes.get(obj["spec"]["accountRef"]["name"], "?"), now))
    listed = [_short(obj, modes) for obj in objects]
    data: Json = {"schema": "status-list/v1", "deployments": listed, "sources": sources}
    names = [f"algodeployment.sequencemkts.com/{obj['metadata']['name']}" for obj in objects]
    empty = f"No deployments in namespace {context.namespace} of context {context.name}."
    columns = status_text.COLUMNS
    show(View(data, columns, rows, status_text.WIDE, names, empty=empty), flags.output)
    if flags.output in ("table", "wide"):
        print(status_git_text.sources(sources), end="", flush=True)


def _short(obj: Json, modes: dict[str, str]) -> Json:
    """One entry of the list as JSON; everything else is in `status NAME`."""
    spec, status = obj["spec"], obj.get("status") or {}
    ready = conditions.condition(obj, "Ready")
    return {
        "deployment": spec["deployment"],
        "mode": modes.get(spec["accountRef"]["name"]),
        "account": spec["accountRef"]["name"],
        "resource": obj["metadata"]["name"],
        "deployment_id": status.get("deploymentId"),
        "desired": spec.get("state", "Stopped"),
        "state": status.get("state") or "Pending",
        "ready": {"status": ready.status, "reason": ready.reason, "message": ready.message},
        "summary": status.get("summary"),
        "sha256": spec["artifact"].get("sha256"),
    }


async def _one(flags: Globals, aim: Target, timeout: float | None) -> None:
    async with cluster(aim.context) as client:
        obj = await find(client, aim)
        if timeout is not None:
            obj = await until(client, aim, conditions.registered, what="ready", timeout=timeout)
        data = await gather(client, aim, obj)
    names = [f"algodeployment.sequencemkts.com/{aim.resource}"]
    text = status_text.detail(data, time.time(), wide=flags.output == "wide")
    show(View(data=data, text=text, names=names), flags.output)


async def gather(client: ClusterClient, aim: Target, obj: Json) -> Json:
    """The operator's record plus what the platform says; without the platform, the record and the reason."""
    deployment_id = (obj.get("status") or {}).get("deploymentId")
    row = metrics = None
    problem = ""
    if deployment_id:
        from sequence_operator.platform import PlatformError, Unreachable

        try:
            async with platform(aim.context, aim.mode) as remote:
                row = await remote.get(deployment_id)
                try:
                    metrics = await remote.metrics(deployment_id)
                except Unreachable:
                    raise
                except PlatformError:
                    metrics = None  # a platform without metrics: its rows still say most of it
        except CliError as unreached:
            problem = f"{unreached.what} ({unreached.hint})"
    return collect(aim, obj, row, metrics, problem) | await status_git.gather(client, obj)
