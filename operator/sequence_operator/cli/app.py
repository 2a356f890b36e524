"""The command group: finds a command's module when it is asked for, and not before."""

import difflib
import importlib
import sys
from types import ModuleType

import click

from sequence_operator.cli.commands import COMMANDS
from sequence_operator.cli.globals import global_options
from sequence_operator.starting import importing

_PACKAGE = "sequence_operator.cli"


class LazyGroup(click.Group):
    """Lists commands from the table, and imports a command's module only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = getattr(_module(f"{_PACKAGE}.{entry.module}"), entry.attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = difflib.get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean `sequence {near[0]}`?" if near else "`sequence --help` lists the commands"
            raise UnknownCommandError(f"unrecognized subcommand '{name}'", hint)
        return super().resolve_command(ctx, args)


def _module(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    with importing():
        return importlib.import_module(name)


class UnknownCommandError(click.UsageError):
    """A name that is no command; carries the hint for the error form."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def build_app() -> LazyGroup:
    """The root of the CLI; a function, so that tests get a fresh one."""
    return LazyGroup(
        "sequence",
        help="Run Rust/WASM trading algos from a Sequence.toml: build, deploy, start, see, stop.",
        params=global_options(),
        context_settings={"help_option_names": ["-h", "--help"]},
        no_args_is_help=True,
    )
