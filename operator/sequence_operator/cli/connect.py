"""From a context to open clients, with their errors in the CLI's form."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

from sequence_operator.cli.context import Context, Mode
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cluster import ClusterClient, ClusterError, Kind

if TYPE_CHECKING:  # importing the platform client costs a third of a second, and few commands need it
    from sequence_operator.platform import PlatformClient, PlatformError

T = TypeVar("T")

_CODES = {
    Kind.NO_CONFIG: ExitCode.USAGE,
    Kind.UNAUTHORIZED: ExitCode.AUTH,
    Kind.FORBIDDEN: ExitCode.AUTH,
    Kind.NOT_FOUND: ExitCode.NOT_FOUND,
    Kind.CONFLICT: ExitCode.CONFLICT,
    Kind.ALREADY_EXISTS: ExitCode.CONFLICT,
}


def execute(work: Coroutine[None, None, T]) -> T:
    """Run one command's asynchronous part to its end."""
    return asyncio.run(work)


@asynccontextmanager
async def cluster(context: Context) -> AsyncIterator[ClusterClient]:
    """The context's cluster. Raises CliError for every way in which it does not answer or says no."""
    if not context.kubeconfig and not context.kube_context:
        raise CliError(
            f"context {context.name!r} names no cluster",
            "it has neither kubeconfig nor kube_context, and kubectl's own choice is never used silently",
            f"sequence --context {context.name} login --kube-context NAME   "
            "(`kubectl config get-contexts` lists them), or `sequence up --detach`",
            ExitCode.USAGE,
        )
    try:
        async with await ClusterClient.connect(
            context.kubeconfig or None, context.kube_context or None, in_cluster=False, timeout=15
        ) as client:
            yield client
    except ClusterError as problem:
        raise cluster_error(problem) from None


def cluster_error(problem: ClusterError) -> CliError:
    """What the cluster said, in the form of the CLI; INVALID lists one field a line."""
    if problem.kind in (Kind.UNREACHABLE, Kind.NO_CONFIG, Kind.MISSING_CRD):
        what, _, cause = problem.message.partition(": ")
        return CliError(what, cause, problem.hint, _CODES.get(problem.kind, ExitCode.FAILED))
    fields = [f for f in problem.fields if f.message and not f.manager]
    if problem.kind is Kind.INVALID and fields:
        listed = "\n".join(f"{f.field}: {f.message}" for f in fields)
        return CliError("the cluster refused the object", listed, "correct these fields and run it again")
    return CliError(problem.message, "", problem.hint, _CODES.get(problem.kind, ExitCode.FAILED))


@asynccontextmanager
async def platform(context: Context, mode: Mode) -> AsyncIterator["PlatformClient"]:
    """The platform as the context's key of this mode sees it; errors as CliError, with the key in none of them."""
    from sequence_operator.platform import PlatformClient, PlatformError, Unreachable

    url, key = context.url(), context.key(mode)
    try:
        async with PlatformClient(url, key, timeout=15) as client:
            yield client
    except Unreachable as problem:
        raise CliError(
            f"the platform at {url} cannot be reached",
            str(problem).removeprefix(f"{url} cannot be reached: "),
            "is it running? `sequence up --detach` starts one on this machine",
        ) from None
    except PlatformError as problem:
        raise _platform_error(problem, context, mode) from None


def _platform_error(problem: "PlatformError", context: Context, mode: Mode) -> CliError:
    login = f"sequence --context {context.name} {'--sandbox ' if mode == 'sandbox' else ''}login"
    if problem.status in (401, 403):
        return CliError(f"the platform does not accept this {mode} key", str(problem), login, ExitCode.AUTH)
    code = {404: ExitCode.NOT_FOUND, 409: ExitCode.CONFLICT}.get(problem.status, ExitCode.FAILED)
    request = f"request id {problem.request_id}" if problem.request_id else ""
    return CliError(str(problem), request, "try again; `sequence status` shows what the operator knows", code)
