"""`sequence preflight`: will the platform take this algo and let it trade?"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sequence_operator.cli.connect import execute
from sequence_operator.cli.errors import ExitCode
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, count, show, table
from sequence_operator.cli.preflight_inputs import in_cluster, local_module, on_platform, spec_of
from sequence_operator.cli.project import read
from sequence_operator.cli.target import Target
from sequence_operator.cli.terminal import paint, say
from sequence_operator.reconcile.preflight import Check, Result
from sequence_operator.reconcile.preflight import preflight as answers
from sequence_operator.spec.names import FILE_NAME

if TYPE_CHECKING:
    from sequence_operator.spec.sequence_toml import SequenceFile

_MARKS = {Result.PASSED: ("✓", "green"), Result.FAILED: ("✗", "red"), Result.NOT_CHECKABLE: ("?", "yellow")}
_WORDS = {Result.PASSED: "passed", Result.FAILED: "failed", Result.NOT_CHECKABLE: "not checkable"}


@command("preflight")
@pass_globals
def preflight(flags: Globals) -> None:
    """Check what would keep the algo in this directory from being registered or from trading. Writes nothing.

    Venues, capital, limits, name and module, asked with the context's key; with a cluster also the account object
    in it. Each line has passed, failed, or could not be checked. Exit code 7 when one failed.
    """
    file = read(Path(FILE_NAME))
    aim = Target(flags.resolve(), flags.mode, file.deployment.name)
    say(f"context {aim.context.name} · {aim.mode} · reading only")
    checks = execute(_checks(aim, file))
    failed = [check.name for check in checks if check.result is Result.FAILED]
    data: dict[str, object] = {
        "schema": "preflight/v1",
        "deployment": aim.name,
        "mode": aim.mode,
        "failed": len(failed),
        "checks": [
            {"name": c.name, "result": c.result.value, "message": c.message, "hint": c.hint} for c in checks
        ],
    }
    show(View(data=data, text=as_text(checks), names=failed), flags.output)
    if failed:
        say(f"{count(len(failed), 'check')} failed: {', '.join(failed)}")
    else:
        say(f"Next: {aim.command} deploy")
    click.get_current_context().exit(ExitCode.PREFLIGHT if failed else ExitCode.OK)


def as_text(checks: Sequence[Check]) -> str:
    """One line a check; below what did not pass, what to do about it."""
    rows: list[tuple[str, str, str]] = []
    for check in checks:
        mark, colour = _MARKS[check.result]
        word = paint(f"{mark} {_WORDS[check.result]}", sys.stdout, fg=colour)
        rows.append((word, check.name, check.message))
        if check.hint and check.result is not Result.PASSED:
            rows.append(("", "", f"→ {check.hint}"))
    return table([], rows)


async def _checks(aim: Target, file: "SequenceFile") -> list[Check]:
    size = count(len(file.instances), "instance")
    readable = Check("file", Result.PASSED, f"{file.path} declares {file.deployment.name} with {size}")
    facts, no_facts = local_module(file)
    seen = await in_cluster(aim)
    reached, inputs = await on_platform(aim, spec_of(file, aim), seen, facts, no_facts)
    return [readable, seen.check, reached, *answers(inputs)]
