"""`sequence capsule`."""

import re
from pathlib import Path
from typing import Any

import click

from sequence_operator.cli.connect import execute
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.repeating import check_installed, fetch, repeat

Json = dict[str, Any]

SCHEMA = "capsule/v1"


@command("capsule")
@click.argument("what", metavar="ORDER_ID|NAME")
@click.option("--from", "since", metavar="TIME", help="Feed time that must lie in the run (ISO 8601 or ns).")
@click.option("--to", "until", metavar="TIME", help="Feed time of the end; default now.")
@click.option("--venue", help="Which edge, when NAME runs at several venues.")
@click.option("--out", type=click.Path(path_type=Path), help="File to write; default named after the order.")
@pass_globals
def capsule(
    flags: Globals, what: str, since: str | None, until: str | None, venue: str | None, out: Path | None
) -> None:
    """Write a file that repeats a run: all that led to an order, or a deployment's time.

    It begins where the edge began and holds everything
    your account ran there. It is repeated here before you
    get it: what does not come to the same fills is no capsule.
    """
    is_order = ":" in what
    if is_order and (since or until or venue):
        raise CliError(
            "--from, --to and --venue are for a deployment",
            f"{what} is an order",
            f"sequence capsule {what}",
            ExitCode.USAGE,
        )
    check_installed("a capsule")
    path = out or Path(re.sub(r"[^\w.-]+", "-", what.removeprefix("graph:")) + ".seqcap")
    if path.exists():
        raise CliError(f"{path} exists", "nothing is overwritten", "--out FILE", ExitCode.USAGE)
    asked = {"from": since, "to": until, "venue": venue}
    query = {"node_order_id": f"graph:{what.removeprefix('graph:')}"} if is_order else {"deployment": what}
    example = "sequence capsule NAME --to 2026-01-05T00:05:00Z   (feed time)"
    data = execute(fetch(flags, query | {key: value for key, value in asked.items() if value}, example))
    answer = _sealed(path, data)
    shown = {"schema": SCHEMA, "file": str(path), **{k: v for k, v in answer.items() if k != "schema"}}
    show(View(shown, text=_text(shown), names=[str(path)]), flags.output)


def _sealed(path: Path, data: bytes) -> Json:
    """Repeat it in a process of its own and keep it only when it came to the same. Raises CliError."""
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_bytes(data)
        answer = repeat(draft, "--seal")
        draft.replace(path)
    except OSError as problem:
        raise CliError(f"cannot write {path}", str(problem), "--out FILE") from None
    finally:
        draft.unlink(missing_ok=True)
    return answer


def _text(shown: Json) -> str:
    seconds = (shown["to_ns"] - shown["from_ns"]) / 1e9
    return "\n".join(
        [
            f"file       {shown['file']}",
            f"run        {seconds:,.1f} s of {shown['feed']} from the edge's start, {shown['events']:,} messages",
            f"trading    {shown['orders']:,} orders, {shown['fills']:,} fills: as the platform stored them",
            f"digest     {shown['sha256']}",
            f"repeat it  python -m sequence_paper.replay {shown['file']}",
        ]
    )
