"""`sequence deploy`: build, store, apply, wait until registered and warm. It never starts or stops anything."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from sequence_operator.artifact.build import Built
from sequence_operator.artifact.store import configmap
from sequence_operator.cli import conditions, git
from sequence_operator.cli.build import report_size
from sequence_operator.cli.connect import cluster, cluster_error, execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.observe import account, plan_of
from sequence_operator.cli.output import View, show
from sequence_operator.cli.overrides import in_force, remove
from sequence_operator.cli.ownership import git_owner, refuse_deploy
from sequence_operator.cli.plan import exit_code
from sequence_operator.cli.project import module, read
from sequence_operator.cli.target import Target
from sequence_operator.cli.terminal import say
from sequence_operator.cli.waiting import no_wait_option, timeout_option, until
from sequence_operator.cluster import ClusterClient, ClusterError, Kind
from sequence_operator.cluster.client import CLI
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.reconcile.model import ArtifactState, ArtifactView
from sequence_operator.reconcile.render import as_json, as_text
from sequence_operator.spec.names import FILE_NAME, ROLLBACK
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import Origin
from sequence_operator.spec.sequence_toml import SequenceFile


@dataclass(frozen=True, slots=True)
class Work:
    """Everything a deploy has gathered before it writes: the file, the module, the git record and the target."""

    aim: Target
    file: SequenceFile
    built: Built
    origin: Origin | None

    def resource(self) -> dict[str, Any]:
        """The AlgoDeployment to apply; `state` stays with whoever starts and stops."""
        return algo_deployment(
            self.file,
            namespace=self.aim.context.namespace,
            account=self.aim.account,
            mode=self.aim.mode,
            artifact=stored(self.built.inspection.sha256),
            origin=self.origin,
            with_state=False,
        )


@command("deploy")
@click.option("--skip-build", is_flag=True, help="Take the module that is already built.")
@click.option(
    "--dry-run", is_flag=True, help="Build and check everything, then print the plan; write nothing."
)
@no_wait_option
@timeout_option(120)
@pass_globals
def deploy(flags: Globals, skip_build: bool, dry_run: bool, no_wait: bool, timeout: float) -> None:
    """Build the algo in this directory, store the module and have it registered, stopped and warm.

    Everything comes from ./Sequence.toml. A deployment that exists is updated: new limits in place, a new
    module by replacing it. Whether it runs stays as it is; `sequence start` starts it.
    """
    path = Path(FILE_NAME)
    file = read(path)
    aim = Target(flags.resolve(), flags.mode, file.deployment.name)
    aim.say_where()
    code = execute(_deploy(flags, aim, file, skip_build, dry_run, None if no_wait else timeout))
    click.get_current_context().exit(code)


async def _deploy(
    flags: Globals, aim: Target, file: SequenceFile, skip_build: bool, dry_run: bool, timeout: float | None
) -> int:
    async with cluster(aim.context) as client:
        await _check_account(client, aim)  # before a build that may take a minute
        await _check_owner(client, aim)
        built = module(Path.cwd(), file, skip_build=skip_build)
        report_size(built)
        found = built.inspection
        say(f"module {found.size:,} bytes · sha256 {found.sha256[:12]} · SDK {found.generation}")
        work = Work(aim, file, built, git.origin(Path(FILE_NAME)))
        say(f"source {git.describe(work.origin)}")
        if dry_run:
            return await _dry_run(flags, client, work)
        obj = await _write(client, work)
        if timeout is not None:
            obj = await until(client, aim, conditions.registered, what="registered and warm", timeout=timeout)
    _report(flags, work, obj, reached=timeout is not None)
    return ExitCode.OK


async def _check_account(client: ClusterClient, aim: Target) -> None:
    found = await account(client, aim.context, aim.account)
    if found.spec.mode != aim.mode:
        raise CliError(
            f"PlatformAccount {aim.account} is a {found.spec.mode} account",
            f"this command deploys to a {aim.mode} one",
            "use --sandbox for sandbox accounts, or name the right accounts in the context",
            ExitCode.CONFLICT,
        )


async def _check_owner(client: ClusterClient, aim: Target) -> None:
    found = await client.find(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace)
    owner = await git_owner(client, found) if found is not None else None
    if owner is not None:
        raise refuse_deploy(aim, owner)


async def _apply(client: ClusterClient, obj: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
    try:
        return await client.apply(obj, manager=CLI, dry_run=dry_run)
    except ClusterError as problem:
        owners = sorted({str(f.manager) for f in problem.fields if f.manager})
        if problem.kind is not Kind.CONFLICT or not owners:
            raise cluster_error(problem) from None
        fields = ", ".join(sorted(f.field for f in problem.fields))
        raise CliError(
            f"{obj['metadata']['name']} belongs to {', '.join(owners)}",
            f"fields owned by another writer: {fields}",
            f"change them where {owners[0]} takes them from, or give this deployment another name",
            ExitCode.CONFLICT,
        ) from None


async def _write(client: ClusterClient, work: Work) -> dict[str, Any]:
    """Store the module, then apply the resource; a dry run first, so that a refusal leaves nothing behind."""
    resource, aim = work.resource(), work.aim
    before = await client.find(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace)
    if before is not None and "deletionTimestamp" in before["metadata"]:
        raise CliError(
            f"{aim.name} is being undeployed",
            f"AlgoDeployment {aim.resource} goes away once nothing of it is left on the platform",
            f"{aim.command} status {aim.name}   (deploy again when it is gone)",
            ExitCode.CONFLICT,
        )
    rolled_back = in_force(await _apply(client, resource, dry_run=True))["rollback"]
    if rolled_back is not None and rolled_back["denied"] == work.built.inspection.sha256:
        raise CliError(
            f"{aim.name} was rolled back from this module",
            f"{rolled_back['denied'][:12]} is denied until the commit changes, or the rollback is cleared",
            f"{aim.command} rollback {aim.name} --clear   (runs it again)",
            ExitCode.CONFLICT,
        )
    stored = configmap(work.built.wasm, aim.context.namespace)
    await client.apply(stored, manager=CLI, force=True)  # equal bytes by name; only the time stamp differs
    say(f"stored ConfigMap {stored['metadata']['name'][:17]}…")
    after = await _apply(client, resource, dry_run=False)
    say(f"{_verb(before, after)} AlgoDeployment {aim.resource}")
    if rolled_back is None:
        return after
    say(f"ended the rollback to {rolled_back['to'][:12]}")
    return await remove(client, after, ROLLBACK)


def _verb(before: dict[str, Any] | None, after: dict[str, Any]) -> str:
    if before is None:
        return "created"
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return "unchanged:" if same else "updated"


async def _dry_run(flags: Globals, client: ClusterClient, work: Work) -> int:
    """Let the API server check the object, then print what the controller would do with it."""
    would_be = await _apply(client, work.resource(), dry_run=True)
    found = work.built.inspection
    ready = ArtifactView(ArtifactState.READY, sha256=found.sha256, size_bytes=found.size)
    result = await plan_of(client, work.aim.context, would_be, ready)
    say("dry run: nothing was written")
    text = as_text(result, f"{work.aim.name} on account {work.aim.account}")
    show(View(data={"schema": "plan/v1", **as_json(result)}, text=text), flags.output)
    return exit_code(result)


def _report(flags: Globals, work: Work, obj: dict[str, Any], *, reached: bool) -> None:
    aim, status = work.aim, obj.get("status") or {}
    state = status.get("state", "Pending") if reached else "Pending"
    if reached:
        edges = sorted({i.get("edge") or i.get("venue", "") for i in status.get("instances") or []})
        say(f"registered as {status.get('deploymentId', '?')} on {', '.join(edges) or 'the platform'}")
    if work.file.deployment.state is not None:
        place = work.file.where("deployment", "state")
        say(f"note: {place}: `state` is for git sources to apply; here `sequence start` and `stop` decide")
    if state == "Running":
        say(f"{aim.name} is running.\nNext: {aim.command} logs -f   ·   {aim.command} status")
    elif reached:
        say(f"{aim.name} is {state.lower()} and warm.\nNext: {aim.command} start")
    else:
        say(f"Next: {aim.command} status --wait")
    found = work.built.inspection
    data = {
        "schema": "deploy/v1",
        "deployment": aim.name,
        "mode": aim.mode,
        "account": aim.account,
        "namespace": aim.context.namespace,
        "resource": aim.resource,
        "sha256": found.sha256,
        "size_bytes": found.size,
        "commit": work.origin.commit if work.origin else None,
        "dirty": work.origin.dirty if work.origin else None,
        "deployment_id": status.get("deploymentId") if reached else None,
        "state": state,
    }
    text = f"{aim.name}  {state}  {found.sha256[:12]}"
    show(View(data=data, text=text, names=[f"algodeployment.sequencemkts.com/{aim.resource}"]), flags.output)
