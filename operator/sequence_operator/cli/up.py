"""`sequence up` and `sequence down`: the whole system on this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from sequence_operator.cli import up_feed
from sequence_operator.cli.context import config_path, load, remove_context, save_context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.terminal import say

if TYPE_CHECKING:  # imported by the commands themselves: the stack brings the cluster client along
    from sequence_operator.local.errors import LocalError
    from sequence_operator.local.options import Options
    from sequence_operator.local.runfile import RunState
    from sequence_operator.local.session import Request

CONTEXT = "local"
_ABOUT_THE_STACK = (
    "venues",
    "feed",
    "record",
    "latency",
    "fees",
    "pools",
    "pace",
    "gate",
    "feed_until",
    "seed",
    "kube_context",
    "unsandboxed_builds",
)


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
    detach: bool,
    venues: tuple[str, ...],
    feed: str,
    record: Path | None,
    latency: str,
    fees: str,
    pools: Path | None,
    pace: str,
    gate: int,
    feed_until: float,
    seed: int,
    kube_context: str,
    unsandboxed_builds: bool,
    state_dir: Path | None,
) -> None:
    """Run the whole system on this machine: a Kubernetes API server, paper, operator and builder.

    Everything listens on 127.0.0.1. Ctrl-C ends it, or `sequence down` when detached; the data stays. A second `up`
    shows the stack that runs. The context `local` is written; no other one is touched.

    An AlgoSource may name the Secrets sequence-git, sequence-hook and sequence-signers; the operator reads no others.
    """
    from sequence_operator.local import session
    from sequence_operator.local.errors import LocalError

    up_feed.check(feed, record, simulated=pace != "1" or gate > 0 or feed_until > 0)
    up_feed.check_latency(latency)
    up_feed.check_fees(fees)
    options = _options(
        venues,
        feed,
        record,
        latency,
        fees,
        pools,
        pace,
        gate,
        feed_until,
        seed,
        kube_context,
        unsandboxed_builds,
    )
    asked = any(
        click_context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in _ABOUT_THE_STACK
    )
    folder = _folder(state_dir)
    _can_write_configuration()
    try:
        found = session.running(folder, _Said())
        if found is None:
            _run(_request(folder, options), detach=detach, flags=flags)
            return
        _same_options(found, options, asked)
        say(f"a local stack runs already (process {found.pid})")
        _announce(found, flags)
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
        remove_context(CONTEXT)
        say(f"removed {folder} and the context `{CONTEXT}`")
    elif folder.exists():
        say(
            f"the data stays in {folder}; `sequence up` continues with it, `sequence down --purge` removes it"
        )


class _Said:
    """Progress of the stack, as talk of the CLI."""

    def say(self, line: str) -> None:
        say(line)


def _options(
    venues: tuple[str, ...],
    feed: str,
    record: Path | None,
    latency: str,
    fees: str,
    pools: Path | None,
    pace: str,
    gate: int,
    feed_until: float,
    seed: int,
    kube_context: str,
    unsandboxed_builds: bool,
) -> Options:
    from sequence_operator.local.clusters import users_kubeconfig
    from sequence_operator.local.options import Options

    chosen = tuple(dict.fromkeys(venues)) or Options().venues
    return Options(
        venues=chosen,
        feed=up_feed.absolute(feed),
        record=str(record.expanduser().absolute()) if record else "",
        latency=up_feed.absolute_table(latency),
        fees=up_feed.absolute_table(fees),
        pools=str(pools.absolute()) if pools else "",
        pace=pace,
        gate=gate,
        until=feed_until,
        seed=seed,
        kube_context=kube_context,
        kubeconfig=users_kubeconfig() if kube_context else "",
        unsandboxed_builds=unsandboxed_builds,
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
            _announce(run, flags)
        except CliError:
            session.end(request.state_dir, purge=False, talk=_Said())
            raise
        return

    async def on_ready(run: RunState) -> None:
        _announce(run, flags)
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


def _announce(run: RunState, flags: Globals) -> None:
    """Write the context and show what runs."""
    _save(run)
    show(_view(run), flags.output)
    current = load().current
    if current == CONTEXT:
        say("next: sequence init my-algo   (commands use the context `local`)")
    else:
        say(f"your current context is still {current!r}: add --context {CONTEXT} to commands for this stack")


def _save(run: RunState) -> None:
    keys = {
        mode: (Path(run.state_dir) / "paper" / f"{mode}.key").read_text().strip()
        for mode in ("live", "sandbox")
    }
    settings = {
        "kubeconfig": run.kubeconfig,
        "kube_context": run.kube_context,
        "namespace": run.namespace,
        "base_url": run.endpoint,
        "live_account": "live",
        "sandbox_account": "sandbox",
        "api_key": keys["live"],
        "sandbox_api_key": keys["sandbox"],
    }
    save_context(CONTEXT, settings, make_current=False)


def _view(run: RunState) -> View:
    rows = [
        (part.name, part.state, str(part.pid or "-"), str(part.restarts), part.address or "-", part.detail)
        for part in run.parts.values()
    ]
    return View(
        data=run.to_json(),
        columns=("part", "state", "pid", "restarts", "address", "detail"),
        rows=rows,
        names=[part.name for part in run.parts.values()],
    )


def _can_write_configuration() -> None:
    """Before anything starts: the keys of the stack would have nowhere to go."""
    folder = config_path().parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise CliError(
            f"cannot write {config_path()}",
            f"{folder} is " + ("read-only for you" if folder.is_dir() else "not a folder"),
            "SEQUENCE_CONFIG=/tmp/sequence-$USER/config.toml sequence up   (and the same for other commands)",
        )


def _cli_error(problem: LocalError) -> CliError:
    return CliError(problem.error, problem.cause, problem.hint, ExitCode(problem.exit_code))
