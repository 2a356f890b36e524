"""Waiting for the operator, with something to look at meanwhile."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from sequence_operator.cli import conditions
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.target import Target
from sequence_operator.cli.terminal import coloured, say
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS

no_wait_option = click.option("--no-wait", is_flag=True, help="Return as soon as the wish is written down.")


def timeout_option(seconds: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--timeout`, with its default for this command."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait.",
    )


_LOOK_SECONDS = 0.2  # one small GET against the API server; a person notices more than a quarter of a second


async def until(
    client: ClusterClient,
    aim: Target,
    reached: conditions.Reached,
    *,
    what: str,
    timeout: float,
    hopeless: conditions.Hopeless = conditions.stalled,
) -> dict[str, Any]:
    """Look at the AlgoDeployment until `reached`; returns it as it then is.

    Raises CliError: pending after `timeout` seconds, not found when it vanishes, and at once when it is
    `hopeless`.
    """
    deadline = time.monotonic() + timeout
    with spinner() as line:
        while True:
            obj = await client.find(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace)
            if obj is None:
                raise _vanished(aim)
            if reached(obj):
                return obj
            if problem := hopeless(obj):
                raise problem
            line(conditions.progress(obj))
            if time.monotonic() >= deadline:
                raise _pending(aim, obj, what, timeout)
            await asyncio.sleep(_LOOK_SECONDS)


async def until_gone(client: ClusterClient, aim: Target, uid: str, *, timeout: float) -> None:
    """Look until the AlgoDeployment of this uid is gone. Raises CliError as `until`."""
    deadline = time.monotonic() + timeout
    with spinner() as line:
        while True:
            obj = await client.find(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace)
            if obj is None or obj["metadata"]["uid"] != uid:
                return
            line(conditions.progress(obj))
            if time.monotonic() >= deadline:
                raise _pending(aim, obj, "gone", timeout)
            await asyncio.sleep(_LOOK_SECONDS)


@contextmanager
def spinner() -> Iterator[Callable[[str], None]]:
    """Give a function that shows the present step: in place on a terminal, else one line whenever it changes."""
    if coloured(sys.stderr) and sys.stderr.isatty():
        from rich.console import Console

        with Console(stderr=True).status("…") as status:
            yield lambda text: status.update(text.replace("[", r"\["))
        return
    last = ""

    def line(text: str) -> None:
        nonlocal last
        if text != last:
            say(f"  {text}")
            last = text

    yield line


def _pending(aim: Target, obj: dict[str, Any], what: str, timeout: float) -> CliError:
    if not conditions.observed(obj):
        cause = (
            f"no operator has looked at AlgoDeployment {aim.resource} in namespace {aim.context.namespace}"
        )
        hint = "is the operator running and serving this namespace? `sequence up --detach` runs one here"
    else:
        cause = conditions.progress(obj)
        hint = f"{aim.command} status {aim.name} --wait   (it goes on without this command)"
    return CliError(f"{aim.name} is not {what} after {timeout:g} s", cause, hint, ExitCode.PENDING)


def _vanished(aim: Target) -> CliError:
    return CliError(
        f"{aim.name} was deleted meanwhile",
        f"AlgoDeployment {aim.resource} is gone from namespace {aim.context.namespace}",
        f"{aim.command} deploy",
        ExitCode.NOT_FOUND,
    )
