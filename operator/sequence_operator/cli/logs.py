"""`sequence logs`."""

import json
import sys
from typing import Any

import click

from sequence_operator.cli.amounts import clock
from sequence_operator.cli.connect import cluster, execute, platform
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.target import Target, find, registered_id, target
from sequence_operator.cli.terminal import paint, plain, say

LEVELS = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR")
_COLOURS = {"TRACE": "bright_black", "DEBUG": "blue", "INFO": "green", "WARN": "yellow", "ERROR": "red"}
_PAGE = 1000


@command("logs")
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines until interrupted.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=100,
    show_default=True,
    help="How many lines to begin with.",
)
@click.option(
    "--level", type=click.Choice(LEVELS, case_sensitive=False), help="This level and the worse ones."
)
@click.option("--label", metavar="LABEL", help="Only this instance.")
@pass_globals
def logs(
    flags: Globals, name: str | None, follow: bool, limit: int, level: str | None, label: str | None
) -> None:
    """Print the last lines an algo logged.

    Times are UTC. `-o json` prints one object a
    line. NAME defaults to the one in ./Sequence.toml.
    """
    execute(_logs(flags, target(flags, name), follow, limit, level, label))


async def _logs(
    flags: Globals, aim: Target, follow: bool, limit: int, level: str | None, label: str | None
) -> None:
    async with cluster(aim.context) as client:
        obj = await find(client, aim)
    deployment_id = registered_id(aim, obj)
    _check_label(aim, obj, label)
    query: dict[str, Any] = {"level": level.lower() if level else None, "label": label}
    async with platform(aim.context, aim.mode) as remote:
        answer = await remote.logs(deployment_id, limit=limit, **query)
        printed = Printed(as_json=flags.output == "json")
        printed.show(answer.get("logs") or [])
        if not follow:
            if not printed.any:
                say(f"{aim.name} has logged nothing yet." if not level and not label else "No line fits.")
            return
        after = answer.get("next")

        async def more() -> None:
            nonlocal after
            while True:
                answer = await remote.logs(deployment_id, limit=_PAGE, after=after, **query)
                printed.show(answer.get("logs") or [])
                before, after = after, answer.get("next", after)
                if after == before or len(answer.get("logs") or []) < _PAGE:
                    return

        from sequence_operator.cli.follow import follow as follow_on

        await follow_on(remote, f"logs:{deployment_id}", more)


def _check_label(aim: Target, obj: dict[str, Any], label: str | None) -> None:
    labels = [i["label"] for i in obj["spec"]["instances"]]
    if label is not None and label not in labels:
        raise CliError(
            f"{aim.name} has no instance {label!r}",
            f"its instances are {', '.join(labels)}",
            f"{aim.command} logs {aim.name} --label {labels[0]}",
            ExitCode.USAGE,
        )


class Printed:
    """What was printed so far, so that each record of a followed log is printed once.

    Records with sequence numbers are known by them. A platform without them sends its last lines again at every look:
    there the records of the last answer are remembered.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._newest = -1
        self._unnumbered: set[str] = set()
        self.any = False

    def show(self, records: list[dict[str, Any]]) -> None:
        """Print what is new, oldest first."""
        unnumbered = set()
        for record in sorted(records, key=lambda r: r.get("seq") or 0):
            text = json.dumps(record, ensure_ascii=False)
            seq = record.get("seq")
            if seq is None:
                unnumbered.add(text)
                known = text in self._unnumbered
            else:
                known = seq <= self._newest
                self._newest = max(self._newest, seq)
            if not known:
                print(text if self._as_json else line(record))
                self.any = True
        self._unnumbered = unnumbered
        sys.stdout.flush()


def line(record: dict[str, Any]) -> str:
    """`2026-01-02 03:04:05.678 WARN  maker  message`; the level is a word, colour only underlines it."""
    level = str(record.get("level") or "INFO").upper()
    moment = clock(record["ts_ns"]) if isinstance(record.get("ts_ns"), int) else "-"
    shown = paint(f"{level:<5}", sys.stdout, _COLOURS.get(level))
    return f"{moment} {shown} {record.get('label') or '-'}  {plain(str(record.get('message', '')))}"
