"""Which deployment a command is about: name, mode, context, and the custom resource it stands for."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sequence_operator.cli.context import Context, Mode
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals
from sequence_operator.cli.terminal import say
from sequence_operator.cluster import ClusterClient
from sequence_operator.cluster.resources import ALGO_DEPLOYMENTS
from sequence_operator.spec.names import DEPLOYMENT_PATTERN, FILE_NAME, cr_name


@dataclass(frozen=True, slots=True)
class Target:
    """One deployment in one context. `name` is the platform's, `resource` the AlgoDeployment's."""

    context: Context
    mode: Mode
    name: str

    @property
    def resource(self) -> str:
        return cr_name(self.name, self.mode)

    @property
    def account(self) -> str:
        return self.context.account(self.mode)

    @property
    def command(self) -> str:
        """`sequence`, with the flag that makes another command speak of the same mode."""
        return "sequence --sandbox" if self.mode == "sandbox" else "sequence"

    def say_where(self) -> None:
        """Tell where a write goes, before it goes there."""
        say(where(self.context, self.mode))


def where(context: Context, mode: Mode) -> str:
    """Context, namespace, account and mode in one line."""
    return (
        f"context {context.name} · namespace {context.namespace} · account {context.account(mode)} "
        f"({mode}{'' if mode == 'sandbox' else ': REAL ORDERS' if not loopback(context.base_url) else ''})"
    )


def loopback(url: str) -> bool:
    """Whether an address is on this machine."""
    return re.match(r"https?://(127\.[\d.]+|localhost|\[::1\])(:\d+)?(/|$)", url) is not None


def target(flags: Globals, name: str | None) -> Target:
    """The deployment called `name`, or the one of ./Sequence.toml. Raises CliError (usage)."""
    return Target(flags.resolve(), flags.mode, check(name) if name else name_here())


def check(name: str) -> str:
    """The name itself, when it can be one. Raises CliError (usage)."""
    if not re.fullmatch(DEPLOYMENT_PATTERN, name):
        raise CliError(
            f"{name!r} is not the name of a deployment",
            "a name has 1 to 63 letters, digits, - and _, and begins with a letter or digit",
            "sequence status   (lists the deployments)",
            ExitCode.USAGE,
        )
    return name


def name_here(folder: Path | None = None) -> str:
    """`[deployment].name` of the Sequence.toml here.

    Read without checking the rest of the file: a mistake elsewhere in it must not keep anybody from stopping
    the algo. Raises CliError (usage) when there is no file or no name.
    """
    path = (folder or Path()) / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CliError(
            "which deployment?",
            f"no name was given and there is no {FILE_NAME} in this directory",
            "name it: sequence status NAME   (`sequence status` lists them)",
            ExitCode.USAGE,
        ) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise CliError(f"cannot read {path}", str(problem), "", ExitCode.USAGE) from None
    try:
        name = tomllib.loads(text).get("deployment", {}).get("name")
    except (tomllib.TOMLDecodeError, AttributeError):
        name = None
    if isinstance(name, str) and re.fullmatch(DEPLOYMENT_PATTERN, name):
        return name
    from sequence_operator.cli.project import read

    return read(path).deployment.name  # says what is wrong, with line and column


async def find(client: ClusterClient, aim: Target) -> dict[str, Any]:
    """The AlgoDeployment as the cluster has it. Raises CliError (not found) that names those there are."""
    found = await client.find(ALGO_DEPLOYMENTS, aim.resource, aim.context.namespace)
    if found is not None:
        return found
    others = await client.list(ALGO_DEPLOYMENTS, aim.context.namespace)
    names = sorted(obj["metadata"]["name"] for obj in others)
    raise CliError(
        f"there is no {aim.mode} deployment {aim.name!r} in namespace {aim.context.namespace}",
        f"AlgoDeployments there: {', '.join(names) or 'none'}",
        _hint(aim, names),
        ExitCode.NOT_FOUND,
    )


async def registered(client: ClusterClient, aim: Target) -> str:
    """The platform's id of the deployment. Raises CliError: not found, or not registered yet (pending)."""
    return registered_id(aim, await find(client, aim))


def registered_id(aim: Target, obj: dict[str, Any]) -> str:
    """The platform's id of a deployment whose object is at hand. Raises CliError when it is not registered yet."""
    deployment_id = (obj.get("status") or {}).get("deploymentId")
    if not deployment_id:
        raise CliError(
            f"{aim.name} is not registered yet",
            "there is something to see once the platform knows it",
            f"{aim.command} status {aim.name}",
            ExitCode.PENDING,
        )
    return str(deployment_id)


def _hint(aim: Target, names: list[str]) -> str:
    other: Mode = "live" if aim.mode == "sandbox" else "sandbox"
    if cr_name(aim.name, other) in names:
        return f"it exists on the {other} account: run the command {'without' if other == 'live' else 'with'} --sandbox"
    return f"{aim.command} deploy   (in the algo's directory)"
