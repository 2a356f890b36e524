"""`sequence set`: change keys of Sequence.toml and leave everything else in it as it was written."""

from pathlib import Path

import click

from sequence_operator.cli import files
from sequence_operator.cli.errors import CliError, ExitCode
from sequence_operator.cli.file_edit import Change, edit
from sequence_operator.cli.file_keys import KeyMistakeError
from sequence_operator.cli.globals import Globals, command, pass_globals
from sequence_operator.cli.output import View, show, table
from sequence_operator.cli.project import not_there
from sequence_operator.cli.terminal import say, warn
from sequence_operator.spec.names import FILE_NAME
from sequence_operator.spec.problems import SpecError
from sequence_operator.spec.sequence_toml import SequenceFile, load, parse


@command("set")
@click.argument("pairs", nargs=-1, metavar="[KEY VALUE]...")
@click.option("--unset", "removals", multiple=True, metavar="KEY", help="Remove this key; repeat for more.")
@click.option(
    "--file",
    "path",
    type=click.Path(path_type=Path),
    default=Path(FILE_NAME),
    help="The file to edit; default ./Sequence.toml.",
)
@pass_globals
def set_(flags: Globals, pairs: tuple[str, ...], removals: tuple[str, ...], path: Path) -> None:
    """Change keys of Sequence.toml; comments, order and everything else stay as they are.

    Keys are dotted, instances go by label: risk.max_order_rate, instances.maker.symbols, params.spread,
    deployment.state. Lists are words with commas between them, or TOML. The file is written only when the
    whole of it is valid afterwards. It changes nothing that runs: that is for `sequence deploy`, or a commit.
    """
    settings = _settings(pairs, removals)
    try:
        file = path.resolve(strict=True)  # of a link, what it leads to
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise not_there(path) from None
    except (OSError, UnicodeDecodeError) as problem:
        raise CliError(f"cannot read {path}", str(problem), "", ExitCode.USAGE) from None
    new, changes = _edited(path, text, settings, removals)
    if changes:
        _valid(path, new)
        _warn_of_slots(path, new)
        _replace(file, new)
    _report(flags, path, changes)


# A value may begin with a minus, as -5 does; a misspelt option then arrives as a key and is refused as one.
set_.context_settings["ignore_unknown_options"] = True


def _settings(pairs: tuple[str, ...], removals: tuple[str, ...]) -> list[tuple[str, str]]:
    keys, values = pairs[::2], pairs[1::2]
    option = next((key for key in keys if key.startswith("-")), None)
    if option is not None:
        raise click.NoSuchOption(option)
    if len(keys) != len(values):
        raise click.UsageError(f"{keys[-1]} has no value: sequence set KEY VALUE [KEY VALUE]...")
    if not keys and not removals:
        raise click.UsageError("name at least one KEY and its VALUE, or --unset KEY")
    if any("\ud800" <= character <= "\udfff" for value in values for character in value):
        raise click.UsageError("a value is not UTF-8, which the file is")
    named = [*keys, *removals]
    twice = next((key for key in named if named.count(key) > 1), None)
    if twice is not None:
        raise click.UsageError(f"{twice} is named twice")
    return list(zip(keys, values, strict=True))


def _edited(
    path: Path, text: str, settings: list[tuple[str, str]], removals: tuple[str, ...]
) -> tuple[str, list[Change]]:
    import tomli

    try:
        return edit(text, settings, removals)
    except KeyMistakeError as problem:
        raise CliError(
            f"{path} was not changed",
            str(problem),
            "docs/sequence-toml.md lists the keys; `sequence init NAME` makes a commented example",
            ExitCode.USAGE,
        ) from None
    except tomli.TOMLDecodeError:
        _valid(path, text)  # says it with line and column
        raise


def _valid(path: Path, text: str) -> SequenceFile:
    try:
        return parse(text, str(path))
    except SpecError as problem:
        raise CliError(
            f"{path} was not changed: it would not be valid",
            str(problem),
            "give what belongs together in one command, or correct the file at these lines",
            ExitCode.USAGE,
        ) from None


def _warn_of_slots(path: Path, text: str) -> None:
    """Parameters are known to the algo by slot, which is their place in the file."""
    try:
        before = {param.name: param.slot for param in load(path).params}
    except SpecError:  # it was not valid before: nothing of it is registered
        return
    moved = [p.name for p in parse(text, str(path)).params if before.get(p.name, p.slot) != p.slot]
    if moved:
        warn(f"the slots of these parameters move up by the removal: {', '.join(moved)}")


def _replace(file: Path, text: str) -> None:
    """Put the new text in place of the old as a whole, with the file's own mode: a reader sees one or the other."""
    try:
        files.replace(file, text, file.stat().st_mode & 0o7777)
    except OSError as problem:
        raise CliError(
            f"cannot write {file}", problem.strerror or str(problem), f"ls -ld {file.parent}"
        ) from None


def _report(flags: Globals, path: Path, changes: list[Change]) -> None:
    rows = [(change.key, change.old or "not set", "→", change.new or "not set") for change in changes]
    data: dict[str, object] = {
        "schema": "set/v1",
        "file": str(path),
        "changes": [{"key": c.key, "old": c.old, "new": c.new} for c in changes],
    }
    text = table([], [[_one_line(cell) for cell in row] for row in rows]) if rows else ""
    show(View(data, text=text, names=[c.key for c in changes], empty=f"{path} says so already"), flags.output)
    if changes:
        say("Next: sequence plan   ·   sequence deploy   ·   or commit it, where git decides")


def _one_line(text: str) -> str:
    return " ".join(text.split())
