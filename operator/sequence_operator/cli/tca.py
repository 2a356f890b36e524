"""`sequence tca`."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sequence_operator.cli import files, tca_text
from sequence_operator.cli.connect import cluster, execute, platform
from sequence_operator.cli.context import Context
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.lacking import offered
from sequence_operator.cli.output import View, harmless, show
from sequence_operator.cli.target import name_here, registered, target
from sequence_operator.cli.terminal import say
from sequence_operator.spec.names import FILE_NAME

if TYPE_CHECKING:
    from sequence_operator.platform import PlatformClient

Json = dict[str, Any]
SCHEMA = "tca/v1"
_DURATION = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@command("tca")
@click.argument("name", required=False)
@click.option("--symbol", metavar="PAIR", help="Only this symbol, e.g. BTC-USD.")
@click.option(
    "--since", metavar="WHEN", help="Orders since then: 30m, 1h, 2d, or a time such as 2026-01-05T00:00."
)
@click.option("--explain", is_flag=True, help="Print every formula and how values become figures.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one self-contained page with plots.",
)
@pass_globals
def tca(
    flags: Globals, name: str | None, symbol: str | None, since: str | None, explain: bool, html: Path | None
) -> None:
    """Show what the trading of a deployment cost, and why.

    NAME defaults to the one in ./Sequence.toml; without that file and with --symbol, all deployments of the account
    count. Times are those of the market data, which a replay tells anew.
    """
    if since is not None:
        check_since(since)
    everything = name is None and symbol is not None and not Path(FILE_NAME).exists()
    wanted = None if everything else (name or name_here())
    execute(_tca(flags, wanted, symbol, since, explain, html))


async def _tca(
    flags: Globals, name: str | None, symbol: str | None, since: str | None, explain: bool, html: Path | None
) -> None:
    context, deployment_id = flags.resolve(), None
    if name is not None:
        aim = target(flags, name)
        async with cluster(context) as client:
            deployment_id = await registered(client, aim)
    async with platform(context, flags.mode) as remote:
        with offered("cost analysis", _hint(flags, name)):
            moment = await _since(remote, since) if since else None
            found = await remote.tca(
                symbol=symbol, deployment=deployment_id, since=moment, detail=html is not None
            )
    data = {"schema": SCHEMA, "deployment": name, "mode": flags.mode, **harmless(found)}
    if html is not None:
        _write(html, data, context)
    if not tca_text.understood(data) and flags.output in ("table", "wide"):
        raise CliError(
            "this platform answers a cost analysis in a form of its own",
            "the figures of this command are not in it",
            "sequence tca -o json   (prints what it says)",
        )
    text = tca_text.page(data, explain=explain) if tca_text.understood(data) else ""
    names = [name] if name else []
    show(View(data=_without_rows(data), text=text, names=names), flags.output)


def check_since(text: str) -> None:
    """Raises CliError (usage) for what is neither a duration nor a time."""
    if _DURATION.fullmatch(text):
        return
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise CliError(
            f"{text!r} is not a time",
            "",
            "a duration such as 30m, 1h or 2d, or a time such as 2026-01-05T00:00 (UTC)",
            ExitCode.USAGE,
        ) from None


def moment_of(since: str, now: datetime) -> str:
    """The time that `since` means, as ISO 8601 with its zone."""
    duration = _DURATION.fullmatch(since)
    if duration:
        return (now - timedelta(**{_UNITS[duration[2]]: int(duration[1])})).isoformat()
    found = datetime.fromisoformat(since)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


async def _since(remote: "PlatformClient", since: str) -> str:
    """Durations count back from the newest moment of the platform's market data: a replay lives in its own time."""
    now = datetime.now(UTC)
    if _DURATION.fullmatch(since):
        edges = (await remote.edges()).get("edges") or []
        clocks = [(edge.get("feed") or {}).get("clock_ns") or 0 for edge in edges]
        newest = max(clocks, default=0)
        now = datetime.fromtimestamp(newest / 10**9, UTC) if newest else now
    return moment_of(since, now)


def _hint(flags: Globals, name: str | None) -> str:
    sandbox = "--sandbox " if flags.sandbox else ""
    return f"sequence {sandbox}tca {name or ''}".rstrip() + "   (without --symbol shows what was traded)"


def _write(path: Path, data: Json, context: Context) -> None:
    from sequence_operator.cli.tca_html import document

    if not tca_text.understood(data) or "rows" not in data:
        raise CliError(
            "this platform's cost analysis cannot be drawn", "it has no row an order", "sequence tca -o json"
        )
    try:
        files.replace(path, document(data, context.name), 0o644)
    except OSError as problem:
        raise CliError(
            f"cannot write {path}", problem.strerror or str(problem), "--html another/file.html"
        ) from None
    say(f"wrote {path}")


def _without_rows(data: Json) -> Json:
    """What `--html` asked for in addition; the data on stdout is the same with and without it."""
    return {key: value for key, value in data.items() if key not in ("rows", "timeline")}
