"""`sequence export`: what runs on the platform, as a Sequence.toml."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sequence_operator.cli.connect import execute, platform
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.export_file import Exported, NotExportableError
from sequence_operator.cli.export_file import export as write
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show
from sequence_operator.cli.target import Target, target
from sequence_operator.cli.terminal import say, warn

if TYPE_CHECKING:
    from sequence_operator.platform.rows import Row


@command("export")
@click.argument("name", required=False)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write this file, not stdout.")
@pass_globals
def export(flags: Globals, name: str | None, out: Path | None) -> None:
    """Write a Sequence.toml of what is registered on the platform. Changes nothing there.

    What the platform does not tell is said in comments. NAME defaults to the one in ./Sequence.toml.
    """
    aim = target(flags, name)
    if out is not None and out.exists():
        raise CliError(
            f"{out} exists already",
            "nothing was exported: an export never replaces a file",
            f"{aim.command} export {aim.name} --out {out.stem}.exported{out.suffix}   (then compare them)",
            ExitCode.CONFLICT,
        )
    row = execute(_row(aim))
    made = _made(aim, row)
    if out is not None:
        try:
            with out.open("x", encoding="utf-8") as file:
                file.write(made.text)
        except OSError as problem:
            raise CliError(
                f"cannot write {out}", problem.strerror or str(problem), f"ls -ld {out.parent}"
            ) from None
        say(f"wrote {out}")
    for note in made.notes:
        warn(note)
    data: dict[str, object] = {
        "schema": "export/v1",
        "deployment": aim.name,
        "mode": aim.mode,
        "deployment_id": row.deployment_id,
        "file": None if out is None else str(out),
        "toml": made.text,
        "notes": made.notes,
    }
    show(View(data, text=made.text if out is None else str(out), names=[aim.name]), flags.output)


async def _row(aim: Target) -> "Row":
    from sequence_operator.platform import Listing

    async with platform(aim.context, aim.mode) as remote:
        listing = await remote.list_deployments()
        rows = listing.rows if isinstance(listing, Listing) else ()
        found = next((row for row in rows if row.name == aim.name), None)
        if found is not None:
            return await remote.get(found.deployment_id)  # a list may say less
    names = sorted(row.name for row in rows if row.name)
    raise CliError(
        f"there is no {aim.mode} deployment {aim.name!r} on the platform",
        f"registered there: {', '.join(names) or 'none'}",
        f"{aim.command} status --all   (lists what the cluster wants)",
        ExitCode.NOT_FOUND,
    )


def _made(aim: Target, row: "Row") -> Exported:
    """The file, proven to be a valid one. Raises CliError."""
    from sequence_operator.spec.problems import SpecError
    from sequence_operator.spec.sequence_toml import parse

    try:
        made = write(row, aim.context.url())
        parse(made.text)
    except (NotExportableError, SpecError) as problem:
        raise CliError(
            f"what runs as {aim.name} cannot be written as a Sequence.toml",
            str(problem),
            f"{aim.command} status {aim.name} -o json   shows all that is known",
        ) from None
    return made
