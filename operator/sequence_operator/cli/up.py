"""`sequence up` and `sequence down`: the whole system on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click
from click.core import ParameterSource

from sequence_operator.cli import up_context, up_feed
from sequence_operator.cli.context import remove_context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.terminal import say

if TYPE_CHECKING:  # imported by the commands themselves: the stack brings the cluster client along
    from sequence_operator.local.errors import LocalError
    from sequence_operator.local.options import Options
    from sequence_operator.local.runfile import RunState
    from sequence_operator.local.session import Request


class StackOptions(TypedDict):
    """What is said of the stack; the other options say how to run the command."""

    venues: tuple[str, ...]
    feed: str
    record: Path | None
    latency: str
    fees: str
    pools: Path | None
    pace: str
    gate: int
    feed_until: float
    seed: int
    kube_context: str
    unsandboxed_builds: bool


@command("up")
@click.option(
    "--detach", "-d", is_flag=True, help="Return when everything is ready; it goes on in the background."
)
@click.option(
    "--venue",
    "venues",
    multiple=True,
    metavar="V",
    help="Run an edge for this venue; repeat for more (kraken and coinbase).",
)
@click.option(
    "--feed",
    default="generated",
    show_default=True,
    metavar="FEED",
    help="Market data: generated, live, or replay[:FILE], a recording that stands in for the first venue.",
)
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write what live venues send into files in this folder; replay:FILE plays one.",
)
@click.option(
    "--latency",
    default="none",
    show_default=True,
    metavar="PROFILE",
    help="Way of orders to a venue and back: none, venue, constant:MS or table:FILE.",
)
@click.option(
    "--fees",
    default="base",
    show_default=True,
    metavar="SCHEDULE",
    help="What venues charge: base (entry rates), tiers (by volume of 30 days) or table:FILE.",
)
@click.option(
    "--pools",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Pools of a chain, read by the JSON-RPC endpoint in this file; default: generated ones.",
)
@click.option(
    "--pace",
    type=click.Choice(["1", "20", "max"]),
    default="1",
    show_default=True,
    help="Times the pace of time.",
)
@click.option(
    "--gate", type=click.IntRange(0), default=0, help="Hold the feed until N instances run on an edge."
)
@click.option(
    "--feed-until", type=click.FloatRange(0), default=0.0, help="End the feed after these seconds of it."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the generated data.")
@click.option(
    "--kube-context", default="", metavar="NAME", help="Use this cluster of yours instead of a local one."
)
@click.option(
    "--unsandboxed-builds",
    is_flag=True,
    help="Compile code from git with your own rights: only for repositories that you trust.",
)
@click.option("--state-dir", type=click.Path(path_type=Path), help="Folder of data, keys and logs.")
@pass_globals
@click.pass_context
def up(
    click_context: click.Context,
    flags: Globals,
    /,
    detach: bool,
    state_dir: Path | None,
    **stack: Unpack[StackOptions],
) -> None:
    """Run the whole system on this machine: a Kubernetes API server, paper, operator and builder.

    Everything listens on 127.0.0.1. Ctrl-C ends it, or `sequence down` when detached; the data stays. A second `up`
    shows the stack that runs. The context `local` is written; no other one is touched.

    An AlgoSource may name the Secrets sequence-git, sequence-hook and sequence-signers; the operator reads no others.
    """
    from sequence_operator.local import session
    from sequence_operator.local.errors import LocalError

    options = _options(stack)
    asked = any(click_context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in stack)
    folder = _folder(state_dir)
    up_context.require_writable()
    try:
        found = session.running(folder, _Said())
        if found is None:
            _run(_request(folder, options), detach=detach, flags=flags)
            return
        _same_options(found, options, asked)
        say(f"a local stack runs already (process {found.pid})")
        up_context.announce(found, flags)
    except LocalError as problem:
        raise _cli_error(problem) from problem
    except OSError as problem:  # a full disk, a folder taken away
        raise CliError(f"the local stack cannot use {folder}", str(problem), f"df -h {folder}") from problem


@command("down")
@click.option("--purge", is_flag=True, help="Also remove all its data: deployments, orders, fills, keys.")
@click.option("--state-dir", type=click.Path(path_type=Path), help="The folder given to `up`.")
def down(purge: bool, state_dir: Path | None) -> None:
    """Stop what `up` started and leave no process behind; the data stays unless --purge."""
    from sequence_operator.local import session
    from sequence_operator.local.errors import LocalError

    folder = _folder(state_dir)
    try:
        was_running = session.end(folder, purge=purge, talk=_Said())
    except LocalError as problem:
        raise _cli_error(problem) from problem
    say("stopped" if was_running else "no local stack was running")
    if purge:
        remove_context(up_context.CONTEXT)
        say(f"removed {folder} and the context `{up_context.CONTEXT}`")
    elif folder.exists():
        say(
            f"the data stays in {folder}; `sequence up` continues with it, `sequence down --purge` removes it"
        )


class _Said:
    """Progress of the stack, as talk of the CLI."""

    def say(self, line: str) -> None:
        say(line)


def _options(stack: StackOptions) -> Options:
    """Raises CliError for what no stack would take."""
    from sequence_operator.local.clusters import users_kubeconfig
    from sequence_operator.local.options import Options

    feed, record, pools = stack["feed"], stack["record"], stack["pools"]
    simulated = stack["pace"] != "1" or stack["gate"] > 0 or stack["feed_until"] > 0
    up_feed.check(feed, record, simulated=simulated)
    up_feed.check_latency(stack["latency"])
    up_feed.check_fees(stack["fees"])
    return Options(
        venues=tuple(dict.fromkeys(stack["venues"])) or Options().venues,
        feed=up_feed.absolute(feed),
        record=str(record.expanduser().absolute()) if record else "",
        latency=up_feed.absolute_table(stack["latency"]),
        fees=up_feed.absolute_table(stack["fees"]),
        pools=str(pools.absolute()) if pools else "",
        pace=stack["pace"],
        gate=stack["gate"],
        until=stack["feed_until"],
        seed=stack["seed"],
        kube_context=stack["kube_context"],
        kubeconfig=users_kubeconfig() if stack["kube_context"] else "",
        unsandboxed_builds=stack["unsandboxed_builds"],
    )


def _folder(state_dir: Path | None) -> Path:
    from sequence_operator.local import folders

    return (state_dir or folders.state_dir()).expanduser().absolute()


def _request(folder: Path, options: Options) -> Request:
    from sequence_operator.local import binary, folders, session

    folders.require_writable(folder)  # before minutes of building
    program = None if options.kube_context else binary.resolve(_Said())
    return session.Request(folder, options, program)


def _run(request: Request, *, detach: bool, flags: Globals) -> None:
    from sequence_operator.local import session

    if detach:
        run = session.run_detached(request, _Said())
        try:
            up_context.announce(run, flags)
        except CliError:
            session.end(request.state_dir, purge=False, talk=_Said())
            raise
        return

    async def on_ready(run: RunState) -> None:
        up_context.announce(run, flags)
        say("Ctrl-C stops everything")

    session.run_here(request, _Said(), on_ready)


def _same_options(found: RunState, options: Options, asked: bool) -> None:
    """Options that were typed must be those of the stack that runs; a bare `up` finds any."""
    if asked and found.options != options:
        wanted, has = options.to_json(), found.options.to_json()
        differ = [
            f"{name} is {has[name]}, not {wanted[name]}" for name in wanted if has[name] != wanted[name]
        ]
        raise CliError(
            f"a local stack with other options runs already (process {found.pid})",
            "; ".join(differ),
            "sequence down   (the data stays), then the same command again",
            ExitCode.CONFLICT,
        )


def _cli_error(problem: LocalError) -> CliError:
    return CliError(problem.error, problem.cause, problem.hint, ExitCode(problem.exit_code))
