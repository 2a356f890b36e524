"""`sequence watch`."""

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from sequence_operator.cli.connect import cluster, execute, platform
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.target import Target, registered, target
from sequence_operator.cli.terminal import say, unicode

if TYPE_CHECKING:
    from sequence_operator.cli.watch.model import Model
    from sequence_operator.cli.watch.source import Source
    from sequence_operator.platform import PlatformClient

_SILENCE = 1.5
"""Seconds until a platform that says nothing is shown as lost; it answers pings meanwhile."""
_QUIET = ("latency",)
"""Kinds that come every second: a line of them would drown the rest, `-o json` has them."""


@command("watch")
@click.argument("name", required=False)
@click.option(
    "--plain", is_flag=True, help="One line a piece of news; so it is, too, when stdout is no terminal."
)
@pass_globals
def watch(flags: Globals, name: str | None, plain: bool) -> None:
    """Show what a deployment does this second.

    Orders and fills, callback latency by edge, messages between instances, log. `?` shows the keys. `-o json` prints
    one object a line. NAME defaults to the one in ./Sequence.toml.
    """
    as_json = flags.output == "json"
    if flags.output not in ("table", "json"):
        raise CliError(
            f"watch has no output form {flags.output!r}",
            "it is a view, or lines of text or JSON",
            "sequence watch --plain, or sequence watch -o json",
            ExitCode.USAGE,
        )
    lines = plain or as_json or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb"
    execute(_watch(target(flags, name), lines=lines, as_json=as_json))


async def _watch(aim: Target, *, lines: bool, as_json: bool) -> None:
    async with cluster(aim.context) as client:
        deployment_id = await registered(client, aim)
    from sequence_operator.cli.watch.model import Model

    model = Model(aim.name, aim.mode, deployment_id)
    async with platform(aim.context, aim.mode) as remote:
        if lines:
            await _print(aim, remote, model, as_json)
        else:
            await _show(aim, remote, model)


async def _follow(aim: Target, source: "Source") -> None:
    """Keep the model up to date until something ends it."""
    from sequence_operator.platform.stream import Stream

    url, key = aim.context.url(), aim.context.key(aim.mode)
    async with Stream(url, key, source.channels, silence=_SILENCE) as stream:
        await source.run(stream)


async def _print(aim: Target, remote: "PlatformClient", model: "Model", as_json: bool) -> None:
    from sequence_operator.cli.watch.lines import as_json as json_line
    from sequence_operator.cli.watch.lines import line
    from sequence_operator.cli.watch.source import Source

    def tell(kind: str, at_ns: int, data: Mapping[str, Any]) -> None:
        if as_json:
            print(json_line(kind, at_ns, data), flush=True)
        elif kind not in _QUIET:
            print(line(kind, at_ns, data), flush=True)

    say(f"watching {aim.name} ({aim.mode}); Ctrl-C ends it")
    await _follow(aim, Source(remote, model, tell))


async def _show(aim: Target, remote: "PlatformClient", model: "Model") -> None:
    try:
        from sequence_operator.cli.watch.app import WatchApp
    except ModuleNotFoundError as missing:
        raise CliError(
            "the terminal view is not installed",
            f"the package {missing.name} is missing",
            "pip install 'sequence-operator[watch]', or: sequence watch --plain",
        ) from None
    from sequence_operator.cli.watch.source import Source

    source = Source(remote, model, lambda kind, at_ns, data: None)

    async def work() -> None:
        await _follow(aim, source)

    signs = unicode(sys.stdout)  # asked before the view takes stdout over

    async def trace(order_id: str, columns: int) -> str:
        return await _trace(remote, order_id, columns, signs)

    problem = await WatchApp(model, work, trace, unicode=signs).run_async()
    if problem is not None:
        raise problem


async def _trace(remote: "PlatformClient", order_id: str, columns: int, signs: bool) -> str:
    """An order's life as `sequence trace` shows it, or why there is none to show."""
    from sequence_operator.cli import trace_text
    from sequence_operator.cli.trace_data import build
    from sequence_operator.platform import PlatformError

    try:
        rows = (await remote.traces(node_order_id=order_id, limit=1)).get("traces") or []
    except PlatformError as problem:
        return f"{order_id}\n\nno trace: {problem}"
    if not rows:
        return f"{order_id}\n\nthe trace of this order is not kept any more"
    return trace_text.detail(build(rows[0]), columns=columns, unicode=signs)
