"""The facts behind a preflight, gathered from the project, the platform and the cluster. Reads only."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sequence_operator.cli.connect import cluster, platform
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.observe import Remote, account
from sequence_operator.cli.preflight_facts import facts_of
from sequence_operator.cli.project import module
from sequence_operator.cli.target import Target
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.reconcile.preflight import (
    ARTIFACT,
    CAPITAL,
    LIMITS,
    NAME,
    VENUES,
    ArtifactFacts,
    Check,
    Inputs,
    Result,
    name_conflict,
)
from sequence_operator.spec.names import Mode
from sequence_operator.spec.render import algo_deployment, stored
from sequence_operator.spec.resources import AlgoDeployment, AlgoDeploymentSpec

if TYPE_CHECKING:
    from sequence_operator.spec.sequence_toml import SequenceFile

ACCOUNT, PLATFORM = "account", "platform"
_ANY_DIGEST = "0" * 64


def spec_of(file: "SequenceFile", aim: Target) -> AlgoDeploymentSpec:
    """The spec that a deploy would apply; its artifact is a placeholder, for no check looks at it."""
    obj = algo_deployment(
        file,
        namespace=aim.context.namespace,
        account=aim.account,
        mode=aim.mode,
        artifact=stored(_ANY_DIGEST),
        origin=None,
        with_state=False,
    )
    return AlgoDeployment.model_validate(obj).spec


def local_module(file: "SequenceFile") -> tuple[ArtifactFacts | None, str]:
    """The module that was built last in this directory, and why there is none to look at."""
    try:
        return facts_of(module(Path.cwd(), file, skip_build=True).inspection), ""
    except CliError as problem:
        if problem.cause.endswith("WasmMissing"):
            return None, "nothing is built yet: sequence build"
        return ArtifactFacts(problem=problem.what, hint=problem.hint), ""


@dataclass(frozen=True, slots=True)
class InCluster:
    """What the cluster says. uid: of the AlgoDeployment of this name, "" when there is none."""

    check: Check
    uid: str = ""
    adopt: bool = False


async def in_cluster(aim: Target) -> InCluster:
    """The account object the deployment will name. A cluster that does not answer is a failed check, no error."""
    if not aim.context.kubeconfig and not aim.context.kube_context:
        untold = f"context {aim.context.name} names no cluster"
        return InCluster(Check(ACCOUNT, Result.NOT_CHECKABLE, untold))
    try:
        async with cluster(aim.context) as client:
            owner = await account(client, aim.context, aim.account)
            found = await client.find(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace)
    except CliError as problem:
        return InCluster(_failed(ACCOUNT, problem))
    uid = found["metadata"]["uid"] if found is not None else ""
    adopt = bool(found is not None and found["spec"].get("adopt"))
    name = f"PlatformAccount {aim.context.namespace}/{aim.account}"
    if owner.spec.mode != aim.mode:
        message = f"{name} is a {owner.spec.mode} account, this is about a {aim.mode} one"
        hint = "use --sandbox for sandbox accounts, or name the right accounts in the context"
        return InCluster(Check(ACCOUNT, Result.FAILED, message, hint), uid, adopt)
    ready = next((c for c in owner.status.conditions if c.type == "Ready"), None)
    if ready is None:
        message = f"{name} was not looked at by an operator yet"
        return InCluster(
            Check(ACCOUNT, Result.NOT_CHECKABLE, message, "is one running? sequence up"), uid, adopt
        )
    if ready.status != "True":
        hint = f"{aim.command} login --write-secret   (writes the key anew)"
        return InCluster(
            Check(ACCOUNT, Result.FAILED, f"{name}: {ready.message or ready.reason}", hint), uid, adopt
        )
    return InCluster(Check(ACCOUNT, Result.PASSED, f"{name} is ready"), uid, adopt)


async def on_platform(
    aim: Target, spec: AlgoDeploymentSpec, seen: InCluster, facts: ArtifactFacts | None, no_facts: str
) -> tuple[Check, Inputs]:
    """Whether the platform can be asked with the context's key, and what it said."""
    why = ""
    try:
        async with platform(aim.context, aim.mode) as client:
            remote = Remote(client, await client.account())
            inputs = await inputs_of(remote, spec, aim.mode, seen.uid, facts)
            whose = remote.profile.account_id or "an account that it does not name"
            tier = f", tier {remote.profile.tier}" if remote.profile.tier else ""
            check = Check(PLATFORM, Result.PASSED, f"{client.endpoint} knows the key: {whose}{tier}")
    except CliError as problem:
        untold = problem.code is ExitCode.USAGE or problem.what.startswith("no ")
        check = _failed(PLATFORM, problem, Result.NOT_CHECKABLE if untold else Result.FAILED)
        why = problem.what
        inputs = Inputs(spec, aim.mode, artifact=facts)
    unknown = dict.fromkeys((VENUES, CAPITAL, LIMITS, NAME), why) if why else {}
    unknown |= {ARTIFACT: no_facts} if no_facts else {}
    return check, replace(inputs, untold=unknown, conflict="" if seen.adopt else inputs.conflict)


async def inputs_of(
    remote: Remote, spec: AlgoDeploymentSpec, mode: Mode, uid: str, facts: ArtifactFacts | None
) -> Inputs:
    """What the platform tells about the account, and who has the deployment's name on it."""
    means = await remote.ask_means()
    _, rows = await remote.list(0)
    return Inputs(
        spec=spec,
        mode=mode,
        venues=means.venues,
        capital=means.capital,
        limits=means.limits,
        conflict=name_conflict(rows, spec.deployment, uid),
        artifact=facts,
    )


def _failed(name: str, problem: CliError, result: Result = Result.FAILED) -> Check:
    cause = f": {problem.cause}" if problem.cause else ""
    return Check(name, result, f"{problem.what}{cause}".replace("\n", "; "), problem.hint)
