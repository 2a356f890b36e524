"""`sequence trace`."""

import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from sequence_operator.cli import trace_text
from sequence_operator.cli.connect import execute, platform
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.terminal import folded, plain, unicode
from sequence_operator.cli.trace_data import build
from sequence_operator.cli.trace_steps import deal

if TYPE_CHECKING:
    from sequence_operator.platform import PlatformClient

Json = dict[str, Any]

_LOOKED_THROUGH = 1000
"""So many of the newest orders are searched for one that an id may mean."""
_LISTED = 10


@command("trace")
@click.argument("order_id")
@click.option(
    "--what-if", metavar="CHANGE", help="Run it again with venue=NAME, latency=PROFILE|MS|+MS or post-only."
)
@pass_globals
def trace(flags: Globals, order_id: str, what_if: str | None) -> None:
    """Show one order's life, from the book that caused it to its end.

    ORDER_ID is the order's id, its beginning, or the
    id your algo gave it, when only one order fits.

    --what-if repeats its run on this machine, once as it
    was and once with the change, and shows both lives.
    """
    row = execute(_find(flags, order_id))
    if what_if is not None:
        from sequence_operator.cli.what_if import answer

        show(answer(flags, row, what_if), flags.output)
        return
    data = build(row)
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    text = trace_text.detail(data, columns=columns, wide=flags.output == "wide", unicode=unicode(sys.stdout))
    names = [str(data["order"]["order_id"])]
    show(View(data, text=folded(text, sys.stdout), names=names), flags.output)


async def _find(flags: Globals, order_id: str) -> Json:
    """The row of the one order that is meant. Raises CliError: no such order, no such path, or several fit."""
    if not order_id.strip():
        raise CliError("an order id is empty", "", f"{_command(flags)} trace ORDER_ID", ExitCode.USAGE)
    async with platform(flags.resolve(), flags.mode) as remote:
        rows, kept = await _traces(remote, order_id)
        if rows:
            return rows[0]
        orders = (await remote.orders(limit=_LOOKED_THROUGH)).get("orders") or []
        fitting = [order for order in orders if fits(order, order_id)]
        if len(fitting) > 1:
            raise _several(flags, order_id, fitting)
        if not fitting:
            raise _unknown(flags, order_id, kept, len(orders))
        found = str(_id(fitting[0]))
        rows, _ = await _traces(remote, found)
    if rows:
        return rows[0]
    raise CliError(
        f"there is no trace of {found}",
        f"{kept_words(kept)}; an order that never reached its edge has none",
        f"{_command(flags)} trace ID   of a newer order",
        ExitCode.NOT_FOUND,
    )


async def _traces(remote: "PlatformClient", order_id: str) -> tuple[list[Json], Json]:
    """Traces with exactly this id, and what the platform says about how long it keeps them."""
    from sequence_operator.platform import PlatformError, Unreachable

    try:
        answer = await remote.traces(node_order_id=order_id, limit=1)
    except Unreachable:
        raise
    except PlatformError as problem:
        if problem.status not in (404, 405, 501):
            raise
        raise CliError(
            "this platform has no traces",
            str(problem),
            "sequence logs NAME   shows what the algo wrote; `sequence up` runs a platform that has traces",
        ) from None
    return answer.get("traces") or [], answer.get("kept") or {}


def fits(order: Json, asked: str) -> bool:
    """Whether somebody who typed `asked` may mean this order: its id or the beginning of it, with or without the
    `graph:` in front, or the id that the algo chose."""
    order_id = str(_id(order))
    return (
        str(order.get("client_order_id")) == asked
        or order_id.startswith(asked)
        or order_id.removeprefix("graph:").startswith(asked)
    )


def kept_words(kept: Json) -> str:
    """How long traces are kept, as far as the platform tells."""
    if "per_deployment" not in kept:
        return "this platform does not tell how long it keeps traces"
    return f"kept are the newest {kept['per_deployment']:,} orders of a deployment, for at most {kept['days']} days"


def _several(flags: Globals, order_id: str, fitting: list[Json]) -> CliError:
    lines = [
        f"{_id(order)}  {order.get('status')}  {deal(order)} {order.get('symbol')}"
        for order in fitting[:_LISTED]
    ]
    if len(fitting) > _LISTED:
        lines.append(f"… and {len(fitting) - _LISTED} older ones")
    return CliError(
        f"{order_id!r} fits {len(fitting)} orders",
        plain_lines(lines),
        f"{_command(flags)} trace {plain(str(_id(fitting[0])))}",
        ExitCode.USAGE,
    )


def _unknown(flags: Globals, order_id: str, kept: Json, searched: int) -> CliError:
    return CliError(
        f"there is no {flags.mode} order {order_id!r}",
        f"neither among all ids nor among the beginnings and client ids of the newest {searched:,} orders; an id "
        f"looks like graph:dep_01…:main:7; {kept_words(kept)}",
        f"{_command(flags)} status   (lists the deployments; an order of the other account needs the command "
        f"{'without' if flags.sandbox else 'with'} --sandbox)",
        ExitCode.NOT_FOUND,
    )


def plain_lines(lines: list[str]) -> str:
    """Lines made of what others wrote."""
    return "\n".join(map(plain, lines))


def _id(order: Json) -> object:
    return order.get("order_id") or order.get("node_order_id")


def _command(flags: Globals) -> str:
    return "sequence --sandbox" if flags.sandbox else "sequence"
